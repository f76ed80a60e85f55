"""The regular calendar behind a column of dates: how often, and every date that should be there."""

import math

from .parameters import Refused

__all__ = ["regular", "following", "season"]

_SEASONS = {"hourly": 24, "business-daily": 5, "weekly": 52, "monthly": 12, "quarterly": 4, "yearly": 1}
_MONTHS = {1: "monthly", 3: "quarterly", 12: "yearly"}
_HOURS = {1: "hourly", 24: "daily", 168: "weekly"}
_MOST_STEPS = 200_000       # a longer calendar comes from a mistyped date, not from a series


def regular(dates, name="date"):
    """The frequency of a series' dates, and the complete calendar from the first to the last.

    Parameters
    ----------
    dates : sequence of datetime64, datetime or date
        In any order, each once. Some may be missing, as long as the usual step remains the most frequent one; of hours,
        days and weeks also more, if the usual step is the largest that divides all steps.
    name : str
        The column's name in the reader's file, for the sentences.

    Returns
    -------
    (str, pandas.DatetimeIndex, pandas.DateOffset)
        One of ``hourly``, ``daily``, ``business-daily`` (Monday to Friday), ``weekly``, ``monthly``, ``quarterly`` and
        ``yearly``; every date that should be there, of which `dates` is a subset; and the offset from one to the next
        (`following` gives the dates after the last).

    Raises
    ------
    Refused
        If there are fewer than two dates, a date stands twice, or the dates follow no such calendar.

    Notes
    -----
    Months, quarters and years may be dated by any day. Dates that are all the last of their month are month ends; a day
    that a short month lacks, such as the 30th, becomes that month's last. A weekday that never occurs in three weeks or
    more counts as closed: its dates are not missing.
    """
    import pandas as pd

    dates = pd.DatetimeIndex(pd.to_datetime(list(dates)))
    if dates.hasnans:
        raise Refused(f"{name} is missing in {dates.isna().sum()} rows; give a date in every row")
    if twice := dates[dates.duplicated()].tolist():
        raise Refused(f"{name} {_written(twice[0])} stands twice; give one row per date")
    if len(dates) < 2:
        raise Refused(f"{name} has {len(dates)} different dates; a series needs two or more")
    dates = dates.sort_values()
    word, offset = _frequency(dates, name)
    months = _months(offset)
    days = (dates[-1] - dates[0]).total_seconds() / 86_400
    if days / (30 * months or {"hourly": 1 / 24, "weekly": 7}.get(word, 1)) > _MOST_STEPS:
        raise Refused(f"{name} from {_written(dates[0])} to {_written(dates[-1])} would be more than {_MOST_STEPS:,} "
                      f"{word} steps; check the first and the last date")
    if months:
        count = (dates[-1].to_period("M") - dates[0].to_period("M")).n // months + 1
        grid = _monthly(dates, offset, months, range(count))
    else:
        grid = pd.date_range(dates[0], dates[-1], freq=offset)
    if odd := dates.difference(grid).tolist():
        raise Refused(f"{name} {_written(odd[0])} is not on the {word} calendar that begins with {_written(grid[0])}")
    return word, grid, offset


def following(grid, offset, steps):
    """The dates after the last of a calendar that `regular` returned.

    Parameters
    ----------
    grid : pandas.DatetimeIndex
    offset : pandas.DateOffset
    steps : int, >= 0

    Returns
    -------
    pandas.DatetimeIndex, of length `steps`
    """
    import pandas as pd

    if months := _months(offset):
        return _monthly(grid, offset, months, range(len(grid), len(grid) + steps))
    return pd.date_range(grid[-1], periods=steps + 1, freq=offset)[1:]


def season(word, grid):
    """Steps in the usual season of a calendar: a day of hours, a week of days, a year of anything longer."""
    if word in _SEASONS:
        return _SEASONS[word]
    return int(grid.day_of_week.nunique()) if len(grid) > 7 else 7


def _written(date):
    """A date as the reader wrote it: with the time only where there is one."""
    return f"{date:%Y-%m-%d}" if date == date.normalize() else f"{date:%Y-%m-%d %H:%M}"


def _months(offset):
    """Months that an offset spans; 0 if it does not count in months."""
    import pandas as pd

    return offset.n if isinstance(offset, pd.offsets.MonthEnd) else getattr(offset, "months", 0)


def _frequency(dates, name):
    """Frequency word and offset from the most frequent step, or from what divides all steps where that one is no calendar's."""
    import pandas as pd

    steps = pd.Series(dates).diff().dt.total_seconds().dropna()
    hours = float(steps.mode().min()) / 3600
    months = int(pd.Series(dates.year * 12 + dates.month).diff().mode().min())
    if hours not in _HOURS and months not in _MONTHS:           # so much is missing that no step is the usual one
        common = math.gcd(*steps.astype(int)) / 3600
        hours = common if common in _HOURS else hours
    word = _HOURS.get(hours)
    if word == "daily":
        return _open_days(dates)
    if word:
        return word, pd.offsets.Hour(int(hours))
    if months not in _MONTHS:
        step = f"{hours / 24:.4g} days" if hours >= 24 else f"{hours:.4g} hours"
        raise Refused(f"{name} must be hourly, daily, weekly, monthly, quarterly or yearly; the most frequent step from "
                      f"date to date is {step}")
    day = dates.day.max() if dates.is_month_end[dates.day.argmax()] else int(pd.Series(dates.day).mode().max())
    odd = dates[(dates.day != day) & ~(dates.is_month_end & (dates.day < day))].tolist()
    if odd:
        raise Refused(f"{name} must be on one day of the month in {_MONTHS[months]} data, as most are on day {day}; "
                      f"got {_written(odd[0])}")
    end = dates.is_month_end.all() and day > 28
    return _MONTHS[months], pd.offsets.MonthEnd(months) if end else pd.DateOffset(months=months)


def _open_days(dates):
    """Daily, on the weekdays that occur; business-daily if those are Monday to Friday."""
    import pandas as pd

    days = (dates[-1] - dates[0]).days
    opened = sorted(set(dates.day_of_week))
    if opened == [0, 1, 2, 3, 4] and days >= 7:
        return "business-daily", pd.offsets.BusinessDay()
    if len(opened) == 7 or days < 21:
        return "daily", pd.offsets.Day()
    return "daily", pd.offsets.CustomBusinessDay(weekmask=[int(day in opened) for day in range(7)])


def _monthly(dates, offset, months, steps):
    """The dates `steps` times `months` after the first, on the day of the month that is meant."""
    import pandas as pd

    day = 31 if isinstance(offset, pd.offsets.MonthEnd) else dates.day.max()
    time = dates[0] - dates[0].normalize()
    first = dates[0].to_period("M")
    periods = [first + months * step for step in steps]
    return pd.DatetimeIndex([period.start_time + pd.Timedelta(days=min(day, period.days_in_month) - 1) + time
                             for period in periods], dtype=dates.dtype)
