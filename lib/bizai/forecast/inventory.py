"""From the distribution of demand to a decision: how much to hold, when to order, how much, and from whom.

Symbols are those of the chapter *arima*: D is the demand over the lead time (with periodic review: over review
period and lead time), z its standardised value, phi and Phi the normal density and distribution function. All
quantities are in units of demand.
"""

from dataclasses import dataclass

import numpy as np

from bizai._check import integer, number
from bizai.forecast.result import floats, numbers

__all__ = [
    "LeadTimeSpread", "Newsvendor", "NormalDemand", "Order", "Plan", "Procurement", "ReorderPoint",
    "SampledDemand", "error_covariance", "fill_rate", "lead_time_spread", "newsvendor", "normal_loss",
    "order_quantity", "procurement", "reorder_point", "replenishment_plan", "safety_stock",
]


# ----------------------------------------------------------------------------------------------------------
# Distributions of demand
# ----------------------------------------------------------------------------------------------------------

def normal_loss(z):
    """E(Z - z)^+ of a standard normal Z: phi(z) - z (1 - Phi(z)).

    Parameters
    ----------
    z : array_like of float

    Returns
    -------
    float or ndarray of float

    Notes
    -----
    Source: eq. fill-rate of the chapter *arima*. Above 0 it is phi(z) times 1 - z (1 - Phi(z))/phi(z), from the
    scaled complementary error function, and stays exact where 1 - Phi(z) alone is lost in rounding.
    """
    from scipy.special import erfcx

    z = numbers("z", z)
    x = np.minimum(abs(z), 100)             # beyond, the loss is 0 or -z, and x * x may overflow
    upper = np.exp(-x * x / 2) * (1 / np.sqrt(2 * np.pi) - x / 2 * erfcx(x / np.sqrt(2)))
    return (np.maximum(upper, 0) + np.maximum(-z, 0))[()]


@dataclass(frozen=True)
class NormalDemand:
    """Normal demand.

    Parameters
    ----------
    mean : float
    sd : float, >= 0
        At 0 demand is certain.

    Notes
    -----
    Source: eqs. newsvendor, safety-stock and fill-rate of the chapter *arima*.
    """

    mean: float
    sd: float

    def __post_init__(self):
        object.__setattr__(self, "mean", number("mean", self.mean, above=-np.inf))
        object.__setattr__(self, "sd", number("sd", self.sd, least=0))

    @classmethod
    def over(cls, mean, covariance):
        """Demand summed over steps with these means (h,) and this covariance (h, h) of the forecast errors."""
        mean, covariance = numbers("mean", mean), _covariance(covariance)
        if mean.shape != covariance.shape[:1]:
            raise ValueError(f"mean must have the shape {covariance.shape[:1]} of covariance, got {mean.shape}")
        return cls(float(mean.sum()), float(np.sqrt(max(covariance.sum(), 0))))

    def probability(self, x):
        """P(D <= x)."""
        from scipy.special import ndtr

        x = _points("x", x)
        return (ndtr((x - self.mean) / self.sd) if self.sd else (x >= self.mean).astype(float))[()]

    def quantile(self, q):
        """Smallest x with P(D <= x) >= q, for 0 < q < 1."""
        from scipy.special import ndtri

        return (self.mean + self.sd * ndtri(_probability("q", q)))[()]

    def shortage(self, x):
        """E(D - x)^+, what is missing on average with x in stock."""
        x = _points("x", x)
        if not self.sd:
            return np.maximum(self.mean - x, 0)[()]
        return self.sd * normal_loss((x - self.mean) / self.sd)

    def leftover(self, x):
        """E(x - D)^+, what is left on average."""
        x = _points("x", x)
        if not self.sd:
            return np.maximum(x - self.mean, 0)[()]
        return self.sd * normal_loss((self.mean - x) / self.sd)


class SampledDemand:
    """Demand that takes each of the given values with the same probability.

    Parameters
    ----------
    samples : array_like of float, shape (n,), n >= 1
        Simulated or observed demands.

    Attributes
    ----------
    samples : ndarray of float, sorted
    mean, sd : float

    Notes
    -----
    Source: eqs. newsvendor and reorder-point of the chapter *arima*.
    """

    def __init__(self, samples):
        self.samples = np.sort(floats("samples", samples, 1))
        self.mean, self.sd = float(self.samples.mean()), float(self.samples.std())
        self._sums = np.r_[0, np.cumsum(self.samples - self.mean)]

    @classmethod
    def over(cls, paths, steps=None):
        """Demand summed over the first `steps` (all by default) of simulated paths, shape (n, h)."""
        paths = floats("paths", paths, 2)
        steps = paths.shape[1] if steps is None else integer("steps", steps)
        if steps > paths.shape[1]:
            raise ValueError(f"steps must be <= the {paths.shape[1]} steps of the paths, got {steps}")
        return cls(paths[:, :steps].sum(axis=1))

    def probability(self, x):
        """Share of the samples that are at most x."""
        return (np.searchsorted(self.samples, _points("x", x), side="right") / len(self.samples))[()]

    def quantile(self, q):
        """Smallest sample that at least the share q of the samples does not exceed."""
        n = len(self.samples)
        position = np.ceil(np.round(_probability("q", q) * n, 9)).astype(np.int64)
        return self.samples[np.clip(position - 1, 0, n - 1)][()]

    def shortage(self, x):
        """Mean of (D - x)^+."""
        x, n = np.minimum(_points("x", x), self.samples[-1]), len(self.samples)
        above = np.searchsorted(self.samples, x, side="right")
        missing = self._sums[-1] - self._sums[above] - (n - above) * (x - self.mean)
        return (np.maximum(missing, 0) / n)[()]

    def leftover(self, x):
        """Mean of (x - D)^+."""
        x = np.maximum(_points("x", x), self.samples[0])
        below = np.searchsorted(self.samples, x, side="right")
        left = below * (x - self.mean) - self._sums[below]
        return (np.maximum(left, 0) / len(self.samples))[()]


def error_covariance(psi, sigma2):
    """Covariance of the forecast errors of the steps 1, ..., h, from the psi weights.

    Parameters
    ----------
    psi : array_like of float, shape (h,), psi[0] = 1
    sigma2 : float, >= 0
        Variance of the shocks.

    Returns
    -------
    ndarray of float, shape (h, h)
        Entry (s - 1, t - 1): sigma^2 sum_{i < min(s, t)} psi_i psi_{i + |s - t|}.

    Notes
    -----
    The error of step s is eps_{T+s} + psi_1 eps_{T+s-1} + ... + psi_{s-1} eps_{T+1}: later steps share its shocks.
    Source: eqs. psi-weights and reorder-point of the chapter *arima*.
    """
    from scipy.linalg import toeplitz

    psi = floats("psi", psi, 1)
    if psi[0] != 1:
        raise ValueError(f"psi must start with 1, got {psi[0]}")
    Psi = toeplitz(psi, np.zeros(len(psi)))
    return number("sigma2", sigma2, least=0) * (Psi @ Psi.T)


@dataclass(frozen=True)
class LeadTimeSpread:
    """Standard deviation of the demand over h steps: `exact`, and by two short cuts.

    `independent` adds the variances of the steps, as if their errors were uncorrelated; `sqrt_rule` is sqrt(h)
    times the standard deviation of the first step.
    """

    exact: float
    independent: float
    sqrt_rule: float


def lead_time_spread(covariance):
    """Spread of the demand over a lead time, with and without the correlation of the forecast errors.

    Parameters
    ----------
    covariance : array_like of float, shape (h, h)
        Of the errors of the steps: `error_covariance`, ``np.cov(paths, rowvar=False)``, or one series' part of a
        VAR.

    Returns
    -------
    LeadTimeSpread

    Notes
    -----
    Source: eqs. safety-stock and reorder-point of the chapter *arima*. Equal for white noise only; for a random
    walk over 4 steps they are as sqrt(30) to sqrt(10) to sqrt(4).
    """
    covariance = _covariance(covariance)
    h = len(covariance)
    return LeadTimeSpread(float(np.sqrt(max(covariance.sum(), 0))), float(np.sqrt(np.trace(covariance))),
                          float(np.sqrt(h * covariance[0, 0])))


# ----------------------------------------------------------------------------------------------------------
# Decisions under uncertainty
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Newsvendor:
    """The best quantity for one period: `critical_ratio`, `quantity`, and what to expect of it."""

    critical_ratio: float
    quantity: float
    expected_cost: float
    expected_shortage: float
    expected_leftover: float


def newsvendor(demand, shortage_cost, leftover_cost):
    """Quantity to order once, before the demand of the period is known.

    Parameters
    ----------
    demand : NormalDemand or SampledDemand
    shortage_cost : float, > 0
        Cost of one unit too few: the margin that is lost.
    leftover_cost : float, > 0
        Cost of one unit too many: its cost less what it still brings.

    Returns
    -------
    Newsvendor

    Notes
    -----
    The quantile of demand at the critical ratio shortage_cost / (shortage_cost + leftover_cost) minimises
    shortage_cost E(D - Q)^+ + leftover_cost E(Q - D)^+, the expected pinball loss times the sum of the costs. For
    normal demand the minimum is (shortage_cost + leftover_cost) sd phi(z). Source: eqs. newsvendor and pinball of
    the chapter *arima*; D3-PROC-08, D3-SYS-17.

    Examples
    --------
    >>> round(newsvendor(NormalDemand(125, 20), shortage_cost=3, leftover_cost=1).quantity, 2)
    138.49
    """
    under, over = number("shortage_cost", shortage_cost, above=0), number("leftover_cost", leftover_cost, above=0)
    _demand(demand)
    ratio = under / (under + over)
    if not 0 < ratio < 1:
        raise ValueError("leftover_cost must be within 1e-16 to 1e300 times shortage_cost, and both below 1e300, "
                         f"got {over:g} and {under:g}")
    Q = float(demand.quantile(ratio))
    shortage, leftover = float(demand.shortage(Q)), float(demand.leftover(Q))
    return Newsvendor(ratio, Q, under * shortage + over * leftover, shortage, leftover)


def safety_stock(sd, service_level):
    """Stock beyond the mean demand with which the demand over the lead time is covered with a probability.

    Parameters
    ----------
    sd : array_like of float, >= 0
        Standard deviation of the demand over the lead time (see `lead_time_spread`), not of one step.
    service_level : array_like of float, 0 < service_level < 1

    Returns
    -------
    float or ndarray of float
        z sd, for normal demand; negative below a service level of 1/2.

    Notes
    -----
    Source: eq. safety-stock of the chapter *arima*; D3-PROC-08.
    """
    from scipy.special import ndtri

    sd = numbers("sd", sd)
    if not (sd >= 0).all() or np.isinf(sd).any():
        raise ValueError(f"sd must be finite and >= 0, got {sd.min()}")
    return (sd * ndtri(_probability("service_level", service_level)))[()]


def fill_rate(demand, reorder_point, order_size):
    """Share of the demand that is met from stock when `order_size` is ordered at the reorder point.

    Parameters
    ----------
    demand : NormalDemand or SampledDemand
        Over the lead time.
    reorder_point : array_like of float
        Stock on hand and on order, less what is owed to customers, at which the order is placed.
    order_size : float, > 0

    Returns
    -------
    float or ndarray of float, between 0 and 1

    Notes
    -----
    1 - (E(D - s)^+ - E(D - s - Q)^+) / Q with s the reorder point and Q the order size: shortage at the end of a
    cycle less what was already owed at its start. Unmet demand waits; demand is never negative. Source: eq.
    fill-rate of the chapter *arima*. It differs from the cycle service P(D <= s), the share of cycles without a
    shortage.
    """
    _demand(demand)
    Q, s = number("order_size", order_size, above=0), _points("reorder_point", reorder_point)
    if Q < 1e-6 * demand.sd:                # the difference is lost in rounding, and its limit is P(D <= s)
        return demand.probability(s + Q / 2)
    return np.clip(1 - (demand.shortage(s) - demand.shortage(s + Q)) / Q, 0, 1)[()]


@dataclass(frozen=True)
class ReorderPoint:
    """When to order: the `point`, the `safety_stock` in it, and what follows from it.

    `cycle_service` is P(D <= point), `fill_rate` the share of demand met from stock (nan without an order size),
    `expected_shortage` E(D - point)^+ in a cycle.
    """

    point: float
    safety_stock: float
    cycle_service: float
    fill_rate: float
    expected_shortage: float


def reorder_point(demand, service_level, order_size=None, measure="cycle"):
    """Stock at which to order again.

    Parameters
    ----------
    demand : NormalDemand or SampledDemand
        Over the lead time; with periodic review, over review period and lead time.
    service_level : float, 0 < service_level < 1
    order_size : float, > 0, optional
        Needed for the fill rate; with periodic review, the mean demand of a period.
    measure : "cycle" or "fill", default "cycle"
        Whether `service_level` is the probability that a cycle has no shortage, or the share of demand met from
        stock.

    Returns
    -------
    ReorderPoint

    Notes
    -----
    Source: eqs. reorder-point, safety-stock and fill-rate of the chapter *arima*; D3-PROC-08, D3-PROC-09,
    D3-SYS-21. For the fill rate the lowest sufficient point is found by bisection, for it rises with the point.
    """
    _demand(demand)
    level = number("service_level", service_level, above=0, below=1)
    if measure not in ("cycle", "fill"):
        raise ValueError(f'measure must be "cycle" or "fill", got {measure!r}')
    if measure == "fill" and order_size is None:
        raise ValueError("order_size must be given for the fill rate, got None")
    if measure == "cycle":
        point = float(demand.quantile(level))
    else:
        Q = number("order_size", order_size, above=0)
        point = _lowest(lambda s: fill_rate(demand, s, Q) >= level, demand.mean - Q - 10 * demand.sd,
                        demand.mean + Q + 10 * demand.sd)
    share = float("nan") if order_size is None else float(fill_rate(demand, point, order_size))
    return ReorderPoint(point, point - demand.mean, float(demand.probability(point)), share,
                        float(demand.shortage(point)))


def _lowest(enough, low, high):
    """Lowest x with enough(x), which is False far below `low` and True far above `high`, to the last digits."""
    for _ in range(30):
        low, high = low - (high - low) * enough(low), high + (high - low) * (not enough(high))
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


@dataclass(frozen=True)
class Order:
    """What to order now: `quantity`, the `level` that it fills the stock up to, and what to expect of it.

    `service` is the probability that there is no shortage.
    """

    quantity: float
    level: float
    service: float
    expected_shortage: float
    expected_leftover: float


def order_quantity(paths, stock, lead_time, service_level=None, *, review=0, shortage_cost=None,
                   leftover_cost=None):
    """How much to order now, from simulated demand.

    Parameters
    ----------
    paths : array_like of float, shape (n, h), h >= lead_time + review
        Simulated demands of the coming steps (``simulate`` of a model).
    stock : float
        On hand and on order, less what is owed to customers.
    lead_time : int, >= 1
        Steps until the order is there.
    service_level : float, 0 < service_level < 1, optional
        Probability that stock and order cover the demand of `lead_time` + `review` steps; or give both costs.
    review : int, >= 0, default 0
        Steps until the next chance to order.
    shortage_cost, leftover_cost : float, > 0, optional
        As for `newsvendor`, whose critical ratio is then the service level.

    Returns
    -------
    Order

    Notes
    -----
    The quantile of the paths' sums, less the stock. Summing paths keeps the correlation of the errors, which
    sqrt(h) times the spread of one step leaves out. Source: eqs. reorder-point and newsvendor of the chapter
    *arima*; D3-PROC-08, D3-PROC-09, D3-SYS-17, D3-SYS-21.
    """
    lead_time, review = integer("lead_time", lead_time), integer("review", review, least=0)
    stock = number("stock", stock, above=-np.inf)
    costs = shortage_cost is not None, leftover_cost is not None
    if (service_level is None) != all(costs) or any(costs) != all(costs):
        raise ValueError("service_level must be given, or shortage_cost and leftover_cost, got "
                         f"{service_level!r}, {shortage_cost!r} and {leftover_cost!r}")
    demand = SampledDemand.over(paths, lead_time + review)
    if service_level is None:
        level = newsvendor(demand, shortage_cost, leftover_cost).quantity
    else:
        level = float(demand.quantile(number("service_level", service_level, above=0, below=1)))
    filled = max(level, stock)
    return Order(filled - stock, filled, float(demand.probability(filled)), float(demand.shortage(filled)),
                 float(demand.leftover(filled)))


# ----------------------------------------------------------------------------------------------------------
# Least-cost purchases, demand given
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Procurement:
    """The least-cost purchase: `quantities` (k,), their `cost`, and the `price` of one more unit of demand.

    Over all purchases of that cost, supplier j's quantity can be from ``lowest[j]`` to ``highest[j]``; `unique`
    says that these agree.
    """

    quantities: np.ndarray
    cost: float
    price: float
    lowest: np.ndarray
    highest: np.ndarray

    @property
    def unique(self):
        """Whether there is one least-cost purchase only."""
        return bool(np.allclose(self.lowest, self.highest, rtol=1e-6, atol=1e-6 * self.quantities.max()))


def procurement(demand, cost, capacity=None, A=None, b=None):
    """Purchases from k suppliers that meet the demand at least cost.

    Parameters
    ----------
    demand : float, >= 0
        What all suppliers together have to deliver at least.
    cost : array_like of float, shape (k,)
        Cost c of a unit from each.
    capacity : array_like of float, shape (k,), >= 0, optional
        Most that each delivers; no limit by default.
    A, b : array_like of float, shapes (r, k) and (r,), optional
        Further limits A x <= b.

    Returns
    -------
    Procurement

    Raises
    ------
    ValueError
        If no purchase meets the demand within the limits, or cost falls without bound.

    Notes
    -----
    min c^T x subject to 1^T x >= demand, A x <= b, 0 <= x <= capacity, a linear program. Without the demand's
    constraint and with costs >= 0, x = 0 is best. Source: eq. newsvendor of the chapter *arima* gives the quantity
    when demand is uncertain; D3-EQ-28, D3-EQ-29, D3-NUM-21 to D3-NUM-23, D3-SYS-20, D3-SYS-22, D3-PROC-09.

    Examples
    --------
    >>> plan = procurement(125, [1, 1])
    >>> round(plan.cost, 6), plan.unique
    (125.0, False)
    """
    demand, c = number("demand", demand, least=0), floats("cost", cost, 1)
    k = len(c)
    upper = np.full(k, np.inf) if capacity is None else numbers("capacity", capacity)
    if upper.shape != (k,) or not (upper >= 0).all():
        raise ValueError(f"capacity must be {k} numbers >= 0, got {capacity!r}")
    if (A is None) != (b is None):
        raise ValueError(f"A and b must be given together, got {A!r} and {b!r}")
    A = np.empty((0, k)) if A is None else floats("A", A, 2)
    b = np.empty(0) if b is None else floats("b", b, 1)
    if A.shape != (len(b), k):
        raise ValueError(f"A must have the shape ({len(b)}, {k}) of b and cost, got {A.shape}")
    rows, limits = np.vstack([-np.ones(k), A]), np.r_[-demand, b]
    bounds = np.column_stack([np.zeros(k), upper])
    if demand > upper.sum() * (1 + 1e-12):
        raise ValueError(f"demand must be <= the capacity of all suppliers {upper.sum():g}, got {demand:g}")
    found = _solve(c, rows, limits, bounds)
    tight, low, high = (abs(part) > 1e-9 * abs(c).max() for part in
                        (found.ineqlin.marginals, found.lower.marginals, found.upper.marginals))
    bounds[low, 1], bounds[high, 0] = 0, upper[high]        # all least-cost purchases have these at their limits
    as_cheap, most = np.vstack([rows, -rows[tight]]), np.r_[limits, -limits[tight]]
    lowest, highest = (
        np.array([sign * _solve(sign * unit, as_cheap, most, bounds, None).fun + 0.0 for unit in np.eye(k)])
        for sign in (1, -1))
    return Procurement(found.x, float(found.fun), float(-found.ineqlin.marginals[0]), lowest, highest)


@dataclass(frozen=True, eq=False)
class Plan:
    """Purchases over time: `quantities`, `stocks` at the ends of the steps, both of shape (h,), and the `cost`.

    `prices` are the costs of one more unit of demand in each step.
    """

    quantities: np.ndarray
    stocks: np.ndarray
    cost: float
    prices: np.ndarray


def replenishment_plan(demand, unit_cost, holding_cost, capacity=None, stock=0.0, safety_stock=0.0):
    """Purchases over several steps that meet a known demand at least cost.

    Parameters
    ----------
    demand : array_like of float, shape (h,), >= 0
    unit_cost, holding_cost : array_like of float, shape (h,) or a number, >= 0
        Cost of a unit bought in each step, and of a unit in stock at its end.
    capacity : array_like of float, shape (h,) or a number, >= 0, optional
        Most that can be bought in each step.
    stock : float, >= 0, default 0
        At the start.
    safety_stock : array_like of float, shape (h,) or a number, >= 0, default 0
        Least stock at the end of each step.

    Returns
    -------
    Plan

    Raises
    ------
    ValueError
        If no plan meets the demand within the capacity.

    Notes
    -----
    min sum_t c_t x_t + k_t I_t with I_t = I_{t-1} + x_t - d_t >= safety stock and 0 <= x_t <= capacity, a linear
    program with the stocks I_t eliminated. Source: eq. safety-stock of the chapter *arima* for what the plan keeps
    in hand, as it takes demand as known; D3-SYS-20, D3-SYS-22, D3-EQ-28, D3-EQ-29, D3-PROC-08.
    """
    d = floats("demand", demand, 1)
    h = len(d)
    per_step = {"demand": d, "unit_cost": unit_cost, "holding_cost": holding_cost, "safety_stock": safety_stock,
                "capacity": np.inf if capacity is None else capacity}
    for name, values in per_step.items():
        values = numbers(name, values)
        if values.shape not in ((), (h,)) or not (values >= 0).all() or (
                name != "capacity" and np.isinf(values).any()):
            raise ValueError(f"{name} must be a number >= 0 or {h} of them, got {values.tolist()}")
        per_step[name] = np.broadcast_to(values, h)
    stock = number("stock", stock, least=0)
    needed = np.cumsum(d) - stock + per_step["safety_stock"]
    reach = np.cumsum(per_step["capacity"])
    short = needed > reach + 1e-12 * (np.cumsum(d) + stock + per_step["safety_stock"])
    if short.any():
        t = int(np.argmax(short))
        raise ValueError(f"capacity must allow {needed[t]:g} by step {t + 1}, got {reach[t]:g}")
    sums = np.tri(h)
    k = per_step["holding_cost"]
    cost = per_step["unit_cost"] + k @ sums
    found = _solve(cost, -sums, -needed, np.column_stack([np.zeros(h), per_step["capacity"]]))
    stocks = stock + np.cumsum(found.x - d)
    prices = -sums.T @ found.ineqlin.marginals - sums.T @ k
    return Plan(found.x, stocks, float(per_step["unit_cost"] @ found.x + k @ stocks), prices)


def _solve(c, A, b, bounds, why="no purchase meets the demand within the limits"):
    """Solution of min c^T x with A x <= b and the bounds; its value is -inf if unbounded and `why` is None.

    The solver's tolerances are absolute: costs, rows and amounts are scaled (by powers of 2, without rounding).
    """
    from scipy.optimize import OptimizeResult, linprog

    price, rows = _size(c), np.array([_size(row) for row in A])
    unit = _size(b / rows if b.any() else bounds)
    with np.errstate(over="ignore"):                # a bound that is too far away for a float is none
        found = linprog(c / price, A / rows[:, None], b / rows / unit, bounds=bounds / unit, method="highs")
    if found.status == 3 and why is None:
        return OptimizeResult(fun=-np.inf)
    if found.status == 3:
        raise ValueError("cost must not fall without bound: give a capacity to suppliers with a negative cost")
    if found.status:
        raise ValueError(f"A and b must leave a choice: {why if why and found.status == 2 else found.message}")
    found.x, found.fun = found.x * unit, found.fun * price * unit
    found.ineqlin.marginals = found.ineqlin.marginals * price / rows
    for side in (found.lower, found.upper):
        side.marginals = side.marginals * price
    return found


def _size(values):
    """The power of 2 next to the geometric mean of the sizes that are neither 0 nor infinite; 1 if all are."""
    sizes = abs(values[(values != 0) & np.isfinite(values)])
    return 2.0 ** np.round(np.log2(sizes).mean()) if sizes.size else 1.0


# ----------------------------------------------------------------------------------------------------------
# Arguments
# ----------------------------------------------------------------------------------------------------------

def _covariance(covariance):
    covariance = floats("covariance", np.atleast_2d(numbers("covariance", covariance)), 2)
    size = 1e-8 * abs(covariance).max() + np.finfo(float).tiny         # what rounding may do
    if covariance.shape[0] != covariance.shape[1] or (abs(covariance - covariance.T) > size).any() or (
            np.linalg.eigvalsh(covariance)[0] < -size):
        raise ValueError("covariance must be a symmetric matrix without a negative eigenvalue, "
                         f"got {covariance.tolist() if covariance.size < 10 else f'shape {covariance.shape}'}")
    return covariance


def _demand(demand):
    if not isinstance(demand, (NormalDemand, SampledDemand)):
        raise ValueError(f"demand must be a NormalDemand or SampledDemand, got {type(demand).__name__}")


def _points(name, x):
    x = numbers(name, x)
    if np.isnan(x).any():
        raise ValueError(f"{name} must not be nan, got {x.tolist()}")
    return x


def _probability(name, p):
    p = numbers(name, p)
    if not ((p > 0) & (p < 1)).all():
        raise ValueError(f"{name} must be > 0 and < 1, got {p.tolist()}")
    return p
