"""`bizai.forecast.inventory` against SciPy, statsmodels and networkx."""

import networkx as nx
import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import norm
from statsmodels.tsa.arima_process import arma2ma

from bizai.forecast.inventory import (
    NormalDemand, SampledDemand, error_covariance, lead_time_spread, newsvendor, order_quantity, procurement,
    reorder_point, replenishment_plan,
)


@pytest.mark.parametrize("under, over", [(1, 1), (3, 1), (0.2, 5), (99, 1)])
def test_newsvendor_by_minimising_the_expected_cost(under, over):
    def cost(Q):
        return norm(125, 20).expect(lambda d: under * np.maximum(d - Q, 0) + over * np.maximum(Q - d, 0),
                                    lb=-75, ub=325, limit=200)

    found = minimize_scalar(cost, bounds=(60, 200), method="bounded", options={"xatol": 1e-4})
    ours = newsvendor(NormalDemand(125, 20), under, over)
    assert ours.expected_cost == pytest.approx(found.fun, rel=1e-6)
    assert ours.quantity == pytest.approx(found.x, abs=0.1)


def test_loss_and_quantiles_in_scipy():
    demand = NormalDemand(40, 7)
    points = [25.0, 40.0, 61.0]
    peers = [norm(40, 7).expect(lambda d: d - x, lb=x) for x in points]
    assert_allclose(demand.shortage(points), peers, rtol=1e-7)
    assert_allclose(demand.quantile([0.01, 0.9]), norm(40, 7).ppf([0.01, 0.9]), rtol=1e-12)
    samples = np.random.default_rng(0).gamma(3, 10, 999)
    q = np.linspace(0.001, 0.999, 200)
    assert_allclose(SampledDemand(samples).quantile(q), np.quantile(samples, q, method="inverted_cdf"), rtol=0)


@pytest.mark.parametrize("phi, theta", [(0.8, 0.0), (0.5, 0.4), (-0.6, 0.2), (0.0, -0.7)])
def test_spread_over_a_lead_time_of_an_arma_process(phi, theta):
    """psi weights and simulated paths from statsmodels; ours from the weights alone."""
    psi = arma2ma([1, -phi], [1, theta], 8)
    spread = lead_time_spread(error_covariance(psi, 4.0))
    model = sm.tsa.SARIMAX(np.zeros(30), order=(1, 0, 1))
    paths = model.simulate([phi, theta, 4.0], 8, initial_state=np.zeros(2), repetitions=10_000,
                           rng=1)[:, 0, :].T
    # the first simulated value is the (known) initial state's: compare what follows it with 7 steps
    sums = paths[:, 1:].sum(axis=1)
    assert sums.std() == pytest.approx(lead_time_spread(error_covariance(psi[:7], 4.0)).exact, rel=0.03)
    assert (spread.exact > spread.sqrt_rule) == (np.cumsum(psi)[-1] > 1)
    order = order_quantity(paths[:, 1:] + 50, 0, 7, 0.95)
    assert order.level == pytest.approx(350 + 1.6448536 * sums.std(), abs=0.05 * sums.std())


@pytest.mark.parametrize("seed", range(6))
def test_plan_is_a_flow_of_least_cost(seed):
    """Buying, holding and using as a network: integer data, solved by networkx' simplex."""
    rng = np.random.default_rng(seed)
    h = 6
    demand, unit, hold = rng.integers(5, 30, h), rng.integers(1, 20, h), rng.integers(0, 4, h)
    capacity = rng.integers(20, 45, h)
    stock, safety = 10, 3
    network = nx.DiGraph()
    total = int(demand.sum() + safety - stock)
    network.add_node("market", demand=-total)
    network.add_node("end", demand=safety)
    for t in range(h):
        network.add_node(t, demand=int(demand[t]) - (stock if t == 0 else 0))
        network.add_edge("market", t, capacity=int(capacity[t]), weight=int(unit[t]))
        if t < h - 1:                  # the safety stock goes through every step: demand it, and hand it on
            network.add_edge(t, t + 1, weight=int(hold[t]))
        else:
            network.add_edge(t, "end", weight=int(hold[t]))
    # a lower bound on an edge: shift the flow by it
    for t in range(h - 1):
        network.nodes[t]["demand"] += safety
        network.nodes[t + 1]["demand"] -= safety
    try:
        cost = nx.min_cost_flow_cost(network) + safety * int(hold[:-1].sum())
    except nx.NetworkXUnfeasible:
        with pytest.raises(ValueError, match="capacity must allow"):
            replenishment_plan(demand, unit, hold, capacity, stock, safety)
        return
    plan = replenishment_plan(demand, unit, hold, capacity, stock, safety)
    assert plan.cost == pytest.approx(cost, rel=1e-9)
    assert (plan.stocks >= safety - 1e-9).all()


def test_procurement_by_a_nonlinear_solver():
    cost, A, b = np.array([3.0, 4.0, 5.5]), np.array([[0.5, -0.5, -0.5], [1.0, 1.0, 0.0]]), np.array([0.0, 90.0])
    ours = procurement(120, cost, [80, 80, 80], A, b)
    peer = minimize(lambda x: cost @ x, np.full(3, 40.0), jac=lambda x: cost, method="SLSQP", bounds=[(0, 80)] * 3,
                    constraints=[{"type": "ineq", "fun": lambda x: x.sum() - 120},
                                 {"type": "ineq", "fun": lambda x: b - A @ x}])
    assert ours.cost == pytest.approx(peer.fun, rel=1e-7)
    assert ours.unique
    assert_allclose(ours.quantities, peer.x, atol=1e-5)


def test_reorder_point_by_scipys_root_of_the_fill_rate():
    from scipy.optimize import brentq

    def fill(s):
        shortage = [norm(200, 45).expect(lambda d: d - x, lb=x, ub=1000) for x in (s, s + 80)]
        return 1 - (shortage[0] - shortage[1]) / 80

    ours = reorder_point(NormalDemand(200, 45), 0.98, 80, "fill")
    assert ours.point == pytest.approx(brentq(lambda s: fill(s) - 0.98, 100, 400), rel=1e-8)
