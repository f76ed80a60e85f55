"""Factorisation machines, whatever the table: pairs one by one, the gradient, equal predictions of equal models."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array

from bizai.recommend import FactorizationRecommender, Ratings
from bizai.recommend.machine import fm_objective, fm_predict

NUMBERS = st.floats(-10, 10).map(lambda x: round(x, 3))


@st.composite
def machines(draw):
    n, p, k = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(0, 3))
    return [draw(arrays(float, shape, elements=NUMBERS)) for shape in ((n, p), (n,), (p,), (p, k))] + [draw(NUMBERS)]


@given(machines())
def test_sum_over_pairs(machine):
    X, _, w, V, w_0 = machine
    p = len(w)
    expected = [w_0 + w @ x + sum(V[j] @ V[l] * x[j] * x[l] for j in range(p) for l in range(j + 1, p)) for x in X]
    size = 1 + np.abs(w).max() * 100 + np.abs(V).max(initial=0)**2 * 10_000
    np.testing.assert_allclose(fm_predict(X, w_0, w, V), expected, rtol=1e-12, atol=1e-13 * size)
    np.testing.assert_allclose(fm_predict(csr_array(X), w_0, w, V), expected, rtol=1e-12, atol=1e-13 * size)


@given(machines(), st.floats(0, 5), st.floats(0, 5), st.integers(0, 10**6))
def test_gradient_by_complex_steps(machine, l2_linear, l2_factors, seed):
    X, y, w, V, w_0 = machine
    rng = np.random.default_rng(seed)
    d_0, d_w, d_V = rng.normal(), rng.normal(size=w.shape), rng.normal(size=V.shape)
    _, (by_0, by_w, by_V) = fm_objective(X, y, w_0, w, V, l2_linear=l2_linear, l2_factors=l2_factors)

    def J(t):                                               # analytic, without the shortcut of the linear time
        a, b, C = w_0 + t * d_0, w + t * d_w, V + t * d_V
        pairs = sum((C[j] @ C[l]) * X[:, j] * X[:, l] for j in range(len(b)) for l in range(j)) if len(b) > 1 else 0
        e = y - a - X @ b - pairs
        return np.sum(e * e) + l2_linear * np.sum(b * b) + l2_factors * np.sum(C * C)

    slope = by_0 * d_0 + by_w @ d_w + np.sum(by_V * d_V)
    size = np.abs([by_0 * d_0, *(by_w * d_w), *(by_V * d_V).ravel(), J(0)]).sum()
    assert J(1e-30j).imag / 1e-30 == pytest.approx(slope, rel=1e-9, abs=1e-11 * size)


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 6))
def test_renumbering_changes_nothing_that_does_not_depend_on_the_start(seed, m, n):
    """Without factors the objective is convex."""
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((m, n)) < 0.7)
    if len(u) < 2:
        return
    values, F = rng.integers(1, 6, len(u)), rng.normal(size=(n, 2))
    users, items = rng.permutation(m) + 3, 10 * rng.permutation(n)
    model = FactorizationRecommender(None, (np.arange(n), F), n_factors=0, tol=1e-14, n_iter=5000)
    other = FactorizationRecommender(None, (items, F), n_factors=0, tol=1e-14, n_iter=5000)
    a = model.fit((u, i, values)).predict(u, i)
    b = other.fit(Ratings.of(users[u], items[i], values, all_users=[99], all_items=[-1])).predict(users[u], items[i])
    np.testing.assert_allclose(a, b, atol=1e-4)
