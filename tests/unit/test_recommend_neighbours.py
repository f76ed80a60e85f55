"""Biases, similarities and neighbours by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from bizai.recommend import Biases, ItemNeighbours, Ratings, UserNeighbours, similarities
from bizai.recommend.neighbours import _largest

# Three users, three items: ann 5 3 -, bob 4 - 2, cyd 5 2 1.
ROWS = (["ann"] * 2 + ["bob"] * 2 + ["cyd"] * 3, ["x", "y", "x", "z", "x", "y", "z"], [5, 3, 4, 2, 5, 2, 1])


def test_a_sweep_of_biases_by_hand():
    model = Biases(l2_user=2, l2_item=1, sweeps=1).fit(ROWS)
    mu = 22 / 7
    b_x, b_y, b_z = (14 - 3 * mu) / 4, (5 - 2 * mu) / 3, (3 - 2 * mu) / 3
    assert model.mean_ == pytest.approx(mu) and model.item_bias_ == pytest.approx([b_x, b_y, b_z])
    assert model.user_bias_ == pytest.approx([
        (8 - 2 * mu - b_x - b_y) / 4, (6 - 2 * mu - b_x - b_z) / 4, (8 - 3 * mu - b_x - b_y - b_z) / 5])


def test_exact_biases_are_the_limit_of_the_sweeps():
    exact, many = Biases(sweeps=None).fit(ROWS), Biases(sweeps=200).fit(ROWS)
    assert exact.user_bias_ == pytest.approx(many.user_bias_, abs=1e-14)
    assert exact.item_bias_ == pytest.approx(many.item_bias_, abs=1e-14)
    assert np.abs(exact.user_bias_ - Biases(sweeps=1).fit(ROWS).user_bias_).max() > 1e-4


def test_biases_without_penalty_are_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    full = rng.normal(size=(6, 4))
    model = Biases(0, 0, None).fit(csr_array(full))
    expected = full.mean(axis=1)[:, None] + full.mean(axis=0) - full.mean()
    assert model.predict(np.arange(6)[:, None], np.arange(4)) == pytest.approx(expected, abs=1e-12)


def test_biases_without_penalty_on_separate_islands():
    model = Biases(0, 0, None).fit(([1, 1, 2, 3, 3], [1, 2, 1, 3, 4], [1, 3, 2, 10, 20]))
    assert model.predict([1, 1, 2, 3, 3], [1, 2, 1, 3, 4]) == pytest.approx([1, 3, 2, 10, 20], abs=1e-9)


def test_similarities_by_hand():
    matrix = Ratings.of(*ROWS).matrix
    assert similarities(matrix, "msd")[0] == pytest.approx([1, 1 / 2, 1 / 1.5])
    assert similarities(matrix, "cosine")[0] == pytest.approx([1, 1, 31 / np.sqrt(34 * 29)])
    assert similarities(matrix, "pearson")[1] == pytest.approx([0, 1, 1])     # one common item has no correlation
    assert similarities(matrix, "msd", min_common=2)[0] == pytest.approx([1, 0, 1 / 1.5])
    deviations = np.array([1.0, -1, 2, -2, 1, 3, -1])
    shrunk = similarities(matrix, "pearson_baseline", shrinkage=3, deviations=deviations)
    assert shrunk[0] == pytest.approx([1, 0, (1 - 3) / np.sqrt(2 * 10) / 4])
    assert shrunk[1] == pytest.approx([0, 1, (2 + 2) / np.sqrt(8 * 2) / 4])


def test_similarities_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    matrix = csr_array(rng.integers(1, 6, (30, 12)) * (rng.random((30, 12)) < 0.4))
    whole = [similarities(matrix, name) for name in ("msd", "cosine", "pearson")]
    monkeypatch.setattr("bizai.recommend.neighbours.BLOCK", 70)
    for name, expected in zip(("msd", "cosine", "pearson"), whole):
        assert np.array_equal(similarities(matrix, name), expected)


@pytest.mark.parametrize("offset", [0.1, 1e6 + 0.1, -1e3 / 3])
def test_no_variation_is_no_correlation(offset):
    ratings = csr_array(offset + np.array([[0, 0, 0], [0, 1, 0], [1, 2, 4]]) / 7)
    s = similarities(ratings, "pearson")
    assert s[0].tolist() == [1, 0, 0]
    assert s[1, 2] == pytest.approx(np.corrcoef([0, 1, 0], [1, 2, 4])[0, 1], abs=1e-8)
    assert similarities(ratings, "pearson_baseline", deviations=np.zeros(9)).tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1, 1e12])
def test_correlations_of_small_variations_far_from_zero(scale):
    """Rows with origins of their own, which an origin shared by all would drown."""
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 6, (4, 8)) + 1e6 * rng.normal(size=(4, 1))
    s = similarities(csr_array(scale * rows), "pearson")
    assert s == pytest.approx(np.corrcoef(rows), abs=1e-7)


def test_prediction_by_hand():
    model = UserNeighbours(centre="none").fit(ROWS)
    s = np.array([1 / 2, 1 / 1.5])                                              # of ann with bob and cyd
    assert model.predict("ann", "z") == pytest.approx(s @ [2, 1] / s.sum())
    model = UserNeighbours(centre="mean").fit(ROWS)
    assert model.predict("ann", "z") == pytest.approx(4 + s @ [2 - 3, 1 - 8 / 3] / s.sum())
    assert UserNeighbours(1, centre="none").fit(ROWS).predict("ann", "z") == pytest.approx(1)     # cyd is nearer
    model = ItemNeighbours(centre="none").fit(ROWS)
    s = np.array([1 / (1 + 10), 1 / (1 + 1)])                           # z and x: 2^2 and 4^2 apart; z and y: 1
    assert model.predict("ann", "z") == pytest.approx(s @ [5, 3] / s.sum())


def test_of_equally_similar_the_first_labels_are_neighbours():
    users = np.repeat(["me", "a", "b", "c"], 2)[:-1]
    ratings = (users[1:], ["x", "x", "y", "x", "y", "y"], [3, 3, 1, 3, 5, 4])   # a and b agree with me on x
    ratings = (["me", "a", "a", "b", "b", "c"], *ratings[1:])
    assert UserNeighbours(1, centre="none").fit(ratings).predict("me", "y") == 1
    assert UserNeighbours(2, centre="none").fit(ratings).predict("me", "y") == pytest.approx(3)


def test_the_largest_of_a_row():
    s = np.array([[1.0, 3, 2, 2], [2, 2, 2, 2]])
    assert _largest(s, 2).tolist() == [[0, 3, 2, 0], [2, 2, 0, 0]]


def test_without_neighbours_the_baseline():
    ratings = Ratings.of(*ROWS)
    base = Biases().fit(ratings)
    model = UserNeighbours(min_neighbours=3).fit(ratings)
    assert model.predict("ann", "z") == pytest.approx(base.predict("ann", "z"))
    for users, items in [("nobody", "x"), ("ann", "nothing"), ("nobody", "nothing")]:
        assert UserNeighbours().fit(ratings).predict(users, items) == pytest.approx(base.predict(users, items))
    few = UserNeighbours(min_neighbours=3, centre="none").fit(ratings)
    assert few.predict("ann", "z") == pytest.approx(22 / 7)
    assert ItemNeighbours(centre="mean").fit(ratings).predict("nobody", "x") == pytest.approx(14 / 3)


def test_attributes_and_clones():
    model = clone(ItemNeighbours(n_neighbours=3, similarity="pearson_baseline")).fit(ROWS)
    assert model.similarity_.shape == (3, 3) and (model.similarity_ == model.similarity_.T).all()
    assert (UserNeighbours().fit(ROWS).similarity_.diagonal() == 1).all()


@pytest.mark.parametrize("model, words", [
    (Biases(l2_user=-1), "l2_user must be a finite number >= 0"),
    (Biases(sweeps=0), "sweeps must be an integer >= 1"),
    (UserNeighbours(0), "n_neighbours must be an integer >= 1, got 0"),
    (UserNeighbours(min_neighbours=0), "min_neighbours must be an integer >= 1"),
    (UserNeighbours(similarity="euclid"), "must be one of msd, cosine, pearson, pearson_baseline, got 'euclid'"),
    (ItemNeighbours(centre="median"), "centre must be one of biases, mean, none, got 'median'"),
    (ItemNeighbours(min_common=0), "min_common must be an integer >= 1"),
    (ItemNeighbours(shrinkage=-1, similarity="pearson_baseline"), "shrinkage must be a finite number >= 0"),
])
def test_bad_arguments(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(ROWS)


def test_similarities_need_finite_numbers_and_deviations():
    with pytest.raises(ValueError, match="deviations must be given"):
        similarities(csr_array(np.eye(2)), "pearson_baseline")
    with pytest.raises(ValueError, match=r"deviations must be of shape \(2,\), .* got \(3,\)"):
        similarities(csr_array(np.eye(2)), "pearson_baseline", deviations=np.ones(3))
    with pytest.raises(ValueError, match="matrix must hold finite numbers"):
        similarities(csr_array([[np.nan, 1]]))
    assert similarities(csr_array((0, 3))).shape == (0, 0)
