"""Inputs of the chapter *collaborative_filtering*: ratings or purchases, and what is known about the items."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, model_validator

from .. import data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST", "item_features"]

BEST = ("deployed_hit_rate", "highest")     # scenarios of a sweep are ranked by how many users like something in their list

_FEWEST_RATINGS, _FEWEST_USERS, _FEWEST_ITEMS = 30, 5, 5    # below these nothing can be held out and judged
_MOST_ROWS = 2_000_000
_MOST_FEATURES = 40


class Parameters(parameters.Parameters):
    """Who rated or bought what, and which lists to make of it."""

    user_column: str = field("column that names the user or customer", min_length=1)
    item_column: str = field("column that names the item", min_length=1)
    rating_column: str = field("column with the rating; empty: the file is a log of purchases")
    quantity_column: str = field("column with the quantity of a purchase; if it is not there, each row counts once")
    time_column: str = field("column with the time of the rating or purchase; if it is not there, the test is random")
    features: str = field("columns that describe the items, separated by commas; empty: all that are constant per item")
    top_n: int = field("length of a list of recommendations", unit="items", ge=1, le=50)
    relevance: float | None = field("a rating of at least this much counts as liked; None: at least the user's own mean",
                                    ge=-1e6, le=1e6)
    neighbours: int = field("similar users, or similar items, that are asked at most", ge=1, le=200)
    factors: int = field("factors of the matrix factorisation and of the implicit model", ge=1, le=30)
    l2: float = field("penalty on the factors of the matrix factorisation, per rating", ge=1e-4, le=100)
    alpha: float = field("weight of a purchase in the implicit model, per piece", ge=0.01, le=1000)
    test_share: float = field("part of each user's ratings or purchases that is held out", unit="share", ge=0.05, le=0.5)
    data_file: str = field("ratings or purchases; empty for the bundled sample")
    seed: int = field("seed of splits, starts and resampling", ge=0, le=2**32 - 1)

    @model_validator(mode="after")
    def _apart(self):
        if self.user_column.lower() == self.item_column.lower():
            raise ValueError(f"user_column and item_column must differ, got {self.user_column} twice")
        return self


def _moment(value):
    """A date, a local date and time, or a number (seconds since 1970, or any number that grows with time)."""
    if not isinstance(value, str):
        return value
    if re.fullmatch(r"\d{1,13}(\.\d+)?", value):
        return datetime(1970, 1, 1) + timedelta(seconds=float(value) / (1000 if float(value) > 1e11 else 1))
    moment = re.fullmatch(r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?Z?", value)
    if not moment:
        raise ValueError("no date, no time and no number")
    return datetime.combine(date.fromisoformat(value), datetime.min.time()) if not moment[2] else value.rstrip("Z")


class Row(data.Features):
    """Ratings, or purchases, a row each in any order. Further columns that are constant per item describe the items."""

    needs_features: ClassVar[bool] = False
    user: str = field("who rated or bought, a name or a number", min_length=1, max_length=200)
    item: str = field("what was rated or bought, a name or a number", min_length=1, max_length=200)
    rating: float | None = field("the rating, on any scale; a row without one is left out", default=None, ge=-1e6, le=1e6)
    quantity: float | None = field("how much was bought; negative for a return", default=None, ge=-1e6, le=1e6)
    date: Annotated[datetime, BeforeValidator(_moment)] | None = field(
        "when: a date, a date and time, or a number that grows with time", default=None)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "ratings.csv"

    @classmethod
    def columns(cls, parameters=None):
        """The reader's own column names."""
        names = {"user": "user_column", "item": "item_column", "rating": "rating_column", "quantity": "quantity_column",
                 "date": "time_column"}
        return {name: getattr(parameters, parameter, name) for name, parameter in names.items()}

    @classmethod
    def check(cls, frame, parameters=None):
        """One row per user and item, by user and item, with a column `rating` or `quantity`; then what describes items.

        Of a pair that was rated several times the last rating counts if there are times, else the mean; purchases of a pair
        are added up, and dated by the first. `frame.attrs` tells how many rows were `unrated` or `returned` and left out,
        how many were `repeated`, and which columns were `left_out` as features, with the reason.
        """
        if len(frame) > _MOST_ROWS:
            raise Refused(f"it has {len(frame):,} rows; at most {_MOST_ROWS:,} are read, give it fewer users")
        own, listed = cls.columns(parameters), cls.listed(parameters)
        _no_ratings_overlooked(frame, own, listed)
        described, no_features = _described(frame)
        if listed and no_features:
            name, reason = next(iter(no_features.items()))
            raise Refused(f"the column {name} cannot describe the items: {reason}")
        items = frame[["item", *described]].groupby("item").first()
        attrs = {"left_out": frame.attrs.get("left_out", {}) | no_features, "rows": len(frame)}
        frame = frame[[name for name in frame if name in cls.model_fields]]
        if "rating" in frame:
            frame = frame.drop(columns="quantity", errors="ignore")
            known = frame.dropna(subset="rating")
            attrs |= {"unrated": len(frame) - len(known), "returned": 0}
            merged = _last_or_mean(known)
        else:
            known = frame.assign(quantity=frame["quantity"].fillna(1.0) if "quantity" in frame else 1.0)
            merged = _sum(known)
            attrs |= {"unrated": 0, "returned": int((merged["quantity"] <= 0).sum())}
            merged = merged[merged["quantity"] > 0].reset_index(drop=True)
        attrs["repeated"] = len(known) - len(merged) - attrs["returned"]
        _enough(merged, own)
        least = getattr(parameters, "relevance", None)
        if "rating" in merged and least is not None and least > merged["rating"].max():
            raise Refused(f"the highest rating in {own['rating']} is {merged['rating'].max():g}; relevance must not be above "
                          f"it, got {least:g}")
        for name in described:
            merged[name] = merged["item"].map(items[name])
        merged.attrs = attrs
        return merged


def item_features(frame):
    """What describes the items: a row per item, the item as index, a column per feature (none, perhaps).

    Parameters
    ----------
    frame : pandas.DataFrame
        As `read_csv` gives it with `Row`.
    """
    columns = [name for name in frame if name not in Row.model_fields]
    table = frame.drop_duplicates("item").set_index("item")[columns].sort_index()
    for name in columns:
        if table[name].dtype.kind != "f":
            table[name] = table[name].astype(object).where(table[name].notna(), None)
    return table


def _last_or_mean(known):
    """One rating per pair: the last if every row has a time, else the mean."""
    if "date" in known and known["date"].isna().any():
        known = known.drop(columns="date")                  # an order of some rows is no order
    pairs = ["user", "item"]
    if "date" in known:
        return (known.sort_values("date", kind="stable").drop_duplicates(pairs, keep="last")
                .sort_values(pairs, ignore_index=True))
    return known.groupby(pairs, as_index=False, sort=True)["rating"].mean()


def _sum(known):
    """One row per pair: what was bought in all, and when first."""
    if "date" in known and known["date"].isna().any():
        known = known.drop(columns="date")
    parts = {"quantity": "sum"} | ({"date": "min"} if "date" in known else {})
    return known.groupby(["user", "item"], as_index=False, sort=True).agg(parts)


def _enough(merged, own):
    """Refuse a table from which nothing can be learned, or on which nothing can be tested."""
    what = "ratings" if "rating" in merged else "pairs of a customer and an item bought"
    users, items = merged["user"].nunique(), merged["item"].nunique()
    if len(merged) < _FEWEST_RATINGS or users < _FEWEST_USERS or items < _FEWEST_ITEMS:
        raise Refused(f"it has {len(merged)} {what}, of {users} users and {items} items; at least {_FEWEST_RATINGS} "
                      f"{what}, {_FEWEST_USERS} users and {_FEWEST_ITEMS} items are needed")
    if "rating" in merged and merged["rating"].nunique() == 1:
        raise Refused(f"all ratings in {own['rating']} are {merged['rating'].iloc[0]:g}: there is nothing to learn; if it is "
                      "a log of purchases, write rating_column= (empty)")
    if users == len(merged):
        raise Refused(f"every user in {own['user']} has one item only; what goes together cannot be learned, at least "
                      "some users need two or more")
    if (merged["user"].value_counts() >= 2).sum() < _FEWEST_USERS:
        raise Refused(f"fewer than {_FEWEST_USERS} users in {own['user']} have two items or more; nothing can be held out "
                      "to test on")


def _described(frame):
    """Names of the columns that describe the items, and those that do not (name to reason).

    A column that has several values for one item describes the rating, not the item.
    """
    names, left_out = [], {}
    for name in (name for name in frame if name not in Row.model_fields):
        by_item = frame.groupby("item", sort=True)[name]
        several = by_item.nunique() > 1
        values = by_item.first().dropna()
        numbered = values.dtype.kind == "f" and (values.sort_values().diff().iloc[1:] == 1).all()
        if several.any():
            left_out[name] = f"it has several values for the item {several.idxmax()}"
        elif values.nunique() == 1 and len(values) == frame["item"].nunique():
            left_out[name] = "it is the same for every item"
        elif values.is_unique and (values.dtype.kind != "f" or numbered):
            left_out[name] = "it " + ("numbers the items" if numbered else "is another text for every item")
        elif len(names) == _MOST_FEATURES:
            left_out[name] = f"{_MOST_FEATURES} columns are used already"
        else:
            names.append(name)
    return names, left_out


def _no_ratings_overlooked(frame, own, listed):
    """Refuse a file that seems to have ratings in a column that the parameters do not name."""
    if "rating" in frame or "quantity" in frame or not own["rating"]:
        return
    sentence = f"it lacks the column {own['rating']}, which rating_column names"
    log = "if the file is a log of purchases, write rating_column= (empty)"
    if listed:
        raise Refused(f"{sentence}; {log}")                 # only ratings are learned from features
    for name in (name for name in frame if name not in Row.model_fields):
        column = frame[name]
        if column.dtype.kind == "f" and column.notna().all() and (column.groupby(frame["item"]).nunique() > 1).any():
            raise Refused(f"{sentence}; is it {name}? {log[0].upper()}{log[1:]}")
