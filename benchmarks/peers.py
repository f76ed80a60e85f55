"""What is measured against, and tested against: other people's simulators, high precision, and the clock."""

import time

import numpy as np


def take_turns(functions, repeats):
    """Least CPU seconds of each function over rounds in which they take turns, and their last results."""
    best, results = [np.inf] * len(functions), [None] * len(functions)
    for _ in range(repeats):
        for i, function in enumerate(functions):
            start = time.process_time()
            results[i] = function()
            best[i] = min(best[i], time.process_time() - start)
    return best, results


def erlang_b(servers, load):
    """Erlang's B at mpmath's precision, from 1/B = 1 + c/a + c(c-1)/a^2 + ..."""
    import mpmath

    term = total = mpmath.mpf(1)
    for k in range(servers, 0, -1):
        term = term * k / load
        total += term
        if k < load and term < total * mpmath.eps / 100:
            break
    return 1 / total


def simpy_waits(gaps, services, servers):
    """Waits of customers with these gaps between arrivals and these services, simulated by SimPy."""
    import simpy

    env, waits = simpy.Environment(), []
    desk = simpy.Resource(env, capacity=servers)

    def customer(service):
        arrived = env.now
        with desk.request() as turn:
            yield turn
            waits.append(env.now - arrived)
            yield env.timeout(service)

    def source():
        for gap, service in zip(gaps, services):
            yield env.timeout(gap)
            env.process(customer(service))

    env.process(source())
    env.run()
    return waits
