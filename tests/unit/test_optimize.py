"""`bizai.optimize`: values found by hand, limits, refusals, and why a descent ends."""

import math
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from bizai.optimize import (
    LinearRegression, LogisticRegression, best_step, binary_cross_entropy, contraction, cross_entropy,
    cross_entropy_gradient, curvature, gradient_descent, guaranteed_decrease, largest_eigenvalue, logistic_hessian,
    _newton, logistic_newton, logistic_risk, sigmoid, squared_error, squared_hessian, squared_risk,
)

pytestmark = pytest.mark.filterwarnings("error")


# Losses --------------------------------------------------------------------------------------------------

def test_sigmoid_by_hand():
    assert sigmoid(0) == 0.5
    assert sigmoid([math.log(3), -math.log(3)]) == pytest.approx([0.75, 0.25], rel=1e-15)
    assert sigmoid([-1e4, 1e4]).tolist() == [0, 1]


def test_cross_entropy_by_hand():
    # log-odds of 3/4 and 1/4: both labels had 3/4
    assert cross_entropy([1, 0], [math.log(3), -math.log(3)]) == pytest.approx(math.log(4 / 3), rel=1e-15)
    assert cross_entropy([1, 0, 1], [0, 0, 0]) == pytest.approx(math.log(2), rel=1e-15)


@pytest.mark.parametrize(("y", "z", "loss"), [
    (1, -1e4, 1e4), (1, 1e4, 0), (0, 1e4, 1e4), (0, -1e4, 0), (1, -1e300, 1e300),
    (1, 40, 4.248354255291589e-18), (0, -40, 4.248354255291589e-18), (1, 700, 9.859676543759770e-305),
    (1, 36, 2.319522830243569e-16), (1, -40, 40.000000000000000004),
])
def test_cross_entropy_is_exact_at_both_ends(y, z, loss):
    assert cross_entropy([y], [z]) == pytest.approx(loss, rel=1e-12, abs=0)


def test_cross_entropy_gradient_by_hand_and_in_the_tails():
    z = [0, math.log(3), 40, -800]
    assert cross_entropy_gradient([1, 0, 1, 1], z) == pytest.approx(
        np.array([-0.5, 0.75, -4.248354255291589e-18, -1]) / 4, rel=1e-12, abs=0)


def test_binary_cross_entropy_at_certainty():
    assert str(binary_cross_entropy([1, 0], [1, 0])) == "0.0"                  # and not -0.0
    assert binary_cross_entropy([1, 0], [1, 1]) == math.inf
    assert binary_cross_entropy([1], [0]) == math.inf
    assert binary_cross_entropy([1, 0], [0.75, 0.5]) == pytest.approx(math.log(8 / 3) / 2, rel=1e-15)


def test_squared_error_by_hand():
    assert squared_error([1, 2, 3], [1, 4, 0]) == pytest.approx(13 / 6, rel=1e-15)


# Risks ---------------------------------------------------------------------------------------------------

def test_logistic_risk_by_hand():
    # theta = 0: all probabilities are 1/2, residuals (-1/2, 1/2)
    value, gradient = logistic_risk([0, 0, 0], [[1, 2], [3, 4]], [1, 0])
    assert value == pytest.approx(math.log(2), rel=1e-15)
    assert gradient.tolist() == [0, 0.5, 0.5]
    assert logistic_hessian([0, 0, 0], [[1, 2], [3, 4]]) * 8 == pytest.approx(
        np.array([[2, 4, 6], [4, 10, 14], [6, 14, 20]]), rel=1e-14)


def test_squared_risk_by_hand():
    # predictions (1, 2) against (0, 4): residuals (1, -2)
    value, gradient = squared_risk([0, 1], [[1], [2]], [0, 4])
    assert value == 1.25
    assert gradient.tolist() == [-0.5, -1.5]
    assert squared_hessian([[1], [2]]).tolist() == [[1, 1.5], [1.5, 2.5]]


@pytest.mark.parametrize("risk", [logistic_risk, squared_risk])
def test_penalty_spares_the_intercept(risk):
    X, y = [[1.0, -1.0], [0.0, 2.0]], [0, 1]
    for theta, extra in (([5, 1, 2], [0, 3, 6]), ([1, 2], [3, 6])):
        plain, penalised = risk(theta, X, y), risk(theta, X, y, 3)
        assert penalised[0] - plain[0] == pytest.approx(7.5, rel=1e-12)
        assert penalised[1] - plain[1] == pytest.approx(extra, rel=1e-12)
    assert np.diag(squared_hessian(X, 3) - squared_hessian(X)) == pytest.approx([0, 3, 3], rel=1e-12)
    added = logistic_hessian([0, 0], X, 3) - logistic_hessian([0, 0], X)
    assert added == pytest.approx(3 * np.eye(2), rel=1e-12)


def test_hessian_of_more_rows_than_a_block():
    X = np.random.default_rng(1).normal(size=(10_000, 3))
    A = np.column_stack((np.ones(10_000), X))
    assert squared_hessian(X) == pytest.approx(A.T @ A / 10_000, rel=1e-12, abs=1e-15)


# Step sizes ----------------------------------------------------------------------------------------------

def test_step_sizes_by_hand():
    assert largest_eigenvalue([[2, 1], [1, 2]]) == pytest.approx(3, rel=1e-14)
    assert best_step(1, 3) == 0.5
    assert contraction(0.5, [1, 3]) == 0.5
    assert contraction([0.5, 0.7], [1, 3]) == pytest.approx([0.5, 1.1], rel=1e-14)
    assert guaranteed_decrease(0.5, 2) == 0.25                  # at 1/L: 1/(2L)
    assert guaranteed_decrease(1, 2) == 0                       # at 2/L
    assert guaranteed_decrease([0.25, 2], 2).tolist() == [0.1875, -2]


def test_curvature_by_hand():
    X = [[1.0], [-1.0]]
    assert curvature(X, 0.5, "squared") == 1.5
    assert curvature(X, 0.5, "logistic") == 0.75
    assert curvature([[3.0], [4.0]], 0, "squared", fit_intercept=False) == 12.5
    assert curvature([[0.0], [0.0]], 3, "logistic", fit_intercept=False) == 3


def test_printed_descent_bound_fails_beyond_one_over_curvature():
    """L(theta) = theta^2/2: D2-EQ-74 promises eta/2 per squared gradient up to eta = 2."""
    eta = 1.5
    run = gradient_descent(lambda x: (x @ x / 2, x), [1.0], step=eta, max_iter=1)
    decrease = (run.values[0] - run.values[1]) / run.gradient_norms[0] ** 2
    assert decrease == guaranteed_decrease(eta, 1) == 0.375
    assert decrease < eta / 2


# Descents ------------------------------------------------------------------------------------------------

def parabola(x):
    return float(x @ x), 2 * x


@pytest.mark.parametrize("options", [
    {"step": 0.3}, {"curvature": 2}, {"method": "backtracking"}, {"method": "backtracking", "step": 1e6},
    {"method": "backtracking", "step": 1e-6}, {"method": "nesterov", "step": 0.2},
    {"method": "nesterov", "curvature": 2, "strong_convexity": 2},
])
def test_methods_find_the_minimum_of_a_parabola(options):
    run = gradient_descent(parabola, [3, 4], gtol=1e-9, **options)
    assert run.converged and run.reason.startswith("converged: gradient norm")
    assert np.abs(run.x).max() <= 0.5e-9
    assert run.path.shape == (run.iterations + 1, 2) and run.steps.shape == (run.iterations,)
    assert run.values.shape == run.gradient_norms.shape == (run.iterations + 1,)
    assert run.path[0].tolist() == [3, 4] and run.path[-1] is not run.x and run.path[-1].tolist() == run.x.tolist()
    assert run.values[-1] == run.value and run.gradient.tolist() == (2 * run.x).tolist()


def test_fixed_steps_by_hand():
    run = gradient_descent(parabola, [1.0], step=0.25, max_iter=3)
    assert run.path[:, 0].tolist() == [1, 0.5, 0.25, 0.125]
    assert run.values.tolist() == [1, 0.25, 0.0625, 0.015625]
    assert run.steps.tolist() == [0.25] * 3
    assert not run.converged and run.reason == "not converged after max_iter 3: gradient norm 0.25 > 1e-08"


def test_nesterov_steps_by_hand():
    """Momentum 0, then (t-1)/t' with t = (1+sqrt 5)/2 and t' = (1+sqrt(1+4t^2))/2."""
    run = gradient_descent(lambda x: (x @ x / 2, x), [1.0], step=0.5, method="nesterov", max_iter=2)
    t = (1 + math.sqrt(5)) / 2
    beta = (t - 1) / ((1 + math.sqrt(1 + 4 * t * t)) / 2)
    assert run.path[:, 0] == pytest.approx([1, 0.5, (0.5 - 0.5 * beta) / 2], rel=1e-14)


def test_start_at_the_minimum():
    run = gradient_descent(parabola, [0.0, 0.0], step=1)
    assert run.converged and run.iterations == 0 and run.path.shape == (1, 2) and run.steps.shape == (0,)


def test_divergence_ends_with_a_reason():
    run = gradient_descent(parabola, [1.0], step=1.1)
    assert not run.converged and np.isfinite(run.path).all()
    assert run.reason.startswith("diverged in iteration") and "the step 1.1 is too large" in run.reason
    assert np.all(np.diff(run.values) > 0) and run.values[-1] <= 2e10       # the first value is 1


@pytest.mark.parametrize("fun", [
    lambda x: (np.exp(x).sum(), -np.exp(x)),
    lambda x: (math.nan if x[0] < 1 else 1.0, np.ones(1)),
    lambda x: (-math.inf if x[0] < 1 else 1.0, np.ones(1)),
    lambda x: (x @ x, x * math.inf if x[0] < 1 else x),
])
def test_values_that_are_not_finite_end_a_descent(fun):
    run = gradient_descent(fun, [1.0], step=1)
    assert not run.converged and np.isfinite(run.path).all()
    assert run.reason.startswith(("diverged", "not converged")) and np.isfinite(run.value)


def test_a_start_that_is_not_finite_is_named():
    run = gradient_descent(lambda x: (math.nan, x), [1.0], step=1)
    assert not run.converged and run.reason == "the start has the value nan and the gradient norm 1"


def test_backtracking_ends_where_floating_point_does():
    run = gradient_descent(lambda x: (1 + x @ x, 2 * x + 1e-9), [1.0], method="backtracking", gtol=0)
    assert not run.converged or run.gradient_norms[-1] == 0
    assert run.iterations < 1000


@pytest.mark.parametrize("scale", [1e-12, 1e12, 1e100])
def test_backtracking_finds_steps_of_any_size(scale):
    run = gradient_descent(lambda x: (scale * (x @ x), 2 * scale * x), [3.0], method="backtracking",
                           gtol=1e-9 * scale)
    assert run.converged and abs(run.x[0]) <= 1e-9


@pytest.mark.parametrize("method", ["fixed", "backtracking", "nesterov"])
def test_descent_shares_no_memory(method):
    """With a function that returns the same array each time, overwritten."""
    gradient, x0 = np.empty(2), np.array([3.0, 4.0])

    def fun(x):
        return x @ x + 24 * x[1] ** 2, np.multiply(x, [2, 50], out=gradient)

    run = gradient_descent(fun, x0, step=1, method=method, max_iter=20)     # a step that diverges, or is halved
    assert run.gradient.tolist() == (run.x * [2, 50]).tolist()
    stopped = gradient_descent(parabola, x0, step=1, gtol=100)
    assert stopped.iterations == 0 and not np.shares_memory(stopped.x, x0)


def test_logistic_descent_agrees_with_newton():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4))
    y = (rng.random(300) < sigmoid(X[:, 0] - 1)).astype(int)
    newton = logistic_newton(X, y, 0.1, gtol=1e-12)
    assert newton.converged and newton.iterations <= 30
    for method in ("fixed", "backtracking", "nesterov"):
        run = gradient_descent(lambda theta: logistic_risk(theta, X, y, 0.1), np.zeros(5), method=method,
                               curvature=curvature(X, 0.1), gtol=1e-10)
        assert run.converged and run.x == pytest.approx(newton.x, abs=1e-8)


def test_plain_newton_converges_quadratically():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 2))
    y = (rng.random(300) < sigmoid(2 * X[:, 0])).astype(int)
    run = logistic_newton(X, y, 0.01, gtol=1e-14, reuse=0)
    assert run.converged and not run.path[0].any() and (run.steps == 1).all() and run.iterations <= 8
    norms = run.gradient_norms
    assert norms[4] < 20 * norms[3] ** 2 and norms[3] < 20 * norms[2] ** 2


# Logistic regression -------------------------------------------------------------------------------------

def table(n=400, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, (rng.random(n) < sigmoid(X[:, 0] - 0.5)).astype(int)


def test_saturated_model_reproduces_the_shares():
    X = [[0]] * 4 + [[1]] * 4
    model = LogisticRegression(l2=0, tol=1e-12).fit(X, ["stays", "stays", "stays", "leaves"] * 2)
    assert model.classes_.tolist() == ["leaves", "stays"]
    assert model.predict_proba([[0], [1]])[:, 1] == pytest.approx([0.75, 0.75], rel=1e-10)
    assert model.predict([[0]]) == ["stays"]
    model = LogisticRegression(l2=0, tol=1e-12).fit(X, [0, 0, 0, 1, 1, 1, 1, 0])
    assert model.coef_[0, 0] == pytest.approx(2 * math.log(3), rel=1e-10)       # the log odds ratio
    assert model.intercept_[0] == pytest.approx(-math.log(3), rel=1e-10)


@pytest.mark.parametrize("solver", ["newton", "descent", "nesterov"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_solvers_reach_the_gradient_norm(solver, fit_intercept):
    X, y = table()
    model = LogisticRegression(0.01, solver=solver, tol=1e-8, fit_intercept=fit_intercept).fit(X, y)
    theta = np.concatenate((model.intercept_, model.coef_[0])) if fit_intercept else model.coef_[0]
    assert np.linalg.norm(logistic_risk(theta, X, y, 0.01)[1]) <= 1e-8
    assert fit_intercept or model.intercept_.tolist() == [0]
    assert model.n_iter_ == model.descent_.iterations and model.descent_.x.tolist() == theta.tolist()


def test_large_table_starts_from_a_sample():
    X, y = table(20_000, 5)
    tight, loose = logistic_newton(X, y, 1e-3, gtol=1e-13), logistic_newton(X, y, 1e-3, gtol=1e-13, reuse=0)
    assert tight.x == pytest.approx(loose.x, abs=1e-10)
    assert tight.path[0].any() and tight.gradient_norms[0] < 0.1 * loose.gradient_norms[0]


@pytest.mark.parametrize("labels", [np.arange(5000) % 5 == 0, np.arange(5000) < 4000, np.arange(5000) % 5000 == 1])
def test_sample_that_misleads_does_no_harm(labels):
    """Every fifth row has one label only, or another share of labels than the rest."""
    X, _ = table(5000)
    noise = np.random.default_rng(5).random(5000) < 0.001
    run = logistic_newton(X, (labels ^ noise).astype(int), 1e-6, gtol=1e-12)
    assert run.converged
    assert run.x == pytest.approx(logistic_newton(X, labels ^ noise, 1e-6, gtol=1e-12, reuse=0).x, abs=1e-6)


def test_start_that_is_worse_than_zero_is_dropped():
    """All of every fifth row leave, and nobody else: the sample's optimum predicts that everybody does."""
    X, _ = table(5000)
    run = logistic_newton(X, np.arange(5000) % 5 == 0, 1e-6)
    assert not run.path[0].any() and run.converged


def test_useless_hessian_is_replaced():
    x = np.array([3.0, 4.0])
    moves = _newton(parabola, lambda x: 2 * np.eye(2), x, *parabola(x), solve=lambda g: -g, reuse=0.3)
    step, x, value, gradient = next(moves)
    assert step == 1 and np.abs(x).max() < 1e-11


def perfectly(X):
    return X, (X[:, 0] > 0).astype(int)


def quasi(X):
    """A rare flag that always means 1, beside rows that overlap."""
    flag = np.arange(len(X)) % 20 == 0
    return np.column_stack((X, flag)), np.where(flag, 1, table()[1])


@pytest.mark.parametrize("case", [perfectly, quasi])
@pytest.mark.parametrize("scale", [1, 1e-9, 1e6])
def test_separation_is_told(case, scale):
    X, y = case(table()[0])
    with pytest.warns(ConvergenceWarning, match="no finite optimum.*set l2 > 0"):
        LogisticRegression(l2=0).fit(X * scale, y)
    with pytest.warns(ConvergenceWarning, match="no finite optimum"):
        LogisticRegression(l2=0, max_iter=1).fit(X * scale, y)
    penalised = LogisticRegression(l2=0.01).fit(X, y)                           # no warning is an error here
    assert penalised.descent_.converged and np.abs(penalised.coef_).max() < 20


def test_fewer_rows_than_features_are_separated():
    X = np.random.default_rng(2).normal(size=(5, 10))
    with pytest.warns(ConvergenceWarning, match="no finite optimum"):
        LogisticRegression(l2=0).fit(X, [0, 1, 0, 1, 1])


@pytest.mark.parametrize("change", [
    lambda X: X, lambda X: np.column_stack((X, np.full(len(X), 0.1))), lambda X: np.column_stack((X, X)),
    lambda X: X + 1e5, lambda X: X * [1, 1e8, 1e-8], lambda X: X * 1e-9, lambda X: np.asfortranarray(X),
    lambda X: np.column_stack((X, np.zeros(len(X)))),
])
def test_overlapping_labels_are_not_called_separated(change):
    """Constant, duplicated, shifted and badly scaled columns change no probability."""
    X, y = table()
    expected = LogisticRegression(l2=0, tol=1e-10).fit(X, y).predict_proba(X)
    changed = change(X)
    model = LogisticRegression(l2=0, tol=1e-10 * max(1, np.abs(changed).max())).fit(changed, y)
    assert model.predict_proba(changed) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"max_iter": 1, "tol": 1e-300}])
def test_suspected_separation_is_settled_by_a_linear_programme(options):
    """Far from an optimum that exists: no gradient to speak of on a tiny scale, or the first of many steps."""
    X = np.array([[-1], [0], [1], [-2], [2], [3], [-3], [40]]) * 1e-9
    y = [0, 1, 0, 0, 1, 1, 0, 1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LogisticRegression(l2=0, **options).fit(X, y)
    assert not any("no finite optimum" in str(warning.message) for warning in caught)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tight = LogisticRegression(l2=0, tol=1e-16, fit_intercept=model.fit_intercept).fit(X, y)
    assert abs(tight.coef_[0, 0] - model.coef_[0, 0]) * 4e-8 > 0.5       # a step that moves a score


def test_unfinished_fit_warns():
    X, y = table()
    with pytest.warns(ConvergenceWarning, match="not converged after max_iter 2: .*; raise max_iter or tol"):
        LogisticRegression(solver="descent", max_iter=2).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="no step lowers the value"):
        LogisticRegression(tol=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="not converged after max_iter 2"):
        LinearRegression(solver="nesterov", max_iter=2).fit(X, y)


@pytest.mark.parametrize(("y", "message"), [
    (np.arange(6) % 3, "Only binary classification is supported.*two distinct labels, got 3"),
    (np.ones(6), "y must hold two classes, got one class only: 1.0"),
    (np.arange(6) / 7, "Unknown label type: continuous"),
])
def test_labels_that_are_not_two_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression().fit(np.eye(6), y)


def test_values_whose_squares_overflow_are_refused():
    X, y = table()
    for l2 in (0, 1):
        with pytest.raises(ValueError, match="X is so large that its squares overflow: scale the features"):
            LogisticRegression(l2).fit(X * 1e200, y)
    with pytest.raises(ValueError, match="squares overflow"):
        curvature(X * 1e200)


# Linear regression ---------------------------------------------------------------------------------------

def test_line_through_points_by_hand():
    model = LinearRegression().fit([[0], [1], [2]], [1, 3, 5])
    assert model.coef_ == pytest.approx([2], rel=1e-14) and model.intercept_ == pytest.approx(1, rel=1e-14)
    # with ell: w = cov/(var + ell), population moments 4/3 and 2/3
    model = LinearRegression(l2=2 / 3).fit([[0], [1], [2]], [1, 3, 5])
    assert model.coef_ == pytest.approx([1], rel=1e-14) and model.intercept_ == pytest.approx(2, rel=1e-14)
    assert LinearRegression(fit_intercept=False).fit([[1], [2]], [1, 3]).coef_ == pytest.approx([1.4], rel=1e-14)


@pytest.mark.parametrize("l2", [0, 0.3])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", ["descent", "nesterov"])
def test_descents_agree_with_the_exact_solution(l2, fit_intercept, solver):
    X, _ = table()
    y = X @ [1, -2, 3] + 4 + X[:, 0] ** 2
    exact = LinearRegression(l2, fit_intercept=fit_intercept).fit(X, y)
    model = LinearRegression(l2, solver=solver, tol=1e-10, fit_intercept=fit_intercept).fit(X, y)
    assert model.coef_ == pytest.approx(exact.coef_, abs=1e-9)
    assert model.intercept_ == pytest.approx(exact.intercept_, abs=1e-9)


def test_penalty_beyond_all_bounds():
    assert LinearRegression(1e308).fit([[0], [1], [2]], [1, 3, 5]).intercept_ == pytest.approx(3, rel=1e-14)


@pytest.mark.parametrize("model", [LogisticRegression(0), LinearRegression()])
@pytest.mark.parametrize("solver", ["descent", "nesterov"])
def test_descents_where_the_risk_is_flat(model, solver):
    flat = model.set_params(solver=solver, fit_intercept=False).fit([[0], [0], [0]], [0, 1, 1])
    assert flat.coef_.ravel().tolist() == [0] and flat.n_iter_ == 0


def test_constant_column_has_no_weight():
    """Seven times 0.1 has not quite the mean 0.1."""
    model = LinearRegression().fit(np.full((7, 1), 0.1), [1, 2, 6, 0.3, 0.7, 5, 9.1])
    assert model.coef_.tolist() == [0] and model.intercept_ == pytest.approx(24.1 / 7, rel=1e-14)


# Refusals ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("call", "message"), [
    (lambda: cross_entropy([0, 2], [0, 0]), "y must be labels 0 and 1, got 2"),
    (lambda: cross_entropy([0, 1], [0]), "y must be as long as z, 1, got 2"),
    (lambda: cross_entropy(["a"], [0]), "y must hold numbers, got ['a']"),
    (lambda: cross_entropy([], []), "y must have shape (n,) with n >= 1, got (0,)"),
    (lambda: cross_entropy([0], [math.nan]), "z must be finite, got nan"),
    (lambda: binary_cross_entropy([0], [1.5]), "p must be between 0 and 1, got 1.5"),
    (lambda: logistic_risk([0, 0, 0], [[1]], [1]),
     "theta must have shape (1,), or (2,) with the intercept first, for X with 1 columns, got shape (3,)"),
    (lambda: logistic_risk([0], [[1]], [1], -1), "l2 must be a finite number >= 0, got -1"),
    (lambda: logistic_risk([0], [1], [1]), "X must have shape (n, d) with n, d >= 1, got (1,)"),
    (lambda: squared_risk([0], [[1]], [1, 2]), "y must be as long as the rows of X, 1, got 2"),
    (lambda: largest_eigenvalue([[1, 2]]), "H must be a symmetric matrix, got [[1. 2.]]"),
    (lambda: largest_eigenvalue([[1, 2], [3, 4]]), "H must be a symmetric matrix, got"),
    (lambda: largest_eigenvalue([[0, 1e-9], [0, 0]]), "H must be a symmetric matrix, got"),
    (lambda: curvature([[1]], loss="hinge"), "loss must be 'logistic' or 'squared', got 'hinge'"),
    (lambda: best_step(2, 1), "smallest and largest must be eigenvalues, 0 <= smallest <= largest"),
    (lambda: gradient_descent(parabola, [1]), "step must be a number > 0, or curvature be given"),
    (lambda: gradient_descent(parabola, [1], step=0), "step must be a finite number > 0, got 0"),
    (lambda: gradient_descent(parabola, [1], step=True), "step must be a finite number > 0, got True"),
    (lambda: gradient_descent(parabola, [1], step=1, method="adam"), "method must be 'fixed', 'backtracking'"),
    (lambda: gradient_descent(parabola, [1], step=1, max_iter=0), "max_iter must be an integer >= 1, got 0"),
    (lambda: gradient_descent(parabola, 1, step=1), "x0 must have shape (n,) with n >= 1, got ()"),
    (lambda: gradient_descent(lambda x: (1, [1, 2]), [1], step=1), "gradient of shape (1,), got shape (2,)"),
    (lambda: LogisticRegression(-1).fit([[0], [1]], [0, 1]), "l2 must be a finite number >= 0, got -1"),
    (lambda: LogisticRegression(solver="sag").fit([[0], [1]], [0, 1]), "solver must be 'newton', 'descent'"),
    (lambda: LinearRegression(solver="sag").fit([[0], [1]], [0, 1]), "solver must be 'exact', 'descent'"),
    (lambda: LogisticRegression(max_iter=1.5).fit([[0], [1]], [0, 1]), "max_iter must be an integer >= 1"),
])
def test_refusals_name_the_argument(call, message):
    with pytest.raises(ValueError) as refusal:
        call()
    assert message in str(refusal.value)


def test_risks_and_descents_raise_no_warnings_beyond_all_bounds():
    X, y = table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cross_entropy([0, 1], [1e4, -1e4]) == 1e4
        run = gradient_descent(lambda theta: squared_risk(theta, X, y), np.zeros(4), step=1e200)
    assert run.reason.startswith("diverged in iteration 1")
