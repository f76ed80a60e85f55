"""bizai.finance against pyxirr, numpy-financial, SciPy, SymPy, mpmath and simulation."""

import mpmath
import numpy as np
import numpy_financial
import pytest
import pyxirr
import sympy
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from bizai.finance import irr, irr_roots, mirr, npv, payback_probability, payback_probability_printed

T = 10


@pytest.fixture(scope="module")
def flows():
    rng = np.random.default_rng(12)
    c = rng.lognormal(3, 0.6, (2000, T))
    c[:, 0] = -rng.uniform(30, 250, 2000)
    return c


def test_npv(flows):
    rates = np.linspace(-0.3, 0.9, len(flows))
    ours = npv(rates, flows)
    np.testing.assert_allclose(ours, [pyxirr.npv(r, c) for r, c in zip(rates, flows)], rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(ours, [numpy_financial.npv(r, c) for r, c in zip(rates, flows)],
                               rtol=1e-11, atol=1e-10)


def test_irr_of_conventional_projects(flows):
    ours = irr(flows)
    np.testing.assert_allclose(ours, [pyxirr.irr(c) for c in flows], atol=1e-9)
    np.testing.assert_allclose(ours[:500], [numpy_financial.irr(c) for c in flows[:500]], atol=1e-8)
    brent = [brentq(npv, -0.99, 9, args=(c,), xtol=1e-14, rtol=1e-14) for c in flows[:200]]
    np.testing.assert_allclose(ours[:200], brent, atol=1e-12)


def test_irr_to_the_last_digits():
    """Against 50-digit roots of the same binary flows."""
    rng = np.random.default_rng(5)
    with mpmath.workdps(50):
        for _ in range(60):
            c = rng.lognormal(0, 2, 8)
            c[0] = -rng.lognormal(1, 3)
            rate = irr(c)
            f = [mpmath.mpf(v) for v in c[::-1]]
            x = mpmath.findroot(lambda x: mpmath.polyval(f, x), 1 / (1 + mpmath.mpf(rate)))
            assert abs(1 / x - 1 - mpmath.mpf(rate)) <= 4e-15 * (1 + rate)


@pytest.mark.filterwarnings("ignore::bizai.finance.InternalRateWarning")
def test_irr_where_signs_change_more_than_once():
    rng = np.random.default_rng(8)
    c = rng.normal(15, 30, (1000, 8))
    c[:, 0] = -rng.uniform(20, 120, 1000)
    ours = irr(c)
    unique = np.flatnonzero(~np.isnan(ours))
    assert 200 < len(unique) < 1000
    theirs = np.array([pyxirr.irr(row) or np.nan for row in c[unique]], dtype=float)
    found = ~np.isnan(theirs)
    assert found.mean() > 0.9
    np.testing.assert_allclose(ours[unique][found], theirs[found], atol=1e-7)
    x = 1 / (1 + np.expm1(np.linspace(-8, 8, 4001)))
    values = np.polynomial.polynomial.polyval(x, c[unique].T)
    changes = np.count_nonzero(np.diff(np.sign(values), axis=1), axis=1)
    assert set(changes) == {1}


def random_polynomial(rng, x):
    """Integer coefficients; half of them products with multiple roots."""
    if rng.random() < 0.5:
        return sympy.Poly([int(v) for v in rng.integers(-9, 10, rng.integers(2, 13))] + [1], x)
    p = sympy.Poly(1, x)
    for a, b, power in rng.integers(1, [8, 8, 4], (3, 3)):
        p *= sympy.Poly(int(b) * x - int(a), x) ** int(power)
    return p * sympy.Poly(x**2 + int(rng.integers(-3, 4)) * x + int(rng.integers(1, 6)), x)


def test_irr_roots_against_exact_real_roots():
    """SymPy isolates real roots in exact arithmetic. Eigenvalues miscount where roots are multiple."""
    rng, x = np.random.default_rng(1), sympy.symbols("x")
    eigenvalues_wrong = 0
    for _ in range(250):
        p = random_polynomial(rng, x)
        c = [float(v) for v in p.all_coeffs()[::-1]]
        exact = sorted(float(1 / root.evalf(30) - 1) for root in p.sqf_part().real_roots() if root > 0)
        ours = irr_roots(c)
        assert len(ours) == len(exact), c
    # rounding of the flows moves a root of multiplicity m by about (2e-16)^(1/m): the residual is the test
        np.testing.assert_allclose(ours, exact, rtol=1e-5, atol=1e-5)
        v = [sympy.Rational(1 / (1 + r)) for r in ours]
        residual = [p.eval(y) / sympy.Poly([abs(a) for a in p.all_coeffs()], x).eval(y) for y in v]
        assert all(abs(float(e)) < 1e-14 for e in residual)
        z = np.roots(c[::-1])
        eigenvalues_wrong += np.count_nonzero((np.abs(z.imag) < 1e-10) & (z.real > 0)) != len(exact)
    assert eigenvalues_wrong > 20


def test_mirr(flows):
    mixed = flows[:300].copy()
    mixed[::2, 4] *= -1
    ours = mirr(mixed, 0.08, 0.05)
    np.testing.assert_allclose(ours, [pyxirr.mirr(c, 0.08, 0.05) for c in mixed], rtol=1e-11)
    np.testing.assert_allclose(ours, [numpy_financial.mirr(c, 0.08, 0.05) for c in mixed], rtol=1e-11)


# ---------------------------------------------------------------- payback under uncertainty

MEAN, SD, I = np.array([40, 35, -20, 45, 30.0]), np.array([20, 25, 30, 15, 40.0]), 90.0
MATRIX = np.array([[1, 0.6, 0.3, 0, -0.2], [0.6, 1, 0.5, 0.1, 0], [0.3, 0.5, 1, 0.4, 0.1],
                   [0, 0.1, 0.4, 1, 0.3], [-0.2, 0, 0.1, 0.3, 1]])
CASES = [0.0, 0.5, -0.2, MATRIX]


def correlation_matrix(correlation, periods):
    return MATRIX if np.ndim(correlation) else np.where(np.eye(periods, dtype=bool), 1.0, correlation)


@pytest.mark.parametrize("correlation", CASES, ids=["independent", "half", "negative", "matrix"])
def test_payback_probability_against_simulation(correlation):
    C = correlation_matrix(correlation, 5) * np.outer(SD, SD)
    paths = 10**6
    flows = np.random.default_rng(2).multivariate_normal(MEAN, C, paths)
    reached = np.logical_or.accumulate(np.cumsum(flows, axis=1) >= I, axis=1).mean(axis=0)
    ours = payback_probability(MEAN, SD, I, correlation=correlation)
    error = np.sqrt(reached * (1 - reached) / paths + ours.standard_error**2)
    assert (np.abs(ours.probability - reached) < 4 * error).all()
    if np.ndim(correlation) == 0 and correlation == 0:
        printed = payback_probability_printed(MEAN, SD, I)
        assert (np.abs(printed - reached)[2:] > 20 * error[2:]).all()    # the printed formula is far outside


@pytest.mark.parametrize("correlation", CASES, ids=["independent", "half", "negative", "matrix"])
def test_payback_probability_against_multivariate_normal(correlation):
    C = correlation_matrix(correlation, 5) * np.outer(SD, SD)
    A = np.tril(np.ones((5, 5)))
    ours = payback_probability(MEAN, SD, I, correlation=correlation)
    for t in range(1, 6):
        cdf = multivariate_normal.cdf(np.full(t, I), (A @ MEAN)[:t], (A @ C @ A.T)[:t, :t], abseps=1e-6,
                                      releps=1e-6, maxpts=1_000_000, rng=np.random.default_rng(t))
        assert ours.probability[t - 1] == pytest.approx(1 - cdf, abs=4 * ours.standard_error[t - 1] + 2e-6)


def test_one_common_factor_is_a_mixture_of_independent_recursions():
    """Equal correlation rho: given the factor z the flows are independent, and their recursion is exact."""
    rho, (z, weight) = 0.5, np.polynomial.hermite_e.hermegauss(60)
    given_z = [payback_probability(MEAN + SD * np.sqrt(rho) * v, SD * np.sqrt(1 - rho), I) for v in z]
    assert {r.method for r in given_z} == {"quadrature"}
    mixture = sum(w * r.probability for w, r in zip(weight / weight.sum(), given_z))
    ours = payback_probability(MEAN, SD, I, correlation=rho)
    assert ours.method == "quasi-Monte Carlo"
    assert (np.abs(ours.probability - mixture) < 4 * ours.standard_error + 1e-12).all()
    assert ours.standard_error.max() < 1e-4


def test_quadrature_to_many_digits():
    """Two periods: integral of phi(a) Phi(...) by mpmath."""
    result = payback_probability([60, 10], [30, 40], 100)
    assert result.method == "quadrature"
    survive = mpmath.quad(lambda s: mpmath.npdf(s, 60, 30) * mpmath.ncdf((100 - s - 10) / mpmath.mpf(40)),
                          [-300, 0, 60, 100])
    assert result.probability[1] == pytest.approx(float(1 - survive), abs=1e-12)


def test_brownian_limit():
    """Many small independent flows: a Brownian motion with drift, its barrier moved by 0.5826 sd."""
    n = 200
    mean, sd = np.full(n, 0.5), np.full(n, 5.0)
    ours = payback_probability(mean, sd, 80.0)
    assert ours.method == "quadrature"
    b, mu, sigma, t = 80 + 0.5826 * 5, 0.5, 5.0, n
    root = sigma * np.sqrt(t)
    limit = norm.cdf((mu * t - b) / root) + np.exp(2 * mu * b / sigma**2) * norm.cdf((-b - mu * t) / root)
    assert ours.probability[-1] == pytest.approx(limit, abs=2e-3)
