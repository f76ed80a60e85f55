"""Forecasters compared on the past: at every origin each sees the rows up to it, and forecasts the next h.

Symbols are those of the chapter *arima*: h the horizon; an origin is the number of rows that are known there.
"""

from dataclasses import dataclass

import numpy as np

from bizai._check import integer, number
from bizai.forecast import accuracy
from bizai.forecast.result import Forecast, floats, numbers

__all__ = ["Backtest", "Failure", "Score", "by_column", "rolling_origin"]


@dataclass(frozen=True)
class Score:
    """Accuracy of one forecaster over all origins and steps; what needs an interval is nan without one.

    `mase`, with each origin's own history as scale, averaged over the origins; `smape` (0 to 2), `mae`, `rmse`;
    `pinball` at the `q` of the backtest; `coverage` and `interval_score` of the intervals; the number of
    `origins`.
    """

    mase: float
    smape: float
    mae: float
    rmse: float
    pinball: float
    coverage: float
    interval_score: float
    origins: int


@dataclass(frozen=True)
class Failure:
    """A forecaster that raised: its `name`, the `origin` and the `error`."""

    name: str
    origin: int
    error: str


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts and truths of a rolling origin.

    Attributes
    ----------
    y : ndarray of float, shape (T,) or (T, K)
    origins : ndarray of int, shape (n,)
        Rows known at each origin.
    truths : ndarray of float, shape (n, h) or (n, h, K)
    forecasts, lower, upper, quantiles : dict of name to ndarray, shape of `truths`
        nan where the forecaster gives none or failed. `quantiles` are those of probability `q`.
    levels : dict of name to float
        Level of the intervals, nan without.
    q : float
    failures : tuple of Failure
    """

    y: np.ndarray
    origins: np.ndarray
    truths: np.ndarray
    forecasts: dict
    lower: dict
    upper: dict
    quantiles: dict
    levels: dict
    q: float
    failures: tuple

    @property
    def complete(self):
        """Whether every forecaster succeeded, per origin, shape (n,); the scores compare these origins only."""
        return ~np.isin(self.origins, [failure.origin for failure in self.failures])

    def errors(self, name):
        """Truth less forecast at the complete origins, shape (n_complete, h) or (n_complete, h, K)."""
        return (self.truths - self.forecasts[name])[self.complete]

    def by_step(self, series=None):
        """Mean absolute error of each forecaster for the steps 1..h, a dict of arrays of shape (h,)."""
        columns = self._columns(series)
        self._some_complete()
        return {name: abs(self.errors(name)[columns]).mean(axis=0) for name in self.forecasts}

    def scores(self, season=1, series=None):
        """Accuracy of each forecaster.

        Parameters
        ----------
        season : int, >= 1, default 1
            Of the scale of `mase`; every origin must be > season.
        series : int, 0 <= series < K, optional
            Which column, where `y` has several.

        Returns
        -------
        dict of name to Score

        Notes
        -----
        Source: eqs. mase, smape, pinball, interval-score and forecast-interval of the chapter *arima*; D3-SYS-17.
        """
        columns, complete = self._columns(series), self._some_complete()
        y = self.y if self.y.ndim == 1 else self.y[:, series]
        truths = self.truths[complete][columns]
        known = self.origins[complete]
        found = {}
        for name in self.forecasts:
            f, low, high, quantile = (part[name][complete][columns] for part in
                                      (self.forecasts, self.lower, self.upper, self.quantiles))
            scaled = [accuracy.mase(*pair, y[:origin], season) for *pair, origin in zip(truths, f, known)]
            interval = not np.isnan(low).any()
            found[name] = Score(
                float(np.mean(scaled)), accuracy.smape(truths, f),
                accuracy.mae(truths, f), accuracy.rmse(truths, f),
                accuracy.pinball(truths, quantile, self.q) if interval else np.nan,
                accuracy.coverage(truths, low, high) if interval else np.nan,
                accuracy.interval_score(truths, low, high, self.levels[name]) if interval else np.nan, len(known))
        return found

    def _some_complete(self):
        """`complete`, unless no origin is."""
        if not self.complete.any():
            raise ValueError("there must be an origin at which no forecaster failed, got "
                             + "; ".join(f"{f.name} at {f.origin}: {f.error}" for f in self.failures[:3]))
        return self.complete

    def _columns(self, series):
        """Index that selects one series from an array (n, h) or (n, h, K)."""
        if self.y.ndim == 1:
            if series not in (None, 0):
                raise ValueError(f"series must be None or 0 for a single series, got {series!r}")
            return (slice(None), slice(None))
        if series is None or integer("series", series, least=0) >= self.y.shape[1]:
            raise ValueError(f"series must be a column from 0 to {self.y.shape[1] - 1}, got {series!r}")
        return (slice(None), slice(None), series)


def rolling_origin(y, forecasters, h, origins=None, *, least=None, step=1, q=0.9, errors="raise"):
    """Let each forecaster forecast the next h values from each origin, knowing the past only.

    Parameters
    ----------
    y : array_like of float, shape (T,) or (T, K)
    forecasters : dict of name to callable
        ``forecaster(history, h)`` gets a copy of the rows up to the origin and returns a `Forecast` or an array of
        shape (h,) or (h, K). Choose the model inside it, not beforehand from all of `y`.
    h : int, >= 1
    origins : array_like of int, optional
        Rows known at each origin, increasing, from 1 to T - h. By default from `least` to T - h by `step`.
    least : int, >= 1, optional
        First origin; by default half of the rows.
    step : int, >= 1, default 1
    q : float, 0 < q < 1, default 0.9
        Probability of the `quantiles`, of forecasters that return a `Forecast`.
    errors : "raise" or "record", default "raise"
        What to do about a forecaster that raises an exception or returns something else: stop and name it and the
        origin, or list it in `failures` and leave this origin out of all scores.

    Returns
    -------
    Backtest

    Notes
    -----
    Source: eqs. mase and forecast-interval of the chapter *arima*; D3-SYS-17, D3-PROC-08, D3-PROC-09.
    """
    y = floats("y", y)
    if y.ndim not in (1, 2):
        raise ValueError(f"y must have the shape (T,) or (T, K), got {y.shape}")
    h, q = integer("h", h), number("q", q, above=0, below=1)
    if not isinstance(forecasters, dict) or not forecasters or not all(map(callable, forecasters.values())):
        raise ValueError(f"forecasters must be a dict of names and functions, got {forecasters!r}")
    if errors not in ("raise", "record"):
        raise ValueError(f'errors must be "raise" or "record", got {errors!r}')
    origins = _origins(origins, len(y), h, least, step)
    truths = np.stack([y[origin:origin + h] for origin in origins])
    parts = {part: {name: np.full(truths.shape, np.nan) for name in forecasters} for part in
             ("forecasts", "lower", "upper", "quantiles")}
    levels, failures = {}, []
    for name, forecaster in forecasters.items():
        for i, origin in enumerate(origins):
            try:
                made = _parts(forecaster(y[:origin].copy(), h), truths.shape[1:], q)
                if made["level"] != levels.setdefault(name, made["level"]):
                    raise ValueError(f"level must be the same at all origins, got {made['level']} after "
                                     f"{levels[name]} (None: no intervals)")
            except Exception as error:
                message = f"{type(error).__name__}: {error}"
                if errors == "raise":
                    raise RuntimeError(f"forecaster {name!r} failed at origin {origin}: {message}") from error
                failures.append(Failure(name, int(origin), message))
                continue
            for part in made.keys() & parts.keys():
                parts[part][name][i] = made[part]
    levels = {name: np.nan if levels.get(name) is None else levels[name] for name in forecasters}
    return Backtest(y, origins, truths, **parts, levels=levels, q=q, failures=tuple(failures))


def by_column(forecaster):
    """A forecaster for tables (T, K) that applies one for a single series to each column.

    Parameters
    ----------
    forecaster : callable
        ``forecaster(history, h)`` returns a `Forecast`.

    Returns
    -------
    callable
        Returns a `Forecast` with arrays of shape (h, K).
    """
    def forecast_table(history, h):
        made = [forecaster(column, h) for column in np.asarray(history).T]
        if not all(isinstance(f, Forecast) and f.level == made[0].level for f in made):
            raise ValueError(f"forecaster must return a Forecast of one level for every column, got {made!r}")
        arrays = (np.column_stack([getattr(f, part) for f in made]) for part in ("mean", "lower", "upper", "sd"))
        return Forecast(*arrays, made[0].level)
    return forecast_table


def _parts(made, shape, q):
    """The arrays of one forecast, checked."""
    if isinstance(made, Forecast):
        parts = {"forecasts": made.mean, "lower": made.lower, "upper": made.upper, "quantiles": made.quantile(q)}
    else:
        parts = {"forecasts": numbers("forecasts", made)}
    for part, values in parts.items():
        if np.shape(values) != shape or not np.isfinite(values).all():
            raise ValueError(f"{part} must be finite with shape {shape}, got shape {np.shape(values)}"
                             + " with nan or inf" * (np.shape(values) == shape))
    if not isinstance(made, Forecast):
        return parts | {"level": None}
    if (made.lower > made.upper).any():
        raise ValueError("lower must be <= upper in a Forecast, got the opposite")
    return parts | {"level": number("level", made.level, above=0, below=1)}


def _origins(origins, T, h, least, step):
    if T <= h:
        raise ValueError(f"y must have more than h = {h} rows, got {T}")
    if origins is None:
        least, step = integer("least", T // 2 if least is None else least), integer("step", step)
        if least > T - h:
            raise ValueError(f"least must be <= the {T} rows less h = {h}, got {least}")
        return np.arange(least, T - h + 1, step)
    found = np.asarray(origins)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not found.size or (found[1:] <= found[:-1]).any() or (
            found[0] < 1) or found[-1] > T - h:
        raise ValueError(f"origins must be increasing integers from 1 to {T - h} (the {T} rows less h = {h}), "
                         f"got {origins!r}")
    return found.astype(np.int64)
