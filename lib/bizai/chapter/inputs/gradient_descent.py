"""Inputs of the chapter *gradient_descent*."""

from .. import outcome, parameters
from ..parameters import field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("profit_per_1000", "highest")     # scenarios of a sweep are ranked by what the offer brings

_MOST_MONEY = 1e9


class Parameters(parameters.Parameters):
    """Customers who left (or defaulted, or bought) and who did not, and an offer that may change the mind of some."""

    target_column: str = field("column that holds 1 (left) or 0 (stayed); empty cells: not known yet", min_length=1)
    features: str = field("columns to learn from, separated by commas; empty: all that say anything")
    l2: float | None = field("weight of the penalty on large coefficients; None: chosen by cross-validation", ge=1e-6, le=100)
    step: float = field("length of a descent step, in multiples of one over the largest curvature", gt=0, le=4)
    test_share: float = field("part of the customers with a known outcome that is held out", unit="share", ge=0.1, le=0.6)
    value_kept: float = field("what it is worth to keep a customer who would leave", unit="money", gt=0, le=_MOST_MONEY)
    offer_cost: float = field("cost of an offer to one customer, taken up or not", unit="money", ge=0, le=_MOST_MONEY)
    success_share: float = field("part of the leaving customers whom the offer keeps", unit="share", gt=0, le=1)
    folds: int = field("parts of the cross-validation", ge=2, le=10)
    data_file: str = field("customer table; empty for the bundled sample")
    seed: int = field("seed of the split, the folds and the bootstrap", ge=0, le=2**32 - 1)


class Row(outcome.Outcome):
    """The customers: 1 left, 0 stayed."""

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "customers.csv"
