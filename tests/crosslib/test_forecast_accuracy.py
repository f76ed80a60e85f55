"""`bizai.forecast.accuracy` against scikit-learn, SciPy and statsmodels."""

import numpy as np
import pytest
import sklearn.metrics
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.stats import ttest_1samp
from statsmodels.tsa.statespace.sarimax import SARIMAX

from bizai.forecast.accuracy import diebold_mariano, drift, mae, naive, pinball, rmse, seasonal_naive

RNG = np.random.default_rng(3)
Y, F = RNG.normal(10, 3, size=(2, 60))


def test_errors_in_scikit_learn():
    assert mae(Y, F) == pytest.approx(sklearn.metrics.mean_absolute_error(Y, F), rel=1e-14)
    assert rmse(Y, F) == pytest.approx(sklearn.metrics.root_mean_squared_error(Y, F), rel=1e-14)
    for q in (0.05, 0.5, 0.9):
        assert pinball(Y, F, q) == pytest.approx(sklearn.metrics.mean_pinball_loss(Y, F, alpha=q), rel=1e-14)


def test_diebold_mariano_one_step_ahead_is_students_t():
    e1, e2 = RNG.normal(size=(2, 25))
    ours, peer = diebold_mariano(e1, e2, loss="squared"), ttest_1samp(e1**2 - e2**2, 0)
    assert_allclose([ours.statistic, ours.p_value], [peer.statistic, peer.pvalue], rtol=1e-10)


@pytest.mark.parametrize("h", [2, 4])
def test_diebold_mariano_has_statsmodels_long_run_variance(h):
    n = 80
    shocks = np.random.default_rng(5).normal(size=(2, n + h - 1))
    e1, e2 = (np.convolve(e, np.ones(h), "valid") for e in shocks)      # moving averages of h shocks
    peer = sm.OLS(abs(e1) - abs(e2), np.ones(n)).fit(
        cov_type="HAC", cov_kwds={"maxlags": h - 1, "kernel": "uniform", "use_correction": False})
    ours = diebold_mariano(e1, e2, h)
    correction = np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    assert ours.statistic == pytest.approx(peer.tvalues[0] * correction, rel=1e-10)


@pytest.mark.parametrize("season", [1, 12])
def test_naive_forecasts_are_differences_of_white_noise(season):
    """SARIMAX with one (seasonal) difference and nothing else, sigma^2 at the mean square of the differences."""
    y = sm.datasets.co2.load_pandas().data["co2"].resample("MS").mean().interpolate().to_numpy()[-150:]
    order = {"order": (0, 1, 0)} if season == 1 else {"order": (0, 0, 0), "seasonal_order": (0, 1, 0, season)}
    peer = SARIMAX(y, **order).smooth([np.mean((y[season:] - y[:-season]) ** 2)]).get_forecast(30)
    ours = naive(y, 30) if season == 1 else seasonal_naive(y, 30, season=season)
    assert_allclose(ours.mean, peer.predicted_mean, rtol=1e-9)
    assert_allclose(ours.sd, peer.se_mean, rtol=1e-6)
    assert_allclose(np.column_stack([ours.lower, ours.upper]), peer.conf_int(alpha=0.1), rtol=1e-7)


def test_drift_is_a_regression_of_the_differences_on_a_constant():
    y = sm.datasets.nile.load_pandas().data["volume"].to_numpy()
    peer = sm.OLS(np.diff(y), np.ones(len(y) - 1)).fit()
    step = np.arange(1, 11)
    ours = drift(y, 10)
    assert_allclose(ours.mean, y[-1] + step * peer.params[0], rtol=1e-12)
    assert_allclose(ours.sd, np.sqrt(step * peer.scale + (step * peer.bse[0]) ** 2), rtol=1e-12)
