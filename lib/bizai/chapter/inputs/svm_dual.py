"""Inputs of the chapter *svm_dual*."""

from typing import Literal

from .. import outcome, parameters
from ..parameters import field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("best_rule_cost", "lowest")     # scenarios of a sweep are ranked by what deciding costs on new cases

_MOST_MONEY = 1e9


class Parameters(parameters.Parameters):
    """Cases with the outcome 0 or 1 that are to be told apart, and what a review and an error cost."""

    target_column: str = field("column that holds 1 or 0; empty cells: not known yet", min_length=1)
    features: str = field("columns to learn from, separated by commas; empty: all that say anything")
    kernel: Literal["rbf", "linear", "poly"] = field("shape of the boundary: curved, straight, or quadratic (poly)")
    cost: float | None = field("the C of the soft margin; None: chosen by cross-validation", ge=1e-3, le=1e4)
    gamma: float | None = field("sharpness of the rbf and poly kernels; None: chosen by cross-validation", ge=1e-4, le=100)
    review_cost: float = field("cost of a person's look at one case", unit="money", ge=0, le=_MOST_MONEY)
    error_cost: float = field("cost of one wrong decision, either way", unit="money", gt=0, le=_MOST_MONEY)
    test_share: float = field("part of the cases with a known outcome that is held out", unit="share", ge=0.1, le=0.6)
    folds: int = field("parts of the cross-validation", ge=2, le=10)
    data_file: str = field("table of cases; empty for the bundled sample")
    seed: int = field("seed of the split, the folds and the bootstrap", ge=0, le=2**32 - 1)


class Row(outcome.Outcome):
    """The cases: 1 or 0."""

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "invoices.csv"
