"""Hand-computed values, special cases and errors of `bizai.queueing`."""

import math
import subprocess
import sys

import numpy as np
import pytest

from bizai import queueing
from bizai.queueing import (
    MMc, Simulation, allen_cunneen, constant, empirical, erlang_b, erlang_c, exponential, lognormal,
    poisson_arrivals, servers_needed, simulate,
)

EXACT = 1e-14


# Erlang's formulas ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("c, a, expected", [
    (1, 1, 1 / 2),
    (2, 1, 1 / 5),                     # (1/2) / (1 + 1 + 1/2)
    (3, 2, 4 / 19),                    # (8/6) / (1 + 2 + 2 + 8/6)
    (2, 5, 25 / 37),                   # (25/2) / (1 + 5 + 25/2)
    (3, 3, 9 / 26),                    # (27/6) / (1 + 3 + 9/2 + 27/6)
    (4, 0, 0),
    (1, 1e12, 1 / (1 + 1e-12)),
])
def test_erlang_b_by_hand(c, a, expected):
    assert erlang_b(c, a) == pytest.approx(expected, rel=EXACT)


@pytest.mark.parametrize("c, a, expected", [
    (1, 0.25, 0.25),                   # C = rho for one server
    (2, 1, 1 / 3),                     # C = a^2 / (2 + a)
    (3, 2, 4 / 9),
    (5, 0, 0),
])
def test_erlang_c_by_hand(c, a, expected):
    assert erlang_c(c, a) == pytest.approx(expected, rel=EXACT)


def test_erlang_b_is_zero_where_it_underflows():
    assert erlang_b(100_000, 1.0) == 0
    assert erlang_c(100_000, 1.0) == 0
    queue = MMc(1.0, 1.0, 100_000)
    assert (queue.mean_queue_wait, queue.mean_queue_length, queue.probability_wait_exceeds(0)) == (0, 0, 0)
    assert (queue.wait_quantile(0.999), queue.mean_response) == (0, 1)
    assert queue.probability_empty == pytest.approx(math.exp(-1), rel=EXACT)


def test_series_and_logarithm_of_the_deviance_agree_where_they_meet():
    x = np.array([0.5 - 2**-40, 0.5])
    low, high = queueing._deviance(x)
    assert high - low == pytest.approx(2**-40 * 1.0, rel=1e-2)     # its derivative is x/(1-x) = 1 there
    assert high == pytest.approx(math.log(2) - 0.5, rel=EXACT)


def test_stirling_error_by_hand():
    assert queueing._stirling_error(np.array([1.0]))[0] == pytest.approx(1 - 0.5 * math.log(2 * math.pi))
    direct = math.log(math.factorial(16)) - (16.5 * math.log(16) - 16 + 0.5 * math.log(2 * math.pi))
    assert queueing._stirling_error(np.array([16.0]))[0] == pytest.approx(direct, abs=2e-14)


# M/M/c ---------------------------------------------------------------------------------------------------

def test_three_servers_by_hand():
    queue = MMc(arrival_rate=2, service_rate=1, servers=3)
    expected = {
        "utilisation": 2 / 3, "offered_load": 2, "probability_empty": 1 / 9, "probability_wait": 4 / 9,
        "mean_queue_length": 8 / 9, "mean_queue_wait": 4 / 9, "mean_response": 13 / 9,
    }
    for name, value in expected.items():
        assert getattr(queue, name) == pytest.approx(value, rel=EXACT), name
    assert queue.probability_wait_exceeds(1) == pytest.approx(4 / 9 * math.exp(-1), rel=EXACT)
    assert queue.wait_quantile(0.95) == pytest.approx(math.log(4 / 9 / 0.05), rel=1e-13)
    assert queue.wait_quantile(5 / 9 - 1e-9) == 0


def test_one_server_is_m_m_1():
    queue = MMc(3, 4, 1)
    assert queue.probability_empty == pytest.approx(1 / 4, rel=EXACT)
    assert queue.mean_queue_wait == pytest.approx(3 / 4, rel=EXACT)     # rho / (mu - lambda)
    assert queue.mean_response == pytest.approx(1, rel=EXACT)           # 1 / (mu - lambda)


def test_printed_formula_of_the_article_is_short_of_a_factor_rho():
    lam, mu, c = 2.0, 1.0, 3
    queue = MMc(lam, mu, c)
    rho, p0 = lam / (c * mu), 1 / 9
    printed = p0 * (lam / mu) ** c * rho / (math.factorial(c) * c * mu * (1 - rho) ** 2)
    assert printed == pytest.approx(8 / 27, rel=EXACT)
    assert printed == pytest.approx(rho * queue.mean_queue_wait, rel=EXACT)
    assert printed * lam != pytest.approx(queue.mean_queue_length, rel=0.3)      # Little's law fails for it


def test_nobody_arrives():
    queue = MMc(0, 2, 3)
    assert (queue.probability_empty, queue.probability_wait, queue.mean_queue_wait) == (1, 0, 0)
    assert (queue.mean_response, queue.wait_quantile(0.9)) == (0.5, 0)


def test_scalars_give_python_numbers_and_arrays_give_arrays():
    queue = MMc(2, 1, 3)
    assert type(queue.mean_queue_wait) is float and type(queue.servers) is int
    assert type(erlang_b(3, 2)) is float and type(queue.wait_quantile(0.5)) is float
    assert type(servers_needed(2, 1, mean_wait=1)) is int
    staff = MMc(2, 1, [3, 4])
    assert staff.mean_queue_wait.shape == (2,) and staff.mean_queue_wait.dtype == float
    assert staff.probability_wait_exceeds([[0], [1], [2]]).shape == (3, 2)


def test_results_do_not_follow_a_later_change_of_the_input():
    rates = np.array([1.0, 2.0])
    queue = MMc(rates, 1, 3)
    rates[:] = 99
    assert queue.arrival_rate.tolist() == [1, 2]
    with pytest.raises(AttributeError):
        queue.servers = 4


def test_utilisation_of_one_up_to_rounding_is_unstable():
    assert 3 * 0.1 > 0.3                         # in floating point
    with pytest.raises(ValueError, match="unstable queue"):
        MMc(0.3, 0.1, 3)
    assert MMc(0.3 * (1 - 1e-12), 0.1, 3).mean_queue_wait > 1e12


TEXT_COLUMN, FLAGS = np.array(["2", "3"], dtype=object), np.array([True, 2], dtype=object)
NOT_POSITIVE = [TEXT_COLUMN, FLAGS, b"2", 10**400, 0, -1, math.nan, math.inf, -math.inf, "2", None, True, 1j,
                [1, -2]]
NEGATIVE = [-1, math.nan, math.inf, "2", None, True, [1, -2]]
NOT_A_COUNT = [TEXT_COLUMN, 0, -1, 2.5, math.nan, math.inf, "3", None, True, [1, 2.5]]
NOT_A_PROBABILITY = [-0.1, 1, 1.5, math.nan, "0.5", None, True]


@pytest.mark.parametrize("value", NOT_A_COUNT)
def test_wrong_servers(value):
    for call in (lambda: erlang_b(value, 1), lambda: erlang_c(value, 0.5), lambda: MMc(1, 2, value),
                 lambda: allen_cunneen(1, 2, value, 1, 1), lambda: simulate([0], [1], value)):
        with pytest.raises(ValueError, match="servers must be"):
            call()


@pytest.mark.parametrize("value", NEGATIVE)
def test_wrong_loads_and_arrival_rates(value):
    for name, call in {
        "offered_load": lambda: erlang_b(3, value),
        "offered_load ": lambda: erlang_c(3, value),
        "arrival_rate": lambda: MMc(value, 1, 3),
        "arrival_rate ": lambda: servers_needed(value, 1, mean_wait=1),
        "cv2_arrivals": lambda: allen_cunneen(1, 1, 2, value, 1),
        "cv2_services": lambda: allen_cunneen(1, 1, 2, 1, value),
        "t": lambda: MMc(1, 1, 2).probability_wait_exceeds(value),
        "t ": lambda: simulate([0], [1], 1).probability_wait_exceeds(value),
        "value": lambda: constant(value),
    }.items():
        with pytest.raises(ValueError, match=f"^{name.strip()} must be a finite number >= 0, got"):
            call()


@pytest.mark.parametrize("value", [v for v in NEGATIVE if v is not None])
def test_wrong_max_wait(value):
    with pytest.raises(ValueError, match="^max_wait must be a finite number >= 0, got"):
        servers_needed(1, 1, max_wait=value, probability=0.9)


@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_wrong_service_rates_and_other_positive_numbers(value):
    for name, call in {
        "service_rate": lambda: MMc(1, value, 3),
        "service_rate ": lambda: servers_needed(1, value, mean_wait=1),
        "rate": lambda: exponential(value),
        "mean": lambda: lognormal(value, 1),
        "cv": lambda: lognormal(1, value),
        "period": lambda: poisson_arrivals([1], period=value),
    }.items():
        with pytest.raises(ValueError, match=f"^{name.strip()} must be a finite number > 0, got"):
            call()


@pytest.mark.parametrize("value", NOT_A_PROBABILITY)
def test_wrong_probabilities(value):
    run = simulate([0, 1], [1, 1], 1)
    calls = [("p must", lambda: MMc(1, 1, 2).wait_quantile(value)),
             ("p must", lambda: run.wait_quantile(value))]
    if value is not None:
        calls.append((r"probability must", lambda: servers_needed(1, 1, max_wait=1, probability=value)))
    for message, call in calls:
        with pytest.raises(ValueError, match=message):
            call()


def test_messages_name_the_argument_what_was_given_and_what_is_allowed():
    for call, message in {
        lambda: erlang_b(0, 1): "servers must be an integer >= 1, got 0",
        lambda: erlang_b([4, 2.5], 1): "servers must be an integer >= 1, got 2.5",
        lambda: MMc(12, 1, 9): "unstable queue: arrival_rate 12 >= servers*service_rate 9",
        lambda: MMc([1, 12], [[1]], 9): "unstable queue: arrival_rate 12 >= servers*service_rate 9",
        lambda: erlang_c(9, 12): "unstable queue: offered_load 12 >= servers 9",
        lambda: allen_cunneen(9, 1, 9, 1, 1): "unstable queue: arrival_rate 9 >= servers*service_rate 9",
        lambda: servers_needed(1, 1): "got none of them",
        lambda: servers_needed(1, 1, max_wait=1): "got max_wait",
        lambda: servers_needed(1, 1, mean_wait=1, max_wait=1, probability=0.5):
            "got mean_wait, max_wait, probability",
        lambda: servers_needed(1, 1, mean_wait=0): "mean_wait must be a finite number > 0, got 0",
    }.items():
        with pytest.raises(ValueError) as caught:
            call()
        assert message in str(caught.value)


# Staffing ------------------------------------------------------------------------------------------------

def test_servers_needed_by_hand():
    # a = 2: W_q is 4/9 with 3 servers and C/(4-2) = (4/23)/2 = 2/23 with 4
    assert servers_needed(2, 1, mean_wait=4 / 9 + 1e-12) == 3
    assert servers_needed(2, 1, mean_wait=4 / 9 - 1e-12) == 4
    assert servers_needed(2, 1, mean_wait=2 / 23 - 1e-12) == 5
    assert servers_needed(2, 1, max_wait=0, probability=5 / 9 - 1e-12) == 3
    assert servers_needed(2, 1, max_wait=0, probability=5 / 9 + 1e-12) == 4
    assert servers_needed(0, 1, mean_wait=1) == 1


def test_servers_needed_at_whole_loads_and_lax_targets():
    assert servers_needed([0.5, 1, 2.999999, 3, 1000], 1, mean_wait=1e9).tolist() == [1, 2, 3, 4, 1001]
    assert servers_needed(0.3, 0.1, mean_wait=1e9) == 4
    assert servers_needed(5, 1, max_wait=10, probability=0) == 6


# Simulation ----------------------------------------------------------------------------------------------

def test_one_server_by_hand():
    # starts 0, 4, 6, 20; waits are exact
    run = simulate([0, 1, 5, 20], [4, 2, 3, 1], 1)
    assert run.waits.tolist() == [0, 3, 1, 0]
    assert run.arrival_times.tolist() == [0, 1, 5, 20]
    assert run.mean_wait == 1


def test_two_servers_by_hand():
    # server 1: 0-5, 5-7, server 2: 1-4, 4-10, then 7
    assert simulate([0, 1, 2, 3, 3], [5, 3, 6, 2, 1], 2).waits.tolist() == [0, 0, 2, 2, 4]


def test_more_servers_than_customers():
    assert simulate([0, 0, 0], [9, 9, 9], 3).waits.tolist() == [0, 0, 0]
    assert simulate([0, 0, 0], [9, 9, 9], 2).waits.tolist() == [0, 0, 9]


def test_a_burst_is_served_in_order():
    run = simulate(np.zeros(6), constant(1.0), 2)
    assert run.waits.tolist() == [0, 0, 1, 1, 2, 2]
    assert run.probability_wait_exceeds([0, 0.5, 1, 2]).tolist() == pytest.approx([4 / 6, 4 / 6, 2 / 6, 0])
    assert [run.wait_quantile(p) for p in (0, 0.3, 0.5, 0.9)] == [0, 0, 1, 2]


def test_arrival_times_may_be_negative_and_start_anywhere():
    assert simulate([-10, -9.5, 100], [1, 1, 1], 1).waits.tolist() == [0, 0.5, 0]
    assert simulate([-10, -9.5, 100], [1, 1, 1], 2).waits.tolist() == [0, 0, 0]


def test_one_server_and_heap_agree():
    rng = np.random.default_rng(5)
    times, services = np.cumsum(rng.exponential(1.0, 5000)), rng.exponential(0.9, 5000)
    np.testing.assert_allclose(queueing._waits_one_server(times, services),
                               queueing._waits(times, services, 1), atol=1e-9)


def test_warm_up():
    full = simulate([0, 0, 0, 0], [1, 1, 1, 1], 1)
    assert full.waits.size == 4
    assert simulate([0, 0, 0, 0], [1, 1, 1, 1], 1, warm_up=3).waits.tolist() == [3]
    sampled = simulate(constant(1.0), constant(2.0), 1, customers=50)
    assert sampled.waits.size == 45 and sampled.waits[0] == 5          # customer k waits k
    assert simulate(constant(1.0), constant(2.0), 1, customers=50, warm_up=0).waits.size == 50


def test_random_state_and_common_customers():
    def run(c, seed):
        return simulate(exponential(4), lognormal(1, 0.5), c, customers=2000, random_state=seed)

    assert np.array_equal(run(5, 1).waits, run(5, 1).waits)
    assert not np.array_equal(run(5, 1).waits, run(5, 2).waits)
    assert np.array_equal(run(5, 1).arrival_times, run(6, 1).arrival_times)
    assert np.all(run(6, 1).waits <= run(5, 1).waits + 1e-9)           # holds customer by customer
    generator = np.random.default_rng(1)
    assert np.array_equal(run(5, generator).waits, run(5, 1).waits)


def test_batch_means_by_hand():
    # four batches of two with means 1, 2, 3, 6: standard deviation sqrt(14/3); t(3, 97.5 %) = 3.182446305...
    waits = np.array([7, 1, 1, 2, 2, 3, 3, 6, 6.0])                    # nine waits: the first is left over
    run = Simulation(waits, np.arange(9.0), 1, 0.95, 4)
    low, high = run.mean_wait_interval
    half = 3.18244630528371 * math.sqrt(14 / 3) / 2
    assert high == pytest.approx(waits.mean() + half, rel=1e-12)
    assert low == pytest.approx(waits.mean() - half, rel=1e-9) and low > 0


def test_intervals_of_shares_stay_between_zero_and_one():
    run = simulate(exponential(4), exponential(1), 5, customers=3000, random_state=3)
    for t in (0, 1, 2):
        low, high = run.probability_wait_exceeds_interval(t)
        assert 0 <= low <= run.probability_wait_exceeds(t) <= high <= 1
    low, high = run.wait_quantile_interval(0.9)
    assert 0 < low < run.wait_quantile(0.9) < high
    assert run.wait_quantile_interval(0.999)[1] == math.inf
    assert run.wait_quantile_interval(0.1) == (0, 0)                  # well inside the atom at zero


def test_no_interval_where_the_run_shows_no_spread():
    run = simulate(constant(1.0), constant(0.5), 1, customers=100)
    assert run.mean_wait == 0
    for interval in (run.mean_wait_interval, run.probability_wait_exceeds_interval(0),
                     run.wait_quantile_interval(0.5)):
        assert np.isnan(interval).all()


@pytest.mark.parametrize("change, message", [
    (dict(customers=None), "customers must be an integer >= 1 when both"),
    (dict(customers=0), "customers must be an integer >= 1, got 0"),
    (dict(customers=2.5), "customers must be an integer >= 1, got 2.5"),
    (dict(customers=[5]), "customers must be one integer >= 1, got an array"),
    (dict(servers=[1, 2]), "servers must be one integer >= 1, got an array"),
    (dict(warm_up=100), "warm_up must be less than the number of customers, 100, got 100"),
    (dict(warm_up=-1), "warm_up must be an integer >= 0, got -1"),
    (dict(confidence=1), "confidence must be a number > 0 and < 1, got 1"),
    (dict(confidence=0), "confidence must be a number > 0 and < 1, got 0"),
    (dict(confidence="high"), "confidence must be a number > 0 and < 1, got 'high'"),
    (dict(batches=1), "batches must be an integer >= 2, got 1"),
    (dict(arrivals=[0, 1, 2]), "arrivals, services and customers must agree on their number, got arrivals 3"),
    (dict(services=[0, 1, 2]), "agree on their number, got services 3, customers 100"),
    (dict(arrivals=np.r_[0, 2, 1, 3:100]), "arrivals must be in ascending order, got 1.0 after 2.0"),
    (dict(arrivals=np.full(100, math.nan)), "arrivals must be a finite number, got nan"),
    (dict(services=-np.ones(100)), "services must be a finite number >= 0, got -1.0"),
    (dict(services=np.ones((100, 1))), "services must be one-dimensional"),
    (dict(arrivals=[], services=[], customers=None), "arrivals must hold at least one customer"),
    (dict(services=lambda rng, size: np.ones(99)), "services must be a sampler that returns the 100 numbers"),
    (dict(arrivals=lambda rng, size: -np.ones(size)), "arrivals must be a finite number >= 0, got -1.0"),
    (dict(services=3.0), "must agree on their number"),
])
def test_wrong_arguments_of_simulate(change, message):
    arguments = dict(arrivals=exponential(1), services=exponential(2), servers=1, customers=100) | change
    with pytest.raises(ValueError) as caught:
        simulate(**arguments)
    assert message in str(caught.value)


def test_an_interval_needs_two_customers_a_batch():
    run = simulate([0, 1, 5], [4, 2, 3], 1)
    assert run.mean_wait == pytest.approx(4 / 3)
    with pytest.raises(ValueError, match="customers must be at least 2 in each of 20 batches .* got 3"):
        run.mean_wait_interval


# Samplers ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("sampler, mean, cv", [
    (exponential(4), 0.25, 1), (lognormal(3, 0.5), 3, 0.5), (lognormal(2, 1.5), 2, 1.5), (constant(7), 7, 0),
    (empirical([1, 2, 3]), 2, math.sqrt(2 / 3) / 2),
])
def test_samplers_have_their_mean_and_cv(sampler, mean, cv):
    drawn = sampler(np.random.default_rng(8), 400_000)
    assert drawn.shape == (400_000,)
    assert drawn.mean() == pytest.approx(mean, rel=5 * max(cv, 1e-12) / math.sqrt(400_000))
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.03, abs=1e-12)


def test_empirical_draws_only_what_was_observed():
    assert set(empirical([1, 5])(np.random.default_rng(0), 100)) == {1, 5}
    for sample, message in (([], "at least one time"), ([[1]], "one-dimensional"), ([-1], ">= 0, got -1")):
        with pytest.raises(ValueError, match=message):
            empirical(sample)


def test_poisson_arrivals_follow_their_rates():
    times = poisson_arrivals([20_000, 0, 80_000], period=0.5, random_state=2)
    assert np.all(np.diff(times) >= 0) and 0 <= times[0] and times[-1] < 1.5
    counts = np.histogram(times, [0, 0.5, 1, 1.5])[0]
    assert counts[1] == 0
    assert counts[[0, 2]] == pytest.approx([10_000, 40_000], abs=5 * math.sqrt(40_000))
    gaps = np.diff(times[times > 1])
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.03)
    assert poisson_arrivals([0, 0]).size == 0
    assert np.array_equal(times, poisson_arrivals([20_000, 0, 80_000], period=0.5, random_state=2))
    with pytest.raises(ValueError, match="rates must be"):
        poisson_arrivals([-1])


def test_import_loads_numpy_only():
    others = ("scipy", "pandas", "matplotlib", "bizai.chapter", "bizai.rerun")
    code = f"import sys, bizai.queueing; print([m for m in {others} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
