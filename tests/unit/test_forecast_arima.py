"""`bizai.forecast.arima` and `.many`: values found by hand, clear rules at the edges, and what is refused."""

import math

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from bizai.forecast import likelihood
from bizai.forecast.arima import ARIMA, arma_loglik, choose_order
from bizai.forecast.many import fit_many
from bizai.forecast.series import undifference

LINE = [150, 160, 170, 180, 190, 200]
RNG = np.random.default_rng(7)
NOISE = RNG.normal(size=120)
WALK = NOISE.cumsum() + RNG.normal(size=120)


def at(model, y, coefficients, mu=0.0, sigma2=1.0):
    """The model with these coefficients, not estimated ones."""
    structure, d, D = model._structure()
    model._set(structure, d, D, np.asarray(y, dtype=float), np.asarray(coefficients, dtype=float), mu, True, True)
    model.sigma2_ = sigma2
    return model


# By hand -------------------------------------------------------------------------------------------------

def test_likelihood_of_two_values_by_hand():
    # AR(1), phi = 0.5, sigma^2 = 3: variance 3/0.75 = 4, covariance 2, determinant 12, inverse (4 -2; -2 4)/12
    expected = -0.5 * (2 * math.log(2 * math.pi) + math.log(12) + (4 * 1 - 2 * 2 * 2 + 4 * 4) / 12)
    assert arma_loglik([1, 2], ar=[0.5], sigma2=3) == pytest.approx(expected)
    # MA(1), theta = 1: variances 2, covariance 1, determinant 3
    expected = -0.5 * (2 * math.log(2 * math.pi) + math.log(3) + (2 * 1 - 2 * 2 + 2 * 4) / 3)
    assert arma_loglik([1, 2], ma=[1], sigma2=1) == pytest.approx(expected)
    assert arma_loglik([3, 5], sigma2=4, mean=2) == pytest.approx(-math.log(2 * math.pi * 4) - (1 + 9) / 8)
    assert arma_loglik([1, -1]) == pytest.approx(-math.log(2 * math.pi) - 1)                # sigma^2 = 1


def test_covariances_of_arma_1_1_by_hand():
    # phi = 0.5, theta = 0.4: gamma_0 = (1 + 2 phi theta + theta^2)/(1 - phi^2), gamma_1 = phi gamma_0 + theta
    w, cross, u = likelihood.covariances(np.array([[1, -0.5]]), np.array([[1, 0.4]]))
    assert w[0] == pytest.approx([1.56 / 0.75, 0.5 * 1.56 / 0.75 + 0.4])
    assert cross[0] == pytest.approx([1 + 0.4 * 0.9, 0.4])
    assert u[0] == pytest.approx([1.16, 0.4])


@pytest.mark.parametrize("p, q", [(0, 1), (1, 0), (1, 1)])
def test_closed_form_of_first_order_is_the_general_covariance(p, q):
    rng = np.random.default_rng(p + 2 * q)
    phi, theta = (np.column_stack([np.ones(9), rng.uniform(-0.95, 0.95, (9, k))]) for k in (p, q))
    V = likelihood.band(phi, theta, 6)
    closed = likelihood.first_order(phi, theta, 6)
    assert closed[:, :, :V.shape[2]] == pytest.approx(V, rel=1e-12)
    assert not closed[:, :, V.shape[2]:].any()


def test_searches_that_meet_go_on_as_one():
    asked = []

    def bowl(angles, series):                                       # quartic: several steps from anywhere
        asked.append(len(angles))
        return ((angles**2).sum(axis=1) + (angles**4).sum(axis=1)) * 100

    starts = np.array([[0.3, 0.2], [0.5, -0.4], [-0.6, 0.3], [0.7, 0.7]])
    angles, value, ended = likelihood._newton(bowl, starts, np.zeros(4, dtype=int))
    assert ended[np.argmin(value)] and angles[np.argmin(value)] == pytest.approx([0, 0], abs=1e-6)
    assert asked[-1] == 6 < asked[0] == 24                          # six points around one row in the end
    angles, _, ended = likelihood._newton(bowl, starts, np.arange(4))
    assert ended.all() and np.abs(angles).max() < 1e-5              # rows of different series do not meet


def test_searches_in_other_valleys_go_on():
    def wells(angles, series):                                      # the valley at -0.6 is the deeper one
        x = angles[:, 0]
        return 200 * (x * x - 0.36)**2 + 3 * x

    angles, value, ended = likelihood._newton(wells, np.array([[0.62], [-0.35]]), np.zeros(2, dtype=int))
    assert wells(np.array([[0.62]]), None) < wells(np.array([[-0.35]]), None)
    assert ended.all() and angles[:, 0] == pytest.approx([0.6, -0.6], abs=0.01) and value[1] < value[0]


def test_forecasts_of_ar_1_by_hand():
    model = at(ARIMA((1, 0, 0)), [1, 4, 2, 6], [0.5], mu=2, sigma2=9)
    f = model.forecast(3, level=0.95)
    assert f.mean == pytest.approx([4, 3, 2.5])                     # half the distance from 2 each time
    assert f.sd == pytest.approx([3, 3 * math.sqrt(1.25), 3 * math.sqrt(1.3125)])
    assert f.upper - f.mean == pytest.approx(1.959963984540054 * f.sd)
    assert model.intercept_ == 1
    assert model.residuals_ == pytest.approx([-1, 2.5, -1, 4])      # the first: 1 less the mean


def test_forecasts_of_exponential_smoothing_by_hand():
    # ARIMA(0, 1, 1) with theta = 0: a random walk; psi weights 1, 1 + theta, 1 + theta, ...
    model = at(ARIMA((0, 1, 1), constant=False), [1, 4, 2, 6], [0.0], sigma2=4)
    assert model.forecast(3).mean == pytest.approx([6, 6, 6])
    assert model.forecast(3).sd == pytest.approx([2, 2 * math.sqrt(2), 2 * math.sqrt(3)])
    assert at(ARIMA((0, 1, 1), constant=False), WALK, [-0.6]).psi_weights(4) == pytest.approx([1, 0.4, 0.4, 0.4])


def test_psi_weights_by_hand():
    assert at(ARIMA((1, 0, 1)), WALK, [0.5, 0.4]).psi_weights(4) == pytest.approx([1, 0.9, 0.45, 0.225])
    airline = at(ARIMA((0, 1, 1), (0, 1, 1), 4), WALK, [-0.4, -0.6])
    assert airline.psi_weights(6) == pytest.approx([1, 0.6, 0.6, 0.6, 1, 0.84])


def test_seasonal_polynomials_multiply():
    structure = likelihood.Structure(1, 1, 1, 1, season=4)
    phi, theta = structure.polynomials(np.array([[0.5, 0.2, 0.3, -0.4]]))
    assert phi[0] == pytest.approx([1, -0.5, 0, 0, -0.3, 0.15])
    assert theta[0] == pytest.approx([1, 0.2, 0, 0, -0.4, -0.08])


def test_conditional_sum_of_squares_by_hand():
    # w = 1, 2, 4 with phi = 0.5, theta = 0.2: e = 2 - 0.5 = 1.5, then 4 - 1 - 0.3 = 2.7
    model = ARIMA((1, 0, 1), constant=False, method="css")
    squares = 1.5**2 + 2.7**2
    assert model.loglik([0.5, 0.2, 2.0], [1, 2, 4]) == pytest.approx(-math.log(2 * math.pi * 2) - squares / 4)
    y = np.r_[1, 2, 4, WALK]
    assert at(model, y, [0.5, 0.2]).residuals_[:2] == pytest.approx([1.5, 2.7])


# Rules at the edges --------------------------------------------------------------------------------------

@pytest.mark.parametrize("order", [(1, 1, 1), (0, 1, 0), (0, 1, 1), (1, 1, 0)])
@pytest.mark.parametrize("method", ["exact", "css"])
def test_a_line_is_continued_without_error(order, method):
    model = ARIMA(order, method=method).fit(LINE if method == "exact" else [140, *LINE])
    f = model.forecast(3)
    assert f.mean == pytest.approx([210, 220, 230])
    assert f.sd.tolist() == [0, 0, 0] and f.lower == pytest.approx(f.mean)
    assert (model.constant_, model.sigma2_, model.loglik_, model.aic_) == (10, 0, np.inf, -np.inf)
    assert model.standard_errors_.tolist() == [0] * len(model.params_)
    assert model.simulate(2, 3, random_state=0) == pytest.approx(np.tile([210, 220], (3, 1)))


def test_a_line_with_rounded_steps_is_a_line():
    model = ARIMA((1, 1, 1)).fit(0.1 * np.arange(50) + 1e3)
    assert model.sigma2_ == 0 and model.forecast(1).mean == pytest.approx([1005])


def test_constant_and_exactly_seasonal_series():
    assert ARIMA((1, 0, 1)).fit([7.0] * 20).forecast(2).mean == pytest.approx([7, 7])
    assert ARIMA((1, 1, 1), constant=False).fit([7.0] * 20).forecast(2).mean == pytest.approx([7, 7])
    season = np.tile([1.0, 5, 2, 0], 8)
    assert ARIMA((1, 0, 0), (0, 1, 1), 4).fit(season).forecast(5).mean == pytest.approx([1, 5, 2, 0, 1])


def test_a_line_without_drift_has_no_largest_likelihood():
    with pytest.raises(ValueError, match="the differenced series is the constant 10, and the likelihood of an "
                                         "autoregression without constant is unbounded: use constant=True"):
        ARIMA((1, 1, 1), constant=False).fit(LINE)


def test_moving_average_on_the_unit_circle():
    model = ARIMA((0, 1, 1), constant=False).fit(NOISE[40:80])        # differenced once too often
    assert model.converged_ and model.ma_[0] == pytest.approx(-1, abs=1e-4)
    assert np.isnan(model.standard_errors_).all()
    assert model.forecast(3).mean == pytest.approx(NOISE[40:80].mean() * np.ones(3), abs=1e-3)
    assert model.forecast(1).sd[0] == pytest.approx(math.sqrt(model.sigma2_ * (1 + 1 / 40)), rel=1e-3)


def test_no_coefficients():
    model = ARIMA((0, 0, 0)).fit([1, 2, 6])
    assert (model.constant_, model.sigma2_) == (pytest.approx(3), pytest.approx(14 / 3))
    assert model.params_.tolist() == [model.constant_, model.sigma2_]
    assert model.parameter_names_ == ["mu", "sigma2"]
    walk = ARIMA((0, 1, 0), constant=False).fit([1, 2, 6, 4])
    assert walk.sigma2_ == pytest.approx(7) and walk.forecast(2).mean.tolist() == [4, 4]


def test_when_there_is_a_constant():
    for order, seasonal, expected in [((0, 0, 0), (0, 0, 0), True), ((0, 1, 0), (0, 0, 0), True),
                                      ((0, 2, 0), (0, 0, 0), False), ((0, 0, 0), (0, 1, 0), True),
                                      ((0, 1, 0), (0, 1, 0), False)]:
        model = ARIMA(order, seasonal, season=4).fit(WALK)
        assert ("mu" in model.parameter_names_) is expected
        assert "mu" in ARIMA(order, seasonal, season=4, constant=True).fit(WALK).parameter_names_


# Attributes ----------------------------------------------------------------------------------------------

def test_attributes_belong_together():
    model = ARIMA((2, 1, 1), (1, 0, 1), 4).fit(WALK)
    k, n = len(model.params_), len(WALK) - 1
    assert model.n_ == n == len(model.residuals_) and k == 7
    assert model.parameter_names_ == ["mu", "phi_1", "phi_2", "theta_1", "Phi_1", "Theta_1", "sigma2"]
    assert model.params_.tolist() == [
        model.constant_, *model.ar_, *model.ma_, *model.seasonal_ar_, *model.seasonal_ma_, model.sigma2_]
    left = (1 - model.ar_.sum()) * (1 - model.seasonal_ar_.sum())
    assert model.intercept_ == pytest.approx(model.constant_ * left)
    assert model.aic_ == pytest.approx(2 * k - 2 * model.loglik_)
    assert model.aicc_ == pytest.approx(model.aic_ + 2 * k * (k + 1) / (n - k - 1))
    assert model.bic_ == pytest.approx(k * math.log(n) - 2 * model.loglik_)
    assert model.loglik(model.params_, WALK) == pytest.approx(model.loglik_, abs=1e-9)
    assert model.standard_errors_.shape == (k,) and model.converged_


def test_estimator_conventions():
    model = ARIMA((0, 1, 1), constant=False)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.forecast(3)
    with pytest.raises(NotFittedError):
        model.standard_errors_
    assert model.fit(WALK) is model
    first = model.standard_errors_
    model.fit(WALK[:60])
    assert (model.standard_errors_ != first).all()                  # not kept from the fit before
    a, b = model.simulate(4, 5, random_state=1), model.simulate(4, 5, random_state=1)
    np.testing.assert_array_equal(a, b)
    assert a.shape == (5, 4)


def test_loglik_off_the_region():
    assert arma_loglik(WALK, ar=[1.01]) == -np.inf
    assert arma_loglik(WALK, ar=[0.5, 0.6]) == -np.inf
    assert np.isfinite(arma_loglik(WALK, ma=[-2.5]))
    assert arma_loglik([3, 3, 3], ar=[0.5], mean=3) == np.inf       # sigma^2 = 0, as in a fit
    assert arma_loglik([3, 3, 4], ar=[0.5], sigma2=1e-320) == -np.inf
    model = ARIMA((1, 1, 0), constant=False)
    assert model.loglik([1.2, 1], WALK) == -np.inf == model.loglik([0.2, -1], WALK)


# Many series ---------------------------------------------------------------------------------------------

def test_many_series_with_a_line_among_them():
    Y = np.stack([WALK, np.arange(120.0), WALK[::-1]])
    many = fit_many(Y, (0, 1, 1))
    assert many.params.shape == (3, 1) and many.forecast(5).mean.shape == (3, 5)
    assert many.sigma2[1] == 0 and many.params[1] == 0 and many.loglik[1] == np.inf
    assert many.forecast(2).mean[1] == pytest.approx([120, 121])
    one = ARIMA((0, 1, 1)).fit(WALK)
    assert many.loglik[0] == pytest.approx(one.loglik_) and many.params[0] == pytest.approx(one.ma_)
    f, g = many.forecast(4, level=0.5), one.forecast(4, level=0.5)
    assert f.lower[0] == pytest.approx(g.lower) and f.level == 0.5
    assert many.model(0).forecast(2).mean == pytest.approx(g.mean[:2])


def test_many_series_in_portions(monkeypatch):
    from bizai.forecast import many as module

    Y = np.random.default_rng(0).normal(size=(7, 40)).cumsum(axis=1)
    whole = fit_many(Y, (1, 1, 0))
    monkeypatch.setattr(module, "ELEMENTS", 100)
    assert fit_many(Y, (1, 1, 0)).params == pytest.approx(whole.params, abs=1e-9)


# Orders --------------------------------------------------------------------------------------------------

def test_table_of_orders():
    choice = choose_order(WALK, max_p=1, max_q=1)
    assert (choice.d, choice.D, choice.season, choice.tests.d) == (1, 0, 1, 1)
    assert len(choice.table) == 8                                   # 2 x 2 orders, with and without drift
    assert all(row.order[1] == 1 for row in choice.table)
    aicc = [row.aicc for row in choice.table]
    assert aicc == sorted(aicc) and choice.best.aicc_ == aicc[0]
    assert choice.best.order == choice.table[0].order
    assert choose_order(WALK, d=2, max_p=0, max_q=1).tests is None
    assert {row.constant for row in choose_order(WALK, d=2, max_p=0, max_q=1).table} == {False}
    assert {row.constant for row in choose_order(WALK, d=1, max_p=0, max_q=1, constant=True).table} == {True}


def test_orders_of_a_seasonal_series():
    rng = np.random.default_rng(0)
    y = 20 * np.sin(np.arange(96) * np.pi / 2) + rng.normal(size=96).cumsum()
    choice = choose_order(y, season=4, max_p=1, max_q=1)
    assert (choice.d, choice.D) == (choice.tests.d, 1) and choice.tests.strength > 0.9
    assert all(row.seasonal[1] == 1 for row in choice.table)


def test_a_line_leaves_models_without_largest_likelihood_out():
    choice = choose_order(np.arange(30.0), max_p=1, max_q=1)
    assert (choice.best.order, choice.best.constant) == ((0, 1, 0), True)
    assert {row.order[0] for row in choice.table if not row.constant} == {0}
    assert choice.best.forecast(2).mean == pytest.approx([30, 31])


@pytest.mark.parametrize("arguments, message", [
    (dict(constant="yes"), "constant must be \"auto\", True or False, got 'yes'"),
    (dict(d=1, D=1), "season must be an integer >= 2 where D > 0, got D=1 and season=1"),
])
def test_what_the_choice_of_orders_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_order(WALK, max_p=0, max_q=0, **arguments)


def test_short_series_leaves_large_models_out():
    table = choose_order([3, 1, 4, 1, 5, 9, 2, 6], d=0, max_p=3, max_q=3).table
    assert table and all(np.isfinite(row.aicc) for row in table)
    with pytest.raises(ValueError, match="y must have at least 4 values for d=1, D=0, got 3"):
        choose_order([3, 1, 4], d=1)


# Refusals ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("parameters, y, message", [
    (dict(order=(1, 1, 1)), [1, 5, 2], r"y must have at least 6 values for this model \(1 are lost to "
                                       r"differencing, and 4 parameters of lag up to 1 need 5\), got 3"),
    (dict(order=(0, 1, 1), seasonal=(0, 1, 1), season=12), range(20), "y must have at least 27 values"),
    (dict(order=(0, 0, 0), seasonal=(1, 0, 0), season=12, method="css"), range(10), "y must have at least 16"),
    ({}, [1, 2, np.nan, 4, 5, 6, 7], "y must be finite and without gaps, got nan at position 2"),
    ({}, [1, 2, np.inf, 4, 5, 6, 7], "y must be finite and without gaps, got inf"),
    ({}, ["10", "20"], "y must hold numbers"),
    ({}, [[1, 2, 3]], "y must have 1 dimension, got shape"),
    (dict(order=(1, 1)), LINE, "order must be three integers >= 0, got"),
    (dict(order=(1, -1, 0)), LINE, r"order\[1\] must be an integer >= 0, got -1"),
    (dict(order=(1, 0.5, 0)), LINE, r"order\[1\] must be an integer >= 0, got 0.5"),
    (dict(order=3), LINE, "order must be three integers >= 0, got 3"),
    (dict(seasonal=(0, 1, 1)), LINE, "season must be an integer >= 2, got 1"),
    (dict(constant="drift"), LINE, "constant must be \"auto\", True or False, got 'drift'"),
    (dict(method="ml"), LINE, "method must be \"exact\" or \"css\", got 'ml'"),
])
def test_what_is_refused(parameters, y, message):
    with pytest.raises(ValueError, match=message):
        ARIMA(**parameters).fit(y)


def test_the_least_number_of_values_is_enough():
    y = [3, 1, 4, 1, 5, 9]
    assert np.isfinite(ARIMA((1, 1, 1)).fit(y).forecast(2).mean).all()
    assert ARIMA((1, 1, 1)).fit(y).aicc_ == np.inf
    y = undifference([2, 0, 1, -1, 3, 1, -2, 1, 0, 2, -1, 1, 1, -1], np.arange(13), 1, 1, 12)
    assert np.isfinite(ARIMA((0, 1, 1), (0, 1, 1), 12).fit(y).forecast(2).mean).all()


def test_wrong_parameters_of_a_forecast():
    model = ARIMA((0, 1, 1)).fit(WALK)
    for arguments, message in [((0,), "h must be an integer >= 1, got 0"), ((3, 90), "level must be a number")]:
        with pytest.raises(ValueError, match=message):
            model.forecast(*arguments)
    with pytest.raises(ValueError, match=r"params must have 3 values \(mu, theta_1, sigma2\), got 1"):
        model.loglik([0.5], WALK)
    with pytest.raises(ValueError, match="Y must have 2 dimensions"):
        fit_many(WALK)
    with pytest.raises(ValueError, match=r"Y must have at least one series, got shape \(0, 50\)"):
        fit_many(np.zeros((0, 50)))


def test_an_autoregression_on_the_unit_circle_has_not_converged():
    y = 1.05**np.arange(40) + 0.01 * NOISE[:40]                     # explosive
    model = ARIMA((1, 0, 0), method="css").fit(y)
    assert not model.converged_ and model.ar_[0] < 1 and np.isfinite(model.forecast(3).mean).all()
    assert not fit_many(y[None], (1, 0, 0), method="css").converged[0]
    assert ARIMA((1, 0, 0)).fit(NOISE).converged_
