"""How good forecasts are: measures of error, and the simple forecasters that every model has to beat.

Symbols are those of the chapter *arima*: y_t the series, T its length, m (`season`) the season's length.
"""

from dataclasses import dataclass

import numpy as np

from bizai._check import integer, number
from bizai.forecast.result import floats, normal_forecast

__all__ = [
    "DieboldMariano", "coverage", "diebold_mariano", "drift", "interval_score", "mae", "mase", "naive", "pinball",
    "rmse", "seasonal_naive", "smape",
]


# ----------------------------------------------------------------------------------------------------------
# Errors of forecasts
# ----------------------------------------------------------------------------------------------------------

def mae(y, forecast):
    """Mean absolute error, in the unit of the series.

    Parameters
    ----------
    y, forecast : array_like of float, one shape, not empty

    Returns
    -------
    float
    """
    y, f = _pairs(y=y, forecast=forecast)
    return float(np.mean(abs(y - f)))


def rmse(y, forecast):
    """Square root of the mean squared error, in the unit of the series; arguments as for `mae`."""
    y, f = _pairs(y=y, forecast=forecast)
    return float(np.sqrt(np.mean((y - f) ** 2)))


def mase(y, forecast, history, season=1):
    """Mean absolute scaled error: relative to the seasonal naive forecasts of the history, one season ahead.

    Parameters
    ----------
    y, forecast : array_like of float, one shape, not empty
    history : array_like of float, shape (T,), T > season
        The series up to the origin of the forecasts.
    season : int, >= 1, default 1

    Returns
    -------
    float
        nan if the history repeats itself up to rounding (a constant one, for instance): there is no scale.

    Notes
    -----
    mean |y - f| / mean |y_t - y_{t-m}|, the second mean over the history. Source: eq. mase of the chapter *arima*.
    Below 1 is not yet better than the naive forecasts of the same period: these are h steps ahead, the scale is
    one season ahead and of the past.
    """
    history, season = floats("history", history, 1), integer("season", season)
    if len(history) <= season:
        raise ValueError(f"history must have more than season = {season} values, got {len(history)}")
    scale = np.mean(abs(history[season:] - history[:-season]))
    error = mae(y, forecast)
    return error / float(scale) if scale > 4 * np.finfo(float).eps * abs(history).max() else float("nan")


def smape(y, forecast):
    """Symmetric mean absolute percentage error, as a share from 0 to 2 (times 100 for percent).

    Parameters
    ----------
    y, forecast : array_like of float, one shape, not empty

    Returns
    -------
    float

    Notes
    -----
    mean 2 |y - f| / (|y| + |f|), where 0/0 counts as 0. Source: eq. smape of the chapter *arima*. Not symmetric in
    spite of its name: a forecast too low by 50 costs more than one too high by 50. Of little use near 0.
    """
    y, f = _pairs(y=y, forecast=forecast)
    size = abs(y) + abs(f)
    return float(np.mean(2 * abs(y - f) / np.where(size > 0, size, 1)))


def pinball(y, quantile_forecast, q):
    """Mean pinball (quantile) loss, in the unit of the series.

    Parameters
    ----------
    y, quantile_forecast : array_like of float, one shape, not empty
    q : float, 0 < q < 1
        The probability that the forecasts are quantiles for.

    Returns
    -------
    float

    Notes
    -----
    mean of q (y - f) where y >= f, and (1 - q)(f - y) where y < f. Source: eq. pinball of the chapter *arima*. The
    q-quantile is what makes its expected value lowest; at q = 1/2 it is half the mean absolute error.
    """
    y, f = _pairs(y=y, quantile_forecast=quantile_forecast)
    q = number("q", q, above=0, below=1)
    return float(np.mean(np.maximum(q * (y - f), (q - 1) * (y - f))))


def coverage(y, lower, upper):
    """Share of the values inside their intervals, the ends included.

    Parameters
    ----------
    y, lower, upper : array_like of float, one shape, not empty, lower <= upper

    Returns
    -------
    float

    Notes
    -----
    Source: eq. forecast-interval of the chapter *arima*. It should be near the intervals' level; wide intervals
    get there too, so look at `interval_score` as well.
    """
    y, low, high = _intervals(y, lower, upper)
    return float(np.mean((low <= y) & (y <= high)))


def interval_score(y, lower, upper, level):
    """Mean interval score (Winkler): the intervals' width, plus a fine for each value outside.

    Parameters
    ----------
    y, lower, upper : array_like of float, one shape, not empty, lower <= upper
    level : float, 0 < level < 1
        The intervals' nominal level.

    Returns
    -------
    float
        In the unit of the series; lower is better.

    Notes
    -----
    Width + (2/alpha) times the distance by which y is outside, alpha = 1 - level: 2/alpha times the sum of the
    pinball losses of both ends. Source: eq. interval-score of the chapter *arima*.
    """
    y, low, high = _intervals(y, lower, upper)
    alpha = 1 - number("level", level, above=0, below=1)
    return float(np.mean(high - low + 2 / alpha * (np.maximum(low - y, 0) + np.maximum(y - high, 0))))


@dataclass(frozen=True)
class DieboldMariano:
    """Test of equal accuracy: `mean_difference` of losses (first less second), `statistic`, `df`, `p_value`."""

    mean_difference: float
    statistic: float
    df: int
    p_value: float


def diebold_mariano(e1, e2, h=1, loss="absolute"):
    """Whether two forecasters differ in accuracy by more than chance.

    Parameters
    ----------
    e1, e2 : array_like of float, shape (n,), n > h
        Errors of both, h steps ahead, from successive origins.
    h : int, >= 1, default 1
    loss : "absolute" or "squared", default "absolute"

    Returns
    -------
    DieboldMariano
        Two-sided `p_value`; a negative statistic speaks for the first. Both are nan if all losses differ by the
        same amount.

    Notes
    -----
    Errors h steps ahead are correlated over h - 1 origins; the variance of the mean loss difference counts these
    autocovariances in full or, where that is not positive, with Bartlett's weights 1 - k/h. The statistic is
    corrected and compared with Student's t of n - 1 degrees of freedom after Harvey, Leybourne and Newbold (1997).
    Source: eq. mase of the chapter *arima*, whose numerator is the mean absolute error compared here.
    """
    from scipy.special import stdtr

    e1, e2 = _pairs(e1=e1, e2=e2)
    h, n = integer("h", h), len(e1)
    if e1.ndim != 1 or n <= h:
        raise ValueError(f"e1 must be one-dimensional with more than h = {h} errors, got shape {e1.shape}")
    if loss not in ("absolute", "squared"):
        raise ValueError(f'loss must be "absolute" or "squared", got {loss!r}')
    difference = abs(e1) - abs(e2) if loss == "absolute" else e1**2 - e2**2
    mean, size = difference.mean(), abs(difference).max()
    if np.ptp(difference) <= 1e-14 * size:
        return DieboldMariano(float(mean), float("nan"), n - 1, float("nan"))
    d = (difference - mean) / size
    gamma = np.array([d[k:] @ d[:n - k] for k in range(h)]) / n
    variance = gamma[0] + 2 * gamma[1:].sum()
    if variance <= 0:
        variance = gamma[0] + 2 * (1 - np.arange(1, h) / h) @ gamma[1:]
    correction = (n + 1 - 2 * h + h * (h - 1) / n) / n
    t = float(mean / size / np.sqrt(variance / n) * np.sqrt(correction))
    return DieboldMariano(float(mean), t, n - 1, float(2 * stdtr(n - 1, -abs(t))))


# ----------------------------------------------------------------------------------------------------------
# Simple forecasters
# ----------------------------------------------------------------------------------------------------------

def naive(y, h, level=0.9):
    """The last value, for all steps: the forecast of a random walk.

    Parameters
    ----------
    y : array_like of float, shape (T,), T >= 2
    h : int, >= 1
    level : float, 0 < level < 1, default 0.9

    Returns
    -------
    bizai.forecast.result.Forecast

    Notes
    -----
    sd sigma sqrt(s) at step s, sigma^2 the mean square of the T - 1 differences. Source: eq. forecast-interval of
    the chapter *arima*. As in all three, sigma is taken as known, and errors as normal.
    """
    return seasonal_naive(y, h, level, season=1)


def seasonal_naive(y, h, level=0.9, *, season):
    """The value of the same season in the last cycle.

    Parameters
    ----------
    y : array_like of float, shape (T,), T > season
    h : int, >= 1
    level : float, 0 < level < 1, default 0.9
    season : int, >= 1

    Returns
    -------
    bizai.forecast.result.Forecast

    Notes
    -----
    sd sigma sqrt(k) in the k-th cycle ahead, sigma^2 the mean square of the T - m differences y_t - y_{t-m}.
    Source: eq. forecast-interval of the chapter *arima*.
    """
    y, h, season = floats("y", y, 1), integer("h", h), integer("season", season)
    if len(y) <= season:
        raise ValueError(f"y must have more than season = {season} values, got {len(y)}")
    sigma = np.sqrt(np.mean((y[season:] - y[:-season]) ** 2))
    step = np.arange(h)
    return normal_forecast(y[len(y) - season:][step % season], sigma * np.sqrt(step // season + 1), level)


def drift(y, h, level=0.9):
    """The line through the first and the last value, carried on: a random walk with drift.

    Parameters
    ----------
    y : array_like of float, shape (T,), T >= 3
    h : int, >= 1
    level : float, 0 < level < 1, default 0.9

    Returns
    -------
    bizai.forecast.result.Forecast

    Notes
    -----
    Drift c = (y_T - y_1)/(T - 1); sd sigma sqrt(s (1 + s/(T - 1))) at step s, the second term for the estimated
    drift; sigma^2 is the sum of the squares (y_t - y_{t-1} - c)^2 over T - 2. Source: eqs. forecast-interval and
    arima-drift of the chapter *arima*.
    """
    y, h = floats("y", y, 1), integer("h", h)
    T = len(y)
    if T < 3:
        raise ValueError(f"y must have at least 3 values, got {T}")
    c = (y[-1] - y[0]) / (T - 1)
    sigma = np.sqrt(np.sum((np.diff(y) - c) ** 2) / (T - 2))
    step = np.arange(1, h + 1)
    return normal_forecast(y[-1] + c * step, sigma * np.sqrt(step * (1 + step / (T - 1))), level)


# ----------------------------------------------------------------------------------------------------------
# Arguments
# ----------------------------------------------------------------------------------------------------------

def _pairs(**arrays):
    """The named arrays as floats of one shape."""
    arrays = {name: np.atleast_1d(floats(name, values)) for name, values in arrays.items()}
    shapes = {name: values.shape for name, values in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"{' and '.join(shapes)} must have one shape, "
                         f"got {' and '.join(map(str, shapes.values()))}")
    return arrays.values()


def _intervals(y, lower, upper):
    y, low, high = _pairs(y=y, lower=lower, upper=upper)
    if (low > high).any():
        raise ValueError(f"lower must be <= upper, got {low[low > high][0]} > {high[low > high][0]}")
    return y, low, high
