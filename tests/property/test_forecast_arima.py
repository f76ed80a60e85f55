"""Laws that `bizai.forecast.arima` and `.many` obey for any series and any stationary parameters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import toeplitz
from scipy.stats import binom, multivariate_normal

from bizai.forecast import likelihood
from bizai.forecast.arima import ARIMA, arma_loglik, is_stationary
from bizai.forecast.likelihood import Structure, from_partial
from bizai.forecast.many import fit_many
from bizai.forecast.series import undifference

seeds, methods = st.integers(0, 2**32 - 1), st.sampled_from(["exact", "css"])
partials = st.lists(st.floats(-0.9, 0.9), max_size=3)


def coefficients(partial):
    return from_partial(np.array(partial, dtype=float)[None])[0]


def autocovariances(ar, ma, n):
    """gamma_0 .. gamma_{n-1} for sigma^2 = 1 from the spectral density: an independent way, exact to rounding."""
    points = 2**17
    z = np.exp(-2j * np.pi * np.arange(points) / points)
    density = np.abs(np.polyval(np.r_[1, ma][::-1], z) / np.polyval(np.r_[1, -ar][::-1], z))**2
    return np.fft.ifft(density).real[:n]


def arma(rng, n, ar, ma, burn=300):
    from scipy.signal import lfilter

    return lfilter(np.r_[1, ma], np.r_[1, -np.asarray(ar)], rng.normal(size=n + burn))[burn:]


def some_series(seed, n, d=1):
    rng = np.random.default_rng(seed)
    w = arma(rng, n, [rng.uniform(-0.8, 0.8)], [rng.uniform(-0.8, 0.8)]) + rng.normal()
    return undifference(w, np.zeros(d), d)


# The likelihood ------------------------------------------------------------------------------------------

@given(partials, partials, st.integers(5, 25), st.floats(0.1, 10), st.floats(-3, 3), seeds)
def test_likelihood_is_the_normal_density_of_the_dense_covariance_matrix(r, s, n, sigma2, mean, seed):
    ar, ma = coefficients(r), -coefficients(s)
    w = np.random.default_rng(seed).normal(size=n) * 2
    V = sigma2 * toeplitz(autocovariances(ar, ma, n))
    expected = multivariate_normal(np.full(n, mean), V, allow_singular=True).logpdf(w)
    assert arma_loglik(w, ar, ma, sigma2, mean) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(*[st.floats(-0.9, 0.9)] * 4, st.integers(2, 5), seeds)
def test_seasonal_likelihood_is_that_of_the_product(phi, theta, Phi, Theta, m, seed):
    y = np.random.default_rng(seed).normal(size=30)
    ar = -np.convolve([1, -phi], np.r_[1, np.zeros(m - 1), -Phi])[1:]
    ma = np.convolve([1, theta], np.r_[1, np.zeros(m - 1), Theta])[1:]
    model = ARIMA((1, 0, 1), (1, 0, 1), m, constant=False)
    V = 1.5 * toeplitz(autocovariances(ar, ma, 30))
    expected = multivariate_normal(np.zeros(30), V).logpdf(y)
    assert model.loglik([phi, theta, Phi, Theta, 1.5], y) == pytest.approx(expected, rel=1e-7, abs=1e-6)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2), st.integers(0, 2), seeds)
def test_all_angles_are_stationary_and_invertible(p, q, P, Q, seed):
    structure = Structure(p, q, P, Q, season=4)
    angles = np.random.default_rng(seed).normal(size=(20, structure.size)) * 3
    phi, theta = structure.polynomials(structure.coefficients(angles))
    for polynomial in [*phi, *theta]:
        assert (np.abs(np.roots(polynomial)) <= 1 + 1e-2).all()    # multiple roots lose digits
        assert np.abs(polynomial).sum() <= 2**(p + q + P + Q) + 1e-9


@given(st.integers(1, 3), st.integers(0, 2), seeds)
def test_both_ways_to_add_up_agree(p, q, seed):
    rng = np.random.default_rng(seed)
    structure, x = Structure(p, q, mean=True), rng.normal(size=(2, 50, 12))
    phi, theta = structure.polynomials(structure.coefficients(rng.uniform(-1.4, 1.4, size=(50, p + q))))
    few = [likelihood.products(structure, phi[i:i + 5], theta[i:i + 5], x[:, i:i + 5]) for i in range(0, 50, 5)]
    gram, logdet = likelihood.products(structure, phi, theta, x)    # more than 24 rows: over t
    assert gram == pytest.approx(np.concatenate([g for g, _ in few], axis=2), rel=1e-7, abs=1e-9)
    assert logdet == pytest.approx(np.concatenate([d for _, d in few]), rel=1e-8, abs=1e-8)


@given(seeds, st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1)]), st.booleans(), methods)
def test_nothing_near_the_estimate_is_likelier(seed, pq, constant, method):
    y = some_series(seed, 60)
    model = ARIMA((pq[0], 1, pq[1]), constant=constant, method=method).fit(y)
    rng = np.random.default_rng(seed)
    for step in (1e-3, 1e-2, 0.1) if method == "exact" else (1e-3,):            # css: a valley is all there is
        for params in model.params_ * (1 + step * rng.normal(size=(10, len(model.params_)))):
            phi, theta = np.split(params[constant:-1], pq[:1])
            if params[-1] > 0 and is_stationary(phi) and is_stationary(-theta):
                assert model.loglik(params, y) <= model.loglik_ + 1e-6


# Equivariance --------------------------------------------------------------------------------------------

@given(seeds, st.sampled_from([(1, 1, 1), (0, 1, 1), (1, 0, 0), (0, 2, 1)]), st.floats(-1e3, 1e3),
       st.floats(1e-2, 1e2), st.sampled_from([-1, 1]), methods)
def test_forecasts_move_with_origin_and_unit(seed, order, shift, scale, sign, method):
    y = some_series(seed, 60, max(order[1], 1))
    f = ARIMA(order, method=method).fit(y).forecast(6)
    g = ARIMA(order, method=method).fit(sign * scale * y + shift).forecast(6)
    spread = scale * (np.ptp(y) + f.sd[-1])
    assert g.mean == pytest.approx(sign * scale * f.mean + shift, abs=2e-3 * spread)
    assert g.sd == pytest.approx(scale * f.sd, rel=2e-2)
    assert g.lower == pytest.approx(sign * scale * (f.lower if sign > 0 else f.upper) + shift, abs=2e-2 * spread)


@given(seeds, st.integers(2, 6))
def test_a_season_added_to_a_seasonally_differenced_model_is_added_to_its_forecasts(seed, m):
    rng = np.random.default_rng(seed)
    y, season = some_series(seed, 60), rng.normal(size=m) * 10
    model = ARIMA((0, 1, 1), (0, 1, 1), m)
    f, g = model.fit(y).forecast(2 * m), model.fit(y + np.resize(season, len(y))).forecast(2 * m)
    added = np.resize(season, len(y) + 2 * m)[len(y):]
    assert g.mean == pytest.approx(f.mean + added, abs=2e-3 * (np.ptp(y) + f.sd[-1]))
    assert g.sd == pytest.approx(f.sd, rel=2e-2)


@given(seeds, st.floats(-5, 5))
def test_a_slope_added_to_a_model_with_drift_is_added_to_drift_and_forecasts(seed, slope):
    y = some_series(seed, 60)
    f = ARIMA((1, 1, 0)).fit(y)
    g = ARIMA((1, 1, 0)).fit(y + slope * np.arange(len(y)))
    assert g.constant_ == pytest.approx(f.constant_ + slope, abs=1e-4)
    assert g.forecast(4).mean == pytest.approx(f.forecast(4).mean + slope * (len(y) + np.arange(4)), abs=1e-2)


# Forecasts -----------------------------------------------------------------------------------------------

@given(seeds, partials, partials, st.integers(0, 2))
def test_forecast_is_the_conditional_normal_of_the_dense_covariance_matrix(seed, r, s, d):
    ar, ma = coefficients(r), -coefficients(s)
    n, h, rng = 25, 5, np.random.default_rng(seed)
    y = undifference(rng.normal(size=n), rng.normal(size=d), d)
    model = ARIMA((len(ar), d, len(ma)), constant=False)
    structure, *_ = model._structure()
    model._set(structure, d, 0, y, np.r_[ar, ma], 0.0, True, True)
    V = toeplitz(autocovariances(ar, ma, n + h))
    weights = np.linalg.solve(V[:n, :n], V[:n, n:]).T
    w = weights @ (np.diff(y, d) if d else y)
    covariance = model.sigma2_ * (V[n:, n:] - weights @ V[:n, n:])
    integrate = np.eye(h)
    for _ in range(d):
        integrate = integrate.cumsum(axis=0)
    f = model.forecast(h)
    size = 1 + np.abs(y).max()
    assert f.mean == pytest.approx(undifference(w, y[-d:] if d else [], d)[d:] if d else w, abs=1e-6 * size)
    assert f.sd == pytest.approx(np.sqrt(np.diag(integrate @ covariance @ integrate.T)), rel=1e-5)


@given(seeds)
def test_intervals_far_from_the_start_are_those_of_the_psi_weights(seed):
    model = ARIMA((1, 1, 1)).fit(some_series(seed, 200))
    if np.abs(model.ma_[0]) < 0.9:
        expected = np.sqrt(model.sigma2_ * np.cumsum(model.psi_weights(8)**2))
        assert model.forecast(8).sd == pytest.approx(expected, rel=1e-6)


def test_intervals_cover_at_their_level():
    rng, level, count, n = np.random.default_rng(0), 0.8, 1500, 150
    Y = np.stack([undifference(arma(rng, n, [], [-0.4]), [0.0], 1) for _ in range(count)])
    f = fit_many(Y[:, :-3], (0, 1, 1), constant=False).forecast(3, level)
    for h in range(3):
        truth = Y[:, h - 3]
        inside = int(((f.lower[:, h] <= truth) & (truth <= f.upper[:, h])).sum())
        low, high = binom.ppf([0.0005, 0.9995], count, level)
        assert low - 0.01 * count <= inside <= high                     # estimated parameters cost a little


def test_simulated_paths_have_the_moments_of_the_forecast():
    model = ARIMA((1, 1, 1)).fit(some_series(5, 100))
    f, paths = model.forecast(4), model.simulate(4, 40_000, random_state=3)
    error = f.sd / np.sqrt(len(paths))
    assert (np.abs(paths.mean(axis=0) - f.mean) < 4 * error).all()
    assert paths.std(axis=0) == pytest.approx(f.sd, rel=0.02)
    psi = model.psi_weights(2)
    assert np.cov(paths[:, :2].T)[0, 1] == pytest.approx(model.sigma2_ * psi[1], rel=0.05)


# Many series ---------------------------------------------------------------------------------------------

@given(seeds, st.sampled_from([(0, 1, 1), (1, 1, 0), (1, 1, 1), (2, 0, 0)]), st.booleans(), methods)
def test_many_series_are_fitted_as_one_by_one(seed, order, constant, method):
    Y = np.stack([some_series(seed + i, 40) for i in range(3)])
    many = fit_many(Y, order, constant=constant, method=method)
    for i, y in enumerate(Y):
        one = ARIMA(order, constant=constant, method=method).fit(y)
        assert many.converged[i] == one.converged_
        if one.converged_:
            assert many.loglik[i] == pytest.approx(one.loglik_, abs=1e-5)
            assert many.params[i] == pytest.approx(np.r_[one.ar_, one.ma_], abs=2e-3)
