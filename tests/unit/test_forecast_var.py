"""`bizai.forecast.var`: by hand, by finite differences, by simulation, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from bizai.forecast.var import VAR, choose_lags, companion

A = np.array([[[0.5, 0.2], [-0.1, 0.6]], [[0.2, 0.0], [0.1, 0.1]]])
P = np.array([[1.0, 0.0], [0.5, 0.8]])


def simulated(T, seed=0, A=A, c=(1.0, -2.0)):
    """T rows of a stable VAR(2) after 100 to forget the start."""
    shocks = np.random.default_rng(seed).normal(size=(T + 100, 2)) @ P.T
    Y = np.zeros((T + 102, 2))
    for t in range(2, T + 102):
        Y[t] = c + A[0] @ Y[t - 1] + A[1] @ Y[t - 2] + shocks[t - 2]
    return Y[102:]


Y = simulated(120)


def test_two_series_by_hand():
    """x_t = 2 y_{t-1} + e_t, y alternating: normal equations of four rows, solved on paper."""
    model = VAR(1, trend="n").fit([[0, 1], [2, -1], [-1, 1], [2, 0], [0, 1]])
    # sums over the four rows of (x, y)_{t-1}: xx = 9, xy = -3, yy = 3, determinant 18
    # with x_t: 0*2 + 2*(-1) - 1*2 + 2*0 = -4 and 1*2 - 1*(-1) + 1*2 + 0*0 = 5
    # with y_t: 0*(-1) + 2*1 - 1*0 + 2*1 = 4 and 1*(-1) - 1*1 + 1*0 + 0*1 = -2
    assert_allclose(model.coefficients_[0], [[(3 * -4 + 3 * 5) / 18, (3 * -4 + 9 * 5) / 18],
                                             [(3 * 4 + 3 * -2) / 18, (3 * 4 + 9 * -2) / 18]], atol=1e-14)
    assert model.n_obs_ == 4 and model.constant_.tolist() == model.trend_.tolist() == [0, 0]
    assert_allclose(model.forecast(1).mean[0], model.coefficients_[0] @ [0, 1], atol=1e-14)


def test_recovers_parameters_of_a_long_series():
    model = VAR(2).fit(simulated(40_000))
    assert_allclose(model.coefficients_, A, atol=0.03)
    assert_allclose(model.covariance_, P @ P.T, atol=0.03)
    z = (model.parameters_ - np.vstack([[1, -2], *A.transpose(0, 2, 1)])) / model.standard_errors_
    assert abs(z).max() < 4


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
def test_residuals_are_orthogonal_to_the_regressors_and_complete_the_model(trend):
    model = VAR(2, trend).fit(Y)
    explained = (model.constant_ + np.outer(np.arange(3, 121), model.trend_)
                 + sum(Y[2 - i:120 - i] @ model.coefficients_[i - 1].T for i in (1, 2)))
    assert_allclose(explained + model.residuals_, Y[2:], atol=1e-12)
    Z = np.column_stack([np.ones(118), np.arange(3, 121)][:len(model.parameters_) - 4] + [Y[1:-1], Y[:-2]])
    assert_allclose(Z.T @ model.residuals_, 0, atol=1e-8)
    assert_allclose(model.covariance_ * (118 - Z.shape[1]), model.covariance_ml_ * 118)


def test_log_likelihood_is_the_normal_density_of_the_residuals():
    model = VAR(2).fit(Y)
    exact = multivariate_normal(cov=model.covariance_ml_).logpdf(model.residuals_).sum()
    assert model.loglik_ == pytest.approx(exact, rel=1e-12)
    n, parameters = 118, 10
    entropy = 2 * (1 + np.log(2 * np.pi))
    assert model.aic_ == pytest.approx(-2 * model.loglik_ / n + 2 * parameters / n - entropy, rel=1e-10)
    assert model.bic_ == pytest.approx(-2 * model.loglik_ / n + np.log(n) * parameters / n - entropy, rel=1e-10)
    assert model.hqic_ == pytest.approx(-2 * model.loglik_ / n + 2 * np.log(np.log(n)) * parameters / n - entropy,
                                        rel=1e-10)


def test_companion_by_hand_and_its_powers():
    F = companion([[[0.5, 0.1], [0.2, 0.3]], [[0.0, 0.4], [0.6, 0.0]]])
    assert F.tolist() == [[0.5, 0.1, 0, 0.4], [0.2, 0.3, 0.6, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    model = VAR(2).fit(Y)
    powers = [np.linalg.matrix_power(companion(model.coefficients_), s)[:2, :2] for s in range(9)]
    assert_allclose(model.impulse_response(8), powers, atol=1e-14)
    with pytest.raises(ValueError, match=r"A must have the shape \(p, K, K\), got \(2, 3\)"):
        companion(np.zeros((2, 3)))


@pytest.mark.parametrize("factor, stable", [(0.9, True), (1.02, False)])
def test_stability(factor, stable):
    rng = np.random.default_rng(3)
    Y = np.zeros((200, 2))
    Y[0] = 1, 2
    rotation = factor * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    for t in range(1, 200):
        Y[t] = rotation @ Y[t - 1] + 0.01 * rng.normal(size=2)
    model = VAR(1).fit(Y)
    assert model.is_stable_ is stable
    assert_allclose(abs(model.eigenvalues_), factor, atol=0.06)
    companion_values = np.linalg.eigvals(model.coefficients_[0])
    assert_allclose(sorted(model.eigenvalues_.imag), sorted(companion_values.imag), atol=1e-12)


def test_forecast_continues_the_recursion():
    model = VAR(2, "ct").fit(Y)
    first = model.constant_ + 121 * model.trend_ + model.coefficients_[0] @ Y[-1] + model.coefficients_[1] @ Y[-2]
    second = model.constant_ + 122 * model.trend_ + model.coefficients_[0] @ first + model.coefficients_[1] @ Y[-1]
    forecast = model.forecast(2, level=0.8)
    assert_allclose(forecast.mean, [first, second], rtol=1e-12)
    assert_allclose(forecast.covariances[0], model.covariance_)
    Psi = model.coefficients_[0]
    assert_allclose(forecast.covariances[1], model.covariance_ + Psi @ model.covariance_ @ Psi.T)
    assert_allclose(forecast.upper - forecast.mean, 1.2815515655446004 * forecast.sd)
    assert_allclose(forecast.quantile(0.1), forecast.lower)


@pytest.mark.parametrize("trend", ["n", "c", "ct"])
def test_parameter_uncertainty_is_that_of_the_forecasts_derivatives(trend):
    """Derivatives by finite differences, in the unscaled parameters, against the closed form."""
    model = VAR(2, trend).fit(Y)
    h, K, m = 5, 2, len(model.parameters_)

    def forecasts(parameters):
        path = list(Y[-2:])
        for s in range(h):
            z = np.r_[np.r_[1, 121 + s][:m - 4], path[-1], path[-2]]
            path.append(z @ parameters)
        return np.array(path[2:])

    assert_allclose(forecasts(model.parameters_), model.forecast(h).mean, rtol=1e-10)
    J = np.zeros((h, K, m * K))
    for i in range(m * K):
        step = np.zeros(m * K)
        step[i] = 1e-6
        step = step.reshape(m, K)
        J[:, :, i] = (forecasts(model.parameters_ + step) - forecasts(model.parameters_ - step)) / 2e-6
    T = np.arange(3, 121)
    Z = np.column_stack([np.ones(118), T][:m - 4] + [Y[1:-1], Y[:-2]])
    extra = J @ np.kron(np.linalg.inv(Z.T @ Z), model.covariance_) @ J.transpose(0, 2, 1)
    with_parameters, without = model.forecast(h, parameters=True), model.forecast(h)
    assert_allclose(with_parameters.covariances - without.covariances, extra, rtol=1e-5, atol=1e-7)
    assert (with_parameters.sd > without.sd).all()


@pytest.mark.parametrize("shocks", ["normal", "residuals"])
def test_simulated_paths_have_the_forecasts_moments(shocks):
    model = VAR(2).fit(Y)
    forecast, paths = model.forecast(4), model.simulate(4, 40_000, 1, shocks)
    assert_allclose(paths.mean(axis=0), forecast.mean, atol=5 * forecast.sd.max() / 200)
    for s in range(4):
        assert_allclose(np.cov(paths[:, s].T), forecast.covariances[s], rtol=0.04, atol=0.04)
    assert_allclose(model.simulate(4, 3, 7), model.simulate(4, 3, 7), rtol=0)


def test_bands_are_those_of_models_fitted_one_by_one():
    model = VAR(2, "ct").fit(Y)
    rng = np.random.default_rng(11)
    rows = rng.integers(118, size=(30, 118))
    residuals = (model.residuals_ - model.residuals_.mean(axis=0)) * np.sqrt(118 / (118 - len(model.parameters_)))
    for orthogonal in (False, True):
        drawn = []
        for row in rows:
            path = list(Y[:2])
            for t in range(118):
                path.append(model.constant_ + (t + 3) * model.trend_ + model.coefficients_[0] @ path[-1]
                            + model.coefficients_[1] @ path[-2] + residuals[row[t]])
            drawn.append(VAR(2, "ct").fit(path).impulse_response(6, orthogonal))
        bands = model.impulse_bands(6, 30, 0.8, 11, orthogonal)
        assert_allclose(bands.lower, np.quantile(drawn, 0.1, axis=0), atol=1e-9)
        assert_allclose(bands.upper, np.quantile(drawn, 0.9, axis=0), atol=1e-9)
        assert_allclose(bands.response, model.impulse_response(6, orthogonal), rtol=0)


def test_bands_in_blocks_keep_their_number(monkeypatch):
    model = VAR(1).fit(np.random.default_rng(0).normal(size=(900, 6)))
    sizes = []
    one_block = VAR._bootstrap
    monkeypatch.setattr(VAR, "_bootstrap", lambda self, h, count, rng, orthogonal: (
        sizes.append(count), one_block(self, h, count, rng, orthogonal))[1])
    model.impulse_bands(2, repetitions=700)
    assert sum(sizes) == 700 and len(sizes) > 1


def test_variance_decomposition_by_hand():
    """y1 = e1; y2 = 0.5 y1_{t-1} + e2, shocks uncorrelated with variances 1 and 4 by construction."""
    model = VAR(1, "n").fit(Y)
    model.coefficients_ = np.array([[[0.0, 0.0], [0.5, 0.0]]])
    model.covariance_ = np.diag([1.0, 4.0])
    shares = model.variance_decomposition(2)
    assert_allclose(shares, [[[1, 0], [0, 1]], [[1, 0], [0.25 / 4.25, 4 / 4.25]]])


def test_granger_is_the_f_test_of_two_regressions():
    """With one caused series: rss with and without the lags, which statsmodels' and our F divide alike."""
    model = VAR(2).fit(Y)
    Z = np.column_stack([np.ones(118), Y[1:-1], Y[:-2]])

    def rss(columns):
        return np.linalg.lstsq(Z[:, columns], Y[2:, 0])[1][0]

    full, less = rss([0, 1, 2, 3, 4]), rss([0, 1, 3])
    test = model.granger(1, 0)
    assert test.statistic == pytest.approx((less - full) / 2 / (full / (118 - 5)), rel=1e-10)
    assert test.df == (2, 2 * 113) and test.kind == "F"
    wald = model.granger([1], [0], kind="wald")
    assert wald.statistic == pytest.approx(2 * test.statistic) and wald.df == (2,)


def test_granger_finds_the_direction_and_keeps_its_size():
    one_way = np.array([[[0.5, 0.0], [0.4, 0.3]], np.zeros((2, 2))])
    caused = [VAR(2).fit(simulated(400, seed, one_way)).granger(0, 1).p_value for seed in range(20)]
    assert max(caused) < 0.001
    not_caused = np.array([VAR(2).fit(simulated(150, seed, one_way)).granger(1, 0).p_value for seed in range(300)])
    assert 4 <= (not_caused < 0.05).sum() <= 28       # binomial(300, 0.05), probability 1e-4 on either side


def test_choose_lags_uses_one_sample():
    table = choose_lags(Y, 5)
    for p in range(1, 6):
        model = VAR(p).fit(Y[5 - p:])
        row = table.aic[p], table.bic[p], table.hqic[p]
        assert_allclose(row, [model.aic_, model.bic_, model.hqic_], rtol=1e-9)
    assert table.lags.tolist() == [0, 1, 2, 3, 4, 5]
    assert choose_lags(Y, 5, "n").lags.tolist() == [1, 2, 3, 4, 5]
    assert table.best("bic") in (1, 2) and table.best() == int(np.argmin(table.aic))
    assert choose_lags(simulated(2000), 6).best("bic") == 2
    assert choose_lags(np.random.default_rng(0).normal(size=(400, 3)), 6).best("bic") == 0
    with pytest.raises(ValueError, match='criterion must be "aic", "bic" or "hqic", got \'fpe\''):
        table.best("fpe")


def test_no_lags_are_the_mean():
    model = VAR(0).fit(Y)
    assert_allclose(model.forecast(3).mean, np.tile(Y.mean(axis=0), (3, 1)))
    assert_allclose(model.covariance_, np.cov(Y.T))
    assert model.is_stable_ and model.coefficients_.shape == (0, 2, 2)
    assert_allclose(model.impulse_response(1), [np.eye(2), np.zeros((2, 2))])
    assert model.impulse_bands(1, 10).lower.shape == (2, 2, 2)
    with pytest.raises(ValueError, match="lags must be >= 1 for a test of causality, got 0"):
        model.granger(0, 1)


def test_far_from_zero_and_in_other_units():
    """Series of 10 million with a spread of 1, beside one of a millionth, lose no more digits than they must."""
    scale, shift = np.array([1.0, 1e-6]), np.array([1e7, 0])
    model, moved = VAR(2).fit(Y), VAR(2).fit(Y * scale + shift)
    assert_allclose(moved.coefficients_, model.coefficients_ * scale[:, None] / scale, rtol=1e-7)
    one, other = moved.forecast(5, parameters=True), model.forecast(5, parameters=True)
    assert_allclose(one.sd, other.sd * scale, rtol=1e-7)


def test_bands_without_any_parameter():
    model = VAR(0, "n").fit(Y)
    bands = model.impulse_bands(2, 20, random_state=0)
    assert bands.lower.tolist() == bands.upper.tolist() == model.impulse_response(2).tolist()
    with pytest.raises(ValueError, match=r'trend must be "n", "c" or "ct", got \[\'c\'\]'):
        VAR(1, ["c"]).fit(Y)


def test_drawn_residuals_are_centred():
    model = VAR(0, "n").fit(Y + 3)                     # without a constant, the residuals have a mean of their own
    assert abs(model.residuals_.mean(axis=0)).min() > 1
    assert_allclose(model.simulate(200, 200, 0, "residuals").mean(axis=(0, 1)), 0, atol=0.05)


def test_fewest_rows():
    rng = np.random.default_rng(0)
    VAR(4).fit(rng.normal(size=(20, 3)))
    with pytest.raises(ValueError, match="Y must have at least 20 rows for 4 lags of 3 series and 1 trend "
                                         "coefficients, got 19"):
        VAR(4).fit(rng.normal(size=(19, 3)))


@pytest.mark.parametrize("change, message", [
    (lambda Y: np.column_stack([Y, np.full(120, 7.0)]), "Y must have no constant series, got one in column 2"),
    (lambda Y: np.column_stack([Y, Y[:, 0] - 3 * Y[:, 1] + 5]),
     "Y must have no series that follows exactly from the others, got column 2, which at lag 1"),
    (lambda Y: np.column_stack([Y[1:], Y[:-1, 0]]),
     "Y must have no series that follows exactly from the others, got column 0, which at lag 2"),
    (lambda Y: np.column_stack([Y[:, 0], np.arange(120.0)]), "got column 1, which at lag 2"),
    (lambda Y: np.where(Y == Y[7, 1], np.nan, Y), "Y must be finite and complete, got nan in row 7 of column 1"),
    (lambda Y: np.where(Y == Y[7, 1], np.inf, Y), "Y must be finite and complete, got inf in row 7 of column 1"),
    (lambda Y: Y[:, 0], r"Y must have the shape \(T, K\), a column per series, got \(120,\)"),
    (lambda Y: [["a", "b"]] * 20, "Y must hold numbers, got"),
])
def test_unsuitable_tables(change, message):
    with pytest.raises(ValueError, match=message):
        VAR(2).fit(change(Y))


def test_a_series_without_shocks():
    with pytest.raises(ValueError, match="Y must have no series without shocks, got column 1"):
        VAR(1).fit(np.column_stack([Y[1:, 0], Y[:-1, 0]]))
    with pytest.raises(ValueError, match="Y must have no series without shocks, got column 0"):
        VAR(1).fit(np.arange(30.0)[:, None])


@pytest.mark.parametrize("call, message", [
    (lambda m: VAR(-1).fit(Y), "lags must be an integer >= 0, got -1"),
    (lambda m: VAR(2.0).fit(Y), "lags must be an integer >= 0, got 2.0"),
    (lambda m: VAR(1, "x").fit(Y), """trend must be "n", "c" or "ct", got 'x'"""),
    (lambda m: m.forecast(0), "h must be an integer >= 1, got 0"),
    (lambda m: m.forecast(2, 1.0), "level must be a number > 0 and < 1, got 1.0"),
    (lambda m: m.impulse_response(-1), "h must be an integer >= 0, got -1"),
    (lambda m: m.impulse_bands(2, 1), "repetitions must be an integer >= 2, got 1"),
    (lambda m: m.simulate(2, 0), "paths must be an integer >= 1, got 0"),
    (lambda m: m.simulate(2, 2, 0, "t"), """shocks must be "normal" or "residuals", got 't'"""),
    (lambda m: m.variance_decomposition(0), "h must be an integer >= 1, got 0"),
    (lambda m: m.granger(0, 0), r"causing and caused must be different series, got \[0\] and \[0\]"),
    (lambda m: m.granger(2, 0), "causing must be one or several different columns from 0 to 1, got 2"),
    (lambda m: m.granger("gdp", 0), "causing must be one or several different columns from 0 to 1, got 'gdp'"),
    (lambda m: m.granger(0, [1, 1]), r"caused must be one or several different columns from 0 to 1, got \[1, 1\]"),
    (lambda m: m.granger(0, 1, "t"), """kind must be "F" or "wald", got 't'"""),
    (lambda m: choose_lags(Y, 0), "max_lags must be an integer >= 1, got 0"),
])
def test_arguments_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call(VAR(1).fit(Y))


def test_it_is_an_estimator():
    model = VAR(lags=3, trend="ct")
    assert model.get_params() == {"lags": 3, "trend": "ct"}
    assert clone(model).fit(Y).n_features_in_ == 2
    with pytest.raises(NotFittedError):
        model.forecast(1)
    data = Y.copy()
    model.fit(data)
    before = model.forecast(2).mean
    data[:] = 0
    assert_allclose(model.forecast(2).mean, before, rtol=0)
