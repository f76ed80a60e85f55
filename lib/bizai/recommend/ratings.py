"""Ratings as a sparse table, and what every recommender has in common.

Symbols are those of the chapter *collaborative_filtering*: users u, items i, ratings r_ui of the pairs in K, their
mean mu, biases b_u and b_i. Users and items carry labels of any kind (numbers or texts); inside they are rows and
columns.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .._check import integer

__all__ = ["Ratings", "Recommendation", "Recommendations", "Recommender"]

KINDS = {"b": "numbers", "i": "numbers", "u": "numbers", "f": "numbers", "U": "texts", "M": "dates"}
BLOCK = 2**21                   # scores held at a time: 16 megabytes


def _labels(name, values):
    """A one-dimensional array of labels of one kind, none of them a gap."""
    given, values = values, np.asarray(values)
    if values.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got an array of shape {values.shape}")
    if values.dtype.kind == "U" and values is not given and not all(isinstance(value, str) for value in given):
        values = np.array(given, dtype=object)                  # NumPy makes texts of numbers and texts
    gaps = np.array([_gap(v) for v in values], dtype=bool) if values.dtype.kind == "O" else values != values
    if gaps.any():
        raise ValueError(f"{name} must not have gaps, got {values[gaps][0]} at position {gaps.argmax()}")
    if values.dtype.kind == "O":
        texts = {isinstance(value, str) for value in values}
        if len(texts) <= 1:
            values = np.array(values.tolist())
    if values.dtype.kind not in KINDS or values.ndim != 1:
        raise ValueError(f"{name} must be all numbers or all texts (or dates), got a mixture or something else")
    if values.dtype.kind == "f" and np.abs(values).max(initial=0) >= 2**53:
        raise ValueError(f"{name} of 2**53 or more must be an array of integers of one type, or texts: as "
                         f"floating-point numbers they are not exact, got {np.abs(values).max()}")
    return values


def _numbers(values):
    """Ratings as a one-dimensional array of finite float64."""
    try:
        values = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"values must be finite numbers: {error}") from None
    if values.ndim != 1:
        raise ValueError(f"values must be one-dimensional, got an array of shape {values.shape}")
    if not np.isfinite(values).all():
        k = np.argmin(np.isfinite(values))
        raise ValueError(f"values must be finite numbers, got {values[k]} at position {k}")
    return values


def _known(name, labels, more):
    """The labels and those that are known besides, sorted, each once."""
    if more is None:
        return np.unique(labels)
    more = _labels(f"all_{name}", more)
    if len(more) and KINDS[more.dtype.kind] != KINDS[labels.dtype.kind]:
        raise ValueError(
            f"all_{name} must be {KINDS[labels.dtype.kind]} like {name}, got {KINDS[more.dtype.kind]}")
    return np.unique(_labels(name, np.concatenate([labels, more])) if len(more) else labels)


def _gap(value):
    """Whether a label is None, NaN or pandas' NA, which does not say that it equals itself."""
    return value is None or not isinstance(value == value, (bool, np.bool_)) or value != value


def _positions(labels, wanted):
    """Position of each wanted label among the sorted `labels`, -1 for a label that is not there."""
    wanted = np.asarray(wanted)
    if wanted.dtype.kind == "O":
        place = {label: at for at, label in enumerate(labels.tolist())}
        return np.array([place.get(label, -1) for label in wanted.ravel()], dtype=np.intp).reshape(wanted.shape)
    if len(labels) == 0 or KINDS[labels.dtype.kind] != KINDS.get(wanted.dtype.kind):
        return np.full(wanted.shape, -1)
    at = np.searchsorted(labels, wanted).clip(max=len(labels) - 1)
    return np.where(labels[at] == wanted, at, -1)


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of items by users.

    Attributes
    ----------
    users : ndarray of shape (m,)
        Labels of the users, sorted, each once.
    items : ndarray of shape (n,)
        Labels of the items, sorted, each once.
    matrix : scipy.sparse.csr_array of shape (m, n)
        The ratings that are there, in canonical format; a stored zero is a rating of zero. Not stored means not
        rated.
    """

    users: np.ndarray
    items: np.ndarray
    matrix: csr_array

    def __post_init__(self):
        if not (isinstance(self.matrix, csr_array) and self.matrix.has_canonical_format):
            raise ValueError("matrix must be a csr_array in canonical format (columns sorted, each once), got "
                             f"{type(self.matrix).__name__}; Ratings.convert takes any sparse array")
        if self.matrix.shape != (len(self.users), len(self.items)):
            raise ValueError(f"matrix must be of shape ({len(self.users)}, {len(self.items)}), the numbers of "
                             f"users and items, got {self.matrix.shape}")
        for name, labels in (("users", self.users), ("items", self.items)):
            if not isinstance(labels, np.ndarray):
                raise ValueError(f"{name} must be an array, got {type(labels).__name__}")
            if not np.all(labels[1:] > labels[:-1]):
                raise ValueError(f"{name} must be sorted, each label once; Ratings.of takes them in any order")

    @classmethod
    def of(cls, users, items, values, *, duplicates="mean", all_users=None, all_items=None):
        """Ratings from three columns of equal length.

        Parameters
        ----------
        users, items : array_like of shape (k,)
            Labels, numbers or texts.
        values : array_like of shape (k,)
            Finite numbers.
        duplicates : {"mean", "last", "sum", "refuse"}
            What becomes of a pair that stands more than once: the mean (a repeated rating), the last (a changed
            mind), the sum (purchases), or an error.
        all_users, all_items : array_like, optional
            Further labels that are known although they may have no rating.

        Raises
        ------
        ValueError
            If lengths differ, a value is not finite, a label is missing, or a pair stands twice and is refused.
        """
        users, items = _labels("users", users), _labels("items", items)
        values = _numbers(values)
        if not len(users) == len(items) == len(values):
            raise ValueError("users, items and values must be of equal length, got "
                             f"{len(users)}, {len(items)} and {len(values)}")
        if len(values) == 0:
            raise ValueError("values must hold at least one rating, got none")
        known_users, known_items = _known("users", users, all_users), _known("items", items, all_items)
        cells = _positions(known_users, users) * len(known_items) + _positions(known_items, items)
        cells, inverse, counts = np.unique(cells, return_inverse=True, return_counts=True)
        if duplicates == "refuse" and counts.max() > 1:
            k = np.argmax(counts[inverse] > 1)
            raise ValueError("a user must rate an item once, got user "
                             f"{users[k]} and item {items[k]} {counts[inverse[k]]} times")
        if duplicates in ("mean", "sum"):
            merged = np.bincount(inverse, values) / (counts if duplicates == "mean" else 1)
        elif duplicates in ("last", "refuse"):
            merged = np.empty(len(cells))
            merged[inverse] = values
        else:
            raise ValueError(f"duplicates must be one of mean, last, sum, refuse, got {duplicates!r}")
        place, shape = np.divmod(cells, len(known_items)), (len(known_users), len(known_items))
        return cls(known_users, known_items, csr_array(coo_array((merged, place), shape)))

    @classmethod
    def convert(cls, ratings):
        """`ratings` as they are, or from a sparse array (labels: the positions) or from (users, items, values)."""
        if isinstance(ratings, cls):
            return ratings
        if issparse(ratings):
            matrix = csr_array(ratings, dtype=np.float64, copy=True)
            matrix.sum_duplicates()
            return cls(np.arange(matrix.shape[0]), np.arange(matrix.shape[1]), matrix)
        if isinstance(ratings, tuple) and len(ratings) == 3:
            return cls.of(*ratings)
        raise ValueError("ratings must be Ratings, a sparse array or a tuple (users, items, values), got "
                         f"{type(ratings).__name__}")

    def __len__(self):
        return self.matrix.nnz

    @property
    def rows(self):
        """Position of the user of each stored rating, user after user."""
        return np.repeat(np.arange(len(self.users)), np.diff(self.matrix.indptr))

    @property
    def triples(self):
        """Labels of users and items, and the ratings, of all stored ratings."""
        return self.users[self.rows], self.items[self.matrix.indices], self.matrix.data

    def take(self, keep):
        """The ratings chosen by a mask or positions in the order of `triples`; all labels stay known."""
        try:
            keep = np.arange(len(self))[keep]
        except IndexError as error:
            raise ValueError(f"keep must be a mask of {len(self)} ratings or positions of them: {error}") from None
        if len(np.unique(keep)) < len(keep):
            raise ValueError("keep must name each rating once, got a position twice")
        place = self.rows[keep], self.matrix.indices[keep]
        matrix = coo_array((self.matrix.data[keep], place), self.matrix.shape)
        return Ratings(self.users, self.items, csr_array(matrix))


@dataclass(frozen=True, eq=False)
class Recommendation:
    """Items for a user, best first.

    Attributes
    ----------
    items : ndarray of shape (n,)
        Labels of the items; fewer than asked for where no more can be recommended.
    scores : ndarray of shape (n,)
        What the items were ranked by: predicted ratings, or preferences of an implicit model.
    known : bool
        False for a user without ratings, for whom the rule for unknown users stands in.
    """

    items: np.ndarray
    scores: np.ndarray
    known: bool


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Lists of several users, one below the other, each best first.

    Attributes
    ----------
    users, items : ndarray of shape (k,)
        Labels.
    scores : ndarray of shape (k,)
        As in `Recommendation`.
    """

    users: np.ndarray
    items: np.ndarray
    scores: np.ndarray


class Recommender(BaseEstimator):
    """Base of all recommenders: labels, unknown users and items, and lists.

    A model defines ``_fit(ratings)``, which learns from the sparse table, and ``_predict(u, i)``, which predicts
    for positions u and i of equal shape, where -1 stands for a user or an item that is unknown **or has no
    rating**. The stated rule is that an unknown user or item has no bias, no factors and no neighbours of its own:
    what is left of the model is predicted, in the end the mean of all ratings. ``_score(u)`` gives one user's
    scores of all items and ``_scores(u)`` those of a block of users, of shape (len(u), n); a model may define
    either more quickly.

    Attributes
    ----------
    users_, items_ : ndarray
        Labels the model knows.
    ratings_ : Ratings
    mean_ : float
        Mean of all ratings, mu.
    scale_ : tuple of float
        Lowest and highest rating seen.
    """

    def fit(self, ratings):
        """Learn from ratings.

        Parameters
        ----------
        ratings : Ratings, scipy.sparse array of shape (m, n), or tuple (users, items, values)

        Returns
        -------
        self
        """
        ratings = Ratings.convert(ratings)
        if len(ratings) == 0:
            raise ValueError("ratings must hold at least one rating, got none")
        if not np.isfinite(ratings.matrix.data).all():
            raise ValueError("ratings must be finite, got NaN or an infinity")
        self.ratings_, self.users_, self.items_ = ratings, ratings.users, ratings.items
        values = ratings.matrix.data
        self.mean_, self.scale_ = float(values.mean()), (float(values.min()), float(values.max()))
        self._rated_users = np.diff(ratings.matrix.indptr) > 0
        self._rated_items = np.bincount(ratings.matrix.indices, minlength=len(ratings.items)) > 0
        self._fit(ratings)
        return self

    def _at(self, users, items):
        """Positions of users and items, -1 for those unknown or without ratings."""
        users, items = np.asarray(users), np.asarray(items)
        try:
            users, items = np.broadcast_arrays(users, items)
        except ValueError:
            raise ValueError("users and items must be of equal length (or one of them a single label), got shapes "
                             f"{users.shape} and {items.shape}") from None
        u, i = _positions(self.users_, users), _positions(self.items_, items)
        return np.where((u >= 0) & self._rated_users[u], u, -1), np.where((i >= 0) & self._rated_items[i], i, -1)

    def predict(self, users, items, *, clip=False):
        """Predicted ratings of items by users.

        Parameters
        ----------
        users, items : array_like, broadcast against each other
            Labels; unknown ones follow the model's stated rule.
        clip : bool
            Whether predictions are cut to the scale of the ratings seen.

        Returns
        -------
        ndarray of float64
        """
        check_is_fitted(self)
        predicted = self._predict(*self._at(users, items))
        return np.clip(predicted, *self.scale_) if clip else predicted

    def _score(self, u):
        """Scores of all items for the user at position u (-1: unknown)."""
        i = np.where(self._rated_items, np.arange(len(self.items_)), -1)
        return self._predict(np.full(len(i), u), i)

    def _scores(self, u):
        """Scores of all items for the users at the positions u, one row each."""
        return np.stack([self._score(position) for position in u])

    def _recommendable(self):
        """Items that can be recommended: from ratings alone, those with a rating."""
        return self._rated_items

    def recommend(self, user, n=10, *, exclude_rated=True):
        """The n items with the highest scores for a user.

        Parameters
        ----------
        user : label
            An unknown user gets what the model says without a word from the user.
        n : int
        exclude_rated : bool
            Whether items that the user has rated are left out.

        Returns
        -------
        Recommendation
            Ties are broken by the order of the labels. An item without any rating is not recommended.
        """
        check_is_fitted(self)
        n = integer("n", n)
        if np.ndim(user):
            raise ValueError(f"user must be one label, got {user!r}; recommend_all takes many")
        u = int(self._at(user, self.items_[0])[0])
        allowed = self._recommendable().copy()
        if exclude_rated and u >= 0:
            matrix = self.ratings_.matrix
            allowed[matrix.indices[matrix.indptr[u]:matrix.indptr[u + 1]]] = False
        candidates = np.flatnonzero(allowed)
        scores = self._score(u)[candidates]
        best = np.lexsort((candidates, -scores))[:n]
        return Recommendation(self.items_[candidates[best]], scores[best], u >= 0)

    def recommend_all(self, n=10, users=None, *, exclude_rated=True):
        """The n items with the highest scores for each of many users.

        Parameters
        ----------
        n : int
        users : array_like of shape (k,), optional
            Labels; all users the model knows by default.
        exclude_rated : bool
            Whether items that a user has rated are left out.

        Returns
        -------
        Recommendations
            The lists of `recommend`, user after user in the order given.
        """
        check_is_fitted(self)
        n, users = integer("n", n), self.users_ if users is None else _labels("users", users)
        u = self._at(users, self.items_[0])[0]
        found = [[], [], []]
        step = max(1, BLOCK // len(self.items_))
        for start in range(0, len(u), step):
            block = u[start:start + step]
            rows, columns, scores = _best(self._allowed_scores(block, exclude_rated), n)
            for part, values in zip(found, (users[start + rows], self.items_[columns], scores)):
                part.append(values)
        return Recommendations(*(np.concatenate(part) if part else np.empty(0) for part in found))

    def _allowed_scores(self, u, exclude_rated):
        """Scores of a block of users, -inf for what is not to be recommended."""
        scores = np.where(self._recommendable(), self._scores(u), -np.inf)
        if exclude_rated:
            known = np.flatnonzero(u >= 0)
            rated = self.ratings_.matrix[u[known]]
            scores[np.repeat(known, np.diff(rated.indptr)), rated.indices] = -np.inf
        return scores


def _best(scores, n):
    """Rows, columns and values of the n largest finite entries of each row, in order; of equals the first."""
    least = -np.inf if n >= scores.shape[1] else np.partition(scores, -n, axis=1)[:, -n, None]
    rows, columns = np.nonzero((scores >= least) & (scores > -np.inf))
    values = scores[rows, columns]
    order = np.lexsort((columns, -values, rows))
    rows = rows[order]
    keep = np.arange(len(rows)) - np.searchsorted(rows, rows) < n
    return rows[keep], columns[order][keep], values[order][keep]
