"""`bizai.queueing` against high precision, Markov chains, other simulators and replications."""

import math

import ciw
import mpmath
import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import poisson

from benchmarks import peers
from bizai.queueing import (
    MMc, allen_cunneen, constant, empirical, erlang_b, erlang_c, exponential, lognormal, servers_needed,
    simulate,
)


# High precision ------------------------------------------------------------------------------------------

def high_precision(lam, mu, c):
    """B, C, P_0 and W_q (B only if rho >= 1) with 40 digits."""
    with mpmath.workdps(40):
        lam, mu, c = mpmath.mpf(float(lam)), mpmath.mpf(float(mu)), int(c)
        a = lam / mu
        blocking = peers.erlang_b(c, a)
        if lam >= c * mu:
            return blocking, None, None, None
        waiting = blocking / (1 - a / c + a / c * blocking)
        # P_0 = P_c c!/a^c, and C = P_c / (1 - rho)
        empty = waiting * (1 - a / c) * mpmath.exp(mpmath.loggamma(c + 1) - c * mpmath.log(a))
        return blocking, waiting, empty, waiting / (c * mu - lam)


def largest_error(ours, exact):
    return max(float(abs(mpmath.mpf(float(x)) / y - 1)) for x, y in zip(ours, exact))


def load_with_blocking_near(c, log_blocking):
    """Load below c for which Stirling's formula gives about that logarithm of Erlang B."""
    def excess(a):
        return c * math.log(a / c) + c - a - 0.5 * math.log(2 * math.pi * c) - log_blocking
    return brentq(excess, 1e-9, c)


RNG = np.random.default_rng(20)
FEW = RNG.integers(1, 31, 60)
MANY = np.exp(RNG.uniform(0, math.log(10_000), 60)).astype(int) + 1
MOST = np.r_[100_000, RNG.integers(50_000, 100_000, 11)]
TINY = [load_with_blocking_near(c, x) / c for c, x in zip(MOST, np.linspace(-692, -706, 12))]
CASES = {
    "few servers": (FEW, RNG.uniform(0.001, 0.9999, 60)),
    "up to 10,000 servers": (MANY, np.maximum(RNG.uniform(0.3, 0.9999, 60), 1 - 26 / np.sqrt(MANY))),
    "close to saturation": (MANY, 1 - 10 ** RNG.uniform(-12, -1, 60)),
    "up to 100,000 servers": (MOST, 1 - RNG.uniform(0.01, 34, 12) / np.sqrt(MOST)),
    "B below 1e-300": (MOST, TINY),
}


@pytest.mark.parametrize("name", CASES)
def test_closed_forms_to_twelve_digits(name):
    c, rho = CASES[name]
    mu = np.random.default_rng(c.size).uniform(0.1, 10, c.size)
    lam = c * mu * rho
    queue = MMc(lam, mu, c)
    blocking, waiting, empty, wait = zip(*(high_precision(*case) for case in zip(lam, mu, c)))
    assert min(blocking) > 1e-307
    assert max(blocking) < 1e-300 or not name.startswith("B below")
    same_load = [high_precision(a, 1, n)[0] for a, n in zip(queue.offered_load, c)]
    assert largest_error(erlang_b(c, queue.offered_load), same_load) < 1e-12
    assert largest_error(queue.probability_wait, waiting) < 1e-12
    assert largest_error(queue.mean_queue_wait, wait) < 1e-12
    length = [w * mpmath.mpf(float(x)) for w, x in zip(wait, lam)]
    assert largest_error(queue.mean_queue_length, length) < 1e-12
    for ours, exact in zip(queue.probability_empty, empty):     # P_0 < exp(-a) is 0 for loads above 745
        assert abs(mpmath.mpf(float(ours)) / exact - 1) < 1e-12 if exact > 1e-307 else ours < 1.1e-307


def test_erlang_b_at_and_above_capacity():
    c = np.r_[1, 2, 15, 16, 100, 1000, 99_999, 100_000, 100_000, 5, 3000]
    a = c * np.r_[1, 1.0001, 3, 1, 1, 1 + 1e-9, 1, 1, 1.2, 1e8, 40]
    assert largest_error(erlang_b(c, a), [high_precision(x, 1, n)[0] for x, n in zip(a, c)]) < 1e-13


def test_erlang_c_by_its_definition():
    """A load given directly: every digit of the load counts."""
    c, a = np.array([2, 50, 1000, 100_000]), np.array([1.999999, 49.2, 870.3, 99_700.1])
    assert largest_error(erlang_c(c, a), [high_precision(x, 1, n)[1] for x, n in zip(a, c)]) < 1e-12


# Markov chains -------------------------------------------------------------------------------------------

def equilibrium(lam, mu, c, states):
    """Equilibrium of the birth-death chain cut off after `states`, from its balance equations pi Q = 0.

    The second result is the relative error that the condition number allows the solution to have.
    """
    n = np.arange(states)
    q = np.diag(np.full(states - 1, float(lam)), 1) + np.diag(np.minimum(n[1:], c) * float(mu), -1)
    q -= np.diag(q.sum(axis=1))
    q[:, -1] = 1
    return np.linalg.solve(q.T, np.r_[np.zeros(states - 1), 1]), np.linalg.cond(q) * np.finfo(float).eps


@pytest.mark.parametrize("lam, mu, c", [(2, 1, 3), (0.9, 1, 1), (7.5, 0.5, 20), (30, 4, 9), (1, 5, 2)])
def test_balance_equations(lam, mu, c):
    rho = lam / (c * mu)
    states = c + math.ceil(math.log(1e-17) / math.log(rho)) + 1
    queue = MMc(lam, mu, c)
    pi, rel = equilibrium(lam, mu, c, states)
    assert rel < 1e-9
    n = np.arange(states)
    waiting = np.maximum(n - c, 0) @ pi
    assert queue.probability_empty == pytest.approx(pi[0], rel=rel)
    assert queue.probability_wait == pytest.approx(pi[c:].sum(), rel=rel)
    assert queue.mean_queue_length == pytest.approx(waiting, rel=rel)
    assert queue.mean_queue_wait == pytest.approx(waiting / lam, rel=rel)
    assert queue.mean_response == pytest.approx(n @ pi / lam, rel=rel)
    assert queue.offered_load == pytest.approx(np.minimum(n, c) @ pi, rel=rel)
    # an arrival that finds n >= c customers waits for n - c + 1 completions at rate c mu
    for t in (0, 0.1, 1.3):
        tail = pi[c:] @ poisson.cdf(n[c:] - c, c * mu * t)
        assert queue.probability_wait_exceeds(t) == pytest.approx(tail, rel=rel)
    # the formula as printed in the article is short of the balance equations by the factor rho
    printed = pi[0] * (lam / mu) ** c * rho / (math.factorial(c) * c * mu * (1 - rho) ** 2)
    assert printed == pytest.approx(rho * waiting / lam, rel=rel)


@pytest.mark.parametrize("a, c", [(2, 3), (9, 4), (60, 60)])
def test_loss_system(a, c):
    pi, rel = equilibrium(a, 1, c, c + 1)
    assert erlang_b(c, a) == pytest.approx(pi[-1], rel=rel)
    assert rel < 1e-9


def test_servers_needed_in_high_precision():
    for lam, mu, wait in [(100, 1, 0.01), (3000, 12, 1e-3), (12_345.6, 1, 1e-4)]:
        c = servers_needed(lam, mu, mean_wait=wait)
        assert high_precision(lam, mu, c)[3] <= wait < high_precision(lam, mu, c - 1)[3]


# Other simulators ----------------------------------------------------------------------------------------

def some_customers(n=3000):
    rng = np.random.default_rng(77)
    return rng.exponential(1 / 4, n), rng.lognormal(0, 0.8, n)


def test_simpy_gives_every_customer_the_same_wait():
    gaps, services = some_customers()
    waits = peers.simpy_waits(gaps, services, 6)
    assert max(waits) > 1
    np.testing.assert_allclose(simulate(np.cumsum(gaps), services, 6).waits, waits, atol=1e-9)


def test_ciw_gives_every_customer_the_same_wait():
    gaps, services = some_customers(1500)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential(gaps.tolist() + [1e9])],
        service_distributions=[ciw.dists.Sequential(services.tolist())],
        number_of_servers=[6],
    )
    run = ciw.Simulation(network)
    run.simulate_until_max_time(1e8)
    records = sorted(run.get_all_records(), key=lambda record: record.arrival_date)
    waits = [record.waiting_time for record in records]
    assert len(waits) == 1500 and max(waits) > 1
    np.testing.assert_allclose(simulate(np.cumsum(gaps), services, 6).waits, waits, atol=1e-9)


def test_simulation_meets_the_closed_forms():
    for lam, c in [(0.8, 1), (4, 5), (27, 30)]:
        queue = MMc(lam, 1, c)
        run = simulate(exponential(lam), exponential(1), c, customers=1_000_000, random_state=11,
                       confidence=0.999)
        for (low, high), value in [
            (run.mean_wait_interval, queue.mean_queue_wait),
            (run.probability_wait_exceeds_interval(0), queue.probability_wait),
            (run.probability_wait_exceeds_interval(0.5), queue.probability_wait_exceeds(0.5)),
            (run.wait_quantile_interval(0.95), queue.wait_quantile(0.95)),
        ]:
            assert low <= value <= high
            assert high - low < 0.5 * value          # it says something


# Confidence intervals by replication ---------------------------------------------------------------------

@pytest.mark.parametrize("c", [1, 5])
def test_nominal_95_percent_intervals_cover_near_95_percent(c):
    queue, replications = MMc(0.8 * c, 1, c), 400
    covered = np.zeros(5)
    for seed in range(replications):
        run = simulate(exponential(0.8 * c), exponential(1), c, customers=40_000, random_state=seed)
        naive = 1.96 * run.waits.std() / math.sqrt(run.waits.size)
        covered += [low <= value <= high for (low, high), value in [
            (run.mean_wait_interval, queue.mean_queue_wait),
            (run.probability_wait_exceeds_interval(1), queue.probability_wait_exceeds(1)),
            (run.wait_quantile_interval(0.5), queue.wait_quantile(0.5)),
            (run.wait_quantile_interval(0.95), queue.wait_quantile(0.95)),
            ((run.mean_wait - naive, run.mean_wait + naive), queue.mean_queue_wait),
        ]]
    *batch_means, independent = covered / replications
    three_sigma = 3 * math.sqrt(0.95 * 0.05 / replications)
    assert batch_means == pytest.approx([0.95] * 4, abs=three_sigma)
    assert independent < 0.5            # what ignoring the correlation of waits would give


# General arrivals and services ---------------------------------------------------------------------------

@pytest.mark.parametrize("sampler, cv2", [
    (constant(1.0), 0), (lognormal(1, 0.5), 0.25), (lognormal(1, 1.5), 2.25), (empirical([0.5, 0.5, 2]), 0.5),
])
def test_pollaczek_khinchine(sampler, cv2):
    """M/G/1: W_q = lambda E[S^2] / (2 (1 - rho)), by formula and by simulation."""
    lam = 0.7
    exact = lam * (1 + cv2) / (2 * (1 - lam))
    assert allen_cunneen(lam, 1, 1, 1, cv2) == pytest.approx(exact, rel=1e-14)
    run = simulate(exponential(lam), sampler, 1, customers=400_000, random_state=4, confidence=0.999)
    low, high = run.mean_wait_interval
    assert low < exact < high and high - low < 0.3 * exact


def test_allen_cunneen_is_exact_for_m_m_c():
    c = np.array([1, 5, 300])
    assert np.array_equal(allen_cunneen(0.9 * c, 1, c, 1, 1), MMc(0.9 * c, 1, c).mean_queue_wait)


@pytest.mark.parametrize("rho, arrivals, ca2, services, cs2, error", [
    (0.95, exponential, 1, constant(1.0), 0, (-0.15, 0.15)),
    (0.95, lambda lam: lognormal(1 / lam, 0.5), 0.25, lognormal(1, 0.5), 0.25, (-0.15, 0.15)),
    (0.80, exponential, 1, constant(1.0), 0, (-0.15, 0.15)),
    (0.80, lambda lam: lognormal(1 / lam, 0.5), 0.25, lognormal(1, 0.5), 0.25, (0.25, 0.55)),
    (0.80, lambda lam: constant(1 / lam), 0, exponential(1), 1, (0.25, 0.55)),
    (0.50, lambda lam: constant(1 / lam), 0, exponential(1), 1, (3.0, 6.0)),
])
def test_error_of_allen_cunneen_for_five_servers(rho, arrivals, ca2, services, cs2, error):
    """Relative error of the approximation, of which the whole confidence interval lies between the bounds."""
    lam = 5 * rho
    run = simulate(arrivals(lam), services, 5, customers=2_000_000 if rho > 0.9 else 500_000, random_state=6)
    low, high = run.mean_wait_interval
    wait = allen_cunneen(lam, 1, 5, ca2, cs2)
    assert error[0] < wait / high - 1 and wait / low - 1 < error[1]
