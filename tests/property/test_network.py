"""Laws that `bizai.network` obeys for any network and any batch."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bizai.network import (
    ACTIVATIONS, MLPClassifier, MLPRegressor, backward, batch_loss, forward, gradient_check, initial_parameters,
    objective, softmax, softmax_jacobian, unpack,
)

logits = arrays(float, st.tuples(st.integers(1, 6), st.integers(2, 6)), elements=st.floats(-500, 500))
OUTPUTS = st.sampled_from(["softmax", "logistic", "identity"])


@st.composite
def problems(draw, activations=tuple(ACTIVATIONS)):
    """A random network with a batch: duplicate rows and constant columns among them."""
    sizes = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))) + (draw(st.integers(1, 4)),)
    output, activation = draw(OUTPUTS), draw(st.sampled_from(activations))
    m, rng = draw(st.integers(1, 7)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.normal(size=(m, sizes[0]))
    if draw(st.booleans()):
        X[:, 0] = draw(st.sampled_from([0.0, 1.0]))
    if draw(st.booleans()):
        X[-1] = X[0]
    if output == "softmax":
        Y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], m)]
    elif output == "logistic":
        Y = rng.integers(0, 2, (m, sizes[-1])).astype(float)
    else:
        Y = rng.normal(size=(m, sizes[-1]))
    theta = initial_parameters(sizes, activation, rng.integers(2**31)) * draw(st.sampled_from([0.3, 1.0, 3.0]))
    return sizes, theta, X, Y, activation, output


def away_from_kinks(theta, sizes, X, activation, output):
    hidden = forward(*unpack(theta, sizes), X, activation, output).z[:-1]
    return activation != "relu" or all(abs(z).min() > 2e-3 for z in hidden)


@given(problems(), st.sampled_from([0.0, 1e-3, 0.5]))
def test_gradient_is_that_of_finite_differences(problem, l2):
    sizes, theta, X, Y, activation, output = problem
    assume(away_from_kinks(theta, sizes, X, activation, output))
    assert gradient_check(lambda t: objective(t, sizes, X, Y, activation, output, l2), theta).error < 1e-6


@given(problems(activations=("tanh", "logistic", "identity")))
def test_delta_is_the_gradient_with_respect_to_z(problem):
    """Adding u to b^(l) adds u to z^(l): the mean over the batch of delta^(l) is the gradient of b^(l)."""
    sizes, theta, X, Y, activation, output = problem
    weights, biases = unpack(theta, sizes)
    back = backward(weights, forward(weights, biases, X, activation, output), Y, activation)
    for l, b in enumerate(biases):
        def moved(u):
            shifted = [v + u if k == l else v for k, v in enumerate(biases)]
            z = forward(weights, shifted, X, activation, output).z[-1]
            return batch_loss(z, Y, output), back.delta[l].mean(axis=0)
        assert gradient_check(moved, np.zeros_like(b)).error < 1e-6


@given(problems(), st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(problem, random):
    sizes, theta, X, Y, *functions = problem
    order = random.sample(range(len(X)), len(X))
    value, gradient = objective(theta, sizes, X, Y, *functions)
    again, permuted = objective(theta, sizes, X[order], Y[order], *functions)
    assert again == pytest.approx(value, rel=1e-12) and permuted == pytest.approx(gradient, rel=1e-9, abs=1e-12)


@given(problems())
def test_doubling_every_row_changes_nothing(problem):
    sizes, theta, X, Y, *functions = problem
    value, gradient = objective(theta, sizes, X, Y, *functions)
    again, doubled = objective(theta, sizes, np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0), *functions)
    assert again == pytest.approx(value, rel=1e-12) and doubled == pytest.approx(gradient, rel=1e-9, abs=1e-12)


@given(problems())
def test_loss_of_the_objective_is_that_of_the_forward_pass(problem):
    sizes, theta, X, Y, activation, output = problem
    passed = forward(*unpack(theta, sizes), X, activation, output)
    value = objective(theta, sizes, X, Y, activation, output)[0]
    assert value == batch_loss(passed.z[-1], Y, output) >= 0
    if output == "softmax":
        with np.errstate(divide="ignore"):
            assert value == pytest.approx(-np.log(passed.a[-1][Y == 1]).mean(), rel=1e-9, abs=1e-12)


@given(logits)
def test_softmax_rows_are_probabilities(z):
    p = softmax(z)
    assert (p >= 0).all() and p.sum(axis=1) == pytest.approx(np.ones(len(z)), rel=1e-12)
    assert (np.take_along_axis(p, z.argmax(axis=1)[:, None], 1)[:, 0] == p.max(axis=1)).all()


@given(logits, st.floats(-500, 500))
def test_softmax_is_invariant_to_a_shift(z, shift):
    assert softmax(z + shift) == pytest.approx(softmax(z), rel=1e-9, abs=1e-300)


@given(arrays(float, st.integers(2, 6), elements=st.floats(-5, 5)))
def test_softmax_jacobian_is_that_of_finite_differences(z):
    J = softmax_jacobian(z)
    for j in range(len(z)):
        assert gradient_check(lambda x: (softmax(x)[j], J[j]), z).error < 1e-6
    assert J == pytest.approx(J.T) and J.sum(axis=1) == pytest.approx(np.zeros(len(z)), abs=1e-15)
    assert np.linalg.eigvalsh(J).min() > -1e-15


@given(arrays(float, st.integers(2, 6), elements=st.floats(-5, 5)), st.data())
def test_softmax_with_cross_entropy_has_the_simple_delta(z, data):
    """J' (-y/p) = p - y: the chain rule through the full Jacobian, where elementwise slopes would fail."""
    y = np.eye(len(z))[data.draw(st.integers(0, len(z) - 1))]
    p = softmax(z)
    assert softmax_jacobian(z) @ (-y / p) == pytest.approx(p - y, abs=1e-12)


@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(1, 40))
def test_classifier_on_any_small_table(seed, classes, batch_size):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(12, 3)), np.arange(12) % classes
    X[:, 1], X[6:] = 1.0, X[:6]
    model = MLPClassifier((4,), epochs=2, batch_size=batch_size, random_state=0).fit(X, y)
    p = model.predict_proba(X)
    assert p.shape == (12, classes) and p.sum(axis=1) == pytest.approx(np.ones(12))
    assert p[6:] == pytest.approx(p[:6]) and len(model.loss_curve_) == 2


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_one_full_batch_step_of_sgd_is_a_gradient_step(seed, n):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    model = MLPRegressor((3,), activation="tanh", optimizer="sgd", momentum=0.5, learning_rate=0.1, l2=0.01,
                         batch_size=n, epochs=1, random_state=seed).fit(X, y)
    theta = initial_parameters((2, 3, 1), "tanh", seed)
    theta -= 0.1 * objective(theta, (2, 3, 1), X, y[:, None], "tanh", "identity", 0.01)[1]
    for ours, expected in zip(model.coefs_ + model.intercepts_, sum(unpack(theta, (2, 3, 1)), [])):
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-12)
