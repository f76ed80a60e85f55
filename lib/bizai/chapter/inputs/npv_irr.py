"""Inputs of the chapter *npv_irr*."""

from .. import data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("npv", "highest")     # scenarios of a sweep are ranked by what the project is worth today

_MOST_MONEY, _MOST_PERIODS = 1e12, 100
_RATE = {"unit": "per year", "ge": -0.5, "le": 10}


class Parameters(parameters.Parameters):
    """An investment now, against yearly flows later."""

    investment: float = field("paid now, at t = 0", unit="money", ge=1e-6, le=_MOST_MONEY)
    discount_rate: float = field("yearly cost of capital", **_RATE)
    tax_rate: float = field("tax on profit", unit="share", ge=0, lt=1)
    finance_rate: float | None = field("rate paid on money still owed (for the modified internal rate); "
                                       "None: the discount rate", **_RATE)
    reinvest_rate: float | None = field("rate earned on money received (for the modified internal rate); "
                                        "None: the discount rate", **_RATE)
    revenue_sd: float = field("standard deviation of a period's revenue over its mean", unit="share", ge=0, le=2)
    cost_sd: float = field("standard deviation of a period's cost over its mean", unit="share", ge=0, le=2)
    correlation: float = field("correlation between the revenues, or the costs, of any two periods", ge=0, lt=1)
    cost_follows_revenue: float = field("correlation between revenue and cost of a period", gt=-1, lt=1)
    scenarios: int = field("simulated futures", ge=1_000, le=1_000_000)
    data_file: str = field("cash-flow table; empty for the bundled sample")
    seed: int = field("seed of every simulation", ge=0)


class Row(data.Row):
    """The expected flows, a row per period, in order from period 1."""

    period: int = field("1, 2, 3, ...; the investment at 0 is a parameter", ge=1)
    revenue: float = field("revenue or saving", unit="money", ge=0, le=_MOST_MONEY)
    cost: float = field("cash cost, without depreciation", unit="money", ge=0, le=_MOST_MONEY)
    depreciation: float = field("tax depreciation", unit="money", ge=0, le=_MOST_MONEY)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "ai_project.csv"

    @classmethod
    def check(cls, frame, parameters=None):
        """Periods are 1, 2, 3, ... in order, at most 100."""
        if len(frame) > _MOST_PERIODS:
            raise Refused(f"a table has at most {_MOST_PERIODS} periods, got {len(frame)}; join periods, "
                          "for example months to years")
        for expected, (line, period) in enumerate(frame["period"].items(), 1):
            if period != expected:
                raise Refused(f"line {line}: period must be {expected} (periods are 1, 2, 3, ... in order, each once), "
                              f"got {period}")
        return frame.reset_index(drop=True)
