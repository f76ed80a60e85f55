"""`bizai.recurrent` against Keras, PyTorch (where it is installed) and SciPy's numerical gradients."""

import os

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from bizai.recurrent import LSTM, _Adam, _Training

SIZES = [(64, 8, 50, 32), (3, 2, 7, 4), (1, 1, 1, 1), (5, 3, 1, 2)]         # units, features, time, batch
WEIGHTS = ("dW", "db", "dX")


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    return pytest.importorskip("keras")


def problem(units, features, time, batch):
    rng = np.random.default_rng(units + time)
    lstm = LSTM(rng.normal(0, 0.5, (4 * units, units + features)), rng.normal(0, 0.5, 4 * units))
    return lstm, rng.normal(size=(batch, time, features)), rng.normal(size=(batch, time, units))


def largest(ours, theirs):
    """Largest difference over arrays, relative to the largest value."""
    return max(abs(a - b).max() / (abs(a).max() or 1) for a, b in zip(ours, theirs))


def keras_results(keras, lstm, X, above, dtype):
    import tensorflow as tf

    layer = keras.layers.LSTM(lstm.units, return_sequences=True, return_state=True, dtype=dtype)
    layer.build(X.shape)
    layer.set_weights(lstm.to_keras())
    X = tf.constant(X, dtype)
    with tf.GradientTape() as tape:
        tape.watch(X)
        h, _, C = layer(X)
        loss = tf.reduce_sum(h * tf.constant(above, dtype))
    return h.numpy(), C.numpy(), [g.numpy() for g in tape.gradient(loss, [*layer.trainable_variables, X])]


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_keras_with_the_same_weights(keras, sizes, dtype, tolerance):
    lstm, X, above = problem(*sizes)
    h, C, gradients = keras_results(keras, lstm, X, above, dtype)
    result = lstm.forward(X)
    assert abs(result.h - h).max() < tolerance and largest([result.C[:, -1]], [C]) < tolerance
    ours = lstm.backward(result, above)
    assert largest([*ours.to_keras(), ours.dX], gradients) < tolerance


def test_our_weights_from_a_keras_layer(keras):
    layer = keras.layers.LSTM(6)
    X = np.random.default_rng(0).normal(size=(3, 10, 2))
    theirs = layer(X.astype(np.float32)).numpy()
    assert abs(LSTM.from_keras(*layer.get_weights()).forward(X).h[:, -1] - theirs).max() < 1e-5


def test_our_start_is_that_of_keras(keras):
    """Glorot's limit, orthogonal recurrent weights and a forget bias of one."""
    layer = keras.layers.LSTM(6)
    layer.build((None, None, 2))
    for kernel, recurrent_kernel, bias in (layer.get_weights(), LSTM.random(6, 2, 0).to_keras()):
        assert 0.8 * np.sqrt(6 / 26) < abs(kernel).max() <= np.sqrt(6 / 26)
        np.testing.assert_allclose(recurrent_kernel @ recurrent_kernel.T, np.eye(6), atol=1e-5)
        assert bias.tolist() == [0] * 6 + [1] * 6 + [0] * 12


def test_adam_of_keras(keras):
    """To the accuracy of Keras' own constants, which are in float32: 1 - 0.999 is off by 5e-5 there."""
    rng = np.random.default_rng(0)
    theta, gradients = rng.normal(size=5), rng.normal(size=(20, 5))
    variable, optimizer = keras.Variable(theta, dtype="float64"), keras.optimizers.Adam(0.01, epsilon=1e-12)
    ours = _Adam(theta, 0.01, eps=1e-12)
    for gradient in gradients:
        ours.step(theta, gradient)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(theta, variable.numpy(), atol=2e-6)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_torch_with_the_same_weights(sizes):
    torch = pytest.importorskip("torch")
    lstm, X, above = problem(*sizes)
    layer = torch.nn.LSTM(lstm.features, lstm.units, batch_first=True, dtype=torch.float64)
    kernel, recurrent_kernel, bias = lstm.to_keras()
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), (kernel.T, recurrent_kernel.T, bias, 0 * bias)):
            parameter.copy_(torch.tensor(array))
    x = torch.tensor(X, requires_grad=True)
    h, _ = layer(x)
    (h * torch.tensor(above)).sum().backward()
    result = lstm.forward(X)
    ours = lstm.backward(result, above)
    theirs = [torch.hstack([layer.weight_hh_l0.grad, layer.weight_ih_l0.grad]), layer.bias_ih_l0.grad, x.grad]
    assert abs(result.h - h.detach().numpy()).max() < 1e-12
    assert largest([getattr(ours, name) for name in WEIGHTS], [g.numpy() for g in theirs]) < 1e-12


def test_numerical_gradient_of_the_training_loss():
    lstm, X, _ = problem(3, 2, 6, 5)
    rng = np.random.default_rng(1)
    training, y = _Training(lstm, rng.normal(size=3), 0.3, l2=0.1), rng.normal(size=5)
    X, theta = X.transpose(1, 2, 0), training.theta.copy()

    def loss(values):
        training.theta[:] = values
        return training.loss_and_gradient(X, y)

    numerical = approx_fprime(theta, loss, 1e-7)
    loss(theta)
    np.testing.assert_allclose(training.gradient, numerical, atol=1e-6)
