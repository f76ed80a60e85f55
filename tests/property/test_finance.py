"""Laws that bizai.finance must obey for any project."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, strategies as st

from bizai.finance import (
    InternalRateWarning, after_tax_cash_flow, discounted_payback_period, irr, irr_newton, irr_roots, mirr,
    npv, payback_period, payback_probability, payback_probability_printed,
)

pytestmark = pytest.mark.filterwarnings("ignore::bizai.finance.InternalRateWarning")
money = st.integers(-1000, 1000).map(lambda cents: cents / 4)
flows = st.lists(money, min_size=2, max_size=12)
positive = st.floats(0.01, 1000)
projects = st.tuples(positive, st.lists(positive, min_size=1, max_size=12)).map(lambda p: [-p[0], *p[1]])


def relative_npv(rate, c):
    c = np.asarray(c, dtype=float)
    return npv(rate, c) / npv(rate, np.abs(c))


@given(projects)
def test_conventional_project_has_a_rate_with_npv_zero(c):
    with warnings.catch_warnings():
        warnings.simplefilter("error", InternalRateWarning)
        rate = irr(c)
    representable = len(c) * 1.2e-16 / (1 + rate)    # half a unit in the last place of the rate
    assert abs(relative_npv(rate, c)) < 4e-15 * len(c) + representable


@given(flows)
def test_roots_are_roots_and_irr_is_the_only_one(c):
    assume(any(c))
    roots = irr_roots(c)
    assert (np.diff(roots) > 0).all() and (roots > -1).all()
    assert (np.abs([relative_npv(r, c) for r in roots]) < 1e-12).all()
    rate = irr(c)
    assert np.isnan(rate) if len(roots) != 1 else rate == pytest.approx(roots[0], rel=1e-6, abs=1e-9)


@given(flows)
def test_every_sign_change_of_npv_on_a_grid_is_a_root(c):
    assume(any(c))
    rates = np.expm1(np.linspace(-6, 6, 1201))
    values = npv(rates, c) / npv(rates, np.abs(c))
    clear = np.abs(values) > 1e-12
    rates, values = rates[clear], values[clear]
    i = np.flatnonzero(values[:-1] * values[1:] < 0)
    roots = irr_roots(c)
    for lo, hi in zip(rates[i], rates[i + 1]):
        assert ((roots >= lo) & (roots <= hi)).any()
    assert len(roots) >= len(i)
    ends = [np.sign([v for v in c if v][k]) for k in (0, -1)]             # between the ends: parity
    assert len(i) == 0 or len(roots) <= np.count_nonzero(np.diff(np.sign([v for v in c if v])))
    if not len(roots):
        assert ends[0] == ends[1]


@given(flows, st.integers(-30, 30), st.integers(0, 4), st.integers(0, 4))
def test_irr_is_unchanged_by_scale_sign_and_zeros(c, power, before, after):
    rate = irr(c)
    scaled = -(10.0**power) * np.array([0.0] * before + c + [0.0] * after)
    assert irr(scaled) == pytest.approx(rate, rel=1e-6, abs=1e-9, nan_ok=True)


@given(flows)
def test_reversed_flows_have_the_inverse_factor(c):
    assume(any(c))
    forward, backward = 1 + irr_roots(c), 1 + irr_roots(c[::-1])
    assert forward == pytest.approx(np.sort(1 / backward), rel=1e-6)


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 9))
def test_batch_equals_loop(seed, m, periods):
    c = np.random.default_rng(seed).integers(-9, 10, (m, periods)).astype(float)
    np.testing.assert_allclose(irr(c), [irr(row) for row in c], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(payback_period(c), [payback_period(row) for row in c])
    rates = np.linspace(-0.5, 1, m)
    np.testing.assert_array_equal(npv(rates, c), [npv(r, row) for r, row in zip(rates, c)])
    np.testing.assert_array_equal(mirr(c, rates, 0.1), [mirr(row, r, 0.1) for r, row in zip(rates, c)])
    np.testing.assert_allclose(discounted_payback_period(c, rates),
                               [discounted_payback_period(row, r) for r, row in zip(rates, c)], rtol=1e-12)


@given(projects, st.floats(0.02, 1))
def test_plain_newton_converges_from_below_for_a_conventional_project(c, fraction):
    rate = irr(c)
    path = irr_newton(c, (1 + rate) * fraction - 1, max_iterations=500)
    assert path.converged
    assert path.rates[-1] == pytest.approx(rate, rel=1e-7, abs=1e-7)
    assert (np.diff(path.rates) >= -1e-9 * (1 + rate)).all()               # from below, without overshooting


@given(projects, st.floats(-0.5, 2))
def test_mirr_at_the_internal_rate_is_the_internal_rate(c, other):
    rate = irr(c)
    assert mirr(c, other, rate) == pytest.approx(rate, rel=1e-8, abs=1e-9)  # the only outflow is now


@given(st.lists(st.tuples(money, money, st.floats(0, 100)), min_size=1, max_size=8), st.floats(0, 1))
def test_taxes(rows, tax):
    revenue, cost, depreciation = np.array(rows).T
    flow = after_tax_cash_flow(revenue, cost, depreciation, tax)
    profit = revenue - cost - depreciation
    np.testing.assert_allclose(flow, revenue - cost - tax * profit, atol=1e-9)
    carried = after_tax_cash_flow(revenue, cost, depreciation, tax, carry_forward=True)
    paid, pool = [], 0.0
    for y in profit:    # the pool of losses, period by period
        paid.append(tax * max(0.0, y - pool))
        pool = max(0.0, pool - y)
    np.testing.assert_allclose(carried, revenue - cost - paid, atol=1e-9)
    assert (np.cumsum(carried) <= np.cumsum(flow) + 1e-9).all()


@given(projects, st.floats(0, 1))
def test_discounting_never_shortens_payback(c, rate):
    assert discounted_payback_period(c, rate) >= payback_period(c) - 1e-9
    assert payback_period(c) <= payback_period(c, interpolate=False)
    reached = discounted_payback_period(c, rate) < np.inf
    assert reached == (irr(c) >= rate) or abs(irr(c) - rate) < 1e-9


normal_flows = st.lists(st.tuples(st.integers(-40, 80), st.integers(0, 40)), min_size=1, max_size=6)


@given(normal_flows, st.integers(1, 200), st.floats(0, 0.95))
def test_payback_probability_is_a_distribution_function_above_the_printed_formula(rows, I, rho):
    mean, sd = np.array(rows, dtype=float).T
    exact = payback_probability(mean, sd, I)
    printed = payback_probability_printed(mean, sd, I)
    for result in (exact, payback_probability(mean, sd, I, correlation=rho, points=64)):
        assert (result.probability >= -1e-15).all() and (result.probability <= 1 + 1e-12).all()
        assert (np.diff(result.probability) >= -1e-15).all()
        assert result.probability[0] == pytest.approx(printed[0], abs=1e-12)
    assert (exact.probability >= printed - 1e-10).all()


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 200))
def test_without_uncertainty_and_outflows_both_formulas_agree(mean, I):
    np.testing.assert_array_equal(payback_probability(mean, 0, I).probability,
                                  payback_probability_printed(mean, 0, I))
    reached = payback_period([-I, *mean], interpolate=False)
    np.testing.assert_array_equal(payback_probability(mean, 0, I).probability,
                                  np.arange(1, len(mean) + 1) >= reached)
