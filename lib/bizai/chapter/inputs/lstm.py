"""Inputs of the chapter *lstm*."""

from typing import Literal

from .. import data, parameters
from ..calendar import regular
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST", "Applications"]

BEST = ("cost_lstm", "lowest")     # scenarios of a sweep are ranked by what ordering by the LSTM costs in a period

_FEWEST_VALUES, _MOST_VALUES = 30, 1500       # a longer series is cut to its end
_FEWEST_TEXTS, _FEWEST_OF_A_KIND = 40, 10
_MOST_GAPS = 0.2


class Parameters(parameters.Parameters):
    """A demand series to forecast, and texts of applicants of whom some repay."""

    season: int = field("values in a season: 7 for daily demand, 52 for weekly", unit="steps", ge=1, le=104)
    horizon: int = field("values to forecast and to order for", unit="steps", ge=1, le=60)
    origins: int = field("past forecasts that the backtest makes, at most", unit="forecasts", ge=4, le=60)
    lags: int = field("past values that the LSTM sees, at most", unit="steps", ge=2, le=60)
    units: int = field("memory cells of the LSTM that forecasts demand", unit="cells", ge=1, le=32)
    epochs: int = field("passes through a series of 600 or more values in training, at most", ge=1, le=100)
    stock: float = field("units in stock before the order", unit="units", ge=0, le=1e12)
    shortage_cost: float = field("cost of a unit asked for and not there", unit="money per unit", gt=0, le=1e9)
    leftover_cost: float = field("cost of a unit that is left over", unit="money per unit", gt=0, le=1e9)
    text_units: int = field("memory cells of the LSTM that reads applications", unit="cells", ge=1, le=32)
    text_epochs: int = field("passes through the applications in training, at most", ge=1, le=40)
    gain_repaid: float = field("earned on a loan that is repaid", unit="money per loan", gt=0, le=1e9)
    loss_default: float = field("lost on a loan that is not repaid", unit="money per loan", gt=0, le=1e9)
    data_holds: Literal["demand", "applications"] = field("what data_file is; the other part uses the bundled sample")
    date_column: str = field("column with the date", min_length=1)
    value_column: str = field("column with the demand", min_length=1)
    text_column: str = field("column with the text of the application", min_length=1)
    target_column: str = field("column with 1 for repaid, 0 for not repaid", min_length=1)
    data_file: str = field("demand series or applications; empty for the bundled samples")
    seed: int = field("seed of splits, starting weights and resampling", ge=0, le=2**31)


def _own(parameters, holds):
    """Whether the table of this kind is the reader's own file, whose columns the parameters name."""
    return bool(parameters and parameters.data_file and parameters.data_holds == holds)


class Row(data.Row):
    """A demand series, a row per day or week in any order."""

    date: data.LocalDate = field("the day, or a day of the week, YYYY-MM-DD")
    demand: float = field("demand of that day or week", unit="units", ge=0, le=1e12)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "demand.csv"

    @classmethod
    def select(cls, parameters):
        """What the file holds."""
        return Applications if parameters.data_holds == "applications" else cls

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own column names."""
        own = _own(parameters, "demand")
        return {"date": parameters.date_column, "demand": parameters.value_column} if own else super().columns()

    @classmethod
    def check(cls, frame, parameters=None):
        """Every day or week between the first and the last, gaps filled from one season earlier.

        A weekday that never occurs counts as closed and is left out. The column `filled` marks the gaps; a long
        series is cut to its last values.
        """
        season = parameters.season if parameters else 7
        horizon = parameters.horizon if parameters else 7
        name = cls.columns(parameters)["date"]
        twice = frame["date"].duplicated()
        if twice.any():
            raise Refused(f"line {twice.idxmax()}: {name} {frame['date'][twice.idxmax()]:%Y-%m-%d} stands twice; "
                          "add up the rows of a day first")
        series = frame.set_index("date")["demand"].sort_index()
        word, grid, _ = regular(series.index, name)
        if word not in ("daily", "business-daily", "weekly"):
            raise Refused(f"{name} must be daily or weekly, got a {word} series")
        series = series.reindex(grid)
        missing = series.isna()
        if missing.mean() > _MOST_GAPS:
            raise Refused(f"{missing.sum()} of {len(grid)} dates between the first and the last are missing; "
                          f"at most {_MOST_GAPS:.0%} may be")
        table = _filled(series, season).iloc[-_MOST_VALUES:]
        fewest = max(_FEWEST_VALUES, 2 * season + 2 + 2 * horizon, 3 * horizon)
        if len(table) < fewest:
            raise Refused(f"it has {len(table)} values; with season={season} and horizon={horizon} "
                          f"at least {fewest} are needed")
        if table["demand"].iloc[:len(table) // 2].nunique() == 1:
            raise Refused("the first half of the values are all equal: there is nothing to learn")
        table.attrs["unused"] = len(series) - len(table)
        return table


def _filled(series, season):
    """The series as a table; a missing value is the one a season earlier, else the one before."""
    import pandas as pd

    values = series.to_numpy(copy=True)
    gaps = pd.isna(values)
    for t in gaps.nonzero()[0]:
        values[t] = values[t - season] if t >= season else values[t - 1]
    return pd.DataFrame({"date": series.index, "demand": values, "filled": gaps})


class Applications(data.Row):
    """Applications, a row per applicant."""

    text: str = field("what the applicant wrote", min_length=1, max_length=20_000)
    repaid: int | None = field("1 repaid, 0 not repaid; empty: not known yet", default=None, ge=0, le=1)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "applications.csv"

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own column names."""
        own = _own(parameters, "applications")
        return {"text": parameters.text_column, "repaid": parameters.target_column} if own else super().columns()

    @classmethod
    def check(cls, frame, parameters=None):
        """Enough applications with an outcome, and enough different ones of either outcome."""
        name = cls.columns(parameters)["repaid"]
        if "repaid" not in frame:
            raise Refused(f"it lacks the column {name}, which target_column names")
        known = frame.dropna(subset="repaid")
        different = known.groupby("repaid")["text"].nunique().reindex([0, 1], fill_value=0)
        if len(known) < _FEWEST_TEXTS or different.min() < _FEWEST_OF_A_KIND:
            raise Refused(f"{name} has {len(known)} rows with 0 or 1, with {different[1]} different texts that repaid "
                          f"and {different[0]} that did not; needed are {_FEWEST_TEXTS} rows and {_FEWEST_OF_A_KIND} "
                          "different texts of either outcome")
        return frame.reset_index(drop=True)
