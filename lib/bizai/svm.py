"""Support vector machines: the widest margin between two classes, through the dual problem.

Symbols are those of the chapter *svm_dual*: n rows x_i with d features (X, n x d), labels y_i of -1 or 1,
weights w and intercept b, dual variables alpha_i, the soft margin's cost C and a kernel K. The code works with the
signed dual variables beta_i = alpha_i y_i, for which the decision function is f = K beta + b and the constraints
read sum(beta) = 0 and lower_i <= beta_i <= upper_i, and with the errors e = y - K beta.
"""

import warnings
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from ._check import integer, number

__all__ = [
    "SVC", "DualSolution", "HardMargin", "NotSeparable", "dual_value", "hard_margin", "kkt_residual",
    "linear_kernel", "polynomial_kernel", "primal_value", "rbf_kernel", "smo",
]

STRIP = 100                 # rows of a kernel computed at once
FLAT = 1e-12                # curvature that stands in for that of a pair of equal rows


# ----------------------------------------------------------------------------------------------------------
# Kernels
# ----------------------------------------------------------------------------------------------------------

def linear_kernel(A, B=None):
    """Inner products of the rows of A with those of B.

    Parameters
    ----------
    A : array_like of shape (n, d)
    B : array_like of shape (m, d), default A

    Returns
    -------
    ndarray of shape (n, m)

    Notes
    -----
    Source: eq. svm-dual of the chapter *svm_dual*, where the rows enter by their inner products alone; D2-EQ-83.
    """
    A, B = _two(A, B)
    return A @ B.T


def rbf_kernel(A, B=None, gamma=1.0, dtype=np.float64):
    """Gaussian kernel exp(-gamma ||a - b||^2) of the rows of A with those of B.

    Parameters
    ----------
    A : array_like of shape (n, d)
    B : array_like of shape (m, d), default A
    gamma : float, > 0
        One over twice the squared width, in one over the squared unit of the features.
    dtype : float64 or float32, default float64
        Of the result; exponents have double precision either way.

    Returns
    -------
    ndarray of shape (n, m), between 0 and 1

    Raises
    ------
    ValueError
        If gamma is not positive.

    Notes
    -----
    Source: eq. rbf-kernel of the chapter *svm_dual*. Rows are centred first, so that the squared distance
    ||a||^2 + ||b||^2 - 2 a'b, here one matrix product of widened rows, loses few digits; strips of rows are
    finished while they are in the processor's cache.
    """
    number("gamma", gamma, above=0)
    same = B is None
    A, B = _two(A, B)
    centre = B.mean(axis=0) if len(B) else 0.0
    A, B = (A - centre) * np.sqrt(2 * gamma), (B - centre) * np.sqrt(2 * gamma)
    wide_a = np.column_stack([A, -0.5 * np.einsum("ij,ij->i", A, A), np.ones(len(A))])
    wide_b = np.ascontiguousarray(np.column_stack([B, np.ones(len(B)), -0.5 * np.einsum("ij,ij->i", B, B)]).T)
    K, exponents = np.empty((len(A), len(B)), dtype), np.empty((min(STRIP, len(A)), len(B)))
    for start in range(0, len(A), STRIP):
        first, stop = start if same else 0, start + STRIP
        block = K[start:stop, first:]
        exponent = np.matmul(wide_a[start:stop], wide_b[:, first:], out=exponents[:len(block), first:])
        np.copyto(block, exponent, casting="same_kind")
        np.minimum(block, 0.0, out=block)
        np.exp(block, out=block)
        if same:
            K[stop:, start:stop] = block[:, STRIP:].T                           # the mirror image
    if same:
        np.fill_diagonal(K, 1.0)
    return K


def polynomial_kernel(A, B=None, degree=3, gamma=1.0, coef0=0.0):
    """Polynomial kernel (gamma a'b + coef0)^degree of the rows of A with those of B.

    Parameters
    ----------
    A : array_like of shape (n, d)
    B : array_like of shape (m, d), default A
    degree : int, >= 1
    gamma : float, > 0
    coef0 : float, >= 0
        With coef0 > 0 the features of all degrees up to `degree` take part. A negative one is refused: the
        kernel would not be positive semidefinite and the dual not concave.

    Returns
    -------
    ndarray of shape (n, m)

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: eq. poly-kernel of the chapter *svm_dual*.
    """
    integer("degree", degree)
    number("gamma", gamma, above=0)
    number("coef0", coef0, least=0)
    A, B = _two(A, B)
    return (gamma * (A @ B.T) + coef0) ** int(degree)


# ----------------------------------------------------------------------------------------------------------
# The two values and the distance from the optimum
# ----------------------------------------------------------------------------------------------------------

def dual_value(alpha, K, y):
    """Value of the dual: sum(alpha) - 1/2 sum_ij alpha_i alpha_j y_i y_j K_ij.

    Parameters
    ----------
    alpha : array_like of shape (n,)
        Dual variables.
    K : array_like of shape (n, n)
        Kernel of the rows with one another.
    y : array_like of shape (n,)
        Labels, -1 or 1.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a label is neither -1 nor 1, or the shapes do not fit.

    Notes
    -----
    Source: eq. svm-dual of the chapter *svm_dual*; D2-EQ-83.
    """
    K, y, beta = _signed(alpha, K, y)
    return float(beta @ y - 0.5 * beta @ (K @ beta))


def primal_value(alpha, K, y, b, C=np.inf):
    """Value of the primal at w = sum_i alpha_i y_i phi(x_i): 1/2 ||w||^2 + C sum_i max(0, 1 - y_i f(x_i)).

    Parameters
    ----------
    alpha, K, y
        As in `dual_value`.
    b : float
        Intercept.
    C : float, > 0, default inf
        Cost of one unit of slack. With C = inf any slack makes the value infinite.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Notes
    -----
    Source: eq. svm-soft-primal (C = inf: eq. svm-primal) of the chapter *svm_dual*; D2-EQ-75, D2-EQ-76.
    """
    number("C", C, above=0, below=None)
    K, y, beta = _signed(alpha, K, y)
    return _primal(beta, y - K @ beta, y, float(b), C)


def kkt_residual(alpha, K, y, C=np.inf):
    """How far the dual variables are from the Karush-Kuhn-Tucker conditions.

    It is the largest difference e_i - e_j of errors e = y - K beta over the pairs in which beta_i may still
    grow and beta_j may still fall, or 0. It is 0 exactly at the optimum.

    Parameters
    ----------
    alpha, K, y
        As in `dual_value`; alpha must be feasible, 0 <= alpha <= C and sum(alpha y) = 0.
    C : float, > 0, default inf

    Returns
    -------
    float, >= 0, in units of the decision function

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Notes
    -----
    Source: eq. svm-kkt and eq. smo-pair of the chapter *svm_dual*; D2-EQ-80, D2-EQ-82, D2-EQ-84.
    """
    number("C", C, above=0, below=None)
    K, y, beta = _signed(alpha, K, y)
    excess, slip = float(beta.sum()), 1e-6 * np.abs(beta).sum()
    if not ((beta * y >= 0).all() and (beta * y <= C).all() and abs(excess) <= slip):
        raise ValueError(f"alpha must be between 0 and C {C:g} with sum(alpha y) = 0, got "
                         f"{(beta * y).min():g} to {(beta * y).max():g} with {excess:g}")
    return _residual(beta, y - K @ beta, *_box(y, C))


def _primal(beta, e, y, b, C):
    slack = np.maximum(0.0, y * (e - b)).sum()          # 1 - y f = y (y - f) = y (e - b)
    return float(0.5 * beta @ (y - e) + (C * slack if slack else 0.0))


def _dual(beta, e, y):
    return float(0.5 * beta @ (y + e))


def _box(y, C):
    """Bounds of beta = alpha y for 0 <= alpha <= C."""
    return np.where(y > 0, 0.0, -C), np.where(y > 0, C, 0.0)


def _extremes(beta, e, lower, upper):
    """Largest error of the rows whose beta may grow, least error of those whose beta may fall."""
    return (np.max(e, where=beta < upper, initial=-np.inf), np.min(e, where=beta > lower, initial=np.inf))


def _residual(beta, e, lower, upper):
    most, least = _extremes(beta, e, lower, upper)
    return float(max(most - least, 0.0))


def _intercept(beta, e, lower, upper):
    """b: rows strictly inside the box lie on the margin, where y = K beta + b; else the middle of what is left."""
    free = (lower < beta) & (beta < upper)
    if free.any():
        return float(e[free].mean())
    most, least = _extremes(beta, e, lower, upper)
    return float(0.5 * (most + least))


# ----------------------------------------------------------------------------------------------------------
# Sequential minimal optimisation
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class DualSolution:
    """Solution of the soft-margin dual.

    Attributes
    ----------
    alpha : ndarray of shape (n,)
        Dual variables, 0 <= alpha <= C.
    intercept : float
        b.
    dual_value, primal_value : float
    kkt_residual : float
        Largest violation over pairs, as in `kkt_residual`.
    n_iter : int
        Steps taken.
    converged : bool
        Whether kkt_residual <= tol.
    path : ndarray of shape (n_iter + 1, 3) or None
        Dual value, primal value and residual before the first step and after each, if `trace`.
    """

    alpha: np.ndarray
    intercept: float
    dual_value: float
    primal_value: float
    kkt_residual: float
    n_iter: int
    converged: bool
    path: np.ndarray | None = None

    @property
    def duality_gap(self):
        """Primal minus dual value: how much better than this any solution can be."""
        return self.primal_value - self.dual_value


def smo(K, y, C=1.0, *, tol=1e-3, max_iter=1_000_000, trace=False):
    """Solve the soft-margin dual by sequential minimal optimisation, two variables at a time.

    Parameters
    ----------
    K : array_like of shape (n, n)
        Kernel of the rows with one another, positive semidefinite.
    y : array_like of shape (n,)
        Labels, -1 or 1, both present.
    C : float, > 0, default 1.0
        Cost of one unit of slack; inf is the hard margin, which must exist.
    tol : float, > 0, default 1e-3
        KKT residual at which to stop.
    max_iter : int, >= 1, default 1,000,000
    trace : bool, default False
        Keep dual value, primal value and residual of every step.

    Returns
    -------
    DualSolution

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not fit.

    Notes
    -----
    Source: eq. smo-step and eq. smo-pair of the chapter *svm_dual*; D2-EQ-83, D2-EQ-84. The pair is the one of
    Fan, Chen and Lin (2005): i violates most, j gains most with it to second order.
    """
    number("C", C, above=0, below=None)
    number("tol", tol, above=0)
    integer("max_iter", max_iter)
    K, y, beta = _signed(np.zeros(np.shape(y)), K, y)
    if y.min() == y.max():
        raise ValueError(f"y must hold both labels -1 and 1, got only {y[0]:g}")
    path = [] if trace else None
    beta, e, steps = _smo(_Gram.of(K), y, C, beta, tol, max_iter, path)
    return _solution(beta, e, y, C, tol, steps, path)


def _solution(beta, e, y, C, tol, steps, path=None):
    lower, upper = _box(y, C)
    b, residual = _intercept(beta, e, lower, upper), _residual(beta, e, lower, upper)
    return DualSolution(np.abs(beta), b, _dual(beta, e, y), _primal(beta, e, y, b, C), residual, steps,
                        residual <= tol, None if path is None else np.array(path))


def _smo(gram, y, C, beta, tol, max_iter, path=None):
    """Pair steps from a feasible beta until the residual is at most tol: beta, errors and number of steps.

    In a step beta_i grows and beta_j falls by (e_i - e_j)/(K_ii + K_jj - 2 K_ij) or as far as the box allows.
    """
    (lower, upper), half = _box(y, C), (0.5 * gram.diagonal).astype(gram.dtype)
    goal = tol if gram.dtype == np.float64 else 0.95 * tol       # leaves room for rounding errors of the rows
    e = gram.errors(y, beta)
    sides = _sides(beta, e, lower, upper).astype(gram.dtype)
    grow, fall = sides
    gain, curvature = np.empty_like(grow), np.empty_like(grow)
    step, exact = 0, True                                        # or e carries rounding errors of many steps
    while True:
        if path is not None and len(path) == step:
            e = np.where(beta < upper, grow, fall)
            b = _intercept(beta, e, lower, upper)
            path.append((_dual(beta, e, y), _primal(beta, e, y, b, C), _residual(beta, e, lower, upper)))
        i = grow.argmax()
        row_i = gram.row(i)
        np.subtract(half, row_i, out=curvature)                  # half the curvature, for four times the gain
        curvature += half[i]
        np.maximum(curvature, FLAT, out=curvature)
        np.subtract(grow[i], fall, out=gain)
        np.maximum(gain, 0.0, out=gain)
        gain *= gain
        gain /= curvature
        j = gain.argmax()
        violation = float(grow[i]) - float(fall[j])
        if step >= max_iter or (violation <= goal and grow[i] - fall.min() <= goal):
            if exact:                                            # exact errors decide
                break
            e, exact = gram.errors(y, beta), True
            sides[:] = _sides(beta, e, lower, upper)
            continue
        move = min(0.5 * violation / float(curvature[j]), upper[i] - beta[i], beta[j] - lower[j])
        beta[i] = upper[i] if move == upper[i] - beta[i] else beta[i] + move
        beta[j] = lower[j] if move == beta[j] - lower[j] else beta[j] - move
        np.subtract(gram.row(j), row_i, out=curvature)
        curvature *= float(move)
        sides += curvature
        for k in (i, j):
            error = grow[k] if grow[k] > -np.inf else fall[k]
            grow[k] = error if beta[k] < upper[k] else -np.inf
            fall[k] = error if beta[k] > lower[k] else np.inf
        step, exact = step + 1, False
    return beta, e, step


def _sides(beta, e, lower, upper):
    """Errors of the rows whose beta may grow, else -inf, and of those whose beta may fall, else inf."""
    return np.array([np.where(beta < upper, e, -np.inf), np.where(beta > lower, e, np.inf)])


class _Gram:
    """Rows of the kernel matrix: all at once if they fit into `megabytes`, else on demand, the latest kept."""

    def __init__(self, X, kernel, megabytes, dtype=np.float64):
        self.X, self.kernel, self.dtype, n = X, kernel, dtype, len(X)
        size = 1e-6 * np.dtype(dtype).itemsize
        with np.errstate(over="ignore", invalid="ignore"):
            self.full = kernel(X) if size * n * n <= megabytes else None
            if self.full is None:
                self.diagonal = np.concatenate([kernel(x[None]).ravel() for x in X])
                self.rows, self.keep = OrderedDict(), max(2, int(megabytes / (size * n)))
            else:
                self.diagonal = self.full.diagonal().copy()
            if not np.isfinite(self.diagonal.sum() + self.row(0).sum()):      # the largest, or of rbf any row
                raise ValueError("X is too large for this kernel, whose values overflow: scale the features")

    @classmethod
    def of(cls, K):
        return cls(K, lambda K: K, np.inf)

    def row(self, i):
        if self.full is not None:
            return self.full[i]
        if i in self.rows:
            self.rows.move_to_end(i)
        else:
            if len(self.rows) >= self.keep:
                self.rows.popitem(last=False)
            self.rows[i] = self.kernel(self.X[i:i + 1], self.X)[0]
        return self.rows[i]

    def errors(self, y, beta):
        """e = y - K beta."""
        if self.full is not None:
            return y - _product(self.full, beta)
        support = np.flatnonzero(beta)
        return y - _in_blocks(self.kernel, self.X, self.X[support], beta[support])


def _product(K, beta):
    """K beta; of a matrix in single precision in parts, whose sums are added up in double precision."""
    if K.dtype == np.float64:
        return K @ beta
    beta = beta.astype(K.dtype)
    return sum((K[:, k:k + 256] @ beta[k:k + 256] for k in range(0, len(beta), 256)), np.zeros(len(K)))


def _block(K, rows):
    return K.take(rows[:, None] * len(K) + rows)


def _in_blocks(kernel, A, B, weights, entries=4_000_000):
    """K(A, B) @ weights without holding all of K."""
    size = max(1, entries // max(1, len(B)))
    parts = [kernel(A[start:start + size], B) @ weights for start in range(0, len(A), size)]
    return np.concatenate(parts) if parts else np.zeros(0)


# ----------------------------------------------------------------------------------------------------------
# A start near the solution: which variables are at a bound, and Newton's method for the others
# ----------------------------------------------------------------------------------------------------------

DOUBLE = 1000               # rows up to which the kernel matrix has double precision
SMALL = 400                 # rows up to which pair steps alone are fast
SHARE = 6                   # a start comes from a random sixth of the rows, with C six times as large
FEW = 3                     # rows that may still move when pair steps take over
PATIENCE = 30               # Newton steps without progress after which they do so anyway


def _near_solution(K, y, C, tol):
    """Feasible beta near the solution and the number of Newton steps, from a random sixth of the rows."""
    n = len(y)
    if n <= SMALL:
        return _smo(_Gram.of(K), y, C, np.zeros(n), max(tol, 0.03), 1000)[0], 0
    rng = np.random.default_rng(0)
    rows = np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == label))[::SHARE] for label in (-1, 1)]))
    C_part = C * n / len(rows)
    part, _ = _near_solution(_block(K, rows), y[rows], C_part, tol)
    start = np.zeros(n)
    start[rows] = part
    e, (lower, upper) = y - _product(K, start), _box(y[rows], C_part)
    b = _intercept(part, e[rows], lower, upper)
    return _newton(K, y, C, y * (e - b), np.count_nonzero((lower < part) & (part < upper)), tol)


def _newton(K, y, C, slack, on_margin, tol):
    """Semismooth Newton method on the KKT conditions, from a guess of the slacks 1 - y f and rows on the margin.

    A hinge loss with a rounded corner of width h makes alpha = C clip(slack/h, 0, 1), and the rows inside the
    corner, F, follow from a linear system: (K_FF + h/C) beta_F + b = y_F - K_FB beta_B and sum(beta) = 0. Rows
    whose alpha leaves [0, C] go to that bound, and the worse half of those whose slack asks for it comes in.
    Whenever few rows still move, h falls, at last to tol/4: the KKT residual is then at most tol/2. Where the
    kernel matrix is close to singular the sets may go round in circles; the result is then the one for the
    smallest h that was reached.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve

    (lower, upper), last = _box(y, C), min(tol, 1.0) / 4
    inside = np.sort(slack[slack > 0])
    h = max(last, inside[min(len(inside) - 1, 3 * on_margin // 2)]) if len(inside) else last
    beta = C * y * np.clip(slack / h, 0.0, 1.0)
    free = (slack > 0) & (slack < h)
    reached, progress, e = None, 0, y - _product(K, beta)
    change = np.zeros_like(beta)                # the clipping of the last step, which e does not contain yet
    ridge = 1e-10 * K.diagonal().mean()
    for step in range(1, 1000):
        F, clipped = np.flatnonzero(free), np.flatnonzero(change)
        beta += change
        right = e[F] - K[np.ix_(F, clipped)] @ change[clipped] - h / C * beta[F]
        single = len(y) > DOUBLE and h / C > 1e4 * ridge         # e makes up for its rounding errors
        system = _block(K, F).astype(np.float32 if single else np.float64, copy=False)
        system.flat[::len(F) + 1] += h / C + ridge
        try:
            factor = cho_factor(system.T, overwrite_a=True, check_finite=False)
        except LinAlgError:
            break
        right = np.column_stack([right, np.ones(len(F))]).astype(system.dtype)
        u, v = cho_solve(factor, right, check_finite=False).T.astype(np.float64)
        b = (u.sum() + beta.sum()) / v.sum() if len(F) else 0.5 * (e.max() + e.min())
        beta[F] += u - b * v
        change[F] += u - b * v
        e -= _product(K, change)
        slack = y * (e - b)
        change = np.where(free, np.clip(beta, lower, upper) - beta, 0.0)
        wrong = np.where(free, 0.0, np.where(beta == 0, slack, h - slack))
        enter = wrong > last
        moving = np.count_nonzero(enter) + np.count_nonzero(change)
        if moving <= max(0.7 * len(F), FEW):
            reached, progress = np.clip(beta, lower, upper), step if h > last else progress
            if h == last and moving <= FEW:
                break
            h = max(last, 0.2 * h)
        if step - progress > PATIENCE:
            break
        if enter.sum() > 50:
            most = int(min(enter.sum() / 2, on_margin + 50, len(y) / 8))
            enter = wrong >= np.partition(wrong, -most)[-most]
        free = (free & (change == 0)) | enter
    return _feasible(beta if reached is None else reached, lower, upper), step


def _feasible(beta, lower, upper):
    """Nearby beta within the bounds and with sum 0."""
    beta = np.clip(np.nan_to_num(beta), lower, upper)
    excess = beta.sum()
    if excess == 0:
        return beta
    k = np.argmax(np.minimum(beta - lower, upper - beta))
    if lower[k] < beta[k] - excess < upper[k]:
        beta[k] -= excess
        return beta
    positive, negative = beta[beta > 0].sum(), -beta[beta < 0].sum()
    larger = beta > 0 if positive > negative else beta < 0
    beta[larger] *= min(positive, negative) / max(positive, negative)
    return beta


# ----------------------------------------------------------------------------------------------------------
# The classifier
# ----------------------------------------------------------------------------------------------------------

class SVC(ClassifierMixin, BaseEstimator):
    """Soft-margin support vector classifier for two classes.

    Parameters
    ----------
    C : float, > 0, default 1.0
        Cost of one unit of slack: large C tolerates few rows inside the margin, small C prefers a wide margin.
    kernel : {"linear", "rbf", "poly"}, default "rbf"
    gamma : "scale" or float, > 0, default "scale"
        Of the rbf and poly kernels; "scale" is 1 / (n_features * X.var()), or 1 for constant features.
    degree : int, >= 1, default 3
        Of the poly kernel.
    coef0 : float, >= 0, default 0.0
        Of the poly kernel.
    tol : float, > 0, default 1e-3
        KKT residual at which to stop.
    max_iter : int, >= 1, or None, default None
        Most pair steps, None for 100 n or at least 100,000; a ConvergenceWarning tells if they did not suffice.
    solver : {"newton", "smo"}, default "newton"
        "smo" takes pair steps from alpha = 0. "newton" starts them near the solution, found by Newton's method
        on the free variables. It is "smo" where pair steps alone are fast (up to 400 rows, or C times the mean
        K_ii at most 1: most rows are then visited once), and if the kernel matrix does not fit in `cache_size`.
    cache_size : float, > 0, default 2000
        Megabytes for the kernel matrix; if it does not fit, its rows are computed on demand.
    trace : bool, default False
        Keep dual value, primal value and KKT residual of every pair step in `path_`.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Labels; the second one is y = 1 of the formulas.
    alpha_ : ndarray of shape (n,)
        Dual variables of all rows, 0 <= alpha <= C.
    support_ : ndarray of int
        Rows with alpha > 0.
    support_vectors_ : ndarray of shape (n_support, d)
    dual_coef_ : ndarray of shape (1, n_support)
        alpha_i y_i of the support vectors.
    intercept_ : ndarray of shape (1,)
    coef_ : ndarray of shape (1, d)
        Weights w; only with the linear kernel.
    dual_value_, primal_value_, duality_gap_ : float
        Values of the two problems and primal minus dual.
    kkt_residual_ : float
    gamma_ : float
        The gamma that was used.
    n_iter_ : int
        Newton and pair steps together, at least 1.
    n_features_in_ : int
    path_ : ndarray of shape (steps + 1, 3)
        Only with `trace`.

    Notes
    -----
    Source: eq. svm-soft-primal, eq. svm-soft-dual, eq. svm-kkt, eq. svm-gap and eq. svm-decision of the chapter
    *svm_dual*; D2-EQ-78, D2-EQ-79, D2-EQ-83, D2-EQ-84, D2-SYS-36. The rbf kernel matrix of more than 1000 rows is
    held in single precision if C <= 10,000 tol; values and residual then belong to that matrix, and agree with
    those in double precision to about 1e-6 of the dual value and 5% of tol.
    """

    def __init__(self, C=1.0, kernel="rbf", gamma="scale", degree=3, coef0=0.0, tol=1e-3, max_iter=None,
                 solver="newton", cache_size=2000.0, trace=False):
        self.C = C
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.tol = tol
        self.max_iter = max_iter
        self.solver = solver
        self.cache_size = cache_size
        self.trace = trace

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X, y):
        """Find the boundary.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)
            Labels of two classes.

        Returns
        -------
        self
        """
        number("C", self.C, above=0)
        number("tol", self.tol, above=0)
        number("cache_size", self.cache_size, above=0)
        if self.max_iter is not None:
            integer("max_iter", self.max_iter)
        _choice("solver", self.solver, ("newton", "smo"))
        X, y = validate_data(self, X, y, dtype=np.float64)
        self.classes_, y = _labels(y)
        self.gamma_ = _gamma(self.kernel, self.gamma, X)
        # Single precision moves the errors by up to 6e-6 C (measured, 5000 rows): the residual by 1e-5 C
        single = self.kernel == "rbf" and len(y) > DOUBLE and self.C <= 1e4 * self.tol
        dtype = np.float32 if single else np.float64
        gram = _Gram(X, self._kernel(dtype), self.cache_size, dtype)
        beta, newton_steps = np.zeros(len(y)), 0
        if (self.solver == "newton" and gram.full is not None and len(y) > SMALL
                and self.C * gram.diagonal.mean() > 1):
            beta, newton_steps = _near_solution(gram.full, y, self.C, self.tol)
        path = [] if self.trace else None
        max_iter = self.max_iter or max(100_000, 100 * len(y))
        beta, e, steps = _smo(gram, y, self.C, beta, self.tol, max_iter, path)
        solution = _solution(beta, e, y, self.C, self.tol, steps, path)
        if not solution.converged:
            warnings.warn(f"KKT residual {solution.kkt_residual:.2g} > tol {self.tol:g} after max_iter "
                          f"{max_iter} steps; raise max_iter, lower C or scale the features",
                          ConvergenceWarning, stacklevel=2)
        self.alpha_, self.support_ = solution.alpha, np.flatnonzero(beta)
        self.support_vectors_, self.dual_coef_ = X[self.support_], beta[None, self.support_]
        self.intercept_ = np.array([solution.intercept])
        self.dual_value_, self.primal_value_ = solution.dual_value, solution.primal_value
        self.duality_gap_, self.kkt_residual_ = solution.duality_gap, solution.kkt_residual
        self.n_iter_ = max(1, newton_steps + steps)
        if self.kernel == "linear":
            self.coef_ = self.dual_coef_ @ self.support_vectors_
        if self.trace:
            self.path_ = solution.path
        return self

    def decision_function(self, X):
        """f(x) = sum_i alpha_i y_i K(x_i, x) + b; positive means the second class, |f| < 1 inside the margin.

        Parameters
        ----------
        X : array_like of shape (m, d)

        Returns
        -------
        ndarray of shape (m,)

        Notes
        -----
        Source: eq. svm-decision of the chapter *svm_dual*.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return _in_blocks(self._kernel(), X, self.support_vectors_, self.dual_coef_[0]) + self.intercept_

    def predict(self, X):
        """Class of each row: the second one where the decision function is positive.

        Parameters
        ----------
        X : array_like of shape (m, d)

        Returns
        -------
        ndarray of shape (m,)
        """
        check_is_fitted(self)                               # before classes_ is looked up
        return self.classes_[(self.decision_function(X) > 0).astype(int)]

    def _kernel(self, dtype=np.float64):
        return _kernel_function(self.kernel, self.gamma_, self.degree, self.coef0, dtype)


def _kernel_function(kernel, gamma, degree, coef0, dtype=np.float64):
    if kernel == "linear":
        return linear_kernel
    if kernel == "rbf":
        return lambda A, B=None: rbf_kernel(A, B, gamma, dtype)
    integer("degree", degree)
    number("coef0", coef0, least=0)
    return lambda A, B=None: polynomial_kernel(A, B, degree, gamma, coef0)


def _gamma(kernel, gamma, X):
    _choice("kernel", kernel, ("linear", "rbf", "poly"))
    if isinstance(gamma, str):
        _choice("gamma", gamma, ("scale",), " or a number > 0")
        with np.errstate(over="ignore", invalid="ignore"):
            variance = X.var() if X.min() < X.max() else 0.0        # of equal numbers, var() may be rounding
        return 1.0 / (X.shape[1] * variance) if 0 < variance < np.inf else 1.0
    number("gamma", gamma, above=0)
    return float(gamma)


def _labels(y):
    """The two classes, and -1 for rows of the first and 1 for rows of the second."""
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind != "binary":
        raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must hold 2 classes, got 1 class: {classes[0]}")
    return classes, 2.0 * codes - 1.0


# ----------------------------------------------------------------------------------------------------------
# The hard margin
# ----------------------------------------------------------------------------------------------------------

class NotSeparable(ValueError):
    """The classes cannot be separated.

    Attributes
    ----------
    certificate : ndarray of shape (n,)
        Weights >= 0 with sum 1 in each class whose two weighted means coincide (in the kernel's feature space): a
        point in both convex hulls.
    """

    def __init__(self, message, certificate):
        super().__init__(message)
        self.certificate = certificate


@dataclass(frozen=True)
class HardMargin:
    """The widest street between two classes that a kernel separates.

    Attributes
    ----------
    alpha : ndarray of shape (n,)
        Dual variables, >= 0.
    support : ndarray of int
        Rows on the edge of the street, alpha > 0.
    intercept : float
    weights : ndarray of shape (d,) or None
        w; only with the linear kernel.
    margin : float
        Half the width of the street, 1/||w||, in the feature space of the kernel.
    dual_value, primal_value : float
        Primal value of w and b scaled up until no constraint is violated.
    kkt_residual : float
    n_iter : int
    """

    alpha: np.ndarray
    support: np.ndarray
    intercept: float
    weights: np.ndarray | None
    margin: float
    dual_value: float
    primal_value: float
    kkt_residual: float
    n_iter: int

    @property
    def duality_gap(self):
        return self.primal_value - self.dual_value


def hard_margin(X, y, kernel="linear", gamma="scale", degree=3, coef0=0.0, tol=1e-6, max_iter=1_000_000):
    """Maximum-margin boundary that leaves no row inside the margin: the soft margin as C goes to infinity.

    Parameters
    ----------
    X : array_like of shape (n, d)
    y : array_like of shape (n,)
        Labels of two classes; the larger one is y = 1.
    kernel, gamma, degree, coef0
        As in `SVC`.
    tol : float, > 0 and < 1, default 1e-6
        KKT residual at which to stop; from 1 on, no row would be sure to be on its side.
    max_iter : int, >= 1, default 1,000,000

    Returns
    -------
    HardMargin

    Raises
    ------
    NotSeparable
        A ValueError; if no boundary of this kernel separates the classes. It carries the proof.
    ValueError
        If an argument is out of range, or max_iter steps do not suffice (the street is too narrow).

    Notes
    -----
    Source: eq. svm-primal, eq. svm-dual and eq. svm-stationarity of the chapter *svm_dual*; D2-EQ-75 to D2-EQ-84.
    By Farkas' lemma either a boundary exists or the convex hulls of the two classes share a point; a linear
    programme looks for that point first, for without a boundary the dual grows beyond all bounds. It works in
    floating point: hulls closer than about 1e-7 of the width of every feature count as touching (of the poly
    kernel's features, those with less than 1e-10 of the largest one's variance do not count). With the rbf
    kernel the hulls meet only where both classes hold the same row.
    """
    from sklearn.utils import check_X_y

    number("tol", tol, above=0)
    if tol >= 1:
        raise ValueError(f"tol must be a number > 0 and < 1, got {tol!r}")
    integer("max_iter", max_iter)
    X, y = check_X_y(X, y, dtype=np.float64)
    _, y = _labels(y)
    K = _kernel_function(kernel, _gamma(kernel, gamma, X), degree, coef0)(X)
    certificate = _common_point(_features(kernel, X, K), y)
    if certificate is not None:
        raise NotSeparable(f"the classes cannot be separated by the {kernel} kernel: their convex hulls share a "
                           "point (the weights of the rows that make it are in `certificate`)", certificate)
    beta, e, steps = _smo(_Gram.of(K), y, np.inf, np.zeros(len(y)), tol, max_iter)
    lower, upper = _box(y, np.inf)
    residual, b = _residual(beta, e, lower, upper), _intercept(beta, e, lower, upper)
    if residual > tol:
        raise ValueError(f"KKT residual {residual:.2g} > tol {tol:g} after max_iter {max_iter} steps: the margin "
                         "is very narrow; raise max_iter, scale the features or use SVC")
    norm2 = float(beta @ (y - e))
    least = float((1 - y * (e - b)).min())
    weights = beta @ X if kernel == "linear" else None
    return HardMargin(np.abs(beta), np.flatnonzero(beta), b, weights, norm2**-0.5, _dual(beta, e, y),
                      0.5 * norm2 / min(least, 1.0)**2, residual, steps)


def _features(kernel, X, K):
    """Rows in which the hulls meet exactly where they meet in the kernel's feature space."""
    if kernel == "linear":
        return X
    if kernel == "rbf":                                     # the images of distinct rows are linearly independent
        return np.eye(len(X))[np.unique(X, axis=0, return_inverse=True)[1].ravel()]
    values, vectors = np.linalg.eigh(K)
    keep = values > 1e-10 * values[-1]
    return vectors[:, keep] * np.sqrt(values[keep])


def _common_point(Z, y):
    """Weights of a point in the convex hulls of both classes, or None (which proves them separable)."""
    from scipy.optimize import linprog

    Z = Z - Z.mean(axis=0)
    Z /= np.maximum(np.abs(Z).max(axis=0), 1e-300)          # tolerances hold for each feature in its own unit
    meet = np.vstack([Z.T * y, y > 0, y < 0])
    found = linprog(np.zeros(len(y)), A_eq=meet, b_eq=np.r_[np.zeros(Z.shape[1]), 1.0, 1.0], method="highs")
    return np.maximum(found.x, 0.0) if found.status == 0 else None


# ----------------------------------------------------------------------------------------------------------
# What the arguments must be
# ----------------------------------------------------------------------------------------------------------

def _choice(name, value, allowed, otherwise=""):
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}{otherwise}, got {value!r}")


def _matrix(name, values):
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"{name} must be a matrix of finite numbers, got shape {values.shape}"
                         + ("" if values.ndim != 2 else " with nan or inf"))
    return values


def _two(A, B):
    A = _matrix("A", A)
    B = A if B is None else _matrix("B", B)
    if A.shape[1] != B.shape[1]:
        raise ValueError(f"A and B must have equally many columns, got {A.shape[1]} and {B.shape[1]}")
    return A, B


def _signed(alpha, K, y):
    """K, the labels as floats, and beta = alpha y."""
    K, y, alpha = _matrix("K", K), np.asarray(y, dtype=np.float64), np.asarray(alpha, dtype=np.float64)
    if y.ndim != 1 or not np.isin(y, (-1, 1)).all():
        raise ValueError("y must be a list of labels -1 and 1, got "
                         f"{'shape ' + str(y.shape) if y.ndim != 1 else np.unique(y)[:5].tolist()}")
    if K.shape != (len(y), len(y)) or alpha.shape != y.shape:
        raise ValueError(f"K must be {len(y)} x {len(y)} and alpha of length {len(y)} for {len(y)} labels, "
                         f"got shapes {K.shape} and {alpha.shape}")
    return K, y, alpha * y
