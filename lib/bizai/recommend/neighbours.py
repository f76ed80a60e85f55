"""Collaborative filtering by neighbours: biases, similarities, and weighted means of what similar users said.

Symbols are those of the chapter *collaborative_filtering*: ratings r_ui of the pairs in K, K_u the items rated by
u and K_i the users who rated i, mu the mean of all ratings, biases b_u and b_i with penalty weights `l2_user` and
`l2_item`, similarities s_uv of users and s_ij of items, and N (`n_neighbours`) the number of neighbours.
"""

import numpy as np
from scipy.sparse import csr_array

from .._check import integer, number
from .ratings import Recommender

__all__ = ["Biases", "ItemNeighbours", "UserNeighbours", "similarities"]

SIMILARITIES = ("msd", "cosine", "pearson", "pearson_baseline")
BLOCK = 2**21                   # similarities computed at a time: 16 megabytes
ROUNDING = 1e-12                # what is smaller than this share of the ratings is rounding, not a difference


# ----------------------------------------------------------------------------------------------------------
# Biases
# ----------------------------------------------------------------------------------------------------------

class Biases(Recommender):
    """Mean of all ratings plus a bias of the user plus a bias of the item, both shrunk towards zero.

    Parameters
    ----------
    l2_user, l2_item : float, >= 0
        Penalty weights of b_u^2 and b_i^2: as if every user (item) had that many further ratings at the mean.
    sweeps : int, >= 1, or None
        Sweeps of damped means, items first and then users, from biases of zero. None: the exact minimum.

    Attributes
    ----------
    mean_ : float
        mu.
    user_bias_ : ndarray of shape (m,)
    item_bias_ : ndarray of shape (n,)
        Zero for a user or an item without ratings.

    Notes
    -----
    r^_ui = mu + b_u + b_i minimises sum_K (r_ui - r^_ui)^2 + l2_user sum_u b_u^2 + l2_item sum_i b_i^2. A sweep
    sets b_i = sum_{u in K_i} (r_ui - mu - b_u) / (l2_item + |K_i|), then b_u likewise: each is the exact minimum
    given the other. Source: eq. cf-baseline and cf-shrunk of the chapter *collaborative_filtering*; D1-EQ-06,
    D2-EQ-19. An unknown user or item has the bias zero.
    """

    def __init__(self, l2_user=15.0, l2_item=10.0, sweeps=10):
        self.l2_user = l2_user
        self.l2_item = l2_item
        self.sweeps = sweeps

    def _fit(self, ratings):
        l2_user, l2_item = number("l2_user", self.l2_user, least=0), number("l2_item", self.l2_item, least=0)
        sweeps = None if self.sweeps is None else integer("sweeps", self.sweeps)
        self.user_bias_, self.item_bias_ = _biases(ratings.matrix, self.mean_, l2_user, l2_item, sweeps)

    def _predict(self, u, i):
        return self.mean_ + np.append(self.user_bias_, 0)[u] + np.append(self.item_bias_, 0)[i]

    def _scores(self, u):
        return (self.mean_ + np.append(self.user_bias_, 0)[u])[:, None] + self.item_bias_


def _biases(matrix, mean, l2_user, l2_item, sweeps):
    """b_u and b_i after `sweeps` sweeps of damped means, or at the minimum."""
    rated = _pattern(matrix)
    deviations = _like(matrix, matrix.data - mean)
    user_sums, item_sums = deviations.sum(axis=1), deviations.sum(axis=0)
    user_weights = np.maximum(np.diff(matrix.indptr) + l2_user, np.finfo(float).tiny)
    item_weights = np.maximum(rated.sum(axis=0) + l2_item, np.finfo(float).tiny)
    transposed = rated.T.tocsr()
    b_u = np.zeros(matrix.shape[0]) if sweeps else _minimum(rated, transposed, user_sums, item_sums, user_weights,
                                                            item_weights)
    for _ in range(sweeps or 1):
        b_i = (item_sums - transposed @ b_u) / item_weights
        b_u = (user_sums - rated @ b_i) / user_weights
    return b_u, b_i


def _minimum(rated, transposed, user_sums, item_sums, user_weights, item_weights):
    """b_u at the minimum: conjugate gradients on the normal equations from which b_i has been eliminated."""
    from scipy.sparse.linalg import LinearOperator, cg

    def reduced(b_u):
        return user_weights * b_u - rated @ ((transposed @ b_u) / item_weights)

    m = len(user_weights)
    right = user_sums - rated @ (item_sums / item_weights)
    return cg(LinearOperator((m, m), reduced, dtype=float), right, rtol=1e-15, atol=0.0, maxiter=10 * m + 100,
              M=LinearOperator((m, m), lambda x: x / user_weights, dtype=float))[0]


def _like(matrix, values):
    """The sparse array with other values in the same places."""
    return csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _pattern(matrix):
    """One where there is a rating."""
    return _like(matrix, np.ones(matrix.nnz))


# ----------------------------------------------------------------------------------------------------------
# Similarities
# ----------------------------------------------------------------------------------------------------------

def similarities(matrix, similarity="msd", *, min_common=1, shrinkage=100.0, deviations=None):
    """Similarities of all pairs of rows, each over the columns that both rows have.

    Parameters
    ----------
    matrix : scipy.sparse array of shape (m, n)
        Ratings; rows are users for similarities of users, items for those of items.
    similarity : {"msd", "cosine", "pearson", "pearson_baseline"}
    min_common : int, >= 1
        Pairs with fewer common columns have the similarity zero ("pearson_baseline" needs at least two).
    shrinkage : float, >= 0
        Of "pearson_baseline": towards zero by the factor (c - 1) / (c - 1 + shrinkage) for c common columns.
    deviations : ndarray of shape (nnz,), optional
        r_ui - mu - b_u - b_i of the stored ratings, which "pearson_baseline" needs.

    Returns
    -------
    ndarray of shape (m, m)
        Symmetric, 1 on the diagonal; 0 where a similarity is not defined (no common column, no variation).

    Notes
    -----
    Sums over the common columns C of rows u and v: "cosine" sum r_u r_v / sqrt(sum r_u^2 sum r_v^2); "msd"
    1 / (1 + sum (r_u - r_v)^2 / |C|); "pearson" the correlation over C; "pearson_baseline" the cosine of the
    deviations, shrunk. Every sum is a product of two sparse arrays, e.g. sum r_u^2 over C that of the squares with
    the ones of v. Source: eq. cf-similarity of the chapter *collaborative_filtering*; D1-EQ-01, D1-EQ-16,
    D3-EQ-14.
    """
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(SIMILARITIES)}, got {similarity!r}")
    least, shrinkage = integer("min_common", min_common), number("shrinkage", shrinkage, least=0)
    matrix = csr_array(matrix, dtype=np.float64)
    m, values = matrix.shape[0], matrix.data
    if not np.isfinite(values).all():
        raise ValueError("matrix must hold finite numbers, got NaN or an infinity")
    if similarity == "pearson_baseline":
        if deviations is None:
            raise ValueError("deviations must be given for the similarity 'pearson_baseline', got None")
        if np.shape(deviations) != values.shape:
            raise ValueError(f"deviations must be of shape {values.shape}, one for each stored rating, got "
                             f"{np.shape(deviations)}")
        least = max(least, 2)
        values = np.where(np.abs(deviations) > ROUNDING * np.abs(values).max(initial=0), deviations, 0)
    elif similarity == "msd" and len(values):
        values = values - np.round(values.mean())               # the origin does not matter
    elif similarity == "pearson":                               # nor does that of each row: its first rating
        counts = np.diff(matrix.indptr)
        values = values - np.repeat(values[matrix.indptr[:-1][counts > 0]], counts[counts > 0])
    ones, sums, squares = _pattern(matrix), _like(matrix, values), _like(matrix, values**2)
    ones_t, sums_t, squares_t = ones.T.tocsr(), sums.T.tocsr(), squares.T.tocsr()
    result = np.empty((m, m))
    step = max(1, BLOCK // max(1, m))
    for rows in (slice(start, start + step) for start in range(0, m, step)):
        common = (ones[rows] @ ones_t).toarray()
        product = (sums[rows] @ sums_t).toarray()
        left, right = (squares[rows] @ ones_t).toarray(), (ones[rows] @ squares_t).toarray()
        if similarity == "msd":
            apart = np.maximum(left + right - 2 * product, 0)
            block = 1 / (apart / np.maximum(common, 1) + 1)
        else:
            if similarity == "pearson":
                of_left, of_right = (sums[rows] @ ones_t).toarray(), (ones[rows] @ sums_t).toarray()
                product = common * product - of_left * of_right
                left = _variation(common * left, of_left)
                right = _variation(common * right, of_right)
            norm = np.sqrt(left * right)
            block = np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0)
            if similarity == "pearson_baseline":
                block *= (common - 1) / np.maximum(common - 1 + shrinkage, np.finfo(float).tiny)
        block[common < least] = 0
        result[rows] = block
    np.fill_diagonal(result, 1)
    return result


def _variation(squares, sums):
    """c sum r^2 - (sum r)^2, exactly zero where only rounding is left."""
    left = squares - sums**2
    return np.where(left > ROUNDING * squares, left, 0)


# ----------------------------------------------------------------------------------------------------------
# Neighbours
# ----------------------------------------------------------------------------------------------------------

class _Neighbours(Recommender):
    """What users and items as neighbours share. x is the side whose similarities count, y the other one."""

    def __init__(self, n_neighbours=40, min_neighbours=1, similarity="msd", shrinkage=100.0, min_common=1,
                 centre="biases", l2_user=15.0, l2_item=10.0, sweeps=10):
        self.n_neighbours = n_neighbours
        self.min_neighbours = min_neighbours
        self.similarity = similarity
        self.shrinkage = shrinkage
        self.min_common = min_common
        self.centre = centre
        self.l2_user = l2_user
        self.l2_item = l2_item
        self.sweeps = sweeps

    def _fit(self, ratings):
        integer("n_neighbours", self.n_neighbours)
        integer("min_neighbours", self.min_neighbours)
        if self.centre not in ("biases", "mean", "none"):
            raise ValueError(f"centre must be one of biases, mean, none, got {self.centre!r}")
        by_x, by_y = self._switch(ratings.matrix, csr_array(ratings.matrix.T))      # rows are x, rows are y
        biases = None
        if self.centre == "biases" or self.similarity == "pearson_baseline":
            biases = Biases(self.l2_user, self.l2_item, self.sweeps).fit(ratings)
            biases = self._switch(biases.user_bias_, biases.item_bias_)
        self.similarity_ = similarities(
            by_x, self.similarity, min_common=self.min_common, shrinkage=self.shrinkage,
            deviations=None if biases is None else self._deviations(by_x, *biases))
        x_part, y_part = np.zeros(by_x.shape[0]), np.zeros(by_x.shape[1])
        if self.centre == "biases":
            x_part, y_part = biases
        elif self.centre == "mean":
            counts = np.diff(by_x.indptr)
            means = by_x.sum(axis=1) / np.maximum(counts, 1)
            x_part = np.where(counts > 0, means - self.mean_, 0)
        self._x_part, self._y_part = np.append(x_part, 0), np.append(y_part, 0)
        self._left = _like(by_y, self._deviations(by_y, y_part, x_part))            # r_ui less the baseline

    def _deviations(self, matrix, row_part, column_part):
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return matrix.data - (self.mean_ + row_part[rows] + column_part[matrix.indices])

    def _predict(self, u, i):
        x, y = (part.ravel() for part in self._switch(u, i))
        predicted = self.mean_ + self._x_part[x] + self._y_part[y]
        known = np.flatnonzero((x >= 0) & (y >= 0))
        known = known[np.argsort(y[known], kind="stable")]
        columns, starts = np.unique(y[known], return_index=True)
        for column, chosen in zip(columns, np.split(known, starts[1:])):
            predicted[chosen] += self._correction(x[chosen], column)
        return predicted.reshape(np.shape(u))

    def _correction(self, x, y):
        """Weighted mean of the deviations of the neighbours of x (an array) among those that share y."""
        place = slice(*self._left.indptr[y:y + 2])
        candidates, deviations = self._left.indices[place], self._left.data[place]
        s = self.similarity_[x[:, None], candidates]
        if len(candidates) > self.n_neighbours:
            s = _largest(s, self.n_neighbours)
        s = np.maximum(s, 0)
        enough = (s > 0).sum(axis=1) >= self.min_neighbours
        return np.divide(s @ deviations, s.sum(axis=1), out=np.zeros(len(x)), where=enough)

    def _scores(self, u):
        grid = np.broadcast_arrays(u[:, None], np.where(self._rated_items, np.arange(len(self.items_)), -1))
        return self._predict(*grid)


def _largest(s, n):
    """`s` with all but the n largest of each row set to zero; of equals the first are kept."""
    threshold = np.partition(s, s.shape[1] - n, axis=1)[:, s.shape[1] - n, None]
    above, equal = s > threshold, s == threshold
    room = n - above.sum(axis=1, keepdims=True)
    return np.where(above | equal & (np.cumsum(equal, axis=1) <= room), s, 0)


class UserNeighbours(_Neighbours):
    """Predictions from the users most similar to the user among those who rated the item.

    Parameters
    ----------
    n_neighbours : int, >= 1
        N, the largest number of neighbours.
    min_neighbours : int, >= 1
        With fewer neighbours of positive similarity the baseline alone is predicted.
    similarity : {"msd", "cosine", "pearson", "pearson_baseline"}
    shrinkage : float, >= 0
        Of "pearson_baseline".
    min_common : int, >= 1
        Users with fewer common items are not similar.
    centre : {"biases", "mean", "none"}
        The baseline, from which deviations are taken: mu + b_u + b_i, the mean of the user, or none (then ratings
        are averaged as they are, and mu stands in where there is no neighbour).
    l2_user, l2_item, sweeps
        Of the biases, see `Biases`.

    Attributes
    ----------
    similarity_ : ndarray of shape (m, m)
        s_uv; eight bytes for each pair of users.

    Notes
    -----
    r^_ui = b_ui + sum_v s_uv (r_vi - b_vi) / sum_v s_uv with the baseline b_ui, over the N users v in K_i with the
    largest s_uv > 0; of equally similar users those whose labels come first. A user who rated the item is her own
    neighbour with the similarity 1, so predictions of known ratings say little. Source: eq. cf-user-neighbours of
    the chapter *collaborative_filtering*; D1-EQ-16, D3-EQ-14, D3-SYS-09. An unknown user or item: the baseline.
    """

    def _switch(self, users, items):
        return users, items


class ItemNeighbours(_Neighbours):
    """Predictions from the items most similar to the item among those that the user has rated.

    Parameters
    ----------
    n_neighbours, min_neighbours, similarity, shrinkage, min_common, centre, l2_user, l2_item, sweeps
        As for `UserNeighbours`, with items in the place of users; "mean" is the mean of the item.

    Attributes
    ----------
    similarity_ : ndarray of shape (n, n)
        s_ij; eight bytes for each pair of items.

    Notes
    -----
    r^_ui = b_ui + sum_j s_ij (r_uj - b_uj) / sum_j s_ij over the N items j in K_u with the largest s_ij > 0.
    Source: eq. cf-item-neighbours of the chapter *collaborative_filtering*; D3-EQ-16.
    """

    def _switch(self, users, items):
        return items, users
