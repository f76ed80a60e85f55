"""Purchases and other implicit feedback: what is bought says yes, what is not bought says a weak no.

Symbols are those of the chapter *collaborative_filtering*: n_ui how often user u bought item i, preference p_ui =
1 where n_ui > 0 and 0 elsewhere, confidence c_ui = 1 + alpha n_ui, user factors x_u (rows of P, m x k) and item
factors q_i (rows of Q, n x k), penalty weight ell (`l2`).
"""

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_random_state

from .._check import integer, number
from .ratings import Recommender

__all__ = ["ImplicitALS", "implicit_objective", "implicit_step"]

BLOCK = 2**23                   # entries of normal equations held at a time


def implicit_objective(counts, P, Q, *, l2, alpha):
    """Weighted squared error of the preferences of all pairs, bought or not, plus the penalty.

    Parameters
    ----------
    counts : scipy.sparse array of shape (m, n), >= 0
    P, Q : ndarray of shape (m, k), (n, k)
    l2, alpha : float, >= 0

    Returns
    -------
    float

    Notes
    -----
    J = sum_u sum_i c_ui (p_ui - x_u.q_i)^2 + ell (sum_u |x_u|^2 + sum_i |q_i|^2). The sum of (x_u.q_i)^2 over all
    pairs is the trace of P'P Q'Q; pairs bought are corrected. Source: eq. cf-implicit-objective of the chapter
    *collaborative_filtering*; D1-EQ-02.
    """
    counts = csr_array(counts)
    rows = np.repeat(np.arange(len(P)), np.diff(counts.indptr))
    s, c = np.einsum("jk,jk->j", P[rows], Q[counts.indices]), 1 + alpha * counts.data
    bought = counts.data > 0
    everywhere = np.sum((P.T @ P) * (Q.T @ Q))
    return float(everywhere + np.sum(c * (bought - s)**2 - s**2) + l2 * (np.sum(P**2) + np.sum(Q**2)))


def implicit_step(counts, Q, *, l2, alpha):
    """The user factors with the least objective for given item factors (transposed: the items' for given users').

    Parameters
    ----------
    counts : scipy.sparse array of shape (m, n), >= 0
    Q : ndarray of shape (n, k)
    l2 : float, > 0
    alpha : float, >= 0

    Returns
    -------
    ndarray of shape (m, k)

    Notes
    -----
    x_u = (Q'Q + alpha sum_{i in K_u} n_ui q_i q_i' + ell I)^-1 sum_{i in K_u} c_ui p_ui q_i: what all users share,
    Q'Q, is computed once, and a user costs only what was bought. The sums of all users are one product of the
    sparse counts with the distinct entries of all q_i q_i'. Source: eq. cf-implicit-solve of the chapter
    *collaborative_filtering*.
    """
    counts, (n, k) = csr_array(counts), Q.shape
    a, b = np.triu_indices(k)
    shared, pairs, P = Q.T @ Q + l2 * np.eye(k), Q[:, a] * Q[:, b], np.empty((counts.shape[0], k))
    confident = (1 + alpha * counts.data) * (counts.data > 0)
    right = csr_array((confident, counts.indices, counts.indptr), counts.shape) @ Q
    size = max(1, BLOCK // (k * k))
    for at in range(0, len(P), size):
        sums = alpha * (counts[at:at + size] @ pairs)
        S = np.empty((len(sums), k, k))
        S[:, a, b] = S[:, b, a] = sums
        P[at:at + size] = np.linalg.solve(S + shared, right[at:at + size, :, None])[:, :, 0]
    return P


class ImplicitALS(Recommender):
    """Matrix factorisation of preferences with confidences, by alternating least squares.

    Parameters
    ----------
    n_factors : int, >= 1
        k.
    l2 : float, > 0
        ell.
    alpha : float, >= 0
        Confidence that one purchase adds.
    n_iter : int, >= 1
        Sweeps: all users, then all items.
    random_state : int, RandomState or None

    Attributes
    ----------
    user_factors_ : ndarray of shape (m, k)
    item_factors_ : ndarray of shape (n, k)
    objective_path_ : ndarray of shape (n_iter,)
        The objective after each sweep; it never rises.
    popularity_ : ndarray of shape (n,)
        Share of the buyers who bought each item.

    Notes
    -----
    `fit` takes counts n_ui (use ``duplicates="sum"`` in `Ratings.of`), `predict` returns preferences x_u.q_i,
    mostly between 0 and 1, not ratings. Source: eqs. cf-implicit-objective and cf-implicit-solve of the chapter
    *collaborative_filtering*; Hu, Koren and Volinsky (2008). For an unknown user, or one who has bought
    nothing (all n_ui zero), the scores are the items' popularity; an unknown item, or one that nobody has bought,
    has preference 0.
    """

    def __init__(self, n_factors=20, *, l2=20.0, alpha=5.0, n_iter=15, random_state=None):
        self.n_factors = n_factors
        self.l2 = l2
        self.alpha = alpha
        self.n_iter = n_iter
        self.random_state = random_state

    def _fit(self, ratings):
        k, n_iter = integer("n_factors", self.n_factors), integer("n_iter", self.n_iter)
        weights = {"l2": number("l2", self.l2, above=0), "alpha": number("alpha", self.alpha, least=0)}
        N = ratings.matrix
        if (N.data < 0).any():
            raise ValueError(f"ratings must be counts >= 0 for implicit feedback, got {N.data.min()}")
        turned = N.T.tocsr()
        Q = np.zeros((len(self.items_), k))
        Q[self._rated_items] = check_random_state(self.random_state).normal(0, 0.1, (self._rated_items.sum(), k))
        self.objective_path_ = np.empty(n_iter)
        for sweep in range(n_iter):
            P = implicit_step(N, Q, **weights)
            Q = implicit_step(turned, P, **weights)
            self.objective_path_[sweep] = implicit_objective(N, P, Q, **weights)
        self.user_factors_, self.item_factors_ = P, Q
        bought = N.data > 0
        buyers = np.bincount(N.indices, bought, minlength=len(Q))
        self._rated_users = np.bincount(ratings.rows, bought, minlength=len(P)) > 0      # zeros are no purchases
        self._rated_items = buyers > 0
        self.popularity_ = buyers / max(self._rated_users.sum(), 1)

    def _predict(self, u, i):
        preferences = np.einsum("...k,...k->...", self.user_factors_[u], self.item_factors_[i])
        return np.where(i < 0, 0.0, np.where(u < 0, self.popularity_[i], preferences))

    def _scores(self, u):
        u = np.asarray(u)
        return np.where(u[:, None] < 0, self.popularity_, self.user_factors_[u] @ self.item_factors_.T)
