"""Purchase counts: the objective, exact half steps, and rules for newcomers."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from bizai.recommend import ImplicitALS, Popular, Ratings, ranking, split
from bizai.recommend import implicit as module
from bizai.recommend.implicit import implicit_objective, implicit_step


def counts(seed=0, m=9, n=7):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((m, n)) < 0.4, rng.integers(1, 6, (m, n)), 0)


def test_objective_is_the_sum_over_all_pairs():
    N = counts()
    P, Q = np.random.default_rng(1).normal(size=(2, 9, 3))
    Q = Q[:7]
    expected = np.sum((1 + 2.5 * N) * ((N > 0) - P @ Q.T)**2) + 0.7 * (np.sum(P**2) + np.sum(Q**2))
    assert implicit_objective(csr_array(N), P, Q, l2=0.7, alpha=2.5) == pytest.approx(expected, rel=1e-12)


def test_half_step_against_dense_weighted_regressions():
    N = counts()
    N[4] = 0                                                                # bought nothing
    Q = np.random.default_rng(1).normal(size=(7, 3))
    P = implicit_step(csr_array(N), Q, l2=0.7, alpha=2.5)
    for u, row in enumerate(N):
        root = np.sqrt(1 + 2.5 * row)
        A = np.vstack([root[:, None] * Q, np.sqrt(0.7) * np.eye(3)])
        expected = np.linalg.lstsq(A, np.append(root * (row > 0), [0, 0, 0]), rcond=None)[0]
        np.testing.assert_allclose(P[u], expected, rtol=1e-10, atol=1e-12)


def test_half_step_in_blocks(monkeypatch):
    N, Q = csr_array(counts()), np.random.default_rng(1).normal(size=(7, 3))
    whole = implicit_step(N, Q, l2=1.0, alpha=1.0)
    monkeypatch.setattr(module, "BLOCK", 20)
    np.testing.assert_array_equal(implicit_step(N, Q, l2=1.0, alpha=1.0), whole)


def test_a_stored_zero_is_no_purchase():
    ratings = Ratings.of(["a", "a", "b"], [1, 2, 2], [3, 0, 1])
    plain = Ratings.of(["a", "b"], [1, 2], [3, 1])
    a, b = (ImplicitALS(2, random_state=0).fit(r) for r in (ratings, plain))
    np.testing.assert_allclose(a.predict("a", [1, 2]), b.predict("a", [1, 2]), rtol=1e-12)
    np.testing.assert_allclose(a.popularity_, [0.5, 0.5])


def shop(seed=0, m=200, n=80):
    rng = np.random.default_rng(seed)
    P, Q = rng.gamma(0.3, size=(m, 4)), rng.gamma(0.5, size=(n, 4))
    N = rng.poisson(0.6 * P @ Q.T)
    u, i = np.nonzero(N)
    return Ratings.of(u, i, N[u, i], duplicates="sum")


def test_better_lists_than_the_best_sellers():
    train, test = split(shop(), 0.2, random_state=0)
    ours, popular = (ranking(model, train, test, relevant=0.5).ndcg for model in
                     (ImplicitALS(8, random_state=0), Popular()))
    assert ours > 1.2 * popular


def test_objective_path_and_stationarity():
    model = ImplicitALS(5, n_iter=300, random_state=0).fit(shop())
    path, N = model.objective_path_, model.ratings_.matrix
    assert (np.diff(path) <= 1e-12 * path[0]).all()
    weights = {"l2": model.l2, "alpha": model.alpha}
    J = implicit_objective(N, model.user_factors_, model.item_factors_, **weights)
    assert path[-1] == pytest.approx(J, rel=1e-12)
    np.testing.assert_allclose(implicit_step(N, model.item_factors_, **weights), model.user_factors_, atol=2e-3)


def test_rules_for_newcomers():
    model = ImplicitALS(4, random_state=0).fit(Ratings.of(*shop().triples, all_items=[1000], all_users=[1000]))
    sellers = np.bincount(model.ratings_.matrix.indices, minlength=len(model.items_))
    best = model.recommend("nobody", 5)
    assert not best.known and np.array_equal(np.sort(sellers[best.items])[::-1], np.sort(sellers)[::-1][:5])
    assert model.predict(0, 1000) == model.predict("nobody", 1000) == model.predict(0, "?") == 0
    assert np.array_equal(model.predict(1000, model.items_[:9]), model.popularity_[:9])
    np.testing.assert_allclose(model._scores(np.array([3]))[0, :40], model.predict(3, model.items_[:40]))


def test_an_item_without_purchases_changes_nothing():
    ratings = shop()
    more = Ratings.of(*ratings.triples, all_items=[-1, 2.5], all_users=[9999])
    users, items, _ = ratings.triples
    a, b = (ImplicitALS(4, random_state=0).fit(r).predict(users, items) for r in (ratings, more))
    np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("columns", [(["a"], [1], [3]), (["a", "b"], [1, 1], [2, 2]), (["a"], [1], [0])])
def test_tiny_tables(columns):
    assert np.isfinite(ImplicitALS(random_state=0).fit(columns).predict("a", [1, 2])).all()


@pytest.mark.parametrize("arguments, words", [
    ({"n_factors": 0}, "n_factors must be an integer >= 1, got 0"), ({"l2": 0}, "l2 must be"),
    ({"alpha": -1}, "alpha must be"),
    ({"n_iter": 0}, "n_iter must be"),
])
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        ImplicitALS(**arguments).fit(shop())


def test_negative_counts():
    with pytest.raises(ValueError, match="counts >= 0 for implicit feedback, got -2.0"):
        ImplicitALS().fit((["a", "b"], [1, 1], [1, -2]))


def test_who_has_bought_nothing_gets_the_best_sellers():
    model = ImplicitALS(2, random_state=0).fit((["a", "a", "b", "c", "c"], [1, 2, 1, 1, 3], [2, 1, 3, 0, 0]))
    best = model.recommend("c", 3)
    assert not best.known and best.items.tolist() == [1, 2] and best.scores.tolist() == [1, 0.5]
    assert 3 not in model.recommend("b", 3).items and model.predict("a", 3) == 0
