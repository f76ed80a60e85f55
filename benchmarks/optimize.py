"""`bizai.optimize.LogisticRegression` against the solvers of scikit-learn on a table of 100,000 customers.

CPU seconds of a whole fit, validation included, to the same gradient norm: for each solver the largest tolerance
is looked up with which the gradient of the penalised mean loss is at most `GTOL` at the coefficients returned.
"""

import numpy as np

from bizai.optimize import LogisticRegression, logistic_risk

from .peers import take_turns

SEED = 2024
CUSTOMERS, FEATURES, FACTORS = 100_000, 50, 5
L2, GTOL = 1e-4, 1e-6
SOLVERS = ("newton-cholesky", "lbfgs", "newton-cg")
RATIO, AGREEMENT = 2.5, 1e-4


def customers():
    """Correlated features (five common factors) and churn by a logistic rule, about a quarter of the customers."""
    rng = np.random.default_rng(SEED)
    loadings = rng.normal(0, 0.5, (FACTORS, FEATURES))
    X = rng.normal(size=(CUSTOMERS, FACTORS)) @ loadings + rng.normal(size=(CUSTOMERS, FEATURES))
    z = X @ rng.normal(0, 0.15, FEATURES) - 1.5
    return X, (rng.random(CUSTOMERS) < 1 / (1 + np.exp(-z))).astype(int)


def theta(model):
    return np.concatenate((model.intercept_, model.coef_[0]))


def gradient_norm(model, X, y):
    return np.linalg.norm(logistic_risk(theta(model), X, y, L2)[1])


def peer(solver, tol):
    from sklearn.linear_model import LogisticRegression as Peer

    return Peer(C=1 / (CUSTOMERS * L2), solver=solver, tol=tol, max_iter=1000)


def largest_tolerance(solver, X, y):
    """Of 2^-12, 2^-13 ...: the first with which the peer reaches the gradient norm."""
    return next(tol for tol in 0.5 ** np.arange(12, 40)
                if gradient_norm(peer(solver, tol).fit(X, y), X, y) <= GTOL)


def rows():
    """A row per solver of scikit-learn, the fastest of which is the one to beat."""
    X, y = customers()
    tolerances = [largest_tolerance(solver, X, y) for solver in SOLVERS]
    fits = [lambda: LogisticRegression(L2, tol=GTOL).fit(X, y)]
    fits += [lambda s=solver, t=tol: peer(s, t).fit(X, y) for solver, tol in zip(SOLVERS, tolerances)]
    (seconds, *others), (ours, *models) = take_turns(fits, 3)
    norm = gradient_norm(ours, X, y)
    for solver, tol, peer_seconds, model in zip(SOLVERS, tolerances, others, models):
        apart = np.abs(theta(ours) - theta(model)).max()
        peer_norm = gradient_norm(model, X, y)
        yield {
            "benchmark": f"LogisticRegression: {CUSTOMERS:,} customers, {FEATURES} correlated features",
            "peer": f"scikit-learn {solver}, tol {tol:.1e}", "ratio": peer_seconds / seconds,
            "quality": f"gradient norms {norm:.1e} and {peer_norm:.1e}, coefficients {apart:.1e} apart",
            "target": f">= {RATIO}x, both gradient norms <= {GTOL:g}, coefficients <= {AGREEMENT:g} apart",
            "met": bool(peer_seconds / seconds >= RATIO and max(norm, peer_norm) <= GTOL and apart <= AGREEMENT),
        }
