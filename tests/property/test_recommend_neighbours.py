"""What holds for biases, similarities and neighbours whatever the ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.recommend import Biases, ItemNeighbours, Ratings, UserNeighbours, similarities

SIMILARITIES = ("msd", "cosine", "pearson", "pearson_baseline")


@st.composite
def tables(draw, whole=True, most=7):
    """Columns users, items, values of up to 7 users and items, each pair at most once."""
    m, n = draw(st.integers(1, most)), draw(st.integers(1, most))
    pair = st.tuples(st.integers(0, m - 1), st.integers(0, n - 1))
    pairs = draw(st.lists(pair, min_size=1, max_size=30, unique=True))
    value = st.integers(-5, 100) if whole else st.floats(-100, 100).map(lambda x: round(x, 3))
    values = draw(st.lists(value, min_size=len(pairs), max_size=len(pairs)))
    users, items = np.array(pairs).T
    return users, items, np.array(values, dtype=float)


def models():
    neighbours = st.builds(
        lambda kind, *arguments: kind(*arguments), st.sampled_from([UserNeighbours, ItemNeighbours]),
        st.integers(1, 4), st.integers(1, 2), st.sampled_from(SIMILARITIES), st.sampled_from([0.0, 100.0]),
        st.integers(1, 2), st.sampled_from(["biases", "mean", "none"]))
    return neighbours | st.builds(Biases, st.sampled_from([0.5, 15.0]), st.sampled_from([0.5, 10.0]),
                                  st.sampled_from([1, 10, None]))


def grid(model):
    return model.predict(np.arange(8)[:, None], np.arange(8))


@given(tables(), models(), st.randoms())
def test_order_of_the_ratings_does_not_matter(columns, model, random):
    order = list(range(len(columns[0])))
    random.shuffle(order)
    expected = grid(model.fit(columns))
    assert np.array_equal(grid(model.fit(tuple(column[order] for column in columns))), expected)


@given(tables(), models(), st.permutations(range(8)), st.permutations(range(8)))
def test_new_numbers_change_nothing_but_ties(columns, model, of_user, of_item):
    users, items, values = columns
    of_user, of_item = np.array(of_user), np.array(of_item)
    if not isinstance(model, Biases):
        model.set_params(n_neighbours=8)                # all neighbours: no tie decides who is one
    expected = grid(model.fit(columns))
    renamed = grid(model.fit((of_user[users], of_item[items], values)))
    assert renamed[of_user[:, None], of_item] == pytest.approx(expected, abs=1e-7)


@given(tables(), models())
def test_an_item_and_a_user_without_ratings_change_nothing(columns, model):
    expected = grid(model.fit(columns))
    users, items, values = columns
    more = Ratings.of(users, items, values, all_users=[-3, 2, 9], all_items=[-3, 2, 9])
    assert np.array_equal(grid(model.fit(more)), expected)


@given(tables(whole=False), st.floats(-50, 50), st.floats(0.1, 10), st.sampled_from([1, 5, None]), st.booleans())
def test_biases_follow_shift_and_scale(columns, shift, scale, sweeps, negative):
    scale = -scale if negative else scale
    users, items, values = columns
    model = Biases(sweeps=sweeps)
    expected = shift + scale * grid(model.fit(columns))
    assert grid(model.fit((users, items, shift + scale * values))) == pytest.approx(expected, abs=1e-8)


@given(tables(whole=False), st.sampled_from([0.1, 15.0]), st.sampled_from([0.1, 10.0]))
def test_exact_biases_are_a_minimum(columns, l2_user, l2_item):
    model = Biases(l2_user, l2_item, None).fit(columns)
    ratings = model.ratings_
    errors = ratings.matrix.data - model.predict(*ratings.triples[:2])
    of_users = np.bincount(ratings.rows, errors, len(ratings.users)) - l2_user * model.user_bias_
    of_items = np.bincount(ratings.matrix.indices, errors, len(ratings.items)) - l2_item * model.item_bias_
    assert np.abs(of_users).max() < 1e-9 and np.abs(of_items).max() < 1e-9


@given(tables(whole=False), st.sampled_from(SIMILARITIES), st.integers(1, 3))
def test_similarities_are_symmetric_and_at_most_one(columns, name, common):
    matrix = Ratings.of(*columns).matrix
    deviations = matrix.data - matrix.data.mean()
    s = similarities(matrix, name, min_common=common, deviations=deviations)
    assert np.array_equal(s, s.T) and (s.diagonal() == 1).all() and np.abs(s).max() <= 1 + 1e-6
    assert name != "msd" or s.min() >= 0


@given(tables(whole=False), st.sampled_from(SIMILARITIES))
def test_similarities_are_those_of_two_nested_loops(columns, name):
    ratings = Ratings.of(*columns)
    table, rated = ratings.matrix.toarray(), np.zeros(ratings.matrix.shape, dtype=bool)
    rated[ratings.rows, ratings.matrix.indices] = True
    deviations = ratings.matrix.data - ratings.matrix.data.mean()
    left = np.zeros(table.shape)
    left[rated] = deviations
    s = similarities(ratings.matrix, name, shrinkage=7, deviations=deviations)
    for u in range(len(table)):
        for v in range(u):
            C = rated[u] & rated[v]
            a, b = (left if name == "pearson_baseline" else table)[[u, v]][:, C]
            if name == "msd":
                expected = 1 / (1 + np.mean((a - b)**2)) if C.any() else 0
                assert s[u, v] == pytest.approx(expected, rel=1e-6)
                continue
            a, b = (a - a.mean(), b - b.mean()) if name == "pearson" and C.any() else (a, b)
            if min(np.abs(a).max(initial=0), np.abs(b).max(initial=0)) <= 1e-3 * np.abs(table).max():
                continue                                # hardly any variation: a quotient of roundings
            expected = a @ b / np.sqrt(a @ a * (b @ b))
            if name == "pearson_baseline":
                expected *= (C.sum() - 1) / (C.sum() + 6)
            assert s[u, v] == pytest.approx(expected, abs=1e-6)


@given(tables(), models())
def test_predictions_stay_finite_and_lists_agree_with_them(columns, model):
    model.fit(columns)
    assert np.isfinite(grid(model)).all()
    lists = model.recommend_all(3, exclude_rated=False)
    assert lists.scores == pytest.approx(model.predict(lists.users, lists.items), abs=1e-9)
    for user in model.users_:
        one = model.recommend(user, 3, exclude_rated=False)
        assert one.items.tolist() == lists.items[lists.users == user].tolist()


@given(tables(), models(), st.integers(-5, 100))
def test_constant_ratings_are_predicted_everywhere(columns, model, value):
    users, items, values = columns
    model.fit((users, items, np.full(len(values), float(value))))
    assert grid(model) == pytest.approx(value, abs=1e-12)


@given(tables(), st.integers(1, 4), st.sampled_from([UserNeighbours, ItemNeighbours]))
def test_averages_of_ratings_stay_within_the_ratings(columns, n, kind):
    model = kind(n, centre="none").fit(columns)
    low, high = model.scale_
    predicted = grid(model)
    assert predicted.min() >= low - 1e-9 and predicted.max() <= high + 1e-9


@given(tables())
def test_a_rating_given_twice_counts_once(columns):
    twice = tuple(np.append(column, column) for column in columns)
    assert np.array_equal(grid(UserNeighbours().fit(twice)), grid(UserNeighbours().fit(columns)))
