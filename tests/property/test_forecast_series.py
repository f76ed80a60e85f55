"""Laws that `bizai.forecast.series` obeys for any series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.forecast.series import acf, difference, ljung_box, pacf, seasonal_strength, undifference

orders = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(2, 7))
seeds = st.integers(0, 2**32 - 1)


@given(st.lists(st.integers(-10**6, 10**6), min_size=20, max_size=40), orders)
def test_undifference_inverts_difference_exactly_on_integers(y, dDm):
    d, D, m = dDm
    start = y[:d + D * m]
    assert undifference(difference(y, d, D, m), start, d, D, m).tolist() == y


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=40), orders)
def test_undifference_inverts_difference(y, dDm):
    d, D, m = dDm
    back = undifference(difference(y, d, D, m), y[:d + D * m], d, D, m)
    assert back == pytest.approx(y, abs=1e-11 * 40**(d + D) * (1 + max(map(abs, y))))


@given(seeds, orders, st.floats(-100, 100), st.floats(-10, 10))
def test_differences_remove_trend_and_season(seed, dDm, level, slope):
    d, D, m = dDm
    rng = np.random.default_rng(seed)
    y, season = rng.normal(size=50), np.resize(rng.normal(size=m), 50)
    shifted = y + level * (d + D > 0) + slope * np.arange(50) * (d + D > 1) + season * (D > 0)
    assert difference(shifted, d, D, m) == pytest.approx(difference(y, d, D, m), abs=1e-10)


@given(seeds, st.integers(5, 60), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.sampled_from([-1, 1]))
def test_correlations_do_not_depend_on_origin_and_unit(seed, size, shift, scale, sign):
    y = np.random.default_rng(seed).normal(size=size).cumsum()
    lags = min(10, size - 1)
    for function in acf, pacf:
        values = function(y, lags).values
        assert function(sign * scale * y + shift, lags).values == pytest.approx(values, abs=1e-6)
        assert (np.abs(values) <= 1 + 1e-12).all()
    assert acf(y, lags).values[1] == pytest.approx(pacf(y, lags).values[1], abs=1e-12)


@given(seeds, st.integers(6, 60))
def test_partial_correlations_solve_the_yule_walker_equations(seed, size):
    y = np.random.default_rng(seed).normal(size=size)
    rho, partial = acf(y, 5).values, pacf(y, 5).values
    for k in range(1, 6):
        R = rho[np.abs(np.subtract.outer(np.arange(k), np.arange(k)))]
        assert np.linalg.solve(R, rho[1:k + 1])[-1] == pytest.approx(partial[k], abs=1e-9)


@given(seeds, st.integers(12, 60), st.integers(1, 8))
def test_ljung_box_grows_with_lags(seed, size, lags):
    e = np.random.default_rng(seed).normal(size=size)
    a, b = ljung_box(e, lags), ljung_box(e, lags + 1)
    assert b.statistic >= a.statistic >= 0 and 0 <= a.p_value <= 1


@given(seeds, st.integers(2, 12), st.integers(3, 6), st.floats(-5, 5), st.floats(-100, 100))
def test_seasonal_strength_ignores_level_and_slope(seed, m, years, slope, level):
    y = np.random.default_rng(seed).normal(size=m * years)
    strength = seasonal_strength(y, m)
    assert 0 <= strength <= 1
    assert seasonal_strength(y + level + slope * np.arange(len(y)), m) == pytest.approx(strength, abs=1e-6)
