"""Factorisation machines: regression with all products of two features, and a recommender with side features.

Symbols are those of the chapter *matrix_factorisation*: y^ = w_0 + sum_j w_j x_j + sum_{j<l} (v_j.v_l) x_j x_l for
the features x_j of a row, with v_j the rows of V (n_features x k) and k the number of factors (`n_factors`).
Penalty weights ell (`l2_linear` for w, `l2_factors` for V).
"""

import warnings

import numpy as np
from scipy.sparse import csr_array, eye_array, hstack, issparse, vstack
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from .._check import integer, number
from .bayes import _unit
from .content import Features
from .ratings import Recommender, _positions

__all__ = ["FactorizationMachine", "FactorizationRecommender", "fm_objective", "fm_predict"]


# ----------------------------------------------------------------------------------------------------------
# The model, its objective and gradient
# ----------------------------------------------------------------------------------------------------------

def fm_predict(X, w_0, w, V):
    """Predictions of a factorisation machine of order two.

    Parameters
    ----------
    X : array or sparse array of shape (n, n_features)
    w_0 : float
    w : ndarray of shape (n_features,)
    V : ndarray of shape (n_features, k)

    Returns
    -------
    ndarray of shape (n,)

    Notes
    -----
    sum_{j<l} (v_j.v_l) x_j x_l = 1/2 sum_f ((sum_j v_jf x_j)^2 - sum_j v_jf^2 x_j^2): k times the number of values
    that are not zero, instead of the number of pairs. Source: eqs. fm-model and fm-linear-time of the chapter
    *matrix_factorisation*; D3-SYS-10.
    """
    return _predict(X, _squared(X), w_0, w, V)[0]


def fm_objective(X, y, w_0, w, V, *, l2_linear, l2_factors):
    """Penalised sum of squared errors of a factorisation machine, and its gradient.

    Parameters
    ----------
    X : array or sparse array of shape (n, n_features)
    y : ndarray of shape (n,)
    w_0, w, V
        As for `fm_predict`.
    l2_linear, l2_factors : float, >= 0

    Returns
    -------
    J : float
        sum (y - y^)^2 + l2_linear |w|^2 + l2_factors |V|^2.
    gradient : tuple of float, ndarray of shape (n_features,), ndarray of shape (n_features, k)
        Derivatives by w_0, w and V.

    Notes
    -----
    dy^/dw_0 = 1, dy^/dw_j = x_j, dy^/dv_jf = x_j (s_f - v_jf x_j) with s_f = sum_l v_lf x_l.
    Source: eq. fm-gradient of the chapter *matrix_factorisation*.
    """
    return _objective(X, X.T, _squared(X), _squared(X).T, y, w_0, w, V, l2_linear, l2_factors)


def _squared(X):
    """x_j^2, entry by entry."""
    X = X.astype(np.float64) if issparse(X) else np.asarray(X, dtype=np.float64)
    return X.multiply(X).tocsr() if issparse(X) else X**2


def _predict(X, X2, w_0, w, V):
    """Predictions, and the sums s_f of all rows."""
    S = X @ V
    return w_0 + X @ w + (np.einsum("nf,nf->n", S, S) - X2 @ np.einsum("jf,jf->j", V, V)) / 2, S


def _objective(X, XT, X2, X2T, y, w_0, w, V, l2_linear, l2_factors):
    predicted, S = _predict(X, X2, w_0, w, V)
    e = predicted - y
    J = e @ e + l2_linear * (w @ w) + l2_factors * np.einsum("jf,jf->", V, V)
    by_V = XT @ (e[:, None] * S) - (X2T @ e)[:, None] * V + l2_factors * V
    return J, (2 * e.sum(), 2 * (XT @ e + l2_linear * w), 2 * by_V)


def _fitted(X, y, V, l2_linear, l2_factors, n_iter, tol):
    """As `_minimise`, on targets of mean 0 and a size of about 1, so that the steps suit any scale.

    The size is a power of two: w times it and V times its root are exact. The factors to start from are made
    smaller where they would say more than the targets do.
    """
    mean, size = y.mean(), 2.0 ** np.round(np.log2(_unit(y)))
    pairs = fm_predict(X, 0.0, np.zeros(X.shape[1]), V)
    V = V / max(1.0, np.abs(pairs).max()) ** 0.5
    w_0, w, V, iterations, enough = _minimise(X, (y - mean) / size, np.zeros(X.shape[1]), V, l2_linear,
                                              l2_factors / size, n_iter, tol)
    return mean + size * w_0, size * w, np.sqrt(size) * V, iterations, enough


def _minimise(X, y, w, V, l2_linear, l2_factors, n_iter, tol):
    """w_0, w and V with a stationary objective, from L-BFGS; the number of iterations and whether they sufficed.

    Every feature's parameters are measured in units in which the squared errors are about equally curved.
    """
    from scipy.optimize import minimize

    X2 = _squared(X)
    tables = (X, X.T.tocsr(), X2, X2.T.tocsr()) if issparse(X) else (X, X.T, X2, X2.T)
    n, k = V.shape
    squares = np.asarray(X2.sum(axis=0), dtype=np.float64).ravel()
    units = np.sqrt(squares + l2_linear), np.sqrt(0.1 * squares + l2_factors)[:, None]
    units = [np.where(unit > 0, unit, 1.0) for unit in units]
    root = np.sqrt(len(y))

    def unpack(theta):
        return theta[0] / root, theta[1:n + 1] / units[0], theta[n + 1:].reshape(n, k) / units[1]

    def objective(theta):
        J, (by_0, by_w, by_V) = _objective(*tables, y, *unpack(theta), l2_linear, l2_factors)
        return J / scale, np.concatenate([[by_0 / root], by_w / units[0], (by_V / units[1]).ravel()]) / scale

    mean = y.mean()
    scale = max(np.sum((y - mean)**2), np.finfo(float).tiny ** 0.5)
    start = np.concatenate([[mean * root], w * units[0], (V * units[1]).ravel()])
    found = minimize(objective, start, jac=True, method="L-BFGS-B",
                     options={"maxiter": n_iter, "maxfun": 2 * n_iter + 20, "ftol": tol, "gtol": 0.0,
                              "maxcor": 10})
    return (*unpack(found.x), found.nit, found.status != 1)


# ----------------------------------------------------------------------------------------------------------
# The regressor
# ----------------------------------------------------------------------------------------------------------

class FactorizationMachine(RegressorMixin, BaseEstimator):
    """Factorisation machine of order two for squared errors.

    Parameters
    ----------
    n_factors : int, >= 0
        k; 0 is ridge regression.
    l2_linear, l2_factors : float, >= 0
        Penalty weights; the intercept has no penalty.
    n_iter : int, >= 1
        Most iterations of L-BFGS.
    tol : float, > 0
        It stops when one lowers the objective by less than this share of it, or of the sum of (y - mean of y)^2 if
        that is larger (as it mostly is).
    random_state : int, RandomState or None
        For the factors to start from (all zero is a saddle point).

    Attributes
    ----------
    intercept_ : float
        w_0.
    coef_ : ndarray of shape (n_features,)
        w.
    factors_ : ndarray of shape (n_features, k)
        V; zero for a feature that is zero in all rows.
    n_iter_ : int
    n_features_in_ : int

    Notes
    -----
    Source: eqs. fm-model, fm-linear-time and fm-gradient of the chapter *matrix_factorisation*; D3-SYS-10; Rendle
    (2010). The objective is not convex: another start may end in another local minimum. X may be sparse (CSR), and
    should have columns of comparable scale.
    """

    def __init__(self, n_factors=8, *, l2_linear=0.1, l2_factors=1.0, n_iter=200, tol=1e-7, random_state=None):
        self.n_factors = n_factors
        self.l2_linear = l2_linear
        self.l2_factors = l2_factors
        self.n_iter = n_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y):
        """Learn from rows X (n x n_features, dense or sparse) and numbers y (n)."""
        k, n_iter = integer("n_factors", self.n_factors, least=0), integer("n_iter", self.n_iter)
        penalties = number("l2_linear", self.l2_linear, least=0), number("l2_factors", self.l2_factors, least=0)
        tol = number("tol", self.tol, above=0)
        X, y = validate_data(self, X, y, accept_sparse="csr", y_numeric=True, dtype=np.float64)
        y = y.astype(np.float64)
        used = np.asarray(abs(X).sum(axis=0)).ravel() > 0
        V = np.zeros((X.shape[1], k))
        if np.ptp(y) > 0:                                   # equal targets need nothing but the intercept
            V[used] = check_random_state(self.random_state).normal(0, 0.1, (used.sum(), k))
        self.intercept_, self.coef_, self.factors_, self.n_iter_, enough = _fitted(
            X, y, V, *penalties, n_iter, tol)
        if not enough:
            warnings.warn(f"not converged after n_iter = {n_iter} iterations: raise n_iter or tol",
                          ConvergenceWarning, stacklevel=2)
        return self

    def predict(self, X):
        """Predictions of shape (n,) for rows X (n x n_features, dense or sparse)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return fm_predict(X, self.intercept_, self.coef_, self.factors_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


# ----------------------------------------------------------------------------------------------------------
# The recommender
# ----------------------------------------------------------------------------------------------------------

class FactorizationRecommender(Recommender):
    """Ratings by a factorisation machine on who rates, what is rated, and side features of both.

    Parameters
    ----------
    user_features, item_features : tuple (labels, matrix) or mapping of label to row, optional
        Labels without ratings may have features: they can be predicted from these.
    n_factors, l2_linear, l2_factors, n_iter, tol, random_state
        As for `FactorizationMachine`.

    Attributes
    ----------
    machine_ : FactorizationMachine
        On the columns: users, items, features of users, features of items. It predicts how many standard
        deviations a rating is from the mean, so that the penalties fit any scale.
    intercept_ : float
        w_0, in units of the ratings as the following.
    user_bias_, item_bias_ : ndarray of shape (m,), (n,)
        What the machine says that does not depend on the other side, the own features' products included.
    user_factors_, item_factors_ : ndarray of shape (m, k), (n, k)
        Sums of the factors of all columns of a user, and of an item.

    Notes
    -----
    r^_ui = w_0 + b_u + b_i + p_u.q_i, where p_u is v of the user plus the v of the user's features times their
    values, and b_u, b_i likewise with the products within one side. Without features this is biased matrix
    factorisation. Source: eqs. fm-model and fm-linear-time of the chapter *matrix_factorisation*; D3-SYS-10. A
    user or item without ratings has no weight and no factors of its own: features, if any, stand in for it. To be
    recommended an item must be known to the ratings (`Ratings.of(..., all_items=...)`) and have a rating or
    features. Features are brought to mean 0 (dense ones) and equal mean squares that add up to 1: as much as the
    one-hot columns of a user or item have.
    """

    def __init__(self, user_features=None, item_features=None, *, n_factors=8, l2_linear=5.0, l2_factors=16.0,
                 n_iter=200, tol=1e-6, random_state=None):
        self.user_features = user_features
        self.item_features = item_features
        self.n_factors = n_factors
        self.l2_linear = l2_linear
        self.l2_factors = l2_factors
        self.n_iter = n_iter
        self.tol = tol
        self.random_state = random_state

    def _fit(self, ratings):
        U, self._new_users, self._user_rows = _columns(
            "user_features", self.user_features, self.users_, self._rated_users)
        I, self._new_items, self._item_rows = _columns(
            "item_features", self.item_features, self.items_, self._rated_items)
        self._offered = self._rated_items | (_positions(self._new_items, self.items_) >= 0)
        m, n = len(self.users_), len(self.items_)
        unit = _unit(ratings.matrix.data)
        own, other = U[ratings.rows], I[ratings.matrix.indices]
        X = hstack([own[:, :m], other[:, :n], own[:, m:], other[:, n:]]).tocsr()
        self.machine_ = FactorizationMachine(
            self.n_factors, l2_linear=self.l2_linear, l2_factors=self.l2_factors, n_iter=self.n_iter, tol=self.tol,
            random_state=self.random_state).fit(X, (ratings.matrix.data - self.mean_) / unit)
        self.intercept_ = self.mean_ + unit * self.machine_.intercept_
        w, V, p = self.machine_.coef_, self.machine_.factors_, U.shape[1] - m
        of_users, of_items = np.r_[0:m, m + n:m + n + p], np.r_[m:m + n, m + n + p:len(w)]
        self._b_u, self._P = _side(U, unit * w[of_users], np.sqrt(unit) * V[of_users])
        self._b_i, self._Q = _side(I, unit * w[of_items], np.sqrt(unit) * V[of_items])
        self.user_bias_, self.user_factors_, self.item_bias_, self.item_factors_ = (
            self._b_u[:m], self._P[:m], self._b_i[:n], self._Q[:n])

    def _at(self, users, items):
        """Positions as of any recommender; users and items known by features alone count from the end."""
        u, i = super()._at(users, items)
        users, items = np.broadcast_arrays(users, items)
        return (_place(u, users, self._new_users, self._user_rows),
                _place(i, items, self._new_items, self._item_rows))

    def _predict(self, u, i):
        return (self.intercept_ + self._b_u[u] + self._b_i[i]
                + np.einsum("...k,...k->...", self._P[u], self._Q[i]))

    def _scores(self, u):
        n = len(self.items_)
        return self.intercept_ + self._b_u[u][:, None] + self._b_i[:n] + self._P[u] @ self._Q[:n].T

    def _score(self, u):
        return self._scores(np.atleast_1d(u))[0]

    def _recommendable(self):
        return self._offered


def _columns(name, given, labels, rated):
    """One-hot columns and features: of the labels, further labels with features, and an unknown one (last).

    Then the labels that have features but no ratings, and their rows, counted from the end.
    """
    n = len(labels)
    if given is None:
        return vstack([eye_array(n, format="csr"), csr_array((1, n))]).tocsr(), labels[:0], np.empty(0, dtype=int)
    features = Features(name, given)
    F, at = csr_array(features.scaled()), features.positions(labels)
    extra = np.setdiff1d(np.arange(len(features.labels)), at)
    F = vstack([F, csr_array((1, F.shape[1]))]).tocsr()
    F = F[np.concatenate([at, extra, [-1]]) % F.shape[0]]
    own = vstack([eye_array(n, format="csr"), csr_array((len(extra) + 1, n))])
    known = _positions(labels, features.labels)
    new = (known < 0) | ~rated[known]
    rows = np.where(known < 0, n + np.cumsum(known < 0) - 1, known) - own.shape[0]
    return hstack([own, F]).tocsr(), features.labels[new], rows[new]


def _side(columns, w, V):
    """Biases and factors of one side: what its columns say alone, and the sums of their factors."""
    return _predict(columns, _squared(columns), 0.0, w, V)


def _place(at, wanted, new, rows):
    """Positions `at`, or the rows of what is known by features alone."""
    k = _positions(new, wanted)
    return np.where(k >= 0, np.append(rows, -1)[k], at)
