"""Internal rates and payback probabilities against pyxirr, numpy-financial and SciPy."""

import warnings

import numpy as np

from bizai.finance import InternalRateWarning, irr, payback_probability

from .peers import take_turns

PROJECTS, PERIODS = 100_000, 10


def sample_projects(rng):
    """An investment and nine inflows with noise; one project in ten has one further year of outflow."""
    c = rng.lognormal(3, 0.5, (PROJECTS, PERIODS))
    c[:, 0] = -rng.uniform(60, 160, PROJECTS)
    again = np.flatnonzero(rng.random(PROJECTS) < 0.1)
    c[again, rng.integers(1, PERIODS, len(again))] *= -1
    return c


def rows():
    """One dict a comparison: ratio = CPU seconds of the peer / ours, per project, in this run."""
    import numpy_financial
    import pyxirr
    c = sample_projects(np.random.default_rng(0))
    mixed = np.mean((c[:, 1:] < 0).any(axis=1))
    for peer, function, number, target in [("pyxirr.irr", pyxirr.irr, PROJECTS, 5),
                                           ("numpy_financial.irr", numpy_financial.irr, 8000, 100)]:
        projects = list(c[:number])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InternalRateWarning)
            (ours, seconds), (rates, theirs) = take_turns(
                [lambda: irr(c), lambda: [function(p) for p in projects]], 9)
        theirs = np.array(theirs, dtype=float)
        difference = np.abs(rates[:number] - theirs) / (1 + np.abs(rates[:number]))
        both = np.isfinite(difference)
        ratio = (seconds / number) / (ours / PROJECTS)
        yield {"benchmark": f"irr, {PROJECTS} x {PERIODS} flows, a second outflow year in {mixed:.0%}",
               "peer": peer, "ratio": ratio,
               "quality": f"largest relative difference of 1 + rate {difference[both].max():.1e} "
                          f"on {both.sum()} of {number} projects; the others have no unique rate",
               "target": f">= {target}x", "met": bool(ratio >= target and difference[both].max() < 1e-8)}
    yield payback_row()


def payback_row():
    """All ten first-passage probabilities: one call of ours, ten of SciPy's cdf to the same accuracy."""
    from scipy.stats import multivariate_normal
    T, rho, I = 10, 0.3, 150.0
    mean, sd = np.full(T, 20.0), np.full(T, 15.0)
    A = np.tril(np.ones((T, T)))
    C = A @ (np.where(np.eye(T, dtype=bool), 1, rho) * np.outer(sd, sd)) @ A.T

    def own():
        return payback_probability(mean, sd, I, correlation=rho)
    accuracy = own().standard_error.max()

    def peer():
        return [1 - multivariate_normal.cdf(np.full(t, I), (A @ mean)[:t], C[:t, :t], abseps=3 * accuracy,
                                            releps=0, maxpts=5_000_000, rng=np.random.default_rng(0))
                for t in range(1, T + 1)]
    (ours, seconds), (result, theirs) = take_turns([own, peer], 5)
    return {"benchmark": f"payback_probability, {T} correlated periods",
            "peer": "scipy.stats.multivariate_normal.cdf",
            "ratio": seconds / ours,
            "quality": f"largest difference {np.abs(result.probability - theirs).max():.1e}, "
                       f"standard error {accuracy:.1e}, both at that accuracy",
            "target": ">= 1x", "met": bool(seconds >= ours)}
