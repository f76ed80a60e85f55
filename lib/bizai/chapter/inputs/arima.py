"""Inputs of the chapter *arima*."""

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, model_validator

from .. import calendar, data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST", "Period", "Value"]

BEST = ("expected_cost", "lowest")     # scenarios of a sweep are ranked by what the order is expected to cost

_FEWEST, _MOST = 10, 600        # values of a series; of a longer one the last are used
_MOST_SERIES = 40               # forecast in one run, the largest
_MOST_GAPS = 0.2


def _period(value):
    """The first day of a year, quarter, month or ISO week, or the date or local time itself."""
    if not isinstance(value, str):
        return value
    if match := re.fullmatch(r"(\d{4})-?[Qq]([1-4])", value):
        return datetime(int(match[1]), 3 * int(match[2]) - 2, 1)
    if match := re.fullmatch(r"(\d{4})-?[Ww](\d\d)", value):
        return datetime.fromisocalendar(int(match[1]), int(match[2]), 1)
    if re.fullmatch(r"\d{4}(-\d\d){0,2}", value):
        return datetime.fromisoformat(value + "-01-01"[3 * value.count("-"):])
    if re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?", value):
        return datetime.fromisoformat(value)
    raise ValueError("not a date")


def _value(value):
    """None for a cell that looks empty."""
    return None if isinstance(value, str) and value.lower() in data.GAPS else value


Period = Annotated[date | datetime, BeforeValidator(_period)]
Value = Annotated[float | None, BeforeValidator(_value)]


class Parameters(parameters.Parameters):
    """Series to forecast, and what an order costs."""

    column: str = field("column with what is to be forecast", min_length=1)
    date_column: str = field("column with the date, month, quarter, year or local time", min_length=1)
    key_column: str = field("column that names the series; empty: the file holds one series")
    key: str = field("series that is shown; empty: the largest")
    duplicates: Literal["refuse", "sum", "mean"] = field("what to do with several rows of one date")
    gaps: Literal["interpolate", "zero"] = field("what a missing date or an empty value stands for")
    horizon: int = field("steps to forecast", unit="steps", ge=1, le=36)
    season: int = field("steps in a season; 0: from the frequency; 1: no season", unit="steps", ge=0, le=168)
    level: float = field("probability that an interval should hold the value", unit="share", ge=0.5, le=0.99)
    most_terms: int = field("most autoregressive and most moving average terms that are tried", ge=0, le=3)
    origins: int = field("past forecasts of the backtest, at most", unit="forecasts", ge=4, le=30)
    lead_time: int = field("steps from an order to its arrival", unit="steps", ge=0, le=24)
    review: int = field("steps from one order to the next", unit="steps", ge=1, le=24)
    stock: float = field("units in stock and on order", unit="units", ge=0, le=1e12)
    shortage_cost: float = field("cost of a unit asked for and not there", unit="money per unit", gt=0, le=1e9)
    leftover_cost: float = field("cost of a unit that is left over", unit="money per unit", gt=0, le=1e9)
    service: float = field("share of periods in which stock has to last", unit="share", ge=0.5, le=0.999)
    data_file: str = field("series; empty for the bundled sample")
    seed: int = field("seed of simulated paths and starting weights", ge=0, le=2**31)

    @model_validator(mode="after")
    def _apart(self):
        names = [name for name in (self.column, self.date_column, self.key_column) if name]
        if len({name.lower() for name in names}) < len(names):
            raise ValueError(f"column, date_column and key_column must differ, got {', '.join(names)}")
        if self.key and self.data_file and not self.key_column:
            raise ValueError(f"key names the series {self.key!r}, so key_column has to name the column it stands in")
        return self


class Row(data.Row):
    """One or several series, a row per date and series, in any order."""

    date: Period = field("the date, month, quarter, year or local time")
    value: Value = field("the value; empty where it is not known", ge=-1e12, le=1e12)
    key: str | None = field("which series", default=None)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "sales.csv"

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own column names; those of the bundled sample are fixed."""
        if not (parameters and parameters.data_file):
            return {"date": "date", "value": "sales", "key": "product"}
        return {"date": parameters.date_column, "value": parameters.column, "key": parameters.key_column}

    @classmethod
    def check(cls, frame, parameters=None):
        """Every series on one regular calendar, the gaps filled, the largest first.

        The column `filled` marks the gaps. `attrs` has the `word` and the `offset` of the calendar, the `shown`
        series, and what was left out and why (`left_out`), cut (`cut`) or added up (`duplicates`).
        """
        import pandas as pd

        names = cls.columns(parameters)
        if parameters and parameters.data_file and parameters.key_column and "key" not in frame:
            raise Refused(f"it lacks the column {parameters.key_column}, which key_column names")
        frame = frame.assign(key=frame["key"].fillna("") if "key" in frame else "",
                             value=pd.to_numeric(frame["value"]).astype(float))
        frame, joined = _joined(frame, parameters, names)
        word, grid, offset = calendar.regular(frame["date"].unique(), names["date"])
        rule = parameters.gaps if parameters else "interpolate"
        sizes = frame.groupby("key")["value"].agg(lambda v: v.abs().sum()).sort_values(ascending=False, kind="stable")
        wanted = parameters.key if parameters else ""
        if wanted and wanted not in sizes:
            some = ", ".join(sorted(sizes.index)[:8])
            raise Refused(f"{names['key'] or 'key'} has no series {wanted!r}; there are {some}")
        tables, left_out = [], {}
        for key in sorted(sizes.index, key=lambda key: (key != wanted, -sizes[key])):
            try:
                tables.append(_series(frame[frame["key"] == key], key, grid, rule))
            except Refused as reason:
                if key == wanted or len(sizes) == 1:
                    raise
                left_out[key] = str(reason)
            if len(tables) == _MOST_SERIES:
                break
        if not tables:
            key, reason = next(iter(left_out.items()))
            raise Refused(f"none of the {len(sizes)} series can be forecast; {key}: {reason}")
        table = pd.concat(tables, ignore_index=True)
        table.attrs = {"word": word, "offset": offset, "left_out": left_out, "duplicates": joined,
                       "cut": sum(part.attrs["cut"] for part in tables), "season": calendar.season(word, grid),
                       "beyond": len(sizes) - len(tables) - len(left_out), "shown": table["key"].iloc[0]}
        return table


def _joined(frame, parameters, names):
    """One row per series and date, and how many rows were joined to others."""
    rule = parameters.duplicates if parameters else "refuse"
    again = frame.duplicated(["key", "date"])
    if not again.any():
        return frame, 0
    if rule == "refuse":
        line = again.idxmax()
        of = f" of {frame['key'][line]}" if frame["key"][line] else ""
        advice = "" if names["key"] else ", or key_column to the column that tells the series apart"
        raise Refused(f"line {line}: {names['date']} {frame['date'][line]:%Y-%m-%d}{of} stands twice; set duplicates to "
                      f"sum or mean{advice}")
    values = frame.groupby(["key", "date"], as_index=False)["value"]
    return (values.sum(min_count=1) if rule == "sum" else values.mean()), int(again.sum())


def _series(rows, key, grid, rule):
    """A series on the calendar from its first to its last value, gaps filled by the rule."""
    import pandas as pd

    known = rows.dropna(subset="value").set_index("date")["value"].sort_index()
    if len(known) < _FEWEST:
        raise Refused(f"it has {len(known)} values; at least {_FEWEST} are needed")
    values = known.reindex(grid[(grid >= known.index[0]) & (grid <= known.index[-1])])
    filled = values.isna()
    if rule == "interpolate" and filled.mean() > _MOST_GAPS:
        raise Refused(f"{filled.sum()} of {len(values)} values between the first and the last are missing; at most "
                      f"{_MOST_GAPS:.0%} may be (if no row means that nothing was sold, set gaps to zero)")
    values = values.fillna(0.0) if rule == "zero" else values.interpolate()
    table = pd.DataFrame({"key": key, "date": values.index, "value": values.to_numpy(), "filled": filled.to_numpy()})
    table.attrs["cut"] = max(0, len(table) - _MOST)
    return table.iloc[-_MOST:]
