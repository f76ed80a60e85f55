"""A series before it is modelled: differences, autocorrelations, and how often to difference.

Symbols are those of the chapter *arima*: y_t with t = 1..T is the series, B the backshift, d and D the orders of
ordinary and seasonal differencing, m (`season`) the number of periods in a season, rho_k the autocorrelation at
lag k and phi_kk the partial one. A series is a one-dimensional array of floats without gaps.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from .._check import integer, number
from .result import numbers

__all__ = [
    "Correlogram", "LjungBox", "UnitRootTest", "UnitRoots", "acf", "difference", "ljung_box", "pacf",
    "seasonal_strength", "undifference", "unit_root_tests",
]

STRONG = 0.64           # seasonal strength from which a seasonal difference is recommended


def as_series(name, y, least=1, ndim=1):
    """`y` as an array of floats with `ndim` dimensions and at least `least` values, all finite."""
    values = numbers(name, y)
    if values.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, got shape {values.shape}")
    gaps = ~np.isfinite(values)
    if gaps.any():
        raise ValueError(f"{name} must be finite and without gaps, got {values[gaps][0]} at position "
                         f"{tuple(np.argwhere(gaps)[0].tolist()) if ndim > 1 else int(np.argmax(gaps))} "
                         f"({gaps.sum()} such values): fill the gaps first")
    if values.shape[-1] < least:
        raise ValueError(f"{name} must have at least {least} values, got {values.shape[-1]}")
    return values


def difference_polynomial(d, D, season):
    """Coefficients of (1 - B)^d (1 - B^m)^D, constant first."""
    polynomial = np.ones(1)
    for _ in range(d):
        polynomial = np.convolve(polynomial, [1, -1])
    for _ in range(D):
        polynomial = np.convolve(polynomial, np.r_[1, np.zeros(season - 1), -1])
    return polynomial


# ----------------------------------------------------------------------------------------------------------
# Differences
# ----------------------------------------------------------------------------------------------------------

def difference(y, d=1, D=0, season=1):
    """(1 - B)^d (1 - B^m)^D y, the series differenced d times and D times over a season.

    Parameters
    ----------
    y : array_like of float, shape (T,) or (..., T)
    d, D : int, >= 0
    season : int, >= 1
        m, in periods; needed if D > 0, where it must be at least 2.

    Returns
    -------
    ndarray of float, shape (..., T - d - D * season)

    Raises
    ------
    ValueError
        If no value would be left, or an argument is out of range.

    Notes
    -----
    Source: eqs. difference and seasonal-arima of the chapter *arima*; D3-EQ-02.

    Examples
    --------
    >>> difference([1, 4, 9, 16, 25], d=2)
    array([2., 2., 2.])
    """
    d, D, season = _orders(d, D, season)
    y = as_series("y", y, d + D * season + 1, ndim=max(np.ndim(y), 1))
    for _ in range(D):
        y = y[..., season:] - y[..., :-season]
    return np.diff(y, d) if d else y


def undifference(z, start, d=1, D=0, season=1):
    """The series whose differences are `z` and whose first values are `start`: the inverse of `difference`.

    Parameters
    ----------
    z : array_like of float, shape (..., n)
    start : array_like of float, shape (..., d + D * season)
        The values of the series before the first difference.
    d, D, season : int
        As in `difference`.

    Returns
    -------
    ndarray of float, shape (..., d + D * season + n)
        `start`, then the values that follow.

    Notes
    -----
    Each value is solved from the difference: with (1 - B)^d (1 - B^m)^D = 1 + a_1 B + a_2 B^2 + ...,
    y_t = z_t - a_1 y_{t-1} - a_2 y_{t-2} - ... Source: eq. undifference of the chapter *arima*; D3-EQ-02.
    """
    from scipy.signal import lfilter

    d, D, season = _orders(d, D, season)
    z = as_series("z", z, 0, ndim=max(np.ndim(z), 1))
    start = as_series("start", start, 0, ndim=max(np.ndim(start), 1))
    a = difference_polynomial(d, D, season)
    s = len(a) - 1
    if start.shape != z.shape[:-1] + (s,):
        raise ValueError(f"start must have the d + D*season = {s} first values of each series, got shape "
                         f"{start.shape} for z of shape {z.shape}")
    if s == 0:
        return z
    state = np.stack([-(start[..., i:] @ a[:i:-1]) for i in range(s)], axis=-1)     # added to the next s values
    following, _ = lfilter([1], a, z, zi=state) if z.shape[-1] else (z, None)
    return np.concatenate([start, following], axis=-1)


def _orders(d, D, season):
    d, D, season = integer("d", d, 0), integer("D", D, 0), integer("season", season)
    if D and season < 2:
        raise ValueError(f"season must be an integer >= 2 where D > 0, got {season}")
    return d, D, season


# ----------------------------------------------------------------------------------------------------------
# Autocorrelation
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Correlogram:
    """Sample autocorrelations (plain or partial) and the band around 0 that white noise stays in.

    Attributes
    ----------
    lags : ndarray of int, shape (lags + 1,)
        0, 1, 2, ...
    values : ndarray of float, shape (lags + 1,)
        Autocorrelation at each lag; 1 at lag 0.
    band : ndarray of float, shape (lags + 1,)
        Half the width of the band at each lag; 0 at lag 0.
    level : float
        Probability with which a single lag stays inside the band.
    """

    lags: np.ndarray
    values: np.ndarray
    band: np.ndarray
    level: float

    @property
    def outside(self):
        """Lags whose value is outside the band."""
        return self.lags[1:][np.abs(self.values[1:]) > self.band[1:]]


def acf(y, lags, level=0.95):
    """Sample autocorrelations rho_0 .. rho_lags with Bartlett's band.

    Parameters
    ----------
    y : array_like of float, shape (T,)
    lags : int, 1 <= lags < T
    level : float, in (0, 1)

    Returns
    -------
    Correlogram

    Raises
    ------
    ValueError
        If the series is constant, or an argument out of range.

    Notes
    -----
    Sums of T - k products are divided by T, which keeps the autocorrelations positive semidefinite. The band at
    lag k is z sqrt((1 + 2 sum_{i<k} rho_i^2) / T): the spread if the series were a moving average of order k - 1.
    Source: eq. acf of the chapter *arima*; D3-PROC-18.
    """
    y, lags, z = _correlated(y, lags, level)
    rho = _acf(y, lags)
    variance = np.cumsum(np.r_[1, 2 * rho[1:-1]**2]) / len(y)
    return Correlogram(np.arange(lags + 1), rho, np.r_[0, z * np.sqrt(variance)], float(level))


def pacf(y, lags, level=0.95):
    """Sample partial autocorrelations phi_kk: the correlation at lag k that shorter lags do not explain.

    Parameters
    ----------
    y : array_like of float, shape (T,)
    lags : int, 1 <= lags < T
    level : float, in (0, 1)

    Returns
    -------
    Correlogram
        With the band z / sqrt(T), that of an autoregression of lower order.

    Raises
    ------
    ValueError
        If the series is constant, or an argument out of range.

    Notes
    -----
    Durbin-Levinson recursion on the sample autocorrelations:
    phi_kk = (rho_k - sum_j phi_{k-1,j} rho_{k-j}) / v_{k-1}.
    Source: eq. pacf of the chapter *arima*; D3-PROC-18.
    """
    y, lags, z = _correlated(y, lags, level)
    return Correlogram(np.arange(lags + 1), np.r_[1, durbin_levinson(_acf(y, lags))],
                       np.r_[0, np.full(lags, z / np.sqrt(len(y)))], float(level))


def durbin_levinson(rho):
    """Partial autocorrelations at the lags 1, 2, ... for the autocorrelations rho_0 = 1, rho_1, ..."""
    phi, v, partial = np.zeros(0), 1.0, np.zeros(len(rho) - 1)
    for k in range(1, len(rho)):
        r = partial[k - 1] = (rho[k] - phi @ rho[k - 1:0:-1]) / v
        phi = np.r_[phi - r * phi[::-1], r]
        v *= 1 - r * r
        if v <= 0:
            break
    return partial


def _acf(y, lags):
    x = y - y.mean()
    covariances = np.array([x[k:] @ x[:len(x) - k] for k in range(lags + 1)])
    return covariances / covariances[0]


def _correlated(y, lags, level):
    from scipy.special import ndtri

    y, lags = as_series("y", y, 2), integer("lags", lags)
    if lags >= len(y):
        raise ValueError(f"lags must be an integer below the number of values {len(y)}, got {lags}")
    if _constant(y):
        raise ValueError(f"y must vary, got {len(y)} times {y[0]:.6g}")
    y = y - y.mean()
    y /= np.abs(y).max()                                            # squares neither over- nor underflow
    return y, lags, ndtri((1 + number("level", level, above=0, below=1)) / 2)


def _constant(y):
    return np.ptp(y) <= 8 * np.finfo(float).eps * np.abs(y).max()


@dataclass(frozen=True, eq=False)
class LjungBox:
    """Ljung-Box test of residuals: a small `p_value` says that they still are autocorrelated.

    Attributes
    ----------
    lags, df : int
        Number of autocorrelations tested, and degrees of freedom: lags less fitted coefficients.
    statistic, p_value : float
    """

    lags: int
    statistic: float
    df: int
    p_value: float


def ljung_box(residuals, lags, fitted=0):
    """Ljung-Box test that the first autocorrelations of residuals are zero.

    Parameters
    ----------
    residuals : array_like of float, shape (n,)
    lags : int, fitted < lags < n
    fitted : int, >= 0
        Number of estimated coefficients p + q + P + Q of the model.

    Returns
    -------
    LjungBox

    Notes
    -----
    Q = n (n + 2) sum_{k<=lags} rho_k^2 / (n - k), chi-squared with lags - fitted degrees of freedom.
    Source: eq. ljung-box of the chapter *arima*; D3-PROC-18.
    """
    from scipy.special import chdtrc

    e, lags, _ = _correlated(residuals, lags, 0.95)
    fitted = integer("fitted", fitted, 0)
    if lags <= fitted:
        raise ValueError(f"lags must be an integer above the number of fitted coefficients {fitted}, got {lags}")
    n, k = len(e), np.arange(1, lags + 1)
    statistic = n * (n + 2) * np.sum(_acf(e, lags)[1:]**2 / (n - k))
    return LjungBox(lags, float(statistic), lags - fitted, float(chdtrc(lags - fitted, statistic)))


# ----------------------------------------------------------------------------------------------------------
# How often to difference
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class UnitRootTest:
    """Both tests of one series.

    Attributes
    ----------
    d : int
        How often it was differenced (after D seasonal differences).
    adf_statistic, adf_p_value : float
        Augmented Dickey-Fuller test; a small p-value speaks against a unit root.
    kpss_statistic, kpss_p_value : float
        KPSS test; a small p-value speaks against stationarity.
    kpss_bound : str
        "<=" or ">=" where the p-value is the edge of the table (0.01 or 0.1), else "=".
    """

    d: int
    adf_statistic: float
    adf_p_value: float
    kpss_statistic: float
    kpss_p_value: float
    kpss_bound: str


@dataclass(frozen=True, eq=False)
class UnitRoots:
    """Recommended orders of differencing, and the tests behind them.

    Attributes
    ----------
    d, D : int
    strength : float
        Seasonal strength of the series, between 0 and 1; nan for season = 1.
    tests : tuple of UnitRootTest
        Of the series differenced D times over the season and 0, 1, .. times.
    """

    d: int
    D: int
    strength: float
    tests: tuple


def unit_root_tests(y, season=1, D=None, max_d=2, size=0.05):
    """How often to difference a series, with the tests that say so.

    Parameters
    ----------
    y : array_like of float, shape (T,)
    season : int, >= 1
        m, in periods.
    D : int or None
        Seasonal differences; None: 1 where the seasonal strength is at least 0.64, else 0.
    max_d : int, >= 0
    size : float, in [0.01, 0.1)
        Size of the KPSS test, whose table of p-values goes from 0.01 to 0.1.

    Returns
    -------
    UnitRoots

    Notes
    -----
    The rule for D is that of Hyndman's R package *forecast* (function nsdiffs), with the strength of Wang, Smith
    and Hyndman (2006), here from the classical instead of the STL decomposition. The rule for d is that of Hyndman
    and Khandakar (2008): the least d for which the KPSS test does not reject stationarity around a mean. The
    Dickey-Fuller test (lags by AIC) is reported beside it. Both tests are statsmodels'. A series that is constant,
    or shorter than 8 values, is not tested (nan) and not differenced further.
    Source: eqs. difference and stationarity of the chapter *arima*; D3-PROC-18.
    """
    y, season, size = as_series("y", y, 10), integer("season", season), number("size", size, least=0.01, below=0.1)
    strength = seasonal_strength(y, season) if season > 1 and len(y) >= 2 * season + 1 else np.nan
    if D is None:
        D = int(strength >= STRONG)
    z = difference(y, 0, D, season)
    tests = []
    for d in range(integer("max_d", max_d, 0) + 1):
        tests.append(_unit_root_test(z, d))
        if not tests[-1].kpss_p_value <= size:
            break
        z = np.diff(z)
    return UnitRoots(tests[-1].d, D, float(strength), tuple(tests))


def _unit_root_test(z, d):
    from statsmodels.tools.sm_exceptions import InterpolationWarning
    from statsmodels.tsa.stattools import adfuller, kpss

    if _constant(z) or len(z) < 8:
        return UnitRootTest(d, np.nan, np.nan, np.nan, np.nan, "=")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adf, (statistic, p_value) = adfuller(z)[:2], kpss(z, regression="c", nlags="auto")[:2]
    edge = any(issubclass(warning.category, InterpolationWarning) for warning in caught)
    bound = ("<=" if p_value < 0.05 else ">=") if edge else "="
    return UnitRootTest(d, float(adf[0]), float(adf[1]), float(statistic), float(p_value), bound)


def seasonal_strength(y, season):
    """Strength of the season: max(0, 1 - Var(remainder) / Var(season + remainder)).

    Parameters
    ----------
    y : array_like of float, shape (T,)
        At least two seasons and one value.
    season : int, >= 2

    Returns
    -------
    float
        0 for no season, 1 for nothing but trend and season.

    Notes
    -----
    Classical decomposition: the trend is a centred moving average over one season, the season the mean per
    position of what is left. Source: Wang, Smith and Hyndman (2006); eq. seasonal-arima of the chapter *arima*.
    """
    season = integer("season", season, 2)
    y = as_series("y", y, 2 * season + 1)
    weights = np.ones(season) if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5]
    trend = np.convolve(y, weights / season, "valid")
    first = (len(weights) - 1) // 2
    x = y[first:first + len(trend)] - trend
    position = np.arange(first, first + len(trend)) % season
    means = np.bincount(position, x, season) / np.bincount(position, minlength=season)
    spread = np.var(x)
    if spread <= (64 * np.finfo(float).eps * np.abs(y).max())**2:
        return 0.0
    return float(max(0, 1 - np.var(x - means[position]) / spread))
