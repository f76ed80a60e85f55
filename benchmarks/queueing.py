"""`bizai.queueing` against the textbook sum (SciPy), high precision (mpmath) and two simulators (ciw, simpy).

Every row compares CPU seconds per triple (arrival rate, service rate, servers) or per simulated customer,
measured in the same run.
"""

import numpy as np

from bizai.queueing import MMc, exponential, simulate

from .peers import erlang_b, simpy_waits, take_turns

SEED = 2024
TRIPLES = 100_000
CUSTOMERS = 1_000_000
ARRIVAL_RATE, SERVICE_RATE, SERVERS = 4.0, 1.0, 5


# Closed forms --------------------------------------------------------------------------------------------

def triples(n, most=10_000):
    """Arrival rates, service rates and servers (evenly over the logarithm) at loads where B > 1e-307."""
    rng = np.random.default_rng(SEED)
    c = np.exp(rng.uniform(0, np.log(most), n)).astype(int)
    mu = rng.uniform(0.1, 10, n)
    rho = np.maximum(rng.uniform(0.3, 0.9999, n), 1 - 26 / np.sqrt(c))
    return rho * c * mu, mu, c


def tiny_triples(n):
    """The same for queues of 50,000 to 100,000 servers in which Erlang B is between 1e-307 and 1e-300."""
    from scipy.optimize import brentq

    rng = np.random.default_rng(SEED)
    c, mu = rng.integers(50_000, 100_001, n), rng.uniform(0.1, 10, n)
    target = np.linspace(-692, -706, n)

    def excess(a, k, log_b):                                                    # Stirling's formula
        return k * np.log(a / k) + k - a - 0.5 * np.log(2 * np.pi * k) - log_b

    a = np.array([brentq(excess, 1, k, args=(k, y)) for k, y in zip(c, target)])
    return a * mu, mu, c


def ours(lam, mu, c):
    return MMc(lam, mu, c).mean_queue_wait


def textbook(lam, mu, c):
    """W_q by the sum over the states in logarithms, one triple at a time."""
    from scipy.special import gammaln, logsumexp

    waits = []
    for l, m, n in zip(lam, mu, c):             # lambda, mu, c
        k, a = np.arange(n + 1), l / m
        terms = k * np.log(a) - gammaln(k + 1)
        blocking = np.exp(terms[-1] - logsumexp(terms))
        rho = a / n
        waits.append(blocking / (1 - rho + rho * blocking) / (n * m - l))
    return np.array(waits)


def high_precision(lam, mu, c):
    """W_q with 40 digits."""
    import mpmath

    waits = []
    with mpmath.workdps(40):
        for l, m, n in zip(map(mpmath.mpf, lam.tolist()), map(mpmath.mpf, mu.tolist()), c.tolist()):
            rho, blocking = l / m / n, erlang_b(n, l / m)
            waits.append(blocking / (1 - rho + rho * blocking) / (n * m - l))
    return waits


def relative_error(values, exact):
    return max(float(abs(value / reference - 1)) for value, reference in zip(values.tolist(), exact))


def closed_form_rows():
    for name, cases, sizes in [
        ("100,000 triples, up to 10,000 servers", triples(TRIPLES), (2000, 300)),
        ("triples with Erlang B < 1e-300, 50,000 to 100,000 servers", tiny_triples(400), (100, 10)),
    ]:
        ours(*(column[:10] for column in cases))                                # imports
        (seconds,), _ = take_turns([lambda: ours(*cases)], 3)
        each = seconds / len(cases[0])
        some, few = ([column[:: len(column) // size][:size] for column in cases] for size in sizes)
        (sum_seconds, exact_seconds), (_, exact) = take_turns([lambda: textbook(*some), lambda: high_precision(*few)], 1)
        sum_waits = textbook(*few)
        error, sum_error = relative_error(ours(*few), exact), relative_error(sum_waits, exact)
        quality = f"max rel. error {error:.1e} vs mpmath; textbook sum {sum_error:.1e}"
        for peer, ratio, target in [
            ("scipy textbook sum", sum_seconds / len(some[0]) / each, 20),
            ("mpmath 40 digits", exact_seconds / len(few[0]) / each, 1000),
        ]:
            yield {
                "benchmark": f"MMc: {name}", "peer": peer, "ratio": ratio, "quality": quality,
                "target": f">= {target}x, error <= 1e-12", "met": bool(ratio >= target and error <= 1e-12),
            }


# Simulation ----------------------------------------------------------------------------------------------

def simulate_ciw(customers):
    import ciw

    ciw.seed(SEED)
    run = ciw.Simulation(ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(ARRIVAL_RATE)],
        service_distributions=[ciw.dists.Exponential(SERVICE_RATE)],
        number_of_servers=[SERVERS],
    ))
    run.simulate_until_max_customers(customers)
    return np.mean([record.waiting_time for record in run.get_all_records()])


def simulate_simpy(customers):
    rng = np.random.default_rng(SEED)
    gaps = rng.exponential(1 / ARRIVAL_RATE, customers).tolist()
    services = rng.exponential(1 / SERVICE_RATE, customers).tolist()
    return np.mean(simpy_waits(gaps, services, SERVERS))


PEERS = [("ciw", simulate_ciw, 40_000, 40), ("simpy", simulate_simpy, 100_000, 20)]


def simulation_rows():
    exact = MMc(ARRIVAL_RATE, SERVICE_RATE, SERVERS).mean_queue_wait

    def run():
        return simulate(exponential(ARRIVAL_RATE), exponential(SERVICE_RATE), SERVERS, customers=CUSTOMERS,
                        random_state=SEED)

    (seconds,), (result,) = take_turns([run], 3)
    low, high = result.mean_wait_interval
    inside = low <= exact <= high
    for peer, work, customers, target in PEERS:
        (peer_seconds,), (peer_mean,) = take_turns([lambda: work(customers)], 2)
        ratio = (peer_seconds / customers) / (seconds / CUSTOMERS)
        yield {
            "benchmark": "simulate: M/M/5, a million customers", "peer": peer, "ratio": ratio,
            "quality": f"mean wait {result.mean_wait:.4f}, 95 % interval {low:.4f} to {high:.4f}, "
                       f"exact {exact:.4f}; {peer} {peer_mean:.4f} from {customers:,} customers",
            "target": f">= {target}x, exact value inside the interval",
            "met": bool(ratio >= target and inside),
        }


def rows():
    """Rows of the benchmark table: peer seconds over our seconds, with the quality of both."""
    yield from closed_form_rows()
    yield from simulation_rows()
