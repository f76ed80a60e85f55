"""Investment appraisal: net present value, internal rate of return, taxes, and payback under uncertainty.

Cash flows are arrays of shape (..., periods): `cash_flows[..., 0]` is paid now, `cash_flows[..., t]` at the
end of period t. Leading dimensions are projects. A rate is a fraction per period (0.1 is 10 %) and above -1.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np

__all__ = [
    "InternalRateWarning", "NewtonPath", "PaybackProbability", "after_tax_cash_flow",
    "discounted_payback_period", "irr", "irr_newton", "irr_roots", "mirr", "npv", "payback_period",
    "payback_probability", "payback_probability_printed",
]

EPS = np.finfo(float).eps
BLOCK = 8192          # projects handled at once by `irr`: a block of ten flows stays in the processor's cache
START = -math.log(1.1)    # the iterations for internal rates begin at 10 %
QUADRATURE_NODES = (32, 64, 128, 256, 512, 1024, 2048)
QUADRATURE_TOLERANCE = 1e-11
REPLICATES = 16       # independent scramblings of the Sobol points, from which the standard error is measured


class InternalRateWarning(UserWarning):
    """Some projects have no internal rate of return, or more than one."""


# ---------------------------------------------------------------- arguments

def _finite(name, value):
    value = np.asarray(value, dtype=float)
    if not np.isfinite(value).all():
        bad = value[~np.isfinite(value)].flat[0]
        raise ValueError(f"{name} must be finite, got {bad}")
    return value


def _at_least(name, value, bound):
    value = _finite(name, value)
    if (value < bound).any():
        raise ValueError(f"{name} must be >= {bound}, got {value.min():g}")
    return value


def _rate(name, value):
    value = _finite(name, value)
    if (value <= -1).any():
        raise ValueError(f"{name} must be > -1, got {value.min():g}")
    return value


def _cash_flows(value, periods=1):
    c = _finite("cash_flows", value)
    if c.ndim == 0 or c.shape[-1] < periods:
        raise ValueError(f"cash_flows must have at least {periods} period(s) on its last axis, "
                         f"got shape {c.shape}")
    return c


def _one_project(value):
    c = _cash_flows(value, periods=2)
    if c.ndim != 1:
        raise ValueError(f"cash_flows must be one project of shape (periods,), got shape {c.shape}")
    return c


def _broadcast(first, second, what):
    try:
        return np.broadcast_shapes(first, second)
    except ValueError:
        raise ValueError(f"{what}: shapes {first} and {second} do not broadcast") from None


def _scalar(value):
    return float(value) if np.ndim(value) == 0 else value


# ---------------------------------------------------------------- present value and taxes

def npv(rate, cash_flows):
    """Net present value of cash flows at the ends of periods 0, 1, ..., T.

    Parameters
    ----------
    rate : array_like of float, > -1, per period
        Its shape broadcasts against `cash_flows.shape[:-1]`; one project at k rates gives k values, and rates
        of shape (k, 1) against m projects give (k, m).
    cash_flows : array_like of float, shape (..., T + 1)

    Returns
    -------
    float or ndarray of float, broadcast shape

    Raises
    ------
    ValueError
        If a rate is not above -1, a number is not finite or the shapes do not broadcast.

    Notes
    -----
    Source: eq. npv of the chapter *npv_irr*; D2-EQ-102. Evaluated by Horner's scheme in v = 1/(1 + rate).
    """
    rate, c = _rate("rate", rate), _cash_flows(cash_flows)
    shape = _broadcast(rate.shape, c.shape[:-1], "rate and cash_flows without the last axis")
    v = 1 / (1 + rate)
    value = np.broadcast_to(c[..., -1], shape)
    for t in range(c.shape[-1] - 2, -1, -1):
        value = value * v + c[..., t]
    return _scalar(value * 1.0)


def after_tax_cash_flow(revenue, cost, depreciation, tax_rate, carry_forward=False):
    """Cash flow after taxes: (revenue - cost)(1 - tax) + depreciation * tax.

    Parameters
    ----------
    revenue, cost : array_like of float, money per period
        `cost` is paid in cash: it does not contain depreciation.
    depreciation : array_like of float, >= 0, money per period
    tax_rate : array_like of float, in [0, 1]
    carry_forward : bool
        False: a loss lowers the tax bill of the same period (the firm has other profits, or is refunded).
        True: tax is never negative; losses wait, without interest or expiry, for later profits of the same
        project. The last axis is then time.

    Returns
    -------
    float or ndarray of float, broadcast shape

    Raises
    ------
    ValueError
        If `tax_rate` or `depreciation` is out of range, a number is not finite, the shapes do not broadcast,
        or `carry_forward` is asked for scalars.

    Notes
    -----
    Source: eq. after-tax-flow of the chapter *npv_irr*; D2-EQ-103. With taxable income Y_t = revenue - cost -
    depreciation and its running sum C_t, the income taxed up to t with losses carried forward is
    max(0, C_1, ..., C_t).
    """
    revenue, cost = _finite("revenue", revenue), _finite("cost", cost)
    depreciation = _at_least("depreciation", depreciation, 0)
    tax = _at_least("tax_rate", tax_rate, 0)
    if (tax > 1).any():
        raise ValueError(f"tax_rate must be in [0, 1], got {tax.max():g}")
    try:
        revenue, cost, depreciation, tax = np.broadcast_arrays(revenue, cost, depreciation, tax)
    except ValueError:
        raise ValueError("revenue, cost, depreciation and tax_rate do not broadcast: shapes "
                         f"{revenue.shape}, {cost.shape}, {depreciation.shape}, {tax.shape}") from None
    if not carry_forward:
        return _scalar((revenue - cost) * (1 - tax) + depreciation * tax)
    if revenue.ndim == 0:
        raise ValueError("carry_forward needs a time axis, got scalars")
    C = np.cumsum(revenue - cost - depreciation, axis=-1)
    taxed_so_far = np.maximum(np.maximum.accumulate(C, axis=-1), 0)
    return revenue - cost - tax * np.diff(taxed_so_far, axis=-1, prepend=0)


# ---------------------------------------------------------------- internal rate
#
# With x = 1/(1 + r) and u = ln x the condition NPV = 0 is f(x) = sum c_t x^t = 0 over x > 0. Split f = P - N
# into inflows and outflows: h(u) = ln(P/N) has the same roots. Its derivatives are moments of the times of
# payment, weighted by present value: dh/du is the mean time of the inflows minus that of the outflows, and
# the second derivative the difference of the variances. Arrays are (periods, projects) here, so that a row is
# contiguous.

def _moments(flows, x):
    """Present value sum_t flows[t] x^t, and mean and variance of t weighted by its terms."""
    value, first, second = flows[-1].copy(), np.zeros_like(flows[-1]), np.zeros_like(flows[-1])
    for row in flows[-2::-1]:        # Horner's scheme for the value, its derivative and half its second one
        for total, term in (second, first), (first, value), (value, row):
            total *= x
            total += term
    mean = first * x / value
    return value, mean, 2 * second * x * x / value + mean - mean * mean


def _split(c):
    """Inflows and outflows of each column: shape (periods, 2, projects)."""
    flows = np.empty((len(c), 2, c.shape[1]))
    np.maximum(c, 0, out=flows[:, 0])
    np.maximum(-c, 0, out=flows[:, 1])
    return flows


def _log_ratio(flows, u):
    """h(u) and its first two derivatives."""
    (P, N), (t_P, t_N), (v_P, v_N) = _moments(flows, np.exp(u))
    return np.log(P / N), t_P - t_N, v_P - v_N


def _step(h, slope, curvature):
    """Step to the nearer root of h to second order, and the slope there; 0 and beyond it if there is none."""
    end_slope = np.copysign(np.sqrt(np.maximum(slope * slope - 2 * h * curvature, 0)), slope)
    return -2 * h / (slope + end_slope), end_slope


def _is_last_step(step, end_slope, T):
    """Whether the error of the step, step^3/6 times the third derivative of h over its slope, is below EPS.

    The third derivative is a difference of two third central moments of times that are at most T apart; each
    is below T^3/(6 sqrt 3).
    """
    return T**3 * np.abs(step * step * step) <= 31 * EPS * np.abs(end_slope)


def _conventional(c):
    """Internal rate as u of columns c_0 < 0 <= c_1, ..., c_T, and whether it is reached.

    The only outflow is now: h(u) = ln(P/-c_0). Stops when at most 1 in 16 columns is such and not there yet.
    Other columns' u is a guess or NaN. Single precision has enough digits for the first two steps.
    """
    conventional = (c[0] < 0) & (c[1:].min(axis=0) >= 0)
    u, rough = np.full(c.shape[1], START), c.astype(np.float32)
    for flows in rough, rough, c, c, c, c, c, c:
        u = u.astype(flows.dtype)
        P, mean, variance = _moments(flows[1:], np.exp(u))         # times from period 1
        step, end_slope = _step(np.log(P / -flows[0]) + u, mean + 1, variance)
        u += step
        if flows is c:
            done = conventional & _is_last_step(step, end_slope, len(c) - 2)
            if 16 * np.count_nonzero(conventional & ~done) <= len(u):
                break
    return u, done


def _iterate(c, u, steps):
    """Root of each column's h(u) by so many steps from u; NaN where they do not reach it."""
    flows = _split(c)
    for _ in range(steps):
        step, end_slope = _step(*_log_ratio(flows, u))
        u = u + step
    return np.where(_is_last_step(step, end_slope, len(c) - 1), u, np.nan)


def _bracketed(c, lo, hi, sign_lo):
    """Root of each column's h(u) between lo, where f has the sign given, and hi: `_step`, or bisection."""
    below = c.sum(axis=0) * sign_lo <= 0         # f(1) has not the sign of f at lo: the root is at u <= 0
    straddle = (lo < 0) & (hi > 0)
    lo, hi = np.where(straddle & ~below, 0.0, lo), np.where(straddle & below, 0.0, hi)
    flip = np.where(lo >= 0, -1.0, 1.0)          # x^t overflows for x > 1: solve in 1/x, flows reversed
    c = _without_leading_zeros(np.where(flip < 0, c[::-1], c))
    lo, hi = np.minimum(flip * lo, flip * hi), np.maximum(flip * lo, flip * hi)
    flows, rising = _split(c), -flip * sign_lo
    u, last, result = np.where(hi == 0, hi, (lo + hi) / 2), np.inf, np.full(len(lo), np.nan)
    for _ in range(300):
        h, slope, curvature = (rising * a for a in _log_ratio(flows, u))
        lo, hi = np.where(h <= 0, u, lo), np.where(h >= 0, u, hi)
        step, end_slope = _step(h, slope, curvature)
        good = (u + step >= lo) & (u + step <= hi) & (2 * np.abs(h) <= last)
        done = (h == 0) | (hi - lo <= 2 * EPS * np.maximum(1, -lo))
        done |= good & _is_last_step(step, end_slope, len(c) - 1)
        u = np.where(good, u + step, np.where(h == 0, u, (lo + hi) / 2))
        last = np.where(good, np.abs(h), np.inf)
        result = np.where(done & np.isnan(result), u, result)
        if not np.isnan(result).any():
            break
    return flip * result


def _without_leading_zeros(c):
    """Each column moved up to begin with a non-zero entry: the polynomial divided by a power of x."""
    if c[0].all():
        return c
    t = np.arange(len(c))[:, None]
    return np.take_along_axis(c, (t + np.argmax(c != 0, axis=0)) % len(c), axis=0)


def _sign(c, u):
    """Sign of sum_t c_t e^(ut); 0 if below 4 * periods * EPS times the sum of its absolute terms."""
    x, value, size = np.exp(-np.abs(u)), 0.0, 0.0
    forward, backward = _without_leading_zeros(c), _without_leading_zeros(c[::-1])
    for ahead, back in zip(forward[::-1], backward[::-1]):
        row = np.where(u > 0, back, ahead)
        value = value * x + row
        size = size * x + np.abs(row)
    return np.where(np.abs(value) <= 4 * len(c) * EPS * size, 0.0, np.sign(value))


def _bounds(c):
    """u-interval with all real roots: outside, the first or the last term exceeds twice the others."""
    t = np.arange(len(c))[:, None]
    L = np.log(np.abs(c))
    first, last = np.argmax(c != 0, axis=0), len(c) - 1 - np.argmax(c[::-1] != 0, axis=0)
    L_first, L_last = (np.take_along_axis(L, i[None], 0) for i in (first, last))
    hi = np.where(t < last, (L - L_last) / (last - t), -np.inf).max(axis=0) + math.log(3)
    lo = np.where(t > first, (L_first - L) / (t - first), np.inf).min(axis=0) - math.log(3)
    return lo, hi


def _sign_changes(c):
    """Number of sign changes of each column's non-zero entries."""
    previous, changes = np.zeros(c.shape[1]), np.zeros(c.shape[1], dtype=int)
    for s in np.sign(c):
        changes += s * previous < 0
        previous = np.where(s == 0, previous, s)
    return changes


def _change_times(c, s):
    """Times halfway between two entries of opposite sign: shape (s, projects), padded with -1."""
    m = c.shape[1]
    k, count = np.full((s, m), -1.0), np.zeros(m, dtype=int)
    previous, when = np.zeros(m), np.zeros(m)
    for t, sign in enumerate(np.sign(c)):
        p = np.flatnonzero(sign * previous < 0)
        k[count[p], p] = (when[p] + t) / 2
        count[p] += 1
        previous, when = np.where(sign == 0, previous, sign), np.where(sign == 0, when, t)
    return k


def _monotone_parts(c, s):
    """Ends of u-intervals in each of which a column crosses zero at most once, and the signs there.

    For columns with at most s >= 1 sign changes; shapes (ends, projects). Descartes' rule, made constructive:
    between two neighbouring roots of f lies a root of e^(ku) d/du[e^(-ku) f] = sum (t - k) c_t e^(tu)
    (Rolle), and with k at a sign change of c that sum has one change fewer. So the chain ends after s steps
    without roots; going back, each function changes sign at most once between two roots of the next.
    """
    t = np.arange(len(c))[:, None]
    k = _change_times(c, s)
    chain = [c / np.abs(c).max(axis=0)]
    for j in range(s - 1):
        G = chain[-1] * (t - k[j])
        chain.append(G / np.abs(G).max(axis=0))
    stationary = np.empty((0, c.shape[1]))
    while True:
        G = chain.pop()
        lo, hi = _bounds(G)
        ends = np.vstack([lo, np.clip(np.where(np.isnan(stationary), hi, stationary), lo, hi), hi])
        signs = _sign(G, ends)
        if not chain:
            return ends, signs
        stationary = _roots_in(G, ends, signs)


def _crossings(signs):
    """Where parts have a root inside, and where at their upper end: a multiple root, zero as its slope is."""
    return signs[:-1] * signs[1:] < 0, (signs[1:-1] == 0) & (signs[:-2] != 0)


def _roots_in(c, ends, signs):
    """Roots u of columns in monotone parts: shape (most roots, projects), ascending, padded with NaN."""
    inside, touching = _crossings(signs)
    simple = np.full(inside.shape, np.nan)
    i, p = np.nonzero(inside)
    simple[i, p] = _bracketed(c[:, p], ends[i, p], ends[i + 1, p], signs[i, p])
    found = np.vstack([simple, np.where(touching, ends[1:-1], np.nan)])
    most = np.sum(~np.isnan(found), axis=0).max()
    return np.sort(found, axis=0)[:max(most, 1)]


def _irr_general(c, guess):
    """Internal rate as u, and the number of internal rates (2: several), of columns of any signs."""
    changes = _sign_changes(c)
    u, count = np.full(c.shape[1], np.nan), np.where((c == 0).all(axis=0), 2, 0)
    odd = np.flatnonzero(changes % 2 == 1)
    u[odd], unique = _likely_root(c[:, odd], guess[odd])
    count[odd] = unique | (changes[odd] == 1) & ~np.isnan(u[odd])
    even = np.flatnonzero((changes % 2 == 0) & (changes > 0))
    count[even[_sign(c[:, even], 0.0) * c[0, even] < 0]] = 2           # a root on each side of rate 0
    unclear = (count == 0) & (changes > 0)
    size = np.ceil(np.log2(np.maximum(changes, 4))).astype(int)        # up to 4, 8, 16, ... changes together
    for i in np.unique(size[unclear]):
        p = np.flatnonzero(unclear & (size == i))
        u[p], count[p] = _decide(c[:, p], u[p], changes[p].max())
    return u, count


def _likely_root(c, guess):
    """A root u by steps from the guess, else from START, else NaN; and whether it is proved the only one.

    Let S_t = c_0 x^0 + ... + c_t x^t be the balance at the root x = e^u. If it has the sign of c_0 for all
    t < T, f(xy) = (1 - y) (S_0 + S_1 y + ... + S_{T-1} y^{T-1}) has no root but y = 1.
    """
    u = _iterate(c, guess, steps=1)
    late = np.flatnonzero(np.isnan(u))
    u[late] = _iterate(c[:, late], np.full(len(late), START), steps=5)
    terms = c * np.exp(u * np.arange(len(c))[:, None]) * np.sign(c[0])
    rounding = 4 * len(c) * EPS * np.abs(terms).sum(axis=0)
    balance, unique = 0.0, True
    for term in terms[:-1]:
        balance = balance + term
        unique = unique & (balance > rounding)
    return u, unique


def _decide(c, u, s):
    """As `_irr_general`, of columns with at most s sign changes; u is a root already known, or NaN."""
    ends, signs = _monotone_parts(c, s)
    inside, touching = _crossings(signs)
    count = np.minimum(np.sum(inside, axis=0) + np.sum(touching, axis=0), 2)
    open_ = np.flatnonzero((count == 1) & (np.isnan(u) | touching.any(axis=0)))
    if len(open_):
        u[open_] = _roots_in(c[:, open_], ends[:, open_], signs[:, open_])[0]
    return np.where(count == 1, u, np.nan), count


def irr(cash_flows):
    """Internal rate of return: the only rate above -1 at which the net present value is zero.

    Parameters
    ----------
    cash_flows : array_like of float, shape (..., periods), at least two periods

    Returns
    -------
    float or ndarray of float, shape cash_flows.shape[:-1]
        NaN where there is no internal rate or more than one (all flows zero: every rate is one).

    Raises
    ------
    ValueError
        If there are fewer than two periods or a number is not finite.

    Warns
    -----
    InternalRateWarning
        Once a call, with the number of projects that have no internal rate and that have several.

    Notes
    -----
    Source: eq. irr and irr-newton of the chapter *npv_irr*; D2-EQ-104 to D2-EQ-107, D2-PROC-10. Newton's
    iteration, carried to second order, on ln(inflows/outflows) as a function of ln(1 + rate). One sign change
    makes the rate unique (Descartes); with more, it is unique if the balance at the rate found never changes
    sign before the end (Soper), and is otherwise decided as by `irr_roots`, which also takes over, bracketed,
    where the iteration does not arrive. Rates closer together than `irr_roots` can separate count as one.
    """
    c = _cash_flows(cash_flows, periods=2)
    projects = c.reshape(-1, c.shape[-1])
    u, count = np.empty(len(projects)), np.zeros(len(projects), dtype=np.int8)
    with np.errstate(all="ignore"):
        for i in range(0, len(projects), BLOCK):
            p = slice(i, i + BLOCK)
            u[p], count[p] = _conventional(np.ascontiguousarray(projects[p].T))
        rest = np.flatnonzero(count == 0)
        for i in range(0, len(rest), 4 * BLOCK):
            p = rest[i:i + 4 * BLOCK]
            u[p], count[p] = _irr_general(np.ascontiguousarray(projects[p].T), u[p])
    none, several = np.count_nonzero(count == 0), np.count_nonzero(count == 2)
    if none or several:
        warnings.warn(f"no unique internal rate for {none + several} of {len(u)} project(s): "
                      f"{none} with none, {several} with several", InternalRateWarning, stacklevel=2)
    np.expm1(np.subtract(0, u, out=u), out=u)      # not -u: a rate of 0 is not -0
    return _scalar(u.reshape(c.shape[:-1]))


def irr_roots(cash_flows):
    """All rates above -1 at which the net present value of one project is zero, each once, ascending.

    Parameters
    ----------
    cash_flows : array_like of float, shape (periods,), at least two periods

    Returns
    -------
    ndarray of float, shape (number of rates,)

    Raises
    ------
    ValueError
        If `cash_flows` is not one project, is all zero (every rate is a root) or has a number that is not
        finite.

    Notes
    -----
    Source: eq. irr of the chapter *npv_irr*; D2-EQ-104. The number of roots is decided by Rolle's theorem
    along a chain that ends after as many steps as the flows have sign changes, not by the imaginary parts of
    eigenvalues. A stationary point at which the net present value is below 4 * periods * 2.2e-16 times the
    sum of the discounted absolute flows counts as one multiple root; so roots closer than about 1e-7 may be
    reported as one.
    """
    c = _one_project(cash_flows)
    if not c.any():
        raise ValueError("cash_flows must not be all zero: every rate would be an internal rate")
    c = c[:, None]
    s = int(_sign_changes(c)[0])
    if s == 0:
        return np.empty(0)
    with np.errstate(all="ignore"):
        u = _roots_in(c, *_monotone_parts(c, s))[:, 0]
    return np.sort(np.expm1(0 - u[~np.isnan(u)]))


@dataclass(frozen=True)
class NewtonPath:
    """Iterates of Newton's method for the internal rate.

    Attributes
    ----------
    rates : ndarray of float, shape (iterations + 1,), the guess first
    npvs : ndarray of float, shape (iterations + 1,), NaN where the rate has left the domain
    converged : bool
    reason : str, why the iteration stopped
    """

    rates: np.ndarray
    npvs: np.ndarray
    converged: bool
    reason: str


def irr_newton(cash_flows, guess=0.1, max_iterations=50):
    """Plain Newton iteration for the internal rate, without any safeguard, as a path of iterates.

    Parameters
    ----------
    cash_flows : array_like of float, shape (periods,), at least two periods
    guess : float, > -1
    max_iterations : int, >= 1

    Returns
    -------
    NewtonPath
        Stopped when a step changes the rate by at most 1e-12 (1 + rate) + 9e-16, the derivative is zero, the
        rate is -1 or below (where there is no present value), or after `max_iterations` steps.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: eq. irr-newton and irr-derivative of the chapter *npv_irr*; D2-EQ-105 to D2-EQ-107, D2-PROC-10.
    For an investment followed by inflows only, NPV is convex and falling, so every guess in (-1, irr]
    converges; from above, the first step may leave the domain. With a single inflow in period T it does so
    exactly if (1 + guess)/(1 + irr) >= (T + 1)^(1/T).
    """
    c = _one_project(cash_flows)
    r = float(_rate("guess", guess))
    if isinstance(max_iterations, bool) or max_iterations != int(max_iterations) or max_iterations < 1:
        raise ValueError(f"max_iterations must be an integer >= 1, got {max_iterations}")
    t = np.arange(len(c))
    rates, npvs, reason = [r], [npv(r, c)], "maximum number of iterations reached"
    for _ in range(int(max_iterations)):
        slope = -npv(r, t * c) / (1 + r)
        if slope == 0:
            reason = "derivative is zero"
            break
        step = -npvs[-1] / slope
        r = r + step
        rates.append(r)
        npvs.append(npv(r, c) if math.isfinite(r) and r > -1 else math.nan)
        if math.isnan(npvs[-1]):
            reason = "rate left the domain above -1"
            break
        if abs(step) <= 1e-12 * (1 + r) + 4 * EPS:
            reason = "converged"
            break
    return NewtonPath(np.array(rates), np.array(npvs), reason == "converged", reason)


def mirr(cash_flows, finance_rate, reinvest_rate):
    """Modified internal rate: outflows financed at one rate, inflows reinvested to the end at another.

    Parameters
    ----------
    cash_flows : array_like of float, shape (..., T + 1), at least two periods
    finance_rate, reinvest_rate : array_like of float, > -1; shapes broadcast against cash_flows.shape[:-1]

    Returns
    -------
    float or ndarray of float, broadcast shape; NaN where a project has no outflow or no inflow

    Raises
    ------
    ValueError
        If a rate is not above -1, a number is not finite, there are fewer than two periods or the shapes do
        not broadcast.

    Notes
    -----
    Source: eq. mirr of the chapter *npv_irr*; D2-EQ-104. (FV of inflows / PV of outflows)^(1/T) - 1: it
    exists and is unique whenever there is an outflow and an inflow.
    """
    c = _cash_flows(cash_flows, periods=2)
    reinvest = _rate("reinvest_rate", reinvest_rate)
    T = c.shape[-1] - 1
    outflows = npv(_rate("finance_rate", finance_rate), np.maximum(-c, 0))
    inflows = npv(reinvest, np.maximum(c, 0))
    _broadcast(np.shape(outflows), np.shape(inflows), "finance_rate and reinvest_rate with cash_flows")
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = (1 + reinvest) * np.power(np.divide(inflows, outflows), 1 / T)
        return _scalar(np.where(np.logical_and(outflows > 0, inflows > 0), growth - 1, np.nan)[()])


# ---------------------------------------------------------------- payback

def payback_period(cash_flows, interpolate=True):
    """First time at which the cumulative cash flow reaches zero.

    Parameters
    ----------
    cash_flows : array_like of float, shape (..., periods)
    interpolate : bool
        True: each flow arrives evenly over its period; False: at its end, so the result is a whole number.

    Returns
    -------
    float or ndarray of float, shape cash_flows.shape[:-1], in periods; inf if never

    Raises
    ------
    ValueError
        If a number is not finite.

    Notes
    -----
    Source: eq. payback of the chapter *npv_irr*; D2-EQ-108. The first time counts, even if later outflows
    take the cumulative flow below zero again. A cumulative flow that is zero to rounding counts as zero.
    """
    c = _cash_flows(cash_flows)
    S = np.cumsum(c, axis=-1)
    rounding = c.shape[-1] * EPS * np.cumsum(np.abs(c), axis=-1)
    reached = S >= -rounding
    t = np.argmax(reached, axis=-1)[..., None]
    when = t[..., 0].astype(float)
    if interpolate:
        before = np.take_along_axis(S, np.maximum(t - 1, 0), axis=-1)[..., 0]
        flow = np.take_along_axis(c, t, axis=-1)[..., 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            when = np.where(when > 0, when - 1 + np.clip(-before / flow, 0, 1), 0.0)
    return _scalar(np.where(reached.any(axis=-1), when, np.inf)[()])


def discounted_payback_period(cash_flows, rate, interpolate=True):
    """First time at which the cumulative discounted cash flow reaches zero.

    Parameters
    ----------
    cash_flows : array_like of float, shape (..., periods)
    rate : array_like of float, > -1; its shape broadcasts against cash_flows.shape[:-1]
    interpolate : bool, as in `payback_period`, within the discounted flow

    Returns
    -------
    float or ndarray of float, broadcast shape, in periods; inf if never

    Raises
    ------
    ValueError
        If a rate is not above -1, a number is not finite or the shapes do not broadcast.

    Notes
    -----
    Source: eq. payback of the chapter *npv_irr*; D2-EQ-108.
    """
    rate, c = _rate("rate", rate), _cash_flows(cash_flows)
    _broadcast(rate.shape, c.shape[:-1], "rate and cash_flows without the last axis")
    return payback_period(c * (1 + rate[..., None]) ** -np.arange(c.shape[-1]), interpolate)


@dataclass(frozen=True)
class PaybackProbability:
    """Distribution function of the payback time at the ends of periods 1, ..., T.

    Attributes
    ----------
    probability : ndarray of float, shape (T,)
        P(payback by the end of period t), non-decreasing in t.
    standard_error : ndarray of float, shape (T,)
        Of the estimate; with method "quadrature" the change at the last doubling of the nodes. It does not see what the
        points of "quasi-Monte Carlo" miss: probabilities below about 1/(16 points).
    method : str, "exact", "quadrature" or "quasi-Monte Carlo"
    """

    probability: np.ndarray
    standard_error: np.ndarray
    method: str


def _normal_flows(mean, sd, investment):
    """Validated mean and sd of the same shape (..., T), and investment."""
    mean, sd = _finite("mean", mean), _at_least("sd", sd, 0)
    investment = _finite("investment", investment)
    if (investment <= 0).any():
        raise ValueError(f"investment must be > 0, got {investment.min():g}")
    if mean.ndim == 0 or mean.shape[-1] == 0:
        raise ValueError(f"mean must have at least one period on its last axis, got shape {mean.shape}")
    shape = _broadcast(mean.shape, sd.shape, "mean and sd")
    return np.broadcast_to(mean, shape), np.broadcast_to(sd, shape), investment


def payback_probability_printed(mean, sd, investment):
    """Probability that the cumulative flow covers the investment at the end of period t: the printed formula.

    Phi((mu_1 + ... + mu_t - I) / sqrt(sigma_1^2 + ... + sigma_t^2)). It is not the distribution function of
    the payback time: it forgets projects that had paid back earlier, and can fall as t grows.

    Parameters
    ----------
    mean, sd : array_like of float, shape (..., T), sd >= 0; broadcast against each other
    investment : array_like of float, > 0; its shape broadcasts against the leading dimensions

    Returns
    -------
    ndarray of float, shape (..., T)

    Raises
    ------
    ValueError
        If an argument is out of range or the shapes do not broadcast.

    Notes
    -----
    Source: eq. payback-printed of the chapter *npv_irr*; D2-EQ-108, D2-EQ-110. Flows are independent.
    """
    from scipy.special import ndtr
    mean, sd, I = _normal_flows(mean, sd, investment)
    _broadcast(I.shape, mean.shape[:-1], "investment and mean without the last axis")
    gap = _snap(np.cumsum(mean, axis=-1) - I[..., None], np.cumsum(np.abs(mean), axis=-1) + I[..., None])
    spread = np.sqrt(np.cumsum(sd**2, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 0, ndtr(gap / spread), gap >= 0)


def _snap(gap, size):
    """`gap` with rounding residues of a sum of terms of total size `size` set to zero."""
    return np.where(np.abs(gap) <= gap.shape[-1] * EPS * size, 0.0, gap)


def payback_probability(mean, sd, investment, correlation=0.0, covariance=None, points=4096, seed=0):
    """Distribution of the payback time when the cash flows are jointly normal.

    P(T_p <= t) = 1 - P(S_1 < I, ..., S_t < I) with S_t = CF_1 + ... + CF_t: the investment is paid back when
    the cumulative flow reaches it for the first time, whatever comes later.

    Parameters
    ----------
    mean : array_like of float, shape (T,)
        Expected cash flows of periods 1, ..., T.
    sd : array_like of float, >= 0, shape (T,) or scalar; None if `covariance` is given
    investment : float, > 0
    correlation : float or array_like of float, shape (T, T)
        A number is the correlation of every pair of periods, in [-1/(T - 1), 1].
    covariance : array_like of float, shape (T, T), optional
        Instead of `sd` and `correlation`.
    points : int, a power of two >= 64
        Points of each of the 16 scrambled Sobol sets of the quasi-Monte Carlo method.
    seed : int, >= 0
        Of the scramblings; the same seed gives the same numbers.

    Returns
    -------
    PaybackProbability

    Raises
    ------
    ValueError
        If an argument is out of range, or a matrix is not symmetric and positive semidefinite.

    Notes
    -----
    Source: eq. payback-first-passage of the chapter *npv_irr*; D2-EQ-108 to D2-EQ-110, D2-PRF-07. Independent
    flows: the survivors' density is carried from period to period by Gauss-Legendre quadrature. Flows driven
    by one common factor: closed form. Otherwise Genz's separation of variables along the Cholesky factor of
    the partial sums, whose running product holds the probabilities for all t at once.
    """
    if isinstance(points, bool) or points != int(points) or points < 64 or int(points) & (int(points) - 1):
        raise ValueError(f"points must be a power of two >= 64, got {points}")
    if isinstance(seed, bool) or seed != int(seed) or seed < 0:
        raise ValueError(f"seed must be an integer >= 0, got {seed}")
    if covariance is None:
        if sd is None:
            raise ValueError("sd must be given unless covariance is")
        mean, sd, I = _normal_flows(mean, sd, investment)
        R = _correlation_matrix(correlation, mean.shape[-1])
    else:
        if sd is not None or np.any(np.asarray(correlation) != 0):
            raise ValueError("covariance must be given without sd (None) and correlation")
        mean, _, I = _normal_flows(mean, 0.0, investment)
        sd, R = _split_covariance(covariance, mean.shape[-1])
    if mean.ndim != 1 or I.ndim != 0:
        raise ValueError(f"mean must have shape (T,) and investment be a number, "
                         f"got shapes {mean.shape} and {I.shape}")
    used = sd > 0
    loading = sd[:, None] * _cholesky(R * np.outer(used, used))
    if np.count_nonzero(loading.any(axis=0)) <= 1:
        return _first_passage_one_factor(mean, loading.sum(axis=1), float(I))
    if np.count_nonzero(R[np.ix_(used, used)]) == used.sum():
        result = _first_passage_quadrature(mean, sd, float(I))
        if result is not None:
            return result
    return _first_passage_genz(mean, np.cumsum(loading, axis=0), float(I), int(points), int(seed))


def _correlation_matrix(correlation, T):
    R = _finite("correlation", correlation)
    if R.ndim == 0:
        lowest = -1 / (T - 1) if T > 1 else -1.0
        if not lowest - 1e-12 <= R <= 1:
            raise ValueError(f"correlation must be in [-1/(T - 1), 1] = [{lowest:.6g}, 1], got {R:g}")
        return np.where(np.eye(T, dtype=bool), 1.0, R)
    if R.shape != (T, T):
        raise ValueError(f"correlation must be a number or have shape ({T}, {T}), got shape {R.shape}")
    if np.abs(np.diagonal(R) - 1).max() > 1e-12:
        raise ValueError(f"correlation must have ones on its diagonal, got {np.diagonal(R)}")
    return _semidefinite("correlation", R)


def _split_covariance(covariance, T):
    """Standard deviations and correlation matrix."""
    C = _finite("covariance", covariance)
    if C.shape != (T, T):
        raise ValueError(f"covariance must have shape ({T}, {T}), got shape {C.shape}")
    variance = np.diagonal(C)
    if (variance < 0).any():
        raise ValueError(f"covariance must have a diagonal >= 0, got {variance.min():g}")
    if (C[variance == 0] != 0).any():
        raise ValueError("covariance must be positive semidefinite: a period of variance 0 has a covariance")
    sd = np.sqrt(variance)
    scale = np.where(sd > 0, sd, 1)
    R = C / np.outer(scale, scale)
    np.fill_diagonal(R, 1)
    return sd, _semidefinite("covariance", R)


def _semidefinite(name, R):
    asymmetry = np.abs(R - R.T).max()
    if asymmetry > 1e-12:
        raise ValueError(f"{name} must be symmetric, got a relative difference of {asymmetry:g}")
    smallest = np.linalg.eigvalsh(R)[0]
    if smallest < -1e-10:
        raise ValueError(f"{name} must be positive semidefinite, got the relative eigenvalue {smallest:g}")
    return (R + R.T) / 2


def _cholesky(R):
    """Lower triangular L with L L' = R for a semidefinite R; a dependent row has 0 on the diagonal."""
    n = len(R)
    L = np.zeros((n, n))
    for j in range(n):
        d = R[j, j] - L[j] @ L[j]
        if d > 8 * n * EPS:
            L[j:, j] = (R[j:, j] - L[j:] @ L[j]) / math.sqrt(d)
    return L


def _first_passage_one_factor(mean, loading, I):
    """CF_t = mean_t + loading_t z with one standard normal z: {S_1 < I, ..., S_t < I} is an interval of z."""
    from scipy.special import ndtr
    M, V = np.cumsum(mean), np.cumsum(loading)
    gap = _snap(I - M, np.cumsum(np.abs(mean)) + I)
    V = _snap(V, np.cumsum(np.abs(loading)))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = gap / V
    never = np.where(gap > 0, np.inf, -np.inf)                  # V_t = 0: below I for all z or for none
    upper = np.minimum.accumulate(np.where(V > 0, z, np.where(V == 0, never, np.inf)))
    lower = np.maximum.accumulate(np.where(V < 0, z, -np.inf))
    survival = np.maximum(ndtr(upper) - ndtr(lower), 0)
    return PaybackProbability(1 - survival, np.zeros(len(mean)), "exact")


def _first_passage_quadrature(mean, sd, I):
    """Independent flows; None if the density is too narrow for the largest number of nodes."""
    previous = None
    for nodes in QUADRATURE_NODES:
        survival = _survival(mean, sd, I, nodes)
        if previous is not None:
            change = np.abs(survival - previous)
            if change.max() <= QUADRATURE_TOLERANCE:
                survival = np.minimum.accumulate(np.clip(survival, 0, 1))
                return PaybackProbability(1 - survival, change, "quadrature")
        previous = survival
    return None


def _survival(mean, sd, I, nodes):
    """P(S_1 < I, ..., S_t < I) for independent flows, with so many quadrature nodes; NaN if they lose mass.

    The survivors are masses w at points s, at first one mass. A random flow spreads them over new nodes below
    the barrier; the certain flows (sd 0) that follow it shift the points and lower the barrier for the random
    sum.
    """
    from scipy.special import ndtr
    y, weight = np.polynomial.legendre.leggauss(nodes)
    survival = np.empty(len(mean))
    random = np.flatnonzero(sd > 0)
    S = np.cumsum(mean)
    first = random[0]
    certain = _snap(I - S[:first], np.cumsum(np.abs(mean[:first])) + I) > 0
    survival[:first] = np.logical_and.accumulate(certain)
    s = np.full(1, S[first - 1] if first else 0.0)
    w = np.full(1, float(certain.all()))
    for start, stop in zip(random, np.append(random[1:], len(mean))):
        shift = S[start:stop] - S[start]
        barrier = I - np.maximum.accumulate(shift)
        centre, sigma = s + mean[start], sd[start]
        survival[start:stop] = ndtr((barrier[:, None] - centre) / sigma) @ w
        reach = 9 * math.sqrt(np.sum(sd[:start + 1]**2))
        lo, hi = S[start] - reach, min(barrier[-1], S[start] + reach)
        half = max(hi - lo, 0) / 2
        s = lo + half * (1 + y)
        density = np.exp(-((s[:, None] - centre) / sigma)**2 / 2) @ w / (sigma * math.sqrt(2 * math.pi))
        w = half * weight * density
        if stop < len(mean) and abs(w.sum() - survival[stop - 1]) > QUADRATURE_TOLERANCE:
            survival[stop:] = np.nan
            break
        s = s + shift[-1]
    return survival


def _first_passage_genz(mean, L, I, points, seed):
    """Separation of variables: L is the lower triangular factor of the covariance of the partial sums."""
    from scipy.special import ndtr, ndtri
    from scipy.stats import qmc
    T = len(mean)
    b = _snap(I - np.cumsum(mean), np.cumsum(np.abs(mean)) + I)
    survival = np.empty((REPLICATES, T))
    for k, child in enumerate(np.random.SeedSequence(seed).spawn(REPLICATES)):
        w = qmc.Sobol(T, seed=np.random.default_rng(child)).random(points).T
        y, alive = np.zeros((T, points)), np.ones(points)
        for t in range(T):
            room = b[t] - L[t, :t] @ y[:t]
            if L[t, t] == 0:
                alive = alive * (room > 0)
            else:
                e = ndtr(room / L[t, t])
                alive = alive * e
                y[t] = ndtri(np.clip(w[t] * e, np.finfo(float).tiny, 1 - EPS))
            survival[k, t] = alive.mean()
    return PaybackProbability(1 - survival.mean(axis=0), survival.std(axis=0, ddof=1) / math.sqrt(REPLICATES),
                              "quasi-Monte Carlo")
