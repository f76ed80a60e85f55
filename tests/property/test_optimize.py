"""Laws that `bizai.optimize` obeys for any table, labels and penalty."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bizai.optimize import (
    LinearRegression, LogisticRegression, best_step, binary_cross_entropy, contraction, cross_entropy,
    cross_entropy_gradient, curvature, gradient_descent, guaranteed_decrease, largest_eigenvalue, logistic_hessian,
    logistic_newton, logistic_risk, sigmoid, squared_hessian, squared_risk,
)

EPS = np.finfo(float).eps
penalties = st.one_of(st.just(0.0), st.floats(1e-4, 10))
numbers = st.floats(-4, 4).map(lambda x: round(x, 3))


@st.composite
def tables(draw, least=1):
    """X whose rows may be doubled and columns constant, labels, and parameters with or without an intercept."""
    n, d = draw(st.integers(least, 12)), draw(st.integers(1, 4))
    X = draw(arrays(float, (n, d), elements=numbers))
    if draw(st.booleans()):
        X[:, 0] = draw(numbers)
    if draw(st.booleans()):
        X = X[draw(arrays(int, n, elements=st.integers(0, n - 1)))]
    y = draw(arrays(int, n, elements=st.integers(0, 1)))
    theta = draw(arrays(float, d + draw(st.integers(0, 1)), elements=numbers))
    return X, y, theta


def differences(fun, theta, h=1e-5):
    """Central differences, along the last axis."""
    steps = h * np.eye(len(theta))
    return np.stack([(fun(theta + e) - fun(theta - e)) / (2 * h) for e in steps], axis=-1)


# Gradients and Hessians ----------------------------------------------------------------------------------

@pytest.mark.parametrize("risk", [logistic_risk, squared_risk])
@given(tables(), penalties)
def test_gradient_is_the_limit_of_differences(risk, table, l2):
    X, y, theta = table
    value, gradient = risk(theta, X, y, l2)
    numeric = differences(lambda t: risk(t, X, y, l2)[0], theta)
    assert gradient == pytest.approx(numeric, rel=1e-6, abs=1e-7 * (1 + value))


@given(tables(), penalties)
def test_hessians_are_the_differences_of_the_gradients_and_semidefinite(table, l2):
    X, y, theta = table
    for H, risk in ((logistic_hessian(theta, X, l2), logistic_risk),
                    (squared_hessian(X, l2, fit_intercept=theta.size > X.shape[1]), squared_risk)):
        numeric = differences(lambda t: risk(t, X, y, l2)[1], theta)
        assert H == pytest.approx(numeric, rel=1e-6, abs=1e-7 * (1 + np.abs(H).max()))
        assert (H == H.T).all() and np.linalg.eigvalsh(H)[0] >= -1e-13 * (1 + np.abs(H).max())


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(-30, 30)), min_size=1, max_size=20))
def test_cross_entropy_is_symmetric_and_agrees_with_probabilities(rows):
    y, z = map(np.array, zip(*rows))
    loss = cross_entropy(y, z)
    assert cross_entropy(1 - y, -z) == loss >= 0
    assert cross_entropy_gradient(1 - y, -z).tolist() == (-cross_entropy_gradient(y, z)).tolist()
    exact = binary_cross_entropy(y, sigmoid(z))                 # which loses digits of 1 - p
    assert loss == pytest.approx(exact, abs=EPS * np.exp(np.abs(z).max()))
    assert cross_entropy_gradient(y, z) == pytest.approx((sigmoid(z) - y) / len(y), rel=1e-9, abs=EPS)
    assert logistic_risk([1], z[:, None], y)[0] == loss


@given(st.integers(0, 1), st.floats(-700, 700))
def test_cross_entropy_keeps_its_digits(y, z):
    from mpmath import exp, log1p, mp, mpf

    with mp.workdps(50):
        exact = log1p(exp((1 - 2 * y) * mpf(z)))
        assert cross_entropy([y], [z]) == pytest.approx(float(exact), rel=1e-14, abs=0)
        assert cross_entropy_gradient([y], [z])[0] == pytest.approx(
            float((1 - 2 * y) / (1 + exp((2 * y - 1) * mpf(z)))), rel=1e-13, abs=0)


@given(tables(), penalties, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(table, l2, random):
    X, y, theta = table
    order = random.sample(range(len(y)), len(y))
    for risk in (logistic_risk, squared_risk):
        (value, gradient), (other, turned) = risk(theta, X, y, l2), risk(theta, X[order], y[order], l2)
        assert other == pytest.approx(value, rel=1e-12)
        assert turned == pytest.approx(gradient, rel=1e-12, abs=1e-12)


# Steps ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("risk", "loss"), [(logistic_risk, "logistic"), (squared_risk, "squared")])
@given(tables(), penalties, st.floats(0.01, 1.99))
def test_descent_lemma(risk, loss, table, l2, share):
    """A step eta < 2/L lowers the risk by at least eta (1 - eta L/2) ||gradient||^2, whatever the start."""
    X, y, theta = table
    L = curvature(X, l2, loss, fit_intercept=theta.size > X.shape[1])
    assume(L > 1e-6)
    eta = share / L
    value, gradient = risk(theta, X, y, l2)
    promise = guaranteed_decrease(eta, L) * (gradient @ gradient)
    assert promise >= 0
    assert risk(theta - eta * gradient, X, y, l2)[0] <= value - promise + 1e-12 * (1 + value)


@given(tables(), penalties)
def test_curvature_bounds_every_hessian(table, l2):
    X, _, theta = table
    with_intercept = theta.size > X.shape[1]
    L = curvature(X, l2, fit_intercept=with_intercept)
    assert largest_eigenvalue(logistic_hessian(theta, X, l2)) <= L * (1 + 1e-12) + 1e-300
    assert largest_eigenvalue(logistic_hessian(0 * theta, X, l2)) == pytest.approx(L, rel=1e-12)
    ones = np.column_stack((np.ones(len(X)), X)) if with_intercept else X
    bound = largest_eigenvalue(ones.T @ ones) / (4 * len(X)) + l2
    assert L <= bound * (1 + 1e-12) + 1e-300
    assert with_intercept or L == pytest.approx(bound, rel=1e-12, abs=1e-300)


eigenvalues = st.lists(st.floats(0.1, 10), min_size=1, max_size=4)


def quadratic(lam, seed):
    """x'Hx/2 with the eigenvalues `lam` in random directions."""
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(lam), len(lam))))[0]
    H = Q @ np.diag(lam) @ Q.T
    return lambda x: (x @ H @ x / 2, H @ x), Q


@given(eigenvalues, st.floats(0.01, 1.99), st.integers(0, 10))
def test_distance_shrinks_by_the_contraction(lam, share, seed):
    eta = share / max(lam)
    fun, Q = quadratic(lam, seed)
    run = gradient_descent(fun, Q.sum(axis=1), step=eta, max_iter=20)
    distances = np.linalg.norm(run.path, axis=1)
    factor = contraction(eta, lam)
    assert factor < 1
    assert np.all(distances[1:] <= factor * distances[:-1] * (1 + 1e-12) + 1e-15)
    best = best_step(min(lam), max(lam))
    assert contraction(best, lam) <= factor + 1e-15
    assert contraction(best, lam) == pytest.approx((max(lam) - min(lam)) / (max(lam) + min(lam)), abs=1e-14)


@given(eigenvalues, st.floats(1.05, 10), st.integers(0, 10))
def test_steps_above_two_over_the_largest_eigenvalue_diverge(lam, factor, seed):
    eta = 2 * factor / max(lam)
    fun, Q = quadratic(lam, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = gradient_descent(fun, Q.sum(axis=1), step=eta)
    assert contraction(eta, lam) > 1
    assert not run.converged and run.reason.startswith("diverged in iteration")
    assert np.isfinite(run.path).all() and run.values[-1] > run.values[0]


@given(eigenvalues, st.integers(0, 10), st.booleans())
def test_nesterov_keeps_its_promise(lam, seed, strong):
    """2 ||x0 - x*||^2 L/(k + 1)^2, and (1 - sqrt(mu/L))^k (value + mu/2 ||x0 - x*||^2) with strong convexity."""
    fun, Q = quadratic(lam, seed)
    L, mu = max(lam), min(lam)
    run = gradient_descent(fun, Q.sum(axis=1), curvature=L, method="nesterov", gtol=0, max_iter=60,
                           strong_convexity=mu if strong else 0)
    k, squared = np.arange(len(run.values)), len(lam)
    bound = ((1 - np.sqrt(mu / L)) ** k * (run.values[0] + mu / 2 * squared) if strong
             else 2 * L * squared / (k + 1) ** 2)
    assert np.all(run.values <= bound * (1 + 1e-9) + 1e-25)


@given(tables(least=2), st.floats(1e-3, 1), st.floats(1e-3, 1e3))
def test_backtracking_never_rises_and_arrives(table, l2, first):
    X, y, theta = table
    run = gradient_descent(lambda t: logistic_risk(t, X, y, l2), theta[-X.shape[1]:], step=first,
                           method="backtracking", gtol=1e-6)
    assert run.converged
    assert np.all(np.diff(run.values) <= 4 * EPS * run.values[:-1])
    lowered = run.values[:-1] - run.values[1:]
    promised = run.steps / 2 * run.gradient_norms[:-1] ** 2
    assert np.all(lowered >= promised - 4 * EPS * run.values[:-1] - promised * 1e-9)
    assert run.steps.min(initial=np.inf) >= min(first, 0.5 / curvature(X, l2, fit_intercept=False)) * (1 - 1e-12)


# Estimators ----------------------------------------------------------------------------------------------

@given(tables(least=3), st.floats(1e-3, 10))
def test_newton_finds_the_only_zero_of_the_gradient(table, l2):
    X, y, _ = table
    assume(0 < y.sum() < len(y))
    model = LogisticRegression(l2, tol=1e-10).fit(X, y)
    theta = np.concatenate((model.intercept_, model.coef_[0]))
    assert np.linalg.norm(logistic_risk(theta, X, y, l2)[1]) <= 1e-10
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1, rel=1e-14)
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), abs=1e-9)     # the intercept's equation
    turned = LogisticRegression(l2, tol=1e-10).fit(X, 1 - y)
    assert turned.coef_ == pytest.approx(-model.coef_, abs=1e-7 / l2)
    plain = logistic_newton(X, y, l2, gtol=1e-10, reuse=0)
    assert plain.converged and plain.x[1:] == pytest.approx(theta[1:], abs=1e-7 / l2)


@given(tables(least=2), penalties, st.booleans())
def test_least_squares_leaves_no_gradient(table, l2, fit_intercept):
    X, y, _ = table
    model = LinearRegression(l2, fit_intercept=fit_intercept).fit(X, y)
    theta = np.concatenate(([model.intercept_], model.coef_)) if fit_intercept else model.coef_
    gradient = squared_risk(theta, X, y, l2)[1]
    assert np.abs(gradient).max() <= 1e-10 * (1 + np.abs(theta).max())


@given(tables(least=2))
def test_separation_is_told_exactly_where_it_is(table):
    """A feature that is not constant separates if the ranges of the two labels share at most an end."""
    X, y, _ = table
    assume(0 < y.sum() < len(y))
    x = np.round(X[:, 0], 1)
    zero, one = x[y == 0], x[y == 1]
    separated = (zero.max() <= one.min() or one.max() <= zero.min()) and np.ptp(x) > 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        LogisticRegression(l2=0).fit(x[:, None], y)
    told = any("no finite optimum" in str(warning.message) for warning in caught)
    assert told == separated
