"""ARIMA and seasonal ARIMA models by exact maximum likelihood: fit, forecast, simulate, choose the orders.

Symbols are those of the chapter *arima*: y_t is the series, w_t = (1 - B)^d (1 - B^m)^D y_t its differences,

    phi(B) Phi(B^m) (w_t - mu) = theta(B) Theta(B^m) eps_t,

with phi(B) = 1 - phi_1 B - ..., theta(B) = 1 + theta_1 B + ... (plus signs), and independent normal shocks eps_t
of variance sigma^2. Without differences mu is the mean of the series, after one difference its drift per period.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, check_random_state

from .._check import integer, number
from . import likelihood
from .likelihood import Structure
from .result import normal_forecast
from .series import UnitRoots, as_series, difference, difference_polynomial, unit_root_tests

__all__ = ["ARIMA", "OrderChoice", "OrderRow", "arma_loglik", "choose_order"]


@np.errstate(over="ignore", invalid="ignore")
def arma_loglik(w, ar=(), ma=(), sigma2=None, mean=0.0):
    """Exact Gaussian log-likelihood of a stationary ARMA(p, q) series.

    Parameters
    ----------
    w : array_like of float, shape (n,)
    ar, ma : array_like of float
        phi_1 .. phi_p and theta_1 .. theta_q (plus signs).
    sigma2 : float or None
        Variance of the shocks; None: the value with the largest likelihood, S / n.
    mean : float

    Returns
    -------
    float
        -inf for coefficients that are not stationary, and inf without sigma2 where all of `w` is the mean. Moving
        averages that are not invertible are allowed.

    Notes
    -----
    -(n log(2 pi sigma^2) + log det V + S / sigma^2) / 2 with S = (w - mean)' V^{-1} (w - mean) and sigma^2 V the
    covariance matrix of w. Source: eqs. exact-likelihood and stationarity of the chapter *arima*; D2-EQ-26.
    """
    ar, ma = (as_series(name, np.ravel(c) if np.size(c) else [], 0) for name, c in [("ar", ar), ("ma", ma)])
    w = as_series("w", w, max(len(ar), len(ma)) + 1)
    if sigma2 is not None:
        sigma2 = number("sigma2", sigma2, above=0)
    if not is_stationary(ar):
        return -np.inf
    mean = number("mean", mean)
    if sigma2 is None and (w == mean).all():
        return np.inf
    structure = Structure(len(ar), len(ma), mean=True)
    value, _ = likelihood.loglik(structure, np.r_[ar, ma][None], np.array([mean]), sigma2, w[None])
    return float(value[0])


def is_stationary(phi):
    """Whether the roots of phi(z) are outside the unit circle: eq. stationarity of the chapter *arima*."""
    return bool((np.abs(np.roots(np.r_[1, -np.asarray(phi)])) < 1).all())


class Unbounded(ValueError):
    """The likelihood of the model has no largest value for this series."""


class ARIMA(BaseEstimator):
    """ARIMA(p, d, q)(P, D, Q)_m model of one series.

    Parameters
    ----------
    order : tuple of int, default (1, 1, 1)
        p, d, q.
    seasonal : tuple of int, default (0, 0, 0)
        P, D, Q.
    season : int, default 1
        m, periods in a season.
    constant : "auto" or bool, default "auto"
        Whether the differenced series has a mean mu. "auto": yes if d + D <= 1, that is a mean for no difference
        and a drift for one; after two differences it would be a quadratic trend.
    method : {"exact", "css"}, default "exact"
        Exact likelihood, or conditional sum of squares (the first p + m P differenced values only condition, and
        shocks before them are 0).

    Attributes
    ----------
    ar_, ma_, seasonal_ar_, seasonal_ma_ : ndarray of float
        phi, theta, Phi, Theta.
    constant_ : float
        mu, 0 if there is none.
    intercept_ : float
        c = mu phi(1) Phi(1), the constant in w_t = c + phi_1 w_{t-1} + ...
    sigma2_ : float
        Variance of the shocks (divided by n, not by degrees of freedom).
    params_ : ndarray of float
        mu (if there is one), phi, theta, Phi, Theta, sigma^2; named by `parameter_names_`.
    standard_errors_ : ndarray of float, in the order of `params_`
        From the second derivatives of the log-likelihood; nan where the largest likelihood is on the unit circle.
    loglik_, aic_, aicc_, bic_ : float
        Of the n_ differenced values; comparable only between models with the same d, D, season and method.
    n_ : int
        Number of values in the likelihood.
    residuals_ : ndarray of float, shape (n_,)
        w_t less its forecast from the values before it.
    converged_ : bool
        False also where the search ended with phi or Phi on the unit circle: difference, or lower p and q.

    Notes
    -----
    Stationarity and invertibility are enforced through partial autocorrelations. The mean and sigma^2 have closed
    forms given the rest, which Newton's method finds from the best valleys of a grid. Where p and q are larger
    than the series calls for, factors of phi and theta nearly cancel, the likelihood has several peaks, and its
    least upper bound may lie on the unit circle: `converged_` then is False.

    The conditional sum of squares may go on falling towards a theta on the unit circle and beyond it, behind a
    valley inside: it is for comparison, the exact likelihood for use.

    A differenced series that is constant up to rounding (a straight line with drift) is fitted exactly: all
    coefficients and sigma^2 are 0, the log-likelihood is infinite and the intervals have no width.

    Source: eqs. arima-model, seasonal-arima, arima-drift, exact-likelihood, css, aicc of the chapter *arima*;
    D2-EQ-26, D3-EQ-01, D3-EQ-03, D3-EQ-04, D3-EQ-20, D3-EQ-27, D3-CODE-02.

    Examples
    --------
    >>> model = ARIMA(order=(1, 1, 1)).fit([150, 160, 170, 180, 190, 200])
    >>> model.forecast(2).mean
    array([210., 220.])
    """

    def __init__(self, order=(1, 1, 1), seasonal=(0, 0, 0), season=1, constant="auto", method="exact"):
        self.order = order
        self.seasonal = seasonal
        self.season = season
        self.constant = constant
        self.method = method

    # Fitting ----------------------------------------------------------------------------------------------

    def fit(self, y):
        """Estimate the model.

        Parameters
        ----------
        y : array_like of float, shape (T,)
            The series, equally spaced, without gaps.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the series is too short for the orders, has gaps, or has differences that are constant but not 0
            while the model has autoregressive coefficients and no constant: its likelihood is then unbounded.
        """
        structure, d, D = self._structure()
        y = _long_enough(structure, d, D, y)
        coefficients, mu, varies, ended = estimate(structure, d, D, y[None])
        return self._set(structure, d, D, y, coefficients[0], float(mu[0]), varies[0], bool(ended[0]))

    def _set(self, structure, d, D, y, coefficients, mu, varies, converged):
        """Everything that follows from the coefficients and mu."""
        self._form, self._d, self._D, self.y_ = structure, d, D, y
        self._w = difference(y, d, D, structure.season)
        self.n_ = len(self._w) - structure.skipped
        self.ar_, self.ma_, self.seasonal_ar_, self.seasonal_ma_ = (coefficients[b] for b in structure.blocks)
        phi, theta = structure.polynomials(coefficients[None])
        self._phi, self._theta = phi[0], theta[0]
        self.constant_, self.intercept_ = mu, float(mu * self._phi.sum())
        L, shocks = self._factor(0)
        self.residuals_ = L[0] * shocks
        self.loglik_, self.sigma2_ = np.inf, 0.0
        if varies:
            self.sigma2_ = float(shocks @ shocks / self.n_)
            self.loglik_ = float(-0.5 * self.n_ * (np.log(2 * np.pi * self.sigma2_) + 1) - np.log(L[0]).sum())
        self.params_ = np.r_[[mu] * structure.mean, coefficients, self.sigma2_]
        self.parameter_names_ = _names(structure)
        self.aic_, self.aicc_, self.bic_ = _criteria(self.loglik_, len(self.params_), self.n_)
        self.converged_ = converged
        self._standard_errors = None
        return self

    def _structure(self):
        (p, d, q), (P, D, Q) = _triple("order", self.order), _triple("seasonal", self.seasonal)
        season = integer("season", self.season, 2 if P or D or Q else 1)
        if self.method not in ("exact", "css"):
            raise ValueError(f'method must be "exact" or "css", got {self.method!r}')
        if not (isinstance(self.constant, (bool, np.bool_)) or self.constant == "auto"):
            raise ValueError(f'constant must be "auto", True or False, got {self.constant!r}')
        mean = d + D <= 1 if isinstance(self.constant, str) else bool(self.constant)
        return Structure(p, q, P, Q, season, mean, self.method == "exact"), d, D

    @property
    def standard_errors_(self):
        check_is_fitted(self)
        if self._standard_errors is None:
            self._standard_errors = _standard_errors(self._form, self.params_, self._w)
        return self._standard_errors

    def loglik(self, params, y):
        """Log-likelihood of any parameters, without a fit.

        Parameters
        ----------
        params : array_like of float
            In the order of `params_`: mu (if the model has a constant), phi, theta, Phi, Theta, sigma^2.
        y : array_like of float, shape (T,)

        Returns
        -------
        float
            -inf where the autoregressive part is not stationary (exact likelihood) or sigma^2 is not positive.

        Notes
        -----
        Source: eqs. exact-likelihood and css of the chapter *arima*.
        """
        structure, d, D = self._structure()
        y = as_series("y", y, d + D * structure.season + max(structure.ar, structure.ma) + 1)
        names, params = _names(structure), as_series("params", params, 1)
        if len(params) != len(names):
            raise ValueError(f"params must have {len(names)} values ({', '.join(names)}), got {len(params)}")
        return float(_loglik_at(structure, params[None], difference(y, d, D, structure.season))[0])

    # Forecasting ------------------------------------------------------------------------------------------

    def forecast(self, h, level=0.9):
        """Best forecasts of the next `h` values of the series, with their intervals.

        Parameters
        ----------
        h : int, >= 1
        level : float, in (0, 1)
            Probability of each interval.

        Returns
        -------
        Forecast
            Arrays `mean`, `lower`, `upper`, `sd` of shape (h,), in the units of the series.

        Notes
        -----
        Conditional means and standard deviations given the whole sample, with the parameters taken as known:
        intervals miss the uncertainty of the estimates. In a long series with an invertible theta
        sd_h^2 = sigma^2 (psi_0^2 + ... + psi_{h-1}^2).
        Source: eqs. psi-weights and forecast-interval of the chapter *arima*; D2-EQ-26, D3-EQ-05, D3-EQ-20.
        """
        mean, A = self._future(h)
        return normal_forecast(mean, np.sqrt(self.sigma2_ * (A * A).sum(axis=1)), level)

    def simulate(self, h, paths=1000, random_state=None):
        """Random continuations of the series.

        Parameters
        ----------
        h, paths : int, >= 1
        random_state : None, int or numpy.random.RandomState

        Returns
        -------
        ndarray of float, shape (paths, h)

        Notes
        -----
        Errors of successive steps are correlated: sums over a lead time must be taken path by path.
        Source: eq. forecast-interval of the chapter *arima*.
        """
        mean, A = self._future(h)
        shocks = check_random_state(random_state).standard_normal((integer("paths", paths), len(mean)))
        return mean + np.sqrt(self.sigma2_) * shocks @ A.T

    def psi_weights(self, h):
        """psi_0 .. psi_{h-1}: what a shock of 1 adds to the series 0, 1, .. h - 1 periods later.

        Notes
        -----
        psi(B) = theta(B) Theta(B^m) / (phi(B) Phi(B^m) (1 - B)^d (1 - B^m)^D).
        Source: eq. psi-weights of the chapter *arima*.
        """
        from scipy.signal import lfilter

        check_is_fitted(self)
        impulse = np.zeros(integer("h", h))
        impulse[0] = 1
        return lfilter(self._theta, self._whole(), impulse)

    def _whole(self):
        """phi(B) Phi(B^m) (1 - B)^d (1 - B^m)^D."""
        return np.convolve(self._phi, difference_polynomial(self._d, self._D, self._form.season))

    def _factor(self, h):
        """Cholesky factor of V for n + h values (lower band storage), and the shocks of the sample."""
        from scipy.linalg.lapack import dpbtrf, dtbtrs

        structure, phi, theta = self._form, self._phi[None], self._theta[None]
        r = max(structure.ar, structure.ma) if structure.exact else structure.ar
        u = likelihood.transform(phi, (self._w - self.constant_)[None, None], r)[0, 0, structure.skipped:]
        if structure.exact:
            L, _ = dpbtrf(likelihood.band(phi, theta, len(u) + h)[0].T, lower=1)
        else:
            L = np.repeat(theta.T, len(u) + h, axis=1)
        shocks, _ = dtbtrs(np.asfortranarray(L[:, :len(u)]), u[:, None], uplo="L")
        return L, shocks[:, 0]

    def _future(self, h):
        """Mean (h,) of the next values, and the matrix (h, h) that makes their errors of independent shocks."""
        from scipy.signal import lfilter, lfiltic

        check_is_fitted(self)
        L, shocks = self._factor(integer("h", h))
        n = len(shocks)
        known, errors = np.full(h, self.intercept_), np.zeros((h, h))       # of u + c
        for k in range(len(L)):                                             # L[k, t] is the element (t + k, t)
            t = np.arange(max(0, n - k), n + h - k)
            old, new = t[t < n], t[t >= n]
            known[old + k - n] += L[k, old] * shocks[old]
            errors[new + k - n, new - n] = L[k, new]
        whole = self._whole()
        state = lfiltic([1.0], whole, self.y_[::-1][:len(whole) - 1])
        mean = lfilter([1.0], whole, known, zi=state)[0] if len(state) else known
        return mean, lfilter([1.0], whole, errors, axis=0)


# ----------------------------------------------------------------------------------------------------------
# Parts of the fit
# ----------------------------------------------------------------------------------------------------------

def _triple(name, orders):
    if not isinstance(orders, (tuple, list, np.ndarray)) or len(orders) != 3:
        raise ValueError(f"{name} must be three integers >= 0, got {orders!r}")
    return tuple(integer(f"{name}[{i}]", value, 0) for i, value in enumerate(orders))


def _names(structure):
    words = [("phi", structure.p), ("theta", structure.q), ("Phi", structure.P), ("Theta", structure.Q)]
    coefficients = [f"{word}_{i + 1}" for word, order in words for i in range(order)]
    return ["mu"] * structure.mean + coefficients + ["sigma2"]


def _long_enough(structure, d, D, y, name="y", ndim=1):
    """The series as floats, or an error that says how many values the orders need."""
    parameters = structure.size + structure.mean + 1
    lost, lag, y = d + D * structure.season, max(structure.ar, structure.ma), as_series(name, y, 1, ndim)
    after = max(parameters + 1 + structure.skipped, lag + 1)
    if y.shape[-1] < lost + after:
        raise ValueError(
            f"{name} must have at least {lost + after} values for this model ({lost} are lost to differencing, "
            f"and {parameters} parameters of lag up to {lag} need {after}), got {y.shape[-1]}")
    return y


def estimate(structure, d, D, Y):
    """Of series Y (k, T): coefficients (k, size), mu (k,), whether w varies, and whether the search ended (k,)."""
    w = difference(Y, d, D, structure.season)
    center, varies = _center(structure, w, Y, d + D)
    coefficients, mu, ended = np.zeros((len(Y), structure.size)), center.copy(), np.ones(len(Y), dtype=bool)
    if varies.any():
        x = w[varies] - center[varies, None]
        scale = np.sqrt((x * x).mean(axis=1))
        x /= scale[:, None]
        angles, ended[varies] = likelihood.maximise(structure, x)
        coefficients[varies] = structure.coefficients(angles)
        mu[varies] += scale * likelihood.Profile(structure, x).mean(angles, np.arange(len(x)))
    return coefficients, mu, varies, ended


def _center(structure, w, Y, differences):
    """Means of the w (0 without constant), and which w differ from them by more than rounding."""
    center = w.mean(axis=1) if structure.mean else np.zeros(len(w))
    rounding = 8 * np.finfo(float).eps * 2**differences * np.abs(Y).max(axis=1)
    varies = np.abs(w - center[:, None]).max(axis=1) > rounding
    if not structure.mean and structure.p + structure.P:
        endless = varies & (np.abs(w - w.mean(axis=1, keepdims=True)).max(axis=1) <= rounding)
        if endless.any():
            raise Unbounded(
                f"the differenced series is the constant {w[endless][0].mean():.6g}, and the likelihood of an "
                f"autoregression without constant is unbounded: use constant=True or difference once more")
    return center, varies


def _criteria(loglik, parameters, n):
    """AIC, AICc and BIC (eq. aicc of the chapter *arima*)."""
    aic = 2 * parameters - 2 * loglik
    spare = n - parameters - 1
    aicc = aic + 2 * parameters * (parameters + 1) / spare if spare > 0 else np.inf
    return float(aic), float(aicc), float(parameters * np.log(n) - 2 * loglik)


@np.errstate(over="ignore", invalid="ignore")
def _loglik_at(structure, params, w):
    """Log-likelihood (rows,) at parameter vectors (rows, len(names)) of one series."""
    mean, sigma2 = params[:, 0] * structure.mean, params[:, -1]
    coefficients = params[:, int(structure.mean):-1]
    phi, _ = structure.polynomials(coefficients)
    ok = sigma2 > 0
    if structure.exact and structure.ar:
        ok &= [is_stationary(-row[1:]) for row in phi]
    value = np.full(len(params), -np.inf)
    if ok.any():
        w = np.tile(w, (ok.sum(), 1))
        value[ok], _ = likelihood.loglik(structure, coefficients[ok], mean[ok], sigma2[ok], w)
    return value


def _standard_errors(structure, params, w):
    """From second differences of the log-likelihood."""
    k, sigma2 = len(params), params[-1]
    coefficients = params[int(structure.mean):-1][None]
    if sigma2 == 0:
        return np.zeros(k)
    if any(_edge(polynomial[0]) for polynomial in structure.polynomials(coefficients)):
        return np.full(k, np.nan)
    step = 1e-4 * np.maximum(np.abs(params), 0.1)
    step[-1] = 1e-3 * sigma2
    if structure.mean:
        step[0] = np.sqrt(sigma2 / len(w))
    moves = np.diag(step)
    pairs = [(i, j) for i in range(k) for j in range(i, k)]
    points = [params + a * moves[i] + b * moves[j] for i, j in pairs for a in (1, -1) for b in (1, -1)]
    value = _loglik_at(structure, np.array(points), w).reshape(-1, 4)
    with np.errstate(invalid="ignore"):
        second = value @ [1, -1, -1, 1]
    hessian = np.empty((k, k))
    for (i, j), change in zip(pairs, second):
        hessian[i, j] = hessian[j, i] = change / (4 * step[i] * step[j])
    if not np.isfinite(hessian).all():
        return np.full(k, np.nan)
    variances = np.diag(np.linalg.pinv(-hessian))
    return np.sqrt(np.where(variances > 0, variances, np.nan))


def _edge(polynomial, distance=1e-4):
    """Whether a root is within `distance` of the unit circle."""
    return bool((np.abs(np.roots(polynomial)) > 1 - distance).any())


# ----------------------------------------------------------------------------------------------------------
# Which orders
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class OrderRow:
    """One model of the table of `choose_order`."""

    order: tuple
    seasonal: tuple
    constant: bool
    parameters: int
    loglik: float
    aic: float
    aicc: float
    bic: float
    converged: bool


@dataclass(frozen=True, eq=False)
class OrderChoice:
    """Result of `choose_order`.

    Attributes
    ----------
    d, D, season : int
    table : tuple of OrderRow
        Best AICc first.
    best : ARIMA
        The fitted model of the first row.
    tests : UnitRoots or None
        What d and D rest on; None where both were given.
    """

    d: int
    D: int
    season: int
    table: tuple
    best: ARIMA
    tests: UnitRoots | None


def choose_order(y, d=None, D=None, season=1, max_p=3, max_q=3, max_P=1, max_Q=1, constant="auto", method="exact"):
    """The orders with the least AICc, among all up to the given ones, at one order of differencing.

    Parameters
    ----------
    y : array_like of float, shape (T,)
    d, D : int or None
        Orders of differencing; None: by `unit_root_tests`.
    season : int, default 1
        m; 1 for no season.
    max_p, max_q, max_P, max_Q : int, >= 0
    constant : "auto" or bool
        "auto": with and without constant where d + D <= 1, else without.
    method : {"exact", "css"}

    Returns
    -------
    OrderChoice

    Raises
    ------
    ValueError
        If the series is too short for every model, or no model has a largest likelihood.

    Notes
    -----
    AICc = -2 log L + 2 k + 2 k (k + 1) / (n - k - 1) with k parameters (sigma^2 counts) and n differenced values.
    L is a density of the differenced series: another d is another series, of another length, so that the
    likelihoods of models with different d or D are not comparable. Hence d and D are fixed first, by tests.
    Models for which the series is too short, whose AICc has no positive n - k - 1, or whose likelihood is
    unbounded (an autoregression without constant, of a straight line) are left out.
    Source: eqs. aicc, difference and stationarity of the chapter *arima*; D3-PROC-18.
    """
    season = integer("season", season)
    least = [integer(name, value, 0) for name, value in
             [("max_p", max_p), ("max_q", max_q), ("max_P", max_P), ("max_Q", max_Q)]]
    y = as_series("y", y, 3)
    if not (isinstance(constant, (bool, np.bool_)) or isinstance(constant, str) and constant == "auto"):
        raise ValueError(f'constant must be "auto", True or False, got {constant!r}')
    if season == 1:
        if D:
            raise ValueError(f"season must be an integer >= 2 where D > 0, got D={D!r} and season=1")
        D, least[2:] = 0, [0, 0]
    tests = None
    if d is None or D is None:
        tests = unit_root_tests(y, season, D) if d is None else unit_root_tests(y, season, D, max_d=0)
        d, D = tests.d if d is None else d, tests.D
    constants = ([False, True] if d + D <= 1 else [False]) if isinstance(constant, str) else [constant]
    fits, unbounded = [], None
    for p, q, P, Q in np.ndindex(*(top + 1 for top in least)):
        for with_constant in constants:
            model = ARIMA((p, d, q), (P, D, Q), season, with_constant, method)
            structure, *_ = model._structure()
            after = len(y) - d - D * season - structure.skipped
            if after >= max(structure.size + structure.mean + 3, structure.ar + 1, structure.ma + 1):
                try:
                    fits.append(model.fit(y))
                except Unbounded as error:
                    unbounded = error
    if not fits and unbounded:
        raise unbounded
    if not fits:
        least = d + D * season + 3 + min(constants)
        raise ValueError(f"y must have at least {least} values for d={d}, D={D}, got {len(y)}")
    fits.sort(key=lambda model: (model.aicc_, len(model.params_)))
    table = tuple(OrderRow(m.order, m.seasonal, m._form.mean, len(m.params_), m.loglik_, m.aic_, m.aicc_, m.bic_,
                           m.converged_) for m in fits)
    return OrderChoice(d, D, season, table, fits[0], tests)
