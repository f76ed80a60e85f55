"""K-means, and how many clusters: Lloyd's algorithm, seeding, silhouette, gap statistic, elbow, stability.

Symbols are those of the chapter *kmeans*: the rows x_i of X (n x d) are customers, mu_k (`centers`) the k
(`n_clusters`) centres, r_ik the assignments, kept as one index per row (`labels`, r_ik = 1 where labels[i] = k),
w_i (`sample_weight`, 1 unless given) the weight of a row and J (`inertia`) the objective.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_is_fitted, check_random_state, validate_data

from ._check import integer, number

__all__ = [
    "Elbow", "Gap", "InertiaCurve", "KMeans", "Silhouette", "Stability", "adjusted_rand", "assign",
    "bootstrap_stability", "elbow", "fill_empty", "gap_statistic", "inertia", "inertia_curve", "kmeans_plus_plus",
    "optimal_partition", "silhouette", "update",
]

BLOCK = 2**17                   # distances held at a time: half a megabyte, which stays in the cache


# ----------------------------------------------------------------------------------------------------------
# The objective and its two half steps
# ----------------------------------------------------------------------------------------------------------

def inertia(X, labels, centers, sample_weight=None):
    """The objective of k-means: the sum of the squared distances of the rows to their own centres.

    Parameters
    ----------
    X : array_like of shape (n, d)
    labels : array_like of int, shape (n,), each >= 0 and < k
    centers : array_like of shape (k, d)
    sample_weight : array_like of shape (n,), >= 0, optional

    Returns
    -------
    float
        J, in squared units of the features.

    Notes
    -----
    J = sum_i sum_k r_ik w_i |x_i - mu_k|^2. Source: eq. kmeans-objective of the chapter *kmeans*; D2-EQ-10,
    D2-EQ-85, D3-EQ-09.
    """
    X, w = _rows(X), _weights(sample_weight, X)
    centers = _centers(centers, X)
    return float(w @ _squared_distances(X, centers[_labels(labels, X, len(centers))]))


def assign(X, centers):
    """Nearest centre of every row, the lowest index where several are equally near.

    Parameters
    ----------
    X : array_like of shape (n, d)
    centers : array_like of shape (k, d)

    Returns
    -------
    labels : ndarray of int, shape (n,)
    squared_distances : ndarray of shape (n,)
        |x_i - mu_k|^2 for the centre k chosen.

    Notes
    -----
    r_ik = 1 for k = argmin_j |x_i - mu_j|^2. Source: eq. kmeans-assign of the chapter *kmeans*; D2-EQ-86. The
    labels are those of the sum of the squared differences in float64, however far the data lie from the origin.
    """
    X = _rows(X)
    centers = _centers(centers, X)
    labels, _ = _Rows(X).nearest(centers)
    return labels, _squared_distances(X, centers[labels])


def update(X, labels, n_clusters, sample_weight=None):
    """Mean of the rows of every cluster, the centres with the lowest J for these labels.

    Parameters
    ----------
    X : array_like of shape (n, d)
    labels : array_like of int, shape (n,), each >= 0 and < n_clusters
    n_clusters : int, >= 1
    sample_weight : array_like of shape (n,), >= 0, optional

    Returns
    -------
    ndarray of shape (n_clusters, d)
        The mean of a cluster without rows (or without weight) is 0/0: its row is nan. `fill_empty` has the rule
        for it.

    Notes
    -----
    mu_k = sum_i r_ik w_i x_i / sum_i r_ik w_i, where dJ/dmu_k = 0. Source: eq. kmeans-update of the chapter
    *kmeans*; D2-EQ-87, D2-EQ-88.
    """
    X, w = _rows(X), _weights(sample_weight, X)
    labels = _labels(labels, X, n_clusters)
    first = np.zeros(n_clusters, dtype=np.intp)
    weighty = np.flatnonzero(w > 0)[::-1]
    first[labels[weighty]] = weighty
    origin = X[first]                                       # the mean of equal rows is then exactly that row
    sums, mass = _totals(X - origin[labels], w, labels, n_clusters)
    with np.errstate(invalid="ignore"):
        return origin + sums / mass[:, None]


def fill_empty(X, labels, n_clusters, sample_weight=None):
    """Update in which every empty cluster takes the row that lies farthest from its own centre.

    Parameters
    ----------
    X : array_like of shape (n, d), with at least `n_clusters` distinct rows (of positive weight)
    labels : array_like of int, shape (n,), each >= 0 and < n_clusters
    n_clusters : int, >= 1
    sample_weight : array_like of shape (n,), >= 0, optional

    Returns
    -------
    labels : ndarray of int, shape (n,)
        The labels given, except of the rows taken: each goes with its exact copies, the first where several are
        equally far.
    centers : ndarray of shape (n_clusters, d)
        The means under these labels.

    Notes
    -----
    Source: eq. kmeans-descent of the chapter *kmeans*; D2-PRF-04. J cannot rise: a row at distance D > 0 of the
    mean of its cluster becomes a cluster of its own, which takes w_i D^2 from J, and the mean of the rows it
    leaves can only lower the rest. One cluster is filled at a time and the means are renewed in between, so no
    row is taken twice and no cluster is emptied: a cluster with a row off its mean has two distinct rows.
    """
    X, w = _rows(X), _weights(sample_weight, X)
    labels = _labels(labels, X, n_clusters)
    centers = update(X, labels, n_clusters, w)
    for k in np.flatnonzero(np.isnan(centers[:, 0])):
        distances = np.where(w > 0, _squared_distances(X, centers[labels]), 0)
        taken = np.argmax(distances)
        if not distances[taken] > 0:
            raise ValueError("n_clusters must be <= the number of distinct rows (of squared distances above 0), "
                             f"got {n_clusters}")
        labels[(X == X[taken]).all(axis=1)] = k
        centers = update(X, labels, n_clusters, w)
    return labels, centers


class _Rows:
    """Rows prepared for being compared with centres again and again.

    |x-mu|^2 = |x|^2 - 2 x.mu + |mu|^2, and one matrix product gives the second term for all rows and centres.
    It is computed in single precision, from rows moved and scaled into the unit box; where its rounding could
    decide between two centres, the differences are squared one by one in double precision.
    """

    def __init__(self, X):
        self.X = X
        self.origin = X.mean(axis=0)
        x = X - self.origin
        self.scale = np.abs(x).max() or 1.0
        x /= self.scale
        self.x2 = _squares(x)
        self.x = x.astype(np.float32)

    @np.errstate(over="ignore", invalid="ignore")
    def nearest(self, centers, rows=None):
        """Nearest centre of the rows, and lower bounds on how much farther away the second nearest is."""
        x, x2 = (self.x, self.x2) if rows is None else (self.x.take(rows, axis=0), self.x2.take(rows))
        n, k = len(x), len(centers)
        labels, slack = np.zeros(n, dtype=np.intp), np.full(n, np.inf)
        if k == 1:
            return labels, slack
        mu = (centers - self.origin) / self.scale
        mu2 = _squares(mu)[:, None]
        error = (x.shape[1] + 8) * np.finfo(np.float32).eps * (x2 + mu2.max()) + np.finfo(np.float32).tiny
        factor, constant = (-2 * mu).astype(np.float32), mu2.astype(np.float32)
        index_and_one = np.array([np.arange(k), np.ones(k)], dtype=np.float32)
        nearest, second, equal = np.empty(n), np.empty(n), np.empty(n)
        step = max(1, BLOCK // k)
        for block in (slice(start, start + step) for start in range(0, n, step)):
            distances = factor @ x[block].T                                         # less |x|^2
            distances += constant
            nearest[block] = least = distances.min(axis=0)
            chosen = (distances == least).astype(np.float32)
            labels[block], equal[block] = index_and_one @ chosen
            distances += np.finfo(np.float32).max * chosen
            second[block] = distances.min(axis=0)
        unclear = np.flatnonzero(~((second - nearest > 2 * error) & (equal == 1)))
        nearest = np.sqrt(np.maximum(nearest + x2, 0) + error)
        slack = self.scale * (np.sqrt(np.maximum(second + x2 - error, 0)) - nearest)
        if unclear.size:
            again = self.X[unclear if rows is None else rows[unclear]]
            labels[unclear], slack[unclear] = _nearest_directly(again, centers)
        return labels, slack


def _nearest_directly(X, centers):
    from scipy.spatial.distance import cdist

    labels, slack = np.empty(len(X), dtype=np.intp), np.empty(len(X))
    step = max(1, BLOCK // len(centers))
    for block in (slice(start, start + step) for start in range(0, len(X), step)):
        distances = cdist(X[block], centers, "sqeuclidean")
        labels[block] = distances.argmin(axis=1)
        nearest, second = np.sqrt(np.partition(distances, 1, axis=1)[:, :2].T)
        slack[block] = second * (1 - 1e-12) - nearest
    return labels, slack


def _squares(X):
    return np.einsum("ij,ij->i", X, X)


def _squared_distances(X, Y):
    return _squares(X - Y)


def _totals(X, w, labels, k):
    """Sums of w_i x_i and of w_i over the rows of each cluster, from the sparse matrix of w_i r_ik."""
    from scipy.sparse import csc_array

    r = csc_array((w, labels, np.arange(len(X) + 1)), shape=(k, len(X)))
    return r @ X, np.bincount(labels, w, k)


# ----------------------------------------------------------------------------------------------------------
# Starts
# ----------------------------------------------------------------------------------------------------------

def kmeans_plus_plus(X, n_clusters, random_state=None, *, sample_weight=None, trials=None):
    """Starting centres far apart: k-means++ by Arthur and Vassilvitskii, greedy unless `trials` is 1.

    Parameters
    ----------
    X : array_like of shape (n, d)
    n_clusters : int, >= 1 and <= n
    random_state : int, RandomState or None
    sample_weight : array_like of shape (n,), >= 0, optional
    trials : int, >= 1, optional
        Rows drawn for each centre, of which the one that leaves the lowest J is kept. The default is
        2 + floor(log n_clusters), the greedy version; with 1 it is the published plain version.

    Returns
    -------
    centers : ndarray of shape (n_clusters, d)
    indices : ndarray of int, shape (n_clusters,)
        Which rows they are.

    Notes
    -----
    The first row is drawn with probability proportional to w_i, each further one to w_i D_i^2, where D_i is the
    distance to the nearest centre chosen so far. Source: eq. kmeans-plus-plus of the chapter *kmeans*;
    D3-CLM-19. The plain version's J has an expectation of at most 8 (log k + 2) times the lowest J.
    """
    X, w = _rows(X), _weights(sample_weight, X)
    _check_n_clusters(n_clusters, X)
    if trials is None:
        trials = 2 + int(np.log(n_clusters))
    integer("trials", trials)
    random = check_random_state(random_state)
    indices = np.empty(n_clusters, dtype=np.intp)
    indices[0] = _draw(w, 1, random)[0]
    nearest = _squared_distances(X, X[indices[0]])
    for k in range(1, n_clusters):
        candidates = _draw(w * nearest if (w @ nearest) > 0 else w, trials, random)
        left = [np.minimum(nearest, _squared_distances(X, X[i])) for i in candidates]
        best = int(np.argmin([w @ distances for distances in left]))
        indices[k], nearest = candidates[best], left[best]
    return X[indices], indices


def _draw(weights, size, random):
    """Indices drawn with probability proportional to the weights, never one of weight zero."""
    cumulated = np.cumsum(weights)
    drawn = np.searchsorted(cumulated, random.uniform(size=size) * cumulated[-1], side="right")
    return np.minimum(drawn, np.flatnonzero(weights)[-1])


# ----------------------------------------------------------------------------------------------------------
# Lloyd's algorithm
# ----------------------------------------------------------------------------------------------------------

class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """K-means by Lloyd's algorithm: assign every row to its nearest centre, move every centre to its mean, repeat.

    Parameters
    ----------
    n_clusters : int, >= 1 and <= n, default 8
    init : "k-means++", "random" or array_like of shape (n_clusters, d), default "k-means++"
        Seeding by `kmeans_plus_plus` (greedy), by rows drawn without replacement, or the starting centres
        themselves.
    n_init : int, >= 1, default 10
        Starts, of which the result with the lowest J is kept (the first one if equal); one if `init` is an array.
    max_iter : int, >= 1, default 300
        Most rounds of update and assignment per start.
    tol : float, >= 0, default 0
        Also stop after a round that lowers J by at most `tol` times J. At 0, only a round that leaves every row
        where it is ends the run.
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : ndarray of shape (n_clusters, d)
    labels_ : ndarray of int, shape (n,)
        Equal to `predict(X)`.
    inertia_ : float
        J.
    n_iter_ : int
        Rounds of the start that was kept, including the last, which moves no row.
    inertia_path_ : ndarray of shape (2 n_iter_ + 1,)
        J after the first assignment and after every half step that follows (update, assignment, update, ...). It
        never rises.
    converged_ : bool
        Whether the start that was kept ended before `max_iter` was used up. If it did with `tol` = 0, every row is
        assigned to its nearest centre and every centre is the mean of its cluster.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Warns
    -----
    ConvergenceWarning
        If fewer distinct rows than clusters exist: J is then 0, the centres are the distinct rows and the last of
        them again; or if the start that was kept did not converge.

    Notes
    -----
    Source: eqs. kmeans-objective, kmeans-assign, kmeans-update, kmeans-descent and kmeans-plus-plus of the
    chapter *kmeans*; D2-EQ-10, D2-EQ-85 to D2-EQ-88, D2-PROC-08, D2-PRF-04, D3-EQ-09, D3-PROC-12. Two rules
    make the algorithm definite: equally near centres go to the lowest index, and an empty cluster takes the row
    farthest from its own centre (`fill_empty`). J falls with every change and there are finitely many
    partitions, so it stops; where it stops depends on the start, and need not be the lowest J
    (`optimal_partition`).

    A row is compared with all centres only when it may have a new nearest one: a centre that has moved by delta
    changes no distance by more than delta (the triangle inequality, after Hamerly). This gives the same
    partitions as comparing always, and the end is verified on all rows. Rows of weight 0 take no part, they are
    only labelled.
    """

    def __init__(self, n_clusters=8, init="k-means++", n_init=10, max_iter=300, tol=0.0, random_state=None):
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None, sample_weight=None):
        """Find the clusters of X, of shape (n, d); `y` is ignored."""
        rows = validate_data(self, X, dtype=np.float64, order="C", copy=False)
        w = _weights(sample_weight, rows)
        X = rows if (w > 0).all() else rows[w > 0]
        w = w[w > 0]
        self._check_parameters(X)
        self._n_features_out = self.n_clusters
        distinct = _distinct_rows(X, self.n_clusters)
        if len(distinct) < self.n_clusters:
            warnings.warn(f"found {len(distinct)} distinct clusters, as many as there are distinct rows, "
                          f"of n_clusters={self.n_clusters}", ConvergenceWarning, stacklevel=2)
            repeated = np.minimum(np.arange(self.n_clusters), len(distinct) - 1)
            centers = distinct[repeated]
            best = _Run(assign(X, centers)[0], centers, 0.0, np.zeros(3), 1, True)
        else:
            random = check_random_state(self.random_state)
            starts = 1 if self._init_is_array() else self.n_init
            prepared = _Rows(X)
            runs = (_lloyd(prepared, w, self._start(X, w, random), self.max_iter, self.tol) for _ in range(starts))
            best = min(runs, key=lambda run: run.inertia)
            if not best.converged:
                warnings.warn(f"not converged after max_iter={self.max_iter} rounds", ConvergenceWarning,
                              stacklevel=2)
        self.cluster_centers_ = best.centers
        self.labels_ = best.labels if len(X) == len(rows) else assign(rows, best.centers)[0]
        self.inertia_, self.inertia_path_ = best.inertia, best.path
        self.n_iter_, self.converged_ = best.n_iter, best.converged
        return self

    def predict(self, X):
        """Index of the nearest centre of every row of X, shape (n,)."""
        return assign(self._checked(X), self.cluster_centers_)[0]

    def transform(self, X):
        """Distance of every row of X to every centre, shape (n, n_clusters), in units of the features."""
        from scipy.spatial.distance import cdist

        return cdist(self._checked(X), self.cluster_centers_)

    def score(self, X, y=None, sample_weight=None):
        """Minus J of the rows of X, each with its nearest centre."""
        X = self._checked(X)
        return -float(_weights(sample_weight, X) @ assign(X, self.cluster_centers_)[1])

    def _checked(self, X):
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, order="C", reset=False)

    def _init_is_array(self):
        return not isinstance(self.init, str)

    def _check_parameters(self, X):
        _check_n_clusters(self.n_clusters, X)
        integer("n_init", self.n_init)
        integer("max_iter", self.max_iter)
        number("tol", self.tol, least=0)
        if self._init_is_array():
            shape, needed = np.shape(self.init), (self.n_clusters, X.shape[1])
            if shape != needed:
                raise ValueError(f"init must have the shape (n_clusters, features) = {needed}, got {shape}")
        elif self.init not in ("k-means++", "random"):
            raise ValueError(f"init must be 'k-means++', 'random' or an array, got {self.init!r}")

    def _start(self, X, w, random):
        if self._init_is_array():
            return check_array(self.init, dtype=np.float64, order="C", input_name="init")
        if self.init == "random":
            return X[random.choice(len(X), self.n_clusters, replace=False)]
        return kmeans_plus_plus(X, self.n_clusters, random, sample_weight=w)[0]


@dataclass(frozen=True, eq=False)
class _Run:
    labels: np.ndarray
    centers: np.ndarray
    inertia: float
    path: np.ndarray
    n_iter: int
    converged: bool


def _lloyd(X, w, centers, max_iter, tol):
    """Lloyd's algorithm from `centers`, for weights > 0 and at least as many distinct rows as centres.

    A row's label stands until the centres have moved by more than its slack: `spent[k]` adds up how much a row of
    cluster k has lost since the start, and `expiry` is the value at which the row is looked at again.
    """
    k = len(centers)
    labels, expiry = X.nearest(centers)
    spent = np.zeros(k)
    X, origin, prepared = X.X, X.origin, X
    J = inertia(X, labels, centers, w)
    if not np.isfinite(J):
        raise ValueError("X must be small enough for its squared distances to be finite, got an infinite inertia")
    sums, mass = _totals(X - origin, w, labels, k)
    uneven = w.max() > 1e6 * w.min()
    falls, converged = [], False
    for n_iter in range(1, max_iter + 1):
        # update
        if np.bincount(labels, minlength=k).all():
            means = origin + sums / mass[:, None]
            falls.append(mass @ _squared_distances(means, centers))
        else:
            before = inertia(X, labels, centers, w)
            labels, means = fill_empty(X, labels, k, w)
            sums, mass = _totals(X - origin, w, labels, k)
            falls.append(max(before - inertia(X, labels, means, w), 0))
            expiry[:] = -np.inf
        drift = np.sqrt(_squared_distances(means, centers))
        spent += (drift + drift.max()) * (1 + 1e-9)
        centers = means
        # assign
        rows = np.flatnonzero(expiry <= spent.take(labels))
        before, (nearest, slack) = labels.take(rows), prepared.nearest(centers, rows)
        if (nearest == before).all():                       # confirm it with means free of earlier rounding
            sums, mass = _totals(X - origin, w, labels, k)
            centers = update(X, labels, k, w)
            rows, before, (nearest, slack) = np.arange(len(X)), labels, prepared.nearest(centers)
        expiry[rows] = slack + spent.take(nearest)
        changed = np.flatnonzero(nearest != before)
        rows, old, new = rows[changed], before[changed], nearest[changed]
        x, weight = X[rows], w[rows]
        falls.append(max(weight @ (_squared_distances(x, centers[old]) - _squared_distances(x, centers[new])), 0))
        labels[rows] = new
        if uneven:                                          # what heavy rows leave would be lost in rounding
            sums, mass = _totals(X - origin, w, labels, k)
        else:
            x = x - origin
            moved = _totals(np.concatenate([x, x]), np.append(weight, -weight), np.append(new, old), k)
            sums, mass = sums + moved[0], mass + moved[1]
        fall = falls[-2] + falls[-1]
        converged = rows.size == 0 or (tol > 0 and fall <= tol * J)
        J -= fall
        if converged:
            break
    J = inertia(X, labels, centers, w)
    path = J + np.append(np.cumsum(falls[::-1])[::-1], 0)
    return _Run(labels, centers, J, path, n_iter, bool(converged))


def _distinct_rows(X, most):
    """The distinct rows of X by first appearance, or some of them where more than `most` exist."""
    for rows in (X[: 4 * most], X):
        _, first = np.unique(rows, axis=0, return_index=True)
        if len(first) >= most:
            break
    return X[np.sort(first)]


def optimal_partition(X, n_clusters):
    """The partition with the lowest J of all, by trying every one: for up to 10 rows.

    Parameters
    ----------
    X : array_like of shape (n, d), n <= 10
    n_clusters : int, >= 1 and <= n

    Returns
    -------
    labels : ndarray of int, shape (n,)
        Clusters are numbered in the order of their first row; of several optimal partitions, the first in
        lexicographic order of the labels.
    inertia : float

    Notes
    -----
    What eq. kmeans-objective of the chapter *kmeans* asks for, and Lloyd's algorithm may miss; D2-EQ-10,
    D2-SYS-03. Every partition into at most n_clusters clusters is tried once.
    """
    X = _rows(X)
    _check_n_clusters(n_clusters, X)
    if len(X) > 10:
        raise ValueError(f"X must have at most 10 rows, got {len(X)}")
    partitions = np.zeros((1, 1), dtype=np.intp)
    for _ in range(1, len(X)):                              # a row joins a cluster before it, or opens the next
        choices = np.minimum(partitions.max(axis=1) + 2, n_clusters)
        joined = np.concatenate([np.arange(count) for count in choices])
        partitions = np.column_stack([partitions.repeat(choices, axis=0), joined])
    J = np.zeros(len(partitions))
    for k in range(n_clusters):
        r = (partitions == k).astype(float)
        mu = r @ X / np.maximum(r.sum(axis=1), 1)[:, None]
        J += sum(r[:, i] * _squared_distances(x, mu) for i, x in enumerate(X))
    first = int(np.argmax(J <= J.min() * (1 + 1e-12)))
    return partitions[first], float(J[first])


# ----------------------------------------------------------------------------------------------------------
# How many clusters
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class InertiaCurve:
    """J for several numbers of clusters: `ks` and `inertias`, both of shape (m,)."""

    ks: np.ndarray
    inertias: np.ndarray


def inertia_curve(X, ks, *, n_init=10, random_state=None):
    """Lowest J found for each number of clusters; it never rises with k.

    Parameters
    ----------
    X : array_like of shape (n, d), with at least max(ks) distinct rows
    ks : array_like of int, increasing, >= 1 and <= n
    n_init : int, >= 1, default 10
        Starts by `kmeans_plus_plus` for each k.
    random_state : int, RandomState or None

    Returns
    -------
    InertiaCurve

    Notes
    -----
    Source: eq. kmeans-objective of the chapter *kmeans*; D3-CLM-18. One more start takes the centres found for
    the k before and gives the new clusters the farthest rows (`fill_empty`), which is why J cannot rise.
    """
    X = _rows(X)
    ks = _check_ks(ks, X)
    _check_distinct("ks", ks[-1], X)
    random = check_random_state(random_state)
    inertias, labels = [], np.zeros(len(X), dtype=np.intp)
    for k in ks:
        fits = [KMeans(k, n_init=n_init, random_state=random).fit(X)]
        fits.append(KMeans(k, init=fill_empty(X, labels, k)[1]).fit(X))
        best = min(fits, key=lambda fit: fit.inertia_)
        labels = best.labels_
        inertias.append(best.inertia_)
    return InertiaCurve(ks, np.array(inertias))


@dataclass(frozen=True, eq=False)
class Elbow:
    """The bend of a curve of J: `k`, and how far each point lies below the chord (`depths`, shape (m,)).

    A depth is a share of the total fall of J from the first to the last k.
    """

    k: int
    ks: np.ndarray
    depths: np.ndarray


def elbow(ks, inertias):
    """The number of clusters at which J lies deepest below the straight line between its first and last value.

    Parameters
    ----------
    ks : array_like of int, shape (m,), increasing, m >= 3
    inertias : array_like of float, shape (m,)
        J of each; the last has to be below the first.

    Returns
    -------
    Elbow
        Its `k` is the lowest one where several are equally deep, the first of `ks` if no point is below the chord.

    Notes
    -----
    Source: eq. elbow-chord of the chapter *kmeans*; D3-CLM-18. The perpendicular distance to the chord is the
    vertical one times a constant, so the choice depends on neither axis's unit. It does depend on the first and
    the last k.
    """
    ks, J = _increasing(ks), np.asarray(inertias, dtype=float)
    if len(ks) < 3:
        raise ValueError(f"ks must be increasing and at least 3 numbers, got {ks.tolist()}")
    if J.shape != ks.shape or not np.isfinite(J).all() or not J[-1] < J[0]:
        raise ValueError("inertias must be one finite number for each of ks, the last below the first, "
                         f"got {J.tolist()}")
    depths = (J[0] - J) / (J[0] - J[-1]) - (ks - ks[0]) / (ks[-1] - ks[0])
    return Elbow(int(ks[np.argmax(depths)]), ks, depths)


@dataclass(frozen=True, eq=False)
class Silhouette:
    """`widths` of the rows, shape (n,), their `mean`, and the `cluster_means` of the sorted `clusters`."""

    widths: np.ndarray
    mean: float
    clusters: np.ndarray
    cluster_means: np.ndarray


def silhouette(X, labels):
    """How much nearer each row is to its own cluster than to the next one, from -1 to 1.

    Parameters
    ----------
    X : array_like of shape (n, d)
    labels : array_like of shape (n,)
        At least two clusters, not all of one row.

    Returns
    -------
    Silhouette

    Raises
    ------
    ValueError
        If there is one cluster only, or if every row is a cluster of its own.

    Notes
    -----
    s_i = (b_i - a_i) / max(a_i, b_i), a_i the mean distance to the other rows of its cluster and b_i the lowest
    mean distance to the rows of another one; 0 for the only row of a cluster, and where a_i = b_i = 0. Source:
    eq. silhouette-width of the chapter *kmeans*; D3-CLM-18. Exact, in blocks of rows: n^2 distances are
    computed, not kept.
    """
    from scipy.spatial.distance import cdist

    X = _rows(X)
    clusters, labels = _clusters("labels", labels, len(X))
    n, k = len(X), len(clusters)
    if k < 2 or k == n:
        raise ValueError(f"labels must name at least 2 clusters and fewer than the {n} rows, got {k}")
    members = np.eye(k)[labels]
    size = members.sum(axis=0)
    widths = np.empty(n)
    step = max(1, 2**21 // n)
    for start in range(0, n, step):
        own = labels[start:start + step]
        rows = np.arange(len(own))
        total = cdist(X[start:start + step], X) @ members
        a = total[rows, own] / np.maximum(size[own] - 1, 1)
        means = total / size
        means[rows, own] = np.inf
        b = means.min(axis=1)
        larger = np.maximum(a, b)
        larger[(size[own] == 1) | (larger == 0)] = np.inf
        widths[start:start + step] = (b - a) / larger
    return Silhouette(widths, float(widths.mean()), clusters, np.bincount(labels, widths) / size)


@dataclass(frozen=True, eq=False)
class Gap:
    """Gap statistic: the `k` chosen, and `gaps` and `standard_errors` for each of `ks`, all of shape (m,).

    `log_inertias` are log J of the data, `reference_log_inertias` their means over the reference data.
    """

    k: int
    ks: np.ndarray
    gaps: np.ndarray
    standard_errors: np.ndarray
    log_inertias: np.ndarray
    reference_log_inertias: np.ndarray


def gap_statistic(X, ks, references=20, random_state=None, *, n_init=3):
    """How far log J lies below what data without clusters would give, for each number of clusters.

    Parameters
    ----------
    X : array_like of shape (n, d), with more than max(ks) distinct rows
    ks : array_like of int, consecutive, >= 1 and < n
    references : int, >= 2, default 20
        Reference data sets B, n rows uniform over the box that the features' ranges span.
    random_state : int, RandomState or None
    n_init : int, >= 1, default 3
        Starts of `inertia_curve` for each data set and k.

    Returns
    -------
    Gap
        Its `k` is the lowest with gap(k) >= gap(k+1) - s(k+1), and the last of `ks` if there is none.

    Notes
    -----
    gap(k) = mean_b log J_b(k) - log J(k), s(k) = sd_b(log J_b(k)) sqrt(1 + 1/B), the standard deviation with
    divisor B. Source: Tibshirani, Walther and Hastie (2001); eq. gap-statistic of the chapter *kmeans*;
    D3-CLM-18. It can choose k = 1, which elbow and silhouette cannot.
    """
    X = _rows(X)
    ks = _check_ks(ks, X)
    if (np.diff(ks) != 1).any() or len(_distinct_rows(X, ks[-1] + 1)) <= ks[-1]:
        raise ValueError(f"ks must be consecutive and below the number of distinct rows, got {ks.tolist()}")
    integer("references", references, least=2)
    random = check_random_state(random_state)
    low, high = X.min(axis=0), X.max(axis=0)
    log_J = np.log(inertia_curve(X, ks, n_init=n_init, random_state=random).inertias)
    reference = np.log([
        inertia_curve(random.uniform(low, high, X.shape), ks, n_init=n_init, random_state=random).inertias
        for _ in range(references)
    ])
    gaps = reference.mean(axis=0) - log_J
    errors = reference.std(axis=0) * np.sqrt(1 + 1 / references)
    enough = np.append(gaps[:-1] >= gaps[1:] - errors[1:], True)
    return Gap(int(ks[np.argmax(enough)]), ks, gaps, errors, log_J, reference.mean(axis=0))


# ----------------------------------------------------------------------------------------------------------
# Agreement and stability
# ----------------------------------------------------------------------------------------------------------

def adjusted_rand(labels, others):
    """Adjusted Rand index of two clusterings of the same rows: 1 for the same partition, 0 on average by chance.

    Parameters
    ----------
    labels, others : array_like of shape (n,), n >= 1
        Any names of the clusters.

    Returns
    -------
    float
        1 also where it is 0/0: both clusterings have one cluster, or both have only clusters of one row.

    Notes
    -----
    (S - E) / ((A + B)/2 - E), where S, A and B are the numbers of pairs of rows that are together in both, in
    the first and in the second clustering, and E = A B / (n (n-1)/2) is the S to be expected by chance (Hubert
    and Arabie 1985). Source: eq. stability-index of the chapter *kmeans*.
    """
    table = _contingency(labels, others)

    def pairs(counts):
        return float((counts * (counts - 1) / 2).sum())

    S, A, B = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    if A == B == S:
        return 1.0
    E = A * B / pairs(table.sum())
    return (S - E) / ((A + B) / 2 - E)


def _contingency(labels, others):
    """Number of rows in each cluster of the first and each of the second clustering."""
    a, labels = _clusters("labels", labels)
    b, others = _clusters("others", others, len(labels))
    return np.bincount(labels * len(b) + others, minlength=len(a) * len(b)).reshape(len(a), len(b)).astype(float)


@dataclass(frozen=True, eq=False)
class Stability:
    """Stability under resampling: `mean` of the adjusted Rand `indices`, shape (repetitions,), for `k` clusters.

    `cluster_jaccards`, shape (k,), is the mean share by which each cluster of the whole data comes back; `labels`,
    shape (n,), are those clusters.
    """

    k: int
    mean: float
    indices: np.ndarray
    cluster_jaccards: np.ndarray
    labels: np.ndarray


def bootstrap_stability(X, k, repetitions=20, random_state=None, *, n_init=10):
    """Whether other customers of the same kind would have given the same clusters.

    Parameters
    ----------
    X : array_like of shape (n, d)
    k : int, >= 1 and <= the number of distinct rows
    repetitions : int, >= 1, default 20
        Pairs of bootstrap samples (n rows drawn with replacement). Each sample is clustered and its centres
        label all rows of X. One with fewer than k distinct rows gives as many clusters as it has.
    random_state : int, RandomState or None
    n_init : int, >= 1, default 10

    Returns
    -------
    Stability

    Notes
    -----
    The index is the mean of `adjusted_rand` between the two labellings of a pair. Source: eq. stability-index
    of the chapter *kmeans*; D3-CLM-18, D3-CLM-19. The share by which a cluster comes back is, after Hennig
    (2007), its largest Jaccard index |A and B| / |A or B| with a cluster B of the sample, here over all rows,
    averaged over the samples.
    """
    X = _rows(X)
    _check_n_clusters(k, X, "k")
    _check_distinct("k", k, X)
    integer("repetitions", repetitions)
    random = check_random_state(random_state)
    whole = KMeans(k, n_init=n_init, random_state=random).fit(X).labels_

    def resampled():
        sample = X[random.randint(len(X), size=len(X))]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "found .* distinct clusters", ConvergenceWarning)
            return KMeans(k, n_init=n_init, random_state=random).fit(sample).predict(X)

    pairs = [(resampled(), resampled()) for _ in range(repetitions)]
    indices = np.array([adjusted_rand(one, other) for one, other in pairs])
    jaccards = np.mean([_jaccards(whole, labels) for pair in pairs for labels in pair], axis=0)
    return Stability(int(k), float(indices.mean()), indices, jaccards, whole)


def _jaccards(labels, others):
    """Largest Jaccard index of each cluster of the first clustering with one of the second."""
    both = _contingency(labels, others)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
    return (both / either).max(axis=1)


# ----------------------------------------------------------------------------------------------------------
# Arguments
# ----------------------------------------------------------------------------------------------------------

def _rows(X):
    return check_array(X, dtype=np.float64, order="C", input_name="X")


def _weights(sample_weight, X):
    if sample_weight is None:
        return np.ones(len(X))
    w = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if w.shape != (len(X),):
        raise ValueError(f"sample_weight must have the shape ({len(X)},), one weight for each row, got {w.shape}")
    if w.min() < 0 or w.max() == 0:
        raise ValueError(f"sample_weight must be >= 0 and not zero for every row, got {w.min():g} to {w.max():g}")
    return w


def _centers(centers, X):
    centers = check_array(centers, dtype=np.float64, order="C", input_name="centers")
    if centers.shape[1] != X.shape[1]:
        raise ValueError(f"centers must have as many columns as X, {X.shape[1]}, got {centers.shape[1]}")
    return centers


def _labels(labels, X, k):
    integer("n_clusters", k)
    labels = np.asarray(labels)
    if labels.shape != (len(X),) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= k:
        raise ValueError(f"labels must be {len(X)} integers >= 0 and < {k}, one for each row of X, got {labels}")
    return labels.astype(np.intp)


def _clusters(name, labels, n=None):
    """The sorted names of the clusters, and the position of each row's name among them."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0 or n not in (None, len(labels)):
        raise ValueError(f"{name} must have the shape ({'n' if n is None else n},), got {labels.shape}")
    return np.unique(labels, return_inverse=True)


def _check_n_clusters(n_clusters, X, name="n_clusters"):
    integer(name, n_clusters)
    if n_clusters > len(X):
        raise ValueError(f"{name} must be <= the number of rows (n_samples={len(X)}), got {n_clusters}")


def _check_distinct(name, k, X):
    found = len(_distinct_rows(X, k))
    if found < k:
        raise ValueError(f"{name} must be <= the number of distinct rows {found}, got {k}")


def _increasing(ks):
    ks = np.asarray(ks)
    if ks.ndim != 1 or ks.size == 0 or ks.dtype.kind not in "iu" or (ks[1:] <= ks[:-1]).any():
        raise ValueError(f"ks must be increasing integers, got {ks.tolist()}")
    return ks.astype(np.intp)


def _check_ks(ks, X):
    ks = _increasing(ks)
    for k in ks[[0, -1]].tolist():
        _check_n_clusters(k, X, "ks")
    return ks
