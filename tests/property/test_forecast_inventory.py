"""Laws that stocks and orders obey for any demand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from pytest import approx

from bizai.forecast.inventory import (
    NormalDemand, SampledDemand, error_covariance, fill_rate, lead_time_spread, newsvendor, order_quantity,
    procurement, reorder_point, replenishment_plan, safety_stock,
)

amounts = st.floats(0, 1e4).map(lambda x: round(x, 2))
costs = st.floats(0.01, 100)
shares = st.floats(0.001, 0.999)
normal = st.builds(NormalDemand, st.floats(0, 1e4), st.floats(0.01, 1e3))
sampled = st.integers(1, 30).flatmap(lambda n: arrays(float, n, elements=amounts)).map(SampledDemand)
demands = st.one_of(normal, sampled)


@given(demands, st.floats(-1e4, 2e4), st.floats(0, 1e3))
def test_shortage_and_leftover(demand, x, more):
    size = 1e-9 * (1 + abs(demand.mean) + abs(x) + demand.sd)
    assert demand.leftover(x) - demand.shortage(x) == approx(x - demand.mean, abs=size)
    assert 0 <= demand.shortage(x + more) <= demand.shortage(x) + size
    assert demand.shortage(x) - demand.shortage(x + more) <= more + size
    assert 0 <= demand.probability(x) <= demand.probability(x + more) <= 1


@given(demands, shares)
def test_quantile_is_the_smallest_that_suffices(demand, q):
    x = demand.quantile(q)
    assert demand.probability(x) >= q - 1e-9
    assert demand.probability(x - 1e-6 * (1 + demand.sd)) <= q


@given(demands, shares, shares)
def test_stocks_rise_with_the_service_level(demand, one, other):
    low, high = sorted([one, other])
    assert safety_stock(demand.sd, low) <= safety_stock(demand.sd, high)
    assert reorder_point(demand, low).point <= reorder_point(demand, high).point
    Q = 1 + demand.sd
    less, more = (reorder_point(demand, level, Q, "fill") for level in (low, high))
    assert less.point <= more.point and less.fill_rate <= more.fill_rate
    assert less.fill_rate >= low - 1e-9 and more.fill_rate >= high - 1e-9
    assert newsvendor(demand, low, 1 - low).quantity <= newsvendor(demand, high, 1 - high).quantity


@given(demands, shares, st.floats(0.1, 1e3))
def test_fill_point_is_the_lowest(demand, level, order):
    point = reorder_point(demand, level, order, "fill")
    assert 0 <= point.fill_rate <= 1
    below = point.point - 1e-5 * (1 + abs(point.point) + demand.sd)
    assert fill_rate(demand, below, order) <= level + 1e-9


@given(demands, costs, costs, st.floats(-3, 3))
def test_no_quantity_is_cheaper_than_the_newsvendors(demand, under, over, distance):
    best = newsvendor(demand, under, over)
    other = best.quantity + distance * (demand.sd + 1)
    cost = under * demand.shortage(other) + over * demand.leftover(other)
    assert best.expected_cost <= cost + 1e-7 * (1 + cost)


@given(normal, costs, costs, st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_newsvendor_follows_shift_and_scale(demand, under, over, shift, scale):
    one = newsvendor(demand, under, over)
    moved = newsvendor(NormalDemand(scale * demand.mean + shift, scale * demand.sd), under, over)
    size = 1e-8 * (1 + abs(shift) + scale * (abs(one.quantity) + demand.mean + 10 * demand.sd))
    assert moved.quantity == approx(scale * one.quantity + shift, abs=size)
    assert moved.expected_cost == approx(scale * one.expected_cost, rel=1e-6, abs=size)
    dearer = newsvendor(demand, 7 * under, 7 * over)
    assert dearer.quantity == approx(one.quantity, rel=1e-6, abs=1e-6)
    assert dearer.expected_cost == approx(7 * one.expected_cost, rel=1e-6)


@given(arrays(float, (12, 5), elements=amounts), st.integers(1, 3), st.integers(0, 2), shares, amounts)
def test_order_fills_up_to_its_level(paths, lead_time, review, service, stock):
    order = order_quantity(paths, stock, lead_time, service, review=review)
    sums = paths[:, :lead_time + review].sum(axis=1)
    assert order.quantity >= 0 and order.quantity + stock == approx(order.level, rel=1e-12, abs=1e-9)
    assert order.service >= service - 1e-9
    assert order.expected_shortage == approx(np.maximum(sums - order.level, 0).mean(), rel=1e-9, abs=1e-7)
    assert order.expected_leftover == approx(np.maximum(order.level - sums, 0).mean(), rel=1e-9, abs=1e-7)
    assert order_quantity(paths, stock + 1, lead_time, service, review=review).quantity <= order.quantity


@given(arrays(float, 6, elements=st.floats(-2, 2)), st.floats(0, 100))
def test_error_covariance_is_positive_and_its_spread_exact(psi, sigma2):
    psi[0] = 1
    covariance = error_covariance(psi, sigma2)
    size = 1e-9 * (1 + covariance.max())
    assert np.linalg.eigvalsh(covariance).min() >= -size
    assert_allclose(np.diag(covariance), sigma2 * np.cumsum(psi**2), atol=size)
    sums = np.cumsum(psi)                       # weight of each shock in the sum over the steps
    assert lead_time_spread(covariance).exact ** 2 == approx(sigma2 * np.sum(sums**2), rel=1e-6, abs=10 * size)


@given(st.floats(0, 1e3), st.integers(1, 5).flatmap(lambda k: arrays(float, (2, k), elements=st.floats(0.1, 500))))
def test_procurement_takes_the_cheapest_first(demand, table):
    cost, capacity = table
    demand = min(demand, capacity.sum())
    plan = procurement(demand, cost, capacity)
    left, total = demand, 0.0
    for j in np.argsort(cost):
        take = min(left, capacity[j])
        left, total = left - take, total + take * cost[j]
    assert plan.cost == approx(total, rel=1e-6, abs=1e-4)
    assert plan.quantities.sum() >= demand - 1e-6 and (plan.quantities <= capacity + 1e-6).all()
    assert (plan.lowest <= plan.quantities + 1e-5).all() and (plan.quantities <= plan.highest + 1e-5).all()


@given(st.integers(1, 6).flatmap(lambda h: arrays(float, (3, h), elements=amounts.map(lambda x: x / 100))))
def test_each_demand_is_bought_when_it_is_cheapest(table):
    demand, unit, hold = table
    plan = replenishment_plan(demand, unit, hold)
    best = [min(unit[s] + hold[s:t].sum() for s in range(t + 1)) for t in range(len(demand))]
    assert plan.cost == approx(demand @ best, rel=1e-7, abs=1e-6)
    assert (plan.stocks >= -1e-6).all() and (plan.quantities >= 0).all()
    assert plan.quantities.sum() >= demand.sum() - 1e-6
