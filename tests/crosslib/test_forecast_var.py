"""`bizai.forecast.var` against statsmodels and against scikit-learn's regression."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from sklearn.linear_model import LinearRegression
from statsmodels.tsa.api import VAR as Peer

from bizai.forecast.var import VAR, choose_lags


def macro():
    """Quarterly growth of US output, consumption and investment: three correlated series, 202 rows."""
    data = sm.datasets.macrodata.load_pandas().data[["realgdp", "realcons", "realinv"]].to_numpy()
    return np.diff(np.log(data), axis=0)


def rates():
    """Inflation, unemployment and interest in percent, nearly a unit root each."""
    return sm.datasets.macrodata.load_pandas().data[["infl", "unemp", "tbilrate"]].to_numpy()


def levels():
    """Output in levels, thousands, beside an interest rate: far from zero and explosive at times."""
    return sm.datasets.macrodata.load_pandas().data[["realgdp", "tbilrate"]].to_numpy()


TABLES = {"growth": macro(), "rates": rates(), "levels": levels()}
CASES = [(name, p, trend) for name in TABLES for p in (1, 4) for trend in ("n", "c", "ct")]


def close(ours, peers, digits=1e-8):
    peers = np.asarray(peers)
    assert_allclose(ours, peers, rtol=digits, atol=digits * abs(peers).max())


@pytest.mark.parametrize("name, p, trend", CASES)
def test_everything_statsmodels_computes(name, p, trend):
    Y = TABLES[name]
    ours, peer = VAR(p, trend).fit(Y), Peer(Y).fit(p, trend=trend)
    close(ours.parameters_, peer.params)
    close(ours.standard_errors_, peer.stderr)
    close(ours.coefficients_, peer.coefs)
    close(ours.covariance_, peer.sigma_u)
    close(ours.covariance_ml_, peer.sigma_u_mle)
    close(ours.residuals_, peer.resid)
    close([ours.loglik_, ours.aic_, ours.bic_, ours.hqic_], [peer.llf, peer.aic, peer.bic, peer.hqic])
    forecast = ours.forecast(12, level=0.9)
    peers = peer.forecast_interval(Y[-p:], 12, alpha=0.1)
    for part, other in zip((forecast.mean, forecast.lower, forecast.upper), peers):
        close(part, other)
    close(forecast.covariances, peer.forecast_cov(12))
    close(ours.impulse_response(12), peer.irf(12).irfs)
    close(ours.impulse_response(12, orthogonal=True), peer.irf(12).orth_irfs)
    close(ours.variance_decomposition(12), peer.fevd(12).decomp.transpose(1, 0, 2))
    assert ours.is_stable_ == peer.is_stable()
    close(abs(1 / ours.eigenvalues_[:2]), np.sort(abs(peer.roots))[:2])


@pytest.mark.parametrize("causing, caused", [([1], [0]), ([0, 1], [2]), ([2], [0, 1])])
@pytest.mark.parametrize("kind", ["F", "wald"])
def test_causality(causing, caused, kind):
    for name in ("growth", "rates"):
        ours = VAR(4).fit(TABLES[name]).granger(causing, caused, kind)
        peer = Peer(TABLES[name]).fit(4).test_causality(caused, causing, kind=kind.lower())
        assert ours.statistic == pytest.approx(peer.test_statistic, rel=1e-8)
        assert ours.p_value == pytest.approx(peer.pvalue, rel=1e-8)
        assert np.ravel(peer.df).tolist() == list(ours.df)


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
def test_choice_of_lags(trend):
    for Y in TABLES.values():
        ours, peer = choose_lags(Y, 6, trend), Peer(Y).select_order(6, trend=trend)
        for criterion in ("aic", "bic", "hqic"):
            close(getattr(ours, criterion), peer.ics[criterion])
            assert ours.best(criterion) == peer.selected_orders[criterion]


def test_equations_one_by_one_in_scikit_learn():
    Y = TABLES["rates"]
    ours = VAR(4).fit(Y)
    Z = np.column_stack([Y[4 - i:len(Y) - i] for i in range(1, 5)])
    for k in range(3):
        peer = LinearRegression().fit(Z, Y[4:, k])
        close(ours.parameters_[:, k], np.r_[peer.intercept_, peer.coef_])


def test_one_series_is_statsmodels_autoregression():
    from statsmodels.tsa.ar_model import AutoReg

    y = sm.datasets.sunspots.load_pandas().data["SUNACTIVITY"].to_numpy()
    ours, peer = VAR(3).fit(y[:, None]), AutoReg(y, 3).fit()
    close(ours.parameters_[:, 0], peer.params)
    close(ours.forecast(8).mean[:, 0], peer.forecast(8))
    close(ours.covariance_ml_[0, 0], peer.sigma2)


def test_parameter_uncertainty_is_near_its_mean_over_samples():
    """statsmodels adds the mean over samples of what ours has for the observed one: equal on average."""
    rng = np.random.default_rng(1)
    extra, expected = [], []
    for _ in range(60):
        Y = rng.normal(size=(150, 2)) @ [[1, 0.4], [0, 1]]
        for t in range(1, 150):
            Y[t] += 0.5 * Y[t - 1]
        ours, peer = VAR(1).fit(Y), Peer(Y).fit(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected.append(peer.forecast_cov(4, method="auto") - peer.forecast_cov(4))
        extra.append(ours.forecast(4, parameters=True).covariances - ours.forecast(4).covariances)
    assert_allclose(np.mean(extra, axis=0), np.mean(expected, axis=0), rtol=0.25, atol=0.004)
