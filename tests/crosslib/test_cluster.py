"""`bizai.cluster` against scikit-learn and SciPy, and against loops over every pair."""

from itertools import combinations

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2, vq
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans as Peer
from sklearn.cluster import kmeans_plusplus
from sklearn.datasets import load_iris
from sklearn.metrics import adjusted_rand_score, silhouette_samples, silhouette_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bizai.cluster import KMeans, adjusted_rand, assign, gap_statistic, inertia_curve, kmeans_plus_plus, silhouette


def customers(n, d, k, seed):
    """Overlapping groups, and rows to start from."""
    rng = np.random.default_rng(seed)
    X = 1.5 * rng.normal(size=(k, d))[rng.integers(k, size=n)] + rng.normal(size=(n, d))
    return X, X[rng.choice(n, k, replace=False)]


CASES = [(300, 2, 3, 0), (1000, 5, 8, 1), (3000, 16, 20, 2), (500, 60, 10, 3), (2000, 1, 12, 4), (20_000, 4, 6, 5)]


@pytest.mark.parametrize("case", CASES)
def test_lloyd_from_the_same_start(case):
    X, start = customers(*case)
    ours = KMeans(len(start), init=start, max_iter=5000).fit(X)
    peer = Peer(len(start), init=start, n_init=1, tol=0, max_iter=5000, algorithm="lloyd").fit(X)
    assert (ours.labels_ == peer.labels_).all()
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-12)
    assert ours.cluster_centers_ == pytest.approx(peer.cluster_centers_, rel=1e-10, abs=1e-12)
    assert ours.n_iter_ == peer.n_iter_ - 1                         # scikit-learn counts the first assignment, too
    new = customers(*case[:3], 99)[0]
    assert (ours.predict(new) == peer.predict(new)).all()
    assert ours.transform(new) == pytest.approx(peer.transform(new), rel=1e-9, abs=1e-9)
    assert ours.score(new) == pytest.approx(peer.score(new), rel=1e-12)


@pytest.mark.parametrize("case", CASES[:3])
def test_weighted_lloyd_from_the_same_start(case):
    X, start = customers(*case)
    w = np.random.default_rng(0).uniform(0.1, 5, len(X))
    ours = KMeans(len(start), init=start, max_iter=5000).fit(X, sample_weight=w)
    peer = Peer(len(start), init=start, n_init=1, tol=0, max_iter=5000).fit(X, sample_weight=w)
    assert (ours.labels_ == peer.labels_).all()
    assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-12)


def test_lloyd_like_scipy():
    X, start = customers(1000, 3, 5, 7)
    ours = KMeans(5, init=start).fit(X)
    centers, labels = kmeans2(X, start, iter=ours.n_iter_ + 1, minit="matrix")
    assert (ours.labels_ == labels).all()
    assert ours.cluster_centers_ == pytest.approx(centers, rel=1e-12)
    codes, distances = vq(X, start)
    labels, squares = assign(X, start)
    assert (labels == codes).all() and squares == pytest.approx(distances**2, rel=1e-12)


@pytest.mark.parametrize("shift", [0, 1e4, 1e8])
def test_assign_like_every_distance_in_full(shift):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(5000, 6)) + shift
    centers = X[:40]
    distances = cdist(X, centers, "sqeuclidean")
    labels, squares = assign(X, centers)
    assert (labels == distances.argmin(axis=1)).all()
    assert squares == pytest.approx(distances.min(axis=1), rel=1e-13)


def test_same_minimum_as_scikit_learn_with_its_own_starts():
    X = load_iris().data
    for k in (2, 3, 4):
        ours = KMeans(k, n_init=20, random_state=0).fit(X)
        peer = Peer(k, n_init=20, random_state=0).fit(X)
        assert ours.inertia_ == pytest.approx(peer.inertia_, rel=1e-3)
        if k < 4:
            assert adjusted_rand(ours.labels_, peer.labels_) == 1


def test_seeding_is_as_good_as_scikit_learns():
    X, _ = customers(400, 3, 8, 0)
    seeds = range(150)
    greedy = [assign(X, kmeans_plus_plus(X, 8, seed)[0])[1].sum() for seed in seeds]
    peer = [assign(X, kmeans_plusplus(X, 8, random_state=seed)[0])[1].sum() for seed in seeds]
    error = np.hypot(np.std(greedy), np.std(peer)) / np.sqrt(len(seeds))
    assert abs(np.mean(greedy) - np.mean(peer)) <= 4 * error


@pytest.mark.parametrize("n, k", [(40, 3), (500, 7), (2500, 4)])
def test_silhouette_like_scikit_learn(n, k):
    X, start = customers(n, 3, k, n)
    labels = assign(X, start)[0]
    result = silhouette(X, labels)
    assert result.widths == pytest.approx(silhouette_samples(X, labels), rel=1e-9, abs=1e-12)
    assert result.mean == pytest.approx(silhouette_score(X, labels), rel=1e-12)


def test_adjusted_rand_like_scikit_learn_and_like_counting_pairs():
    rng = np.random.default_rng(0)
    for n, k in [(5, 2), (30, 3), (200, 10)]:
        a, b = rng.integers(k, size=(2, n))
        assert adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b), abs=1e-12)
        together = np.array([(a[i] == a[j], b[i] == b[j]) for i, j in combinations(range(n), 2)])
        both, (A, B), pairs = together.all(axis=1).sum(), together.sum(axis=0), len(together)
        E = A * B / pairs
        assert adjusted_rand(a, b) == pytest.approx((both - E) / ((A + B) / 2 - E), abs=1e-12)


def test_adjusted_rand_is_zero_on_average_by_chance():
    rng = np.random.default_rng(1)
    a, b = np.repeat([0, 1, 2], [10, 20, 30]), np.repeat([0, 1], [25, 35])
    values = [adjusted_rand(rng.permutation(a), b) for _ in range(2000)]
    assert abs(np.mean(values)) <= 4 * np.std(values) / np.sqrt(len(values))


def test_gap_statistic_with_scikit_learns_kmeans():
    """By the definition with sums over pairs, W_k = sum_r D_r / (2 n_r); the references within their error."""
    X, _ = customers(150, 2, 3, 11)
    ks, B = np.arange(1, 5), 40
    ours = gap_statistic(X, ks, B, random_state=0)

    def log_W(rows, n_init=3):
        values = []
        for k in ks:
            labels = Peer(k, n_init=n_init, random_state=0).fit(rows).labels_
            groups = [rows[labels == r] for r in range(k)]
            values.append(np.log(sum(cdist(g, g, "sqeuclidean").sum() / (2 * len(g)) for g in groups)))
        return np.array(values)

    assert ours.log_inertias == pytest.approx(log_W(X, 30), rel=1e-12)
    rng = np.random.default_rng(5)
    references = np.array([log_W(rng.uniform(X.min(axis=0), X.max(axis=0), X.shape)) for _ in range(B)])
    error = references.std(axis=0) * np.sqrt(2 / B)
    assert (np.abs(references.mean(axis=0) - ours.reference_log_inertias) <= 4 * error).all()
    ratio = ours.standard_errors / (references.std(axis=0) * np.sqrt(1 + 1 / B))
    assert (ratio > 0.6).all() and (ratio < 1.7).all()              # 4 errors of the ratio of two deviations
    enough = [g >= after - s for g, after, s in zip(ours.gaps, ours.gaps[1:], ours.standard_errors[1:])]
    assert ours.k == ks[enough.index(True) if True in enough else -1]


def test_inertia_curve_is_not_above_scikit_learns():
    X, _ = customers(400, 4, 6, 2)
    curve = inertia_curve(X, range(1, 10), n_init=10, random_state=0)
    peer = [Peer(k, n_init=1, random_state=0).fit(X).inertia_ for k in range(1, 10)]
    assert (curve.inertias <= np.array(peer) * (1 + 1e-3)).all()


def test_in_a_pipeline_and_a_grid_search():
    X = load_iris().data
    pipeline = make_pipeline(StandardScaler(), KMeans(3, n_init=3, random_state=0))
    labels = pipeline.fit_predict(X)
    assert (labels == pipeline.predict(X)).all()
    search = GridSearchCV(KMeans(n_init=2, random_state=0), {"n_clusters": [2, 3, 4]}, cv=3).fit(X)
    assert search.best_params_["n_clusters"] == 4                   # J alone always asks for more clusters
