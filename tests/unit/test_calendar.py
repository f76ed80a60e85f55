"""The regular calendar behind a column of dates."""

from datetime import date

import pandas as pd
import pytest

from bizai.chapter.calendar import following, regular, season
from bizai.chapter.parameters import Refused

EVERY = {                                                       # frequency word: (dates, steps in a season)
    "hourly": (pd.date_range("2024-03-30 05:00", periods=60, freq="h"), 24),
    "daily": (pd.date_range("2024-02-20", periods=40, freq="D"), 7),
    "business-daily": (pd.bdate_range("2024-02-20", periods=40), 5),
    "weekly": (pd.date_range("2024-01-03", periods=60, freq="7D"), 52),
    "monthly": (pd.date_range("2023-01-01", periods=30, freq="MS"), 12),
    "quarterly": (pd.date_range("2015-03-31", periods=30, freq="QE"), 4),
    "yearly": (pd.date_range("1990-12-31", periods=20, freq="YE"), 1),
}


@pytest.mark.parametrize("word", EVERY)
def test_a_calendar_is_recognised_in_any_order_and_with_gaps(word):
    dates, steps = EVERY[word]
    keep = [i for i in range(len(dates)) if i not in (4, 5, 11)]
    found, grid, offset = regular(dates[keep][::-1], "week")
    assert found == word
    assert grid.equals(dates)
    assert season(word, grid) == steps
    assert following(grid[:-6], offset, 6).tolist() == dates[-6:].tolist()
    assert len(following(grid, offset, 0)) == 0


@pytest.mark.parametrize("months, word", [(1, "monthly"), (3, "quarterly"), (12, "yearly")])
@pytest.mark.parametrize("day", [1, 15, 28, 29, 30, 31])
def test_any_day_of_the_month(day, months, word):
    """A day that a short month lacks is the month's last, and comes back after it."""
    periods = [pd.Period("2019-02", "M") + months * i for i in range(40)]
    if months == 12 and day > 28:
        periods = [period - 1 for period in periods]            # Januaries
    dates = pd.DatetimeIndex([period.start_time + pd.Timedelta(days=min(day, period.days_in_month) - 1)
                              for period in periods])
    found, grid, offset = regular(dates[:30], "month")
    assert found == word
    assert grid.equals(dates[:30])
    assert following(grid, offset, 10).tolist() == dates[30:].tolist()


def test_month_ends_beginning_in_a_short_month():
    """From 28 February on: month ends, not the 28th."""
    _, grid, offset = regular(["2023-02-28", "2023-03-31", "2023-04-30"])
    assert following(grid, offset, 2).strftime("%m-%d").tolist() == ["05-31", "06-30"]


def test_the_28th_is_no_month_end():
    _, grid, offset = regular(["2023-02-28", "2023-03-28", "2023-04-28"])
    assert following(grid, offset, 1)[0] == pd.Timestamp("2023-05-28")


def test_a_weekday_that_never_occurs_is_closed():
    every = pd.date_range("2024-01-01", periods=70, freq="D")
    opened = every[every.day_of_week != 6]
    word, grid, offset = regular(opened.delete([7, 8]), "day")
    assert word == "daily" and grid.equals(opened) and season(word, grid) == 6
    assert following(opened[:-2], offset, 2).equals(opened[-2:])


def test_a_few_days_without_a_weekend_are_daily():
    word, grid, _ = regular([date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 4)])
    assert word == "daily" and len(grid) == 4 and season(word, grid) == 7


def test_a_week_of_business_days_has_five():
    word, grid, _ = regular(pd.bdate_range("2024-01-01", periods=6))
    assert word == "business-daily" and season(word, grid) == 5


def test_most_days_may_be_missing():
    days = [day for day in range(90) if day * day % 11 in (1, 5)]         # steps of 2 and more days
    word, grid, _ = regular(pd.Timestamp("2025-01-06") + pd.to_timedelta(days, "D"))
    assert word == "daily" and len(grid) == days[-1] - days[0] + 1


@pytest.mark.parametrize("dates, told", [
    (["2024-01-01", None, "2024-01-03"], "week is missing in 1 rows; give a date in every row"),
    (["2024-01-01"], "week has 1 different dates; a series needs two or more"),
    ([], "week has 0 different dates"),
    (["2024-01-01", "2024-01-08", "2024-01-01"], "week 2024-01-01 stands twice; give one row per date"),
    (["2024-01-01 05:00", "2024-01-01 05:00"], "week 2024-01-01 05:00 stands twice"),
    (["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-23"], "week 2024-01-23 is not on the weekly calendar that begins "
                                                               "with 2024-01-01"),
    (["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-03"], "as most are on day 1; got 2024-04-03"),
    (["2024-01-01", "2024-01-04", "2024-01-07"], "the most frequent step from date to date is 3 days"),
    (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"], "is 0.25 hours"),
    (["2024-01-01 00:00", "2024-01-01 01:00", "2124-01-01 00:00"], "more than 200,000 hourly steps"),
    (["0001-01-01", "0001-01-02", "2024-01-01"], "more than 200,000 daily steps"),
])
def test_what_is_no_calendar_is_refused_with_a_sentence(dates, told):
    with pytest.raises(Refused) as error:
        regular([pd.Timestamp(d) for d in dates], "week")
    assert told in str(error.value)
