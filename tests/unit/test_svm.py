"""Hand-computed values, special cases and errors of `bizai.svm`."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from bizai import svm
from bizai.svm import (
    SVC, NotSeparable, dual_value, hard_margin, kkt_residual, linear_kernel, polynomial_kernel, primal_value,
    rbf_kernel, smo,
)

# Three rows on paper, (0, 0) against (2, 0) and (2, 2): w = (1, 0), b = -1. The row (2, 2) lies on the edge of the
# street, but is not needed.
X3 = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
Y3 = np.array([-1, 1, 1])


def blobs(n, seed=0, apart=1.0, d=2):
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) % 2, 1.0, -1.0)
    return rng.normal(size=(n, d)) + apart * y[:, None], y


# Kernels --------------------------------------------------------------------------------------------------

def test_kernels_by_hand():
    A, B = [[1, 2], [0, 1]], [[3, -1]]
    assert linear_kernel(A, B).tolist() == [[1], [-1]]
    assert rbf_kernel(A, B, gamma=0.1)[:, 0] == pytest.approx(np.exp([-1.3, -1.3]), rel=1e-14)
    assert polynomial_kernel(A, B, degree=2, gamma=2, coef0=1).tolist() == [[9], [1]]
    assert linear_kernel(A).tolist() == [[5, 2], [2, 1]]


def test_polynomial_kernel_is_an_inner_product_of_monomials():
    A = np.random.default_rng(0).normal(size=(7, 2))
    phi = np.column_stack([np.ones(7), 2**0.5 * A, A**2, 2**0.5 * A[:, 0] * A[:, 1]])
    assert polynomial_kernel(A, degree=2, coef0=1) == pytest.approx(phi @ phi.T, rel=1e-12)


def test_rbf_kernel_far_from_the_origin():
    A = np.random.default_rng(0).normal(size=(150, 3))
    K = rbf_kernel(A + 1e6, gamma=0.5)
    exact = np.exp(-0.5 * ((A[:, None] - A[None]) ** 2).sum(-1))
    assert K == pytest.approx(exact, abs=1e-8)
    assert (K.diagonal() == 1).all() and (K <= 1).all()
    assert rbf_kernel(A, gamma=0.5) == pytest.approx(exact, abs=1e-14)


# By hand --------------------------------------------------------------------------------------------------

def test_hard_margin_by_hand():
    found = hard_margin(X3, Y3)
    assert found.weights == pytest.approx([1, 0], abs=1e-9) and found.intercept == pytest.approx(-1, abs=1e-9)
    assert found.margin == pytest.approx(1, abs=1e-9)
    assert found.alpha == pytest.approx([0.5, 0.5, 0], abs=1e-9)
    assert found.support.tolist() == [0, 1]
    assert found.dual_value == pytest.approx(0.5, abs=1e-9)
    assert abs(found.duality_gap) < 1e-9


def test_values_by_hand():
    K = X3 @ X3.T
    alpha = [0.25, 0.25, 0]                                             # w = (1/2, 0)
    assert dual_value(alpha, K, Y3) == 0.5 - 0.125
    assert primal_value(alpha, K, Y3, b=0, C=2) == 0.125 + 2 * 1        # slack 1, 0, 0
    assert primal_value(alpha, K, Y3, b=0) == np.inf
    assert kkt_residual(alpha, K, Y3) == 1.0                            # e = (-1, 0, 0): 0 - (-1)
    assert kkt_residual([0.5, 0.5, 0], K, Y3) == 0.0
    assert primal_value([0.5, 0.5, 0], K, Y3, b=-1) == 0.5 == dual_value([0.5, 0.5, 0], K, Y3)


def test_two_rows_of_soft_margin():
    """Rows at -1 and 1: alpha = min(C, 1/2), f(x) = 2 alpha x."""
    for C, alpha in [(0.1, 0.1), (0.5, 0.5), (9.0, 0.5)]:
        model = SVC(C=C, kernel="linear").fit([[-1.0], [1.0]], ["late", "paid"])
        assert model.alpha_ == pytest.approx([alpha, alpha], abs=1e-12)
        assert model.decision_function([[2.0]]) == pytest.approx([4 * alpha], abs=1e-12)
        assert model.predict([[-3.0], [3.0]]).tolist() == ["late", "paid"]
        assert model.dual_value_ == pytest.approx(2 * alpha - 2 * alpha**2, abs=1e-12)


def test_attributes_agree_with_the_functions():
    X, y = blobs(80)
    model = SVC(C=2.0, kernel="rbf", gamma=0.3).fit(X, y)
    K, b = rbf_kernel(X, gamma=0.3), model.intercept_[0]
    assert model.dual_value_ == pytest.approx(dual_value(model.alpha_, K, y), rel=1e-12)
    assert model.primal_value_ == pytest.approx(primal_value(model.alpha_, K, y, b, 2.0), rel=1e-12)
    assert model.kkt_residual_ == pytest.approx(kkt_residual(model.alpha_, K, y, 2.0), abs=1e-12)
    assert model.duality_gap_ == model.primal_value_ - model.dual_value_
    assert model.support_.tolist() == np.flatnonzero(model.alpha_).tolist()
    assert model.dual_coef_[0] == pytest.approx((model.alpha_ * y)[model.support_])
    assert model.decision_function(X) == pytest.approx(K @ (model.alpha_ * y) + b, abs=1e-12)


# Solver ---------------------------------------------------------------------------------------------------

def test_path_rises_in_the_dual_and_ends_at_the_solution():
    X, y = blobs(60)
    K = linear_kernel(X)
    solution = smo(K, y, C=1.0, tol=1e-4, trace=True)
    dual, primal, residual = solution.path.T
    assert len(dual) == solution.n_iter + 1 and dual[0] == 0 and primal[0] == 60 and residual[0] == 2
    assert (np.diff(dual) > -1e-12).all()
    assert (primal >= dual[-1] - 1e-9).all()
    assert (dual[-1], primal[-1], residual[-1]) == pytest.approx(
        (solution.dual_value, solution.primal_value, solution.kkt_residual), abs=1e-9)
    assert residual[-1] <= 1e-4 < residual[:-1].min() and solution.converged
    assert solution.duality_gap == solution.primal_value - solution.dual_value
    assert SVC(C=1.0, kernel="linear", tol=1e-4, trace=True).fit(X, y).path_ == pytest.approx(solution.path)


@pytest.mark.parametrize("kernel, C", [("rbf", 0.1), ("rbf", 10.0), ("linear", 1.0), ("poly", 1.0)])
def test_newton_start_leads_to_the_same_solution(kernel, C):
    X, y = blobs(900, apart=0.5, d=3)
    pairs, newton = (SVC(C=C, kernel=kernel, coef0=1.0, degree=2, tol=1e-4, solver=s).fit(X, y)
                     for s in ("smo", "newton"))
    assert newton.dual_value_ == pytest.approx(pairs.dual_value_, rel=1e-6)
    assert newton.kkt_residual_ <= 1e-4 and pairs.kkt_residual_ <= 1e-4
    assert np.abs(newton.decision_function(X) - pairs.decision_function(X)).max() < 5e-3


def test_newton_start_spares_pair_steps():
    X, y = blobs(900, apart=0.3, d=8)
    pairs, newton = (SVC(C=10.0, solver=s).fit(X, y) for s in ("smo", "newton"))
    assert newton.n_iter_ < pairs.n_iter_ / 20


@pytest.mark.parametrize("C, size", [(0.5, 100.0), (10.0, 100.0), (0.5, 4.0)])
def test_single_precision_is_reported_as_what_it_is_in_double(C, size):
    X, y = blobs(1500, apart=0.5, d=5)
    model = SVC(C=C, gamma=0.2, cache_size=size).fit(X, y)
    K = rbf_kernel(X, gamma=0.2)
    assert np.abs(rbf_kernel(X, gamma=0.2, dtype=np.float32) - K).max() < 2e-7
    assert kkt_residual(model.alpha_, K, y, C) == pytest.approx(model.kkt_residual_, abs=5e-5)
    assert kkt_residual(model.alpha_, K, y, C) <= 1.02e-3
    assert model.dual_value_ == pytest.approx(dual_value(model.alpha_, K, y), rel=2e-6)
    assert model.primal_value_ == pytest.approx(primal_value(model.alpha_, K, y, model.intercept_[0], C), rel=2e-6)


def test_kernel_rows_on_demand():
    X, y = blobs(300)
    held, drawn = (SVC(C=3.0, cache_size=size, solver="smo", tol=1e-5).fit(X, y) for size in (100.0, 0.05))
    assert drawn.dual_value_ == pytest.approx(held.dual_value_, rel=1e-7)
    assert drawn.support_.tolist() == held.support_.tolist()


def test_max_iter_warns_and_keeps_a_feasible_solution():
    X, y = blobs(50)
    with pytest.warns(ConvergenceWarning, match="after max_iter 3 steps"):
        model = SVC(kernel="linear", max_iter=3).fit(X, y)
    assert model.n_iter_ == 3 and abs(model.dual_coef_.sum()) < 1e-12
    assert not smo(X @ X.T, y, max_iter=3).converged


def test_constant_features_and_equal_rows():
    model = SVC().fit(np.ones((6, 2)), [0, 0, 0, 0, 1, 1])
    assert model.predict(np.ones((2, 2))).tolist() == [0, 0]
    assert model.gamma_ == 1.0 and model.kkt_residual_ <= 1e-3


def test_equal_numbers_that_are_not_exact_in_binary():
    assert SVC().fit(np.full((7, 3), 0.1), [0, 1] * 3 + [1]).gamma_ == 1.0


def test_no_negative_zeros():
    X, y = blobs(40, apart=2.5)
    for alpha in (hard_margin(X, y).alpha, smo(X @ X.T, y).alpha, SVC(kernel="linear").fit(X, y).alpha_):
        assert (alpha == 0).any() and not np.signbit(alpha).any()


# Hard margin ----------------------------------------------------------------------------------------------

def test_overlap_comes_with_a_certificate():
    X, y = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [1.0, 1.0]]), np.array([0, 0, 0, 1])
    with pytest.raises(NotSeparable, match="cannot be separated by the linear kernel") as refused:
        hard_margin(X, y)
    weights = refused.value.certificate
    assert (weights >= 0).all() and weights[y == 0].sum() == pytest.approx(1) == weights[y == 1].sum()
    assert weights[y == 0] @ X[y == 0] == pytest.approx([1, 1])
    assert weights == pytest.approx([0.5, 0.25, 0.25, 1])


def test_kernel_separates_what_a_line_cannot():
    X, y = [[0, 0], [1, 1], [0, 1], [1, 0]], [0, 0, 1, 1]               # exclusive or
    with pytest.raises(NotSeparable, match="linear"):
        hard_margin(X, y)
    for kernel in ("rbf", "poly"):
        found = hard_margin(X, y, kernel=kernel, degree=2, coef0=1.0, gamma=1.0)
        assert len(found.support) == 4 and found.weights is None
        assert found.duality_gap == pytest.approx(0, abs=1e-4)
    with pytest.raises(NotSeparable, match="rbf"):
        hard_margin([[0.0], [0.0]], [0, 1], kernel="rbf")


def test_hulls_that_only_seem_to_meet():
    """A gap of one unit in a feature whose neighbour is 10^12 times as wide; distinct rows of a wide rbf."""
    X, y = blobs(40)
    X = np.column_stack([1e12 * X[:, 0], y])
    assert svm._common_point(X, y) is None
    with pytest.raises(ValueError, match="the margin is very narrow"):
        hard_margin(*blobs(60, apart=0.7), kernel="rbf", gamma=1e-5, max_iter=50)


def test_hard_margin_is_the_limit_of_the_soft_one():
    X, y = blobs(40, apart=2.5)
    hard = hard_margin(X, y)
    soft = SVC(C=2 * hard.alpha.max(), kernel="linear", tol=1e-6).fit(X, y)
    assert soft.coef_[0] == pytest.approx(hard.weights, abs=1e-5)
    assert soft.intercept_[0] == pytest.approx(hard.intercept, abs=1e-5)
    assert SVC(C=hard.alpha.max() / 2, kernel="linear", tol=1e-6).fit(X, y).dual_value_ < hard.dual_value


# Errors ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, words", [
    ({"C": 0}, "C must be a finite number > 0, got 0"),
    ({"C": np.inf}, "C must be a finite number > 0, got inf"),
    ({"C": "1"}, "C must be a finite number > 0, got '1'"),
    ({"kernel": "cubic"}, "kernel must be one of 'linear', 'rbf', 'poly', got 'cubic'"),
    ({"gamma": "auto"}, "gamma must be one of 'scale' or a number > 0, got 'auto'"),
    ({"gamma": -1.0}, "gamma must be a finite number > 0, got -1.0"),
    ({"tol": 0.0}, "tol must be a finite number > 0, got 0.0"),
    ({"max_iter": 0}, "max_iter must be an integer >= 1, got 0"),
    ({"solver": "qp"}, "solver must be one of 'newton', 'smo', got 'qp'"),
    ({"cache_size": -1}, "cache_size must be a finite number > 0, got -1"),
    ({"kernel": "poly", "degree": 0}, "degree must be an integer >= 1, got 0"),
    ({"kernel": "poly", "coef0": -1.0}, "coef0 must be a finite number >= 0, got -1.0"),
])
def test_wrong_parameters(change, words):
    with pytest.raises(ValueError) as refused:
        SVC(**change).fit(X3, Y3)
    assert str(refused.value) == words


def test_wrong_labels():
    with pytest.raises(ValueError, match="Only binary classification is supported. The type .* is multiclass"):
        SVC().fit(X3, [0, 1, 2])
    with pytest.raises(ValueError, match="y must hold 2 classes, got 1 class: 1"):
        SVC().fit(X3, [1, 1, 1])
    with pytest.raises(ValueError, match="y must hold both labels -1 and 1, got only 1"):
        smo(np.eye(2), [1, 1])
    with pytest.raises(ValueError, match=r"y must be a list of labels -1 and 1, got \[0.0, 1.0\]"):
        dual_value([1, 1], np.eye(2), [0, 1])


def test_wrong_shapes():
    with pytest.raises(ValueError, match="K must be 3 x 3 and alpha of length 3 for 3 labels"):
        kkt_residual([0, 0, 0], np.eye(2), Y3)
    with pytest.raises(ValueError, match=r"alpha must be between 0 and C 1 .* got 0 to 2 with 0"):
        kkt_residual([2, 2, 0], np.eye(3), Y3, C=1.0)
    with pytest.raises(ValueError, match=r"sum\(alpha y\) = 0, got 0.5 to 1.5 with -1"):
        kkt_residual([0.5, 1.5], np.eye(2), [1, -1])
    with pytest.raises(ValueError, match="A and B must have equally many columns, got 2 and 3"):
        linear_kernel(X3, np.ones((1, 3)))
    with pytest.raises(ValueError, match="A must be a matrix of finite numbers"):
        rbf_kernel([1.0, 2.0])
    with pytest.raises(ValueError, match="with nan or inf"):
        polynomial_kernel([[np.nan]])
    with pytest.raises(ValueError, match="C must be a number > 0, got -1"):
        primal_value([0, 0, 0], np.eye(3), Y3, 0.0, C=-1)


@pytest.mark.filterwarnings("error")
def test_overflow_is_refused():
    X, y = blobs(20)
    for size, settings in [(1.0, {"kernel": "poly", "gamma": 1e3, "degree": 300}), (1e200, {"kernel": "linear"}),
                           (1e200, {}), (1e200, {"kernel": "linear", "cache_size": 1e-4})]:
        with pytest.raises(ValueError, match="X is too large for this kernel, whose values overflow"):
            SVC(**settings).fit(size * X, y)


def test_hard_margin_that_runs_out_of_steps():
    X, y = blobs(40, apart=2.5)
    with pytest.raises(ValueError, match="tol must be a number > 0 and < 1, got 2.0"):
        hard_margin(X, y, tol=2.0)
    with pytest.raises(ValueError, match="after max_iter 2 steps: the margin is very narrow"):
        hard_margin(X, y, max_iter=2)


def test_public_names():
    assert all(hasattr(svm, name) for name in svm.__all__)
