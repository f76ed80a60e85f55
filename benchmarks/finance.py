"""Internal rates and payback probabilities against pyxirr, numpy-financial and SciPy."""

import time
import warnings

import numpy as np

from bizai.finance import InternalRateWarning, irr, payback_probability

PROJECTS, PERIODS = 100_000, 10


def sample_projects(rng):
    """An investment and nine inflows with noise; one project in ten has one further year of outflow."""
    c = rng.lognormal(3, 0.5, (PROJECTS, PERIODS))
    c[:, 0] = -rng.uniform(60, 160, PROJECTS)
    again = np.flatnonzero(rng.random(PROJECTS) < 0.1)
    c[again, rng.integers(1, PERIODS, len(again))] *= -1
    return c


def best_seconds(function, repeats):
    """Least CPU time of a few runs, and the result of the last."""
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best, result


def rows():
    """One dict a comparison: ratio = CPU seconds of the peer / ours, per project, in this run."""
    import numpy_financial
    import pyxirr
    c = sample_projects(np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InternalRateWarning)
        ours, rates = best_seconds(lambda: irr(c), 7)
    for peer, function, number, target in [("pyxirr.irr", pyxirr.irr, PROJECTS, 5),
                                           ("numpy_financial.irr", numpy_financial.irr, 8000, 100)]:
        projects = list(c[:number])
        seconds, theirs = best_seconds(lambda: [function(p) for p in projects], 3)
        theirs = np.array(theirs, dtype=float)
        difference = np.abs(rates[:number] - theirs) / (1 + np.abs(rates[:number]))
        both = np.isfinite(difference)
        ratio = (seconds / number) / (ours / PROJECTS)
        yield {"benchmark": f"irr, {PROJECTS} projects x {PERIODS} flows", "peer": peer, "ratio": ratio,
               "quality": f"largest relative difference of 1 + rate {difference[both].max():.1e} "
                          f"on {both.sum()} of {number} projects; the others have no unique rate",
               "target": target, "met": bool(ratio >= target and difference[both].max() < 1e-8)}
    yield payback_row()


def payback_row():
    """All ten first-passage probabilities: one call of ours, ten of SciPy's cdf to the same accuracy."""
    from scipy.stats import multivariate_normal
    T, rho, I = 10, 0.3, 150.0
    mean, sd = np.full(T, 20.0), np.full(T, 15.0)
    A = np.tril(np.ones((T, T)))
    C = A @ (np.where(np.eye(T, dtype=bool), 1, rho) * np.outer(sd, sd)) @ A.T
    ours, result = best_seconds(lambda: payback_probability(mean, sd, I, correlation=rho), 5)
    accuracy = result.standard_error.max()

    def peer():
        return [1 - multivariate_normal.cdf(np.full(t, I), (A @ mean)[:t], C[:t, :t], abseps=3 * accuracy,
                                            releps=0, maxpts=5_000_000, rng=np.random.default_rng(0))
                for t in range(1, T + 1)]
    seconds, theirs = best_seconds(peer, 3)
    return {"benchmark": f"payback_probability, {T} correlated periods",
            "peer": "scipy.stats.multivariate_normal.cdf",
            "ratio": seconds / ours,
            "quality": f"largest difference {np.abs(result.probability - theirs).max():.1e}, "
                       f"standard error {accuracy:.1e}, both at that accuracy",
            "target": 1, "met": bool(seconds >= ours)}


if __name__ == "__main__":
    for row in rows():
        print(row)
