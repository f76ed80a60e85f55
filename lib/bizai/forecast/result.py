"""What every forecaster of the package returns: means, intervals and standard deviations of the horizons 1..h."""

from dataclasses import dataclass

import numpy as np

from .._check import number

__all__ = ["Forecast", "normal_forecast"]


@dataclass(frozen=True, eq=False)
class Forecast:
    """Forecasts of the steps T + 1, ..., T + h with their intervals.

    Attributes
    ----------
    mean : ndarray of float, shape (h,) or (h, K)
        Expected value of each step, of one series or of K series.
    lower, upper : ndarray of float, shape of `mean`
        Ends of the interval that holds the value with probability `level`.
    sd : ndarray of float, shape of `mean`
        Standard deviation of the forecast error.
    level : float, 0 < level < 1

    Notes
    -----
    Source: eq. forecast-interval of the chapter *arima*.
    """

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    sd: np.ndarray
    level: float

    def quantile(self, q):
        """The value that each step stays below with probability `q`, for normal errors: mean + z_q sd.

        Parameters
        ----------
        q : float, 0 < q < 1

        Returns
        -------
        ndarray of float, shape of `mean`
        """
        from scipy.special import ndtri

        return self.mean + ndtri(number("q", q, above=0, below=1)) * self.sd


def numbers(name, values):
    """`values` as a new array of floats; what is missing or masked in it is nan."""
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "fiub":
        values = values.astype(float).filled(np.nan)
    try:
        found = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must hold numbers, got rows of different lengths or shapes") from None
    if found.dtype.kind == "O":
        found = np.array([np.nan if x is None else x for x in found.ravel()]).reshape(found.shape)
    if found.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold numbers, got {found.dtype.name}: {found.ravel()[:1].tolist()}")
    return np.array(found, dtype=float)


def floats(name, values, ndim=None):
    """`values` as a new array of finite floats, not empty and with `ndim` dimensions (any by default)."""
    values = numbers(name, values)
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite and not empty, got {'nan or inf' if values.size else 'no value'}")
    if ndim not in (None, values.ndim):
        raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, got shape {values.shape}")
    return values


def normal_forecast(mean, sd, level=0.9):
    """`Forecast` with the interval mean -+ z sd, where z is the (1 + level)/2 quantile of the normal law.

    Parameters
    ----------
    mean, sd : array_like of float, one shape, sd >= 0
    level : float, 0 < level < 1, default 0.9

    Returns
    -------
    Forecast

    Notes
    -----
    Source: eq. forecast-interval of the chapter *arima*.
    """
    from scipy.special import ndtri

    level = number("level", level, above=0, below=1)
    mean, sd = numbers("mean", mean), numbers("sd", sd)
    if mean.shape != sd.shape:
        raise ValueError(f"sd must have the shape {mean.shape} of mean, got {sd.shape}")
    if not (sd >= 0).all():
        raise ValueError(f"sd must be >= 0, got {sd[~(sd >= 0)][0]}")
    half = ndtri((1 + level) / 2) * sd
    return Forecast(mean, mean - half, mean + half, sd, level)
