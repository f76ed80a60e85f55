"""`bizai.recurrent`: known values, the gradients by name, the regressor and its refusals."""

import doctest
import math
import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

from bizai import recurrent
from bizai.recurrent import LSTM, LSTMRegressor, cell_gradient_norms, forecast, sequences

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def start_again():
    """Each test draws the same numbers, in any order and on any number of workers."""
    global RNG
    RNG = np.random.default_rng(11)


def sigma(z):
    return 1 / (1 + math.exp(-z))


def layer(units=3, features=2):
    """Weights large enough that every gate matters."""
    return LSTM(RNG.normal(0, 1, (4 * units, units + features)), RNG.normal(0, 1, 4 * units))


# The cell ------------------------------------------------------------------------------------------------

def test_examples():
    assert doctest.testmod(recurrent).failed == 0


def test_two_steps_of_one_cell_by_hand():
    """All weights are different, so that no two gates can be exchanged unseen; blocks in the order i, f, c, o."""
    lstm = LSTM([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6], [-0.7, 0.8]], [0.05, 1.0, -0.1, 0.2])
    h, C, expected = 0.0, 0.0, []
    for x in (1.5, -0.5):
        i, f = sigma(0.1 * h + 0.2 * x + 0.05), sigma(0.3 * h - 0.4 * x + 1)
        c, o = math.tanh(0.5 * h + 0.6 * x - 0.1), sigma(-0.7 * h + 0.8 * x + 0.2)
        C = f * C + i * c
        h = o * math.tanh(C)
        expected.append((f, i, c, o, C, math.tanh(C), h))
    result = lstm.forward([[[1.5], [-0.5]]])
    names = ("f", "i", "c_tilde", "o", "C", "tanh_C", "h")
    for name, values in zip(names, zip(*expected)):
        assert getattr(result, name)[0, :, 0] == pytest.approx(values, rel=1e-15), name
    assert result.C_previous[0, 1, 0] == result.C[0, 0, 0] and result.h_previous[0, 1, 0] == result.h[0, 0, 0]


def test_steps_one_by_one_are_the_forward_pass():
    lstm, X = layer(), RNG.normal(size=(4, 6, 2))
    h0, C0 = RNG.normal(size=(2, 4, 3))
    result, h, C = lstm.forward(X, h0, C0), h0, C0
    for t in range(6):
        step = lstm.step(X[:, t], h, C)
        h, C = step["h"], step["C"]
        for name, value in step.items():
            np.testing.assert_allclose(getattr(result, name)[:, t], value, rtol=1e-13, atol=1e-15, err_msg=name)


def test_weights_by_gate_are_blocks_in_the_order_i_f_c_o():
    lstm = LSTM(np.arange(8 * 3).reshape(8, 3), np.arange(8))
    assert [lstm.b_i[0], lstm.b_f[0], lstm.b_c[0], lstm.b_o[0]] == [0, 2, 4, 6]
    np.testing.assert_array_equal(np.vstack([lstm.W_i, lstm.W_f, lstm.W_c, lstm.W_o]), lstm.W)
    assert (lstm.units, lstm.features) == (2, 1)
    with pytest.raises(AttributeError, match="W_g"):
        lstm.W_g


def test_to_and_from_keras():
    lstm = layer()
    kernel, recurrent_kernel, bias = lstm.to_keras()
    assert kernel.shape == (2, 12) and recurrent_kernel.shape == (3, 12)
    again = LSTM.from_keras(kernel, recurrent_kernel, bias)
    np.testing.assert_array_equal(again.W, lstm.W)
    np.testing.assert_array_equal(again.b, lstm.b)


def test_random_weights():
    lstm = LSTM.random(5, 3, 0)
    kernel, recurrent_kernel, bias = lstm.to_keras()
    np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(5), atol=1e-12)
    assert abs(kernel).max() <= math.sqrt(6 / 23) and lstm.b_f.tolist() == [1] * 5 and bias.sum() == 5
    np.testing.assert_array_equal(LSTM.random(5, 3, 0).W, lstm.W)


def test_gates_saturate_without_overflow():
    lstm = LSTM([[1e308, 0], [0, 0], [0, 0], [0, 0]], [1e5, -1e5, 1e5, 1e5])
    with np.errstate(all="raise", under="ignore"):
        result = lstm.forward([[[1.0], [1.0]]])
    assert result.h[0, :, 0] == pytest.approx([math.tanh(1), math.tanh(1)], rel=1e-15)


def test_single_precision():
    lstm, X = layer(), RNG.normal(size=(4, 6, 2))
    single = LSTM(lstm.W, lstm.b, np.float32).forward(X)
    assert single.h.dtype == np.float32
    np.testing.assert_allclose(single.h, lstm.forward(X).h, atol=1e-6)


def test_results_cannot_be_written():
    result = layer().forward(np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="read-only"):
        result.h[0] = 0


# Gradients by name ---------------------------------------------------------------------------------------

def loss(lstm, X, above, name=None, nudge=0):
    """sum of above * h, with `nudge` (batch, time, units) added to a quantity of every step."""
    h = C = np.zeros((len(X), lstm.units))
    total = 0
    for t in range(X.shape[1]):
        step = lstm.step(X[:, t], h, C, {name: nudge[:, t]} if name else None)
        h, C = step["h"], step["C"]
        total += (above[:, t] * h).sum()
    return total


def numerical(lstm, X, above, name, step=1e-5):
    """Central differences of the loss in one quantity at every step."""
    gradient = np.empty(above.shape)
    for index in np.ndindex(above.shape):
        nudge = np.zeros(above.shape)
        nudge[index] = step
        gradient[index] = (loss(lstm, X, above, name, nudge) - loss(lstm, X, above, name, -nudge)) / (2 * step)
    return gradient


@pytest.mark.parametrize("name", ["h", "o", "C", "c_tilde", "i", "f"])
def test_gradients_of_every_step_are_finite_differences(name):
    lstm, X, above = layer(), RNG.normal(size=(2, 5, 2)), RNG.normal(size=(2, 5, 3))
    gradients = lstm.backward(lstm.forward(X), above)
    np.testing.assert_allclose(getattr(gradients, "d" + name), numerical(lstm, X, above, name), atol=1e-8)


def test_two_readings_of_delta():
    """D2-EQ-96 to 101: right with the total derivative in h_t, wrong with the gradient from above alone."""
    lstm, X = layer(), RNG.normal(size=(2, 5, 2))
    above = np.zeros((2, 5, 3))
    above[:, -1] = 1                                        # a loss in the last hidden state
    result = lstm.forward(X)
    gradients = lstm.backward(result, above)

    def printed(delta):
        dC = np.zeros((2, 6, 3))
        f = np.concatenate([result.f, np.zeros((2, 1, 3))], axis=1)
        for t in reversed(range(5)):
            dC[:, t] = delta[:, t] * result.o[:, t] * (1 - result.tanh_C[:, t]**2)
            if t < 4:
                dC[:, t] += dC[:, t + 1] * f[:, t + 1]
        dC = dC[:, :5]
        return {"o": delta * result.tanh_C, "C": dC, "c_tilde": dC * result.i, "i": dC * result.c_tilde,
                "f": dC * result.C_previous}

    for name, values in printed(gradients.dh).items():
        np.testing.assert_allclose(values, numerical(lstm, X, above, name), atol=1e-8, err_msg=name)
    for name, values in printed(above).items():
        exact = numerical(lstm, X, above, name)
        np.testing.assert_allclose(values[:, -1], exact[:, -1], atol=1e-8)          # nothing comes from later
        assert abs(values - exact).max() > 1e-2, name


def test_gradients_by_gate_and_for_keras():
    lstm, X = layer(), RNG.normal(size=(2, 5, 2))
    result = lstm.forward(X)
    gradients = lstm.backward(result, np.ones((2, 3)))
    hx = np.concatenate([result.h_previous, result.X], axis=2)
    dz_f = gradients.df * result.f * (1 - result.f)
    np.testing.assert_allclose(gradients.dW[3:6], np.einsum("btu,btk->uk", dz_f, hx), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gradients.db[3:6], dz_f.sum(axis=(0, 1)), rtol=1e-12)
    dz_o = gradients.do * result.o * (1 - result.o)
    dz_c = gradients.dc_tilde * (1 - result.c_tilde**2)
    dz_i = gradients.di * result.i * (1 - result.i)
    stacked = np.concatenate([dz_i, dz_f, dz_c, dz_o], axis=2)
    np.testing.assert_allclose(gradients.dz, stacked, rtol=1e-10, atol=1e-15)
    kernel, recurrent_kernel, bias = gradients.to_keras()
    np.testing.assert_array_equal(np.vstack([recurrent_kernel, kernel]).T, gradients.dW)
    np.testing.assert_array_equal(bias, gradients.db)


def test_gradient_of_the_last_step_only():
    lstm, X = layer(), RNG.normal(size=(2, 5, 2))
    result, above = lstm.forward(X), RNG.normal(size=(2, 3))
    every = np.zeros((2, 5, 3))
    every[:, -1] = above
    last, full = lstm.backward(result, above), lstm.backward(result, every)
    for name in ("dW", "db", "dX", "dh0", "dC0", "dh", "dC", "df"):
        np.testing.assert_allclose(getattr(last, name), getattr(full, name), rtol=1e-12, atol=1e-15, err_msg=name)


def test_a_second_backward_pass_leaves_the_first_alone():
    lstm = layer()
    result = lstm.forward(RNG.normal(size=(2, 5, 2)))
    first = lstm.backward(result, np.ones((2, 3)))
    before = first.dh.copy(), first.df.copy(), first.dW.copy()
    lstm.backward(result, RNG.normal(size=(2, 5, 3)))
    for was, now in zip(before, (first.dh, first.df, first.dW)):
        np.testing.assert_array_equal(was, now)


# The cell state as a highway -----------------------------------------------------------------------------

def test_direct_gradient_is_the_product_of_forget_gates():
    lstm, x = layer(), RNG.normal(size=(7, 2))
    f = lstm.forward(x[None]).f[0]
    gradients = cell_gradient_norms(lstm, x)
    np.testing.assert_allclose(gradients.product[2], f[3] * f[4] * f[5] * f[6], rtol=1e-14)
    assert gradients.product[-1].tolist() == [1, 1, 1]
    np.testing.assert_allclose(gradients.direct, gradients.product.max(axis=1))


def test_full_jacobian_is_finite_differences():
    lstm, x, eps = layer(), RNG.normal(size=(5, 2)), 1e-6
    jacobian = cell_gradient_norms(lstm, x).jacobian
    start = lstm.forward(x[None, :2])
    for k in range(3):
        ends = []
        for sign in (1, -1):
            C = start.C[:, -1].copy()
            C[0, k] += sign * eps
            h = start.o[:, -1] * np.tanh(C)
            ends.append(lstm.forward(x[None, 2:], h, C).C[0, -1])
        np.testing.assert_allclose(jacobian[1][:, k], (ends[0] - ends[1]) / (2 * eps), atol=1e-8)


def test_direct_and_full_agree_without_recurrent_weights():
    W = RNG.normal(size=(12, 5))
    W[:, :3] = 0
    gradients = cell_gradient_norms(LSTM(W, RNG.normal(size=12)), RNG.normal(size=(6, 2)))
    np.testing.assert_allclose(gradients.full, gradients.direct, rtol=1e-12)


# Series --------------------------------------------------------------------------------------------------

def test_sequences():
    X, y = sequences([1, 2, 3, 4, 5], 2)
    assert X.tolist() == [[1, 2], [2, 3], [3, 4]] and y.tolist() == [3, 4, 5]


def test_forecast_feeds_itself():
    model = LinearRegression().fit(*sequences([1, 1, 2, 3, 5, 8], 2))
    np.testing.assert_allclose(forecast(model, [9, 1, 1], 5), [2, 3, 5, 8, 13], rtol=1e-12)


# The regressor -------------------------------------------------------------------------------------------

def wave(n=160, seed=0):
    t = np.arange(n)
    return 100 + 20 * np.sin(t / 3) + np.random.default_rng(seed).normal(0, 1, n)


def test_learns_a_wave_and_forecasts_it():
    series = wave()
    model = LSTMRegressor(8, random_state=0).fit(*sequences(series[:140], 12))
    mean_error = abs(forecast(model, series[:140], 20) - series[140:]).mean()
    assert mean_error < 0.5 * abs(series[140:] - series[139]).mean()


def test_early_stopping_restores_the_best_weights():
    X, y = RNG.normal(size=(2, 60, 4))[0], RNG.normal(size=60)             # noise: more epochs overfit
    model = LSTMRegressor(8, patience=10, random_state=0).fit(X, y)
    curve = model.validation_curve_
    assert model.best_epoch_ == int(np.argmin(curve)) and model.n_iter_ == len(curve) == model.best_epoch_ + 11
    error = (model.predict(X[48:]) - y[48:]) / y[:48].std()
    assert np.mean(error**2) / 2 == pytest.approx(curve[model.best_epoch_], rel=1e-12)
    assert curve[-1] > curve[model.best_epoch_]


def test_validation_rows_are_the_last_and_do_not_touch_the_training():
    X, y = RNG.normal(size=(50, 4)), RNG.normal(size=50)
    changed, X_changed = y.copy(), X.copy()
    changed[40:] += 1000
    X_changed[40:] *= 50
    settings = {"units": 4, "epochs": 3, "patience": 3, "random_state": 0}
    one, other = LSTMRegressor(**settings).fit(X, y), LSTMRegressor(**settings).fit(X_changed, changed)
    assert one.loss_curve_ == other.loss_curve_ and one.validation_curve_ != other.validation_curve_


def test_without_validation_rows_the_training_rows_are_watched():
    X, y = RNG.normal(size=(20, 4)), RNG.normal(size=20)
    model = LSTMRegressor(4, epochs=5, validation_fraction=0, random_state=0).fit(X, y)
    loss = np.mean((model.predict(X) - y)**2) / 2 / y.var()
    assert loss == pytest.approx(min(model.validation_curve_), rel=1e-12)


def test_three_dimensions_and_features_of_different_scale():
    X = RNG.normal(size=(80, 5, 2))
    y = 3 * X[:, -1, 0] - X[:, -1, 1]
    model = LSTMRegressor(8, random_state=0).fit(X, y)
    moved = X * [1e6, 1e-3] + [5, 7]
    scaled = LSTMRegressor(8, random_state=0).fit(moved, 1e4 * y - 3)
    np.testing.assert_allclose(scaled.predict(moved), 1e4 * model.predict(X) - 3, rtol=1e-6, atol=1e-2)
    assert model.score(X, y) > 0.8 and model.n_features_in_ == 5
    flat, deep = (LSTMRegressor(4, epochs=2, random_state=0).fit(Z, y).predict(Z) for Z in (X[..., 0], X[..., :1]))
    np.testing.assert_array_equal(flat, deep)


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_a_constant_feature_is_not_scaled_by_its_rounding_error(level):
    """The computed deviation of equal values need not be zero; divided by it, a change of 1e-6 would saturate."""
    X = np.random.default_rng(3).normal(size=(40, 5, 2))
    X[..., 1] = level
    model = LSTMRegressor(3, epochs=5, random_state=0).fit(X, X[:, -1, 0])
    np.testing.assert_allclose(model.predict(X + [0, 1e-6]), model.predict(X), atol=1e-4)
    tiny = LSTMRegressor(3, epochs=5, random_state=0).fit(1e-200 * X, 1e-200 * X[:, -1, 0])
    assert np.isfinite(tiny.predict(1e-200 * X)).all()


def test_a_loss_that_is_never_finite_is_refused():
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"learning_rate must be .* got 1e\+200"):
        LSTMRegressor(2, epochs=3, learning_rate=1e200, random_state=0).fit(RNG.normal(size=(8, 2)), np.arange(8))


def test_penalty_shrinks_the_weights():
    """Without validation rows the penalised loss is watched; the error alone is least where training begins."""
    X, y = RNG.normal(size=(50, 4)), RNG.normal(size=50)
    settings = {"units": 4, "epochs": 200, "patience": 200, "random_state": 0, "validation_fraction": 0}
    free, held = LSTMRegressor(**settings).fit(X, y), LSTMRegressor(l2=1.0, **settings).fit(X, y)
    assert (held.lstm_.W**2).sum() < 1e-3 * (free.lstm_.W**2).sum()
    penalty = ((held.lstm_.W**2).sum() + held.coef_ @ held.coef_) / 2
    loss = np.mean((held.predict(X) - y)**2) / 2 / y.var() + penalty
    assert loss == pytest.approx(held.validation_curve_[held.best_epoch_], rel=1e-12)


def test_survives_pickling_and_grid_search():
    X, y = sequences(wave(60), 6)
    model = LSTMRegressor(4, epochs=3, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    search = GridSearchCV(LSTMRegressor(epochs=2, random_state=0), {"units": [1, 2]}, cv=TimeSeriesSplit(2))
    assert search.fit(X, y).best_params_["units"] in (1, 2)


# Refusals ------------------------------------------------------------------------------------------------

X24 = np.zeros((2, 4, 2))
REFUSALS = [
    (lambda: LSTM(np.zeros((5, 3)), np.zeros(5)), r"W must have shape .* got \(5, 3\) and \(5,\)"),
    (lambda: LSTM(np.zeros((4, 1)), np.zeros(4)), "at least one unit and one feature"),
    (lambda: LSTM(np.zeros((4, 2)), np.zeros(8)), "W must have shape"),
    (lambda: LSTM(np.full((4, 2), np.nan), np.zeros(4)), "W must be finite, got nan"),
    (lambda: LSTM([["a"]], np.zeros(4)), "W must be an array of numbers, got list"),
    (lambda: LSTM(np.zeros((4, 2)), np.zeros(4), np.int64), "dtype must be float64 or float32, got int64"),
    (lambda: LSTM.from_keras(np.zeros((2, 8)), np.zeros((3, 12)), np.zeros(12)), "kernel must have shape"),
    (lambda: LSTM.random(0, 1), "units must be an integer >= 1, got 0"),
    (lambda: layer().forward(np.zeros((2, 4))), r"X must have 3 dimensions, got shape \(2, 4\)"),
    (lambda: layer().forward(np.zeros((2, 0, 2))), r"X must have shape \(batch >= 1, time >= 1, 2\), got \(2, 0"),
    (lambda: layer().forward(X24, h0=np.zeros((2, 4))), r"h0 must have shape \(2, 3\), got \(2, 4\)"),
    (lambda: layer().backward(layer().forward(X24), np.zeros((2, 4))), r"dh must have shape \(2, 4, 3\) or \(2"),
    (lambda: layer().backward(layer(2).forward(X24), np.zeros((2, 2))), "result must come from .* 3 units"),
    (lambda: sequences([1.0, 2], 2), "lags must be smaller than the length of the series 2, got 2"),
    (lambda: sequences([1.0, np.inf, 2], 1), "series must be finite, got inf"),
    (lambda: sequences([1.0, 2], True), "lags must be an integer >= 1, got True"),
    (lambda: LSTMRegressor(units=2.5).fit([[1, 2]] * 4, [1, 2, 3, 4]), "units must be an integer >= 1, got 2.5"),
    (lambda: LSTMRegressor(learning_rate=0).fit([[1]] * 4, [1] * 4), "learning_rate must be .* > 0, got 0"),
    (lambda: LSTMRegressor(clip_norm=-1).fit([[1]] * 4, [1] * 4), "clip_norm must be a number > 0, got -1"),
    (lambda: LSTMRegressor(validation_fraction=1).fit([[1]] * 4, [1] * 4), "validation_fraction must be .* got 1"),
    (lambda: LSTMRegressor(l2=None).fit([[1]] * 4, [1] * 4), "l2 must be a finite number >= 0, got None"),
    (lambda: LSTMRegressor().fit(np.zeros((4, 2, 2, 2)), [1] * 4), r"X must have shape \(n, time\) or"),
    (lambda: LSTMRegressor().fit(np.zeros((4, 0, 2)), [1] * 4), r"X must have shape .*, got \(4, 0, 2\)"),
]


@pytest.mark.parametrize("call, message", REFUSALS)
def test_refusals_name_argument_range_and_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refusals_of_a_fitted_regressor():
    model = LSTMRegressor(2, epochs=1).fit(np.zeros((6, 3, 2)), np.arange(6))
    with pytest.raises(ValueError, match="X must have 2 features in each step, got 1"):
        model.predict(np.zeros((6, 3)))
    with pytest.raises(ValueError, match="history must have at least the model's 3 lags, got 2 values"):
        forecast(model, [1, 2], 1)
    with pytest.raises(ValueError, match="horizon must be an integer >= 1, got 0"):
        forecast(model, [1, 2, 3], 0)
