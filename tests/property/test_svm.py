"""Laws that `bizai.svm` obeys for any rows, labels and costs."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai import svm
from bizai.svm import (
    SVC, NotSeparable, dual_value, hard_margin, kkt_residual, linear_kernel, primal_value, rbf_kernel, smo,
)


@st.composite
def tables(draw, most=40, distinct=False):
    """Rows with repeats and a constant feature now and then, both classes present."""
    n, d = draw(st.integers(2, most)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(n, d))
    if not distinct and draw(st.booleans()):
        X = np.round(X)
    if draw(st.booleans()):
        X[:, 0] = 7.0
    y = np.where(X[:, -1] + draw(st.sampled_from([0.0, 0.5, 5.0])) * rng.normal(size=n) > 0, 1.0, -1.0)
    y[:2] = -1.0, 1.0
    return X, y


costs = st.sampled_from([1e-6, 1e-2, 1.0, 30.0, 1e6])
kernels = st.sampled_from(["linear", "rbf"])


def gram(kernel, X):
    return linear_kernel(X) if kernel == "linear" else rbf_kernel(X, gamma=0.5)


@given(tables(), st.sampled_from([1e-6, 1e-2, 1.0, 30.0]), kernels)
def test_solution_is_optimal(table, C, kernel):
    X, y = table
    solution, K = smo(gram(kernel, X), y, C=C, tol=1e-5), gram(kernel, X)
    assert solution.converged and kkt_residual(solution.alpha, K, y, C) <= 1e-5 + 1e-9
    assert (solution.alpha >= 0).all() and (solution.alpha <= C).all()
    assert abs(solution.alpha @ y) <= 1e-9 * max(1, C)
    scale = max(1.0, solution.dual_value)
    assert -1e-9 * scale <= solution.duality_gap <= 1e-5 * len(y) * C + 1e-9 * scale


@given(tables(), st.sampled_from([1e-2, 1.0, 30.0]), kernels)
def test_newton_start_is_feasible_and_changes_nothing(table, C, kernel):
    """The start that large tables get, here for small ones: every level of sixths down to 5 rows."""
    X, y = table
    K = gram(kernel, X)
    with mock.patch.object(svm, "SMALL", 5):
        beta, _ = svm._near_solution(K, y, C, 1e-5)
        model = SVC(C=C, kernel=kernel, gamma=0.5, tol=1e-5).fit(X, y)
    assert (beta * y >= 0).all() and (beta * y <= C).all() and abs(beta.sum()) <= 1e-9 * max(1, C)
    assert model.kkt_residual_ <= 1e-5
    assert model.dual_value_ == pytest.approx(smo(K, y, C=C, tol=1e-5).dual_value, rel=1e-4, abs=1e-4 * C)


@given(tables(), costs, kernels, st.integers(0, 2**32 - 1))
def test_weak_duality(table, C, kernel, seed):
    """Any feasible alpha has a dual value of at most the primal value of any (w, b)."""
    X, y = table
    K, rng = gram(kernel, X), np.random.default_rng(seed)
    feasible = []
    for _ in range(2):
        alpha = rng.uniform(0, C, len(y))
        up, down = alpha[y > 0].sum(), alpha[y < 0].sum()
        alpha *= np.where(y > 0, min(1, down / up), min(1, up / down))
        feasible.append(alpha)
    primal = primal_value(feasible[1], K, y, rng.normal(), C)
    assert dual_value(feasible[0], K, y) <= primal * (1 + 1e-9)


@given(tables(), st.sampled_from([1e-2, 1.0, 30.0]), kernels)
def test_conditions_of_kkt_row_by_row(table, C, kernel):
    """alpha = 0: y f >= 1; 0 < alpha < C: y f = 1; alpha = C: y f <= 1."""
    X, y = table
    K = gram(kernel, X)
    solution = smo(K, y, C=C, tol=1e-6)
    yf = y * (K @ (solution.alpha * y) + solution.intercept)
    none, all_ = solution.alpha == 0, solution.alpha == C
    assert (yf[none] >= 1 - 1e-5).all() and (yf[all_] <= 1 + 1e-5).all()
    assert np.abs(yf[~none & ~all_] - 1).max(initial=0) <= 1e-5


@given(tables(), st.sampled_from([0.1, 1.0, 10.0]), kernels)
def test_swapped_labels_mirror_the_decision(table, C, kernel):
    X, y = table
    model, mirror = (SVC(C=C, kernel=kernel, gamma=0.5, tol=1e-7).fit(X, labels) for labels in (y, -y))
    assert mirror.dual_value_ == pytest.approx(model.dual_value_, rel=1e-6, abs=1e-9)
    spread = model.decision_function(X) + mirror.decision_function(X)
    assert np.ptp(spread) < 2e-3                        # b itself is an interval where no row is free


@given(tables(), st.sampled_from([0.1, 1.0, 10.0]), kernels)
def test_a_row_given_twice_counts_like_twice_its_cost(table, C, kernel):
    X, y = table
    twice = SVC(C=C, kernel=kernel, gamma=0.5, tol=1e-7).fit(np.vstack([X, X]), np.r_[y, y])
    once = SVC(C=2 * C, kernel=kernel, gamma=0.5, tol=1e-7).fit(X, y)
    assert twice.dual_value_ == pytest.approx(once.dual_value_, rel=1e-6, abs=1e-9)


@given(tables(), kernels)
def test_dual_value_rises_with_the_cost(table, kernel):
    X, y = table
    values = [smo(gram(kernel, X), y, C=C, tol=1e-6).dual_value for C in (0.01, 0.1, 1.0, 10.0)]
    assert (np.diff(values) >= -1e-6 * np.abs(values[1:])).all()


@given(tables(most=15))
def test_either_a_margin_or_a_common_point(table):
    X, y = table
    try:
        found = hard_margin(X, y)
    except NotSeparable as refused:
        weights = refused.certificate
        assert (weights >= 0).all() and weights[y > 0].sum() == pytest.approx(1) == weights[y < 0].sum()
        assert (weights * y) @ X == pytest.approx(np.zeros(X.shape[1]), abs=1e-6)
    else:
        yf = y * (X @ found.weights + found.intercept)
        assert yf.min() >= 1 - 1e-5
        assert found.margin == pytest.approx(1 / np.linalg.norm(found.weights), rel=1e-4)
        assert 0 <= found.duality_gap + 1e-9 <= 1e-4 * found.dual_value + 2e-9


@given(tables(most=20, distinct=True))
def test_rbf_separates_distinct_rows(table):
    X, y = table
    model = SVC(C=1e6, kernel="rbf", gamma=50.0).fit(X, y) if X.std(axis=0).max() else None
    if model is not None and len(np.unique(np.round(X, 1), axis=0)) == len(X):
        assert (model.predict(X) == y).all()
