"""Inputs of the chapter *kmeans*."""

from datetime import date
from typing import Literal

from pydantic import model_validator

from .. import data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("campaign_gain", "highest")     # scenarios of a sweep are ranked by what the campaign brings

_FEWEST_CUSTOMERS = 30  # below this a marketer knows them by name, and no criterion tells one number of segments from another
_MOST_ROWS = 500_000


class Parameters(parameters.Parameters):
    """Transactions of customers, and how to group the customers."""

    customer_column: str = field("column that names the customer", min_length=1)
    date_column: str = field("column with the date of a purchase", min_length=1)
    amount_column: str = field("column with what was paid; negative is a return", min_length=1)
    end_date: str = field("last day to use, YYYY-MM-DD; empty: the last day of the file")
    history_months: int = field("purchases of this long before a date describe a customer", unit="months", ge=1, le=60)
    check_months: int = field("the segments are checked against what customers spend in this long", unit="months",
                              ge=1, le=24)
    segments: int = field("number of segments", ge=2, le=12)
    most_segments: int = field("largest number of segments that the criteria try", ge=3, le=12)
    scaling: Literal["log", "standard", "none"] = field(
        "log: logarithms, then equal spread; standard: equal spread alone; none: the numbers as they are")
    monetary: Literal["basket", "total"] = field("basket: money per purchase; total: money over the history")
    returns: Literal["subtract", "ignore"] = field("what a negative amount does to what a customer spent")
    margin: float = field("share of revenue that is left after the cost of the goods", unit="share", gt=0, le=1)
    contact_cost: float = field("cost of a campaign", unit="money per customer", ge=0, le=1_000_000)
    believed_uplift: float = field("rise of revenue by the campaign that you believe in", unit="share", ge=0, le=5)
    starts: int = field("starts of K-means, of which the best is kept", ge=1, le=20)
    bootstraps: int = field("resamples that measure stability", ge=10, le=50)
    references: int = field("structureless data sets of the gap statistic", ge=5, le=30)
    data_file: str = field("transactions; empty for the bundled sample")
    seed: int = field("seed of everything random", ge=0, le=2**32 - 1)

    @model_validator(mode="after")
    def _apart(self):
        names = [self.customer_column, self.date_column, self.amount_column]
        if len({name.lower() for name in names}) < 3:
            raise ValueError(f"customer_column, date_column and amount_column must differ, got {', '.join(names)}")
        if self.segments > self.most_segments:
            raise ValueError(f"segments must be <= most_segments {self.most_segments}, got {self.segments}")
        try:
            self.end_date and date.fromisoformat(self.end_date)
        except ValueError:
            raise ValueError(f"end_date must be a date (YYYY-MM-DD) or empty, got {self.end_date!r}") from None
        return self


class Row(data.Row):
    """Transactions, a row per purchase or return, in any order."""

    customer: str = field("who bought", min_length=1)
    date: data.LocalDate = field("when, a date or a local date and time")
    amount: float = field("what was paid; negative for a return", unit="money", ge=-1e9, le=1e9)
    known_segment: str | None = field("a segment the customer is known to be in, to compare with", default=None)

    @classmethod
    def columns(cls, parameters=None):
        """The reader's names of the first three columns."""
        names = super().columns(parameters)
        if parameters:
            names |= {"customer": parameters.customer_column, "date": parameters.date_column,
                      "amount": parameters.amount_column}
        return names

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "transactions.csv"

    @classmethod
    def check(cls, frame, parameters=None):
        """Rows up to the end date, by date; at least 30 customers bought in the history before it."""
        import pandas as pd

        if len(frame) > _MOST_ROWS:
            raise Refused(f"it has {len(frame):,} rows; at most {_MOST_ROWS:,} are read, join the purchases of a day")
        frame = frame[frame["amount"] != 0]
        last = frame["date"].max()
        if parameters and parameters.end_date:
            last = pd.Timestamp(parameters.end_date)
            frame = frame[frame["date"] <= last]
        bought = frame[frame["amount"] > 0]
        if parameters:
            bought = bought[bought["date"] > last - pd.DateOffset(months=parameters.history_months)]
        if (customers := bought["customer"].nunique()) < _FEWEST_CUSTOMERS:
            within = f" in the {parameters.history_months} months up to {last:%Y-%m-%d}" if parameters and len(frame) else ""
            raise Refused(f"{customers} customers bought something{within}; at least {_FEWEST_CUSTOMERS} are needed")
        return frame.sort_values(["date", "customer"], kind="stable", ignore_index=True)
