"""`bizai.forecast.series` against statsmodels."""

import warnings

import numpy as np
import pytest
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.tsa import stattools
from statsmodels.tsa.seasonal import seasonal_decompose

from benchmarks.forecast import a_dozen
from bizai.forecast.series import acf, difference, ljung_box, pacf, seasonal_strength, unit_root_tests

SERIES = a_dozen()


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("name", SERIES)
def test_correlations_and_their_bands(name):
    y = difference(SERIES[name][0])
    values, interval = stattools.acf(y, nlags=20, adjusted=False, alpha=0.1)
    ours = acf(y, 20, level=0.9)
    assert ours.values == pytest.approx(values, abs=1e-12)
    assert ours.band == pytest.approx(interval[:, 1] - values, abs=1e-12)
    values, interval = stattools.pacf(y, nlags=20, method="ldb", alpha=0.1)
    ours = pacf(y, 20, level=0.9)
    assert ours.values == pytest.approx(values, abs=1e-12)
    assert ours.band == pytest.approx(interval[:, 1] - values, abs=1e-12)


@pytest.mark.parametrize("name", SERIES)
def test_ljung_box(name):
    y = difference(SERIES[name][0])
    ours, theirs = ljung_box(y, 15, fitted=3), acorr_ljungbox(y, lags=[15], model_df=3)
    assert ours.statistic == pytest.approx(theirs.lb_stat.iloc[0], rel=1e-12)
    assert ours.p_value == pytest.approx(theirs.lb_pvalue.iloc[0], rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("name", ["nile", "money", "el nino"])
def test_unit_root_tests_are_those_of_statsmodels(name):
    y, season = SERIES[name]
    for test in unit_root_tests(y, D=0).tests:
        x = np.diff(y, test.d)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert (test.adf_statistic, test.adf_p_value) == stattools.adfuller(x)[:2]
            assert (test.kpss_statistic, test.kpss_p_value) == stattools.kpss(x, nlags="auto")[:2]


@pytest.mark.parametrize("name", [name for name, (_, season) in SERIES.items() if season > 1])
def test_seasonal_strength_from_the_classical_decomposition(name):
    y, season = SERIES[name]
    parts = seasonal_decompose(y, period=season)
    ok = ~np.isnan(parts.trend)
    rest = parts.resid[ok]
    expected = max(0, 1 - np.var(rest) / np.var(parts.seasonal[ok] + rest))
    assert seasonal_strength(y, season) == pytest.approx(expected, abs=2e-3)    # it centres the season
