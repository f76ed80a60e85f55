"""Content-based models of every user, features, and hybrids."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array

from bizai.recommend import Biases, ContentBased, Hybrid, Popular, RandomItems, Ratings, rmse, split
from bizai.recommend.content import Features
from bizai.recommend.ratings import Recommender


def shop(seed=0, m=60, n=40):
    """Users with tastes for two features; the last five items have features but no ratings."""
    rng = np.random.default_rng(seed)
    F, tastes = rng.normal(size=(n, 2)), rng.normal([0.5, 0], 1, (m, 2))
    u, i = np.nonzero(rng.random((m, n - 5)) < 0.5)
    truth = 3 + rng.normal(0, 0.5, (m, 1)) + tastes @ F.T
    return Ratings.of(u, i, truth[u, i] + 0.3 * rng.normal(size=len(u)), all_items=range(n)), (np.arange(n), F), truth


def test_every_user_against_a_dense_regression():
    ratings, (labels, matrix), _ = shop()
    model = ContentBased((labels, matrix), l2=3.0).fit(ratings)
    F = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0) / np.sqrt(2)
    users, items, values = ratings.triples
    A = np.vstack([np.c_[F[items], np.ones(len(items))], np.sqrt(3) * np.eye(2, 3)])
    pooled = np.linalg.lstsq(A, np.append(values, [0, 0]), rcond=None)[0]
    np.testing.assert_allclose(model.coef_, pooled[:2], rtol=1e-9)
    assert model.intercept_ == pytest.approx(pooled[2])
    for u in (0, 7, 59):
        own = users == u
        A = np.vstack([np.c_[F[items[own]], np.ones(own.sum())], np.sqrt(3) * np.eye(3)])
        expected = np.linalg.lstsq(A, np.append(values[own], np.sqrt(3) * pooled), rcond=None)[0]
        np.testing.assert_allclose([*model.user_coef_[u], model.user_intercepts_[u]], expected, rtol=1e-9)


def test_items_without_ratings():
    ratings, features, truth = shop()
    model = ContentBased(features, l2=1.0).fit(ratings)
    assert rmse(truth[:, 35:], model.predict(np.arange(60)[:, None], np.arange(35, 40))) < 0.4 * truth[:, 35:].std()
    assert set(range(35, 40)) <= set(model.recommend_all(10).items.tolist())
    elsewhere = ContentBased((np.append(features[0], 999), np.vstack([features[1], [5, 0]])), l2=1.0).fit(ratings)
    liking = elsewhere.user_coef_[:, 0]
    assert elsewhere.predict(int(np.argmax(liking)), 999) > elsewhere.predict(int(np.argmin(liking)), 999)
    np.testing.assert_allclose(model._score(3), model.predict(3, np.arange(40)))
    np.testing.assert_allclose(model._scores(np.array([-1, 3]))[0], model.predict("nobody", np.arange(40)))


def test_stated_rules():
    ratings, (labels, matrix), _ = shop()
    model = ContentBased((labels[:38], matrix[:38])).fit(ratings)
    np.testing.assert_allclose(model.predict("nobody", 3), model.intercept_ + model._F[3] @ model.coef_)
    assert model.predict(5, 39) == model.predict(5, "nothing") == pytest.approx(model.user_intercepts_[5])
    assert 39 not in model.recommend(5, 100).items and 37 in model.recommend(5, 100).items
    assert not model.recommend("nobody").known


def test_shrinkage():
    ratings, features, _ = shop()
    tight, loose = ContentBased(features, l2=1e9).fit(ratings), ContentBased(features, l2=1e-3).fit(ratings)
    np.testing.assert_allclose(tight.user_intercepts_, tight.intercept_, atol=1e-5)
    assert np.ptp(loose.user_coef_, axis=0).min() > 1
    few = Ratings.of(["x", *ratings.triples[0].astype(str)], [0, *ratings.triples[1]], [99, *ratings.triples[2]])
    model = ContentBased(features, l2=4.0).fit(few)
    gap = 99 - model.intercept_ - model._F[0] @ model.coef_                 # one rating: z'z/(z'z + ell) of the way
    z = np.append(model._F[0], 1)
    assert model.predict("x", 0) == pytest.approx(99 - gap * 4 / (z @ z + 4))


def test_renumbering_and_an_item_without_ratings():
    ratings, (labels, matrix), _ = shop()
    users, items, values = ratings.triples
    model = ContentBased((labels, matrix)).fit((users, items, values))
    other = ContentBased((1000 - labels, matrix)).fit(
        Ratings.of(50 - users, 1000 - items, values, all_items=[-4, 2000], all_users=[77]))
    np.testing.assert_allclose(other.predict(50 - users, 1000 - items), model.predict(users, items), rtol=1e-10)


def test_constant_ratings_and_constant_features():
    model = ContentBased({"x": [1.0, 2], "y": [1, 3], "z": [1, 4]}).fit((["a", "a", "b"], ["x", "y", "x"], [4, 4, 4]))
    np.testing.assert_allclose(model.predict("a", ["x", "y", "z", "?"]), 4)
    assert model.coef_[0] == 0 and model.predict("b", "z") == pytest.approx(4)


def test_features():
    features = Features("f", (["b", "a"], [[1, 2], [3, 4]]))
    assert features.labels.tolist() == ["a", "b"] and features.matrix.tolist() == [[3, 4], [1, 2]]
    assert features.positions(["b", "c", "a"]).tolist() == [1, -1, 0]
    for given in ((np.arange(9), np.random.default_rng(0).normal(7, 2, (9, 3))),
                  (np.arange(9), csr_array(np.eye(9)[:, :4]))):
        F = Features("f", given).scaled()
        F = F.toarray() if hasattr(F, "toarray") else F
        assert np.mean(np.sum(F**2, axis=1)) == pytest.approx(1)
        np.testing.assert_allclose(np.mean(F**2, axis=0), np.mean(F**2, axis=0)[0])
    assert not Features("f", (["a", "b"], [[5], [5]])).scaled().any()
    assert not Features("f", (["a", "b"], csr_array((2, 3)))).scaled().nnz


@pytest.mark.parametrize("given, words", [
    (None, r"item_features must be a tuple \(labels, matrix\) or a mapping of label to row, got NoneType"),
    ({}, "must be a tuple"), ({"a": [1], "b": [1, 2]}, "rows of numbers, all of one length"),
    ((["a"], [["red"]]), "rows of numbers"),
    ((["a", "b"], [[1]]), r"each of the 2 labels, got an array of shape \(1, 1\)"),
    ((["a"], [1]), "one row of features"), ((["a", "a"], [[1], [2]]), "each label once, got a more than once"),
    ((["a"], [[np.nan]]), "finite numbers, got NaN or an infinity"), ((["a", None], [[1], [2]]), "gaps"),
    ((["a"], np.empty((1, 0))), "one row of features"),
])
def test_wrong_features(given, words):
    with pytest.raises(ValueError, match=words):
        ContentBased(given).fit((["a"], ["b"], [1]))


def test_wrong_weights():
    with pytest.raises(ValueError, match="l2 must be"):
        ContentBased({"a": [1]}, l2=0).fit((["a"], ["b"], [1]))
    with pytest.raises(ValueError, match="holdout must be"):
        Hybrid(Biases(), Popular(), holdout=1).fit((["a"], ["b"], [1]))
    with pytest.raises(ValueError, match="at least two ratings"):
        Hybrid(Biases(), Popular()).fit((["a"], ["b"], [1]))


class Fixed(Recommender):
    """A constant, or the truth."""

    def __init__(self, table):
        self.table = table

    def _fit(self, ratings):
        pass

    def _predict(self, u, i):
        return self.table[u, i]


def test_weight_of_a_hybrid_is_the_least_squares_one():
    ratings, features, truth = shop()
    first, second = Fixed(truth + 1), Fixed(truth - 0.5)
    model = Hybrid(first, second, random_state=0).fit(ratings)
    _, held = split(ratings, 0.1, random_state=0)
    u, i, r = held.triples
    weights = np.linspace(0, 1, 10_001)
    errors = [np.sum((r - w * (truth[u, i] + 1) - (1 - w) * (truth[u, i] - 0.5))**2) for w in weights]
    assert model.weight_ == pytest.approx(weights[np.argmin(errors)], abs=1e-4)
    assert model.weight_ == pytest.approx(1 / 3, abs=0.05)
    expected = model.weight_ * (truth + 1) + (1 - model.weight_) * (truth - 0.5)
    np.testing.assert_allclose(model.predict(np.arange(60)[:, None], np.arange(35)), expected[:, :35])
    np.testing.assert_allclose(model._scores(np.arange(3))[:, :35], expected[:3, :35])


def test_weight_is_cut_and_ties_are_halved():
    ratings, _, truth = shop()
    assert Hybrid(Fixed(truth + 1), Fixed(truth + 9)).fit(ratings).weight_ == 1
    assert Hybrid(Fixed(truth + 9), Fixed(truth + 1)).fit(ratings).weight_ == 0
    assert Hybrid(Fixed(truth), Fixed(truth)).fit(ratings).weight_ == 0.5


def test_hybrid_of_biases_and_content():
    ratings, features, _ = shop(m=200)
    users, items, values = ratings.triples
    quality = np.random.default_rng(1).normal(0, 1, 40)                     # that features do not tell
    train, test = split(Ratings.of(users, items, values + quality[items], all_items=range(40)), 0.3, random_state=0)
    users, items, values = test.triples
    models = Biases(), ContentBased(features), Hybrid(Biases(), ContentBased(features), random_state=0)
    errors = [rmse(values, model.fit(train).predict(users, items)) for model in models]
    assert errors[2] < min(errors[:2]) and 0 < models[2].weight_ < 1
    assert set(range(35, 40)) <= set(models[2].recommend_all(15).items.tolist())
    np.testing.assert_allclose(models[2]._score(5), models[2].predict(5, train.items))
    np.testing.assert_allclose(models[2].predict("nobody", "nothing", clip=True), np.clip(
        models[2].predict("nobody", "nothing"), *models[2].scale_))


def test_hybrid_where_every_user_has_one_rating():
    model = Hybrid(Biases(), RandomItems(0), random_state=0).fit((range(20), np.arange(20) % 3, np.arange(20) % 5))
    assert 0 <= model.weight_ <= 1 and np.isfinite(model.predict(0, 1))


def test_features_of_a_data_frame_and_of_mixed_labels():
    frame = pd.DataFrame({"size": [1.0, 2, 4], "red": [True, False, True]}, index=["b", "c", "a"])
    features = Features("f", frame)
    assert features.labels.tolist() == ["a", "b", "c"] and features.matrix.tolist() == [[4, 1], [1, 1], [2, 0]]
    with pytest.raises(ValueError, match="one row of features"):
        Features("f", frame["size"])
    with pytest.raises(ValueError, match="labels of f must be all numbers or all texts"):
        Features("f", {1: [1.0], "a": [2.0]})


def test_users_in_blocks(monkeypatch):
    ratings, features, _ = shop()
    whole = ContentBased(features).fit(ratings)
    monkeypatch.setattr("bizai.recommend.content.BLOCK", 60)                # 6 users
    blocks = ContentBased(features).fit(ratings)
    np.testing.assert_allclose(blocks.user_coef_, whole.user_coef_, rtol=1e-12)
    np.testing.assert_allclose(blocks._scores(np.arange(-1, 60)), whole._scores(np.arange(-1, 60)), rtol=1e-12)
