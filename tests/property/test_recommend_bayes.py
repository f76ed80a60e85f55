"""Predictions, intervals and probabilities of the Bayesian factorisation are of one piece, whatever the ratings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bizai.recommend import BayesianFactorization, Ratings
from bizai.recommend.bayes import _quantile, conditional, sums


@st.composite
def tables(draw):
    m, n = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    cells = draw(st.lists(st.integers(0, m * n - 1), min_size=1, max_size=m * n, unique=True))
    value = draw(st.sampled_from([st.just(3), st.integers(1, 5), st.integers(-1000, 1000), st.floats(0, 1e-3)]))
    values = draw(st.lists(value, min_size=len(cells), max_size=len(cells)))
    u, i = np.divmod(np.array(cells), n)
    return Ratings.of(u, i, np.array(values, dtype=float), all_users=range(m), all_items=range(n))


MODELS = st.builds(BayesianFactorization, st.integers(0, 4), implicit=st.integers(0, 5), burn_in=st.integers(0, 3),
                   samples=st.integers(1, 6), random_state=st.integers(0, 5))


@given(tables(), MODELS, st.floats(0.05, 0.9))
def test_predictions_and_intervals(ratings, model, level):
    model.fit(ratings)
    pairs = np.append(ratings.users, -1)[:, None], np.append(ratings.items, -1)
    predicted, sd = model.predict(*pairs), model.predict_std(*pairs)
    low, high = model.predict_interval(*pairs, level)
    wider_low, wider_high = model.predict_interval(*pairs, (1 + level) / 2)
    assert np.isfinite(predicted).all() and np.isfinite(sd).all() and (sd > 0).all()
    assert (wider_low < low).all() and (low < high).all() and (high < wider_high).all()
    np.testing.assert_allclose(model.predict_probability(*pairs, float(low[0, 0]))[0, 0], (1 + level) / 2, rtol=1e-6)
    scores = model._scores(np.array([-1, 0]))
    rated = np.bincount(ratings.matrix.indices, minlength=len(ratings.items)) > 0
    np.testing.assert_allclose(scores[:, rated], predicted[[-1, 0], :-1][:, rated], rtol=1e-9,
                               atol=1e-9 * np.abs(sd).max())
    once_more = model.fit(ratings).predict(*pairs)
    np.testing.assert_array_equal(once_more, predicted)


@given(tables(), st.integers(0, 10**6))
def test_conditionals_of_transposed_tables_tell_the_same(ratings, seed):
    """Both sides' sums give the same sum of squared errors."""
    rng = np.random.default_rng(seed)
    values = ratings.matrix
    rated = values.copy()
    rated.data = np.ones_like(rated.data)
    X, Z = rng.normal(size=(values.shape[0], 3)), rng.normal(size=(values.shape[1], 3))
    totals = []
    for R, V, A, B in ((rated, values, X, Z), (rated.T.tocsr(), values.T.tocsr(), Z, X)):
        G, c = sums(R, V, B)
        b = B[:, -1]
        totals.append(np.einsum("ma,abm,mb->", A, G, A) - 2 * np.sum(A * c.T)
                      + np.sum(V.data**2) - 2 * (V @ b).sum() + (R @ b**2).sum())
    size = np.sum(values.data**2) + len(ratings) * (1 + np.abs(X).max() * np.abs(Z).max() * 3)**2
    np.testing.assert_allclose(totals[0], totals[1], rtol=1e-9, atol=1e-11 * size)
    S, h = conditional(*sums(rated, values, Z), X, np.eye(3), 0.0)
    np.testing.assert_allclose(h.T, X)                      # without data the prior is left
    assert (S == np.eye(3)[:, :, None]).all()


@given(st.integers(0, 10**6), st.floats(1e-4, 1 - 1e-4), st.floats(-100, 100), st.floats(0.01, 100))
def test_quantiles_move_with_the_mixture(seed, q, shift, unit):
    rng = np.random.default_rng(seed)
    means, deviations = rng.normal(0, 3, (4, 5)), rng.lognormal(0, 1, (4, 5))
    x = _quantile(means, deviations, q)
    np.testing.assert_allclose(_quantile(shift + unit * means, unit * deviations, q), shift + unit * x, rtol=1e-6,
                               atol=1e-6 * unit)
    np.testing.assert_allclose(-_quantile(-means, deviations, 1 - q), x, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(_quantile(means[:, :1], deviations[:, :1], 0.5), means[:, 0], atol=1e-9)
