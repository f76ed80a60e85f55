"""`bizai.optimize` against scikit-learn, statsmodels, SciPy and NumPy."""

import numpy as np
import pytest
import sklearn.linear_model as peers
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.sparse.linalg import eigsh
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.optimize import customers
from bizai.optimize import (
    LinearRegression, LogisticRegression, binary_cross_entropy, cross_entropy, curvature, gradient_descent,
    logistic_hessian, logistic_newton, logistic_risk, sigmoid, squared_hessian,
)


def table(n=2000, d=6, seed=0):
    """Correlated features on different scales, labels by a logistic rule."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, 1)) + rng.normal(size=(n, d))) * np.geomspace(0.5, 5, d) + rng.normal(size=d)
    return X, (rng.random(n) < sigmoid(0.6 * X[:, 0] - 0.1 * X[:, -1] - 0.5)).astype(int)


def fitted(model, X, y):
    model.fit(X, y)
    return np.append(model.coef_.ravel(), model.intercept_)


@pytest.mark.parametrize("solver", ["newton", "descent", "nesterov"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [1e-3, 0.1, 10])
def test_coefficients_of_scikit_learn(solver, fit_intercept, l2):
    X, y = table()
    ours = LogisticRegression(l2, solver=solver, tol=1e-8, max_iter=30_000, fit_intercept=fit_intercept)
    peer = peers.LogisticRegression(C=1 / (len(y) * l2), tol=1e-10, solver="newton-cholesky",
                                    fit_intercept=fit_intercept)
    assert fitted(ours, X, y) == pytest.approx(fitted(peer, X, y), abs=1e-6)
    assert ours.predict_proba(X) == pytest.approx(peer.predict_proba(X), abs=1e-6)
    assert (ours.predict(X) == peer.predict(X)).all()


def test_maximum_likelihood_of_statsmodels():
    X, y = table()
    peer = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-12)
    run = logistic_newton(X, y, gtol=1e-12)
    assert run.x == pytest.approx(peer.params, abs=1e-9)
    assert run.value == pytest.approx(-peer.llf / len(y), rel=1e-12)
    covariance = np.linalg.inv(logistic_hessian(run.x, X)) / len(y)             # of the estimates
    assert np.sqrt(np.diag(covariance)) == pytest.approx(peer.bse, rel=1e-8)


def test_generalised_linear_model_of_statsmodels():
    X, y = table(500, 3, seed=4)
    peer = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit(tol=1e-12)
    assert logistic_newton(X, y, gtol=1e-12).x == pytest.approx(peer.params, abs=1e-8)


@pytest.mark.parametrize("method", ["BFGS", "trust-exact"])
def test_optimum_of_scipy(method):
    X, y = table(500, 3)

    def risk(theta):
        return logistic_risk(theta, X, y, 0.01)

    hess = {"BFGS": None, "trust-exact": lambda theta: logistic_hessian(theta, X, 0.01)}[method]
    peer = minimize(risk, np.zeros(4), jac=True, hess=hess, method=method, tol=1e-9)
    for run in (logistic_newton(X, y, 0.01, gtol=1e-11),
                gradient_descent(risk, np.zeros(4), method="backtracking", gtol=1e-8)):
        assert run.converged and run.x == pytest.approx(peer.x, abs=1e-6)
        assert run.value == pytest.approx(peer.fun, rel=1e-12)


def test_breast_cancer_in_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    models = LogisticRegression(0.01, tol=1e-9), peers.LogisticRegression(C=100 / len(y), tol=1e-9, max_iter=1000)
    ours, peer = (make_pipeline(StandardScaler(), model).fit(X, y) for model in models)
    assert ours.predict_proba(X) == pytest.approx(peer.predict_proba(X), abs=1e-5)
    search = GridSearchCV(ours, {"logisticregression__l2": [1e-4, 1e-2, 1]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.95


def test_benchmark_table_agrees_with_scikit_learn():
    X, y = customers()
    X, y = X[:20_000], y[:20_000]
    ours = LogisticRegression(1e-4, tol=1e-10)
    peer = peers.LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-9)
    assert fitted(ours, X, y) == pytest.approx(fitted(peer, X, y), abs=1e-8)


@pytest.mark.parametrize("scale", [1, 1e-6, 1e4])
def test_perfect_separation_is_what_statsmodels_sees(scale):
    from sklearn.exceptions import ConvergenceWarning
    from statsmodels.tools.sm_exceptions import PerfectSeparationWarning

    X, _ = table(200, 2)
    y = (X @ [1, -0.2] > 0.3).astype(int)
    with pytest.warns(PerfectSeparationWarning), np.errstate(over="ignore"):
        sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial()).fit()
    with pytest.warns(ConvergenceWarning, match="no finite optimum"):
        LogisticRegression(0).fit(X * scale, y)


def test_losses_of_scikit_learn():
    X, y = table()
    z = X[:, 0] - 1
    assert cross_entropy(y, z) == pytest.approx(log_loss(y, sigmoid(z)), rel=1e-12)
    assert binary_cross_entropy(y, sigmoid(z)) == pytest.approx(log_loss(y, sigmoid(z)), rel=1e-12)


@pytest.mark.parametrize("l2", [0, 1e-3, 10])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("solver", ["exact", "nesterov"])
def test_ridge_of_scikit_learn(l2, fit_intercept, solver):
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0) + np.arange(10) / 10
    ours = LinearRegression(l2, solver=solver, tol=1e-9, max_iter=100_000, fit_intercept=fit_intercept)
    peer = (peers.Ridge(alpha=len(y) * l2, fit_intercept=fit_intercept, solver="cholesky") if l2
            else peers.LinearRegression(fit_intercept=fit_intercept))
    assert fitted(ours, X, y) == pytest.approx(fitted(peer, X, y), abs=1e-6)
    assert ours.predict(X) == pytest.approx(peer.predict(X), abs=1e-6)


@pytest.mark.parametrize("shape", [(50, 4), (4, 50)])
def test_least_squares_of_numpy(shape):
    """With as many solutions as one likes (duplicated columns, fewer rows than features): the smallest of them."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=shape), rng.normal(size=shape[0])
    X = np.column_stack((X, X[:, 0]))
    model = LinearRegression(fit_intercept=False).fit(X, y)
    assert model.coef_ == pytest.approx(np.linalg.pinv(X) @ y, abs=1e-12)
    assert fitted(LinearRegression(), X, y) == pytest.approx(fitted(peers.LinearRegression(), X, y), abs=1e-12)


def test_curvature_of_arpack():
    X, _ = table(500, 8)
    for l2, loss, weight in ((0.3, "squared", 1), (0, "logistic", 0.25)):
        top = eigsh(weight * X.T @ X / 500, k=1, return_eigenvectors=False)[0] + l2
        assert curvature(X, l2, loss, fit_intercept=False) == pytest.approx(top, rel=1e-10)
    assert squared_hessian(X, fit_intercept=False) == pytest.approx(X.T @ X / 500, rel=1e-12)
