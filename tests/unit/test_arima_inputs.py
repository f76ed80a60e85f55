"""Inputs of the chapter arima: dates as people write them, gaps, duplicates, several series."""

import pytest

from bizai.chapter import read_csv, validate
from bizai.chapter.inputs import arima as inputs
from bizai.chapter.parameters import Refused

DEFAULTS = {
    "column": "sales", "date_column": "date", "key_column": "", "key": "", "duplicates": "refuse", "gaps": "interpolate",
    "horizon": 6, "season": 0, "level": 0.9, "most_terms": 2, "origins": 18, "lead_time": 2, "review": 1, "stock": 0.0,
    "shortage_cost": 4.0, "leftover_cost": 1.0, "service": 0.95, "data_file": "own.csv", "seed": 1}
MONTHS = [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(24)]


def read(tmp_path, dates, values, keys=None, **changed):
    rows = zip(dates, values, keys or [""] * len(dates))
    path = tmp_path / "own.csv"
    path.write_text("date,sales,shop\n" + "".join(f"{d},{v},{k}\n" for d, v, k in rows))
    return read_csv(path, inputs.Row, validate(inputs.Parameters, DEFAULTS | changed))


@pytest.mark.parametrize("dates, word, season", [
    ([str(2001 + i) for i in range(12)], "yearly", 1),
    ([f"{2020 + i // 4}-Q{i % 4 + 1}" for i in range(12)], "quarterly", 4),
    (MONTHS, "monthly", 12),
    ([f"2024-W{i + 1:02d}" for i in range(20)], "weekly", 52),
    ([f"2024-01-{i + 1:02d}" for i in range(20)], "daily", 7),
    ([f"2024-01-01 {i:02d}:00" for i in range(20)], "hourly", 24)])
def test_dates_as_people_write_them(tmp_path, dates, word, season):
    frame = read(tmp_path, dates, range(len(dates)))
    assert (frame.attrs["word"], frame.attrs["season"]) == (word, season)
    assert frame["value"].tolist() == list(range(len(dates)))
    assert read(tmp_path, dates[::-1], range(len(dates)))["value"].tolist() == list(range(len(dates)))[::-1]


@pytest.mark.parametrize("date", ["03/04/2020", "2020-13", "2020-1-5", "2020-W60", "2020-Q5", "soon", "20200101"])
def test_other_dates_are_refused(tmp_path, date):
    with pytest.raises(Refused, match="line 2: date must be a date"):
        read(tmp_path, [date, *MONTHS[1:]], range(24))


def test_gaps_by_rule(tmp_path):
    values = list(range(24))
    values[3], values[4] = "", "n/a"
    frame = read(tmp_path, MONTHS[:10] + MONTHS[11:], values[:10] + values[11:])
    assert frame["value"].tolist() == list(range(24)) and frame["filled"].sum() == 3
    sold = MONTHS[:8] + MONTHS[16:]
    frame = read(tmp_path, sold, range(16), gaps="zero")
    assert frame["value"].tolist() == [*range(8), *[0] * 8, *range(8, 16)] and frame["filled"].sum() == 8
    with pytest.raises(Refused, match="at most 20% may be"):
        read(tmp_path, MONTHS[:8] + MONTHS[16:], range(16))


def test_duplicates_by_rule(tmp_path):
    dates = MONTHS + MONTHS[5:7]
    with pytest.raises(Refused, match="line 26: date 2020-06-01 stands twice; set duplicates to sum or mean, or key_column"):
        read(tmp_path, dates, [1] * 26)
    assert read(tmp_path, dates, [1] * 24 + [3] * 2, duplicates="sum")["value"][5] == 4
    assert read(tmp_path, dates, [1] * 24 + [3] * 2, duplicates="mean")["value"][5] == 2


def test_several_series_the_largest_first(tmp_path):
    dates, keys = MONTHS * 2 + MONTHS[:4], ["a"] * 24 + ["b"] * 24 + ["c"] * 4
    frame = read(tmp_path, dates, [1] * 24 + [-5] * 24 + [9] * 4, keys, key_column="shop")
    assert list(dict.fromkeys(frame["key"])) == ["b", "a"] and frame.attrs["shown"] == "b"
    assert "4 values" in frame.attrs["left_out"]["c"]
    assert read(tmp_path, dates, [1] * 52, keys, key_column="shop", key="a").attrs["shown"] == "a"
    with pytest.raises(Refused, match="shop has no series 'd'; there are a, b, c"):
        read(tmp_path, dates, [1] * 52, keys, key_column="shop", key="d")
    with pytest.raises(Refused, match="4 values; at least 10"):
        read(tmp_path, dates, [1] * 52, keys, key_column="shop", key="c")


def test_long_series_are_cut(tmp_path):
    import pandas as pd

    dates = [f"{d:%Y-%m-%d}" for d in pd.bdate_range("2012-01-02", periods=1000)]
    frame = read(tmp_path, dates, range(1000))
    assert frame["value"].tolist() == list(range(400, 1000)) and frame.attrs["cut"] == 400


def test_bundled_sample():
    frame = read_csv("", inputs.Row, validate(inputs.Parameters, DEFAULTS | {"data_file": "", "key": "mugs"}))
    assert frame["key"].nunique() == 4 and len(frame) == 432 and frame.attrs["shown"] == "mugs"
