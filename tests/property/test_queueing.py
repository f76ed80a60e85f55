"""Laws that `bizai.queueing` obeys for any parameters."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.queueing import MMc, allen_cunneen, erlang_b, erlang_c, exponential, servers_needed, simulate


RESULTS = ("utilisation", "offered_load", "probability_empty", "probability_wait", "mean_queue_length",
           "mean_queue_wait", "mean_response")
counts = st.integers(1, 3000)
rates = st.floats(1e-3, 1e3)
utilisations = st.floats(0.01, 0.999)


@given(st.integers(2, 100_000), st.floats(1e-3, 2e5))
def test_recursion_of_erlang_b(c, a):
    before, here = erlang_b(c - 1, a), erlang_b(c, a)
    if here > 1e-300:
        assert here * (c + a * before) == pytest.approx(a * before, rel=1e-12)
    assert 0 <= here <= 1


@given(counts, utilisations, st.floats(1.0001, 1.5))
def test_erlang_formulas_rise_with_load_and_fall_with_servers(c, rho, factor):
    a = c * rho
    b = erlang_b(c, a)
    assert erlang_b(c, a * factor) >= b >= erlang_b(c + 1, a)
    assert erlang_c(c + 1, a) <= erlang_c(c, a)
    assert b <= erlang_c(c, a) <= 1


@given(rates, counts, utilisations, st.floats(1.0001, 1.5))
def test_waits_rise_with_utilisation_and_fall_with_servers(mu, c, rho, factor):
    lam = rho * c * mu
    queue, better = MMc(lam, mu, c), MMc(lam, mu, c + 1)
    assert better.mean_queue_wait <= queue.mean_queue_wait
    assert better.probability_wait_exceeds(0.1 / mu) <= queue.probability_wait_exceeds(0.1 / mu)
    if rho * factor < 1:
        assert MMc(lam * factor, mu, c).mean_queue_wait >= queue.mean_queue_wait


@given(rates, counts, utilisations)
def test_identities_of_the_queue(mu, c, rho):
    queue = MMc(rho * c * mu, mu, c)
    lam = queue.arrival_rate
    assert queue.mean_queue_length == pytest.approx(lam * queue.mean_queue_wait, rel=1e-12)     # Little
    assert queue.probability_wait == pytest.approx(erlang_c(c, queue.offered_load), rel=1e-9, abs=1e-300)
    assert queue.utilisation == pytest.approx(queue.offered_load / c, rel=1e-14)
    assert queue.mean_response > queue.mean_queue_wait
    in_minutes = MMc(lam / 60, mu / 60, c)
    assert in_minutes.mean_queue_wait / 60 == pytest.approx(queue.mean_queue_wait, rel=1e-9, abs=1e-300)


@given(rates, st.integers(1, 200), utilisations, st.floats(0, 0.9999))
def test_quantile_inverts_the_tail(mu, c, rho, p):
    queue = MMc(rho * c * mu, mu, c)
    t = queue.wait_quantile(p)
    if p <= 1 - queue.probability_wait:
        assert t == 0
    else:
        assert queue.probability_wait_exceeds(t) == pytest.approx(1 - p, rel=1e-11)


@given(rates, counts, st.floats(1, 12))
def test_close_to_saturation_little_is_lost(mu, c, digits):
    """For rho -> 1 the exact spare capacity of the given floats decides; fractions give it."""
    lam = c * mu * (1 - 10**-digits)
    queue = MMc(lam, mu, c)
    spare = c * Fraction(mu) - Fraction(lam)
    assert queue.mean_queue_wait * float(spare) == pytest.approx(queue.probability_wait, rel=1e-14)


@given(st.lists(st.tuples(rates, rates, counts), min_size=1, max_size=5),
       st.lists(utilisations, min_size=1, max_size=4))
def test_broadcasting_equals_a_loop(triples, rhos):
    mu, t, c = (np.array(column) for column in zip(*triples))
    rho = np.array(rhos)[:, None]
    queue = MMc(rho * c * mu, mu, c)
    table = allen_cunneen(rho * c * mu, mu, c, 1.5, 0.5)
    blocked = erlang_b(c, 1.3 * rho * c)
    for i, j in np.ndindex(table.shape):
        one = MMc(queue.arrival_rate[i, j], mu[j], c[j])
        for all_of_them, alone in [
            *((getattr(queue, name), getattr(one, name)) for name in RESULTS),
            (queue.wait_quantile(0.9), one.wait_quantile(0.9)),
            (queue.probability_wait_exceeds(t), one.probability_wait_exceeds(t[j])),
            (blocked, erlang_b(c[j], 1.3 * rho[i, 0] * c[j])),
            (table, one.mean_queue_wait),
        ]:
            assert all_of_them[i, j] == pytest.approx(alone, rel=1e-13, abs=1e-300)


@given(st.floats(0, 300), rates, st.floats(1e-4, 10))
def test_servers_needed_for_a_mean_is_the_minimum(a, mu, target):
    lam, wait = a * mu, target / mu
    first = next(c for c in range(1, 1000) if c > a * (1 + 1e-15) and MMc(lam, mu, c).mean_queue_wait <= wait)
    assert servers_needed(lam, mu, mean_wait=wait) == first


@given(st.floats(0, 300), rates, st.floats(0, 2), st.floats(0, 0.9999))
def test_servers_needed_for_a_share_is_the_minimum(a, mu, target, p):
    lam, wait = a * mu, target / mu
    first = next(c for c in range(1, 1000)
                 if c > a * (1 + 1e-15) and MMc(lam, mu, c).probability_wait_exceeds(wait) <= 1 - p)
    assert servers_needed(lam, mu, max_wait=wait, probability=p) == first


@given(st.lists(st.floats(1e3, 9e4), min_size=1, max_size=20), st.floats(0.5, 0.999))
def test_servers_needed_for_thousands_of_servers(loads, p):
    c = servers_needed(loads, 1.0, max_wait=0.01, probability=p)
    assert np.all(MMc(loads, 1.0, c).probability_wait_exceeds(0.01) <= 1 - p)
    fewer = np.maximum(c - 1, np.floor(loads) + 1)
    still = MMc(loads, 1.0, fewer).probability_wait_exceeds(0.01) <= 1 - p
    assert np.all((fewer == c) | ~still)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 9)), min_size=1, max_size=60), st.integers(1, 5))
def test_waits_are_those_of_an_exhaustive_search_for_a_free_server(customers, c):
    gaps, services = np.array(customers).T
    times = np.cumsum(gaps)
    free, expected = [-math.inf] * c, []
    for arrival, service in zip(times, services):
        k = min(range(c), key=free.__getitem__)
        start = max(arrival, free[k])
        free[k] = start + service
        expected.append(start - arrival)
    np.testing.assert_allclose(simulate(times, services, c).waits, expected, atol=1e-11)


@given(st.integers(0, 2**31), st.integers(1, 6))
def test_more_servers_never_make_anyone_wait_longer(seed, c):
    fewer, more = (simulate(exponential(c), exponential(1.1), k, customers=300, random_state=seed).waits
                   for k in (c, c + 1))
    assert np.all(more <= fewer + 1e-9)
