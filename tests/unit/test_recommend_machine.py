"""Factorisation machines: the sum over pairs, the gradient, and new items from their features."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from bizai.recommend import (
    Biases, FactorizationMachine, FactorizationRecommender, Hybrid, Ratings, ranking, rmse,
)
from bizai.recommend.machine import fm_objective, fm_predict


def test_pairwise_sum_by_hand():
    V = np.array([[1.0, 0], [2, 1], [0, -3]])
    # x = (2, 3, 4): 10 + (2 - 3 + 2) + v_1.v_2 * 2 * 3 + v_1.v_3 * 2 * 4 + v_2.v_3 * 3 * 4 with 2, 0 and -3
    assert fm_predict(np.array([[2.0, 3, 4]]), 10.0, np.array([1.0, -1, 0.5]), V) == pytest.approx(10 + 1 + 12 - 36)


@pytest.mark.parametrize("sparse", [False, True])
def test_gradient_by_finite_differences(sparse):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((20, 6)) < 0.5, rng.normal(size=(20, 6)), 0)
    y, w_0, w, V = rng.normal(size=20), 0.3, rng.normal(size=6), rng.normal(size=(6, 3))
    table = csr_array(X) if sparse else X

    def J(theta):
        return fm_objective(table, y, theta[0], theta[1:7], theta[7:].reshape(6, 3), l2_linear=0.7, l2_factors=1.9)

    theta = np.concatenate([[w_0], w, V.ravel()])
    J_0, (by_0, by_w, by_V) = J(theta)
    errors = y - fm_predict(X, w_0, w, V)
    assert J_0 == pytest.approx(errors @ errors + 0.7 * w @ w + 1.9 * np.sum(V**2))
    slope = np.concatenate([[by_0], by_w, by_V.ravel()])
    steps = 1e-5 * np.eye(len(theta))
    np.testing.assert_allclose(slope, [(J(theta + s)[0] - J(theta - s)[0]) / 2e-5 for s in steps], rtol=1e-6, atol=1e-6)


def interactions(seed=0, n=600, noise=0.1):
    rng = np.random.default_rng(seed)
    X, V = rng.normal(size=(n, 6)), rng.normal(size=(6, 2))
    y = fm_predict(X, 1.0, rng.normal(size=6), V)
    return X, y + noise * rng.normal(size=n), V


def test_interactions_are_found():
    X, y, V = interactions()
    model = FactorizationMachine(2, l2_linear=0.01, l2_factors=0.01, tol=1e-12, n_iter=2000, random_state=0)
    model.fit(X[:500], y[:500])
    assert rmse(y[500:], model.predict(X[500:])) < 0.13
    off = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose((model.factors_ @ model.factors_.T)[off], (V @ V.T)[off], atol=0.05)


def test_the_solution_is_stationary():
    X, y, _ = interactions()
    model = FactorizationMachine(2, tol=1e-15, n_iter=5000, random_state=0).fit(X, y)
    J, gradient = fm_objective(X, y, model.intercept_, model.coef_, model.factors_, l2_linear=0.1, l2_factors=1.0)
    assert max(np.abs(part).max() for part in gradient) < 1e-4 * J


def test_sparse_is_dense():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((100, 8)) < 0.3, 1.0, 0)
    X[:, 5] = 0                                                             # never there: no weight, no factors
    y = X[:, 0] * X[:, 1] + rng.normal(size=100)
    dense, sparse = (FactorizationMachine(2, random_state=0).fit(table, y) for table in (X, csr_array(X)))
    np.testing.assert_allclose(dense.predict(X), sparse.predict(csr_array(X)), rtol=1e-6)
    assert dense.coef_[5] == 0 and not dense.factors_[5].any()


def test_few_iterations_warn():
    X, y, _ = interactions()
    with pytest.warns(ConvergenceWarning, match="not converged after n_iter = 2 iterations"):
        FactorizationMachine(n_iter=2).fit(X, y)


@pytest.mark.parametrize("arguments, words", [
    ({"n_factors": -1}, "n_factors must be an integer >= 0, got -1"), ({"l2_linear": -1}, "l2_linear must be"),
    ({"l2_factors": np.nan}, "l2_factors must be"), ({"tol": 0}, "tol must be"), ({"n_iter": 0}, "n_iter must be"),
])
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        FactorizationMachine(**arguments).fit([[1.0], [2]], [1, 2])


# ----------------------------------------------------------------------------------------------------------
# The recommender
# ----------------------------------------------------------------------------------------------------------

def shop(seed=0, m=80, n=40):
    """Users with tastes for categories; the last five items have features but no ratings."""
    rng = np.random.default_rng(seed)
    category, tastes = np.arange(n) % 4, rng.normal(size=(m, 4))
    u, i = np.nonzero(rng.random((m, n - 5)) < 0.4)
    values = 3 + tastes[u, category[i]] + 0.3 * rng.normal(size=len(u))
    return Ratings.of(u, i, values, all_items=range(n)), (np.arange(n), np.eye(4)[category]), 3 + tastes[:, category]


def test_items_without_ratings_are_predicted_from_features():
    ratings, features, truth = shop()
    with_features = FactorizationRecommender(item_features=features, random_state=0).fit(ratings)
    without = FactorizationRecommender(random_state=0).fit(ratings)
    new = np.arange(80)[:, None], np.arange(35, 40)
    assert rmse(truth[:, 35:], with_features.predict(*new)) < 0.75 * rmse(truth[:, 35:], without.predict(*new))
    lists = with_features.recommend_all(10)
    assert set(range(35, 40)) <= set(lists.items.tolist())
    assert not set(range(35, 40)) & set(without.recommend_all(10).items.tolist())


def test_predictions_are_those_of_the_machine():
    ratings, features, _ = shop()
    rng = np.random.default_rng(0)
    ages = dict(zip(range(100), rng.normal(size=(100, 1))))                 # users 80 to 99 have features only
    model = FactorizationRecommender(ages, features, random_state=0, n_iter=50, tol=1e-3).fit(ratings)
    age = np.array(list(ages.values()))
    age = (age - age.mean()) / age.std()
    category = features[1] - features[1].mean(axis=0)
    category /= category.std(axis=0) * 2
    pairs = [(3, 7), (85, 7), (3, 38), (99, 39)]
    rows = [np.concatenate([np.arange(80) == u, np.arange(40) == i, age[u], category[i]]) for u, i in pairs]
    machine = model.machine_.predict(np.array(rows, dtype=float))
    np.testing.assert_allclose(model.predict(*np.transpose(pairs)), model.mean_ + ratings.matrix.data.std() * machine)
    grid = model.predict(np.arange(80)[:, None], np.arange(40))
    np.testing.assert_allclose(model._scores(np.arange(80)), grid)
    np.testing.assert_allclose(model._score(4), grid[4])


def test_what_is_unknown_has_no_part():
    ratings, features, _ = shop()
    model = FactorizationRecommender(item_features=features, random_state=0).fit(ratings)
    assert model.predict("nobody", "nothing") == model.intercept_
    np.testing.assert_allclose(model.predict("nobody", 3), model.intercept_ + model.item_bias_[3])
    np.testing.assert_allclose(model.predict(2, 3), model.intercept_ + model.user_bias_[2] + model.item_bias_[3]
                               + model.user_factors_[2] @ model.item_factors_[3])
    assert not model.recommend("nobody").known and len(model.recommend("nobody", 40).items) == 40


def test_an_item_without_ratings_and_features_changes_nothing():
    ratings, _, _ = shop()
    more = Ratings.of(*ratings.triples, all_items=[*range(35), -1, 2.5, 999], all_users=[-5])
    a, b = (FactorizationRecommender(random_state=0).fit(r) for r in (ratings, more))
    users, items, _ = ratings.triples
    np.testing.assert_allclose(a.predict(users, items), b.predict(users, items), rtol=1e-9)
    assert b.predict(0, 999) == b.predict(0, "unknown") and 999 not in b.recommend(0, 100).items


def test_order_of_features_does_not_matter():
    ratings, (labels, matrix), _ = shop()
    model = FactorizationRecommender(item_features=(labels, matrix), random_state=0)
    shuffled = FactorizationRecommender(item_features=(labels[::-1], matrix[::-1]), random_state=0)
    users, items, _ = ratings.triples
    np.testing.assert_allclose(model.fit(ratings).predict(users, items), shuffled.fit(ratings).predict(users, items),
                               rtol=1e-9)
    sparse = clone(model).set_params(item_features=(labels, csr_array(matrix))).fit(ratings)
    assert np.corrcoef(sparse.predict(users, items), model.predict(users, items))[0, 1] > 0.97


def test_scale_and_origin_of_the_ratings_do_not_matter():
    ratings, features, _ = shop()
    users, items, values = ratings.triples
    model = FactorizationRecommender(item_features=features, random_state=0)
    a = model.fit((users, items, values)).predict(users, items)
    b = model.fit((users, items, 20 * values - 50)).predict(users, items)
    np.testing.assert_allclose(b, 20 * a - 50, rtol=1e-6)


@pytest.mark.parametrize("columns", [
    (["a"], [1], [3]), (["a", "b"], [1, 2], [4, 4]), (["a", "b", "c"], [1, 1, 2], [1, 2, 9])])
def test_tiny_and_constant_tables(columns):
    model = FactorizationRecommender(item_features={1: [0.0, 1], 2: [1, 1], 3: [2, 1]}, random_state=0).fit(columns)
    assert np.isfinite(model.predict("a", [1, 2, 3, 4])).all()
    if len(set(columns[2])) == 1:
        np.testing.assert_allclose(model.predict("a", [1, 2, 3, 4]), columns[2][0], rtol=1e-12)


def test_ranking_counts_items_without_training_ratings():
    ratings, features, truth = shop()
    u, i = np.nonzero(truth[:, 35:] > 3.5)
    test = Ratings.of(u, i + 35, np.full(len(u), 5.0), all_users=ratings.users, all_items=ratings.items)
    with_features, without = (ranking(model, ratings, test, 5) for model in (
        FactorizationRecommender(item_features=features, random_state=0), FactorizationRecommender(random_state=0)))
    assert with_features.recall > 0.2 and without.recall == 0


@pytest.mark.parametrize("unit, origin", [(1e12, 0), (1e8, 0), (1e5, 3e5), (1, 1e9), (1e-3, -7)])
def test_any_scale_and_origin_of_the_targets(unit, origin):
    """(w, V) of y is (unit w, unit^1/2 V) of unit y with l2_factors times the unit."""
    X, y, _ = interactions()
    a = FactorizationMachine(2, tol=1e-13, n_iter=2000, random_state=0).fit(X, y)
    b = FactorizationMachine(2, l2_factors=unit, tol=1e-13, n_iter=2000, random_state=0).fit(X, origin + unit * y)
    np.testing.assert_allclose(b.predict(X), origin + unit * a.predict(X), atol=1e-4 * unit)
    plain = FactorizationMachine(0, tol=1e-13).fit(X, origin + unit * y)
    A = np.vstack([np.c_[X, np.ones(len(X))], np.sqrt(0.1) * np.eye(6, 7)])
    expected = np.linalg.lstsq(A, np.append(unit * y, np.zeros(6)), rcond=None)[0]
    np.testing.assert_allclose(plain.coef_, expected[:6], atol=1e-6 * unit)


@pytest.mark.parametrize("change", [lambda X: 1e9 * X, lambda X: X + 1e6])
def test_large_columns_are_no_worse_than_the_mean(change):
    X, y, _ = interactions()
    model = FactorizationMachine(2, random_state=0).fit(change(X), y)
    assert rmse(y, model.predict(change(X))) <= 1.01 * y.std()


def test_small_integers_do_not_overflow():
    X = np.array([[20, 30]], dtype=np.uint8)
    for table in (X, csr_array(X), X.tolist()):
        assert fm_predict(table, 0.0, np.zeros(2), np.ones((2, 1))) == 600


def test_users_known_by_features_alone_get_lists():
    ratings, _, truth = shop()
    taste = dict(zip(range(80), truth[:, :4]))                              # what users say of the four categories
    held = ratings.take(ratings.rows >= 10)                                 # users 0 to 9 have rated nothing
    known = Ratings.of(*held.triples, all_items=ratings.items, all_users=range(5))      # 5 to 9 are not even known
    model = FactorizationRecommender(taste, random_state=0).fit(known)
    lists = model.recommend_all(4, [7, 2, 30, -5])
    for place, user in enumerate((7, 2, 30)):
        alone = model.recommend(user, 4)
        assert alone.known == (user == 30)
        assert alone.items.tolist() == lists.items[4 * place:4 * place + 4].tolist()
        np.testing.assert_allclose(model.predict(user, alone.items), alone.scores)
    assert not np.array_equal(model.recommend(7, 4).scores, model.recommend(-5, 4).scores)
    hybrid = Hybrid(model, Biases(), random_state=0).fit(known)
    assert hybrid.weight_ > 0.1
    for user in (7, 2, 30, -5):
        alone = hybrid.recommend(user, 4)
        np.testing.assert_allclose(hybrid.predict(user, alone.items), alone.scores)
    np.testing.assert_allclose(hybrid.recommend_all(4, [2, 7]).scores[4:], hybrid.recommend(7, 4).scores)
