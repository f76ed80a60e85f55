"""`bizai.recommend` against scikit-surprise: the same ratings and folds, fit plus prediction of the test fold.

The ratings are those of a file in the layout of MovieLens 100K (``--ratings u.data``: user, item, rating and
timestamp, separated by tabs), or generated: as many users, items and ratings, with planted tastes.
"""

import numpy as np

from bizai.recommend import BayesianFactorization, MatrixFactorization, Ratings, UserNeighbours

from .peers import take_turns

FOLDS = 5


# Ratings -------------------------------------------------------------------------------------------------

def ratings_like_movielens(seed=0, *, users=943, items=1682, ratings=100_000, factors=12, noise=0.88):
    """Whole stars from 1 to 5: biases, tastes and noise; what users rate has to do with what they like.

    Every user has 20 ratings or more; few items have most of the ratings, and popular items are liked a little
    better. A user's chance to meet an item follows the item's popularity and what the user is drawn to, which is
    only partly what she likes.
    """
    rng = np.random.default_rng(seed)
    strength = 0.7 ** np.arange(factors)
    strength /= np.sqrt(np.sum(strength**2))
    Q = rng.standard_normal((items, factors))
    P = rng.standard_normal((users, factors))
    drawn = (P + rng.standard_normal((users, factors))) / np.sqrt(2)
    popularity = rng.standard_normal(items)
    b_u = 0.42 * rng.standard_normal(users)
    b_i = 0.45 * rng.standard_normal(items) + 0.25 * popularity - 0.35
    counts = _counts(rng, users, items, ratings)
    met = 1.6 * popularity + 1.3 * (drawn * strength) @ Q.T + rng.gumbel(size=(users, items))
    rank = np.argsort(np.argsort(-met, axis=1), axis=1)
    u, i = np.nonzero(rank < counts[:, None])
    liked = 3.4 + b_u[u] + b_i[i] + 0.54 * np.einsum("fk,fk->f", P[u] * strength, Q[i])
    stars = np.clip(np.round(liked + noise * rng.standard_normal(len(u))), 1, 5)
    return Ratings.of(u + 1, i + 1, stars, all_items=np.arange(1, items + 1))


def _counts(rng, users, items, ratings, least=20):
    """Ratings per user: at least 20, skewed, with the sum asked for."""
    more = rng.lognormal(0, 1.2, users)
    counts = least + np.floor(more / more.sum() * (ratings - least * users)).astype(int)
    counts = np.minimum(counts, items // 2)
    room = np.argsort(counts, kind="stable")
    missing = ratings - counts.sum()
    counts += missing // users
    counts[room[:missing % users]] += 1
    return counts


def read_ratings(path):
    """Ratings of a file with user, item, rating and timestamp in each line, separated by tabs."""
    from csv import QUOTE_NONE

    import pandas as pd

    wanted = f"{path} must hold user, item, rating and timestamp in each line, separated by tabs"
    try:
        table = pd.read_csv(path, sep="\t", header=None, dtype=str, quoting=QUOTE_NONE)
        if table.shape[1] < 3:
            raise ValueError(f"it has {table.shape[1]} column{'s' * (table.shape[1] > 1)}")
        ratings = Ratings.of(table[0].to_numpy(), table[1].to_numpy(), pd.to_numeric(table[2]).to_numpy())
    except OSError as error:
        raise SystemExit(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:                                 # also pandas' own errors about its contents
        raise SystemExit(f"{wanted}: {str(error).strip()}") from None
    if len(ratings) < FOLDS:
        raise SystemExit(f"{path} must hold at least {FOLDS} ratings, got {len(ratings)}")
    if np.ptp(ratings.matrix.data) == 0:
        raise SystemExit(f"{path} must hold different ratings, all are {ratings.matrix.data[0]}")
    return ratings


def folds(ratings, seed=0):
    """Five pairs of training ratings and positions of the test ratings, the same for every model."""
    fold = np.random.default_rng(seed).permutation(len(ratings)) % FOLDS
    return [(ratings.take(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


def rmse(predicted, values):
    return float(np.sqrt(np.mean((predicted - values) ** 2)))


# Fit, then prediction of the test fold --------------------------------------------------------------------

class Fold:
    """A training set and a test set, for both libraries."""

    def __init__(self, ratings, train, test, number):
        from surprise import Dataset, Reader

        users, items, values = ratings.triples
        self.train, self.number = train, number
        self.users, self.items, self.values = users[test], items[test], values[test]
        rows = zip(*(column.tolist() for column in train.triples), [None] * len(train))
        scale = (values.min(), values.max())
        self.trainset = Dataset(Reader(rating_scale=scale)).construct_trainset(list(rows))
        self.pairs = list(zip(self.users.tolist(), self.items.tolist()))

    def ours(self, model, clip=True):
        model.fit(self.train)
        return model.predict(self.users, self.items, clip=clip)

    def theirs(self, model, clip=True):
        model.fit(self.trainset)
        return np.array([model.predict(u, i, clip=clip).est for u, i in self.pairs])

    def rmse(self, predicted):
        return rmse(predicted, self.values)


def race(parts, *ours, theirs, repeats=1, **options):
    """CPU seconds of each of ours and of theirs over all folds, and the predictions of each."""
    seconds, predictions = np.zeros(len(ours) + 1), []
    for part in parts:
        runs = [lambda make=make: part.ours(make(part.number), **options) for make in ours]
        best, made = take_turns([*runs, lambda: part.theirs(theirs(part.number), **options)], repeats)
        seconds += best
        predictions.append(made)
    return seconds, list(zip(*predictions))


def mean_rmse(parts, predictions):
    return float(np.mean([part.rmse(predicted) for part, predicted in zip(parts, predictions)]))


def factor_rows(parts, name):
    from surprise import SVD, SVDpp

    def als(seed):
        return MatrixFactorization(random_state=seed)

    seconds, predicted = race(parts, als, theirs=lambda k: SVD(random_state=k), repeats=3)
    als_rmse, svd_rmse = (mean_rmse(parts, side) for side in predicted)
    yield _row("MatrixFactorization (ALS)", name, "surprise SVD", seconds[1] / seconds[0], 2, "RMSE no larger",
               als_rmse <= svd_rmse, f"mean test RMSE {als_rmse:.4f}, SVD {svd_rmse:.4f}")

    def bayes(seed):
        return BayesianFactorization(random_state=seed)

    seconds, predicted = race(parts, als, bayes, theirs=lambda k: SVDpp(random_state=k))
    als_rmse, bayes_rmse, pp_rmse = (mean_rmse(parts, side) for side in predicted)
    yield _row("MatrixFactorization (ALS)", name, "surprise SVDpp", seconds[2] / seconds[0], 20, "RMSE no larger",
               als_rmse <= pp_rmse, f"mean test RMSE {als_rmse:.4f}, SVDpp {pp_rmse:.4f}")
    shares = covered(parts[0], (0.8, 0.95))
    yield _row("BayesianFactorization", name, "surprise SVDpp", seconds[2] / seconds[1], 5,
               "RMSE <= 0.99 of SVDpp's, intervals cover within 2 points",
               bayes_rmse <= 0.99 * pp_rmse and all(abs(share - level) <= 0.02 for level, share in shares.items()),
               f"mean test RMSE {bayes_rmse:.4f}, {bayes_rmse / pp_rmse:.4f} of SVDpp's; in the first fold "
               "intervals of " + " and ".join(f"{level:.0%} cover {share:.1%}" for level, share in shares.items()))


def covered(part, levels):
    """Shares of the test fold inside the predictive intervals."""
    model = BayesianFactorization(random_state=part.number).fit(part.train)
    intervals = {level: model.predict_interval(part.users, part.items, level) for level in levels}
    return {level: float(np.mean((low <= part.values) & (part.values <= high)))
            for level, (low, high) in intervals.items()}


def neighbour_rows(parts, name):
    from surprise import KNNBaseline

    seconds, (ours, theirs) = race(
        parts, lambda k: UserNeighbours(), theirs=lambda k: KNNBaseline(verbose=False), clip=False)
    apart = max(np.abs(a - b).max() for a, b in zip(ours, theirs))
    yield _row("UserNeighbours", name, "surprise KNNBaseline", seconds[1] / seconds[0], 5,
               "same predictions within 1e-6", apart < 1e-6,
               f"mean test RMSE {mean_rmse(parts, ours):.4f}, greatest difference {apart:.1e}")


def _row(model, name, peer, ratio, least, wanted, reached, quality):
    return {"benchmark": f"{model}: {name}", "peer": peer, "ratio": float(ratio), "quality": quality,
            "target": f">= {least}x, {wanted}", "met": bool(ratio >= least and reached)}


def rows(path=None):
    """Rows of the benchmark table: peer seconds over our seconds, with the quality of both."""
    ratings = ratings_like_movielens() if path is None else read_ratings(path)
    name = f"{len(ratings):,} {'generated ' if path is None else ''}ratings, {FOLDS} folds"
    parts = [Fold(ratings, train, test, k) for k, (train, test) in enumerate(folds(ratings))]
    yield from factor_rows(parts, name)
    yield from neighbour_rows(parts, name)
