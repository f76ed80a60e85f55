"""The row model of a table with an outcome of 0 or 1 beside any features."""

from . import data
from .parameters import Refused, field

__all__ = ["Outcome"]

_FEWEST_ROWS, _FEWEST_EACH = 30, 8      # below these neither a fit nor its test on other rows says anything
_MOST_FEATURES = 200


class Outcome(data.Features):
    """Cases in any order. The parameter `target_column` names the outcome's column; every further one may be a feature."""

    target: int | None = field("1 or 0; empty: not known yet", default=None, ge=0, le=1)

    @classmethod
    def columns(cls, parameters=None):
        """The reader names the column of the outcome."""
        return {"target": parameters.target_column if parameters else "target"}

    @classmethod
    def check(cls, frame, parameters=None):
        """Enough rows with a known outcome, and enough of either outcome."""
        name = cls.columns(parameters)["target"]
        if "target" not in frame:
            raise Refused(f"it lacks the column {name}, which target_column names")
        if frame.shape[1] - 1 > _MOST_FEATURES:
            raise Refused(f"it has {frame.shape[1] - 1} features; name at most {_MOST_FEATURES} of them in the parameter "
                          "features")
        known = frame["target"].dropna()
        if len(known) < _FEWEST_ROWS:
            raise Refused(f"{name} has {len(known)} rows with 0 or 1; at least {_FEWEST_ROWS} are needed")
        if (fewer := int(min(known.sum(), (1 - known).sum()))) < _FEWEST_EACH:
            raise Refused(f"{name} has {fewer} rows of one of the values 0 and 1; at least {_FEWEST_EACH} of each are "
                          "needed")
        return frame
