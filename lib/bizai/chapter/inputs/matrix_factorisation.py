"""Inputs of the chapter *matrix_factorisation*: ratings, and what a recommendation is worth."""

from pydantic import model_validator

from .. import parameters
from ..parameters import Refused, field
from . import collaborative_filtering

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("best_error", "lowest")     # scenarios of a sweep are ranked by the error of the predictions

_OTHER = "a log of purchases without ratings is for the chapter collaborative_filtering"


class Parameters(parameters.Parameters):
    """Ratings, the models to compare on them, and what follows from a good or a bad recommendation."""

    factors: int = field("hidden properties per user and item", ge=1, le=20)
    l2: float = field("penalty on factors and biases, per rating", ge=1e-3, le=10)
    neighbours: int = field("most similar items that the neighbourhood method averages", ge=1, le=200)
    samples: int = field("draws of the Bayesian model that are kept", ge=20, le=200)
    parts: int = field("parts of the ratings, each predicted from the others", ge=2, le=10)
    liked: float | None = field("rating from which on an item counts as liked; None: three quarters up the scale "
                                "of the file", ge=-1e6, le=1e6)
    gain_liked: float = field("worth of recommending an item that is liked", unit="money per recommendation", gt=0,
                              le=1e9)
    loss_disliked: float = field("cost of recommending an item that is not liked", unit="money per recommendation",
                                 gt=0, le=1e9)
    ask_cost: float = field("cost of asking a user whether she would like an item", unit="money per question",
                            ge=0, le=1e9)
    per_user: int = field("recommendations per user in the list to take along", ge=1, le=20)
    user_column: str = field("column that names the user", min_length=1)
    item_column: str = field("column that names the item", min_length=1)
    rating_column: str = field("column with the rating")
    time_column: str = field("column with the time of the rating; it need not be there")
    features: str = field("columns that describe the items, separated by commas; empty: all constant per item")
    data_file: str = field("ratings; empty for the bundled sample")
    seed: int = field("seed of parts, starting values and draws", ge=0, le=2**31)

    @model_validator(mode="after")
    def _ratings(self):
        if not self.rating_column:
            raise ValueError(f"rating_column must name the column with the ratings, got an empty text; {_OTHER}")
        if self.user_column.lower() == self.item_column.lower():
            raise ValueError(f"user_column and item_column must differ, got {self.user_column} twice")
        return self


class Row(collaborative_filtering.Row):
    """Ratings, a row each in any order. Further columns that are constant per item describe the items."""

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own column names; quantities are not read here."""
        return super().columns(parameters) | {"quantity": ""}

    @classmethod
    def check(cls, frame, parameters=None):
        """One rating per pair, as in the chapter *collaborative_filtering*; `liked` lies on the scale."""
        name = cls.columns(parameters)["rating"]
        if "rating" not in frame or frame["rating"].isna().all():
            what = "lacks the column" if "rating" not in frame else "has no rating in the column"
            raise Refused(f"it {what} {name}, which rating_column names; {_OTHER}")
        frame = super().check(frame, parameters)
        low, high = frame["rating"].min(), frame["rating"].max()
        liked = getattr(parameters, "liked", None)
        if liked is not None and not low < liked <= high:
            raise Refused(f"the ratings in {name} go from {low:g} to {high:g}; liked must be above {low:g} and at "
                          f"most {high:g}, got {liked:g}")
        return frame
