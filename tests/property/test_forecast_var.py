"""Laws that `bizai.forecast.var` obeys for any series."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bizai.forecast.var import VAR, choose_lags

seeds = st.integers(0, 2**32 - 1)
trends = st.sampled_from(["n", "c", "ct"])


@st.composite
def tables(draw, least=1):
    """Correlated series with some persistence, and the number of lags."""
    rng = np.random.default_rng(draw(seeds))
    K, p = draw(st.integers(least, 4)), draw(st.integers(1, 3))
    T = draw(st.integers(p + 2 + K * p + K + 8, 90))
    mix = rng.normal(size=(K, K)) + 2 * np.eye(K)
    Y = rng.normal(size=(T, K)) @ mix
    for t in range(1, T):
        Y[t] += 0.6 * Y[t - 1]
    return Y, p


def same(one, other, rtol=1e-8):
    assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(initial=1e-300))


@given(tables(), st.sampled_from(["c", "ct"]), seeds)
def test_shift_and_scale_of_each_series(case, trend, seed):
    Y, p = case
    rng = np.random.default_rng(seed)
    K = Y.shape[1]
    scale, shift = np.exp(rng.uniform(-7, 7, K)) * rng.choice([-1, 1], K), rng.normal(size=K)
    shift *= abs(scale) * 100
    model, moved = VAR(p, trend).fit(Y), VAR(p, trend).fit(Y * scale + shift)
    same(moved.coefficients_ / (scale[:, None] / scale), model.coefficients_, 1e-7)
    same(moved.covariance_ / np.outer(scale, scale), model.covariance_)
    same(moved.impulse_response(6) / (scale[:, None] / scale), model.impulse_response(6), 1e-7)
    same(moved.variance_decomposition(6), model.variance_decomposition(6), 1e-7)
    one, other = moved.forecast(6, 0.8, True), model.forecast(6, 0.8, True)
    same((one.mean - shift) / scale, other.mean, 1e-7)
    same(one.sd / abs(scale), other.sd, 1e-7)
    same(moved.loglik_ + model.n_obs_ * np.log(abs(scale)).sum(), model.loglik_)
    same(moved.eigenvalues_, model.eigenvalues_, 1e-5)


@given(tables(), trends, st.floats(1e-3, 1e3))
def test_scale_without_a_constant(case, trend, scale):
    Y, p = case
    one, other = VAR(p, trend).fit(Y * scale), VAR(p, trend).fit(Y)
    same(one.coefficients_, other.coefficients_)
    same(one.forecast(4).mean, scale * other.forecast(4).mean)


@given(tables(least=2), trends, st.randoms(use_true_random=False))
def test_permutation_of_the_series(case, trend, random):
    Y, p = case
    order = list(range(Y.shape[1]))
    random.shuffle(order)
    model, moved = VAR(p, trend).fit(Y), VAR(p, trend).fit(Y[:, order])
    same(moved.coefficients_, model.coefficients_[:, order][:, :, order])
    same(moved.impulse_response(5), model.impulse_response(5)[:, order][:, :, order])
    same(moved.forecast(5).upper, model.forecast(5).upper[:, order])
    same([moved.loglik_, moved.aic_], [model.loglik_, model.aic_])
    causing, caused = order.index(0), order.index(1)
    same(moved.granger(causing, caused).statistic, model.granger(0, 1).statistic, 1e-6)


@given(tables(least=1), trends)
def test_one_series_is_an_autoregression_by_least_squares(case, trend):
    Y, p = case
    y = Y[:, 0]
    T = len(y)
    Z = np.column_stack([np.ones(T - p), np.arange(p + 1, T + 1)][:"n c ct".split().index(trend)]
                        + [y[p - i:T - i] for i in range(1, p + 1)])
    same(VAR(p, trend).fit(y[:, None]).parameters_[:, 0], np.linalg.lstsq(Z, y[p:])[0], 1e-7)


@given(tables(), trends)
def test_impulse_responses_are_derivatives_of_the_forecasts(case, trend):
    """The forecast is linear in the last row, so that a difference of any size is its derivative."""
    Y, p = case
    model = VAR(p, trend).fit(Y)
    base, Psi = model.forecast(5).mean, model.impulse_response(5)
    for j in range(Y.shape[1]):
        model._Y = Y.copy()
        model._Y[-1, j] += 1
        same(base + Psi[1:, :, j], model.forecast(5).mean, 1e-9)


@given(tables(), trends)
def test_orthogonal_responses_and_shares(case, trend):
    Y, p = case
    model = VAR(p, trend).fit(Y)
    Theta, shares = model.impulse_response(4, orthogonal=True), model.variance_decomposition(5)
    same(np.triu(Theta[0], 1), np.zeros_like(Theta[0]), 1e-15)
    same(Theta[0] @ Theta[0].T, model.covariance_)
    same(sum(x @ x.T for x in Theta), model.forecast(5).covariances[-1])
    same(shares.sum(axis=2), np.ones(shares.shape[:2]))
    assert (shares >= 0).all() and abs(shares[0, 0, 1:]).max(initial=0) == 0


@given(tables(), trends)
def test_intervals_widen_with_the_horizon_and_with_the_parameters(case, trend):
    Y, p = case
    model = VAR(p, trend).fit(Y)
    without, with_them = model.forecast(6), model.forecast(6, parameters=True)
    assert (np.diff(without.sd, axis=0) >= -1e-12 * without.sd[1:]).all()
    assert (with_them.sd >= without.sd).all()
    assert (without.lower < without.mean).all() and (without.mean < without.upper).all()


@given(tables(), trends)
def test_more_lags_never_fit_worse_at_one_sample(case, trend):
    Y, p = case
    table = choose_lags(Y, p, trend)
    K, n = Y.shape[1], len(Y) - p
    logdet = table.aic - 2 * K * (table.lags * K + "n c ct".split().index(trend)) / n
    assert (np.diff(logdet) <= 1e-9).all()
    assert (table.bic >= table.aic).all() or n < 8


def test_intervals_cover_at_their_level():
    """1500 series of a stable VAR(2), 200 rows each; binomial bounds of four standard errors."""
    rng = np.random.default_rng(5)
    A = np.array([[[0.5, 0.2], [-0.1, 0.6]], [[0.2, 0.0], [0.1, 0.1]]])
    shocks = rng.normal(size=(1500, 306, 2)) @ np.array([[1, 0.5], [0, 0.8]])
    Y = np.zeros((1500, 308, 2))
    for t in range(2, 308):
        Y[:, t] = Y[:, t - 1] @ A[0].T + Y[:, t - 2] @ A[1].T + shocks[:, t - 2]
    inside = np.zeros((4, 2))
    for table, truth in zip(Y[:, 104:304], Y[:, 304:]):
        forecast = VAR(2).fit(table).forecast(4, 0.9, parameters=True)
        inside += (forecast.lower <= truth) & (truth <= forecast.upper)
    assert_allclose(inside / 1500, 0.9, atol=4 * np.sqrt(0.09 / 1500))
