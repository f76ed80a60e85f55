"""Implicit feedback and content-based models, whatever was bought or rated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from bizai.recommend import ContentBased, ImplicitALS, Ratings
from bizai.recommend.implicit import implicit_objective, implicit_step


@st.composite
def purchases(draw):
    m, n = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    cells = draw(st.lists(st.integers(0, m * n - 1), min_size=1, max_size=m * n, unique=True))
    counts = draw(st.lists(st.integers(0, 20) | st.floats(0.01, 1000), min_size=len(cells), max_size=len(cells)))
    u, i = np.divmod(np.array(cells), n)
    return u, i, np.array(counts, dtype=float)


WEIGHTS = {"l2": st.sampled_from([0.01, 1.0, 30.0]), "alpha": st.sampled_from([0.0, 0.5, 40.0])}


@given(purchases(), st.builds(ImplicitALS, st.integers(1, 4), **WEIGHTS, n_iter=st.integers(1, 6),
                              random_state=st.integers(0, 3)))
def test_objective_never_rises_and_items_are_solved_for(columns, model):
    model.fit(columns)
    path, N = model.objective_path_, model.ratings_.matrix
    size = np.sum(1 + model.alpha * N.data) + N.shape[0] * N.shape[1]
    assert (np.diff(path) <= 1e-10 * size).all() and path[-1] >= -1e-10 * size
    P, Q = model.user_factors_, model.item_factors_
    dense, confident = N.toarray(), 1 + model.alpha * N.toarray()
    slope = 2 * (model.l2 * Q - (confident * ((dense > 0) - P @ Q.T)).T @ P)
    assert np.abs(slope).max() <= 1e-9 * size * (1 + np.abs(P).max())**2
    expected = np.sum(confident * ((dense > 0) - P @ Q.T)**2) + model.l2 * (np.sum(P**2) + np.sum(Q**2))
    assert path[-1] == pytest.approx(expected, rel=1e-9, abs=1e-10 * size)


@given(purchases(), st.integers(0, 10**6), st.sampled_from([0.01, 1.0]))
def test_half_step_is_a_minimum_and_equivariant(columns, seed, l2):
    rng = np.random.default_rng(seed)
    N = csr_array(Ratings.of(*columns).matrix)
    Q, weights = rng.normal(size=(N.shape[1], 2)), {"l2": l2, "alpha": 2.0}
    P = implicit_step(N, Q, **weights)
    least = implicit_objective(N, P, Q, **weights)
    assert implicit_objective(N, P + 0.1 * rng.normal(size=P.shape), Q, **weights) >= least
    rows, columns = rng.permutation(N.shape[0]), rng.permutation(N.shape[1])
    np.testing.assert_allclose(implicit_step(N[rows][:, columns], Q[columns], **weights), P[rows], rtol=1e-6, atol=1e-8)


@given(purchases(), st.integers(0, 10**6), st.sampled_from([0.1, 3.0]), st.sampled_from([1.0, -7.0, 0.01]))
def test_content_renumbered_shifted_and_scaled(columns, seed, l2, unit):
    u, i, values = columns
    rng = np.random.default_rng(seed)
    n = i.max() + 1
    F, items = rng.normal(size=(n, 3)), rng.permutation(n)
    a = ContentBased((np.arange(n), F), l2=l2).fit(columns).predict(u, i)
    b = ContentBased((items, F), l2=l2).fit((100 - u, items[i], 5 + unit * values)).predict(100 - u, items[i])
    np.testing.assert_allclose(b, 5 + unit * a, rtol=1e-7, atol=1e-7 * (1 + np.abs(values).max() * abs(unit)))
