"""Laws that `bizai.cluster` obeys for any data."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import ConvergenceWarning

from bizai.cluster import (
    KMeans, adjusted_rand, assign, elbow, fill_empty, inertia, inertia_curve, kmeans_plus_plus, optimal_partition,
    silhouette, update,
)

eighths = st.integers(-40, 40).map(lambda i: i / 8)                 # many ties and duplicates, exact sums
reals = st.integers(-10**9, 10**9).map(lambda i: i / 1e6)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def data(draw, elements=eighths | reals, rows=st.integers(1, 20), columns=st.integers(1, 3)):
    """Rows, some of them copies, and a number of clusters."""
    X = draw(arrays(float, (draw(rows), draw(columns)), elements=elements))
    return X, draw(st.integers(1, min(len(X), 6)))


@st.composite
def started(draw, elements=eighths | reals, **kwargs):
    """Data and starting centres, which may coincide or attract no row."""
    X, k = draw(data(elements, **kwargs))
    return X, draw(arrays(float, (k, X.shape[1]), elements=elements))


def squares(X, centers):
    return ((X[:, None] - centers)**2).sum(axis=-1)


def distinct(X):
    return len(np.unique(X, axis=0))


def lloyd(X, start, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(len(start), init=start, **kwargs).fit(X)


@given(started())
def test_assign_is_the_first_of_the_least_squared_distances(case):
    X, centers = case
    labels, nearest = assign(X, centers)
    every = squares(X, centers)
    rows = np.arange(len(X))
    assert nearest == pytest.approx(every[rows, labels], rel=1e-14)
    assert (every[rows, labels] <= every.min(axis=1) * (1 + 1e-14)).all()
    if (X * 8 == np.round(X * 8)).all() and (centers * 8 == np.round(centers * 8)).all():
        assert (labels == every.argmin(axis=1)).all()               # exact arithmetic: ties are ties


@given(started(), st.floats(-1e3, 1e3), seeds)
def test_update_has_the_lowest_inertia(case, step, seed):
    X, centers = case
    labels, _ = assign(X, centers)
    means = update(X, labels, len(centers))
    filled = np.bincount(labels, minlength=len(centers)) > 0
    means[~filled] = 0
    J = inertia(X, labels, means)
    assert J <= inertia(X, labels, centers) * (1 + 1e-12)
    direction = np.random.default_rng(seed).normal(size=means.shape)
    sizes = np.bincount(labels, minlength=len(centers))
    assert inertia(X, labels, means + step * direction) == pytest.approx(                  # J is a parabola
        J + step**2 * (sizes @ (direction**2).sum(axis=1)), rel=1e-9, abs=1e-9 * (X**2).sum())


@given(started(), st.sampled_from([1, 2, 300]))
def test_inertia_never_rises_and_ends_in_a_fixed_point(case, max_iter):
    X, start = case
    model = lloyd(X, start, max_iter=max_iter)
    path = model.inertia_path_
    assert (np.diff(path) <= 0).all() and path[-1] == model.inertia_ >= 0
    assert len(path) == 2 * model.n_iter_ + 1
    assert (model.labels_ == model.predict(X)).all()
    assert model.inertia_ == pytest.approx(inertia(X, model.labels_, model.cluster_centers_), rel=1e-12)
    if max_iter == 300:
        assert model.converged_
        centers = update(X, model.labels_, len(start))
        filled = np.isfinite(centers[:, 0])
        assert (centers[filled] == model.cluster_centers_[filled]).all()
        assert filled.all() or distinct(X) < len(start)
        assert (assign(X, model.cluster_centers_)[0] == model.labels_).all()


@given(started(rows=st.integers(2, 20)), st.integers(1, 4))
def test_the_path_is_the_inertia_of_every_half_step(case, rounds):
    X, centers = case
    assume(distinct(X) >= len(centers))
    path = lloyd(X, centers, max_iter=rounds).inertia_path_
    labels, _ = assign(X, centers)
    expected = [inertia(X, labels, centers)]
    while len(expected) < len(path):
        labels, centers = fill_empty(X, labels, len(centers))
        expected.append(inertia(X, labels, centers))
        labels, _ = assign(X, centers)
        expected.append(inertia(X, labels, centers))
    rounding = 1e-28 * (X**2).sum()                                 # of a mean, squared
    assert path == pytest.approx(expected, rel=1e-9, abs=1e-12 * expected[0] + rounding)


@given(started(rows=st.integers(1, 20)))
def test_fill_empty_leaves_none_empty_and_lowers_the_inertia(case):
    X, centers = case
    assume(distinct(X) >= len(centers))
    labels, _ = assign(X, centers)
    new, means = fill_empty(X, labels, len(centers))
    assert np.bincount(new, minlength=len(centers)).all()
    assert inertia(X, new, means) <= inertia(X, labels, centers) * (1 + 1e-12)
    if np.bincount(labels, minlength=len(centers)).all():
        assert (new == labels).all()


@given(started(elements=eighths), seeds)
def test_order_of_the_rows_does_not_matter(case, seed):
    X, start = case
    order = np.random.default_rng(seed).permutation(len(X))
    labels, _ = assign(X, start)
    assume(np.bincount(labels, minlength=len(start)).all())         # else the first of equally far rows is taken
    one, other = lloyd(X, start, max_iter=1), lloyd(X[order], start, max_iter=1)
    assert one.cluster_centers_ == pytest.approx(other.cluster_centers_, rel=1e-12, abs=1e-12)
    assert one.inertia_path_[:2] == pytest.approx(other.inertia_path_[:2], rel=1e-12, abs=1e-12)


@given(st.integers(0, 500), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_order_place_and_unit_do_not_matter(seed, shift, scale):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    start, order = X[:5], rng.permutation(60)
    model = KMeans(5, init=start).fit(X)
    moved = KMeans(5, init=scale * start + shift).fit(scale * X[order] + shift)
    rounding = 1e-8 * (1 + abs(shift) / scale)
    gap = np.diff(np.sort(model.transform(X), axis=1)[:, :2], axis=1).min()
    assume(gap > rounding)
    assert (moved.labels_ == model.labels_[order]).all()
    assert moved.inertia_ == pytest.approx(scale**2 * model.inertia_, rel=rounding)


@given(data(), seeds)
def test_a_constant_feature_and_copies_change_nothing(case, seed):
    X, k = case
    start = kmeans_plus_plus(X, k, seed)[0]
    model = lloyd(X, start)
    wider = lloyd(np.column_stack([X, np.full(len(X), 0.1)]), np.column_stack([start, np.full(k, 0.1)]))
    assert wider.inertia_ == pytest.approx(model.inertia_, rel=1e-9, abs=1e-12 * (X**2).sum())
    assert (wider.cluster_centers_[:, -1] == 0.1).all()
    if np.bincount(assign(X, start)[0], minlength=k).all():
        copied = lloyd(np.concatenate([X, X]), start, max_iter=1)
        single = lloyd(X, start, max_iter=1)
        weighted = KMeans(k, init=start, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            weighted.fit(X, sample_weight=np.full(len(X), 2.0))
        assert copied.cluster_centers_ == pytest.approx(single.cluster_centers_, rel=1e-12, abs=1e-12)
        assert weighted.cluster_centers_ == pytest.approx(single.cluster_centers_, rel=1e-12, abs=1e-12)


@given(data())
def test_one_cluster_is_the_mean(case):
    X, _ = case
    model = KMeans(1).fit(X)
    assert model.cluster_centers_[0] == pytest.approx(X.mean(axis=0), rel=1e-12, abs=1e-12)
    assert model.inertia_ == pytest.approx(((X - X.mean(axis=0))**2).sum(), rel=1e-9, abs=1e-12)


@given(data(rows=st.integers(1, 12)))
def test_a_cluster_for_every_row(case):
    X, _ = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(len(X), init="random", random_state=0, n_init=2).fit(X)
    assert model.inertia_ == 0
    assert (model.cluster_centers_[model.labels_] == X).all()


@given(data(elements=st.integers(0, 1).map(float), rows=st.integers(4, 12), columns=st.just(2)))
def test_too_few_distinct_rows_are_told(case):
    X, _ = case
    k = 4
    if distinct(X) == k:
        assert KMeans(k, random_state=0).fit(X).inertia_ == 0
        return
    with pytest.warns(ConvergenceWarning, match=f"found {distinct(X)} distinct clusters"):
        model = KMeans(k).fit(X)
    assert model.inertia_ == 0 and (model.cluster_centers_[model.labels_] == X).all()
    assert len(np.unique(model.cluster_centers_, axis=0)) == distinct(X)


@given(data(rows=st.integers(2, 6)), seeds)
def test_no_run_is_below_the_optimal_partition(case, seed):
    X, k = case
    _, lowest = optimal_partition(X, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(k, n_init=3, random_state=seed).fit(X)
    assert model.inertia_ >= lowest - 1e-12 * (X**2).sum()


@given(data(rows=st.integers(3, 20)), seeds)
def test_inertia_never_rises_with_the_number_of_clusters(case, seed):
    X, _ = case
    ks = np.arange(1, min(distinct(X), 7) + 1)
    curve = inertia_curve(X, ks, n_init=1, random_state=seed)
    assert (np.diff(curve.inertias) <= 0).all()
    assert curve.inertias[0] == pytest.approx(((X - X.mean(axis=0))**2).sum(), rel=1e-9, abs=1e-12)
    if distinct(X) <= 7:
        assert curve.inertias[-1] == pytest.approx(0, abs=1e-20)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=12), st.floats(1e-3, 1e3), st.integers(1, 50))
def test_the_elbow_does_not_depend_on_units(inertias, factor, stretch):
    J = np.sort(inertias)[::-1]
    assume(J[-1] < J[0] * (1 - 1e-6))
    ks = np.arange(1, len(J) + 1)
    one, other = elbow(ks, J), elbow(stretch * ks, factor * J)
    assert other.depths == pytest.approx(one.depths, abs=1e-9)
    assert one.depths[one.k - 1] == one.depths.max() >= 0
    cosine = 1 / np.hypot(1, (J[0] - J[-1]) / (ks[-1] - ks[0]))     # of the angle to the perpendicular
    chord = np.array([ks[-1] - ks[0], J[-1] - J[0]])
    distances = (chord[1] * (ks - ks[0]) - chord[0] * (J - J[0])) / np.hypot(*chord)
    assert distances == pytest.approx(one.depths * (J[0] - J[-1]) * cosine, rel=1e-9, abs=1e-9 * J[0])


@given(data(rows=st.integers(3, 20)), seeds)
def test_silhouette_is_its_definition(case, seed):
    X, k = case
    labels = np.random.default_rng(seed).integers(k + 1, size=len(X))
    assume(2 <= len(set(labels)) < len(X))
    distances = np.sqrt(squares(X, X))
    expected = np.zeros(len(X))
    for i in range(len(X)):
        own = labels == labels[i]
        if own.sum() > 1:
            a = distances[i, own].sum() / (own.sum() - 1)
            b = min(distances[i, labels == j].mean() for j in set(labels) - {labels[i]})
            expected[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0
    result = silhouette(X, labels)
    assert result.widths == pytest.approx(expected, abs=1e-12)
    assert result.mean == pytest.approx(expected.mean(), abs=1e-12)
    assert (np.abs(result.widths) <= 1).all()


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=1, max_size=40), st.permutations(range(5)))
def test_adjusted_rand_is_symmetric_and_blind_to_names(pairs, names):
    a, b = np.array(pairs).T
    value = adjusted_rand(a, b)
    assert value == pytest.approx(adjusted_rand(b, a), abs=1e-12)
    assert value == pytest.approx(adjusted_rand(np.array(names)[a], b), abs=1e-12)
    assert adjusted_rand(a, np.array(names)[a]) == 1
    assert -0.5 - 1e-12 <= value <= 1
    same = len(set(pairs)) == len(set(a)) == len(set(b))
    assert (value == 1) == same


@given(data(), seeds)
def test_seeds_are_rows(case, seed):
    X, k = case
    for trials in (None, 1):
        centers, indices = kmeans_plus_plus(X, k, seed, trials=trials)
        assert (centers == X[indices]).all()
        assert distinct(centers) == min(k, distinct(X))
