"""What is held out, errors, lists by hand, and intervals."""

import numpy as np
import pytest

from bizai.recommend import (
    Biases, Popular, RandomItems, Ratings, bootstrap_interval, folds, mae, paired_difference, ranking, rmse, split,
    split_by_time,
)


def table(seed=0, m=30, n=20, share=0.4):
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((m, n)) < share)
    return Ratings.of(u, i, rng.integers(1, 6, len(u)))


def pairs(ratings):
    return set(zip(*ratings.triples))


def test_split_holds_out_of_every_user():
    ratings = Ratings.of(["a"] * 10 + ["b"] * 3 + ["c", "d", "d"], [*range(10), *range(3), 0, 0, 1], np.arange(16.0))
    train, test = split(ratings, 0.2, random_state=0)
    assert np.diff(test.matrix.indptr).tolist() == [2, 1, 0, 0]             # 2, 0.6, 0.2 and 0.4, rounded
    assert pairs(train) | pairs(test) == pairs(ratings) and not pairs(train) & pairs(test)
    train, test = split(ratings, 0.9, random_state=0)
    assert np.diff(test.matrix.indptr).tolist() == [9, 2, 0, 1]             # a rating of each stays


def test_split_of_all_and_seeds():
    ratings = table()
    train, test = split(ratings, 0.25, per_user=False, random_state=3)
    assert len(test) == round(0.25 * len(ratings)) and pairs(train) | pairs(test) == pairs(ratings)
    again = split(ratings, 0.25, per_user=False, random_state=3)[1]
    other = split(ratings, 0.25, per_user=False, random_state=4)[1]
    assert pairs(again) == pairs(test) != pairs(other)


def test_split_is_drawn_evenly():
    ratings = Ratings.of(["a"] * 4, range(4), range(4))
    held = [split(ratings, 0.25, random_state=s)[1].triples[1][0] for s in range(400)]
    assert (abs(np.bincount(held) - 100) < 4 * np.sqrt(75)).all()


def test_split_by_time():
    ratings = Ratings.of(["a"] * 4 + ["b"] * 2, [0, 1, 2, 3, 0, 1], [1, 2, 3, 4, 5, 5])
    times = np.array(["2024-01-04", "2024-01-02", "2024-01-03", "2024-01-01", "2024-02-01", "2024-02-01"], "M8[D]")
    _, test = split_by_time(ratings, times, 0.5)
    assert pairs(test) == {("a", 0, 1), ("a", 2, 3), ("b", 1, 5)}           # equal times: the order of triples
    _, test = split_by_time(ratings, times, 0.5, per_user=False)
    assert pairs(test) == {("b", 0, 5), ("b", 1, 5), ("a", 0, 1)}
    users, items, _ = ratings.triples
    same = split_by_time(ratings, Ratings.of(users, items, times.astype(float)), 0.5, per_user=False)[1]
    assert pairs(same) == pairs(test)


def test_folds_use_each_rating_once():
    ratings = table()
    parts = list(folds(ratings, 4, random_state=0))
    sizes = [len(test) for _, test in parts]
    assert sum(sizes) == len(ratings) and max(sizes) - min(sizes) <= 1
    assert set().union(*(pairs(test) for _, test in parts)) == pairs(ratings)
    assert all(pairs(train) == pairs(ratings) - pairs(test) for train, test in parts)


@pytest.mark.parametrize("call, words", [
    (lambda r: split(r, 0), "test must be a number > 0 and < 1, got 0"),
    (lambda r: split(r, 1.0), "test must be a number > 0 and < 1, got 1.0"),
    (lambda r: split(Ratings.of([1, 2], [1, 2], [1, 2])), "at least one rating each, got 0 of 2 for the test"),
    (lambda r: folds(r, 1), "n must be an integer >= 2, got 1"),
    (lambda r: folds(r, 10**6), "n must be an integer >= 2 and <= the number of ratings"),
    (lambda r: split_by_time(r, [1, 2]), r"one time for each of the \d+ ratings, got shape \(2,\)"),
    (lambda r: split_by_time(r, np.full(len(r), np.nan)), "times must not have gaps, got one at position 0"),
    (lambda r: split_by_time(r, Ratings.of([1], [1], [1])), "same users and items"),
    (lambda r: rmse([1, 2], [1]), r"equal shape and not empty, got shapes \(2,\) and \(1,\)"),
    (lambda r: mae([], []), "not empty"),
    (lambda r: rmse([1, 2], [1, np.nan]), "predicted must be finite numbers"),
    (lambda r: mae([np.inf, 2], [np.inf, 2]), "truth must be finite numbers"),
    (lambda r: split_by_time(r, [None] * len(r)), "times must not have gaps, got one at position 0"),
    (lambda r: ranking(Popular(), r, r, 0), "n must be an integer >= 1, got 0"),
    (lambda r: ranking(Popular(), r, r, relevant=9), "at least one relevant test rating, got 9"),
    (lambda r: ranking(Popular(), r, r, relevant=lambda t: [True]), "one bool for each of the"),
    (lambda r: ranking(Popular(), r, Ratings.of([1], [1], [1])), "know the same users and items"),
    (lambda r: bootstrap_interval([]), "values must be finite numbers"),
    (lambda r: bootstrap_interval([1, np.nan]), "with NaN or an infinity"),
    (lambda r: bootstrap_interval([1, 2], 1), "level must be"),
    (lambda r: paired_difference([1, 2], [1]), r"got shapes \(2,\) and \(1,\)"),
])
def test_wrong_arguments(call, words):
    with pytest.raises(ValueError, match=words):
        call(table())


def test_errors_by_hand():
    assert rmse([1, 2, 3], [1, 4, 2]) == pytest.approx(np.sqrt(5 / 3), rel=1e-15)
    assert mae([1, 2, 3], [1, 4, 2]) == 1


def test_lists_by_hand():
    # training counts: item 0 four, item 1 three, item 2 two, item 3 one, item 4 none
    train = Ratings.of(list("aabbbcccdd"), [0, 3, 0, 1, 2, 0, 1, 2, 0, 1], np.ones(10), all_items=range(5))
    test = Ratings.of(list("aaabd"), [1, 2, 4, 3, 2], [5, 4, 5, 5, 1], all_users=list("abcd"), all_items=range(5))
    quality = ranking(Popular(), train, test, 2)
    # a is shown 1, 2 (4 has no rating); b is shown 3 alone; d has no relevant item
    assert quality.users.tolist() == ["a", "b"]
    assert quality.precisions.tolist() == [1, 0.5] and quality.precision == 0.75
    assert quality.recalls.tolist() == [2 / 3, 1] and quality.hit_rate == 1
    assert quality.ndcgs == pytest.approx([1, 1])
    assert quality.coverage == 3 / 5
    assert quality.popularity == pytest.approx((0.7 + 0.5 + 0.3) / 3)       # items 1, 2 and 3 of five
    late = ranking(Popular(), train, test, 2, relevant=lambda t: (t.triples[1] == 2) & (t.triples[0] == "a"))
    assert late.ndcg == pytest.approx(1 / np.log2(3)) and late.precision == 0.5 and late.recall == 1


def test_nothing_found_and_a_list_longer_than_the_catalogue():
    train = Ratings.of(list("ab"), [0, 1], [1, 1], all_items=range(3))
    test = Ratings.of(["a"], [2], [5], all_users=list("ab"), all_items=range(3))
    quality = ranking(Popular(), train, test, 50)
    assert (quality.precision, quality.recall, quality.ndcg, quality.hit_rate) == (0, 0, 0, 0)
    assert quality.coverage == 1 / 3


def test_ranking_agrees_with_recommend():
    ratings = table(1, 40, 60)
    train, test = split(ratings, 0.3, random_state=0)
    model = Biases().fit(train)
    quality = ranking(model, train, test, 7, relevant=3)
    relevant = {user: {i for v, i, r in zip(*test.triples) if v == user and r >= 3} for user in quality.users}
    hits = [len(relevant[user] & set(model.recommend(user, 7).items)) for user in quality.users]
    np.testing.assert_allclose(quality.precisions, np.array(hits) / 7)


def test_an_unfitted_model_is_fitted_on_a_copy(monkeypatch):
    train, test = split(table(), random_state=0)
    model = Popular()
    first = ranking(model, train, test)
    assert not hasattr(model, "counts_")
    assert np.array_equal(first.ndcgs, ranking(Popular().fit(train), train, test).ndcgs)
    elsewhere = Popular().fit(test)                                         # fitted, but on something else
    assert np.array_equal(first.ndcgs, ranking(elsewhere, train, test).ndcgs)
    monkeypatch.setattr("bizai.recommend.evaluate.BLOCK", 50)               # blocks of two users
    assert np.array_equal(first.ndcgs, ranking(model, train, test).ndcgs)


def test_random_items():
    ratings = table(0, 200, 100, 0.2)
    scores = RandomItems(0).fit(ratings).predict(np.arange(200)[:, None], np.arange(100))
    assert len(np.unique(scores)) == scores.size and scores.min() >= 0 and scores.max() < 1
    assert np.mean(scores) == pytest.approx(0.5, abs=4 / np.sqrt(12 * scores.size))
    assert abs(np.corrcoef(scores[:-1].ravel(), scores[1:].ravel())[0, 1]) < 4 / np.sqrt(scores.size)
    assert abs(np.corrcoef(scores[:, :-1].ravel(), scores[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(scores.size)
    assert np.array_equal(scores, RandomItems(0).fit(ratings).predict(np.arange(200)[:, None], np.arange(100)))
    assert not np.array_equal(scores, RandomItems(1).fit(ratings).predict(np.arange(200)[:, None], np.arange(100)))
    train, test = split(ratings, random_state=0)
    assert ranking(RandomItems(0), train, test).popularity == pytest.approx(0.5, abs=0.03)


def test_bootstrap_interval_is_that_of_the_mean():
    values = np.random.default_rng(0).normal(3, 2, 400)
    interval = bootstrap_interval(values, 0.9, repetitions=8000, random_state=0)
    half = 1.6449 * values.std() / 20
    assert interval.mean == pytest.approx(values.mean())
    assert interval.low == pytest.approx(values.mean() - half, abs=0.01)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.01)
    assert bootstrap_interval([2.0, 2.0]).low == 2 == bootstrap_interval([7.0, 7.0]).high - 5


def test_bootstrap_interval_covers():
    rng = np.random.default_rng(1)
    intervals = [bootstrap_interval(rng.exponential(size=60), 0.8, repetitions=400, random_state=s) for s in range(300)]
    inside = sum(i.low <= 1 <= i.high for i in intervals)
    assert abs(inside / 300 - 0.8) < 0.06


def test_paired_difference_is_tighter_than_two_intervals(monkeypatch):
    rng = np.random.default_rng(0)
    a = rng.normal(0, 3, 200)
    b = a - 0.5 + rng.normal(0, 0.2, 200)
    difference = paired_difference(a, b, random_state=0)
    assert difference.mean == pytest.approx(np.mean(a - b)) and 0 < difference.low < 0.5 < difference.high < 0.6
    assert bootstrap_interval(a, random_state=0).low < bootstrap_interval(b, random_state=0).high
    monkeypatch.setattr("bizai.recommend.evaluate.BLOCK", 1000)
    assert paired_difference(a, b, random_state=0) == difference


def test_lists_far_longer_than_the_catalogue_and_blocks_smaller_than_a_row(monkeypatch):
    train, test = split(table(), random_state=0)
    whole, long = ranking(Biases(), train, test, 20), ranking(Biases(), train, test, 10**12)
    np.testing.assert_array_equal(long.recalls, whole.recalls)
    np.testing.assert_array_equal(long.precisions * 10**12, whole.precisions * 20)
    monkeypatch.setattr("bizai.recommend.evaluate.BLOCK", 3)
    again = ranking(Biases(), train, test, 20)
    np.testing.assert_array_equal(again.ndcgs, whole.ndcgs)
    assert again.popularity == whole.popularity and (whole == again) is False      # compared by identity
