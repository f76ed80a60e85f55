"""`bizai.network` against scikit-learn, TensorFlow's GradientTape and Keras' Adam."""

import os
import warnings

import numpy as np
import pytest
from sklearn import linear_model, neural_network
from sklearn.exceptions import ConvergenceWarning

from bizai.network import (
    Adam, MLPClassifier, MLPRegressor, backward, batch_loss, forward, initial_parameters, unpack,
)


def table(n=240, d=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    score = np.sin(X[:, 0] * 2) + X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.arange(1, classes) / classes)), score


def train_theirs(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("classes", [2, 3, 0])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_is_that_of_scikit_learn(activation, classes, optimizer):
    """The same weights after ten epochs from the same seed; scikit-learn divides alpha by the batch size."""
    X, y, score = table(classes=classes or 2)
    shared = {"hidden_layer_sizes": (8, 5), "activation": activation, "batch_size": 40, "random_state": 3}
    ours, theirs, y = (MLPClassifier, neural_network.MLPClassifier, y) if classes else (
        MLPRegressor, neural_network.MLPRegressor, score)
    rate = 0.05 if optimizer == "sgd" else 0.01
    ours = ours(**shared, optimizer=optimizer, learning_rate=rate, l2=1e-2, epochs=10).fit(X, y)
    theirs = train_theirs(theirs(**shared, solver=optimizer, learning_rate_init=rate, alpha=0.4, max_iter=10,
                                 nesterovs_momentum=False), X, y)
    for mine, peer in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_):
        assert mine == pytest.approx(peer, rel=1e-7, abs=1e-9)
    assert ours.loss_curve_ == pytest.approx(theirs.loss_curve_, rel=1e-9)
    if classes:
        assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), rel=1e-7)
    assert (ours.predict(X) == theirs.predict(X)).all() if classes else ours.predict(X) == pytest.approx(
        theirs.predict(X), rel=1e-7)


def test_no_hidden_layer_is_logistic_regression():
    X, y, _ = table()
    ours = MLPClassifier((), optimizer="sgd", learning_rate=0.5, l2=0.05, batch_size=len(X), epochs=600,
                         random_state=0).fit(X, y)
    theirs = linear_model.LogisticRegression(C=1 / (0.05 * len(X)), tol=1e-10, max_iter=1000).fit(X, y)
    assert ours.predict_proba(X) == pytest.approx(theirs.predict_proba(X), rel=1e-6)


@pytest.fixture(scope="module")
def tf():
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("output", ["softmax", "logistic", "identity"])
def test_gradients_are_those_of_the_gradient_tape(tf, activation, output):
    X, y, score = table(n=37)
    Y = {"softmax": np.eye(3)[y], "logistic": np.eye(3)[y][:, :1], "identity": score[:, None]}[output]
    sizes = (6, 7, 5, 4, Y.shape[1])
    weights, biases = unpack(initial_parameters(sizes, activation, 1), sizes)
    passed = forward(weights, biases, X, activation, output)
    back = backward(weights, passed, Y, activation)

    g = {"relu": tf.nn.relu, "tanh": tf.tanh, "logistic": tf.sigmoid}[activation]
    lost = {"softmax": lambda z: tf.nn.softmax_cross_entropy_with_logits(Y, z),
            "logistic": lambda z: tf.nn.sigmoid_cross_entropy_with_logits(Y, z),
            "identity": lambda z: (z - Y) ** 2 / 2}[output]
    W, b = ([tf.Variable(value) for value in values] for values in (weights, biases))
    with tf.GradientTape(persistent=True) as tape:
        z, a = [], tf.constant(X)
        for l in range(len(W)):
            z.append(a @ W[l] + b[l])
            tape.watch(z[-1])
            a = g(z[-1])
        J = tf.reduce_mean(lost(z[-1]))
    assert batch_loss(passed.z[-1], Y, output) == pytest.approx(float(J), rel=1e-12)
    for l in range(len(W)):
        assert back.dW[l] == pytest.approx(tape.gradient(J, W[l]).numpy(), rel=1e-9, abs=1e-14)
        assert back.db[l] == pytest.approx(tape.gradient(J, b[l]).numpy(), rel=1e-9, abs=1e-14)
        assert back.delta[l] / len(X) == pytest.approx(tape.gradient(J, z[l]).numpy(), rel=1e-9, abs=1e-14)


def test_adam_is_that_of_keras(tf):
    rng, theta = np.random.default_rng(0), np.linspace(-1, 1, 5)
    theirs = tf.Variable(theta)
    ours, optimizer = Adam(theta, 0.01, epsilon=1e-7), tf.keras.optimizers.Adam(0.01, epsilon=1e-7)
    for _ in range(30):
        g = rng.normal(size=5)
        optimizer.apply_gradients([(tf.constant(g), theirs)])
        ours.step(g.copy())
    assert theta == pytest.approx(theirs.numpy(), rel=1e-5)             # Keras rounds beta^t to float32
