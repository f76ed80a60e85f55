"""`bizai.forecast.inventory`: by hand, by integration, by simulation, and what it refuses."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from bizai.forecast.inventory import (
    NormalDemand, SampledDemand, error_covariance, fill_rate, lead_time_spread, newsvendor, normal_loss,
    order_quantity, procurement, reorder_point, replenishment_plan, safety_stock,
)


# Distributions -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("z", [-40, -8, -1.5, 0, 0.3, 2, 6, 12, 37])
def test_normal_loss_by_high_precision(z):
    import mpmath

    with mpmath.workdps(60):
        exact = mpmath.npdf(z) - z * mpmath.erfc(mpmath.mpf(z) / mpmath.sqrt(2)) / 2
        assert float(abs(mpmath.mpf(float(normal_loss(z))) / exact - 1)) < 1e-12


def test_normal_loss_by_hand():
    assert normal_loss(0) == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert_allclose(normal_loss([-2, 2]), [2.00849070, 0.00849070], atol=1e-8)     # the usual table
    assert normal_loss(50) == 0


def test_normal_demand_by_integration():
    demand = NormalDemand(125, 20)
    for x in (90, 125, 150):
        shortage = quad(lambda d: (d - x) * norm.pdf(d, 125, 20), x, 400)[0]
        leftover = quad(lambda d: (x - d) * norm.pdf(d, 125, 20), -150, x)[0]
        assert demand.shortage(x) == pytest.approx(shortage, rel=1e-9)
        assert demand.leftover(x) == pytest.approx(leftover, rel=1e-9)
        assert demand.probability(x) == pytest.approx(norm.cdf(x, 125, 20), rel=1e-12)
    assert_allclose(demand.quantile([0.5, 0.95]), [125, 125 + 20 * 1.6448536269514722])


def test_certain_demand():
    demand = NormalDemand(125, 0)
    assert_allclose(demand.shortage([120, 125, 130]), [5, 0, 0])
    assert_allclose(demand.leftover([120, 125, 130]), [0, 0, 5])
    assert_allclose(demand.probability([124, 125]), [0, 1])
    assert demand.quantile(0.99) == 125
    assert newsvendor(demand, 3, 1).quantity == 125 and newsvendor(demand, 3, 1).expected_cost == 0


def test_sampled_demand_by_hand():
    demand = SampledDemand([30, 10, 20, 40])
    assert demand.samples.tolist() == [10, 20, 30, 40] and demand.mean == 25
    assert_allclose(demand.probability([9, 10, 25, 40]), [0, 0.25, 0.5, 1])
    assert_allclose(demand.quantile([0.1, 0.25, 0.26, 0.5, 0.99]), [10, 10, 20, 20, 40])
    assert_allclose(demand.shortage([0, 25, 40, 50]), [25, 5, 0, 0])
    assert_allclose(demand.leftover([0, 25, 40, 50]), [0, 5, 15, 25])
    assert SampledDemand(np.arange(1, 11)).quantile(0.7) == 7      # 0.7 * 10 is above 7 in binary


@pytest.mark.parametrize("demand", [NormalDemand(5, 2), NormalDemand(5, 0), SampledDemand([1, 9])])
def test_no_stock_and_no_limit(demand):
    assert demand.shortage([-math.inf, math.inf]).tolist() == [math.inf, 0]
    assert demand.leftover([-math.inf, math.inf]).tolist() == [0, math.inf]
    assert demand.probability([-math.inf, math.inf]).tolist() == [0, 1]
    assert fill_rate(demand, math.inf, 2) == 1
    assert normal_loss([-1e200, 1e200]).tolist() == [1e200, 0]


def test_sampled_demand_far_from_zero():
    samples = np.random.default_rng(0).integers(0, 4096, 20_000) / 64        # exact sums with and without 1e9
    near, far, x = SampledDemand(samples), SampledDemand(samples + 1e9), np.array([1.0, 30.0, 63.5])
    assert_allclose(far.shortage(x + 1e9), near.shortage(x), rtol=1e-7)
    assert_allclose(far.leftover(x + 1e9), near.leftover(x), rtol=1e-7)


@pytest.mark.parametrize("size", [1e-3, 1e-9, 1e-14, 1e-200])
def test_fill_rate_of_small_orders(size):
    """Its limit is P(D <= reorder point)."""
    for s in (80, 100, 140):
        assert fill_rate(NormalDemand(100, 20), s, size) == pytest.approx(norm.cdf(s, 100, 20), rel=1e-4)
    assert fill_rate(NormalDemand(1e9, 20), 1e9 + 30, size) == pytest.approx(norm.cdf(1.5), rel=1e-4)


def test_demand_over_a_lead_time():
    covariance = [[4, 2], [2, 9]]
    demand = NormalDemand.over([10, 20], covariance)
    assert demand.mean == 30 and demand.sd == pytest.approx(math.sqrt(17))
    paths = [[1, 2, 3], [4, 5, 6]]
    assert SampledDemand.over(paths).samples.tolist() == [6, 15]
    assert SampledDemand.over(paths, 2).samples.tolist() == [3, 9]
    with pytest.raises(ValueError, match="steps must be <= the 3 steps of the paths, got 4"):
        SampledDemand.over(paths, 4)
    with pytest.raises(ValueError, match=r"mean must have the shape \(2,\) of covariance, got \(3,\)"):
        NormalDemand.over([1, 2, 3], covariance)


def test_error_covariance_of_a_random_walk():
    assert error_covariance([1, 1, 1], 2).tolist() == [[2, 2, 2], [2, 4, 4], [2, 4, 6]]
    spread = lead_time_spread(error_covariance(np.ones(4), 1))
    assert spread.exact == pytest.approx(math.sqrt(30))            # 1 + 4 + 9 + 16
    assert spread.independent == pytest.approx(math.sqrt(10)) and spread.sqrt_rule == pytest.approx(2)
    white = lead_time_spread(error_covariance([1, 0, 0], 4))
    assert white.exact == white.independent == white.sqrt_rule == pytest.approx(math.sqrt(12))


def test_error_covariance_by_simulation():
    psi, rng = np.array([1, 0.6, 0.36, 0.2]), np.random.default_rng(2)
    eps = rng.normal(0, 1.5, size=(200_000, 4))
    errors = np.stack([eps[:, :s + 1] @ psi[s::-1] for s in range(4)], axis=1)
    assert_allclose(np.cov(errors.T), error_covariance(psi, 2.25), rtol=0.02)
    assert lead_time_spread(error_covariance(psi, 2.25)).exact == pytest.approx(errors.sum(axis=1).std(), rel=0.01)


# Newsvendor ----------------------------------------------------------------------------------------------

def test_newsvendor_by_hand():
    decision = newsvendor(NormalDemand(125, 20), shortage_cost=3, leftover_cost=1)
    assert decision.critical_ratio == 0.75
    assert decision.quantity == pytest.approx(125 + 20 * 0.6744897501960817)
    assert decision.expected_cost == pytest.approx(4 * 20 * norm.pdf(0.6744897501960817))      # closed form
    decision = newsvendor(SampledDemand([10, 20, 30, 40]), 2, 1)
    assert decision.quantity == 30                    # two thirds of four is more than two samples
    assert decision.expected_shortage == 2.5 and decision.expected_leftover == 7.5
    assert decision.expected_cost == 12.5             # at 20: 2*7.5 + 2.5 = 17.5; at 40: 15


def test_newsvendor_cost_by_integration():
    decision = newsvendor(NormalDemand(50, 12), 7, 2)
    Q = decision.quantity
    cost = quad(lambda d: (7 * max(d - Q, 0) + 2 * max(Q - d, 0)) * norm.pdf(d, 50, 12), -100, 200, points=[Q])[0]
    assert decision.expected_cost == pytest.approx(cost, rel=1e-9)


def test_newsvendor_beats_its_neighbours_in_a_simulation():
    """Costs of neighbouring quantities on the same demands; the difference is far above its standard error."""
    demands = np.random.default_rng(4).normal(50, 12, 400_000)

    def costs(Q):
        return 7 * np.maximum(demands - Q, 0) + 2 * np.maximum(Q - demands, 0)

    best = newsvendor(NormalDemand(50, 12), 7, 2)
    assert costs(best.quantity).mean() == pytest.approx(best.expected_cost, rel=0.005)
    for other in (best.quantity - 2, best.quantity + 2, 50):
        difference = costs(other) - costs(best.quantity)
        assert difference.mean() > 5 * difference.std() / math.sqrt(len(demands))


# Reorder points ------------------------------------------------------------------------------------------

def test_safety_stock_by_hand():
    assert safety_stock(20, 0.95) == pytest.approx(32.897072539029444)
    assert_allclose(safety_stock([10, 20], [0.5, 0.9]), [0, 25.631031310892], atol=1e-9)
    assert safety_stock(20, 0.1) < 0


def test_reorder_point_by_hand():
    point = reorder_point(NormalDemand(100, 20), 0.95, order_size=50)
    assert point.point == pytest.approx(132.89707253902945) and point.cycle_service == pytest.approx(0.95)
    assert point.safety_stock == pytest.approx(safety_stock(20, 0.95))
    loss = 0.10313564037537 - 0.05 * 1.6448536269514722       # phi(z) - z (1 - Phi(z)) = 0.0208930
    assert point.expected_shortage == pytest.approx(20 * loss)
    assert point.fill_rate == pytest.approx(1 - 20 * (loss - normal_loss(1.6448536 + 2.5)) / 50)
    assert math.isnan(reorder_point(NormalDemand(100, 20), 0.95).fill_rate)
    filled = reorder_point(NormalDemand(100, 20), 0.95, 50, measure="fill")
    assert filled.fill_rate == pytest.approx(0.95, abs=1e-12) and filled.cycle_service < 0.95
    assert filled.point < point.point


def test_fill_rate_by_hand():
    # demand 10 or 30; at 20, 10 are missing in every other cycle, of an order of 25: 5/25, and nothing was owed
    demand = SampledDemand([10, 30])
    assert fill_rate(demand, 20, 25) == pytest.approx(0.8)
    # at 0 with orders of 5: missing 20, of which 15 were owed before
    assert fill_rate(demand, 0, 5) == 0
    assert fill_rate(demand, 30, 5) == 1
    assert reorder_point(demand, 0.8, 25, "fill").point == pytest.approx(20)
    assert reorder_point(NormalDemand(10, 0), 0.6, 5, "fill").point == pytest.approx(8)


def test_fill_rate_by_simulating_the_stock():
    """Unit demands in continuous time, lead time 4, reorder point 20, orders of 30, backorders."""
    rng = np.random.default_rng(6)
    gaps, s, Q, L = rng.exponential(0.25, 1_600_000), 20, 30, 4.0
    times = np.cumsum(gaps)                       # one unit of demand at each time: Poisson, 16 over the lead time
    position = s + 1 + (Q - 1 - np.arange(len(times)) % Q)     # before each demand, from s + Q down to s + 1
    arrived = np.searchsorted(times, times - L)   # demands up to a lead time ago; what they led to is there now
    stock = position[np.minimum(arrived, len(times) - 1)] - (np.arange(len(times)) - arrived)
    met = np.mean(stock[200:] > 0)
    demand = SampledDemand(np.random.default_rng(7).poisson(16, 1_000_000))
    assert fill_rate(demand, s, Q) == pytest.approx(met, abs=0.002)
    assert 0.9 < met < 0.99


def test_order_quantity():
    rng = np.random.default_rng(8)
    steps = rng.normal(10, 3, size=(50_000, 6))
    walk = steps.cumsum(axis=1) / 2               # errors that carry on: the sums spread far more than sqrt(4)
    order = order_quantity(walk, stock=15, lead_time=3, service_level=0.95, review=1)
    assert order.level == np.quantile(walk[:, :4].sum(axis=1), 0.95, method="inverted_cdf")
    assert order.quantity == order.level - 15 and order.service == pytest.approx(0.95, abs=1e-4)
    covariance = np.cov(walk[:, :4], rowvar=False)
    spread = lead_time_spread(covariance)
    normal = NormalDemand.over(walk[:, :4].mean(axis=0), covariance)
    assert spread.exact > 2 * spread.sqrt_rule
    assert order.level == pytest.approx(normal.quantile(0.95), rel=0.01)
    assert order.expected_shortage == pytest.approx(normal.shortage(order.level), rel=0.1)
    by_cost = order_quantity(walk, 15, 4, shortage_cost=19, leftover_cost=1)
    assert by_cost.level == pytest.approx(order.level)
    full = order_quantity(walk, 1e6, 3, 0.95)
    assert full.quantity == 0 and full.level == 1e6 and full.service == 1


# Least-cost purchases ------------------------------------------------------------------------------------

def test_procurement_of_125_at_equal_costs_is_not_unique():
    plan = procurement(125, [1, 1])
    assert plan.cost == pytest.approx(125) and plan.quantities.sum() == pytest.approx(125)
    assert plan.price == pytest.approx(1) and not plan.unique
    assert_allclose(plan.lowest, [0, 0], atol=1e-6)
    assert_allclose(plan.highest, [125, 125], rtol=1e-6)
    without_demand = procurement(0, [1, 1], A=[[1, 1]], b=[125])
    assert without_demand.quantities.tolist() == [0, 0] and without_demand.cost == 0


def test_procurement_by_hand():
    plan = procurement(125, [1, 2, 4], capacity=[100, 20, np.inf])
    assert_allclose(plan.quantities, [100, 20, 5])
    assert plan.cost == pytest.approx(160) and plan.price == pytest.approx(4) and plan.unique
    # at most 60 % from the first, x1 <= 0.6 (x1 + x2): 75 and 50
    plan = procurement(125, [1, 2], A=[[0.4, -0.6]], b=[0])
    assert_allclose(plan.quantities, [75, 50])
    assert plan.price == pytest.approx(1.4)


@pytest.mark.parametrize("amount", [1e-9, 1, 1e15])
@pytest.mark.parametrize("price", [1e-12, 1, 1e12])
def test_units_do_not_matter(amount, price):
    for gap in (1.0, 1e-5):                              # the second is dearer, by little: not to be used
        plan = procurement(125 * amount, [price, price * (1 + gap)])
        assert_allclose(plan.quantities, [125 * amount, 0], rtol=1e-12)
        assert plan.unique and plan.cost == pytest.approx(125 * amount * price)
        assert plan.price == pytest.approx(price)
    plan = procurement(125 * amount, [price, price])
    assert not plan.unique
    assert_allclose([plan.lowest, plan.highest], [[0, 0], [125 * amount] * 2], rtol=1e-9)
    plan = replenishment_plan(np.array([10, 20, 40]) * amount, price, 0.1 * price, capacity=30 * amount)
    assert_allclose(plan.quantities, np.array([10, 30, 30]) * amount, rtol=1e-9)
    assert plan.cost == pytest.approx(71 * amount * price)
    assert_allclose(plan.prices[:2], [price, 1 * price], rtol=1e-9)


def test_capacity_that_is_just_enough():
    """0.1 + 0.7 and 0.8 - 0.1 are not 0.8 and 0.7 in binary."""
    assert_allclose(procurement(0.8, [1, 2], capacity=[0.1, 0.7]).quantities, [0.1, 0.7])
    assert_allclose(replenishment_plan([0.8, 0], 1, 0.1, capacity=0.7, stock=0.1).quantities, [0.7, 0])


def test_replenishment_by_hand():
    # a peak of 40 in step 3 that a capacity of 30 cannot meet: 10 are bought before, as late as possible
    plan = replenishment_plan([10, 20, 40], 1, 0.1, capacity=30)
    assert_allclose(plan.quantities, [10, 30, 30], atol=1e-9)
    assert_allclose(plan.stocks, [0, 10, 0], atol=1e-9)
    assert plan.cost == pytest.approx(71)
    plan = replenishment_plan([10, 20, 40], [1, 2, 2], 0.1, stock=5, safety_stock=[0, 0, 2])
    assert_allclose(plan.quantities, [67, 0, 0], atol=1e-9)      # dearer later, by more than the stock costs
    assert_allclose(plan.stocks, [62, 42, 2], atol=1e-9)
    assert plan.cost == pytest.approx(67 + 0.1 * 106)
    assert_allclose(plan.prices, [1, 1.1, 1.2])


@pytest.mark.parametrize("d", range(3))
def test_prices_are_the_cost_of_one_more(d):
    demand = np.array([10.0, 20, 40])
    base = replenishment_plan(demand, [1, 1.5, 2], 0.1, capacity=50)
    demand[d] += 1
    more = replenishment_plan(demand, [1, 1.5, 2], 0.1, capacity=50)
    assert more.cost - base.cost == pytest.approx(base.prices[d])


NORMAL = NormalDemand(100, 20)


@pytest.mark.parametrize("call, message", [
    (lambda: NormalDemand(100, -1), "sd must be a finite number >= 0, got -1"),
    (lambda: NormalDemand(math.nan, 1), "mean must be a finite number > -inf, got nan"),
    (lambda: NORMAL.quantile(1), r"q must be > 0 and < 1, got 1.0"),
    (lambda: SampledDemand([]), "samples must be finite and not empty, got no value"),
    (lambda: SampledDemand([1, math.nan]), "samples must be finite and not empty, got nan or inf"),
    (lambda: SampledDemand(["a"]), "samples must hold numbers, got"),
    (lambda: NormalDemand.over([1, 2], [[1, 2], [3, 4]]), "covariance must be a symmetric matrix"),
    (lambda: lead_time_spread([[1, 2, 3]]),
     r"covariance must be a symmetric matrix without a negative eigenvalue, got \[\[1.0, 2.0, 3.0\]\]"),
    (lambda: NormalDemand.over([1, 2], [[1, -5], [-5, 1]]), "symmetric matrix without a negative eigenvalue, got"),
    (lambda: lead_time_spread([[1e-9, 5e-10], [1e-10, 1e-9]]), "covariance must be a symmetric matrix"),
    (lambda: lead_time_spread([[1], [1, 2]]), "covariance must hold numbers, got"),
    (lambda: SampledDemand([1, 2]).probability(math.nan), "x must not be nan, got nan"),
    (lambda: NORMAL.shortage("a"), "x must hold numbers, got"),
    (lambda: fill_rate(NORMAL, [1, math.nan], 1), r"reorder_point must not be nan, got \[1.0, nan\]"),
    (lambda: newsvendor([1, 2], 1, 1), "demand must be a NormalDemand or SampledDemand, got list"),
    (lambda: newsvendor(NORMAL, 1e17, 1), "leftover_cost must be within 1e-16 to 1e300 times shortage_cost"),
    (lambda: safety_stock("a", 0.9), "sd must hold numbers, got"),
    (lambda: procurement(5, [1], capacity=["a"]), "capacity must hold numbers, got"),
    (lambda: replenishment_plan([1], math.inf, 1), "unit_cost must be a number >= 0 or 1 of them, got inf"),
    (lambda: error_covariance([0.5, 1], 1), "psi must start with 1, got 0.5"),
    (lambda: error_covariance([1], -1), "sigma2 must be a finite number >= 0, got -1"),
    (lambda: newsvendor(NORMAL, 0, 1), "shortage_cost must be a finite number > 0, got 0"),
    (lambda: newsvendor(NORMAL, 1, -1), "leftover_cost must be a finite number > 0, got -1"),
    (lambda: safety_stock(-1, 0.9), "sd must be finite and >= 0, got -1.0"),
    (lambda: safety_stock(1, 95), "service_level must be > 0 and < 1, got 95.0"),
    (lambda: reorder_point(NORMAL, 95), "service_level must be a number > 0 and < 1, got 95"),
    (lambda: reorder_point(NORMAL, 0.9, measure="fill"), "order_size must be given for the fill rate, got None"),
    (lambda: reorder_point(NORMAL, 0.9, measure="x"), """measure must be "cycle" or "fill", got 'x'"""),
    (lambda: fill_rate(NORMAL, 1, 0), "order_size must be a finite number > 0, got 0"),
    (lambda: order_quantity([[1, 2]], 0, 2), "service_level must be given, or shortage_cost and leftover_cost"),
    (lambda: order_quantity([[1, 2]], 0, 2, 0.9, shortage_cost=1), "service_level must be given, or"),
    (lambda: order_quantity([[1, 2]], 0, 2, 0.9, shortage_cost=1, leftover_cost=1),
     "service_level must be given, or"),
    (lambda: order_quantity([[1, 2]], 0, 2, 0.9, review=1), "steps must be <= the 2 steps of the paths, got 3"),
    (lambda: order_quantity([1, 2], 0, 2, 0.9), "paths must have 2 dimensions, got shape"),
    (lambda: procurement(-1, [1]), "demand must be a finite number >= 0, got -1"),
    (lambda: procurement(125, [1, 1], capacity=[50, 50]),
     "demand must be <= the capacity of all suppliers 100, got 125"),
    (lambda: procurement(125, [1, 1], capacity=[50]), r"capacity must be 2 numbers >= 0, got \[50\]"),
    (lambda: procurement(125, [1, 1], A=[[1, 1]]), "A and b must be given together"),
    (lambda: procurement(125, [1, 1], A=[[1, 1]], b=[1, 2]),
     r"A must have the shape \(2, 2\) of b and cost, got \(1, 2\)"),
    (lambda: procurement(125, [1, 1], A=[[1, 1]], b=[100]),
     "A and b must leave a choice: no purchase meets the demand"),
    (lambda: procurement(125, [-1, 1]), "cost must not fall without bound"),
    (lambda: replenishment_plan([10, 20, 40], 1, 0.1, capacity=20), "capacity must allow 70 by step 3, got 60"),
    (lambda: replenishment_plan([10, -20], 1, 0.1),
     r"demand must be a number >= 0 or 2 of them, got \[10.0, -20.0\]"),
    (lambda: replenishment_plan([10, 20], [1, 2, 3], 0.1), "unit_cost must be a number >= 0 or 2 of them"),
])
def test_arguments_out_of_range(call, message):
    with pytest.raises(ValueError, match=message):
        call()
