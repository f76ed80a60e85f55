"""How good is a recommender: what is held out, errors of predicted ratings, quality of lists, and intervals.

Symbols are those of the chapter *collaborative_filtering*: users u, items i, ratings r_ui. A list is the n items
that a recommender ranks highest for a user among those the user has not rated in training; an item is relevant to
a user who rated it highly in the test. What a user never rated counts as not relevant, as the field does: a list
can be better than its precision says, and items that everybody rates have an advantage.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_random_state

from .._check import integer, number
from .ratings import Ratings, Recommender, _best, _gap

__all__ = [
    "Interval", "ListQuality", "Popular", "RandomItems", "bootstrap_interval", "folds", "mae", "paired_difference",
    "ranking", "rmse", "split", "split_by_time",
]

BLOCK = 2**21                   # scores, or resampled values, held at a time


# ----------------------------------------------------------------------------------------------------------
# What is held out
# ----------------------------------------------------------------------------------------------------------

def _share(test):
    """A share of the ratings, between 0 and 1."""
    return number("test", test, above=0, below=1)


def _divide(ratings, held):
    """Training and test ratings, all labels known to both."""
    if not held.any() or held.all():
        raise ValueError(f"training and test need at least one rating each, got {held.sum()} of {len(ratings)} "
                         "for the test")
    return ratings.take(~held), ratings.take(held)


def _last_of_each(ratings, order, test):
    """Mask of the last round(test |K_u|) ratings of each user in an order, at most all but one."""
    indptr, rows = ratings.matrix.indptr, ratings.rows
    sizes = np.diff(indptr)
    held = np.minimum(np.floor(test * sizes + 0.5).astype(int), np.maximum(sizes - 1, 0))
    place = np.empty(len(ratings), dtype=np.intp)
    place[np.lexsort((order, rows))] = np.arange(len(ratings)) - indptr[:-1].repeat(sizes)
    return place >= (sizes - held)[rows]


def split(ratings, test=0.2, *, per_user=True, random_state=None):
    """Ratings divided at random into training and test.

    Parameters
    ----------
    ratings : Ratings or what `Ratings.convert` takes
    test : float, > 0 and < 1
        Share that is held out.
    per_user : bool
        Whether the share is held out of every user's ratings (rounded to the nearest number, halves up; at least
        one rating of each user stays in training), or of all ratings together.
    random_state : int, RandomState or None

    Returns
    -------
    train, test : Ratings
        Both know all labels.

    Raises
    ------
    ValueError
        If an argument is out of range or one part would be empty.
    """
    ratings, test = Ratings.convert(ratings), _share(test)
    order = check_random_state(random_state).permutation(len(ratings))
    held = _last_of_each(ratings, order, test) if per_user else order >= len(ratings) - round(test * len(ratings))
    return _divide(ratings, held)


def split_by_time(ratings, times, test=0.2, *, per_user=True):
    """Ratings divided by time: the past is for training, what came last is the test.

    Parameters
    ----------
    ratings : Ratings
    times : array_like of shape (number of ratings,), or Ratings
        When each rating was given (numbers or datetime64), in the order of `ratings.triples`; or the times as
        Ratings of the same users and items (`Ratings.of(users, items, times, duplicates="last")` puts them in that
        order).
    test : float, > 0 and < 1
        Share that is held out.
    per_user : bool
        Whether the last share of every user's ratings is held out (every user keeps at least one for training), or
        what came after one moment for all. Equal times keep the order of `triples`.

    Returns
    -------
    train, test : Ratings
    """
    ratings, test = Ratings.convert(ratings), _share(test)
    if isinstance(times, Ratings):
        same = np.array_equal(times.users, ratings.users) and np.array_equal(times.items, ratings.items)
        if not same or not np.array_equal(times.matrix.indptr, ratings.matrix.indptr) or not np.array_equal(
                times.matrix.indices, ratings.matrix.indices):
            raise ValueError("times must stand for the same users and items as ratings")
        times = times.matrix.data
    times = np.asarray(times)
    if times.shape != (len(ratings),):
        raise ValueError(f"times must hold one time for each of the {len(ratings)} ratings, got shape "
                         f"{times.shape}")
    gaps = np.array([_gap(time) for time in times]) if times.dtype.kind == "O" else times != times
    if gaps.any():
        raise ValueError(f"times must not have gaps, got one at position {gaps.argmax()}")
    order = np.empty(len(times), dtype=np.intp)
    order[np.argsort(times, kind="stable")] = np.arange(len(times))
    held = _last_of_each(ratings, order, test) if per_user else order >= len(ratings) - round(test * len(ratings))
    return _divide(ratings, held)


def folds(ratings, n=5, *, random_state=None):
    """Ratings divided n times into training and test, each rating once in the test.

    Parameters
    ----------
    ratings : Ratings or what `Ratings.convert` takes
    n : int, >= 2 and <= the number of ratings
    random_state : int, RandomState or None

    Yields
    ------
    train, test : Ratings
        The tests are of equal size up to one rating and share no rating.
    """
    ratings, n = Ratings.convert(ratings), integer("n", n, least=2)
    if n > len(ratings):
        raise ValueError(f"n must be an integer >= 2 and <= the number of ratings {len(ratings)}, got {n}")
    fold = np.empty(len(ratings), dtype=np.intp)
    fold[check_random_state(random_state).permutation(len(ratings))] = np.arange(len(ratings)) % n
    return (_divide(ratings, fold == k) for k in range(n))


# ----------------------------------------------------------------------------------------------------------
# Errors of predicted ratings
# ----------------------------------------------------------------------------------------------------------

def _errors(truth, predicted):
    truth, predicted = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if truth.shape != predicted.shape or truth.size == 0:
        raise ValueError("truth and predicted must be of equal shape and not empty, got shapes "
                         f"{truth.shape} and {predicted.shape}")
    for name, values in (("truth", truth), ("predicted", predicted)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite numbers, got NaN or an infinity")
    return truth - predicted


def rmse(truth, predicted):
    """Root mean squared error of predicted ratings, in units of the ratings.

    Parameters
    ----------
    truth, predicted : array_like of equal shape

    Returns
    -------
    float
    """
    return float(np.sqrt(np.mean(_errors(truth, predicted)**2)))


def mae(truth, predicted):
    """Mean absolute error of predicted ratings, in units of the ratings.

    Parameters
    ----------
    truth, predicted : array_like of equal shape

    Returns
    -------
    float
    """
    return float(np.mean(np.abs(_errors(truth, predicted))))


# ----------------------------------------------------------------------------------------------------------
# Quality of lists
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class ListQuality:
    """How good the lists of n items are that users with at least one relevant test item get.

    Attributes
    ----------
    n : int
    users : ndarray of shape (m',)
        Labels of the users.
    precisions, recalls, ndcgs, hits : ndarray of shape (m',)
        One value per user; their means are `precision`, `recall`, `ndcg` and `hit_rate`.
    coverage : float
        Share of the items known to the model that stand in at least one of these lists.
    popularity : float
        Mean popularity percentile of what is recommended: share of the items with fewer ratings in training, those
        with equally many counted half. 0.5 is what items drawn at random have.
    """

    n: int
    users: np.ndarray
    precisions: np.ndarray
    recalls: np.ndarray
    ndcgs: np.ndarray
    hits: np.ndarray
    coverage: float
    popularity: float

    @property
    def precision(self):
        """Mean precision at n."""
        return float(self.precisions.mean())

    @property
    def recall(self):
        """Mean recall at n."""
        return float(self.recalls.mean())

    @property
    def ndcg(self):
        """Mean normalised discounted cumulative gain at n."""
        return float(self.ndcgs.mean())

    @property
    def hit_rate(self):
        """Share of the users whose list holds a relevant item."""
        return float(self.hits.mean())


def _percentiles(counts):
    """Share of the items with fewer ratings, ties counted half."""
    values, inverse, sizes = np.unique(counts, return_inverse=True, return_counts=True)
    return ((np.cumsum(sizes) - sizes / 2) / len(counts))[inverse]


def _relevant(test, relevant):
    """Mask of the test ratings that are relevant."""
    if not callable(relevant):
        return test.matrix.data >= number("relevant", relevant)
    mask = np.asarray(relevant(test))
    if mask.shape != (len(test),) or mask.dtype != bool:
        raise ValueError(f"relevant must return one bool for each of the {len(test)} test ratings, got shape "
                         f"{mask.shape} of {mask.dtype}")
    return mask


def ranking(recommender, train, test, n=10, *, relevant=4.0):
    """Quality of lists of n items, measured on held-out ratings.

    Parameters
    ----------
    recommender : Recommender
        Fitted on `train`, this very object; otherwise a copy is fitted on it.
    train, test : Ratings
        With the same labels, as `split` and `folds` give them.
    n : int, >= 1
        Length of the lists.
    relevant : float or callable
        A test rating of at least this much is relevant; or a function that is given the test Ratings and returns a
        mask of those relevant, in the order of `triples`.

    Returns
    -------
    ListQuality
        Over the users with at least one relevant test item.

    Notes
    -----
    With h_u(j) = 1 if the item at place j is relevant and R_u the relevant test items of u: precision is
    sum_{j<=n} h_u(j) / n (also where fewer than n items can be recommended), recall the same over |R_u|, NDCG with
    binary gains sum_j h_u(j)/log2(j+1) over sum_{j<=min(n, |R_u|)} 1/log2(j+1). Source: eqs. cf-precision,
    cf-recall and cf-ndcg of the chapter *collaborative_filtering*. Relevant items that the model cannot recommend
    stay in R_u. Items rated in training are left out; ties are broken by the order of the labels.
    """
    train, test, n = Ratings.convert(train), Ratings.convert(test), integer("n", n)
    if not np.array_equal(train.users, test.users) or not np.array_equal(train.items, test.items):
        raise ValueError("train and test must know the same users and items, as split and folds give them")
    if getattr(recommender, "ratings_", None) is not train:
        recommender = clone(recommender).fit(train)
    good = test.take(_relevant(test, relevant))
    sizes = np.diff(good.matrix.indptr)
    users = np.flatnonzero(sizes)
    if len(users) == 0:
        raise ValueError(f"relevant must leave at least one relevant test rating, got {relevant!r}")
    percentiles = _percentiles(np.bincount(train.matrix.indices, minlength=len(train.items)))
    listed, popularity = np.zeros(len(train.items), dtype=bool), []
    h, start = np.zeros((len(users), min(n, len(train.items))), dtype=bool), 0
    for block in np.array_split(users, min(len(users), -(-len(users) * len(train.items) // BLOCK))):
        u, _ = recommender._at(train.users[block], train.items[0])         # -1 without ratings
        rows, items, _ = _best(recommender._allowed_scores(u, True), n)
        wanted = np.zeros((len(block), len(train.items)), dtype=bool)
        relevant_items = good.matrix[block]
        wanted[np.repeat(np.arange(len(block)), np.diff(relevant_items.indptr)), relevant_items.indices] = True
        h[start + rows, np.arange(len(rows)) - np.searchsorted(rows, rows)] = wanted[rows, items]
        start += len(block)
        listed[items] = True
        popularity.append(percentiles[items])
    sizes, discounts = sizes[users], 1 / np.log2(np.arange(2, h.shape[1] + 2))
    found, ideal = h.sum(axis=1), np.cumsum(discounts)[np.minimum(sizes, n) - 1]
    recommended = np.concatenate(popularity)
    return ListQuality(n, train.users[users], found / n, found / sizes, h @ discounts / ideal,
                       (found > 0).astype(np.float64), float(listed.mean()),
                       float(recommended.mean()) if len(recommended) else np.nan)


# ----------------------------------------------------------------------------------------------------------
# Lists that know nothing about the user
# ----------------------------------------------------------------------------------------------------------

class Popular(Recommender):
    """The items with the most ratings, the same for everybody.

    Attributes
    ----------
    counts_ : ndarray of shape (n,)
        Number of ratings of each item, which is also what `predict` returns: a score to rank by, not a rating. 0
        for an unknown item.
    """

    def _fit(self, ratings):
        self.counts_ = np.bincount(ratings.matrix.indices, minlength=len(ratings.items)).astype(np.float64)

    def _predict(self, u, i):
        return np.where(i >= 0, self.counts_[i], 0.0)


def _mixed(x):
    """64 bits well mixed (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class RandomItems(Recommender):
    """Items in random order, another one for each user, the same whenever the user asks.

    Parameters
    ----------
    random_state : int, RandomState or None

    Notes
    -----
    `predict` returns a score between 0 and 1 to rank by, not a rating: a hash of seed, user and item, so that
    nothing of the size users x items is kept.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def _fit(self, ratings):
        self._seed = np.uint64(check_random_state(self.random_state).randint(2**31))

    def _predict(self, u, i):
        user, item = (np.asarray(x + 2).astype(np.uint64) for x in (u, i))
        with np.errstate(over="ignore"):
            mixed = _mixed(_mixed(_mixed(self._seed * np.uint64(0x9E3779B97F4A7C15)) + user) + item)
        return (mixed >> np.uint64(11)) * 2.0**-53


# ----------------------------------------------------------------------------------------------------------
# How sure
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

    Attributes
    ----------
    mean, low, high : float
    level : float
    """

    mean: float
    low: float
    high: float
    level: float


def bootstrap_interval(values, level=0.95, *, repetitions=2000, random_state=None):
    """Mean of values of users and its percentile interval under resampling of users.

    Parameters
    ----------
    values : array_like of shape (m,)
        One finite number per user.
    level : float, > 0 and < 1
    repetitions : int
        Number of resamples.
    random_state : int, RandomState or None

    Returns
    -------
    Interval

    Notes
    -----
    m users are drawn with replacement, the mean is taken, and the interval lies between the (1 - level)/2 and
    (1 + level)/2 quantiles of such means. It covers the choice of users, not that of training and test.
    """
    values, level = np.asarray(values, dtype=np.float64), number("level", level, above=0, below=1)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"values must be finite numbers, one per user, got an array of shape {values.shape}"
                         + (" with NaN or an infinity" if not np.isfinite(values).all() else ""))
    repetitions, random = integer("repetitions", repetitions), check_random_state(random_state)
    at_once = max(1, BLOCK // len(values))
    means = np.concatenate([
        values[random.randint(len(values), size=(min(at_once, repetitions - done), len(values)))].mean(axis=1)
        for done in range(0, repetitions, at_once)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), level)


def paired_difference(a, b, level=0.95, *, repetitions=2000, random_state=None):
    """Mean of a - b over the same users and its bootstrap interval.

    Parameters
    ----------
    a, b : array_like of shape (m,)
        One number per user under each of two models, users in the same order.
    level, repetitions, random_state
        As for `bootstrap_interval`.

    Returns
    -------
    Interval
        Without 0 in it: the difference is more than the choice of users explains.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError("a and b must hold one number for each of the same users, got shapes "
                         f"{a.shape} and {b.shape}")
    return bootstrap_interval(a - b, level, repetitions=repetitions, random_state=random_state)
