"""Hand values, edge cases and refused arguments of bizai.finance."""

import math
import warnings

import numpy as np
import pytest

from bizai import finance
from bizai.finance import (
    InternalRateWarning, after_tax_cash_flow, discounted_payback_period, irr, irr_newton, irr_roots, mirr,
    npv, payback_period, payback_probability, payback_probability_printed,
)


# ---------------------------------------------------------------- npv

def test_npv_by_hand():
    assert npv(0.1, [-100, 55, 60.5]) == pytest.approx(0, abs=1e-13)
    assert npv(0, [-100, 50, 75]) == 25
    assert npv(1, [-100, 50, 80]) == -55
    assert npv(-0.5, [-1, 1]) == 1
    assert isinstance(npv(0.1, [-100, 110]), float)
    assert npv(0.3, [7]) == 7


def test_npv_shape_rule():
    flows = np.array([[-100, 60, 60], [-50, 20, 40.0]])
    assert npv(0.1, flows).shape == (2,)
    assert npv([0.1, 0.2, 0.3], flows[0]).shape == (3,)
    table = npv(np.array([[0.1], [0.2], [0.3]]), flows)
    assert table.shape == (3, 2)
    assert table[1, 0] == npv(0.2, flows[0])
    with pytest.raises(ValueError, match="rate and cash_flows.*do not broadcast"):
        npv([0.1, 0.2, 0.3], flows)


@pytest.mark.parametrize("rate", [-1, -1.5, [0.1, -2]])
def test_npv_refuses_rates_at_or_below_minus_one(rate):
    with pytest.raises(ValueError, match="rate must be > -1, got -"):
        npv(rate, [-100, 110])


def test_npv_returns_fresh_memory():
    flows = np.array([[1.0], [2.0]])
    npv(0.1, flows)[0] = 5
    assert flows[0, 0] == 1


# ---------------------------------------------------------------- taxes

def test_after_tax_by_hand():
    assert after_tax_cash_flow(100, 40, 20, 0.25) == pytest.approx(50)          # 60 - 0.25 * 40
    assert after_tax_cash_flow(10, 40, 20, 0.25) == pytest.approx(-17.5)    # a loss of 50 saves 12.5 of tax


def test_after_tax_carry_forward_by_hand():
    flow = after_tax_cash_flow([10, 100, 100], 40, 20, 0.25, carry_forward=True)
    assert flow == pytest.approx([-30, 60, 60 - 0.25 * 30])    # losses 50, then 40 of it used, 10 left
    at_once = after_tax_cash_flow([10, 100, 100], 40, 20, 0.25)
    assert flow.sum() == pytest.approx(at_once.sum())    # the whole loss is used in the end


@pytest.mark.parametrize("arguments, message", [
    ((1, 1, 1, 1.2), r"tax_rate must be in \[0, 1\], got 1.2"),
    ((1, 1, 1, -0.1), "tax_rate must be >= 0, got -0.1"),
    ((1, 1, -3, 0.2), "depreciation must be >= 0, got -3"),
    ((math.nan, 1, 1, 0.2), "revenue must be finite, got nan"),
    ((1, math.inf, 1, 0.2), "cost must be finite, got inf"),
    (([1, 2], [1, 2, 3], 0, 0.2), "do not broadcast"),
    ((1, 1, 1, 0.2, True), "carry_forward needs a time axis"),
])
def test_after_tax_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        after_tax_cash_flow(*arguments)


# ---------------------------------------------------------------- internal rate

@pytest.mark.parametrize("flows, rate", [
    ([-100, 110], 0.1),
    ([100, -110], 0.1),                                       # a loan
    ([-100, 0, 121], 0.1),
    ([0, 0, -100, 110, 0, 0], 0.1),                           # zeros at both ends
    ([-100, 100], 0.0),
    ([-100, 50], -0.5),
    ([-10_000, 1], -0.9999),
    ([-1, 1_000_001], 1e6),
    ([-1e-200, 1.5e-200], 0.5),
    ([-1e307, 1.5e307], 0.5),
    ([-1000] + [0] * 359 + [1000 * 1.01**360], 0.01),
    ([-100, 30, 30, 30, 30], 0.077138473),                    # annuity: (1 - 1.077...^-4)/0.077... = 100/30
    ([-10, 21, -11], None),                                   # 0 and 10 %
    ([-100, 30, -10, 200, -0.001, 50], 0.39253324644),          # five sign changes, yet unique
    ([100, -220, 121], 0.1),                                  # a double root is one rate
    ([-1, 2.2, -1.21], 0.1),                                  # also when the binary flows only nearly have it
    ([-1, 3.3, -3.63, 1.331], 0.1),                           # a triple one
])
def test_irr_values(flows, rate):
    if rate is None:
        with pytest.warns(InternalRateWarning):
            assert math.isnan(irr(flows))
    else:
        result = irr(flows)
        assert isinstance(result, float)
        assert result == pytest.approx(rate, rel=1e-8, abs=1e-12)


def test_annuity_value_by_its_own_equation():
    r = irr([-100, 30, 30, 30, 30])
    assert (1 - (1 + r) ** -4) / r == pytest.approx(100 / 30, rel=1e-13)


@pytest.mark.parametrize("flows, none, several", [
    ([-100, 230, -132], 0, 1),
    ([100, -230, 132], 0, 1),
    ([-1, 3, -1], 0, 1),                     # cumulative flows change sign once; the second rate is negative
    ([-100, 200, -110], 1, 0),               # discriminant 40000 - 44000 < 0
    ([100, 10], 1, 0),
    ([-100, -10], 1, 0),
    ([0, 0, 5], 1, 0),
    ([0, 0, 0], 0, 1),                       # every rate is one
    ([-1000, 3600, -4310, 1716], 0, 1),      # 10 %, 20 % and 30 %
])
def test_irr_says_when_there_is_no_unique_rate(flows, none, several):
    with pytest.warns(InternalRateWarning, match=f"{none} with none, {several} with several"):
        assert math.isnan(irr(flows))


def test_irr_warns_once_for_a_batch_and_is_silent_otherwise():
    flows = np.array([[[-100, 230, -132], [-100, 110, 0]], [[-100, 0, 0], [0, 0, 0]]])
    with pytest.warns(InternalRateWarning) as caught:
        rates = irr(flows)
    assert [str(w.message) for w in caught] == [
        "no unique internal rate for 3 of 4 project(s): 1 with none, 2 with several"]
    assert rates.shape == (2, 2)
    np.testing.assert_array_equal(np.isnan(rates), [[True, False], [True, True]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        irr([[-100, 110], [-100, 120]])
    assert irr(np.empty((0, 3))).shape == (0,)


def test_irr_across_blocks(monkeypatch):
    rng = np.random.default_rng(3)
    flows = rng.normal(20, 30, (500, 6))
    flows[:, 0] = -60
    with pytest.warns(InternalRateWarning):
        whole = irr(flows)
    monkeypatch.setattr(finance, "BLOCK", 7)
    with pytest.warns(InternalRateWarning):
        np.testing.assert_allclose(irr(flows), whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [irr, irr_roots, irr_newton])
@pytest.mark.parametrize("flows, message", [
    ([-100], r"at least 2 period\(s\)"),
    (5, r"at least 2 period\(s\)"),
    ([-100, math.nan], "cash_flows must be finite, got nan"),
    ([-math.inf, 10], "cash_flows must be finite, got -inf"),
])
def test_internal_rates_refuse_bad_flows(function, flows, message):
    with pytest.raises(ValueError, match=message):
        function(flows)


@pytest.mark.parametrize("flows, rates", [
    ([-100, 230, -132], [0.1, 0.2]),
    ([-1000, 3600, -4310, 1716], [0.1, 0.2, 0.3]),
    ([-100, 200, -110], []),
    ([100, -220, 121], [0.1]),
    ([-1, 3, -1], [(1 - math.sqrt(5)) / 2, (1 + math.sqrt(5)) / 2]),     # (1 + r)^2 - 3(1 + r) + 1 = 0
    ([1, 2, 3], []),
    ([0, 0, -100, 230, -132, 0], [0.1, 0.2]),
    ([-1e-5, 1, -1e-5], [1e-5 - 1, 1e5 - 1]),
])
def test_irr_roots_values(flows, rates):
    assert irr_roots(flows) == pytest.approx(rates, rel=1e-9)


def test_irr_roots_far_out_behind_many_zeros():
    flows = np.zeros(400)
    flows[300:302] = [-1e5, 1]
    assert irr_roots(flows) == pytest.approx([1e-5 - 1], rel=1e-12)
    assert irr_roots(flows[::-1]) == pytest.approx([1e5 - 1], rel=1e-12)


def test_irr_roots_refuses():
    with pytest.raises(ValueError, match="must not be all zero"):
        irr_roots([0, 0, 0])
    with pytest.raises(ValueError, match="must be one project"):
        irr_roots([[1, 2], [3, 4]])


def test_irr_newton_path():
    path = irr_newton([-100, 110], 0.0)
    assert path.converged and path.reason == "converged"
    assert path.rates[:2] == pytest.approx([0, 10 / 110])                # NPV 10, slope -110
    assert path.rates[-1] == pytest.approx(0.1)
    assert len(path.npvs) == len(path.rates) and path.npvs[0] == 10


@pytest.mark.parametrize("T", [1, 2, 5])
def test_irr_newton_leaves_the_domain_exactly_above_the_limit(T):
    flows = [-100] + [0] * (T - 1) + [100 * 1.1**T]
    limit = 1.1 * (T + 1) ** (1 / T) - 1
    assert irr_newton(flows, limit - 1e-6, max_iterations=200).converged
    path = irr_newton(flows, limit + 1e-6)
    assert not path.converged and path.reason == "rate left the domain above -1"
    assert path.rates[1] < -1 and math.isnan(path.npvs[1]) and len(path.rates) == 2


def test_irr_newton_stops_for_other_reasons():
    assert irr_newton([-100, 50, 80], 0.3, max_iterations=1).reason == "maximum number of iterations reached"
    assert irr_newton([-100, 0], 0.3).reason == "derivative is zero"
    assert not irr_newton([-100, 200, -110], 0.05, max_iterations=30).converged


@pytest.mark.parametrize("arguments, message", [
    (([-100, 110], -1), "guess must be > -1"),
    (([-100, 110], 0.1, 0), "max_iterations must be an integer >= 1, got 0"),
    (([-100, 110], 0.1, 1.5), "max_iterations must be an integer >= 1, got 1.5"),
    (([[-100, 110]], 0.1), "one project"),
])
def test_irr_newton_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        irr_newton(*arguments)


def test_mirr_by_hand():
    # outflows now 100 + 44/1.1 = 140; inflows at the end 100 * 1.2^2 + 150 = 294; (294/140)^(1/3) - 1
    assert mirr([-100, 100, -48.4, 150], 0.1, 0.2) == pytest.approx((294 / 140) ** (1 / 3) - 1)
    assert isinstance(mirr([-1, 2], 0, 0), float)
    assert mirr([[-1, 2], [-1, 3]], 0.1, 0.2) == pytest.approx([1, 2])


def test_mirr_edges():
    assert math.isnan(mirr([1, 2], 0.1, 0.1)) and math.isnan(mirr([-1, -2], 0.1, 0.1))
    for arguments, message in [(([-1, 2], -1, 0), "finance_rate must be > -1"),
                               (([-1, 2], 0, -2), "reinvest_rate must be > -1"),
                               (([-1], 0, 0), "at least 2"),
                               (([-1, 2], [0, 1], [0, 1, 2]), "do not broadcast")]:
        with pytest.raises(ValueError, match=message):
            mirr(*arguments)


# ---------------------------------------------------------------- payback

@pytest.mark.parametrize("flows, time, whole", [
    ([-100, 50, 50, 50], 2, 2),
    ([-100, 60, 80], 1.5, 2),
    ([-100, 10], math.inf, math.inf),
    ([0, 10], 0, 0),
    ([-100, 0, 0, 200], 2.5, 3),
    ([-100, 150, -100, 100], 2 / 3, 1),             # the first time counts
    ([-0.3, 0.1, 0.1, 0.1], 3, 3),                  # the binary sum is 5.6e-17 short or over
    ([-0.7, 0.1] + [0.1] * 6, 7, 7),
])
def test_payback_period(flows, time, whole):
    assert payback_period(flows) == pytest.approx(time, rel=1e-12)
    assert payback_period(flows, interpolate=False) == whole


def test_payback_period_batch():
    assert payback_period([[-100, 60, 80], [-100, 10, 10]]) == pytest.approx([1.5, math.inf])


def test_discounted_payback_period():
    assert discounted_payback_period([-100, 60, 60], 0) == pytest.approx(1 + 40 / 60)
    assert discounted_payback_period([-100, 55, 121], 0.1) == pytest.approx(1.5)    # 50, then 100, discounted
    assert discounted_payback_period([-100, 55, 121], 0.1, interpolate=False) == 2
    assert discounted_payback_period([-100, 55, 50], [0, 0.1]) == pytest.approx([1.9, math.inf])
    with pytest.raises(ValueError, match="rate must be > -1"):
        discounted_payback_period([-100, 110], -1)
    with pytest.raises(ValueError, match="do not broadcast"):
        discounted_payback_period(np.ones((2, 3)), [0, 0.1, 0.2])


def test_printed_formula_can_fall():
    # z = 60/30 = 2 after the first year, (170 - 100)/sqrt(30^2 + 40^2) = 1.4 after the second
    printed = payback_probability_printed([160, 10], [30, 40], 100)
    assert printed == pytest.approx([0.977249868, 0.919243341], abs=1e-9)
    right = payback_probability([160, 10], [30, 40], 100).probability
    assert right[0] == pytest.approx(printed[0], abs=1e-14) and right[1] > right[0]


def test_certain_flows():
    for flows in ([50, 50, 50], [0.1, 0.2, 0.3]):
        I = sum(flows[:2])
        assert payback_probability(flows, 0, I).probability.tolist() == [0, 1, 1]
        assert payback_probability_printed(flows, 0, I).tolist() == [0, 1, 1]


def test_certain_flows_among_random_ones():
    # only the second flow is random, mean 50: even odds; the third adds 50: fails if the second < 0
    result = payback_probability([50, 50, 50], [0, 10, 0], 100)
    assert result.method == "exact"
    assert result.probability == pytest.approx([0, 0.5, 1 - 2.866515718791939e-07], abs=1e-15)


def test_one_common_factor():
    # CF_1 = 50 + 20 z, CF_2 = 50 + 20 z: S_2 >= 110 for z >= 1/4; S_1 >= 110 for z >= 3
    result = payback_probability([50, 50], [20, 20], 110, correlation=1)
    assert result.method == "exact"
    assert result.probability == pytest.approx([0.0013498980316, 0.4012936743170], abs=1e-12)
    # opposite signs: S_2 = 100 for certain
    swing = payback_probability([50, 50], [20, 20], 110, correlation=-1).probability
    assert swing == pytest.approx([0.0013498980316] * 2, abs=1e-12)


def test_payback_probability_is_deterministic_and_reports_its_error():
    a = payback_probability([30, 30, 30], [20, 20, 20], 70, correlation=0.5)
    b = payback_probability([30, 30, 30], [20, 20, 20], 70, correlation=0.5)
    c = payback_probability([30, 30, 30], [20, 20, 20], 70, correlation=0.5, seed=1)
    assert a.method == "quasi-Monte Carlo"
    np.testing.assert_array_equal(a.probability, b.probability)
    assert (a.probability != c.probability).any()
    assert 0 < a.standard_error[-1] < 1e-4


def test_covariance_is_the_same_as_sd_and_correlation():
    sd, R = np.array([10, 0, 20]), np.array([[1, 0.2, 0.4], [0.2, 1, 0.1], [0.4, 0.1, 1]])
    a = payback_probability([30, 30, 30], sd, 70, correlation=R)
    b = payback_probability([30, 30, 30], None, 70, covariance=R * np.outer(sd, sd))
    np.testing.assert_allclose(a.probability, b.probability, atol=1e-15)


@pytest.mark.parametrize("arguments, message", [
    (dict(mean=5), "mean must have at least one period"),
    (dict(mean=[[1, 2]]), r"mean must have shape \(T,\)"),
    (dict(mean=[1, math.nan]), "mean must be finite"),
    (dict(sd=[1, -1]), "sd must be >= 0, got -1"),
    (dict(sd=[1, 1, 1]), "mean and sd.*do not broadcast"),
    (dict(sd=None), "sd must be given"),
    (dict(investment=0), "investment must be > 0, got 0"),
    (dict(investment=[1, 2]), "investment be a number"),
    (dict(correlation=1.1), r"correlation must be in .* got 1.1"),
    (dict(mean=[1, 1, 1], sd=1, correlation=-0.6),
     r"correlation must be in \[-1/\(T - 1\), 1\] = \[-0.5, 1\], got -0.6"),
    (dict(correlation=np.eye(3)), r"correlation must be a number or have shape \(2, 2\)"),
    (dict(correlation=[[1, 0.5], [0.2, 1]]), "correlation must be symmetric"),
    (dict(correlation=[[1, 2], [2, 1]]), "correlation must be positive semidefinite"),
    (dict(correlation=[[2, 0], [0, 1]]), "correlation must have ones on its diagonal"),
    (dict(covariance=np.eye(2)), "covariance must be given without sd"),
    (dict(sd=None, covariance=np.eye(3)), r"covariance must have shape \(2, 2\)"),
    (dict(sd=None, covariance=[[1, 2], [2, 1]]), "covariance must be positive semidefinite"),
    (dict(sd=None, covariance=[[-1, 0], [0, 1]]), "covariance must have a diagonal >= 0"),
    (dict(sd=None, covariance=[[0, 1], [1, 1]]), "covariance must be positive semidefinite"),
    (dict(points=1000), "points must be a power of two >= 64, got 1000"),
    (dict(points=32), "points must be a power of two >= 64, got 32"),
    (dict(seed=-1), "seed must be an integer >= 0, got -1"),
])
def test_payback_probability_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        payback_probability(**(dict(mean=[1, 1], sd=[1, 1], investment=2) | arguments))


def test_printed_refuses_shapes():
    with pytest.raises(ValueError, match="investment and mean"):
        payback_probability_printed(np.ones((2, 3)), 1, [1, 2, 3])
