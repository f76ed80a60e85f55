"""`bizai.svm` against libsvm (scikit-learn), liblinear's and SciPy's optimisers."""

import numpy as np
import pytest
import sklearn.svm
from scipy.optimize import linprog, minimize
from sklearn.datasets import make_classification
from sklearn.metrics import pairwise

from bizai.svm import (
    SVC, NotSeparable, dual_value, hard_margin, linear_kernel, polynomial_kernel, rbf_kernel, smo,
)


def table(n, d=4, seed=0, flip=0.1):
    X, y = make_classification(n, d, n_informative=d, n_redundant=0, flip_y=flip, class_sep=0.8, random_state=seed)
    return X, y


def test_kernels_agree_with_scikit_learn():
    A, B = table(90)[0], table(40, seed=1)[0]
    assert linear_kernel(A, B) == pytest.approx(pairwise.linear_kernel(A, B), rel=1e-12)
    assert rbf_kernel(A, B, gamma=0.3) == pytest.approx(pairwise.rbf_kernel(A, B, gamma=0.3), rel=1e-10)
    assert polynomial_kernel(A, B, degree=3, gamma=0.5, coef0=1) == pytest.approx(
        pairwise.polynomial_kernel(A, B, degree=3, gamma=0.5, coef0=1), rel=1e-10)


@pytest.mark.parametrize("solver", ["newton", "smo"])
@pytest.mark.parametrize("kernel, C, n", [
    ("linear", 1.0, 200), ("linear", 0.01, 900), ("rbf", 0.1, 900), ("rbf", 1.0, 200), ("rbf", 50.0, 900),
    ("poly", 0.5, 500),
])
def test_libsvm(kernel, C, n, solver):
    X, y = table(n)
    settings = {"C": C, "kernel": kernel, "degree": 2, "coef0": 1.0, "tol": 1e-6}
    ours, libsvm = SVC(solver=solver, **settings).fit(X, y), sklearn.svm.SVC(**settings).fit(X, y)
    alpha = np.zeros(n)
    alpha[libsvm.support_] = np.abs(libsvm.dual_coef_[0])
    K = ours._kernel()(X)
    assert ours.dual_value_ == pytest.approx(dual_value(alpha, K, 2 * y - 1), rel=1e-8)
    assert ours.decision_function(X) == pytest.approx(libsvm.decision_function(X), abs=2e-5 * max(1, C))
    assert (ours.predict(X) == libsvm.predict(X)).mean() > 0.999
    if kernel != "linear":                              # a linear alpha may be split in more than one way
        assert ((alpha > 1e-4 * C) != (ours.alpha_ > 1e-4 * C)).sum() <= 1
    assert ours.intercept_ == pytest.approx(libsvm.intercept_, abs=2e-5 * max(1, C))


def scipy_dual(K, y, C):
    """The dual by SciPy's SLSQP, a general method that knows nothing of support vectors."""
    Q = K * np.outer(y, y)
    found = minimize(lambda a: 0.5 * a @ Q @ a - a.sum(), np.zeros(len(y)), jac=lambda a: Q @ a - 1,
                     bounds=[(0, C)] * len(y), method="SLSQP",
                     constraints={"type": "eq", "fun": lambda a: a @ y, "jac": lambda a: y},
                     options={"ftol": 1e-12, "maxiter": 500})
    assert found.success
    return -found.fun, found.x


@pytest.mark.parametrize("C", [0.1, 1.0, 20.0])
@pytest.mark.parametrize("gamma", [0.2, 1.0])
def test_quadratic_programme_of_scipy(C, gamma):
    X, y = table(60)
    y = 2.0 * y - 1
    K = rbf_kernel(X, gamma=gamma)
    value, alpha = scipy_dual(K, y, C)
    ours = smo(K, y, C=C, tol=1e-8)
    assert ours.dual_value == pytest.approx(value, rel=1e-7)
    assert ours.alpha == pytest.approx(alpha, abs=2e-3 * C)
    assert (ours.alpha > 0.01 * C).tolist() == (alpha > 0.01 * C).tolist()


def test_hard_margin_is_half_the_distance_of_the_hulls():
    rng = np.random.default_rng(3)
    y = np.repeat([-1.0, 1.0], 15)
    X = rng.normal(size=(30, 3)) + 2.5 * y[:, None]
    P, Q = X[y > 0], X[y < 0]

    def gap(u):
        return np.linalg.norm(u[:15] @ P - u[15:] @ Q)

    nearest = minimize(gap, np.full(30, 1 / 15), bounds=[(0, 1)] * 30, method="SLSQP", options={"ftol": 1e-14},
                       constraints=[{"type": "eq", "fun": lambda u: u[:15].sum() - 1},
                                    {"type": "eq", "fun": lambda u: u[15:].sum() - 1}])
    found = hard_margin(X, y)
    assert 2 * found.margin == pytest.approx(nearest.fun, rel=1e-5)
    libsvm = sklearn.svm.SVC(C=1e9, kernel="linear", tol=1e-8).fit(X, y)
    assert found.weights == pytest.approx(libsvm.coef_[0], abs=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_separability_as_a_linear_programme_in_w_and_b(seed):
    """Farkas: a common point of the hulls exists exactly where y (w'x + b) >= 1 has no solution."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(24) % 2, 1.0, -1.0)
    X = rng.normal(size=(24, 3)) + 0.9 * y[:, None]
    rows = -y[:, None] * np.column_stack([X, np.ones(24)])
    separable = linprog(np.zeros(4), A_ub=rows, b_ub=-np.ones(24), bounds=(None, None), method="highs").status == 0
    try:
        hard_margin(X, y)
        assert separable
    except NotSeparable:
        assert not separable
