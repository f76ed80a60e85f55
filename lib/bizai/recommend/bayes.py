"""Bayesian matrix factorisation: ratings predicted with their uncertainty, by Gibbs sampling.

Symbols are those of the chapter *matrix_factorisation*: r_ui = mu + b_u + b_i + p_u.q_i + noise of precision
alpha. The vector of a user is x_u = (p_u, b_u), that of an item z_i = (q_i, b_i), each of length d = k + 1; P is
the table of the x_u (m x d), Q that of the z_i (n x d). Users are normal around B'f_u with precision Lambda, where
the features f_u are known and B and Lambda are sampled; the same for items. The features say what the user has
rated in training, whatever the rating: 1, the logarithm of the number of ratings, and coordinates from the leading
singular vectors of the table of who rated what.
"""

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils.validation import check_is_fitted, check_random_state

from .._check import integer, number
from .ratings import Recommender

__all__ = [
    "BayesianFactorization", "conditional", "sample_population", "sample_precision", "sample_vectors", "sums",
]

BLOCK = 2**20                   # numbers held at a time when predicting
SHAPE = 1.0                     # of the gamma priors of precisions
RATE = 1.0                      # of that of the noise, the ratings having variance 1
LINK_RATE = 0.01                # of that of the links
MEANS = 2.0                     # beta_0, prior precision of the populations' means relative to Lambda


# ----------------------------------------------------------------------------------------------------------
# The conditionals
# ----------------------------------------------------------------------------------------------------------

def sums(rated, values, Z):
    """What the ratings say about all users' vectors given the items' vectors (or, tables transposed, the items').

    Parameters
    ----------
    rated : scipy.sparse array of shape (m, n)
        1 where user u rated item i.
    values : scipy.sparse array of shape (m, n)
        r_ui - mu there.
    Z : ndarray of shape (n, d)
        Vectors (q_i, b_i) of the items.

    Returns
    -------
    G : ndarray of shape (d, d, m)
        sum_{i in K_u} y_i y_i' with y_i = (q_i, 1), what x_u = (p_u, b_u) is multiplied by.
    c : ndarray of shape (d, m)
        sum_{i in K_u} y_i (r_ui - mu - b_i).

    Notes
    -----
    One product of the sparse table with the d(d+1)/2 distinct entries of all y_i y_i' serves all users at once.
    """
    d = Z.shape[1]
    a, b = np.triu_indices(d)
    Y = Z.copy()
    Y[:, -1] = 1
    products = (rated @ np.hstack([Y[:, a] * Y[:, b], Y * Z[:, -1:]])).T
    G = np.empty((d, d, rated.shape[0]))
    G[a, b] = G[b, a] = products[:len(a)]
    return G, (values @ Y).T - products[len(a):]


def conditional(G, c, means, precision, alpha):
    """Precision matrices of all users' vectors given everything else, and these times their means.

    Parameters
    ----------
    G : ndarray of shape (d, d, m)
    c : ndarray of shape (d, m)
        From `sums`.
    means : ndarray of shape (m, d)
        Prior means B'f_u of the vectors.
    precision : ndarray of shape (d, d)
        Prior precision Lambda.
    alpha : float
        Precision of the noise.

    Returns
    -------
    S : ndarray of shape (d, d, m)
        Lambda + alpha G_u.
    h : ndarray of shape (d, m)
        Lambda B'f_u + alpha c_u; the mean is S_u^-1 h_u.

    Notes
    -----
    Source: eq. bmf-conditional of the chapter *matrix_factorisation*; D2-EQ-18.
    """
    return precision[:, :, None] + alpha * G, precision @ means.T + alpha * c


def _cholesky(S):
    """Lower triangles L with L L' = S of all matrices S[:, :, j] at once, column by column."""
    L = np.zeros_like(S)
    for j in range(len(S)):
        column = S[j:, j] - np.einsum("abm,bm->am", L[j:, :j], L[j, :j])
        L[j, j] = np.sqrt(column[0])
        L[j + 1:, j] = column[1:] / L[j, j]
    return L


def sample_vectors(S, h, random):
    """One draw of each vector from N(S^-1 h, S^-1), for all users at once.

    Parameters
    ----------
    S : ndarray of shape (d, d, m)
    h : ndarray of shape (d, m)
    random : numpy.random.Generator

    Returns
    -------
    ndarray of shape (m, d)

    Notes
    -----
    With S = L L': x = L'^-1 (L^-1 h + noise) has mean S^-1 h and covariance S^-1. Source: eq. bmf-conditional of
    the chapter *matrix_factorisation*.
    """
    L, w = _cholesky(S), np.empty_like(h)
    for j in range(len(w)):
        w[j] = (h[j] - np.einsum("bm,bm->m", L[j, :j], w[:j])) / L[j, j]
    w += random.standard_normal(w.shape)
    for j in range(len(w) - 1, -1, -1):
        w[j] = (w[j] - np.einsum("bm,bm->m", L[j + 1:, j], w[j + 1:])) / L[j, j]
    return w.T.copy()


def _wishart(freedom, S, random):
    """A draw of the Wishart distribution with mean freedom S^-1 (Bartlett's decomposition)."""
    d = len(S)
    A = np.tril(random.standard_normal((d, d)), -1)
    A[np.diag_indices(d)] = np.sqrt(random.chisquare(freedom - np.arange(d)))
    T = np.linalg.solve(np.linalg.cholesky(S).T, A)
    return T @ T.T


def sample_population(X, F, link, random):
    """One draw of where the vectors lie and how they scatter: B and Lambda.

    Parameters
    ----------
    X : ndarray of shape (m, d)
        Vectors of the users (or of the items).
    F : ndarray of shape (m, 1 + f)
        Their features, the first of which is 1.
    link : float
        Prior precision of the weights of the other features, relative to Lambda.
    random : numpy.random.Generator

    Returns
    -------
    B : ndarray of shape (1 + f, d)
    precision : ndarray of shape (d, d)
        Lambda.

    Notes
    -----
    Prior: Lambda ~ Wishart(d, I), B given Lambda normal with mean 0, row precisions beta_0 = 2 and `link`, column
    precision Lambda. With K = F'F + diag(beta_0, link, ...) and B^ = K^-1 F'X the conditional is Lambda ~
    Wishart(d + m, (I + X'X - B^'K B^)^-1) and B normal around B^ with row precision K and column precision Lambda.
    Without features this is the normal-Wishart prior of Salakhutdinov and Mnih (2008). Source: eq. bmf-prior of
    the chapter *matrix_factorisation*.
    """
    m, d = X.shape
    K = F.T @ F + np.diag(np.r_[MEANS, np.full(F.shape[1] - 1, link)])
    FX = F.T @ X
    centre = np.linalg.solve(K, FX)
    scatter = np.eye(d) + X.T @ X - centre.T @ FX
    precision = _wishart(d + m, (scatter + scatter.T) / 2, random)
    noise = random.standard_normal(centre.shape)
    B = centre + np.linalg.solve(np.linalg.cholesky(K).T, noise) @ np.linalg.inv(np.linalg.cholesky(precision))
    return B, precision


def sample_precision(squares, count, random, rate=RATE):
    """One draw of a precision from its gamma conditional.

    Parameters
    ----------
    squares : float
        Sum of squares of `count` normal numbers of mean 0 and this precision.
    count : int
    random : numpy.random.Generator
    rate : float, > 0
        Of the prior, a gamma distribution of shape 1.

    Returns
    -------
    float
        From the gamma distribution of shape 1 + count/2 and rate `rate` + squares/2.

    Notes
    -----
    Source: eq. bmf-prior of the chapter *matrix_factorisation*.
    """
    return random.gamma(SHAPE + count / 2) / (rate + squares / 2)


# ----------------------------------------------------------------------------------------------------------
# What was rated, whatever the rating
# ----------------------------------------------------------------------------------------------------------

def _patterns(rated, f, random):
    """Features of users and of items from what was rated: 1, log count, and coordinates in f directions.

    The coordinates are those of correspondence analysis: leading singular vectors of the table of ones divided by
    the roots of its row and column sums (whose first pair is known and says nothing), by six steps of subspace
    iteration, divided by these roots once more; all features but the 1 have mean 0 and variance 1.
    """
    counts = [np.maximum(np.asarray(rated.sum(axis=axis), dtype=np.float64), 1) for axis in (1, 0)]
    if f < 1:
        return [np.ones((len(c), 1)) for c in counts]
    first, second = (np.sqrt(c)[:, None] for c in counts)
    trivial = second / np.linalg.norm(second)
    vectors = random.standard_normal((len(second), min(f, *rated.shape)))
    for _ in range(6):
        vectors -= trivial * (trivial.T @ vectors)
        left = (rated @ (vectors / second)) / first
        vectors = np.linalg.qr((rated.T @ (left / first)) / second)[0]
    left = (rated @ (vectors / second)) / first
    return [_standard(np.hstack([np.log(c)[:, None], x / root]))
            for c, x, root in zip(counts, (left, vectors), (first, second))]


def _unit(values):
    """Standard deviation of ratings, 1 where they are equal up to rounding."""
    spread = float(values.std())
    return spread if spread > 1e-12 * np.abs(values).max() else 1.0


def _standard(F):
    """Columns of mean 0 and variance 1 after a column of ones; constant columns are left out."""
    F = F - F.mean(axis=0)
    scale = F.std(axis=0)
    keep = scale > 1e-9 * max(scale.max(), 1e-300)
    return np.hstack([np.ones((len(F), 1)), F[:, keep] / scale[keep]])


# ----------------------------------------------------------------------------------------------------------
# The sampler
# ----------------------------------------------------------------------------------------------------------

class _Side:
    """Users, or items: their vectors, their features and where they lie."""

    def __init__(self, rated, values, F, X):
        self.rated, self.values, self.F, self.X = rated, values, F, X
        self.counts, self.totals = (np.asarray(table.sum(axis=1), dtype=np.float64) for table in (rated, values))
        self.correlations = F[:, 1:].T @ F[:, 1:] / len(F)
        self.B, self.precision, self.link = np.zeros((F.shape[1], X.shape[1])), 10 * np.eye(X.shape[1]), 1.0

    def sample(self, others, alpha, random):
        """New vectors given those of the other side, then a new population; the squared errors that are left."""
        G, c = sums(self.rated, self.values, others.X)
        self.X = sample_vectors(*conditional(G, c, self.F @ self.B, self.precision, alpha), random)
        self.sample_population(random)
        b = others.X[:, -1]                                 # of the sum of (r - mu - b)^2 - 2 x'c + x'Gx
        return (self.squares - 2 * b @ others.totals + b**2 @ others.counts
                + np.einsum("mb,bm->", self.X, np.einsum("abm,ma->bm", G, self.X) - 2 * c))

    def sample_population(self, random):
        """New B, Lambda and precision of the links, given the vectors."""
        self.B, self.precision = sample_population(self.X, self.F, self.link, random)
        W = self.B[1:]
        self.link = sample_precision(np.sum(W @ self.precision * W), W.size, random, LINK_RATE)

    @property
    def newcomer(self):
        """Mean and covariance of the vector of somebody about whom nothing is known."""
        W = self.B[1:]
        return self.B[0], np.linalg.inv(self.precision) + W.T @ self.correlations @ W


class BayesianFactorization(Recommender):
    """Bayesian matrix factorisation: predictions averaged over the posterior, with predictive intervals.

    Parameters
    ----------
    n_factors : int, >= 0
        k, length of the factors; more cost time but hardly overfit.
    implicit : int, >= 0
        Number of directions in which what somebody rated (whatever the rating) moves where the factors are
        expected, as the implicit factors of SVD++ do, besides how much was rated; 0: users are all alike before
        their ratings are seen, as are items.
    burn_in : int, >= 0
        Sweeps that are thrown away.
    samples : int, >= 1
        Sweeps that are kept.
    random_state : int, RandomState or None

    Attributes
    ----------
    noise_path_ : ndarray of shape (burn_in + samples,)
        Standard deviation of the noise, alpha^-1/2, in units of the ratings, after every sweep.
    noise_ : float
        Root of the mean noise variance over the samples kept.

    Notes
    -----
    Gibbs sampling as in Salakhutdinov and Mnih (2008), with biases as part of the vectors, the noise sampled as
    well, and means of users and items that depend on what was rated: one sweep draws all users, all items, both
    populations and the noise from their conditionals. Source: eqs. bmf-prior, bmf-conditional and bmf-predictive
    of the chapter *matrix_factorisation*; D2-EQ-18. Ratings are divided by their standard deviation inside, so
    that the priors (Wishart(d, I); gamma with shape and rate 1 for the noise, 1 and 0.01 for the links) fit any
    scale. An unknown user or item has the population's mean vector, and its scatter in the intervals.

    Users are normal around B'f_u, not around one mean as in bmf-prior (which is `implicit` = 0): f_u is 1, the
    logarithm of |K_u|, and `implicit` coordinates of u from the singular vectors of the table of which pairs are
    rated; items likewise. The features are computed once, from the ratings given to `fit` alone, and the model
    takes them (and mu) as given: it does not say why something was rated. The rows of B but the first have the
    prior N(0, (link Lambda)^-1), with a link of its own for users and for items. All samples are kept: 8 (m + n)
    (k + 2) `samples` bytes.
    """

    def __init__(self, n_factors=10, *, implicit=20, burn_in=30, samples=120, random_state=None):
        self.n_factors = n_factors
        self.implicit = implicit
        self.burn_in = burn_in
        self.samples = samples
        self.random_state = random_state

    def _fit(self, ratings):
        k, f = integer("n_factors", self.n_factors, least=0), integer("implicit", self.implicit, least=0)
        burn_in, samples = integer("burn_in", self.burn_in, least=0), integer("samples", self.samples)
        random = np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
        self._unit = _unit(ratings.matrix.data)
        users, items = self._sides(ratings, k, f, random)
        self._row, self._column = (np.append(np.where(rated, np.cumsum(rated) - 1, -1), -1)
                                   for rated in (self._rated_users, self._rated_items))
        m, n, d = len(users.X), len(items.X), k + 1
        self._P, self._Q = np.empty((m + 1, samples, d + 1)), np.empty((n + 1, samples, d + 1))
        self._scatter = np.zeros((2, samples, d + 1, d + 1))
        variances, alpha = np.empty(burn_in + samples), 1.0
        for sweep in range(burn_in + samples):
            users.sample(items, alpha, random)
            alpha = sample_precision(max(items.sample(users, alpha, random), 0.0), len(ratings), random)
            variances[sweep] = self._unit**2 / alpha
            if sweep >= burn_in:
                self._keep(sweep - burn_in, users, items)
        self.noise_path_, self._noise = np.sqrt(variances), variances[burn_in:]
        self.noise_ = float(np.sqrt(self._noise.mean()))

    def _sides(self, ratings, k, f, random):
        """Tables of those with ratings, users by items and items by users, and vectors to start from."""
        values = ratings.matrix[self._rated_users][:, self._rated_items]
        values = csr_array(((values.data - self.mean_) / self._unit, values.indices, values.indptr), values.shape)
        rated = csr_array((np.ones_like(values.data), values.indices, values.indptr), values.shape)
        F, E = _patterns(rated, f, random)
        users = _Side(rated, values, F, np.zeros((len(F), k + 1)))
        Z = np.hstack([0.3 * random.standard_normal((len(E), k)), np.zeros((len(E), 1))])
        items = _Side(rated.T.tocsr(), values.T.tocsr(), E, Z)
        users.squares = items.squares = np.sum(values.data**2)
        return users, items

    def _keep(self, s, users, items):
        """Sample s as (p_u, b_u, 1) and (q_i, 1, b_i), whose products are the predictions; newcomers come last."""
        root, places = np.sqrt(self._unit), np.arange(users.X.shape[1] + 1)
        for table, side, scatter, one in zip((self._P, self._Q), (users, items), self._scatter, (-1, -2)):
            mean, covariance = side.newcomer
            own = np.delete(places, one)
            table[:-1, s, own], table[-1, s, own], table[:, s, one] = side.X, mean, 1
            table[:, s] *= root
            scatter[s][np.ix_(own, own)] = covariance * self._unit

    def _blocks(self, u, i):
        """Rows of both tables of samples, in blocks of pairs that fit into memory."""
        u, i = self._row[u].ravel(), self._column[i].ravel()
        size = max(1, BLOCK // self._P[0].size)
        return ((u[at:at + size], i[at:at + size]) for at in range(0, len(u), size))

    def _predict(self, u, i):
        means = [np.einsum("js,js->j", self._P[a].reshape(len(a), -1), self._Q[b].reshape(len(b), -1))
                 for a, b in self._blocks(u, i)]
        sums = np.concatenate(means) if means else np.empty(0)
        return self.mean_ + sums.reshape(np.shape(u)) / self._P.shape[1]

    def _scores(self, u):
        columns = np.where(self._rated_items, self._column[:-1], -1)
        P = self._P[self._row[u]].reshape(np.size(u), -1)
        return (self.mean_ + P @ self._Q.reshape(len(self._Q), -1).T / self._P.shape[1])[:, columns]

    def _components(self, a, b):
        """Means and variances of a new rating under each sample, (pairs x samples)."""
        P, Q = self._P[a], self._Q[b]
        means, variances = self.mean_ + np.einsum("jsd,jsd->js", P, Q), np.tile(self._noise, (len(a), 1))
        for new, table, scatter in ((a == -1, Q, self._scatter[0]), (b == -1, P, self._scatter[1])):
            variances[new] += np.einsum("jsd,sde,jse->js", table[new], scatter, table[new], optimize=True)
        variances[(a == -1) & (b == -1)] += np.einsum("sde,sed->s", *self._scatter)
        return means, variances

    def _summaries(self, users, items, summary):
        """`summary(means, variances)` of all pairs, in the shape of the pairs, several values a pair first."""
        check_is_fitted(self)
        u, i = self._at(users, items)
        parts = [np.atleast_2d(summary(*self._components(a, b))) for a, b in self._blocks(u, i)]
        return np.hstack(parts).reshape(len(parts[0]), *u.shape) if parts else np.empty((2, *u.shape))

    def predict_std(self, users, items):
        """Standard deviation of a new rating: of the prediction under the posterior, and of the noise.

        Parameters
        ----------
        users, items : array_like, broadcast against each other

        Returns
        -------
        ndarray of float64

        Notes
        -----
        Source: eq. bmf-predictive of the chapter *matrix_factorisation*.
        """
        return self._summaries(users, items, lambda means, variances: np.sqrt(
            means.var(axis=1) + variances.mean(axis=1)))[0]

    def predict_interval(self, users, items, level=0.9, *, clip=False):
        """Central predictive interval of a new rating, noise included.

        Parameters
        ----------
        users, items : array_like, broadcast against each other
        level : float, > 0 and < 1
        clip : bool
            Whether the ends are cut to the scale of the ratings seen: a rating on the scale lies in the one if it
            lies in the other. Ends are not rounded to whole ratings.

        Returns
        -------
        low, high : ndarray of float64
            Quantiles (1 - level)/2 and (1 + level)/2 of the mixture of one normal distribution per sample.

        Notes
        -----
        Source: eq. bmf-predictive of the chapter *matrix_factorisation*.
        """
        level = number("level", level, above=0, below=1)
        low, high = self._summaries(users, items, lambda means, variances: np.vstack(
            [sign * _quantile(sign * means, np.sqrt(variances), (1 - level) / 2) for sign in (1, -1)]))
        return tuple(np.clip((low, high), *self.scale_)) if clip else (low, high)

    def predict_probability(self, users, items, at_least):
        """Probability that a new rating is at least so high.

        Parameters
        ----------
        users, items : array_like, broadcast against each other
        at_least : float
            The model's ratings are continuous: for "4 stars or more" on a scale of whole stars, 3.5 is what to ask
            for.

        Returns
        -------
        ndarray of float64, between 0 and 1
        """
        from scipy.special import ndtr

        at_least = number("at_least", at_least)
        return self._summaries(users, items, lambda means, variances: ndtr(
            (means - at_least) / np.sqrt(variances)).mean(axis=1))[0]


def _quantile(means, deviations, q):
    """Quantile q of equal mixtures of normal distributions, one mixture a row: Newton's steps inside brackets."""
    from scipy.special import ndtr, ndtri

    ends = means + ndtri(q) * deviations                    # the components' own quantiles bracket the mixture's
    low, high = ends.min(axis=1), ends.max(axis=1)
    spread = np.sqrt(means.var(axis=1) + (deviations**2).mean(axis=1))
    x = np.clip(means.mean(axis=1) + ndtri(q) * spread, low, high)
    for _ in range(100):
        z = (x[:, None] - means) / deviations
        excess = ndtr(z).mean(axis=1) - q
        low, high = np.where(excess < 0, x, low), np.where(excess > 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = x - excess / (np.exp(-z**2 / 2) / deviations).mean(axis=1) * np.sqrt(2 * np.pi)
        new = np.where((new >= low) & (new <= high), new, (low + high) / 2)
        step, x = np.abs(new - x), new
        if (step <= 1e-10 * deviations.min(axis=1) + 1e-15 * np.abs(x)).all():
            break
    return x
