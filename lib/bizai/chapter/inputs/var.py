"""Inputs of the chapter *var*."""

from typing import Literal

from pydantic import model_validator

from .. import calendar, data, parameters
from ..parameters import Refused, field
from .arima import Period

__all__ = ["Parameters", "Row", "BEST", "fewest_rows"]

BEST = ("gain", "highest")     # scenarios of a sweep are ranked by what the push brings after its cost

_FEWEST, _MOST = 30, 2000           # rows; of a longer table the last are used
_MOST_SERIES = 8
_MOST_GAPS, _FEWEST_CHANGES = 0.2, 10
_NEARLY = 1e-4                      # share of a series' spread that no other explains, below which it is a copy


class Parameters(parameters.Parameters):
    """Series that push each other, and what a push costs and brings."""

    driver: str = field("column that is pushed", min_length=1)
    outcome: str = field("column that answers", min_length=1)
    features: str = field("columns of the model besides these two, separated by commas; empty: all with numbers")
    date_column: str = field("column with the date, week, month, quarter, year or local time", min_length=1)
    push: float = field("one-off extra of the driver", unit="units of the driver", gt=0, le=1e12)
    push_cost: float = field("cost of a unit of the driver", unit="money per unit of the driver", ge=0, le=1e9)
    margin: float = field("earned on a unit of the outcome", unit="money per unit of the outcome", gt=0, le=1e9)
    lags: int = field("past steps that the model sees; 0: chosen from the data", unit="steps", ge=0, le=12)
    horizon: int = field("steps over which the push is followed, and that are forecast", unit="steps", ge=1, le=52)
    transform: Literal["auto", "levels", "differences", "log differences"] = field(
        "what is modelled; auto: decided by unit-root tests")
    season: int = field("steps in a season; 0: from the calendar; 1: no season", unit="steps", ge=0, le=168)
    level: float = field("probability that an interval should hold the value", unit="share", ge=0.5, le=0.99)
    bootstraps: int = field("artificial histories behind the intervals", ge=100, le=1000)
    origins: int = field("past forecasts of the backtest, at most", unit="forecasts", ge=5, le=100)
    data_file: str = field("the series; empty for the bundled sample")
    seed: int = field("seed of the artificial histories", ge=0, le=2**31)

    @model_validator(mode="after")
    def _apart(self):
        names = [self.driver, self.outcome, self.date_column]
        if len({name.strip().lower() for name in names}) < 3:
            raise ValueError(f"driver, outcome and date_column must differ, got {', '.join(names)}")
        return self


def fewest_rows(series, lags, horizon):
    """Rows that a model of so many series and lags needs: four for each parameter of an equation."""
    lags = max(lags, 1)
    return max(_FEWEST, 4 * (series * lags + 1) + lags, 2 * horizon)


class Row(data.Features):
    """Two to eight series, a row per date, in any order; every column of numbers is a series."""

    date: Period = field("the date, week, month, quarter, year or local time")

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "indicators.csv"

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own name of the date column."""
        return {"date": parameters.date_column if parameters else "week"}

    @classmethod
    def listed(cls, parameters=None):
        """The driver, the outcome and the columns asked for; none if all are wanted."""
        names = super().listed(parameters)
        if not names:
            return []
        asked = {name.lower(): name for name in [parameters.driver.strip(), parameters.outcome.strip(), *names]}
        return list(asked.values())

    @classmethod
    def check(cls, frame, parameters=None):
        """The driver, the other series, the outcome, on one regular calendar without gaps.

        `attrs` has the `word`, the `offset` and the `season` of the calendar, what was `left_out` and why, the rows
        with an interpolated value (`filled_rows`) and how many values these are (`filled`), and how many old rows
        were `cut`.
        """
        name = cls.columns(parameters)["date"]
        left_out = dict(frame.attrs["left_out"])
        ends = _ends(frame, parameters, left_out)
        word, grid, offset = calendar.regular(frame["date"], name)
        table = frame.set_index("date").reindex(grid)
        if (missing := len(grid) - len(frame)) > _MOST_GAPS * len(grid):
            raise Refused(f"{missing} of the {len(grid)} {word} dates between the first and the last are missing; at "
                          f"most {_MOST_GAPS:.0%} may be")
        must = list(ends) + cls.listed(parameters)
        table = table[_usable(table, must, left_out)]
        table = table[ends[:1] + [series for series in table if series not in ends] + ends[1:]]
        if table.shape[1] < 2:
            raise Refused("it has fewer than two columns with numbers that change" +
                          "".join(f"; {series}: {why}" for series, why in left_out.items()))
        if table.shape[1] > _MOST_SERIES:
            raise Refused(f"it has {table.shape[1]} columns with numbers; at most {_MOST_SERIES} can be followed at "
                          "once: name those to use in the parameter features")
        table = table.loc[table.apply(lambda s: s.first_valid_index()).max():
                          table.apply(lambda s: s.last_valid_index()).min()]
        cut = max(0, len(table) - _MOST)
        table = table.iloc[cut:]
        gaps = table.isna()
        table = table.interpolate()
        lags, horizon = (parameters.lags, parameters.horizon) if parameters else (1, 1)
        if len(table) < (fewest := fewest_rows(table.shape[1], lags, horizon)):
            raise Refused(f"it has {len(table)} rows in which all series are known; {table.shape[1]} series with "
                          f"lags={lags} and horizon={horizon} need {fewest}")
        _independent(table, calendar.season(word, grid))
        if parameters and parameters.transform == "log differences" and (low := table.min()).min() <= 0:
            raise Refused(f"{low.idxmin()} has the value {low.min():g}; log differences need values above 0")
        table = table.rename_axis("date").reset_index()
        table.attrs = {"word": word, "offset": offset, "season": calendar.season(word, grid), "left_out": left_out,
                       "filled": int(gaps.to_numpy().sum()), "filled_rows": gaps.any(axis=1).to_numpy().nonzero()[0].tolist(),
                       "cut": cut}
        return table


def _ends(frame, parameters, left_out):
    """The names of driver and outcome as the file spells them."""
    if not parameters:
        return []
    spelled = {name.lower(): name for name in [*frame, *left_out]}
    found = []
    for role in ("driver", "outcome"):
        given = getattr(parameters, role).strip()
        column = spelled.get(given.lower())
        if column is None or column == "date":
            others = ", ".join(other for other in frame if other != "date" and frame[other].dtype == float)
            raise Refused(f"it lacks the column {given}, which {role} names; columns with numbers are {others}")
        if column in left_out:
            raise Refused(f"the column {column}, which {role} names, cannot be used: {left_out[column]}")
        found.append(column)
    return found


def _usable(table, must, left_out):
    """Columns of numbers that change and are mostly known; the reason for any other goes to `left_out`."""
    must, kept = {name.lower() for name in must}, []
    for column in table:
        values = table[column]
        if values.dtype != float:
            reason = "it holds texts"
        elif values.isna().mean() > _MOST_GAPS:
            reason = f"{values.isna().sum()} of its {len(values)} values are missing, more than {_MOST_GAPS:.0%}"
        elif (changes := int((values.dropna().diff().dropna() != 0).sum())) < _FEWEST_CHANGES:
            times = "once" if changes == 1 else f"{changes} times"
            reason = f"it changes only {times}" if changes else f"it is {values.dropna().iloc[0]:g} in every row"
        else:
            kept.append(column)
            continue
        if column.lower() in must:
            raise Refused(f"the column {column} cannot be used: {reason}")
        left_out[column] = reason
    return kept


def _independent(table, season):
    """Refuse a series that nothing moves: made of others, of time and season, or of what was one or two steps before."""
    import numpy as np

    T = len(table)
    time = np.column_stack([np.ones(T), np.arange(T) / T])
    if 1 < season <= 12 and T >= 3 * season:
        time = np.column_stack([time, np.eye(season)[np.arange(T) % season][:, 1:]])
    Y = table.to_numpy()
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    past = np.column_stack([Y[1:-1], Y[:-2]])
    for i, column in enumerate(table):
        for rows, known, what in ((0, time, "only counts time or the season"),
                                  (0, np.column_stack([time, Y[:, :i]]), _made_of(table, time, Y, i)),
                                  (2, np.column_stack([time[2:], past]), "follows exactly from what was before")):
            rest = Y[rows:, i] - known @ np.linalg.lstsq(known, Y[rows:, i], rcond=None)[0]
            if rest.std() <= _NEARLY:
                raise Refused(f"{column} {what}; list in the parameter features the columns to use, without it")


def _made_of(table, time, Y, i):
    """Of which series before it the i-th would be made, in words."""
    import numpy as np

    weights = np.linalg.lstsq(np.column_stack([time, Y[:, :i]]), Y[:, i], rcond=None)[0][time.shape[1]:]
    return "follows exactly from " + " and ".join(name for name, w in zip(table, weights) if abs(w) > 0.001)
