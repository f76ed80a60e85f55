"""Laws that `bizai.recurrent` obeys for any sizes and weights."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bizai.recurrent import LSTM, LSTMRegressor, _Adam, _clip, _Training, cell_gradient_norms, sequences

small = st.integers(1, 4)
seeds = st.integers(0, 2**32 - 1)
zero = st.booleans()


@st.composite
def problems(draw):
    """A layer, inputs (perhaps zero), and states to start from; one step, one row and one unit among the sizes."""
    units, features, batch, time = draw(small), draw(small), draw(small), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    scale = draw(st.floats(0.1, 1.5))
    lstm = LSTM(rng.normal(0, scale, (4 * units, units + features)), rng.normal(0, scale, 4 * units))
    X = rng.normal(size=(batch, time, features)) * (not draw(zero))
    h0, C0 = rng.normal(size=(2, batch, units)) * (not draw(zero))
    return lstm, X, h0, C0, rng


def agree(gradient, difference):
    """To the accuracy of central differences, relative to the whole array."""
    assert np.abs(gradient - difference).max() <= 1e-6 * max(1, np.abs(gradient).max())


@given(problems())
def test_gradients_are_finite_differences(problem):
    """Along a random direction of the weights, the biases, the inputs and the two states."""
    lstm, X, h0, C0, rng = problem
    result = lstm.forward(X, h0, C0)
    above, above_C = rng.normal(size=result.h.shape), rng.normal(size=C0.shape)
    gradients = lstm.backward(result, above, dC=above_C)
    names = ("dW", "db", "dX", "dh0", "dC0")
    directions = [rng.normal(size=getattr(gradients, name).shape) for name in names]

    def loss(values):
        W, b, X, h0, C0 = values
        result = LSTM(W, b).forward(X, h0, C0)
        return (above * result.h).sum() + (above_C * result.C[:, -1]).sum()

    eps = 1e-5
    for k, direction in enumerate(directions):
        ends = []
        for sign in (1, -1):
            values = [lstm.W, lstm.b, X, h0, C0]
            values[k] = values[k] + sign * eps * direction
            ends.append(loss(values))
        agree((getattr(gradients, names[k]) * direction).sum(), (ends[0] - ends[1]) / (2 * eps))


@given(problems())
def test_gates_are_probabilities_and_states_are_bounded(problem):
    lstm, X, h0, C0, _ = problem
    result = lstm.forward(X, h0, C0)
    for gate in (result.f, result.i, result.o):
        assert (gate > 0).all() and (gate < 1).all()
    assert (np.abs(result.h) < 1).all() and (np.abs(result.c_tilde) <= 1).all()
    bound = np.abs(C0)[:, None] + np.arange(1, X.shape[1] + 1)[None, :, None]      # |C_t| <= |C_0| + t
    assert (np.abs(result.C) < bound).all()


@given(problems())
def test_rows_do_not_see_each_other(problem):
    lstm, X, h0, C0, rng = problem
    whole, above = lstm.forward(X, h0, C0), rng.normal(size=(len(X), X.shape[1], lstm.units))
    gradients = lstm.backward(whole, above)
    reversed_rows = lstm.forward(X[::-1], h0[::-1], C0[::-1])
    np.testing.assert_allclose(reversed_rows.h[::-1], whole.h, rtol=1e-11, atol=1e-14)
    dW = 0
    for k in range(len(X)):
        row = lstm.forward(X[k:k + 1], h0[k:k + 1], C0[k:k + 1])
        np.testing.assert_allclose(row.h[0], whole.h[k], rtol=1e-11, atol=1e-14)
        alone = lstm.backward(row, above[k:k + 1])
        np.testing.assert_allclose(alone.dX[0], gradients.dX[k], rtol=1e-9, atol=1e-12)
        dW = dW + alone.dW
    np.testing.assert_allclose(dW, gradients.dW, rtol=1e-9, atol=1e-12)


@given(problems(), st.integers(0, 5))
def test_a_sequence_may_be_cut(problem, at):
    """The states at the cut are all that the rest needs, forwards and backwards."""
    lstm, X, h0, C0, rng = problem
    if not 0 < (cut := min(at, X.shape[1] - 1)):
        return
    whole, above = lstm.forward(X, h0, C0), rng.normal(size=(len(X), lstm.units))
    head = lstm.forward(X[:, :cut], h0, C0)
    tail = lstm.forward(X[:, cut:], head.h[:, -1], head.C[:, -1])
    np.testing.assert_allclose(tail.h, whole.h[:, cut:], rtol=1e-11, atol=1e-14)
    after = lstm.backward(tail, above)
    before = lstm.backward(head, after.dh0, dC=after.dC0)
    np.testing.assert_allclose(before.dW + after.dW, lstm.backward(whole, above).dW, rtol=1e-9, atol=1e-12)


@given(problems())
def test_open_forget_gate_and_closed_input_gate_carry_the_cell_exactly(problem):
    lstm, X, h0, C0, rng = problem
    u = lstm.units
    W, b = lstm.W.copy(), lstm.b.copy()
    W[:2 * u] = 0
    b[:u], b[u:2 * u] = -1000, 1000                         # i = 0 and f = 1 in floating point
    result = LSTM(W, b).forward(X, h0, C0)
    assert (result.C == C0[:, None]).all()
    dC = rng.normal(size=C0.shape)
    gradients = LSTM(W, b).backward(result, np.zeros_like(C0), dC=dC)
    assert (gradients.dC == dC[:, None]).all() and (gradients.dC0 == dC).all()


@given(problems())
def test_cell_gradient_without_recurrent_weights_is_the_product_of_forget_gates(problem):
    lstm, X, _, _, _ = problem
    W = lstm.W.copy()
    W[:, :lstm.units] = 0
    gradients = cell_gradient_norms(LSTM(W, lstm.b), X[0])
    np.testing.assert_allclose(gradients.full, gradients.direct, rtol=1e-10, atol=1e-300)
    assert (np.diff(gradients.direct) >= 0).all()           # the later, the larger: every gate is below 1


@given(problems())
def test_full_jacobians_chain(problem):
    """The last one is the identity; the one of one unit and one step is f plus what flows through h."""
    lstm, X, h0, C0, _ = problem
    jacobian = cell_gradient_norms(lstm, X[0], h0[0], C0[0]).jacobian
    np.testing.assert_array_equal(jacobian[-1], np.eye(lstm.units))
    assert jacobian.shape == (X.shape[1], lstm.units, lstm.units)
    if X.shape[1] > 1:
        r, u = lstm.forward(X[:1], h0[:1], C0[:1]), lstm.units
        f, i, c = r.f[0, -1], r.i[0, -1], r.c_tilde[0, -1]
        through_h = r.o[0, -2] * (1 - r.tanh_C[0, -2]**2)
        U_f, U_i, U_c = lstm.W_f[:, :u], lstm.W_i[:, :u], lstm.W_c[:, :u]
        slope = ((r.C[0, -2] * f * (1 - f))[:, None] * U_f + (c * i * (1 - i))[:, None] * U_i
                 + (i * (1 - c**2))[:, None] * U_c)
        np.testing.assert_allclose(jacobian[-2], np.diag(f) + slope * through_h, rtol=1e-9, atol=1e-12)


@given(problems(), st.floats(0, 1))
def test_gradient_of_the_training_loss(problem, l2):
    """The loss that the regressor descends, with its penalty, in all its parameters."""
    lstm, X, _, _, rng = problem
    training = _Training(lstm, rng.normal(size=lstm.units), rng.normal(), l2=l2)
    X, y = X.transpose(1, 2, 0), rng.normal(size=len(X))
    training.loss_and_gradient(X, y)
    gradient, theta = training.gradient.copy(), training.theta.copy()
    direction = rng.normal(size=theta.shape)
    ends = []
    for sign in (1, -1):
        training.theta[:] = theta + sign * 1e-5 * direction
        ends.append(training.loss_and_gradient(X, y))
    agree(gradient @ direction, (ends[0] - ends[1]) / 2e-5)


@given(seeds, st.integers(1, 30), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_clipping_bounds_the_norm_and_keeps_the_direction(seed, size, scale, clip_norm):
    gradient = np.random.default_rng(seed).normal(0, scale, size)
    before = gradient.copy()
    _clip(gradient, clip_norm)
    norm = np.linalg.norm(before)
    assert np.linalg.norm(gradient) <= clip_norm * (1 + 1e-12)
    np.testing.assert_allclose(gradient, before * min(1, clip_norm / norm), rtol=1e-12)


@given(seeds, st.integers(1, 10), st.floats(1e-4, 1))
def test_first_step_of_adam_has_the_length_of_the_learning_rate(seed, size, learning_rate):
    gradient = np.random.default_rng(seed).normal(size=size) + 1e-3
    theta = np.zeros(size)
    _Adam(theta, learning_rate).step(theta, gradient)
    np.testing.assert_allclose(theta, -learning_rate * np.sign(gradient), rtol=1e-3)


@given(seeds, st.integers(1, 3), st.integers(4, 12), st.integers(1, 4), st.sampled_from([0, 0.3]),
       st.integers(1, 3))
def test_training_keeps_the_best_weights(seed, units, n, time, fraction, patience):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, time)), rng.normal(size=n)
    model = LSTMRegressor(units, epochs=6, learning_rate=0.3, validation_fraction=fraction, patience=patience,
                          random_state=0).fit(X, y)
    curve, split = model.validation_curve_, n - int(fraction * n)
    assert model.best_epoch_ == int(np.argmin(curve)) and len(curve) == len(model.loss_curve_) == model.n_iter_
    assert model.n_iter_ == min(6, model.best_epoch_ + patience + 1)
    watched = slice(split, None) if split < n else slice(None)
    error = (model.predict(X[watched]) - y[watched]) / y[:split].std()
    np.testing.assert_allclose(np.mean(error**2) / 2, curve[model.best_epoch_], rtol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.data())
def test_windows_hold_the_past_only(series, data):
    lags = data.draw(st.integers(1, len(series) - 1))
    X, y = sequences(series, lags)
    assert X.shape == (len(series) - lags, lags) and len(y) == len(X)
    for t in range(len(y)):
        assert X[t].tolist() == series[t:t + lags] and y[t] == series[t + lags]
