"""Laws that the measures and the simple forecasters obey for any numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from pytest import approx

from bizai.forecast.accuracy import (
    coverage, diebold_mariano, drift, interval_score, mae, mase, naive, pinball, rmse, seasonal_naive, smape,
)

values = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
series = st.integers(8, 40).flatmap(lambda n: arrays(float, n, elements=values))
pairs = st.integers(1, 20).flatmap(lambda n: arrays(float, (2, n), elements=values))
shares = st.floats(0.01, 0.99)


@given(pairs)
def test_measures_are_in_order_and_0_for_perfect_forecasts(pair):
    y, f = pair
    assert 0 <= mae(y, f) <= rmse(y, f) * (1 + 1e-12)
    assert 0 <= smape(y, f) <= 2 and smape(y, f) == smape(f, y)
    assert mae(y, y) == rmse(y, y) == smape(y, y) == pinball(y, y, 0.3) == 0


@given(pairs, series, st.floats(0.01, 100), st.integers(1, 4))
def test_scale_free_measures(pair, history, factor, season):
    y, f = pair
    assert_allclose(mase(factor * y, factor * f, factor * history, season), mase(y, f, history, season), rtol=1e-9)
    assert smape(factor * y, factor * f) == approx(smape(y, f), rel=1e-9, abs=1e-12)


@given(arrays(float, (3, 12), elements=values), shares)
def test_interval_score_is_the_pinball_losses_of_its_ends(table, level):
    y = table[0]
    low, high = np.sort(table[1:], axis=0)
    alpha = 1 - level
    ends = pinball(y, low, alpha / 2) + pinball(y, high, 1 - alpha / 2)
    assert interval_score(y, low, high, level) == approx(2 / alpha * ends, rel=1e-9, abs=1e-6)
    assert interval_score(y, low, high, level) >= np.mean(high - low) * (1 - 1e-12)
    assert 0 <= coverage(y, low, high) <= 1
    assert coverage(y, low - 1, high + 1) >= coverage(y, low, high)


@given(series, shares)
def test_no_number_has_less_pinball_loss_than_the_quantile(y, q):
    best = np.quantile(y, q, method="inverted_cdf")
    loss = pinball(y, np.full(len(y), best), q)
    for other in y:
        assert loss <= pinball(y, np.full(len(y), other), q) * (1 + 1e-9) + 1e-9


@given(arrays(float, (2, 20), elements=values), st.integers(1, 5))
def test_diebold_mariano_changes_sign_with_its_arguments(errors, h):
    one, other = diebold_mariano(*errors, h), diebold_mariano(*errors[::-1], h)
    assert_allclose([other.statistic, other.p_value], [-one.statistic, one.p_value], rtol=1e-9)
    assert np.isnan(one.p_value) or 0 <= one.p_value <= 1
    assert np.isnan(one.statistic) or one.statistic * one.mean_difference >= 0


@given(series, st.integers(1, 12), st.integers(1, 6), st.floats(-1e4, 1e4), st.sampled_from([-3.0, 0.1, 50.0]))
def test_simple_forecasts_follow_shift_and_scale(y, h, season, shift, scale):
    for forecaster in (naive, drift, lambda y, h: seasonal_naive(y, h, season=season)):
        one, other = forecaster(scale * y + shift, h), forecaster(y, h)
        size = 1e-8 * (1 + abs(shift) + abs(scale) * abs(y).max())
        assert_allclose(one.mean, scale * other.mean + shift, atol=size)
        assert_allclose(one.sd, abs(scale) * other.sd, atol=size)
        assert (one.lower <= one.mean).all() and (one.mean <= one.upper).all() and (np.diff(one.sd) >= 0).all()


@given(series, st.integers(1, 12))
def test_naive_is_seasonal_naive_of_season_one(y, h):
    one, other = naive(y, h, 0.8), seasonal_naive(y, h, 0.8, season=1)
    assert_allclose([one.mean, one.upper], [other.mean, other.upper], rtol=0)
    assert (one.mean == y[-1]).all()


@given(values, st.integers(-1000, 1000), st.integers(3, 30), st.integers(1, 9))
def test_drift_continues_a_straight_line(start, slope, T, h):
    y = start + slope * np.arange(T + h)
    forecast = drift(y[:T], h)
    assert_allclose(forecast.mean, y[T:], rtol=1e-9, atol=1e-6)
    assert (forecast.sd <= 1e-6).all()
