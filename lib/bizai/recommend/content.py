"""Content-based recommendation, and hybrids of two recommenders.

Symbols are those of the chapter *collaborative_filtering*: users u, items i, ratings r_ui, K_u the items rated by
u, mu the mean of all ratings, f_i the features of an item (rows of F, n x p), penalty weight ell (`l2`).
"""

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from .._check import number
from .evaluate import split
from .factors import ridge_step
from .ratings import Ratings, Recommender, _labels, _positions

__all__ = ["ContentBased", "Features", "Hybrid"]

BLOCK = 2**23                   # entries of normal equations held at a time


class Features:
    """Features of labelled users or items.

    Parameters
    ----------
    name : str
        What errors call them.
    given : tuple (labels, matrix), mapping of label to row, or pandas.DataFrame with the labels as its index
        Each label once; the matrix is dense or sparse, of finite numbers, one row a label.

    Attributes
    ----------
    labels : ndarray
        Sorted.
    matrix : ndarray or csr_array of shape (number of labels, p)
    """

    def __init__(self, name, given):
        if isinstance(given, tuple) and len(given) == 2:
            labels, matrix = given
        elif hasattr(given, "to_numpy"):
            labels, matrix = given.index, given.to_numpy()
        elif hasattr(given, "keys") and len(given):
            labels, matrix = np.array(list(given.keys()), dtype=object), list(given.values())
        else:
            raise ValueError(f"{name} must be a tuple (labels, matrix) or a mapping of label to row, got "
                             f"{type(given).__name__}")
        try:
            matrix = (csr_array if issparse(matrix) else np.asarray)(matrix, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must hold rows of numbers, all of one length") from None
        labels = _labels(f"labels of {name}", labels)
        if matrix.ndim != 2 or len(labels) != matrix.shape[0] or matrix.shape[1] == 0:
            raise ValueError(f"{name} must hold one row of features for each of the {len(labels)} labels, got an "
                             f"array of shape {matrix.shape}")
        if not np.isfinite(matrix.data if issparse(matrix) else matrix).all():
            raise ValueError(f"{name} must be finite numbers, got NaN or an infinity")
        self.labels, order = np.unique(labels, return_index=True)
        if len(self.labels) < len(labels):
            again = next(label for label, count in zip(*np.unique(labels, return_counts=True)) if count > 1)
            raise ValueError(f"{name} must hold each label once, got {again} more than once")
        self.matrix = matrix[order]

    def scaled(self):
        """The matrix with columns of mean 0 (dense only) and equal mean squares, rows of mean square length 1."""
        F = self.matrix if issparse(self.matrix) else self.matrix - self.matrix.mean(axis=0)
        scale = np.sqrt(np.asarray((F.power(2) if issparse(F) else F**2).mean(axis=0), dtype=np.float64)).ravel()
        varies = scale > 1e-12 * np.asarray(abs(self.matrix).max(axis=0).todense() if issparse(F) else
                                            np.abs(self.matrix).max(axis=0)).ravel()
        factor = np.where(varies, 1 / np.where(varies, scale, 1), 0) / np.sqrt(max(varies.sum(), 1))
        return csr_array(F.multiply(factor)) if issparse(F) else F * factor

    def positions(self, labels):
        """Row of each label, -1 for a label without features."""
        return _positions(self.labels, labels)


class ContentBased(Recommender):
    """A linear model of item features for every user, shrunk towards the model of all users.

    Parameters
    ----------
    item_features : tuple (labels, matrix) or mapping of label to row
        Features of items, numbers or 0/1 for categories; items without ratings may have features.
    l2 : float, > 0
        ell, weight of the penalty on a user's deviation from the model of all users, in ratings: a user with as
        many ratings is halfway. Also the (ordinary) penalty of the model of all users.

    Attributes
    ----------
    intercept_ : float
    coef_ : ndarray of shape (p,)
        The model of all users, on features of mean 0 and variance 1/p over the labels given (p of them vary); of
        mean square 1/p where the matrix is sparse, as it is not centred.
    user_intercepts_ : ndarray of shape (m,)
    user_coef_ : ndarray of shape (m, p)
        Models of the users: those of all for a user without ratings.

    Notes
    -----
    r^_ui = beta_u + w_u.f_i, where (beta_u, w_u) minimises the sum over K_u of (r_ui - r^_ui)^2 plus ell (|w_u -
    w|^2 + (beta_u - beta)^2), and (beta, w) the sum over all ratings plus ell |w|^2. All users are solved at once.
    Source: eq. cf-content of the chapter *collaborative_filtering*; D1-EQ-03, D1-SYS-13, D3-SYS-11. An unknown
    user has the model of all users; an item without features has the mean of each (zero, if they are sparse). An
    item needs no ratings, but to be recommended it must be known to the ratings (`Ratings.of(...,
    all_items=...)`); any item with features can be predicted.
    """

    def __init__(self, item_features, *, l2=5.0):
        self.item_features = item_features
        self.l2 = l2

    def _fit(self, ratings):
        l2 = number("l2", self.l2, above=0)
        features = Features("item_features", self.item_features)
        F = features.scaled()
        F = np.vstack([F.toarray() if issparse(F) else F, np.zeros(F.shape[1])])        # last: no features
        at = features.positions(self.items_)
        extra = np.setdiff1d(np.arange(len(features.labels)), at)
        self._extra, self._has_features = features.labels[extra], at >= 0
        self._F = F[np.concatenate([at, extra, [-1]])]
        F = self._F[:len(self.items_)]
        counts = np.bincount(ratings.matrix.indices, minlength=len(F))
        totals = np.bincount(ratings.matrix.indices, ratings.matrix.data - self.mean_, minlength=len(F))
        centre = counts @ F / counts.sum()
        X = F - centre
        self.coef_ = np.linalg.solve(X.T * counts @ X + l2 * np.eye(X.shape[1]), X.T @ totals)
        self.intercept_ = self.mean_ - float(centre @ self.coef_)
        Z = np.hstack([F, np.ones((len(F), 1))])
        penalty, size = np.full((len(self.users_), Z.shape[1]), l2), max(1, BLOCK // Z.shape[1]**2)
        pooled = self.intercept_ + F @ self.coef_
        W = [ridge_step(ratings.matrix[at:at + size], Z, pooled, penalty[at:at + size])[0]
             for at in range(0, len(penalty), size)]
        W = np.vstack([*W, np.zeros(Z.shape[1])]) + np.append(self.coef_, self.intercept_)
        self._W = W                                         # last: the model of all users
        self.user_coef_, self.user_intercepts_ = W[:-1, :-1], W[:-1, -1]

    def _at(self, users, items):
        u, _ = super()._at(users, items)
        items = np.broadcast_to(np.asarray(items), u.shape)
        i, extra = _positions(self.items_, items), _positions(self._extra, items)
        return u, np.where((i < 0) & (extra >= 0), len(self.items_) + extra, i)

    def _predict(self, u, i):
        return np.einsum("...p,...p->...", self._W[u][..., :-1], self._F[i]) + self._W[u][..., -1]

    def _score(self, u):
        return self._scores(np.atleast_1d(u))[0]

    def _scores(self, u):
        return self._W[u, :-1] @ self._F[:len(self.items_)].T + self._W[u, -1:]

    def _recommendable(self):
        return self._rated_items | self._has_features


class Hybrid(Recommender):
    """A weighted mean of two recommenders' predictions, the weight chosen on held-out ratings.

    Parameters
    ----------
    first, second : Recommender
        Not changed: copies are fitted.
    holdout : float, > 0 and < 1
        Share of every user's ratings that is held out to choose the weight.
    random_state : int, RandomState or None

    Attributes
    ----------
    weight_ : float
        omega in [0, 1], weight of the first.
    first_, second_ : Recommender
        Fitted on all ratings.

    Notes
    -----
    r^ = omega a + (1 - omega) b with predictions a of the first and b of the second. On the held-out ratings the
    squared error is least at omega = sum (r - b)(a - b) / sum (a - b)^2, cut to [0, 1]; 1/2 where a = b
    throughout. Source: eq. cf-hybrid of the chapter *collaborative_filtering*; D1-EQ-04, D1-SYS-14. Held-out
    ratings come from users with two ratings or more; with too few of them (each user has one rating only) they are
    drawn from all ratings. Both models follow their own rules for unknown users and items.
    """

    def __init__(self, first, second, *, holdout=0.1, random_state=None):
        self.first = first
        self.second = second
        self.holdout = holdout
        self.random_state = random_state

    def _fit(self, ratings):
        holdout = number("holdout", self.holdout, above=0, below=1)
        if len(ratings) < 2:
            raise ValueError(f"ratings must hold at least two ratings to hold one out, got {len(ratings)}")
        train, test = self._held_out(ratings, holdout)
        users, items, r = test.triples
        a, b = (clone(model).fit(train).predict(users, items) for model in (self.first, self.second))
        spread = (a - b) @ (a - b)
        self.weight_ = float(np.clip((r - b) @ (a - b) / spread, 0, 1)) if spread > 0 else 0.5
        self.first_, self.second_ = both = [clone(model).fit(ratings) for model in (self.first, self.second)]
        new = [model._new_users for model in both if len(getattr(model, "_new_users", ()))]
        self._new_users = np.unique(np.concatenate(new)) if new else self.users_[:0]
        self._placed = [(model, np.concatenate([model._at(labels, self.items_[0])[0] for labels in (
            self.users_, self._new_users)] + [[-1]])) for model in both]       # the last place: an unknown user

    def _held_out(self, ratings, holdout):
        """Per user where users have enough ratings for it, otherwise one rating or more of all."""
        sizes = np.diff(ratings.matrix.indptr)
        if np.any(np.minimum(np.floor(holdout * sizes + 0.5), sizes - 1) >= 1):
            return split(ratings, holdout, random_state=self.random_state)
        holdout = min(max(holdout, 1 / len(ratings)), 1 - 1 / len(ratings))
        return split(ratings, holdout, per_user=False, random_state=self.random_state)

    def predict(self, users, items, *, clip=False):
        """Predicted ratings of items by users, as `Recommender.predict`."""
        check_is_fitted(self)
        predicted = self._mean(self.first_.predict(users, items), self.second_.predict(users, items))
        return np.clip(predicted, *self.scale_) if clip else predicted

    def _mean(self, a, b):
        return self.weight_ * a + (1 - self.weight_) * b

    def _at(self, users, items):
        """Positions as of any recommender; users known by features alone count from the end."""
        u, i = super()._at(users, items)
        new = _positions(self._new_users, np.broadcast_to(np.asarray(users), u.shape))
        return np.where(new >= 0, new - len(self._new_users) - 1, u), i

    def _score(self, u):
        return self._mean(*(model._score(place[u]) for model, place in self._placed))

    def _scores(self, u):
        return self._mean(*(model._scores(place[u]) for model, place in self._placed))

    def _recommendable(self):
        return self.first_._recommendable() | self.second_._recommendable()
