"""Ratings, labels and lists."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csr_array

from bizai.recommend import Biases, Ratings

USERS, ITEMS, STARS = ["ann", "bob", "ann", "cyd"], [10, 20, 20, 10], [5, 3, 0, 1]


def test_table_by_hand():
    ratings = Ratings.of(USERS, ITEMS, STARS)
    assert ratings.users.tolist() == ["ann", "bob", "cyd"] and ratings.items.tolist() == [10, 20]
    assert ratings.matrix.toarray().tolist() == [[5, 0], [0, 3], [1, 0]]
    assert len(ratings) == 4 and ratings.rows.tolist() == [0, 0, 1, 2]          # a rating of zero is a rating
    assert [column.tolist() for column in ratings.triples] == [
        ["ann", "ann", "bob", "cyd"], [10, 20, 20, 10], [5, 0, 3, 1]]


@pytest.mark.parametrize("rule, value", [("mean", 3), ("last", 5), ("sum", 9)])
def test_duplicates(rule, value):
    ratings = Ratings.of(["a", "a", "a", "b"], [1, 1, 1, 1], [3, 1, 5, 7], duplicates=rule)
    assert ratings.matrix.data.tolist() == [value, 7]


def test_duplicates_are_refused_by_name():
    with pytest.raises(ValueError, match="must rate an item once, got user a and item 1 2 times"):
        Ratings.of(["b", "a", "a"], [1, 1, 1], [1, 2, 3], duplicates="refuse")
    with pytest.raises(ValueError, match="duplicates must be one of mean, last, sum, refuse, got 'first'"):
        Ratings.of(["a"], [1], [1], duplicates="first")


@pytest.mark.parametrize("columns, words", [
    ((["a"], [1, 2], [1, 2]), "of equal length, got 1, 2 and 2"),
    (([], [], []), "at least one rating"),
    ((["a", None], [1, 2], [1, 2]), "users must not have gaps, got None at position 1"),
    ((["a", "b"], [1, np.nan], [1, 2]), "items must not have gaps, got nan at position 1"),
    ((pd.Series(["a", pd.NA]), [1, 2], [1, 2]), "users must not have gaps, got .* at position 1"),
    ((["a", "b"], np.array(["2024-01-01", "NaT"], "M8[D]"), [1, 2]), "items must not have gaps, got NaT"),
    ((["a", "b"], [1, 2], [1, np.inf]), "values must be finite numbers, got inf at position 1"),
    ((["a", "b"], [[1], [2]], [1, 2]), r"items must be one-dimensional, got an array of shape \(2, 1\)"),
    ((np.array(["a", 1], dtype=object), [1, 2], [1, 2]), "users must be all numbers or all texts"),
    ((["a", 1], [1, 2], [1, 2]), "users must be all numbers or all texts"),
    ((["a", np.nan], [1, 2], [1, 2]), "users must not have gaps, got nan at position 1"),
    (([1, 2], [2**63 + 1, 1], [1, 2]), "items of 2\\*\\*53 or more must be an array of integers of one type"),
    ((pd.Series([], dtype=object), [], []), "at least one rating"),
    ((["a"], [1], ["good"]), "values must be finite numbers: could not convert"),
    ((["a"], [1], [1j]), "values must be finite numbers"),
    ((["a", "b"], [1, 2], [[1], [2]]), r"values must be one-dimensional, got an array of shape \(2, 1\)"),
    ((["a"], [1], 1), "values must be one-dimensional"),
])
def test_bad_columns(columns, words):
    with pytest.raises(ValueError, match=words):
        Ratings.of(*columns)


def test_further_labels_of_another_kind():
    with pytest.raises(ValueError, match="all_users must be texts like users, got numbers"):
        Ratings.of(["a"], [1], [1], all_users=[1])
    assert Ratings.of(["a"], [1], [1], all_users=[], all_items=[0.5]).items.tolist() == [0.5, 1]


def test_table_of_wrong_shape_or_order():
    matrix = csr_array(np.eye(2))
    with pytest.raises(ValueError, match=r"matrix must be of shape \(2, 3\)"):
        Ratings(np.arange(2), np.arange(3), matrix)
    with pytest.raises(ValueError, match="users must be sorted, each label once"):
        Ratings(np.array([1, 0]), np.arange(2), matrix)
    with pytest.raises(ValueError, match="users must be an array, got list"):
        Ratings([0, 1], np.arange(2), matrix)
    twice = csr_array((np.ones(2), np.zeros(2, dtype=int), np.array([0, 2, 2])), shape=(2, 2))
    for other in (matrix.T, np.eye(2), twice):                  # read as they are, they would be other tables
        with pytest.raises(ValueError, match="matrix must be a csr_array in canonical format"):
            Ratings(np.arange(2), np.arange(2), other)


def test_large_numbers_as_labels_stay_apart():
    users = np.array([2**63 + 1, 2**63 + 3, 5], dtype=np.uint64)
    ratings = Ratings.of(users, [1, 1, 1], [1, 2, 3])
    assert len(ratings) == 3 and ratings.users.tolist() == sorted(users.tolist())
    with pytest.raises(ValueError, match=r"users of 2\*\*53 or more must be an array of integers of one type"):
        Ratings.of(np.array([2**53, 2**53 + 1]), [1, 1], [1, 2], all_users=np.array([1], dtype=np.uint64))


def test_convert():
    ratings = Ratings.of(USERS, ITEMS, STARS)
    assert Ratings.convert(ratings) is ratings
    assert Ratings.convert((USERS, ITEMS, STARS)).matrix.toarray().tolist() == ratings.matrix.toarray().tolist()
    twice = coo_array(([1, 2, 4], ([0, 0, 1], [1, 1, 0])), shape=(2, 3))
    converted = Ratings.convert(twice)
    assert converted.matrix.toarray().tolist() == [[0, 3, 0], [4, 0, 0]] and converted.items.tolist() == [0, 1, 2]
    unsorted = csr_array((np.array([1.0, 2, 3]), np.array([2, 0, 2]), np.array([0, 3])), shape=(1, 3))
    assert Ratings.convert(unsorted).matrix.data.tolist() == [2, 4]
    assert unsorted.indices.tolist() == [2, 0, 2]                               # the argument is left alone
    with pytest.raises(ValueError, match="must be Ratings, a sparse array or a tuple .* got list"):
        Ratings.convert([1, 2])


def test_take_keeps_labels():
    part = Ratings.of(USERS, ITEMS, STARS).take(np.array([True, False, False, True]))
    assert part.matrix.toarray().tolist() == [[5, 0], [0, 0], [1, 0]] and len(part.users) == 3
    assert Ratings.of(USERS, ITEMS, STARS).take([3, 0]).matrix.toarray().tolist() == part.matrix.toarray().tolist()


@pytest.mark.parametrize("keep, words", [
    ([0, 0], "keep must name each rating once"), ([0, -4], "keep must name each rating once"),
    ([4], "keep must be a mask of 4 ratings or positions"), ([True], "keep must be a mask of 4 ratings"),
    ([0.0], "keep must be a mask of 4 ratings")])
def test_bad_choices(keep, words):
    with pytest.raises(ValueError, match=words):
        Ratings.of(USERS, ITEMS, STARS).take(np.array(keep))


@pytest.mark.parametrize("labels, unknown", [
    (["a", "b", "c", "d"], ["", "zz", 1, None, np.nan]),
    ([1, 2, 3, 10**12], [0, 2.5, "1", None, np.nan]),
    (np.array(["2024-01-01", "2024-01-02", "2024-02-01", "2025-01-01"], dtype="M8[D]"), ["2024-01-01", 3, None]),
])
def test_unknown_labels_of_any_kind_get_the_mean(labels, unknown):
    model = Biases().fit((labels, [1, 2, 1, 2], [1, 2, 3, 6]))
    expected = model.mean_ + model.item_bias_[0]
    for label in unknown:
        assert model.predict(label, 1) == pytest.approx(expected, abs=1e-15)
        assert not model.recommend(label).known
    assert model.predict(np.array(unknown, dtype=object), 1) == pytest.approx(expected, abs=1e-15)
    assert model.predict(labels[1], 2) != pytest.approx(model.mean_ + model.item_bias_[1])
    assert model.predict(unknown[0], "nowhere") == model.mean_


def test_pandas_columns_are_labels():
    table = pd.DataFrame({"u": USERS, "i": pd.array(ITEMS, dtype="Int64"), "r": STARS})
    ratings = Ratings.of(table.u, table.i, table.r)
    assert ratings.users.tolist() == ["ann", "bob", "cyd"] and ratings.items.tolist() == [10, 20]
    assert Biases().fit(ratings).predict(table.u, table.i).shape == (4,)


def test_lists_by_hand():
    # mu 3, item sums of deviations: a +2, b -2, c 0, d 0; c and d tie
    ratings = (["u", "u", "v", "v"], ["a", "b", "c", "d"], [5, 1, 3, 3])
    model = Biases(l2_user=1e12, l2_item=1, sweeps=1).fit(ratings)
    assert model.recommend("v", 4).items.tolist() == ["a", "b"]
    alone = model.recommend("u", 4, exclude_rated=False)
    assert alone.items.tolist() == ["a", "c", "d", "b"] and alone.scores == pytest.approx([4, 3, 3, 2])
    assert model.recommend("u", 4).items.tolist() == ["c", "d"] and model.recommend("u", 1).items.tolist() == ["c"]
    everybody = model.recommend_all(1)
    assert everybody.users.tolist() == ["u", "v"] and everybody.items.tolist() == ["c", "a"]
    assert everybody.scores == pytest.approx([3, 4])
    assert model.recommend_all(4, ["nobody"]).items.tolist() == ["a", "c", "d", "b"]    # nothing is left out
    some = model.recommend_all(2, ["v", "nobody", "v"], exclude_rated=False)
    assert some.users.tolist() == ["v"] * 2 + ["nobody"] * 2 + ["v"] * 2 and some.items.tolist() == ["a", "c"] * 3


def test_items_without_ratings_are_not_recommended():
    ratings = Ratings.of([1, 1, 2], [1, 2, 1], [1, 2, 3], all_items=[3], all_users=[9])
    model = Biases().fit(ratings)
    assert model.recommend(9).items.tolist() == [2, 1] and not model.recommend(9).known
    assert set(model.recommend_all(5, exclude_rated=False).items.tolist()) == {1, 2}
    assert model.recommend_all(5, [1]).items.size == 0


def test_lists_of_all_users_are_made_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    u, i = np.nonzero(rng.random((40, 12)) < 0.4)
    model = Biases().fit((u, i, rng.integers(1, 6, len(u))))
    whole = model.recommend_all(3)
    monkeypatch.setattr("bizai.recommend.ratings.BLOCK", 60)
    parts = model.recommend_all(3)
    assert all(np.array_equal(getattr(whole, name), getattr(parts, name)) for name in ("users", "items", "scores"))


def test_predictions_are_cut_to_the_scale_on_request():
    model = Biases(0, 0, None).fit(([1, 1, 2, 3], [1, 2, 1, 2], [5, 5, 1, 5]))
    assert model.scale_ == (1, 5) and model.predict(3, [1, 2]).max() <= 5 + 1e-9
    raw, cut = model.predict(2, [1, 2, 7]), model.predict(2, [1, 2, 7], clip=True)
    assert cut.min() >= 1 and cut == pytest.approx(np.clip(raw, 1, 5))


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_bad_lengths(n):
    model = Biases().fit((USERS, ITEMS, STARS))
    for call in (lambda: model.recommend("ann", n), lambda: model.recommend_all(n)):
        with pytest.raises(ValueError, match="n must be an integer >= 1"):
            call()


def test_one_user_or_many():
    model = Biases().fit((USERS, ITEMS, STARS))
    with pytest.raises(ValueError, match="user must be one label, got .*; recommend_all takes many"):
        model.recommend(["ann", "bob"])
    with pytest.raises(ValueError, match=r"users and items must be of equal length .* \(2,\) and \(3,\)"):
        model.predict(["ann", "bob"], [10, 20, 20])


def test_bad_ratings_and_an_unfitted_model():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(ValueError, match="at least one rating"):
        Biases().fit(csr_array((2, 2)))
    with pytest.raises(ValueError, match="ratings must be finite"):
        Biases().fit(csr_array(np.array([[np.nan, 1]])))
    with pytest.raises(NotFittedError):
        Biases().predict(1, 1)
    with pytest.raises(NotFittedError):
        Biases().recommend_all()
