"""What holds for matrix factorisation and SVD++ whatever the ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bizai.recommend import MatrixFactorization, Ratings, SVDPlusPlus, gradient, objective, ridge_step
from bizai.recommend.factors import _strata


@st.composite
def tables(draw, most=7):
    """Columns users, items, values of up to 7 users and items: a constant, stars, percentages, money or losses."""
    m, n = draw(st.integers(1, most)), draw(st.integers(1, most))
    pair = st.tuples(st.integers(0, m - 1), st.integers(0, n - 1))
    pairs = draw(st.lists(pair, min_size=1, max_size=30, unique=True))
    value = draw(st.sampled_from([st.just(3), st.integers(1, 5), st.integers(0, 100), st.integers(-10, -5)]))
    values = draw(st.lists(value, min_size=len(pairs), max_size=len(pairs)))
    users, items = np.array(pairs).T
    return users, items, np.array(values, dtype=float)


def models():
    weights, few = st.sampled_from([1e-3, 0.1, 3.0]), st.integers(1, 6)
    common = {"l2": weights, "l2_bias": weights | st.none(), "weighted": st.booleans(), "n_iter": few,
              "tol": st.just(0.0), "random_state": st.integers(0, 3)}
    return (st.builds(MatrixFactorization, st.integers(1, 4), **common)
            | st.builds(SVDPlusPlus, st.integers(1, 4), l2_implicit=weights | st.none(), **common))


def slopes(model):
    parts = [model.user_bias_, model.item_bias_, model.user_factors_, model.item_factors_]
    options = {"l2": model.l2, "l2_bias": model.l2_bias, "weighted": model.weighted}
    if isinstance(model, SVDPlusPlus):
        parts, options = parts + [model.implicit_factors_], options | {"l2_implicit": model.l2_implicit}
    return objective(model.ratings_, *parts, **options), gradient(model.ratings_, *parts, **options)


@given(tables(), models())
def test_objective_never_rises_and_is_the_one_reported(columns, model):
    model.fit(columns)
    spread = np.sum((model.ratings_.matrix.data - model.mean_)**2)
    assert (np.diff(model.objective_path_) <= 1e-9 * (spread + 1e-6)).all()
    J, slope = slopes(model)
    assert model.objective_path_[-1] == pytest.approx(J, rel=1e-9, abs=1e-9 * (spread + 1e-6))
    size = 1 + np.abs(model.ratings_.matrix.data).max() * len(model.ratings_)
    assert max(np.abs(slope[1]).max(), np.abs(slope[3]).max()) < 1e-8 * size      # items are solved for last


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_every_row_of_a_half_step_is_a_stationary_point(m, n, k, seed):
    rng = np.random.default_rng(seed)
    rated = rng.random((m, n)) < 0.5
    targets = csr_array(np.where(rated, rng.normal(size=(m, n)), 0))
    Z, o = rng.normal(size=(n, k)), rng.normal(size=n)
    D, prior = rng.uniform(0.1, 3, (m, k)), rng.normal(size=(m, k))
    W, minimum = ridge_step(targets, Z, o, D, prior)
    errors = np.where(rated, targets.toarray() - o - W @ Z.T, 0)
    assert np.abs(errors @ Z - D * (W - prior)).max() < 1e-9
    assert minimum == pytest.approx(np.sum(errors**2) + np.sum(D * (W - prior)**2), abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.permutations(range(6)), st.permutations(range(5)))
def test_a_half_step_does_not_know_the_numbers_of_users_and_items(seed, users, items):
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 6, (6, 5)) * (rng.random((6, 5)) < 0.5) * 1.0
    Z, o, D = rng.normal(size=(5, 2)), rng.normal(size=5), rng.uniform(0.1, 3, (6, 2))
    W, minimum = ridge_step(csr_array(table), Z, o, D)
    again, same = ridge_step(csr_array(table[users][:, items]), Z[items], o[items], D[users])
    assert again == pytest.approx(W[users], abs=1e-9) and same == pytest.approx(minimum, abs=1e-9)


@given(tables(), models() | st.builds(MatrixFactorization, st.integers(1, 4), st.just("sgd"), n_iter=st.just(2),
                                      learning_rate=st.just(1e-4), random_state=st.integers(0, 3)))
def test_users_and_items_without_ratings_change_nothing(columns, model):
    where = np.arange(8)[:, None], np.arange(8)
    expected = model.fit(columns).predict(*where)
    more = Ratings.of(*columns, all_users=[-3, 2, 9], all_items=[-3, 2, 9])
    assert np.array_equal(model.fit(more).predict(*where), expected) and np.isfinite(expected).all()
    assert model.predict(9, -3) == pytest.approx(model.mean_)


@given(tables(), models())
def test_lists_agree_with_predictions(columns, model):
    model.fit(columns)
    lists = model.recommend_all(3, exclude_rated=False)
    assert lists.scores == pytest.approx(model.predict(lists.users, lists.items), abs=1e-9)
    assert len(lists.users) == len(model.users_) * min(3, len(model.items_))


@given(tables(), st.integers(1, 3), st.floats(0.5, 20), st.integers(-50, 50))
def test_als_follows_shift_and_scale(columns, k, scale, shift):
    """Ratings times s, with factor penalties times s and starting factors times its root; mu takes a shift."""
    users, items, values = columns
    model = MatrixFactorization(k, l2=0.3, l2_bias=0.2, n_iter=3, tol=0, random_state=0)
    from bizai.recommend.factors import _als

    table = model._table(model.fit(columns).ratings_)
    moved = model._table(model.fit((users, items, shift + scale * values)).ratings_)
    Q = np.random.default_rng(0).normal(size=(table.shape[1], k))
    counts = [np.bincount(side)[np.bincount(side) > 0][:, None] for side in (users, items)]
    first = _als(table, Q, *(c * np.r_[0.2, np.full(k, 0.3)] for c in counts), 3, 0.0)
    second = _als(moved, scale**0.5 * Q, *(c * np.r_[0.2, np.full(k, 0.3 * scale)] for c in counts), 3, 0.0)
    for ours, theirs in zip(first[:2], second[:2]):
        assert theirs[:, 0] == pytest.approx(scale * ours[:, 0], abs=1e-6)
        assert theirs[:, 1:] == pytest.approx(scale**0.5 * ours[:, 1:], abs=1e-6)


@given(tables(), st.integers(0, 5))
def test_strata_hold_every_rating_once_and_nobody_twice(columns, seed):
    ratings = Ratings.of(*columns)
    u, i = ratings.rows, ratings.matrix.indices
    strata = _strata(u, i, max(ratings.matrix.shape), np.random.RandomState(seed))
    assert sorted(np.concatenate(strata)) == list(range(len(ratings)))
    assert all(len(set(u[f])) == len(set(i[f])) == len(f) for f in strata)
