"""Biases and neighbours against scikit-surprise, and against one sparse least-squares problem."""

import numpy as np
import pytest

from bizai.recommend import Biases, ItemNeighbours, Ratings, UserNeighbours

surprise = pytest.importorskip("surprise")


def table(seed=0, m=80, n=60, share=0.3, levels=5):
    """Ratings in whole stars, in which similarities tie often."""
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((m, n)) < share)
    taste = rng.normal(size=(m, 2)) @ rng.normal(size=(2, n))
    r = np.clip(np.round((levels + 1) / 2 + taste[u, i] + rng.normal(size=len(u))), 1, levels)
    ratings = Ratings.of(u, i, r)
    held_out = rng.permutation(len(ratings)) < len(ratings) // 5
    users, items, _ = ratings.triples
    return ratings.take(~held_out), users[held_out], items[held_out]


def trainset(ratings):
    rows = [(u, i, r, None) for u, i, r in zip(*(column.tolist() for column in ratings.triples))]
    return surprise.Dataset(surprise.Reader(rating_scale=(-1e9, 1e9))).construct_trainset(rows)


def theirs(model, ratings, users, items):
    model.fit(trainset(ratings))
    return np.array([model.predict(u, i).est for u, i in zip(users.tolist(), items.tolist())])


def known(ratings, users, items):
    """Pairs of which both sides have a rating: the others surprise predicts by the mean alone."""
    u, i, _ = ratings.triples
    return np.isin(users, u) & np.isin(items, i)


def test_biases_are_those_of_surprise():
    ratings, users, items = table()
    model = surprise.BaselineOnly(verbose=False)
    expected = theirs(model, ratings, users, items)
    assert Biases().fit(ratings).predict(users, items) == pytest.approx(expected, abs=1e-13)
    model = surprise.BaselineOnly({"reg_u": 3, "reg_i": 0.5, "n_epochs": 3}, verbose=False)
    expected = theirs(model, ratings, users, items)
    assert Biases(3, 0.5, 3).fit(ratings).predict(users, items) == pytest.approx(expected, abs=1e-13)


@pytest.mark.parametrize("l2", [(15, 10), (1e-3, 0.1)])
def test_exact_biases_solve_the_least_squares_problem(l2):
    ratings, *_ = table(share=0.1)
    m, n = ratings.matrix.shape
    f = np.arange(len(ratings))
    A = np.zeros((len(ratings) + m + n, m + n))
    A[f, ratings.rows] = A[f, m + ratings.matrix.indices] = 1
    A[len(f) + np.arange(m + n), np.arange(m + n)] = np.sqrt(np.repeat(l2, (m, n)))
    target = np.append(ratings.matrix.data - ratings.matrix.data.mean(), np.zeros(m + n))
    exact = np.linalg.lstsq(A, target)[0]
    model = Biases(*l2, sweeps=None).fit(ratings)
    assert np.append(model.user_bias_, model.item_bias_) == pytest.approx(exact, abs=1e-11)


@pytest.mark.parametrize("similarity", ["msd", "cosine", "pearson", "pearson_baseline"])
@pytest.mark.parametrize("user_based", [True, False])
@pytest.mark.parametrize("centre", ["biases", "mean", "none"])
def test_neighbours_are_those_of_surprise(similarity, user_based, centre):
    ratings, users, items = table()
    theirs_class = {
        "biases": surprise.KNNBaseline, "mean": surprise.KNNWithMeans, "none": surprise.KNNBasic}[centre]
    ours_class = UserNeighbours if user_based else ItemNeighbours
    for n, least, common in [(5, 1, 1), (3, 3, 4), (40, 1, 1)]:
        model = theirs_class(k=n, min_k=least, verbose=False, sim_options={
            "name": similarity, "user_based": user_based, "min_support": common})
        expected = theirs(model, ratings, users, items)
        ours = ours_class(n, least, similarity, min_common=common, centre=centre).fit(ratings)
        both = known(ratings, users, items) if centre != "biases" else slice(None)
        assert np.abs(ours.predict(users, items) - expected)[both].max() < 1e-9
        inner = model.trainset.to_inner_uid if user_based else model.trainset.to_inner_iid
        labels = [x for x in (ours.users_ if user_based else ours.items_) if _there(inner, x)]
        place = [inner(x) for x in labels]
        assert np.abs(ours.similarity_[np.ix_(labels, labels)] - model.sim[np.ix_(place, place)]).max() < 1e-12


def _there(inner, label):
    try:
        inner(label)
    except ValueError:
        return False
    return True


def test_pairs_already_rated_are_predicted_as_by_surprise():
    ratings, *_ = table()
    users, items, _ = ratings.triples
    for user_based, model in [(True, UserNeighbours(5)), (False, ItemNeighbours(5))]:
        peer = surprise.KNNBaseline(5, verbose=False, sim_options={"user_based": user_based})
        expected = theirs(peer, ratings, users, items)
        assert np.abs(model.fit(ratings).predict(users, items) - expected).max() < 1e-9
