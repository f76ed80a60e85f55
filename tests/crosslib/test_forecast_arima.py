"""`bizai.forecast.arima` and `.many` against statsmodels' state space models and statsforecast's optimum."""

import warnings

import numpy as np
import pytest
from statsmodels.tsa.statespace.sarimax import SARIMAX
from statsmodels.tsa.arima.model import ARIMA as StatsmodelsARIMA

from benchmarks.forecast import a_dozen
from bizai.forecast.arima import ARIMA, arma_loglik, choose_order
from bizai.forecast.many import fit_many

SERIES = a_dozen()
MODELS = {
    "(1,1,1)": ((1, 1, 1), (0, 0, 0), False),
    "(1,1,1) with drift": ((1, 1, 1), (0, 0, 0), True),
    "airline": ((0, 1, 1), (0, 1, 1), False),
}


def statsmodels(y, order, seasonal, season, constant):
    """The exact likelihood of the differenced series, its optimum polished by Nelder and Mead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SARIMAX(y, order=order, seasonal_order=(*seasonal, season if any(seasonal) else 0),
                        trend="c" if constant else "n", simple_differencing=True)
        first = model.fit(disp=0, maxiter=200)
        return model.fit(first.params, method="nm", xtol=1e-7, ftol=1e-11, maxiter=2000, maxfun=2000, disp=0)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("model", MODELS)
def test_estimates_of_statsmodels(model, name):
    (order, seasonal, constant), (y, season) = MODELS[model], SERIES[name]
    season = max(season, 4) if any(seasonal) else 1
    ours = ARIMA(order, seasonal, season, constant).fit(y)
    theirs = statsmodels(y, order, seasonal, season, constant)
    params = ours.params_.copy()
    if constant:
        params[0] = ours.intercept_
    assert -1e-7 < ours.loglik_ - theirs.llf < 1e-5
    assert params[:-1] == pytest.approx(theirs.params[:-1], abs=1e-4, rel=1e-4)
    assert ours.sigma2_ == pytest.approx(theirs.params[-1], rel=1e-4)
    assert (ours.aic_, ours.aicc_, ours.bic_) == pytest.approx((theirs.aic, theirs.aicc, theirs.bic), abs=2e-5)


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("model", MODELS)
def test_likelihood_forecasts_and_residuals_at_the_same_parameters(model, name):
    (order, seasonal, constant), (y, season) = MODELS[model], SERIES[name]
    season = max(season, 4) if any(seasonal) else 1
    ours = ARIMA(order, seasonal, season, constant).fit(y)
    theirs = SARIMAX(y, order=order, seasonal_order=(*seasonal, season if any(seasonal) else 0),
                     trend="c" if constant else "n", simple_differencing=True)
    params = ours.params_.copy()
    if constant:
        params[0] = ours.intercept_
    result = theirs.filter(params)
    assert ours.loglik_ == pytest.approx(result.llf, abs=1e-7)
    assert ours.residuals_ == pytest.approx(result.resid, abs=1e-5 * np.std(y))
    ahead = ours.forecast(24, level=0.9)
    levels = SARIMAX(y, order=order, seasonal_order=(*seasonal, season if any(seasonal) else 0),
                     trend="c" if constant else "n", use_exact_diffuse=True).filter(params).get_forecast(24)
    scale = ahead.sd[-1]
    assert ahead.mean == pytest.approx(levels.predicted_mean, abs=1e-4 * scale)
    assert ahead.sd == pytest.approx(levels.se_mean, rel=1e-4)
    interval = levels.conf_int(alpha=0.1)
    assert ahead.lower == pytest.approx(interval[:, 0], abs=1e-3 * scale)
    assert ahead.upper == pytest.approx(interval[:, 1], abs=1e-3 * scale)


@pytest.mark.parametrize("p, q", [(2, 0), (0, 2), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("name", ["nile", "sunspots", "el nino"])
def test_a_mean_is_that_of_statsmodels_arima(name, p, q):
    y, _ = SERIES[name]
    y = y[:150]
    ours = ARIMA((p, 0, q)).fit(y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = StatsmodelsARIMA(y, order=(p, 0, q), trend="c").fit(
            method_kwargs=dict(pgtol=1e-10, factr=1, maxiter=1000))
    assert ours.loglik_ > theirs.llf - 1e-5                         # it stops early, or at a lower peak
    at_ours = StatsmodelsARIMA(y, order=(p, 0, q), trend="c").filter(ours.params_)
    assert at_ours.llf == pytest.approx(ours.loglik_, abs=1e-7)
    assert at_ours.forecast(10) == pytest.approx(ours.forecast(10).mean, abs=1e-6 * np.std(y))


def test_standard_errors():
    y = SERIES["nile"][0]
    ours = ARIMA((1, 1, 1), constant=False).fit(y)
    model = SARIMAX(y, order=(1, 1, 1), simple_differencing=True)
    theirs = model.fit(start_params=ours.params_, disp=0, cov_type="approx", pgtol=1e-10, factr=1)
    assert ours.standard_errors_ == pytest.approx(theirs.bse, rel=1e-3)


def test_standard_errors_of_a_mean_and_simulation_agree():
    rng = np.random.default_rng(4)
    Y = rng.normal(size=(800, 201))
    Y = 3 + Y[:, 1:] + 0.5 * Y[:, :-1]
    many = fit_many(Y, (0, 0, 1))
    errors = np.array([many.model(i).standard_errors_ for i in range(60)]).mean(axis=0)
    assert errors[:2] == pytest.approx([many.constant.std(), many.params[:, 0].std()], rel=0.1)
    assert errors[2] == pytest.approx(many.sigma2.std(), rel=0.1)


def test_many_series_against_one_by_one_and_statsforecast():
    models = pytest.importorskip("statsforecast.models")

    rng = np.random.default_rng(1)
    Y = rng.normal(size=(60, 120)).cumsum(axis=1) + rng.normal(size=(60, 120))
    many = fit_many(Y, (0, 1, 1), constant=False)
    for i, y in enumerate(Y):
        one = ARIMA((0, 1, 1), constant=False).fit(y)
        assert many.loglik[i] == pytest.approx(one.loglik_, abs=1e-5)
        assert many.params[i] == pytest.approx(one.ma_, abs=1e-3)
        assert many.loglik[i] == pytest.approx(arma_loglik(np.diff(y), ma=many.params[i]), abs=1e-9)
    for y, loglik, theta in list(zip(Y, many.loglik, many.params))[:5]:
        coefficient = float(np.ravel(models.ARIMA(order=(0, 1, 1)).fit(y).model_["coef"]["ma1"])[0])
        assert loglik >= arma_loglik(np.diff(y), ma=[coefficient]) - 1e-9
        assert theta == pytest.approx(coefficient, abs=0.05)        # its start of the level is another one


def test_chosen_order_has_the_least_aicc_of_statsmodels_too():
    y = SERIES["nile"][0]
    choice = choose_order(y, max_p=2, max_q=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        aicc = {(p, q, c): statsmodels(y, (p, 1, q), (0, 0, 0), 1, c).aicc
                for p in range(3) for q in range(3) for c in (False, True)}
    first = choice.table[0]
    assert min(aicc, key=aicc.get) == (first.order[0], first.order[2], first.constant)
    assert first.aicc == pytest.approx(min(aicc.values()), abs=1e-4)
