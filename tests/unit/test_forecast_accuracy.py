"""`bizai.forecast.accuracy` and `bizai.forecast.result`: a hand value for each, and what they refuse."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bizai.forecast.accuracy import (
    coverage, diebold_mariano, drift, interval_score, mae, mase, naive, pinball, rmse, seasonal_naive, smape,
)
from bizai.forecast.result import Forecast, normal_forecast

Z90 = 1.6448536269514722        # 95 % quantile of the standard normal


def test_errors_by_hand():
    y, f = [10, 20, 30], [12, 20, 26]
    assert mae(y, f) == 2
    assert rmse(y, f) == pytest.approx(math.sqrt(20 / 3))
    assert mae(3, 5) == 2
    assert mae([[1, 2], [3, 4]], [[1, 2], [3, 8]]) == 1


def test_mase_by_hand():
    # differences of the history 2, 4, 6: mean 4; two seasons apart 6, 10: mean 8
    assert mase([20, 10], [22, 8], [1, 3, 7, 13]) == pytest.approx(0.5)
    assert mase([20, 10], [22, 8], [1, 3, 7, 13], season=2) == pytest.approx(0.25)
    assert math.isnan(mase([1], [2], [5, 5, 5])) and math.isnan(mase([1], [2], [1, 2, 1, 2], season=2))


def test_smape_by_hand():
    # 2*10/190, 2*10/210, and 0/0
    assert smape([100, 100, 0], [90, 110, 0]) == pytest.approx((20 / 190 + 20 / 210) / 3)
    assert smape([0, 5], [3, -5]) == 2
    assert smape([100], [50]) > smape([100], [150])      # not symmetric: 2/3 and 2/5


def test_pinball_by_hand():
    # 0.9 * 5 for the value above, 0.1 * 3 for the one below
    assert pinball([15, 7], [10, 10], 0.9) == pytest.approx((4.5 + 0.3) / 2)
    assert pinball([15, 7], [10, 10], 0.5) == pytest.approx(mae([15, 7], [10, 10]) / 2)


def test_coverage_and_interval_score_by_hand():
    y, low, high = [5, 10, 13, 1], [4, 10, 8, 2], [6, 12, 12, 4]
    assert coverage(y, low, high) == 0.5                 # the end 10 counts as inside
    # widths 2, 2, 4, 2; outside by 1 above and 1 below; 2/alpha = 10
    assert interval_score(y, low, high, 0.8) == pytest.approx((2 + 2 + 14 + 12) / 4)


def test_diebold_mariano_by_hand():
    # absolute losses differ by 1, -1, 2, 0: mean 0.5, mean square of the deviations 5/4
    one, other = [2, 1, -3, 1], [1, 2, 1, -1]
    test = diebold_mariano(one, other)
    assert test.mean_difference == 0.5 and test.df == 3
    assert test.statistic == pytest.approx(0.5 / math.sqrt(1.25 / 4) * math.sqrt(3 / 4))
    assert diebold_mariano(other, one).statistic == pytest.approx(-test.statistic)
    assert diebold_mariano(one, other, loss="squared").mean_difference == pytest.approx((3 - 3 + 8 + 0) / 4)
    # h = 2 adds twice the first autocovariance (0.5*-1.5 - 1.5*1.5 + 1.5*-0.5)/4 = -3.75/4: 5/4 - 7.5/4 < 0,
    # so Bartlett's weight 1/2 gives 5/4 - 3.75/4 = 1.25/4; the correction is (4 + 1 - 4 + 2/4)/4
    two = diebold_mariano(one, other, h=2)
    assert two.statistic == pytest.approx(0.5 / math.sqrt(1.25 / 16) * math.sqrt(1.5 / 4))
    same = diebold_mariano([1, 2, 3], [0, 1, 2])
    assert same.mean_difference == 1 and math.isnan(same.statistic) and math.isnan(same.p_value)


def test_diebold_mariano_keeps_its_size():
    rng = np.random.default_rng(1)
    shocks = rng.normal(size=(2, 1000, 82))
    e1, e2 = shocks[..., 2:] + 0.7 * shocks[..., 1:-1] + 0.5 * shocks[..., :-2]      # three steps ahead: an MA(2)
    found = sum(diebold_mariano(a, b, h=3).p_value < 0.05 for a, b in zip(e1, e2))
    assert 25 <= found <= 90
    better = sum(diebold_mariano(a, 1.5 * b, h=3).p_value < 0.05 for a, b in zip(e1, e2))
    assert better > 700


def test_naive_by_hand():
    # differences 2, -1, 3: mean square 14/3
    forecast = naive([1, 3, 2, 5], 4)
    assert forecast.mean.tolist() == [5, 5, 5, 5] and forecast.level == 0.9
    assert_allclose(forecast.sd, np.sqrt(14 / 3 * np.arange(1, 5)))
    assert_allclose(forecast.upper, 5 + Z90 * forecast.sd)
    assert_allclose(forecast.lower, 5 - Z90 * forecast.sd)


def test_seasonal_naive_by_hand():
    # differences two apart: 3, 4, -1: mean square 26/3
    forecast = seasonal_naive([1, 2, 4, 6, 3], 5, season=2)
    assert forecast.mean.tolist() == [6, 3, 6, 3, 6]
    assert_allclose(forecast.sd, np.sqrt(26 / 3 * np.array([1, 1, 2, 2, 3])))


def test_drift_by_hand():
    # c = 2; differences 3, 1, 2: deviations 1, -1, 0, sum of squares 2 over T - 2 = 2
    forecast = drift([1, 4, 5, 7], 3)
    assert_allclose(forecast.mean, [9, 11, 13])
    assert_allclose(forecast.sd, np.sqrt([1 * (1 + 1 / 3), 2 * (1 + 2 / 3), 3 * (1 + 3 / 3)]))
    straight = drift([150, 160, 170, 180, 190, 200], 1)
    assert straight.mean.tolist() == straight.upper.tolist() == [210]


@pytest.mark.parametrize("forecaster, make", [
    (naive, lambda rng: rng.normal(size=31).cumsum()),
    (lambda y, h: seasonal_naive(y, h, season=4), lambda rng: rng.normal(size=(16, 4)).cumsum(axis=0).ravel()),
    (drift, lambda rng: (0.7 + rng.normal(size=31)).cumsum()),
])
def test_intervals_cover_where_their_model_holds(forecaster, make):
    """sigma is estimated from 24 to 56 differences, so a little under the level is exact: t instead of normal."""
    rng = np.random.default_rng(4)
    inside = np.zeros(6)
    for _ in range(3000):
        y = make(rng)
        forecast = forecaster(y[:-6], 6)
        inside += (forecast.lower <= y[-6:]) & (y[-6:] <= forecast.upper)
    assert (inside / 3000 > 0.87).all() and (inside / 3000 < 0.92).all()


def test_quantiles_of_a_forecast():
    forecast = normal_forecast([10, 20], [1, 2], 0.8)
    assert_allclose(forecast.quantile(0.5), [10, 20])
    assert_allclose(forecast.quantile(0.9), forecast.upper)
    assert_allclose(forecast.quantile(0.975), [10 + 1.959963984540054, 20 + 2 * 1.959963984540054])
    assert isinstance(forecast, Forecast)
    with pytest.raises(AttributeError):
        forecast.mean = 0
    for q in (0, 1, "a"):
        with pytest.raises(ValueError, match="q must be a number > 0 and < 1"):
            forecast.quantile(q)


def test_no_scale_and_any_scale():
    assert np.isnan(mase([1], [2], [0.1 + 0.2, 0.3, 0.3]))        # the first two differ by rounding
    e1, e2 = np.random.default_rng(0).normal(size=(2, 40))
    expected = diebold_mariano(e1, e2, h=3)
    for scale in (1e-200, 1e12):
        found = diebold_mariano(e1 * scale, e2 * scale, h=3)
        assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
        assert found.p_value == pytest.approx(expected.p_value, rel=1e-12)


@pytest.mark.parametrize("call, message", [
    (lambda: mae([1, 2], [1]), r"y and forecast must have one shape, got \(2,\) and \(1,\)"),
    (lambda: mae([], []), "y must be finite and not empty, got no value"),
    (lambda: rmse([1, math.nan], [1, 2]), "y must be finite and not empty, got nan or inf"),
    (lambda: rmse([1], ["a"]), "forecast must hold numbers, got"),
    (lambda: mase([1], [1], [1, 2], season=2), "history must have more than season = 2 values, got 2"),
    (lambda: mae(["1"], [1]), "y must hold numbers, got"),
    (lambda: mae(np.array([1j]), [1]), "y must hold numbers, got"),
    (lambda: mae(np.array(["2024-01-01"], dtype="M8[D]"), [1]), "y must hold numbers, got"),
    (lambda: mae(np.ma.array([1, 2], mask=[0, 1]), [1, 2]), "y must be finite and not empty, got nan or inf"),
    (lambda: normal_forecast([1, 2], [1, 2, 3]), r"sd must have the shape \(2,\) of mean, got \(3,\)"),
    (lambda: normal_forecast([1, 2], [-1, 1]), "sd must be >= 0, got -1.0"),
    (lambda: normal_forecast([1, 2], [1, np.nan]), "sd must be >= 0, got nan"),
    (lambda: normal_forecast("a", [1]), "mean must hold numbers, got"),
    (lambda: mase([1], [1], [[1, 2]]), r"history must have 1 dimension, got shape \(1, 2\)"),
    (lambda: mase([1], [1], [1, 2], season=0), "season must be an integer >= 1, got 0"),
    (lambda: pinball([1], [1], 1), "q must be a number > 0 and < 1, got 1"),
    (lambda: interval_score([1], [0], [2], 0), "level must be a number > 0 and < 1, got 0"),
    (lambda: coverage([1], [3], [2]), "lower must be <= upper, got 3.0 > 2.0"),
    (lambda: diebold_mariano([1, 2], [2, 1], 2),
     r"e1 must be one-dimensional with more than h = 2 errors, got shape \(2,\)"),
    (lambda: diebold_mariano([1, 2], [2, 1], loss="log"), """loss must be "absolute" or "squared", got 'log'"""),
    (lambda: naive([1], 2), "y must have more than season = 1 values, got 1"),
    (lambda: naive([1, 2], 0), "h must be an integer >= 1, got 0"),
    (lambda: naive([1, 2], 1, 1.5), "level must be a number > 0 and < 1, got 1.5"),
    (lambda: seasonal_naive([1, 2], 1, season=2), "y must have more than season = 2 values, got 2"),
    (lambda: drift([1, 2], 1), "y must have at least 3 values, got 2"),
    (lambda: drift([1, 2, math.inf], 1), "y must be finite and not empty, got nan or inf"),
])
def test_arguments_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()
