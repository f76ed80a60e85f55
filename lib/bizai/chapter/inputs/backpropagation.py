"""Inputs of the chapter *backpropagation*."""

from typing import Literal

from .. import data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("yearly_worth", "highest")     # scenarios of a sweep are ranked by what the network is worth in a year

_FEWEST_ROWS, _FEWEST_EACH = 30, 6      # below these neither a network nor its test on other rows says anything
_MOST_CLASSES = 10
_MOST_MONEY = 1e9


class Parameters(parameters.Parameters):
    """Customers of known outcome, a network that is to predict it, and what a right prediction is worth."""

    target_column: str = field("column that holds the outcome, 2 to 10 different ones; empty cells: not known", min_length=1)
    features: str = field("columns to learn from, separated by commas; empty: all that say anything")
    hidden_units: int = field("units in each hidden layer", ge=1, le=128)
    hidden_layers: int = field("hidden layers", ge=1, le=4)
    activation: Literal["relu", "tanh", "logistic"] = field("activation of the hidden layers")
    learning_rate: float = field("step size of Adam", ge=1e-5, le=0.1)
    l2: float = field("weight of the penalty on large weights of the network", ge=0, le=10)
    batch_size: int = field("rows per step", unit="rows", ge=8, le=1024)
    epochs: int = field("most passes over the training rows", ge=5, le=500)
    patience: int = field("passes without progress on rows held back, after which training stops", ge=2, le=100)
    trainings: int = field("networks trained from different random starts", ge=2, le=10)
    test_share: float = field("part of the rows that no model is trained on", unit="share", ge=0.1, le=0.6)
    customers: int = field("customers predicted in a year", unit="customers", ge=1, le=1_000_000_000)
    value_right: float = field("what a right prediction is worth over a wrong one", unit="money", ge=0, le=_MOST_MONEY)
    network_cost: float = field("what a network costs more than a logistic regression", unit="money per year", ge=0,
                                le=_MOST_MONEY)
    data_file: str = field("table of customers; empty for the bundled sample")
    seed: int = field("seed of the split, the trainings and the bootstrap", ge=0, le=2**31 - 1)


class Row(data.Features):
    """The customers, a row each in any order; every further column may be a feature."""

    target: str = field("the outcome, a text or a number; empty: not known")

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "subscriptions.csv"

    @classmethod
    def columns(cls, parameters=None):
        """The reader names the column of the outcome."""
        return {"target": parameters.target_column if parameters else "outcome"}

    @classmethod
    def check(cls, frame, parameters=None):
        """The rows of known outcome: enough of them, and enough of each class."""
        name, left_out = cls.columns(parameters)["target"], frame.attrs.get("left_out", {})
        frame = frame[~frame["target"].str.lower().isin(data.GAPS)]
        frame.attrs["left_out"] = left_out
        if len(frame) < _FEWEST_ROWS:
            raise Refused(f"{name} is known in {len(frame)} rows; at least {_FEWEST_ROWS} are needed")
        counts = frame["target"].value_counts()
        if not 2 <= len(counts) <= _MOST_CLASSES:
            raise Refused(f"{name} must have 2 to {_MOST_CLASSES} different values (classes), got {len(counts)}")
        if counts.iloc[-1] < _FEWEST_EACH:
            raise Refused(f"{name} has {counts.iloc[-1]} rows with {counts.index[-1]!r}; at least {_FEWEST_EACH} of each "
                          "value are needed, merge rare ones or leave them out")
        return frame
