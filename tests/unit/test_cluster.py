"""`bizai.cluster` by hand: small data whose answers follow on paper, rules for the odd cases, refusals."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from bizai.cluster import (
    KMeans, adjusted_rand, assign, bootstrap_stability, elbow, fill_empty, gap_statistic, inertia, inertia_curve,
    kmeans_plus_plus, optimal_partition, silhouette, update,
)

RECTANGLE = np.array([[0, 0], [0, 1], [3, 0], [3, 1]], dtype=float)
LINE = np.array([[0.0], [1], [2], [6], [7], [8]])


def three_groups(n=60, seed=0):
    rng = np.random.default_rng(seed)
    centers = np.array([[0, 0], [12, 0], [0, 12]])
    return np.concatenate([center + rng.normal(size=(n, 2)) for center in centers]), np.repeat(range(3), n)


# The half steps ------------------------------------------------------------------------------------------

def test_one_round_by_hand():
    labels, squares = assign(LINE, [[0], [2]])
    assert labels.tolist() == [0, 0, 1, 1, 1, 1]                    # 1 is equally near to both: lowest index
    assert squares.tolist() == [0, 1, 0, 16, 25, 36]
    centers = update(LINE, labels, 2)
    assert centers.tolist() == [[0.5], [5.75]]
    assert inertia(LINE, labels, [[0], [2]]) == 78
    assert inertia(LINE, labels, centers) == 0.5 + (3.75**2 + 0.25**2 + 1.25**2 + 2.25**2)


def test_lloyd_by_hand():
    model = KMeans(2, init=[[0], [2]]).fit(LINE)
    assert model.labels_.tolist() == [0, 0, 0, 1, 1, 1]
    assert model.cluster_centers_.tolist() == [[1], [7]]
    assert model.inertia_path_ == pytest.approx([78, 21.25, 9.4375, 4, 4], rel=1e-15)
    assert (model.inertia_, model.n_iter_, model.converged_) == (4, 2, True)
    assert model.predict([[3.9], [4], [4.1]]).tolist() == [0, 0, 1]
    assert model.transform([[4]]).tolist() == [[3, 3]]
    assert model.score([[4], [7]]) == -9
    assert model.get_feature_names_out().tolist() == ["kmeans0", "kmeans1"]


def test_weights_move_the_mean():
    assert update([[0], [3]], [0, 0], 1, [2, 1]).tolist() == [[1]]
    assert inertia([[0], [3]], [0, 0], [[1]], [2, 1]) == 6
    model = KMeans(2, init=[[0], [8]]).fit(LINE, sample_weight=[1, 2, 1, 1, 1, 0])
    assert model.cluster_centers_.tolist() == [[1], [6.5]]
    assert model.labels_.tolist() == [0, 0, 0, 1, 1, 1]             # a row of weight 0 is labelled


def test_mean_of_equal_rows_is_that_row():
    assert (update(np.full((3, 1), 0.1), [0, 0, 0], 1) == 0.1).all()


def test_mean_of_an_empty_cluster_is_undefined():
    assert np.isnan(update(LINE, np.zeros(6, dtype=int), 2)[1]).all()


# Odd cases -----------------------------------------------------------------------------------------------

def test_a_bad_start_stays_in_a_local_minimum():
    model = KMeans(2, init=[[1.5, 0], [1.5, 1]]).fit(RECTANGLE)
    labels, lowest = optimal_partition(RECTANGLE, 2)
    assert (model.inertia_, model.converged_) == (9, True)
    assert labels.tolist() == [0, 0, 1, 1] and lowest == 1
    assert KMeans(2, random_state=0).fit(RECTANGLE).inertia_ == 1


def test_ties_go_to_the_lowest_index():
    labels, _ = assign([[0, 0], [1, 1]], [[1, 0], [0, 1], [1, 0]])
    assert labels.tolist() == [0, 0]


def test_an_empty_cluster_takes_the_farthest_row():
    labels, centers = fill_empty([[0], [1], [5], [5]], [0, 0, 0, 0], 3)
    assert labels.tolist() == [1, 2, 0, 0]                          # 0 is 2.75 from the mean, then 1 from 11/3
    assert centers.tolist() == [[5], [0], [1]]
    labels, centers = fill_empty([[1], [2], [9], [9]], [0, 0, 0, 0], 2, [9, 1, 1, 1])
    assert labels.tolist() == [0, 0, 1, 1]                          # a row takes its copies along
    assert centers.tolist() == [[1.1], [9]]


def test_a_start_with_empty_clusters():
    model = KMeans(3, init=[[1], [100], [200]]).fit(LINE)
    assert sorted(np.bincount(model.labels_)) == [1, 2, 3]
    assert model.inertia_ == 2.5 and model.inertia_path_[-1] == 2.5
    assert (np.diff(model.inertia_path_) <= 0).all()


def test_fewer_distinct_rows_than_clusters():
    with pytest.warns(ConvergenceWarning, match="found 2 distinct clusters.*n_clusters=3"):
        model = KMeans(3).fit([[1], [1], [4], [1]])
    assert model.cluster_centers_.tolist() == [[1], [4], [4]]
    assert model.labels_.tolist() == [0, 0, 1, 0] == model.predict([[1], [1], [4], [1]]).tolist()
    assert model.inertia_ == 0 and model.converged_


def test_as_many_clusters_as_rows():
    X = np.random.default_rng(1).normal(size=(5, 3))
    model = KMeans(5, init="random", random_state=3).fit(X)
    assert model.inertia_ == 0 and sorted(model.labels_) == [0, 1, 2, 3, 4]


def test_max_iter_warns_and_labels_fit_the_centers():
    X = np.random.default_rng(0).normal(size=(500, 2))
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        model = KMeans(6, init="random", max_iter=2, n_init=1, random_state=0).fit(X)
    assert not model.converged_ and model.n_iter_ == 2
    assert (model.labels_ == assign(X, model.cluster_centers_)[0]).all()
    assert model.inertia_ == pytest.approx(assign(X, model.cluster_centers_)[1].sum())


def test_tol_stops_earlier():
    X = np.random.default_rng(0).normal(size=(2000, 3))
    exact = KMeans(8, init=X[:8]).fit(X)
    early = KMeans(8, init=X[:8], tol=1e-3).fit(X)
    assert early.converged_ and early.n_iter_ < exact.n_iter_
    path = early.inertia_path_[::2]
    assert path == pytest.approx(exact.inertia_path_[::2][:len(path)], rel=1e-12)
    falls = -np.diff(path) / path[:-1]
    assert falls[-1] <= 1e-3 < falls[:-1].min()


def test_restarts_keep_the_best():
    X, _ = three_groups()
    singles = [KMeans(4, init="random", n_init=1, random_state=seed).fit(X).inertia_ for seed in range(10)]
    random = np.random.RandomState(5)
    in_turn = [KMeans(4, init="random", n_init=1, random_state=random).fit(X).inertia_ for _ in range(10)]
    assert KMeans(4, init="random", n_init=10, random_state=5).fit(X).inertia_ == min(in_turn)
    assert len(set(np.round(singles, 6))) > 1


def test_far_from_the_origin_and_in_any_unit():
    X, truth = three_groups()
    for shift, scale in [(0, 1), (1e9, 1), (0, 1e-150), (0, 1e100)]:
        model = KMeans(3, random_state=0).fit(shift + scale * X)
        assert adjusted_rand(model.labels_, truth) == 1
        assert (model.labels_ == KMeans(3, random_state=0).fit(X).labels_).all()


@pytest.mark.parametrize("seed", range(4, 16))
def test_rounds_far_from_the_origin_are_those_of_the_half_steps(seed):
    """The spread is so small beside the distance from 0 that sums of the rows themselves would lose it."""
    X = 1e8 + 1e-5 * np.random.default_rng(seed).normal(size=(200, 1))
    model = KMeans(4, init=X[:4]).fit(X)
    labels, rounds, changed = assign(X, X[:4])[0], 0, True
    while changed:
        old, (labels, centers) = labels, fill_empty(X, labels, 4)
        labels, rounds = assign(X, centers)[0], rounds + 1
        changed = (labels != old).any()
    assert (model.labels_ == labels).all() and (model.cluster_centers_ == centers).all()
    assert model.n_iter_ == rounds


def test_an_outlier_leaves_the_labels_exact():
    """Single precision cannot tell the two groups apart once the unit box holds the outlier."""
    X = np.concatenate([np.linspace(0, 1, 50), np.linspace(1.5, 2, 50), [1e12]])[:, None]
    model = KMeans(3, init=[[0.0], [2.0], [1e12]]).fit(X)
    expected = ((X - model.cluster_centers_.T)**2).argmin(axis=1)
    assert (model.labels_ == expected).all() and len(set(expected)) == 3
    assert model.converged_ and model.cluster_centers_[0, 0] == pytest.approx(X[expected == 0].mean(), rel=1e-14)


def test_a_cluster_that_heavy_rows_leave_keeps_the_mean_of_the_light_one():
    X, start = [[-9.0], [-5], [0.5], [5], [9]], [[-13.0], [0], [13]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = KMeans(3, init=start).fit(X, sample_weight=[1, 1, 1e-20, 1, 1])
    assert model.cluster_centers_.tolist() == [[-7], [0.5], [7]]
    assert model.inertia_path_ == pytest.approx([82, 50, 32, 16, 16], rel=1e-15)


def test_labels_of_a_small_integer_type_do_not_wrap():
    labels, centers = fill_empty(np.arange(300.0)[:, None], np.zeros(300, dtype=np.uint8), 300)
    assert sorted(labels) == list(range(300)) and (centers[labels, 0] == range(300)).all()


def test_unsigned_numbers_of_clusters_do_not_wrap():
    ks = np.array([1, 2, 3], dtype=np.uint8)
    assert elbow(ks, [3, 1, 0]).depths == pytest.approx([0, 1 / 6, 0])
    for wrong in (ks[::-1], ks[[0, 2, 1]]):
        with pytest.raises(ValueError, match="ks must be increasing integers"):
            elbow(wrong, [3, 1, 0])
        with pytest.raises(ValueError, match="ks must be increasing integers"):
            inertia_curve(LINE, wrong)


# Seeding -------------------------------------------------------------------------------------------------

def test_kmeans_plus_plus_draws_by_squared_distance():
    X = np.array([[0.0], [1], [3]])
    counts = np.zeros((3, 3))
    random = np.random.RandomState(0)
    for _ in range(4000):
        _, (first, second) = kmeans_plus_plus(X, 2, random, trials=1)
        counts[first, second] += 1
    expected = np.array([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]]) / 3
    error = np.sqrt(expected * (1 - expected) / 4000)
    assert (np.abs(counts / 4000 - expected) <= 4 * error).all()


def test_greedy_seeding_starts_lower():
    X, _ = three_groups()

    def mean_start(trials):
        return np.mean([assign(X, kmeans_plus_plus(X, 3, seed, trials=trials)[0])[1].sum() for seed in range(60)])

    assert mean_start(None) < mean_start(1)
    assert mean_start(None) < np.mean([
        assign(X, X[np.random.default_rng(seed).choice(len(X), 3, replace=False)])[1].sum() for seed in range(60)
    ])


def test_seeds_are_rows_and_repeatable():
    X, _ = three_groups()
    centers, indices = kmeans_plus_plus(X, 5, 7)
    assert (centers == X[indices]).all() and len(set(indices)) == 5
    assert (kmeans_plus_plus(X, 5, 7)[1] == indices).all()


def test_seeds_have_weight():
    _, indices = kmeans_plus_plus([[0], [1], [2], [3]], 2, 0, sample_weight=[0, 1, 1, 0])
    assert sorted(indices) == [1, 2]


# Number of clusters --------------------------------------------------------------------------------------

def test_elbow_by_hand():
    result = elbow([1, 2, 3, 4, 5], [100, 40, 20, 10, 0])
    assert result.k == 2
    assert result.depths == pytest.approx([0, 0.35, 0.3, 0.15, 0])
    assert elbow([1, 2, 3], [10, 9, 0]).k == 1                      # no point below the chord


def test_silhouette_by_hand():
    result = silhouette([[0], [1], [4], [10]], ["a", "a", "b", "c"])
    assert result.widths == pytest.approx([(4 - 1) / 4, (3 - 1) / 3, 0, 0])
    assert result.mean == pytest.approx((3 / 4 + 2 / 3) / 4)
    assert result.clusters.tolist() == ["a", "b", "c"]
    assert result.cluster_means == pytest.approx([(3 / 4 + 2 / 3) / 2, 0, 0])
    assert silhouette([[1], [1], [1]], [0, 0, 1]).widths.tolist() == [0, 0, 0]


def test_every_criterion_finds_three_groups():
    X, truth = three_groups()
    curve = inertia_curve(X, range(1, 8), n_init=3, random_state=0)
    assert (np.diff(curve.inertias) <= 0).all()
    assert elbow(curve.ks, curve.inertias).k == 3
    means = [silhouette(X, KMeans(k, n_init=3, random_state=0).fit(X).labels_).mean for k in range(2, 8)]
    assert np.argmax(means) + 2 == 3
    assert gap_statistic(X, range(1, 8), 10, 0).k == 3
    stability = bootstrap_stability(X, 3, 5, 0, n_init=3)
    assert stability.mean == 1 and (stability.cluster_jaccards == 1).all()
    assert adjusted_rand(stability.labels, truth) == 1
    assert bootstrap_stability(X, 5, 5, 0, n_init=3).mean < 0.9


def test_gap_of_one_group_is_largest_at_one():
    result = gap_statistic(np.random.default_rng(0).uniform(size=(200, 2)), [1, 2, 3, 4], 10, 0)
    assert result.k == 1
    assert result.gaps == pytest.approx(result.reference_log_inertias - result.log_inertias)


def test_adjusted_rand_by_hand():
    assert adjusted_rand([0, 0, 1, 1], ["b", "b", "a", "a"]) == 1
    assert adjusted_rand([0, 0, 1, 1], [0, 1, 0, 1]) == pytest.approx(-0.5)        # S = 0, A = B = 2, E = 4/6
    assert adjusted_rand([0, 0, 0, 1], [0, 0, 1, 1]) == 0           # S = 1, A = 3, B = 2, E = 1
    assert adjusted_rand([5], [7]) == adjusted_rand([1, 1], [2, 2]) == adjusted_rand([1, 2], [4, 3]) == 1
    assert adjusted_rand([0, 0, 0], [0, 1, 2]) == 0


def test_optimal_partition_tries_every_one():
    X = np.array([[0.0], [1], [10], [11], [20]])
    assert optimal_partition(X, 1)[1] == pytest.approx(((X - X.mean())**2).sum())
    labels, lowest = optimal_partition(X, 3)
    assert labels.tolist() == [0, 0, 1, 1, 2] and lowest == 1
    assert optimal_partition(X, 5) == (pytest.approx([0, 1, 2, 3, 4]), 0)


# Refusals ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("model, message", [
    (KMeans(7), r"n_clusters must be <= the number of rows \(n_samples=6\), got 7"),
    (KMeans(0), "n_clusters must be an integer >= 1, got 0"),
    (KMeans(2.0), "n_clusters must be an integer >= 1, got 2.0"),
    (KMeans(2, n_init=0), "n_init must be an integer >= 1, got 0"),
    (KMeans(2, max_iter=0), "max_iter must be an integer >= 1, got 0"),
    (KMeans(2, tol=-1), "tol must be a finite number >= 0, got -1"),
    (KMeans(2, tol=np.nan), "tol must be a finite number >= 0, got nan"),
    (KMeans(2, init="best"), "init must be 'k-means\\+\\+', 'random' or an array, got 'best'"),
    (KMeans(2, init=[[1]]), r"init must have the shape .* \(2, 1\), got \(1, 1\)"),
])
def test_parameters_out_of_range(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(LINE)


@pytest.mark.parametrize("call, message", [
    (lambda: inertia(LINE, [0, 0, 0, 0, 0, 1], [[1]]), "labels must be 6 integers >= 0 and < 1"),
    (lambda: inertia(LINE, [0], [[1]]), "labels must be 6 integers"),
    (lambda: assign(LINE, [[1, 2]]), "centers must have as many columns as X, 1, got 2"),
    (lambda: assign([[np.nan]], [[1]]), "NaN"),
    (lambda: update(LINE, [0.0] * 6, 1), "labels must be 6 integers"),
    (lambda: update(LINE, [0] * 6, 1, [0] * 6), "sample_weight must be >= 0 and not zero .* got 0 to 0"),
    (lambda: update(LINE, [0] * 6, 1, [-1] + [1] * 5), "sample_weight must be >= 0 .* got -1 to 1"),
    (lambda: update(LINE, [0] * 6, 1, [1]), r"sample_weight must have the shape \(6,\).*got \(1,\)"),
    (lambda: fill_empty([[1], [1]], [0, 0], 2), "n_clusters must be <= the number of distinct rows .* got 2"),
    (lambda: kmeans_plus_plus(LINE, 7), "n_clusters must be <= the number of rows"),
    (lambda: kmeans_plus_plus(LINE, 2, trials=0), "trials must be an integer >= 1, got 0"),
    (lambda: silhouette(LINE, [0] * 6), "labels must name at least 2 clusters and fewer than the 6 rows, got 1"),
    (lambda: silhouette(LINE, range(6)), "got 6"),
    (lambda: silhouette(LINE, [0, 1]), r"labels must have the shape \(6,\), got \(2,\)"),
    (lambda: elbow([1, 2], [2, 1]), "ks must be increasing and at least 3 numbers"),
    (lambda: elbow([1, 3, 2], [3, 2, 1]), "ks must be increasing"),
    (lambda: elbow([1, 2, 3], [1, 2, 3]), "inertias must be .* the last below the first"),
    (lambda: elbow([1, 2, 3], [1, 0]), "inertias must be one finite number for each of ks"),
    (lambda: elbow([1, np.nan, 3], [3, 2, 1]), "ks must be increasing integers, got"),
    (lambda: elbow([1, 1.5, 3], [3, 2, 1]), "ks must be increasing integers, got"),
    (lambda: inertia_curve([[0], [0], [1]], [1, 3]), "ks must be <= the number of distinct rows 2, got 3"),
    (lambda: bootstrap_stability([[0], [0], [1]], 3), "k must be <= the number of distinct rows 2, got 3"),
    (lambda: inertia_curve(LINE, [2, 1]), "ks must be increasing integers"),
    (lambda: inertia_curve(LINE, [0, 1]), "ks must be an integer >= 1, got 0"),
    (lambda: inertia_curve(LINE, [1, 7]), "ks must be <= the number of rows"),
    (lambda: gap_statistic(LINE, [1, 3]), "ks must be consecutive"),
    (lambda: gap_statistic([[1], [1], [2]], [1, 2]), "below the number of distinct rows"),
    (lambda: gap_statistic(LINE, [1, 2], 1), "references must be an integer >= 2, got 1"),
    (lambda: KMeans(2).fit(LINE * 1e200), "X must be small enough for its squared distances"),
    (lambda: bootstrap_stability(LINE, 7), "k must be <= the number of rows"),
    (lambda: bootstrap_stability(LINE, 2, 0), "repetitions must be an integer >= 1, got 0"),
    (lambda: adjusted_rand([0, 1], [0]), r"others must have the shape \(2,\), got \(1,\)"),
    (lambda: adjusted_rand([], []), r"labels must have the shape \(n,\), got \(0,\)"),
    (lambda: optimal_partition(np.zeros((11, 1)), 2), "X must have at most 10 rows, got 11"),
])
def test_refusals_say_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_fit_without_trouble_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KMeans(3, random_state=0).fit(three_groups()[0] * 1e100)
        KMeans(1).fit(np.full((4, 2), 3.0))
        stability = bootstrap_stability(LINE, 6, 3, 0)              # samples lack some of the six rows
    assert stability.cluster_jaccards.shape == (6,)
