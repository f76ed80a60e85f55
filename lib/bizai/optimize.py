"""Empirical risk, its gradient and curvature, and the descents that minimise it.

Symbols are those of the chapter *gradient_descent*: X (n x d) holds a row x_i per customer, y the labels,
w the weights and b the intercept. The parameters theta of a risk are either w (d numbers, no intercept) or
(b, w) with the intercept first (d + 1 numbers). eta (`step`) is the step size, ell (`l2`) the weight of the
penalty ell/2 ||w||^2, which is added to the mean loss and never touches the intercept. lambda is an
eigenvalue of a Hessian, and L (`curvature`) its largest one or a bound of it.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from ._check import integer, number

__all__ = [
    "Descent", "LinearRegression", "LogisticRegression", "best_step", "binary_cross_entropy", "contraction",
    "cross_entropy", "cross_entropy_gradient", "curvature", "gradient_descent", "guaranteed_decrease",
    "largest_eigenvalue", "logistic_hessian", "logistic_newton", "logistic_risk", "sigmoid", "squared_error",
    "squared_hessian", "squared_risk",
]

EPS = np.finfo(float).eps
BLOWN_UP = 1e10       # a value that has grown by this much, relative to 1 + |first value|, is called divergence
HALVINGS = 1100       # of a step, before a search along a line gives up: down to the smallest number
BLOCK = 4096          # rows weighted at once for a Hessian: they stay in the processor's cache
SAMPLE = 5            # Newton's method starts from the optimum of every fifth row, which costs a fifth a step ...
ROWS_PER_PARAMETER = 100                # ... if that leaves twenty rows a parameter
SAMPLE_GTOL, SAMPLE_STEPS = 1e-3, 10    # about how far the sample's optimum is from the one sought
REUSE = 0.3           # a new Hessian costs as much as three gradients; between 0.1 and 0.4 the time is the same
NOISE = 1e-9          # of values, where the features are far from zero: 1e5 standard deviations, say
RIDGES = (1e-12, 1e-9, 1e-6)            # of a Hessian with unit diagonal


# ----------------------------------------------------------------------------------------------------------
# Losses
# ----------------------------------------------------------------------------------------------------------

def sigmoid(z):
    """Logistic function 1/(1 + exp(-z)) of array_like `z`, without overflow.

    Notes
    -----
    Source: eq. logistic-model of the chapter *gradient_descent*; D2-EQ-09, D3-EQ-10.
    """
    from scipy.special import expit

    return expit(np.asarray(z, dtype=float))


def cross_entropy(y, z):
    """Mean logistic loss, from labels and log-odds.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    z : array_like of float, shape (n,)
        Log-odds (logits) b + w'x_i of label 1.

    Returns
    -------
    float
        Mean of log(1 + exp(-s_i z_i)) with s_i = 2 y_i - 1, in nats.

    Raises
    ------
    ValueError
        If a label is neither 0 nor 1, or the shapes differ.

    Notes
    -----
    Source: eq. cross-entropy of the chapter *gradient_descent*; D0-EQ-09, D0-EQ-10. From log-odds nothing
    overflows and nothing rounds to log 0: at z = -1e4 a label 1 costs 1e4.
    """
    y, z = _labels_and("z", y, z)
    return float(_logistic_loss(y, z)[0].mean())


def cross_entropy_gradient(y, z):
    """Gradient of `cross_entropy` with respect to the log-odds z: (sigma(z_i) - y_i)/n, shape (n,).

    Notes
    -----
    Source: eq. logistic-gradient of the chapter *gradient_descent*; D0-EQ-11. The articles' quotients y/p and
    (1-y)/(1-p) cancel against sigma' = p (1-p), and with them the division by zero.
    """
    y, z = _labels_and("z", y, z)
    return _logistic_loss(y, z)[1] / len(y)


def binary_cross_entropy(y, p):
    """Mean of -[y_i log p_i + (1-y_i) log(1-p_i)], from labels and probabilities.

    Parameters
    ----------
    y : array_like of 0 and 1, shape (n,)
    p : array_like of float between 0 and 1, shape (n,)
        Probability of label 1.

    Returns
    -------
    float
        In nats. 0 log 0 counts as 0; inf where a label had the probability 0.

    Raises
    ------
    ValueError
        If a label is neither 0 nor 1, a probability is not between 0 and 1, or the shapes differ.

    Notes
    -----
    Source: eq. cross-entropy of the chapter *gradient_descent*; D0-EQ-08, D0-EQ-09, D0-EQ-10.
    """
    y, p = _labels_and("p", y, p)
    wrong = p[(p < 0) | (p > 1)]
    if wrong.size:
        raise ValueError(f"p must be between 0 and 1, got {wrong[0]}")
    with np.errstate(divide="ignore"):
        return float(np.mean(np.abs(np.where(y == 1, np.log(p), np.log1p(-p)))))


def squared_error(y, yhat):
    """Half the mean squared error, (1/2n) sum (yhat_i - y_i)^2 (eq. empirical-risk; D2-EQ-71)."""
    y, yhat = _vector("y", y), _vector("yhat", yhat)
    _same_length("y", y, "yhat", yhat)
    return float(np.mean((yhat - y) ** 2) / 2)


def _logistic_loss(y, z):
    """log(1 + exp(-s z)) with s = 2y - 1, and its derivative by z, without overflow and with exact tails."""
    sign = 1 - 2 * y
    t = sign * z
    e = np.exp(-np.abs(t))
    return np.log1p(e) + np.maximum(t, 0), sign * np.where(t > 0, 1, e) / (1 + e)


# ----------------------------------------------------------------------------------------------------------
# Risks: value and gradient
# ----------------------------------------------------------------------------------------------------------

def logistic_risk(theta, X, y, l2=0.0):
    """Penalised mean logistic loss and its gradient.

    Parameters
    ----------
    theta : array_like of float, shape (d,) or (d + 1,)
        Weights w, or intercept and weights (b, w).
    X : array_like of float, shape (n, d)
    y : array_like of 0 and 1, shape (n,)
    l2 : float, >= 0
        Penalty weight ell of ell/2 ||w||^2; the intercept is not penalised.

    Returns
    -------
    value : float
    gradient : ndarray of float, shape of `theta`

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Notes
    -----
    The gradient is X'(sigma(z) - y)/n + ell w, and the mean of sigma(z) - y for b. Source: eqs. empirical-risk,
    cross-entropy and logistic-gradient of the chapter *gradient_descent*; D0-EQ-02, D0-EQ-03, D0-EQ-10,
    D0-EQ-11, D2-EQ-04, D2-EQ-08, D2-EQ-09.
    """
    X, theta = _table_and_parameters(X, theta)
    y, _ = _labels_and("the rows of X", y, X[:, 0])
    return _logistic_risk(theta, X, y, number("l2", l2, least=0))


def squared_risk(theta, X, y, l2=0.0):
    """Penalised half mean squared error of the predictions b + w'x_i, and its gradient.

    Parameters, returned values and errors are those of `logistic_risk`, for labels y of any size.

    Notes
    -----
    The gradient is X'(Xw + b - y)/n + ell w. Source: eqs. empirical-risk and squared-gradient of the chapter
    *gradient_descent*; D2-EQ-02, D2-EQ-03, D2-EQ-71, D2-EQ-72.
    """
    X, theta = _table_and_parameters(X, theta)
    y = _vector("y", y)
    _same_length("y", y, "the rows of X", X)
    return _squared_risk(theta, X, y, number("l2", l2, least=0))


def logistic_hessian(theta, X, l2=0.0):
    """Hessian of `logistic_risk`, X' diag(p (1-p)) X/n + ell I, which does not depend on the labels.

    Parameters
    ----------
    theta, X, l2
        As for `logistic_risk`.

    Returns
    -------
    ndarray of float, shape (len(theta), len(theta))
        Symmetric and positive semidefinite, hence the risk is convex.

    Notes
    -----
    Source: eq. logistic-hessian of the chapter *gradient_descent*; D0-EQ-13.
    """
    X, theta = _table_and_parameters(X, theta)
    return _logistic_hessian(theta, X, number("l2", l2, least=0))


def squared_hessian(X, l2=0.0, *, fit_intercept=True):
    """Hessian X'X/n + ell I of `squared_risk` (eq. squared-gradient; D2-EQ-72), the same everywhere.

    With `fit_intercept` the first row and column belong to the intercept, which has no penalty.
    """
    X = _table(X)
    return _gram(X, np.ones(len(X)), number("l2", l2, least=0), bool(fit_intercept))


def _logistic_risk(theta, X, y, l2):
    return _with_penalty(*_logistic_loss(y, _scores(theta, X)), theta, X, l2)


def _squared_risk(theta, X, y, l2):
    residual = _scores(theta, X) - y
    return _with_penalty(residual**2 / 2, residual, theta, X, l2)


def _scores(theta, X):
    """z = Xw + b, where theta is w or (b, w)."""
    d = X.shape[1]
    return X @ theta if theta.size == d else X @ theta[1:] + theta[0]


def _with_penalty(losses, slopes, theta, X, l2):
    """Value and gradient of a risk from the rows' losses and their derivatives by the scores z."""
    n, d = X.shape
    w = theta[-d:]
    gradient = np.empty(theta.size)
    gradient[0] = slopes.mean()             # of the intercept; without one the next line overwrites it
    gradient[-d:] = slopes @ X / n + l2 * w
    return float(losses.mean() + l2 / 2 * (w @ w)), gradient


def _logistic_hessian(theta, X, l2):
    p = sigmoid(_scores(theta, X))
    return _gram(X, p * (1 - p), l2, theta.size > X.shape[1])


def _gram(X, h, l2, fit_intercept):
    """X' diag(h) X/n + ell I, with a leading row and column of the intercept."""
    n, d = X.shape
    root = np.sqrt(h)[:, None]
    H = np.zeros((d + fit_intercept, d + fit_intercept))
    weights = H[-d:, -d:]
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, n, BLOCK):
            rows = slice(start, start + BLOCK)
            A = X[rows] * root[rows]
            weights += A.T @ A
    if not np.isfinite(weights).all():
        raise ValueError("X is so large that its squares overflow: scale the features")
    if fit_intercept:
        H[0, 0] = h.sum()
        H[0, 1:] = H[1:, 0] = h @ X
    H /= n
    weights[np.diag_indices(d)] += l2
    return H


# ----------------------------------------------------------------------------------------------------------
# How long a step may be
# ----------------------------------------------------------------------------------------------------------

def largest_eigenvalue(H):
    """Largest eigenvalue lambda_max of a symmetric matrix H (array_like, shape (d, d))."""
    H = _array("H", H, 2, "(d, d)")
    if H.shape[0] != H.shape[1] or not np.allclose(H, H.T, atol=1e-8 * np.abs(H).max()):
        raise ValueError(f"H must be a symmetric matrix, got {np.array2string(H, threshold=9, precision=4)}")
    return float(np.linalg.eigvalsh(H)[-1])


def curvature(X, l2=0.0, loss="logistic", *, fit_intercept=True):
    """L, the largest curvature of a risk anywhere: steps up to 1/L are safe, steps from 2/L on need not be.

    Parameters
    ----------
    X : array_like of float, shape (n, d)
    l2 : float, >= 0
    loss : {"logistic", "squared"}
        For the squared risk L is lambda_max of its Hessian. For the logistic risk, where p (1-p) <= 1/4, it is
        the bound lambda_max(X'X/(4n) + ell I), which the Hessian reaches where all probabilities are 1/2.
    fit_intercept : bool
        Whether theta is (b, w): X then has a leading column of ones, on which there is no penalty.

    Returns
    -------
    float

    Notes
    -----
    Source: eqs. descent-lemma and logistic-hessian of the chapter *gradient_descent*; D2-EQ-74.
    """
    X = _table(X)
    weight = {"logistic": 0.25, "squared": 1.0}.get(loss)
    if weight is None:
        raise ValueError(f"loss must be 'logistic' or 'squared', got {loss!r}")
    return largest_eigenvalue(_gram(X, np.full(len(X), weight), number("l2", l2, least=0), bool(fit_intercept)))


def guaranteed_decrease(step, curvature):
    """How far a gradient step lowers a risk at least, per ||gradient||^2.

    Parameters
    ----------
    step : array_like of float
        eta.
    curvature : array_like of float
        L, as by `curvature`.

    Returns
    -------
    float or ndarray of float, broadcast shape
        eta (1 - eta L/2): at most 1/(2L), at eta = 1/L; negative, hence no guarantee, above 2/L.

    Notes
    -----
    Source: eq. descent-lemma of the chapter *gradient_descent*. D2-EQ-74 claims eta/2 for all eta < 2/L, which is
    more than this for eta > 1/L and there fails already for a parabola.
    """
    step, curvature = np.asarray(step, dtype=float), np.asarray(curvature, dtype=float)
    return _plain(step * (1 - step * curvature / 2))


def contraction(step, eigenvalues):
    """Factor max |1 - eta lambda| by which a step shrinks the distance to the optimum of a quadratic, or more.

    Parameters
    ----------
    step : array_like of float
        eta, any shape.
    eigenvalues : array_like of float, shape (d,)
        Of the Hessian; the smallest and the largest suffice.

    Returns
    -------
    float or ndarray of float, shape of `step`
        Below 1 exactly where all steps converge: 0 < eta < 2/lambda_max with a positive smallest eigenvalue.

    Notes
    -----
    Source: eq. descent-rate of the chapter *gradient_descent*; D0-EQ-13, D2-EQ-73.
    """
    step = np.asarray(step, dtype=float)[..., None]
    return _plain(np.abs(1 - step * _vector("eigenvalues", eigenvalues)).max(axis=-1))


def best_step(smallest, largest):
    """Step 2/(lambda_min + lambda_max) with the smallest `contraction` (eq. best-step; D2-EQ-73)."""
    smallest, largest = np.asarray(smallest, dtype=float), np.asarray(largest, dtype=float)
    if not np.all((smallest >= 0) & (largest >= smallest) & (largest > 0)):
        raise ValueError("smallest and largest must be eigenvalues, 0 <= smallest <= largest and largest > 0, got "
                         f"{smallest} and {largest}")
    return _plain(2 / (smallest + largest))


# ----------------------------------------------------------------------------------------------------------
# Descents
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Descent:
    """The path of a descent and why it ended.

    Attributes
    ----------
    x : ndarray of float, shape (d,)
        Last point.
    value : float
    gradient : ndarray of float, shape (d,)
        At `x`.
    path : ndarray of float, shape (iterations + 1, d)
        From the start to `x`; all finite.
    values, gradient_norms : ndarray of float, shape (iterations + 1,)
        Along `path`; the norms are Euclidean.
    steps : ndarray of float, shape (iterations,)
        Step sizes taken.
    iterations : int
    converged : bool
        Whether the last gradient norm is at most the tolerance.
    reason : str
        Why the descent ended, in one sentence.
    """

    x: np.ndarray
    value: float
    gradient: np.ndarray
    path: np.ndarray
    values: np.ndarray
    gradient_norms: np.ndarray
    steps: np.ndarray
    iterations: int
    converged: bool
    reason: str


def gradient_descent(fun, x0, *, step=None, method="fixed", gtol=1e-8, max_iter=10_000, curvature=None,
                     strong_convexity=0.0):
    """Minimise a function by steps along its negative gradient.

    Parameters
    ----------
    fun : callable
        ``fun(x) -> (value, gradient)``.
    x0 : array_like of float, shape (d,)
        Start.
    step : float, > 0, optional
        eta; by default 1/`curvature`. With backtracking the first one tried, by default 1/`curvature` or 1.
    method : {"fixed", "backtracking", "nesterov"}
        "fixed" takes the same step each time. "backtracking" doubles the last step and halves it until the value
        falls by at least eta/2 ||gradient||^2, as it does for every step <= 1/L. "nesterov" starts each step
        from a point extrapolated along the last one.
    gtol : float, >= 0
        The descent has converged when the Euclidean norm of the gradient is at most this.
    max_iter : int, >= 1
    curvature : float, > 0, optional
        L, a bound of the largest eigenvalue of the Hessian.
    strong_convexity : float, >= 0
        A lower bound mu of the smallest eigenvalue, used by "nesterov" only.

    Returns
    -------
    Descent
        A descent that diverges ends where a value or gradient is not finite or the value has grown by 1e10
        times 1 + |first value|, on the point before; it raises no error and no warning, and `reason` says so.

    Raises
    ------
    ValueError
        If an argument is out of range, or neither step nor curvature is given and `method` needs one.

    Notes
    -----
    Source: eqs. descent-update, descent-lemma, descent-rate and nesterov-step of the chapter *gradient_descent*;
    D0-EQ-06, D0-EQ-13, D2-EQ-73, D2-EQ-74.

    Examples
    --------
    >>> result = gradient_descent(lambda x: (x @ x, 2 * x), [3.0, 4.0], step=0.25)
    >>> result.converged, result.path[:3, 0].tolist()
    (True, [3.0, 1.5, 0.75])
    """
    x = _vector("x0", x0).copy()
    gtol, max_iter = number("gtol", gtol, least=0), integer("max_iter", max_iter)
    take = {"fixed": _fixed, "backtracking": _backtracking, "nesterov": _nesterov}.get(method)
    if take is None:
        raise ValueError(f"method must be 'fixed', 'backtracking' or 'nesterov', got {method!r}")
    eta = _first_step(step, curvature, needed=method != "backtracking")
    mu = number("strong_convexity", strong_convexity, least=0)

    def quietly(x):
        with np.errstate(all="ignore"):
            value, gradient = fun(x)
        return float(value), np.array(gradient, dtype=float)       # a copy: `fun` may reuse its own

    here = quietly(x)
    if here[1].shape != x.shape:
        raise ValueError(f"fun must return the value and a gradient of shape {x.shape}, got shape {here[1].shape}")
    return _follow(take(quietly, x, *here, eta, mu), x, here, gtol, max_iter)


def _fixed(fun, x, value, gradient, eta, mu):
    """x <- x - eta gradient (eq. descent-update)."""
    while True:
        x = x - eta * gradient
        value, gradient = fun(x)
        yield eta, x, value, gradient


def _backtracking(fun, x, value, gradient, eta, mu):
    """The same, with the largest of 2 eta, eta, eta/2 ... that lowers the value enough."""
    eta = eta / 2
    while True:
        found = _search(fun, x, value, gradient, -gradient, first=2 * eta, share=0.5, noise=4 * EPS)
        if found is None:
            return
        eta, x, value, gradient = found
        yield found


def _nesterov(fun, x, value, gradient, eta, mu):
    """A gradient step from x + beta (x - last x) (eq. nesterov-step)."""
    q = math.sqrt(min(mu * eta, 1))
    t, last = 1.0, x
    while True:
        t, beta = (1 + math.sqrt(1 + 4 * t * t)) / 2, t
        beta = (1 - q) / (1 + q) if q else (beta - 1) / t
        y = x + beta * (x - last)
        last, x = x, y - eta * (fun(y)[1] if beta else gradient)
        value, gradient = fun(x)
        yield eta, x, value, gradient


def _search(fun, x, value, gradient, direction, *, first, share, noise):
    """First of `first`, first/2 ... along `direction` to lower the value by `share` of the linear promise.

    Where the values differ by `noise` (relative) at most, a smaller gradient will do. None if no step does.
    """
    slope = gradient @ direction
    step = first
    for _ in range(HALVINGS):
        new = x + step * direction
        if (new == x).all():
            return None
        new_value, new_gradient = fun(new)
        if new_value < value + share * step * slope or (
                abs(new_value - value) <= noise * abs(value) and _norm(new_gradient) < _norm(gradient)):
            return step, new, new_value, new_gradient
        step /= 2
    return None


def _follow(moves, x, here, gtol, max_iter):
    """Collect the moves (step, x, value, gradient) into a `Descent` until there is a reason to stop."""
    value, gradient = here
    path, values, norms, steps = [x], [value], [_norm(gradient)], []
    reason = None if math.isfinite(value + norms[0]) else (
        f"the start has the value {value:.3g} and the gradient norm {norms[0]:.3g}")
    while reason is None:
        if norms[-1] <= gtol:
            reason = f"converged: gradient norm {norms[-1]:.3g} <= {gtol:.3g}"
            break
        if len(steps) == max_iter:
            reason = f"not converged after max_iter {max_iter}: gradient norm {norms[-1]:.3g} > {gtol:.3g}"
            break
        with np.errstate(all="ignore"):
            move = next(moves, None)
        if move is None:
            reason = f"no step lowers the value in floating point: gradient norm {norms[-1]:.3g} > {gtol:.3g}"
            break
        step, x, value, new_gradient = move
        norm = _norm(new_gradient)
        if not (math.isfinite(value + norm) and value - values[0] <= BLOWN_UP * (1 + abs(values[0]))):
            reason = (f"diverged in iteration {len(steps) + 1}: the value went from {values[0]:.3g} to "
                      f"{value:.3g}; the step {step:.3g} is too large")
            break
        gradient = new_gradient
        path.append(x), values.append(value), norms.append(norm), steps.append(step)
    return Descent(path[-1], values[-1], gradient, np.array(path), np.array(values), np.array(norms),
                   np.array(steps), len(steps), norms[-1] <= gtol, reason)


def _norm(gradient):
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(gradient))


def _first_step(step, curvature, needed):
    if step is not None:
        return number("step", step, above=0)
    if curvature is not None:
        return 1 / number("curvature", curvature, above=0)
    if needed:
        raise ValueError("step must be a number > 0, or curvature be given for a step of 1/curvature, got None")
    return 1.0


# ----------------------------------------------------------------------------------------------------------
# Newton's method for the logistic risk
# ----------------------------------------------------------------------------------------------------------

def logistic_newton(X, y, l2=0.0, *, fit_intercept=True, gtol=1e-6, max_iter=100, reuse=REUSE):
    """Minimise `logistic_risk` by Newton's method.

    Parameters
    ----------
    X, y, l2
        As for `logistic_risk`.
    fit_intercept : bool
        Whether theta is (b, w) or w.
    gtol : float, >= 0
        Tolerance of the Euclidean norm of the gradient.
    max_iter : int, >= 1
    reuse : float, >= 0
        A Hessian is kept for further steps while each shrinks the gradient norm to less than this share.
        With 0, every step has its own, and the path starts at theta = 0; otherwise, from 100 rows a parameter
        on, it starts at the optimum of every fifth row.

    Returns
    -------
    Descent
        `steps` are the shares of the Newton steps that were taken, 1 unless the value would not fall enough.

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Notes
    -----
    theta <- theta - H^-1 gradient. Steps with an older Hessian are not quite Newton's, but the gradient that has
    to vanish is exact. Source: eqs. newton-step, logistic-gradient and logistic-hessian of the chapter
    *gradient_descent*; D0-EQ-13.
    """
    X = _table(X)
    y, _ = _labels_and("the rows of X", y, X[:, 0])
    l2, gtol, reuse = (number(*pair, least=0) for pair in (("l2", l2), ("gtol", gtol), ("reuse", reuse)))
    return _logistic_newton(X, y, l2, bool(fit_intercept), gtol, integer("max_iter", max_iter), reuse)


def _logistic_newton(X, y, l2, fit_intercept, gtol, max_iter, reuse):
    theta, solve = np.zeros(X.shape[1] + fit_intercept), None
    if reuse and len(X) >= ROWS_PER_PARAMETER * theta.size:
        sample = X[::SAMPLE].copy()
        theta = _logistic_newton(sample, y[::SAMPLE], l2, fit_intercept, SAMPLE_GTOL, SAMPLE_STEPS, reuse).x
        solve = _solver(_logistic_hessian(theta, sample, l2))
    here = _logistic_risk(theta, X, y, l2)
    if here[0] > math.log(2):                               # the risk of theta = 0
        theta, solve = np.zeros(theta.size), None
        here = _logistic_risk(theta, X, y, l2)
    moves = _newton(lambda t: _logistic_risk(t, X, y, l2), lambda t: _logistic_hessian(t, X, l2),
                    theta, *here, solve, reuse)
    return _follow(moves, theta, here, gtol, max_iter)


def _newton(fun, hessian, x, value, gradient, solve, reuse):
    """Steps x <- x - H^-1 gradient, shortened where needed; H is that of an earlier x while it serves."""
    last = math.inf
    while True:
        norm = _norm(gradient)
        if fresh := solve is None or norm > reuse * last:
            solve = _solver(hessian(x))
        found = _search(fun, x, value, gradient, -solve(gradient), first=1.0, share=1e-4, noise=NOISE)
        if found is not None:
            last = norm
            _, x, value, gradient = found
            yield found
        elif fresh:
            return
        else:
            solve = None


def _solver(H):
    """Function g -> H^-1 g, by Cholesky's method with a unit diagonal and a trace of ridge, for singular H."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    diagonal = np.diagonal(H)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
    scaled = H * scale * scale[:, None]
    for ridge in RIDGES:
        try:
            factor = cho_factor(scaled + ridge * np.eye(len(H)))
        except LinAlgError:
            continue
        return lambda g: scale * cho_solve(factor, scale * g)
    raise AssertionError("a Hessian with unit diagonal and ridge is positive definite")


def _is_separated(theta, X, y):
    """Whether some hyperplane has all labels on their sides (or on it), so that the loss has no minimum.

    Certain if theta does it; suspected, and settled by a linear programme, if at the end of the descent a Newton
    step still moves a score: on the way to infinity it moves one by at least 1.
    """
    from scipy.optimize import linprog

    s = 2 * y - 1
    if np.all(s * _scores(theta, X) > 0):
        return True
    gradient = _logistic_risk(theta, X, y, 0.0)[1]
    step = _solver(_logistic_hessian(theta, X, 0.0))(gradient)
    if np.abs(_scores(step, X)).max() < 0.5:
        return False
    A = s[:, None] * (X if theta.size == X.shape[1] else np.column_stack((np.ones(len(X)), X)))
    A /= np.maximum(np.abs(A).max(axis=0), np.finfo(float).tiny)
    best = linprog(-A.sum(axis=0), A_ub=np.vstack((-A, A)), b_ub=np.repeat([0.0, 1.0], len(A)),
                   bounds=(None, None))                     # the most that scores between 0 and 1 can add up to
    return bool(best.status == 0 and -best.fun > 0.5)


# ----------------------------------------------------------------------------------------------------------
# Estimators
# ----------------------------------------------------------------------------------------------------------

class LogisticRegression(ClassifierMixin, BaseEstimator):
    """Binary logistic regression: the minimum of `logistic_risk`.

    Parameters
    ----------
    l2 : float, >= 0
        Penalty weight ell on the mean loss; scikit-learn's C is 1/(n ell). 0 is maximum likelihood.
    solver : {"newton", "descent", "nesterov"}
        Newton's method, or gradient descent with the step 1/L, plain or accelerated. The descents are slow
        unless the features have similar scales.
    tol : float, >= 0
        Tolerance of the Euclidean norm of the gradient.
    max_iter : int, >= 1
    fit_intercept : bool

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
        The two labels in ascending order; probabilities and log-odds are those of the second.
    coef_ : ndarray of float, shape (1, d)
        Weights w, log-odds per unit of the feature.
    intercept_ : ndarray of float, shape (1,)
        b, or 0.
    n_iter_ : int
    descent_ : Descent
        The path of theta = (b, w), or w without an intercept, to the optimum.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, shape (d,)
        Only if X has names.

    Warns
    -----
    ConvergenceWarning
        If the tolerance is not reached, or if l2 is 0 and the labels can be separated: the loss then falls
        forever as the coefficients grow, and the ones returned are merely where the descent ended.

    Notes
    -----
    Source: eqs. logistic-model, empirical-risk, logistic-gradient, newton-step and descent-update of the chapter
    *gradient_descent*; D0-EQ-08, D0-EQ-10, D0-EQ-13, D2-EQ-04, D2-EQ-06, D2-EQ-09, D3-EQ-10.

    Examples
    --------
    >>> model = LogisticRegression(l2=0, tol=1e-9).fit([[0], [0], [0], [1], [1]], ["no", "no", "yes", "no", "yes"])
    >>> model.predict_proba([[0]]).round(6).tolist()
    [[0.666667, 0.333333]]
    """

    def __init__(self, l2=1e-4, *, solver="newton", tol=1e-6, max_iter=1000, fit_intercept=True):
        self.l2 = l2
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.fit_intercept = fit_intercept

    def fit(self, X, y):
        """Fit to X (array_like, shape (n, d)) and labels y (array_like, shape (n,), two distinct values)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        y = self._encode(y)
        l2, tol = number("l2", self.l2, least=0), number("tol", self.tol, least=0)
        max_iter = integer("max_iter", self.max_iter)
        self.descent_ = self._minimise(X, y, l2, bool(self.fit_intercept), tol, max_iter)
        theta = self.descent_.x
        if l2 == 0 and _is_separated(theta, X, y):
            _warn("the labels can be separated by the features, so that the loss has no finite optimum: "
                  f"the coefficients are where the descent ended; set l2 > 0 ({self.descent_.reason})")
        elif not self.descent_.converged:
            _warn(f"{self.descent_.reason}; raise max_iter or tol, or scale the features")
        self.coef_ = theta[None, -X.shape[1]:]
        self.intercept_ = theta[:1] if self.fit_intercept else np.zeros(1)
        self.n_iter_ = self.descent_.iterations
        return self

    def _encode(self, y):
        """Labels as 0.0 and 1.0."""
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind != "binary":
            raise ValueError("Only binary classification is supported. The type of the target is "
                             f"{kind}: y must hold two distinct labels, got {len(np.unique(y))}")
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold two classes, got one class only: {self.classes_[0]}")
        return codes.astype(float)

    def _minimise(self, X, y, l2, fit_intercept, tol, max_iter):
        if self.solver == "newton":
            return _logistic_newton(X, y, l2, fit_intercept, tol, max_iter, REUSE)
        if self.solver not in ("descent", "nesterov"):
            raise ValueError(f"solver must be 'newton', 'descent' or 'nesterov', got {self.solver!r}")
        return _descend(self.solver, "logistic", X, y, l2, fit_intercept, tol, max_iter)

    def decision_function(self, X):
        """Log-odds b + w'x of the second class, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, X):
        """Probabilities of both classes, shape (n, 2) (eq. logistic-model)."""
        z = self.decision_function(X)
        return np.column_stack((sigmoid(-z), sigmoid(z)))

    def predict(self, X):
        """The more probable class, shape (n,)."""
        positive = self.decision_function(X) > 0
        return self.classes_[positive.astype(int)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class LinearRegression(RegressorMixin, BaseEstimator):
    """Linear regression: the minimum of `squared_risk`.

    Parameters
    ----------
    l2 : float, >= 0
        Penalty weight ell on the half mean squared error; the alpha of scikit-learn's `Ridge` is n ell.
    solver : {"exact", "descent", "nesterov"}
        Least squares by singular values (the smallest w where several are optimal), or gradient descent with
        the step 1/L, plain or accelerated.
    tol : float, >= 0
        Tolerance of the Euclidean norm of the gradient, in the descents.
    max_iter : int, >= 1
        Of the descents.
    fit_intercept : bool

    Attributes
    ----------
    coef_ : ndarray of float, shape (d,)
        Weights w.
    intercept_ : float
        b, or 0.
    n_iter_ : int
        1 for the exact solution.
    n_features_in_, feature_names_in_
        As for `LogisticRegression`.

    Warns
    -----
    ConvergenceWarning
        If a descent does not reach the tolerance.

    Notes
    -----
    Source: eqs. empirical-risk, squared-gradient, descent-update and nesterov-step of the chapter
    *gradient_descent*; D2-EQ-02, D2-EQ-03, D2-EQ-07, D2-EQ-71, D2-EQ-72, D2-EQ-73.
    """

    def __init__(self, l2=0.0, *, solver="exact", tol=1e-6, max_iter=10_000, fit_intercept=True):
        self.l2 = l2
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.fit_intercept = fit_intercept

    def fit(self, X, y):
        """Fit to X (array_like, shape (n, d)) and y (array_like, shape (n,))."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        y = y.astype(float)
        l2, tol = number("l2", self.l2, least=0), number("tol", self.tol, least=0)
        max_iter, fit_intercept = integer("max_iter", self.max_iter), bool(self.fit_intercept)
        if self.solver == "exact":
            theta, self.n_iter_ = _least_squares(X, y, l2, fit_intercept), 1
        elif self.solver not in ("descent", "nesterov"):
            raise ValueError(f"solver must be 'exact', 'descent' or 'nesterov', got {self.solver!r}")
        else:
            descent = _descend(self.solver, "squared", X, y, l2, fit_intercept, tol, max_iter)
            theta, self.n_iter_ = descent.x, descent.iterations
            if not descent.converged:
                _warn(f"{descent.reason}; raise max_iter or tol, or scale the features")
        self.coef_ = theta[-X.shape[1]:]
        self.intercept_ = float(theta[0]) if fit_intercept else 0.0
        return self

    def predict(self, X):
        """b + w'x, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return X @ self.coef_ + self.intercept_


def _descend(solver, loss, X, y, l2, fit_intercept, tol, max_iter):
    """Gradient descent from 0 with the step 1/L; any step will do where the risk is flat, L = 0."""
    risk = {"logistic": _logistic_risk, "squared": _squared_risk}[loss]
    return gradient_descent(
        lambda theta: risk(theta, X, y, l2), np.zeros(X.shape[1] + fit_intercept),
        method="fixed" if solver == "descent" else solver, gtol=tol, max_iter=max_iter,
        curvature=curvature(X, l2, loss, fit_intercept=fit_intercept) or 1.0)


def _least_squares(X, y, l2, fit_intercept):
    """Exact optimum of `squared_risk`: centred columns take the intercept out, l2 adds sqrt(n l2) I as rows."""
    n, d = X.shape
    x_mean, y_mean = (X.mean(axis=0), y.mean()) if fit_intercept else (np.zeros(d), 0.0)
    centred = X - x_mean
    if fit_intercept:
        centred[:, np.ptp(X, axis=0) == 0] = 0              # and not what rounding leaves of a constant column
    target = y - y_mean
    if l2 > 0:
        centred = np.vstack((centred, math.sqrt(n) * math.sqrt(l2) * np.eye(d)))
        target = np.concatenate((target, np.zeros(d)))
    w = np.linalg.lstsq(centred, target, rcond=None)[0]
    return np.concatenate(([y_mean - x_mean @ w], w)) if fit_intercept else w


# ----------------------------------------------------------------------------------------------------------
# Arguments and results
# ----------------------------------------------------------------------------------------------------------

def _warn(message):
    warnings.warn(message, ConvergenceWarning, stacklevel=3)


def _plain(values):
    """A float instead of an array without dimensions."""
    return float(values) if np.ndim(values) == 0 else values


def _array(name, values, ndim, shape):
    """`values` as a finite float64 array with that number of dimensions and at least one number."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {values!r}") from None
    if array.ndim != ndim or not array.size:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        raise ValueError(f"{name} must be finite, got {array[~finite][0]}")
    return array


def _vector(name, values):
    return _array(name, values, 1, "(n,) with n >= 1")


def _table(X):
    return _array("X", X, 2, "(n, d) with n, d >= 1")


def _same_length(name, values, other, others):
    if len(values) != len(others):
        raise ValueError(f"{name} must be as long as {other}, {len(others)}, got {len(values)}")


def _labels_and(name, y, values):
    """Labels 0 and 1, and `values` of the same number, as float64."""
    y, values = _vector("y", y), _vector(name, values)
    wrong = y[(y != 0) & (y != 1)]
    if wrong.size:
        raise ValueError(f"y must be labels 0 and 1, got {wrong[0]:g}")
    _same_length("y", y, name, values)
    return y, values


def _table_and_parameters(X, theta):
    """X and theta as float64; theta may have overflowed on the path of a descent."""
    X, theta = _table(X), np.asarray(theta, dtype=float)
    d = X.shape[1]
    if theta.shape not in ((d,), (d + 1,)):
        raise ValueError(f"theta must have shape ({d},), or ({d + 1},) with the intercept first, for X with {d} "
                         f"columns, got shape {theta.shape}")
    return X, theta
