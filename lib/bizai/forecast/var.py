"""Vector autoregression: several series, each explained by the past of all.

Symbols are those of the chapter *var*: y_t is the vector of the K series at t = 1, ..., T, and
y_t = c + b t + A_1 y_{t-1} + ... + A_p y_{t-p} + eps_t with shocks eps_t of covariance Sigma; Psi_h is the
response of y_{t+h} to eps_t. A table of numbers `Y` has a row per time and a column per series.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from bizai._check import integer, number
from bizai.forecast.result import Forecast, normal_forecast, numbers

__all__ = ["GrangerTest", "ImpulseBands", "LagTable", "VAR", "VARForecast", "choose_lags", "companion"]

TRENDS = {"n": 0, "c": 1, "ct": 2}


# ----------------------------------------------------------------------------------------------------------
# Results
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class VARForecast(Forecast):
    """A `Forecast` of K series, arrays of shape (h, K), with the `covariances` of its errors, (h, K, K)."""

    covariances: np.ndarray


@dataclass(frozen=True, eq=False)
class ImpulseBands:
    """Impulse `response` with bootstrap bands `lower` and `upper` of the `level`, shape (h + 1, K, K)."""

    response: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    level: float


@dataclass(frozen=True)
class GrangerTest:
    """Test that the lags of some series do not help to forecast others: `statistic`, `df`, `p_value`, `kind`."""

    statistic: float
    df: tuple
    p_value: float
    kind: str


@dataclass(frozen=True, eq=False)
class LagTable:
    """Information criteria of the lags 0, 1, ... at one sample: arrays `lags`, `aic`, `bic` and `hqic`."""

    lags: np.ndarray
    aic: np.ndarray
    bic: np.ndarray
    hqic: np.ndarray

    def best(self, criterion="aic"):
        """The number of lags with the lowest "aic", "bic" or "hqic"."""
        if criterion not in ("aic", "bic", "hqic"):
            raise ValueError(f'criterion must be "aic", "bic" or "hqic", got {criterion!r}')
        return int(self.lags[np.argmin(getattr(self, criterion))])


# ----------------------------------------------------------------------------------------------------------
# The model
# ----------------------------------------------------------------------------------------------------------

class VAR(BaseEstimator):
    """Vector autoregression of K series by least squares, equation by equation.

    Parameters
    ----------
    lags : int, >= 0, default 1
        p.
    trend : "n", "c" or "ct", default "c"
        Nothing, a constant c, or a constant and a linear trend b t, where t = 1 is the first row of `Y`.

    Attributes
    ----------
    coefficients_ : ndarray of shape (p, K, K)
        A_1, ..., A_p: entry (k, j) of A_i is the effect of series j, i steps ago, on series k.
    constant_, trend_ : ndarray of shape (K,)
        c and b, 0 where the model has none.
    parameters_, standard_errors_ : ndarray of shape (m, K)
        All parameters, a column per equation, and their standard errors. The rows are the constant, the trend
        (those of them that the model has), then the K series at lag 1, at lag 2, ...
    covariance_, covariance_ml_ : ndarray of shape (K, K)
        Sigma: the residuals' squares and products summed, over n - m, and over n = T - p.
    residuals_ : ndarray of shape (T - p, K)
    n_obs_ : int
        n = T - p, the rows that are explained.
    loglik_ : float
        Gaussian log-likelihood of these rows, given the first p.
    aic_, bic_, hqic_ : float
        log det Sigma (over n) + penalty m K / n, with penalty 2, log n and 2 log log n. Compare them at one sample
        only (`choose_lags`).
    eigenvalues_ : ndarray of complex, shape (p K,)
        Of the companion matrix, the largest first. The roots of the characteristic polynomial are their
        reciprocals.
    is_stable_ : bool
        Whether all of them are inside the unit circle.

    Raises
    ------
    ValueError
        If an argument is out of range; if `Y` has missing or too few rows, a constant series, or one that is a
        linear combination of the others, of their past or of its own.

    Notes
    -----
    Source: eqs. var-model, var-least-squares, var-companion and var-stability of the chapter *var*; D2-EQ-36,
    D2-SYS-19. All equations have the same right-hand side, so least squares one by one is also generalised least
    squares and, given the first p rows, maximum likelihood. The series are centred (if there is a constant) and
    scaled before a QR factorisation, so that their units do not matter.

    Examples
    --------
    >>> Y = np.random.default_rng(0).normal(size=(200, 2))
    >>> VAR(lags=2).fit(Y).coefficients_.shape
    (2, 2, 2)
    """

    def __init__(self, lags=1, trend="c"):
        self.lags = lags
        self.trend = trend

    def fit(self, Y, y=None):
        """Estimate the model.

        Parameters
        ----------
        Y : array_like of shape (T, K)
        y : ignored

        Returns
        -------
        self
        """
        p = integer("lags", self.lags, least=0)
        Y = _table(Y)
        fit = _regress(Y, p, _trend(self.trend))
        self._Y, self._fit = Y, fit
        n, m = fit.Z.shape
        K = Y.shape[1]
        r = m - p * K
        self.n_features_in_, self.n_obs_ = K, n
        self.parameters_ = fit.L @ fit.B * fit.scale
        if r:
            self.parameters_[0] += fit.mean
        zero = np.zeros(K)
        self.constant_ = self.parameters_[0].copy() if r else zero
        self.trend_ = self.parameters_[1].copy() if r == 2 else zero
        self.coefficients_ = self.parameters_[r:].reshape(p, K, K).transpose(0, 2, 1).copy()
        self.residuals_ = fit.E * fit.scale
        S = self.residuals_.T @ self.residuals_
        self.covariance_, self.covariance_ml_ = S / (n - m), S / n
        self._V = fit.L @ fit.V @ fit.L.T
        self.standard_errors_ = np.sqrt(np.outer(np.diag(self._V), np.diag(self.covariance_)))
        self.loglik_ = -n / 2 * (K * np.log(2 * np.pi) + fit.logdet + K)
        self.aic_, self.bic_, self.hqic_ = _criteria(fit.logdet, n, m * K)
        values = np.linalg.eigvals(companion(self.coefficients_))
        self.eigenvalues_ = values[np.argsort(-abs(values), kind="stable")].astype(complex)
        self.is_stable_ = bool((abs(values) < 1).all())
        return self

    def forecast(self, h, level=0.9, parameters=False):
        """Forecast the h steps after the last row.

        Parameters
        ----------
        h : int, >= 1
        level : float, 0 < level < 1, default 0.9
            Of the intervals, each for one step and one series by itself.
        parameters : bool, default False
            Whether the covariances include the uncertainty of the estimated parameters, given the observed rows,
            to first order (their derivatives times their covariance). Without, they are those of the shocks alone,
            and the intervals cover a little less than `level` in short samples.

        Returns
        -------
        VARForecast

        Notes
        -----
        Source: eq. var-forecast of the chapter *var*; D2-EQ-36, D2-SYS-19. Step s has the covariance
        sum_{i < s} Psi_i Sigma Psi_i^T.
        """
        check_is_fitted(self)
        h = integer("h", h)
        mean = self._continue(np.zeros((1, h, self.n_features_in_)))[0]
        Psi = self.impulse_response(h - 1)
        covariances = np.cumsum(Psi @ self.covariance_ @ Psi.transpose(0, 2, 1), axis=0)
        if parameters:
            J = self._derivatives(mean)
            covariances += J @ np.kron(self._fit.V, self.covariance_) @ J.transpose(0, 2, 1)
        sd = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        step = normal_forecast(mean, sd, level)
        return VARForecast(step.mean, step.lower, step.upper, step.sd, step.level, covariances)

    def _derivatives(self, mean):
        """Derivatives (h, K, m K) of the forecasts in the parameters of the scaled regressors, by recursion."""
        h, K = mean.shape
        p, m = len(self.coefficients_), len(self.parameters_)
        path = np.concatenate([self._Y[len(self._Y) - p:], mean])
        J = np.zeros((h, K, m * K))
        for s in range(h):
            z = np.r_[np.r_[1, len(self._Y) + s + 1][:m - p * K], path[s:s + p][::-1].ravel()]
            J[s] = np.kron(z @ self._fit.L, np.eye(K))
            for i in range(min(p, s)):
                J[s] += self.coefficients_[i] @ J[s - 1 - i]
        return J

    def simulate(self, h, paths, random_state=None, shocks="normal"):
        """Draw paths of the h steps after the last row.

        Parameters
        ----------
        h, paths : int, >= 1
        random_state : None, int or numpy.random.Generator
        shocks : "normal" or "residuals", default "normal"
            Normal with covariance Sigma, or drawn from the centred residuals, a row at a time, scaled to the
            degrees of freedom.

        Returns
        -------
        ndarray of float, shape (paths, h, K)

        Notes
        -----
        Source: eq. var-model of the chapter *var*; D2-SYS-19. A path is right jointly over its steps and series,
        so sums over time (demand over a lead time) have the right variance. The parameters are taken as known.
        """
        check_is_fitted(self)
        h, paths = integer("h", h), integer("paths", paths)
        rng = np.random.default_rng(random_state)
        if shocks == "normal":
            eps = rng.standard_normal((paths, h, self.n_features_in_)) @ np.linalg.cholesky(self.covariance_).T
        elif shocks == "residuals":
            rows = rng.integers(self.n_obs_, size=(paths, h))
            eps = _for_bootstrap(self.residuals_, len(self.parameters_))[rows]
        else:
            raise ValueError(f'shocks must be "normal" or "residuals", got {shocks!r}')
        return self._continue(eps)

    def _continue(self, eps):
        """The series after the last row when the shocks are `eps`, both of shape (paths, h, K)."""
        T, p = len(self._Y), len(self.coefficients_)
        times = np.arange(T + 1, T + eps.shape[1] + 1)
        start = np.broadcast_to(self._Y[T - p:], (len(eps), p, self.n_features_in_))
        path = _recursion(self.coefficients_, start, self.constant_ + np.outer(times, self.trend_) + eps)
        return path[:, p:]

    def impulse_response(self, h, orthogonal=False):
        """Responses of all series to a shock in one of them, 0 to h steps later.

        Parameters
        ----------
        h : int, >= 0
        orthogonal : bool, default False
            Whether the shocks are uncorrelated ones with variance 1, eps = P u with Sigma = P P^T and P lower
            triangular. They depend on the order of the series: the first is not moved at once by any other.

        Returns
        -------
        ndarray of float, shape (h + 1, K, K)
            Entry (s, k, j): the response of series k to a shock in series j, s steps before.

        Notes
        -----
        Psi_0 = I and Psi_s = A_1 Psi_{s-1} + ... + A_p Psi_{s-p}. Source: eqs. impulse-response and
        orthogonal-response of the chapter *var*; D2-EQ-36.
        """
        check_is_fitted(self)
        Psi = _responses(self.coefficients_, integer("h", h, least=0))
        return Psi @ np.linalg.cholesky(self.covariance_) if orthogonal else Psi

    def impulse_bands(self, h, repetitions=500, level=0.9, random_state=None, orthogonal=False):
        """Impulse responses with bands by the residual bootstrap.

        Parameters
        ----------
        h : int, >= 0
        repetitions : int, >= 2, default 500
            Series of the same length, from the same first p rows and with shocks drawn from the residuals, from
            each of which the model is estimated anew.
        level : float, 0 < level < 1, default 0.9
            Of each response by itself, not of all at once.
        random_state : None, int or numpy.random.Generator
        orthogonal : bool, default False

        Returns
        -------
        ImpulseBands
            Its ends are quantiles of the responses estimated from the drawn series.

        Notes
        -----
        Source: eqs. impulse-response and orthogonal-response of the chapter *var*. Estimated responses die out too
        fast in short samples, those of the drawn series once more, and the bands inherit this: for a stable VAR(2)
        of two series, bands of 90 % held the true response in 86 % (one step) to 74 % (eight steps) of the samples
        of 60 rows, and in 88 to 82 % of those of 200. Bands reflected at the response, 2 response - upper to
        2 response - lower, held it a little more often at the first two or three steps and less often later.
        """
        check_is_fitted(self)
        Psi = self.impulse_response(h, orthogonal)
        repetitions, level = integer("repetitions", repetitions, least=2), number("level", level, above=0, below=1)
        rng = np.random.default_rng(random_state)
        size = max(1, 2**21 // max(1, self._fit.Z.size))
        sizes = [min(size, repetitions - done) for done in range(0, repetitions, size)]
        drawn = np.concatenate([self._bootstrap(h, count, rng, orthogonal) for count in sizes])
        lower, upper = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return ImpulseBands(Psi, lower, upper, level)

    def _bootstrap(self, h, repetitions, rng, orthogonal):
        """Responses estimated from that many drawn series, in scaled units until the end."""
        fit, p, K = self._fit, len(self.coefficients_), self.n_features_in_
        (n, m), r = fit.Z.shape, fit.Z.shape[1] - p * K
        eps = _for_bootstrap(fit.E, m)[rng.integers(n, size=(repetitions, n))]
        start = np.broadcast_to(fit.S[:p], (repetitions, p, K))
        A = fit.B[r:].reshape(p, K, K).transpose(0, 2, 1)
        S = _recursion(A, start, fit.Z[:, :r] @ fit.B[:r] + eps)
        Z = np.concatenate([np.broadcast_to(fit.Z[:, :r], (repetitions, n, r))]
                           + [S[:, p - i:p + n - i] for i in range(1, p + 1)], axis=2)
        Q, R = np.linalg.qr(Z)
        B = np.linalg.solve(R, Q.transpose(0, 2, 1) @ S[:, p:])
        A = B[:, r:].reshape(repetitions, p, K, K).swapaxes(-1, -2)
        Psi = _responses(A, h)
        if orthogonal:
            E = S[:, p:] - Z @ B
            Psi = Psi @ np.linalg.cholesky(E.transpose(0, 2, 1) @ E / (n - m))[:, None]
            return Psi * fit.scale[:, None]
        return Psi * fit.scale[:, None] / fit.scale

    def variance_decomposition(self, h):
        """Shares of the forecast error variance that each orthogonal shock causes.

        Parameters
        ----------
        h : int, >= 1

        Returns
        -------
        ndarray of float, shape (h, K, K)
            Entry (s - 1, k, j): the share of shock j in the variance of series k, s steps ahead. Rows sum to 1.

        Notes
        -----
        Source: eq. variance-decomposition of the chapter *var*; D2-EQ-36. Like the orthogonal responses, the
        shares depend on the order of the series.
        """
        parts = np.cumsum(self.impulse_response(integer("h", h) - 1, orthogonal=True) ** 2, axis=0)
        return parts / parts.sum(axis=2, keepdims=True)

    def granger(self, causing, caused, kind="F"):
        """Test that the past of some series does not help to forecast others.

        Parameters
        ----------
        causing, caused : int or sequence of int, 0 <= index < K
            Series whose lags the hypothesis leaves out, and in whose equations.
        kind : "F" or "wald", default "F"
            Compare the Wald statistic over the number of restrictions N with F(N, K (n - m)), or the statistic
            itself with chi-squared(N).

        Returns
        -------
        GrangerTest
            A low `p_value` speaks for causality in Granger's sense: the past of the one helps to forecast the
            other beyond what the rest of the past does. It says nothing of an intervention.

        Notes
        -----
        Source: eq. granger-test of the chapter *var*; D2-EQ-36. For one caused series the F statistic is that of
        the two regressions with and without the lags, but for the degrees of freedom K (n - m) in place of n - m.
        """
        from scipy.special import chdtrc, fdtrc

        check_is_fitted(self)
        p, K = len(self.coefficients_), self.n_features_in_
        j, k = _indices("causing", causing, K), _indices("caused", caused, K)
        if set(j) & set(k):
            raise ValueError(f"causing and caused must be different series, got {j.tolist()} and {k.tolist()}")
        if p == 0:
            raise ValueError("lags must be >= 1 for a test of causality, got 0")
        if kind not in ("F", "wald"):
            raise ValueError(f'kind must be "F" or "wald", got {kind!r}')
        rows = (len(self.parameters_) - p * K + K * np.arange(p)[:, None] + j).ravel()
        B = self.parameters_[np.ix_(rows, k)]
        explained = np.linalg.solve(self._V[np.ix_(rows, rows)], B)
        wald = float(np.sum(B * np.linalg.solve(self.covariance_[np.ix_(k, k)], explained.T).T))
        N = len(rows) * len(k)
        if kind == "wald":
            return GrangerTest(wald, (N,), float(chdtrc(N, wald)), kind)
        df = (N, K * (self.n_obs_ - len(self.parameters_)))
        return GrangerTest(wald / N, df, float(fdtrc(*df, wald / N)), kind)


def choose_lags(Y, max_lags, trend="c"):
    """Information criteria of the lags 0 to `max_lags`, all from the same rows.

    Parameters
    ----------
    Y : array_like of shape (T, K)
    max_lags : int, >= 1
    trend : "n", "c" or "ct", default "c"
        As for `VAR`; with "n" the table starts at one lag.

    Returns
    -------
    LagTable

    Notes
    -----
    Source: eqs. var-model and var-least-squares of the chapter *var*; D2-SYS-19. Every model explains the rows
    max_lags + 1, ..., T: with fewer rows for more lags, the criteria would not be comparable.
    """
    Y, most = _table(Y), integer("max_lags", max_lags)
    lags = np.arange(0 if _trend(trend) else 1, most + 1)
    fits = [_regress(Y, p, _trend(trend), first=most) for p in lags]
    rows = [_criteria(fit.logdet, len(fit.Z), fit.B.size) for fit in fits]
    return LagTable(lags, *np.array(rows).T)


def companion(A):
    """The matrix F that makes a VAR(p) a VAR(1) of the stacked (y_t, y_{t-1}, ..., y_{t-p+1}).

    Parameters
    ----------
    A : array_like of shape (p, K, K)

    Returns
    -------
    ndarray of float, shape (p K, p K)

    Notes
    -----
    Source: eq. var-companion of the chapter *var*.
    """
    A = numbers("A", A)
    if A.ndim != 3 or A.shape[1] != A.shape[2]:
        raise ValueError(f"A must have the shape (p, K, K), got {A.shape}")
    p, K, _ = A.shape
    F = np.eye(p * K, k=-K)
    if p:
        F[:K] = A.transpose(1, 0, 2).reshape(K, p * K)
    return F


# ----------------------------------------------------------------------------------------------------------
# Least squares and recursions
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class _Regression:
    """Scaled series S = (Y - mean) / scale explained by Z: S = Z B + E, V = (Z^T Z)^-1.

    The unscaled regressors times `L` are Z; `logdet` is log det of the unscaled E^T E / n.
    """

    S: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    Z: np.ndarray
    B: np.ndarray
    E: np.ndarray
    V: np.ndarray
    L: np.ndarray
    logdet: float


def _regress(Y, p, r, first=None):
    """Least squares of the rows after `first` (p by default) on `r` trend columns and p lags."""
    T, K = Y.shape
    first = p if first is None else first
    n, m = T - first, r + p * K
    if n < m + K:
        raise ValueError(f"Y must have at least {first + m + K} rows for {p} lags of {K} series and {r} trend "
                         f"coefficients, got {T}")
    mean = Y.mean(axis=0) if r else np.zeros(K)
    spread = np.ptp(Y, axis=0)
    size = abs(Y).max(axis=0)
    if (spread <= 1e-14 * size).any():
        raise ValueError(f"Y must have no constant series, got one in column {np.argmax(spread <= 1e-14 * size)}")
    scale = np.sqrt(np.mean((Y - mean) ** 2, axis=0))
    S = (Y - mean) / scale
    t = np.arange(first + 1, T + 1)
    Z = np.column_stack([np.ones(n), (t - (T + 1) / 2) / T][:r] + [S[first - i:T - i] for i in range(1, p + 1)]) \
        if m else np.empty((n, 0))
    L = np.diag(np.r_[[1, 1 / T][:r], np.tile(1 / scale, p)])
    if r:
        L[0, r:] = -np.tile(mean / scale, p)
    if r == 2:
        L[0, 1] = -(T + 1) / 2 / T
    Q, R = np.linalg.qr(Z)
    tolerance = 1e-9 + 16 * np.finfo(float).eps * size / scale
    alone = abs(np.diag(R)[r:]) <= np.tile(tolerance, p) * np.linalg.norm(R[:, r:], axis=0)
    if alone.any():
        lag, column = divmod(int(np.argmax(alone)), K)
        raise ValueError(f"Y must have no series that follows exactly from the others, got column {column}, which "
                         f"at lag {lag + 1} is a linear combination of other columns, the trend and fewer lags")
    B = np.linalg.solve(R, Q.T @ S[first:])
    E = S[first:] - Z @ B
    own = abs(np.diag(np.linalg.qr(E, mode="r"))) / np.sqrt(n)
    if (own <= tolerance).any():
        raise ValueError(f"Y must have no series without shocks, got column {np.argmax(own <= tolerance)}, which "
                         "is an exact linear function of the past and of the columns before it")
    inverse = np.linalg.inv(R)
    logdet = 2 * float(np.sum(np.log(own * scale)))
    return _Regression(S, mean, scale, Z, B, E, inverse @ inverse.T, L, logdet)


def _criteria(logdet, n, parameters):
    """AIC, BIC and HQIC per row."""
    return tuple(float(logdet + penalty * parameters / n) for penalty in (2, np.log(n), 2 * np.log(np.log(n))))


def _recursion(A, start, inputs):
    """Paths (R, p + n, K) with y_t = A_1 y_{t-1} + ... + A_p y_{t-p} + input, from `start` (R, p, K)."""
    p = start.shape[1]
    path = np.concatenate([start, np.broadcast_to(inputs, (len(start), *inputs.shape[-2:]))], axis=1)
    for t in range(p, path.shape[1]):
        for i in range(p):
            path[:, t] += path[:, t - 1 - i] @ A[i].T
    return path


def _responses(A, h):
    """Psi_0, ..., Psi_h of the coefficients `A` (..., p, K, K)."""
    p, K = A.shape[-3], A.shape[-1]
    Psi = np.zeros((*A.shape[:-3], h + 1, K, K))
    Psi[..., 0, :, :] = np.eye(K)
    for s in range(1, h + 1):
        for i in range(min(p, s)):
            Psi[..., s, :, :] += A[..., i, :, :] @ Psi[..., s - 1 - i, :, :]
    return Psi


def _for_bootstrap(E, m):
    """Centred residuals, scaled up for the m parameters of each equation."""
    return (E - E.mean(axis=0)) * np.sqrt(len(E) / (len(E) - m))


# ----------------------------------------------------------------------------------------------------------
# Arguments
# ----------------------------------------------------------------------------------------------------------

def _table(Y):
    Y = numbers("Y", Y)
    if Y.ndim != 2 or Y.shape[1] == 0:
        raise ValueError(f"Y must have the shape (T, K), a column per series, got {Y.shape}")
    wrong = np.argwhere(~np.isfinite(Y))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(f"Y must be finite and complete, got {Y[row, column]} in row {row} of column {column}")
    return Y


def _trend(trend):
    """Number of trend columns."""
    if not isinstance(trend, str) or trend not in TRENDS:
        raise ValueError(f'trend must be "n", "c" or "ct", got {trend!r}')
    return TRENDS[trend]


def _indices(name, indices, K):
    found = np.atleast_1d(np.asarray(indices))
    if found.ndim != 1 or found.dtype.kind not in "iu" or not found.size or (
            len(np.unique(found)) < found.size or ((found < 0) | (found >= K)).any()):
        raise ValueError(f"{name} must be one or several different columns from 0 to {K - 1}, got {indices!r}")
    return found
