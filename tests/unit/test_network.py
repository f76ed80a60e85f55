"""`bizai.network` on cases worked out by hand, at its edges, and as a scikit-learn estimator."""

import math

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from bizai.network import (
    ACTIVATIONS, Adam, MLPClassifier, MLPRegressor, backward, batch_loss, delta_norms, forward, gradient_check,
    initial_parameters, objective, softmax, softmax_jacobian, unpack,
)


# By hand -------------------------------------------------------------------------------------------------

def test_two_layers_by_hand():
    """x = (1, 2), one relu unit pair, one logistic output with z = ln 3, so that a = 3/4 and delta = 3/4 - 1."""
    W = [np.array([[1.0, -1.0], [0.5, -1.0]]), np.array([[0.5], [7.0]])]
    b = [np.array([0.0, 1.0]), np.array([math.log(3) - 1])]
    passed = forward(W, b, np.array([[1.0, 2.0]]), "relu", "logistic")
    assert passed.z[0].tolist() == [[2.0, -2.0]] and passed.a[1].tolist() == [[2.0, 0.0]]
    assert passed.a[2] == pytest.approx(np.array([[0.75]]), rel=1e-15)
    back = backward(W, passed, np.array([[1.0]]), "relu")
    assert back.delta[1] == pytest.approx(np.array([[-0.25]]), rel=1e-14)
    assert back.delta[0] == pytest.approx(np.array([[-0.125, 0.0]]), rel=1e-14)
    assert back.dW[1] == pytest.approx(np.array([[-0.5], [0.0]]), rel=1e-14)
    assert back.dW[0] == pytest.approx(np.array([[-0.125, 0.0], [-0.25, 0.0]]), rel=1e-14)
    assert back.db[0] == pytest.approx([-0.125, 0.0], rel=1e-14)
    assert batch_loss(passed.z[1], np.array([[1.0]]), "logistic") == pytest.approx(math.log(4 / 3), rel=1e-14)


def test_softmax_by_hand():
    assert softmax([0, math.log(2), math.log(5)]) == pytest.approx([1 / 8, 2 / 8, 5 / 8], rel=1e-15)
    assert softmax_jacobian([0, 0]).tolist() == [[0.25, -0.25], [-0.25, 0.25]]


def test_first_step_of_adam_has_the_size_of_the_learning_rate():
    theta = np.zeros(3)
    Adam(theta, learning_rate=0.1).step(np.array([5.0, -1e-3, 0.0]))
    assert theta == pytest.approx([-0.1, 0.1, 0.0], rel=1e-3)


def test_adam_follows_its_recursion():
    rng, theta = np.random.default_rng(0), np.array([1.0, -2.0])
    optimizer, x, mean, square = Adam(theta, 0.01), theta.copy(), 0, 0
    for t in range(1, 20):
        g = rng.normal(size=2)
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        corrected = mean / (1 - 0.9**t), square / (1 - 0.999**t)
        x = x - 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8 / math.sqrt(1 - 0.999**t))
        optimizer.step(g.copy())
        assert theta == pytest.approx(x, rel=1e-12)


def test_mean_over_the_batch_is_taken_once():
    """The gradient of a batch is the mean of the gradients of its rows, and delta is theirs unscaled."""
    rng, sizes = np.random.default_rng(1), (3, 4, 3)
    theta = initial_parameters(sizes, "tanh", 0)
    X, Y = rng.normal(size=(5, 3)), np.eye(3)[[0, 1, 2, 2, 1]]
    each = [objective(theta, sizes, X[i:i + 1], Y[i:i + 1], "tanh")[1] for i in range(5)]
    assert objective(theta, sizes, X, Y, "tanh")[1] == pytest.approx(np.mean(each, axis=0), rel=1e-12)
    weights, biases = unpack(theta, sizes)
    whole = backward(weights, forward(weights, biases, X, "tanh"), Y, "tanh")
    for i in range(5):
        row = backward(weights, forward(weights, biases, X[i:i + 1], "tanh"), Y[i:i + 1], "tanh")
        assert all(whole.delta[l][i] == pytest.approx(row.delta[l][0], rel=1e-12) for l in range(2))


def test_biases_are_not_penalised():
    sizes, X, Y = (2, 3, 1), np.ones((2, 2)), np.array([[0.0], [1.0]])
    theta = initial_parameters(sizes, "tanh", 0)
    plain, penalised = (objective(theta, sizes, X, Y, "tanh", "logistic", l2)[1] for l2 in (0.0, 0.3))
    assert penalised[:9] - plain[:9] == pytest.approx(0.3 * theta[:9])
    assert penalised[9:].tolist() == plain[9:].tolist()


def test_sigmoid_layers_let_the_error_vanish():
    sizes = (10, *[10] * 8, 1)
    weights, biases = unpack(initial_parameters(sizes, "logistic", 0), sizes)
    X = np.random.default_rng(0).normal(size=(50, 10))
    norms = delta_norms(backward(weights, forward(weights, biases, X, "logistic", "logistic"), np.ones((50, 1)),
                                 "logistic"))
    assert len(norms) == 9 and norms[0] < 1e-4 * norms[-1]


# Edges ---------------------------------------------------------------------------------------------------

def test_extreme_logits():
    for output, z, y, lost in [
        ("softmax", [[1e4, 0, -1e4]], [[1, 0, 0]], 0.0), ("softmax", [[1e4, 0, -1e4]], [[0, 0, 1]], 2e4),
        ("logistic", [[1e4]], [[1]], 0.0), ("logistic", [[1e4]], [[0]], 1e4), ("logistic", [[-1e4]], [[1]], 1e4),
    ]:
        assert batch_loss(np.array(z), np.array(y, dtype=float), output) == lost
    assert softmax([8e307, -8e307, 0]).tolist() == [1, 0, 0]
    tiny = batch_loss(np.array([[-50.0]]), np.array([[0.0]]), "logistic")
    assert tiny == pytest.approx(math.exp(-50), rel=1e-12)
    assert batch_loss(np.array([[50.0]]), np.array([[1.0]]), "logistic") == tiny


def blobs(n=120, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    return rng.normal(size=(n, 2)) + 4 * np.eye(classes, 2, k=0)[y] - 3 * (y == 2)[:, None], y


def test_constant_features_and_duplicate_rows():
    X, y = blobs()
    X = np.column_stack([X, np.full(len(X), 3.0)])
    model = MLPClassifier(epochs=60, random_state=0).fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    assert model.score(X, y) > 0.95
    assert MLPClassifier(epochs=5, random_state=0).fit(np.ones((8, 2)), [0, 1] * 4).predict_proba(
        np.ones((1, 2))).sum() == pytest.approx(1)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="y must hold at least 2 classes, got one class: kept"):
        MLPClassifier().fit(np.eye(3), ["kept"] * 3)


def test_labels_of_any_kind():
    X, y = blobs()
    names = np.array(["basic", "plus", "pro"])[y]
    a = MLPClassifier(epochs=3, random_state=1).fit(X, names)
    b = MLPClassifier(epochs=3, random_state=1).fit(X, y)
    assert (a.classes_[b.predict(X)] == a.predict(X)).all()
    assert a.predict_proba(X).tolist() == b.predict_proba(X).tolist()


def test_no_hidden_layer_and_one_given_as_a_number():
    X, y = blobs()
    assert [W.shape for W in MLPClassifier((), epochs=1).fit(X, y).coefs_] == [(2, 3)]
    assert [W.shape for W in MLPClassifier(7, epochs=1).fit(X, y).coefs_] == [(2, 7), (7, 3)]


def test_equal_seeds_give_equal_weights():
    X, y = blobs()
    one, two, other = (MLPClassifier(epochs=2, random_state=seed).fit(X, y).coefs_[0] for seed in (3, 3, 4))
    assert (one == two).all() and not (one == other).all()


def test_early_stopping_restores_the_best_weights():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 6)), rng.integers(0, 2, 80)
    model = MLPClassifier((40,), early_stopping=True, validation_fraction=0.25, patience=7, epochs=300,
                          learning_rate=0.02, random_state=0).fit(X, y)
    curve = model.validation_curve_
    assert model.n_iter_ == len(curve) == len(model.loss_curve_) == model.best_epoch_ + 7 < 300
    assert model.best_epoch_ == np.argmin(curve) + 1 and curve[-1] > min(curve)
    shorter = MLPClassifier(**{**model.get_params(), "epochs": model.best_epoch_}).fit(X, y)
    for a, b in zip(model.coefs_ + model.intercepts_, shorter.coefs_ + shorter.intercepts_):
        assert (a == b).all()


def test_loss_falls_and_regression_learns_a_curve():
    x = np.linspace(-2, 2, 200)[:, None]
    model = MLPRegressor((30,), activation="tanh", learning_rate=0.02, epochs=200, l2=0, random_state=0)
    model.fit(x, np.sin(2 * x[:, 0]))
    assert model.loss_curve_[-1] < 0.01 * model.loss_curve_[0] and model.score(x, np.sin(2 * x[:, 0])) > 0.99


def test_two_targets_at_once():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = MLPRegressor(epochs=3, random_state=0).fit(X, X[:, :2])
    assert model.predict(X).shape == (60, 2) and MLPRegressor(epochs=1).fit(X, X[:, 0]).predict(X).shape == (60,)


def test_divergence_is_told():
    X = 1e3 * np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises(ValueError, match="diverged in epoch .* learning_rate 10.0 is too large .* standardise"):
        MLPRegressor(optimizer="sgd", learning_rate=10.0, random_state=0).fit(X, X[:, 0])


def test_training_that_diverged_leaves_no_model():
    X = np.random.default_rng(0).normal(size=(50, 3))
    model = MLPRegressor(optimizer="sgd", epochs=2, random_state=0).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(learning_rate=10.0).fit(1e3 * X, X[:, 0])
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_fraction_that_would_hold_out_every_row():
    X, y = blobs(30)
    model = MLPClassifier(epochs=2, early_stopping=True, validation_fraction=0.999, random_state=0).fit(X, y)
    assert len(model.validation_curve_) == 2
    with pytest.raises(ValueError, match="early_stopping needs at least 2 rows .*, got 1"):
        MLPRegressor(early_stopping=True).fit(X[:1], [1.0])


@pytest.mark.parametrize("arguments, message", [
    ({"hidden_layer_sizes": (8, 0)}, r"hidden_layer_sizes must be integers >= 1 .*, got \(8, 0\)"),
    ({"hidden_layer_sizes": "32"}, "hidden_layer_sizes must be integers >= 1 .*, got '32'"),
    ({"activation": "swish"}, "activation must be one of relu, tanh, logistic, identity, got 'swish'"),
    ({"optimizer": "lbfgs"}, "optimizer must be one of adam, sgd, got 'lbfgs'"),
    ({"batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
    ({"epochs": 2.5}, "epochs must be an integer >= 1, got 2.5"),
    ({"patience": True}, "patience must be an integer >= 1, got True"),
    ({"learning_rate": 0}, "learning_rate must be a finite number > 0, got 0"),
    ({"l2": -1e-4}, "l2 must be a finite number >= 0, got -0.0001"),
    ({"l2": math.nan}, "l2 must be a finite number >= 0, got nan"),
    ({"momentum": 1.0}, "momentum must be a number >= 0 and < 1, got 1.0"),
    ({"validation_fraction": 1}, "validation_fraction must be a number > 0 and < 1, got 1"),
])
def test_arguments_out_of_range(arguments, message):
    X, y = blobs(12)
    for estimator in (MLPClassifier, MLPRegressor):
        with pytest.raises(ValueError, match=message):
            estimator(**arguments).fit(X, y)


@pytest.mark.parametrize("call, message", [
    (lambda W, b, X, Y: forward(W, b, X, "swish"), "activation must be one of relu, tanh, .*, got 'swish'"),
    (lambda W, b, X, Y: forward(W, b, X, output="probit"), "output must be one of softmax, .*, got 'probit'"),
    (lambda W, b, X, Y: forward(W, b, X[:, 1:]), r"X must have the shape \(m, 2\), got \(3, 1\)"),
    (lambda W, b, X, Y: backward(W, forward(W, b, X), Y[:, 0]), r"Y must .* shape \(3, 3\) .*, got \(3,\)"),
    (lambda W, b, X, Y: batch_loss(X @ W[0], Y[:1]), r"Y must .* shape \(3, 3\) .*, got \(1, 3\)"),
    (lambda W, b, X, Y: batch_loss(np.ones((0, 3)), np.ones((0, 3))), "Y must have at least one row"),
    (lambda W, b, X, Y: batch_loss(X @ W[0], Y, "hinge"), "output must be one of .*, got 'hinge'"),
    (lambda W, b, X, Y: objective(np.zeros(9), (2, 3), X, Y, output="hinge"), "output must be .*, got 'hinge'"),
    (lambda W, b, X, Y: objective(np.zeros(12), (2, 3), X, Y),
     r"theta must have the shape \(9,\) for sizes \(2, 3\), got \(12,\)"),
])
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call([np.ones((2, 3))], [np.zeros(3)], np.ones((3, 2)), np.eye(3))


# Finite differences --------------------------------------------------------------------------------------

def test_gradient_check_finds_the_wrong_entry():
    def cube(x):
        gradient = 3 * x**2
        gradient[1, 0] *= 1.01
        return float((x**3).sum()), gradient

    found = gradient_check(cube, [[1.0, 2.0], [3.0, -1.0]])
    assert found.index == (1, 0) and found.error == pytest.approx(0.01 / 1.01, rel=1e-6)
    assert found.analytic == pytest.approx(27.27) and found.numeric == pytest.approx(27, rel=1e-8)


def test_gradient_check_refuses():
    with pytest.raises(ValueError, match=r"gradient of the shape \(2,\) of x, got \(1,\)"):
        gradient_check(lambda x: (0.0, np.zeros(1)), [0.0, 1.0])
    with pytest.raises(ValueError, match="step must be a number > 0, got 0"):
        gradient_check(lambda x: (0.0, np.zeros(1)), [0.0], step=0)
    with pytest.raises(ValueError, match="fun must be finite"):
        gradient_check(lambda x: (math.nan, np.zeros(1)), [0.0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_of_the_activations(name):
    g, slope = ACTIVATIONS[name]
    z = np.array([-2.0, -0.3, 0.4, 3.0])
    numeric = (g(z + 1e-6) - g(z - 1e-6)) / 2e-6
    assert slope(g(z)) == pytest.approx(numeric, rel=1e-8)
