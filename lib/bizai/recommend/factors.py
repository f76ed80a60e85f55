"""Matrix factorisation: users and items as short vectors whose product says what the biases leave open.

Symbols are those of the chapter *matrix_factorisation*: ratings r_ui of the pairs in K, K_u the items rated by u,
mu the mean of all ratings, biases b_u and b_i, k factors (`n_factors`), user factors p_u (rows of P, m x k), item
factors q_i (rows of Q, n x k), implicit factors y_j (rows of Y, n x k), penalty weight ell (`l2`), step size eta
(`learning_rate`).
"""

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_random_state

from .._check import integer, number
from .neighbours import _like, _pattern
from .ratings import Ratings, Recommender

__all__ = ["MatrixFactorization", "SVDPlusPlus", "gradient", "objective", "ridge_step"]


# ----------------------------------------------------------------------------------------------------------
# The objective and its gradient
# ----------------------------------------------------------------------------------------------------------

def objective(ratings, user_bias, item_bias, user_factors, item_factors, implicit_factors=None, *, l2,
              l2_bias=None, l2_implicit=None, weighted=True):
    """Squared errors of all ratings plus the penalties of biases and factors.

    Parameters
    ----------
    ratings : Ratings or what `Ratings.convert` takes
    user_bias, item_bias : ndarray of shape (m,), (n,)
    user_factors, item_factors : ndarray of shape (m, k), (n, k)
    implicit_factors : ndarray of shape (n, k), optional
        Y of SVD++.
    l2 : float, >= 0
        ell.
    l2_bias, l2_implicit : float, >= 0, optional
        Penalty weights of the biases and of Y; the default is `l2`.
    weighted : bool
        Whether a parameter's penalty counts once for every rating whose prediction it enters, or once.

    Returns
    -------
    float

    Notes
    -----
    J = sum_K (r_ui - r^_ui)^2 + ell (sum_u c_u |p_u|^2 + sum_i c_i |q_i|^2) + ell_b (sum_u c_u b_u^2 + sum_i c_i
    b_i^2) + ell_y sum_j c_j |y_j|^2 with mu the mean of these ratings and c = 1, or c_u = |K_u|, c_i = |K_i| and
    c_j the sum of |K_u| over u in K_j. Source: eq. mf-objective and mf-svdpp of the chapter
    *matrix_factorisation*; D2-EQ-18, D2-EQ-19. ell and ell_y are in units of the ratings, ell_b is a pure number.
    """
    matrix = _centred(ratings)
    _same_sizes(matrix, user_bias, item_bias, user_factors, item_factors, implicit_factors)
    c_u, c_i, c_j = _weights(matrix, weighted)
    l2, l2_bias, l2_implicit = _penalties(l2, l2_bias, l2_implicit)
    X = user_factors if implicit_factors is None else user_factors + _shares(matrix) @ implicit_factors
    errors = _errors(matrix, user_bias, item_bias, X, item_factors)
    J = errors @ errors + l2 * (c_u @ _squares(user_factors) + c_i @ _squares(item_factors))
    J += l2_bias * (c_u @ user_bias**2 + c_i @ item_bias**2)
    return float(J if implicit_factors is None else J + l2_implicit * (c_j @ _squares(implicit_factors)))


def gradient(ratings, user_bias, item_bias, user_factors, item_factors, implicit_factors=None, *, l2,
             l2_bias=None, l2_implicit=None, weighted=True):
    """Gradient of `objective`.

    Parameters
    ----------
    ratings, user_bias, item_bias, user_factors, item_factors, implicit_factors, l2, l2_bias, l2_implicit, weighted
        As for `objective`.

    Returns
    -------
    tuple of ndarray
        Derivatives by b_u, b_i, P, Q (and Y), each of the shape of its argument.

    Notes
    -----
    With e_ui = r_ui - r^_ui and x_u = p_u + |K_u|^(-1/2) sum_{j in K_u} y_j (p_u without implicit factors):
    dJ/dp_u = 2 (ell c_u p_u - sum_{i in K_u} e_ui q_i), dJ/dq_i = 2 (ell c_i q_i - sum_{u in K_i} e_ui x_u),
    dJ/dy_j = 2 (ell_y c_j y_j - sum_{u in K_j} |K_u|^(-1/2) sum_{i in K_u} e_ui q_i), dJ/db_u = 2 (ell_b c_u b_u -
    sum_{i in K_u} e_ui), dJ/db_i likewise. Source: eq. mf-sgd and mf-svdpp of the chapter *matrix_factorisation*;
    D2-EQ-19.
    """
    matrix = _centred(ratings)
    _same_sizes(matrix, user_bias, item_bias, user_factors, item_factors, implicit_factors)
    c_u, c_i, c_j = _weights(matrix, weighted)
    l2, l2_bias, l2_implicit = _penalties(l2, l2_bias, l2_implicit)
    N = None if implicit_factors is None else _shares(matrix)
    X = user_factors if N is None else user_factors + N @ implicit_factors
    E = _like(matrix, _errors(matrix, user_bias, item_bias, X, item_factors))
    EQ = E @ item_factors
    parts = (l2_bias * c_u * user_bias - E.sum(axis=1), l2_bias * c_i * item_bias - E.sum(axis=0),
             l2 * c_u[:, None] * user_factors - EQ, l2 * c_i[:, None] * item_factors - E.T @ X)
    if N is not None:
        parts += (l2_implicit * c_j[:, None] * implicit_factors - N.T @ EQ,)
    return tuple(2 * part for part in parts)


def _centred(ratings):
    """The sparse array of r_ui - mu."""
    matrix = Ratings.convert(ratings).matrix
    return _like(matrix, matrix.data - matrix.data.mean())


def _same_sizes(matrix, user_bias, item_bias, user_factors, item_factors, implicit_factors):
    (m, n), k = matrix.shape, np.shape(user_factors)[1:]
    parts = {"user_bias": (user_bias, (m,)), "item_bias": (item_bias, (n,)),
             "user_factors": (user_factors, (m, *k)), "item_factors": (item_factors, (n, *k)),
             "implicit_factors": (implicit_factors, (n, *k))}
    for name, (part, shape) in parts.items():
        if part is not None and np.shape(part) != shape:
            raise ValueError(f"{name} must be of shape {shape}, got {np.shape(part)}")


def _weights(matrix, weighted):
    """c_u, c_i and c_j: how often each penalty counts."""
    m, n = matrix.shape
    if not weighted:
        return np.ones(m), np.ones(n), np.ones(n)
    rated = _pattern(matrix)
    c_u = np.diff(matrix.indptr).astype(np.float64)
    return c_u, rated.sum(axis=0), rated.T @ c_u


def _penalties(l2, l2_bias, l2_implicit=None):
    l2 = number("l2", l2, least=0)
    return (l2, l2 if l2_bias is None else number("l2_bias", l2_bias, least=0),
            l2 if l2_implicit is None else number("l2_implicit", l2_implicit, least=0))


def _shares(matrix):
    """N with |K_u|^(-1/2) where u has rated j."""
    counts = np.diff(matrix.indptr)
    return _like(matrix, np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts))


def _errors(matrix, user_bias, item_bias, X, Q):
    u, i = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), matrix.indices
    return matrix.data - user_bias[u] - item_bias[i] - np.einsum("fk,fk->f", X[u], Q[i])


def _squares(X):
    return np.einsum("ij,ij->i", X, X)


# ----------------------------------------------------------------------------------------------------------
# The half step of alternating least squares
# ----------------------------------------------------------------------------------------------------------

def ridge_step(matrix, Z, offset, penalty, prior=None):
    """Exact ridge regressions of all rows of a sparse array at once.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array of shape (m, n)
        Row u holds the targets t_ui of the items i in K_u.
    Z : ndarray of shape (n, k)
        Regressors z_i, shared by all rows.
    offset : ndarray of shape (n,)
        o_i, subtracted from the targets.
    penalty : ndarray of shape (m, k), >= 0
        Diagonals of the penalties D_u; positive enough to make the systems regular.
    prior : ndarray of shape (m, k), optional
        What w_u is shrunk towards; zero by default.

    Returns
    -------
    W : ndarray of shape (m, k)
        w_u = argmin sum_{i in K_u} (t_ui - o_i - w_u . z_i)^2 + (w_u - prior_u)' D_u (w_u - prior_u). A row
        without ratings keeps its prior.
    minimum : float
        Sum of the minima over all rows.

    Notes
    -----
    (sum_{i in K_u} z_i z_i' + D_u) w_u = sum_{i in K_u} (t_ui - o_i) z_i + D_u prior_u. The Gram matrices of all
    rows are one product of the sparse indicator of K with a dense table whose row i holds the upper triangle of
    z_i z_i'. With prior zero the minimum is sum (t_ui - o_i)^2 - sum_u w_u . right side_u. Source: eq. mf-als of
    the chapter *matrix_factorisation*; D2-EQ-18.
    """
    matrix = csr_array(matrix)                                  # the transpose of a csr_array is none
    G, right = _normal_equations(matrix, Z, offset)
    return _solve(matrix, offset, G, right, penalty, prior)


def _normal_equations(matrix, Z, offset):
    """Gram matrices of the rows, of shape (m, k, k), and right sides, of shape (m, k)."""
    m, k = matrix.shape[0], Z.shape[1]
    a, b = np.triu_indices(k)
    sums = _pattern(matrix) @ np.hstack([Z[:, a] * Z[:, b], offset[:, None] * Z])
    place = np.empty((k, k), dtype=np.intp)                     # where in the triangle entry (a, b) stands
    place[a, b] = place[b, a] = np.arange(len(a))
    return sums[:, place.ravel()].reshape(m, k, k), matrix @ Z - sums[:, len(a):]


def _solve(matrix, offset, G, right, penalty, prior=None):
    k = G.shape[1]
    rated = np.diff(matrix.indptr) > 0
    G[:, range(k), range(k)] += np.where(rated[:, None], penalty, 1)
    shrunk = 0 if prior is None else penalty * prior
    right = right + shrunk
    W = _regular(np.linalg.solve, penalty, G, right[..., None])[..., 0]
    if prior is not None:
        W[~rated] = prior[~rated]
    targets = matrix.data - offset[matrix.indices]
    minimum = targets @ targets - np.vdot(W, right)
    return W, float(minimum if prior is None else minimum + np.vdot(prior, shrunk))


def _regular(solver, penalty, *systems):
    try:
        return solver(*systems)
    except np.linalg.LinAlgError:
        raise ValueError("penalty (l2) must be larger: a system of equations is singular, got "
                         f"{np.min(penalty)}") from None


# ----------------------------------------------------------------------------------------------------------
# Models
# ----------------------------------------------------------------------------------------------------------

class _Factors(Recommender):
    """Predictions from biases and factors; `_user_vectors` is what q_i is multiplied with."""

    def _sizes(self):
        return (integer("n_factors", self.n_factors), integer("n_iter", self.n_iter),
                number("tol", self.tol, least=0))

    def _table(self, ratings):
        """r_ui - mu of the users and items with ratings."""
        matrix = _like(ratings.matrix, ratings.matrix.data - self.mean_)
        return matrix[self._rated_users][:, self._rated_items]

    def _set(self, users, items, path):
        """Attributes from the rows (b_u, x_u) and (b_i, q_i) of those with ratings; zero for all others."""
        users, items = _spread(users, self._rated_users), _spread(items, self._rated_items)
        self.user_bias_, self._user_vectors = users[:, 0].copy(), users[:, 1:].copy()
        self.item_bias_, self.item_factors_ = items[:, 0].copy(), items[:, 1:].copy()
        self.objective_path_, self.n_iter_ = np.array(path), len(path)

    def _predict(self, u, i):
        b_u, b_i = np.append(self.user_bias_, 0), np.append(self.item_bias_, 0)
        X, Q = _with_zero(self._user_vectors), _with_zero(self.item_factors_)
        return self.mean_ + b_u[u] + b_i[i] + np.einsum("...k,...k->...", X[u], Q[i])

    def _scores(self, u):
        b_u, X = np.append(self.user_bias_, 0)[u], _with_zero(self._user_vectors)[u]
        return X @ self.item_factors_.T + (self.mean_ + b_u)[:, None] + self.item_bias_

    def _score(self, u):
        return self._scores(np.array([u]))[0]


def _start(random, matrix, size, k):
    """Factors of about 0.1 at the start, of about 1 for ratings a hundred times as large, and so on."""
    scale = 10.0 ** np.round(np.log10(matrix.data.std() or 1) / 2)
    return 0.1 * scale * random.standard_normal((size, k))


def _spread(rows, rated):
    """The rows in their places among zeros."""
    table = np.zeros((len(rated), rows.shape[1]))
    table[rated] = rows
    return table


def _with_zero(X):
    return np.vstack([X, np.zeros(X.shape[1])])


class MatrixFactorization(_Factors):
    """Biases plus the product of user factors and item factors, the dot product of two short vectors.

    Parameters
    ----------
    n_factors : int, >= 1
        k.
    solver : {"als", "sgd"}
        Alternating least squares, or stochastic gradient descent.
    l2 : float, > 0 for "als", >= 0 for "sgd"
        ell, penalty weight of the factors, in units of the ratings: for percentages it has to be 25 times what it
        is for stars from 1 to 5.
    l2_bias : float, >= 0, optional
        Penalty weight of the biases, a pure number; the default is the number `l2`, which suits stars. For other
        scales give both: for percentages l2=25 * 0.15 and l2_bias=0.15.
    weighted : bool
        Whether a penalty counts once for every rating of its user or item, or once.
    n_iter : int, >= 1
        Largest number of iterations (of users and items), or of epochs.
    tol : float, >= 0
        "als" stops when the objective falls by less than this share of itself.
    learning_rate : float, > 0
        eta of "sgd"; 20 epochs of 0.005 with `l2` 0.02 are a usual start for stars.
    random_state : int, RandomState or None
        For the factors at the start and the order of "sgd".

    Attributes
    ----------
    user_bias_, item_bias_ : ndarray of shape (m,), (n,)
    user_factors_, item_factors_ : ndarray of shape (m, k), (n, k)
        P and Q; zero without ratings.
    objective_path_ : ndarray
        `objective` after every iteration or epoch.
    n_iter_ : int

    Notes
    -----
    r^_ui = mu + b_u + b_i + q_i . p_u. Source: eq. mf-model and mf-objective of the chapter
    *matrix_factorisation*; D2-EQ-18, D2-EQ-19, D1-EQ-06.

    "als" (eq. mf-als) solves for all (b_u, p_u) given the items, then for all (b_i, q_i) given the users, exactly:
    the objective cannot rise. "sgd" (eq. mf-sgd) goes from rating to rating: b_u += eta (e_ui - ell_b b_u), p_u +=
    eta (e_ui q_i - ell p_u) and the same for the item, all from the values before the step. Users and items get
    random numbers below max(m, n) in every epoch, and the ratings with equal difference of the two are taken
    together: no user and no item is in such a stratum twice, so the result is exactly that of one rating after the
    other.

    An unknown user or item has the bias and the factors zero.
    """

    def __init__(self, n_factors=10, solver="als", l2=0.15, l2_bias=None, weighted=True, n_iter=15, tol=1e-4,
                 learning_rate=0.005, random_state=None):
        self.n_factors = n_factors
        self.solver = solver
        self.l2 = l2
        self.l2_bias = l2_bias
        self.weighted = weighted
        self.n_iter = n_iter
        self.tol = tol
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _fit(self, ratings):
        k, n_iter, tol = self._sizes()
        if self.solver not in ("als", "sgd"):
            raise ValueError(f"solver must be one of als, sgd, got {self.solver!r}")
        if self.solver == "als":
            number("l2", self.l2, above=0)
        l2, l2_bias, _ = _penalties(self.l2, self.l2_bias)
        matrix = self._table(ratings)
        c_u, c_i, _ = _weights(matrix, self.weighted)
        scale = np.r_[l2_bias, np.full(k, l2)]
        user_penalty, item_penalty = c_u[:, None] * scale, c_i[:, None] * scale
        random = check_random_state(self.random_state)
        P, Q = (_start(random, matrix, size, k) for size in matrix.shape)
        if self.solver == "als":
            users, items, path = _als(matrix, Q, user_penalty, item_penalty, n_iter, tol)
        else:
            eta = number("learning_rate", self.learning_rate, above=0)
            users, items, path = _sgd(matrix, P, Q, user_penalty, item_penalty, eta, n_iter, random)
        self._set(users, items, path)
        self.user_factors_ = self._user_vectors


def _als(matrix, Q, user_penalty, item_penalty, n_iter, tol):
    """Rows (b_u, p_u) and (b_i, q_i), and the objective after every iteration."""
    transposed, path = matrix.T.tocsr(), []
    items = np.column_stack([np.zeros(len(Q)), Q])
    for _ in range(n_iter):
        users, _ = ridge_step(matrix, _with_one(items), items[:, 0], user_penalty)
        items, minimum = ridge_step(transposed, _with_one(users), users[:, 0], item_penalty)
        path.append(minimum + np.vdot(users**2, user_penalty))
        if len(path) > 1 and path[-2] - path[-1] <= tol * path[-2]:
            break
    return users, items, path


def _with_one(rows):
    """z = (1, factors) from rows (bias, factors)."""
    return np.column_stack([np.ones(len(rows)), rows[:, 1:]])


def _sgd(matrix, P, Q, user_penalty, item_penalty, eta, n_epochs, random):
    """The same by stochastic gradient descent, in strata of ratings that share neither user nor item."""
    m, n = matrix.shape
    u, i, r = np.repeat(np.arange(m), np.diff(matrix.indptr)), matrix.indices, matrix.data
    U = np.hstack([np.zeros((m, 1)), np.ones((m, 1)), P])               # (b_u, 1, p_u) . (1, b_i, q_i) = r^ - mu
    V = np.hstack([np.ones((n, 1)), np.zeros((n, 1)), Q])
    user_counts, item_counts = np.bincount(u, minlength=m), np.bincount(i, minlength=n)
    shrink_u = 1 - eta * np.insert(user_penalty / np.maximum(user_counts, 1)[:, None], 1, 0, axis=1)
    shrink_i = 1 - eta * np.insert(item_penalty / np.maximum(item_counts, 1)[:, None], 0, 0, axis=1)
    step_u, step_i = np.full(U.shape[1], eta), np.full(U.shape[1], eta)
    step_u[1] = step_i[0] = 0
    path = []
    for _ in range(n_epochs):
        with np.errstate(over="ignore", invalid="ignore"):
            for f in _strata(u, i, max(m, n), random):
                uf, vf = u[f], i[f]
                a, b = U[uf], V[vf]
                e = (r[f] - np.einsum("fk,fk->f", a, b))[:, None]
                U[uf] = a * shrink_u[uf] + e * b * step_u
                V[vf] = b * shrink_i[vf] + e * a * step_i
        if not (np.abs(U).max() < 1e50 and np.abs(V).max() < 1e50):
            raise ValueError("learning_rate must be smaller for these ratings (the factors grow without bound), "
                             f"got {eta}")
        errors = r - np.einsum("fk,fk->f", U[u], V[i])
        users, items = np.delete(U, 1, axis=1), np.delete(V, 0, axis=1)
        path.append(float(errors @ errors + np.vdot(users**2, user_penalty) + np.vdot(items**2, item_penalty)))
    return users, items, path


def _strata(u, i, size, random):
    """All ratings in random groups, in each of which no user and no item occurs twice."""
    group = (random.permutation(size)[u] - random.permutation(size)[i]) % size
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


class SVDPlusPlus(_Factors):
    """Matrix factorisation in which the items that a user has rated speak for her, whatever the ratings were.

    Parameters
    ----------
    n_factors : int, >= 1
        k.
    l2 : float, > 0
        ell, penalty weight of p_u and q_i, in units of the ratings like `l2_implicit`.
    l2_bias, l2_implicit : float, >= 0, optional
        Penalty weights of the biases (a pure number) and of y_j; None: the number `l2`. With `weighted`, y_j
        counts for every rating of every user who rated j, which is why its weight is smaller.
    weighted : bool
        Whether a parameter's penalty counts once for every rating whose prediction it enters, or once.
    n_iter : int, >= 1
        Largest number of iterations.
    tol : float, >= 0
        Stop when the objective falls by less than this share of itself.
    random_state : int, RandomState or None
        For the item factors at the start.

    Attributes
    ----------
    user_bias_, item_bias_ : ndarray of shape (m,), (n,)
    user_factors_, item_factors_, implicit_factors_ : ndarray of shape (m, k), (n, k), (n, k)
        P, Q and Y.
    objective_path_ : ndarray
        `objective` after every iteration.
    n_iter_ : int

    Notes
    -----
    r^_ui = mu + b_u + b_i + q_i . x_u, x_u = p_u + s_u, s_u = |K_u|^(-1/2) sum_{j in K_u} y_j. Source: eq.
    mf-svdpp of the chapter *matrix_factorisation*; D3-SYS-05. Alternating least squares, eq. mf-als: given the
    items, the objective is a ridge regression in (b_u, x_u) with the prior (0, s_u). Its minimum is a quadratic in
    Y, with s_u weighed by D - D (G_u + D)^{-1} D (G_u the Gram matrix of (1, q_i), D the penalties), lowered by a
    few conjugate gradients from the Y before. Then (b_u, x_u) and, given those, (b_i, q_i) are solved for exactly:
    the objective cannot rise. An unknown user or item has the bias and the factors zero.
    """

    def __init__(self, n_factors=10, l2=0.2, l2_bias=None, l2_implicit=0.01, weighted=True, n_iter=15, tol=1e-4,
                 random_state=None):
        self.n_factors = n_factors
        self.l2 = l2
        self.l2_bias = l2_bias
        self.l2_implicit = l2_implicit
        self.weighted = weighted
        self.n_iter = n_iter
        self.tol = tol
        self.random_state = random_state

    def _fit(self, ratings):
        k, n_iter, tol = self._sizes()
        number("l2", self.l2, above=0)
        l2, l2_bias, l2_implicit = _penalties(self.l2, self.l2_bias, self.l2_implicit)
        matrix = self._table(ratings)
        c_u, c_i, c_j = _weights(matrix, self.weighted)
        scale = np.r_[l2_bias, np.full(k, l2)]
        D, item_penalty, y_penalty = c_u[:, None] * scale, c_i[:, None] * scale, l2_implicit * c_j[:, None]
        N, transposed = _shares(matrix), matrix.T.tocsr()
        random, path = check_random_state(self.random_state), []
        Q = _start(random, matrix, matrix.shape[1], k)
        items, Y = np.column_stack([np.zeros(len(Q)), Q]), np.zeros_like(Q)
        for _ in range(n_iter):
            G, right = _normal_equations(matrix, _with_one(items), items[:, 0])
            Y = _implicit_step(N, G, right, D, y_penalty, Y)
            S = np.column_stack([np.zeros(len(D)), N @ Y])
            users, _ = _solve(matrix, items[:, 0], G, right, D, prior=S)
            items, minimum = ridge_step(transposed, _with_one(users), users[:, 0], item_penalty)
            path.append(minimum + np.vdot((users - S)**2, D) + np.vdot(Y**2, np.broadcast_to(y_penalty, Y.shape)))
            if len(path) > 1 and path[-2] - path[-1] <= tol * path[-2]:
                break
        self._set(users, items, path)
        self.user_factors_ = _spread((users - S)[:, 1:], self._rated_users)
        self.implicit_factors_ = _spread(Y, self._rated_items)


def _implicit_step(N, G, right, D, y_penalty, Y, steps=10):
    """Y after a few conjugate gradients on the objective from which (b_u, x_u) has been eliminated."""
    from scipy.sparse.linalg import LinearOperator, cg

    m, k = len(D), Y.shape[1]
    rated = np.diff(N.indptr) > 0
    M = G.copy()
    M[:, range(k + 1), range(k + 1)] += np.where(rated[:, None], D, 1)
    M = _regular(np.linalg.inv, D, M)
    d = D[:, 1:]
    H = -d[:, :, None] * M[:, 1:, 1:] * d[:, None, :]
    H[:, range(k), range(k)] += d
    T = N.T.tocsr()

    def reduced(y):
        S = N @ y.reshape(Y.shape)
        return (T @ (H @ S[..., None])[..., 0] + y_penalty * y.reshape(Y.shape)).ravel()

    diagonal = (T.power(2) @ np.einsum("ukk->uk", H) + y_penalty).ravel()
    diagonal[diagonal <= 0] = 1
    target = T @ (d * (M[:, 1:] @ right[..., None])[..., 0])
    shape = (Y.size, Y.size)
    y, _ = cg(LinearOperator(shape, reduced, dtype=float), target.ravel(), x0=Y.ravel(), rtol=1e-12, maxiter=steps,
              M=LinearOperator(shape, lambda x: x / diagonal, dtype=float))
    return y.reshape(Y.shape)
