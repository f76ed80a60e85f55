"""What a chapter needs around the mathematics: parameters, data, recorded numbers, verdicts, tables and figures."""

from .agreement import agreement
from .claims import claim
from .data import read_csv
from .parameters import validate
from .record import record, say
from .show import figure, source, style, table

__all__ = ["agreement", "claim", "figure", "read_csv", "record", "say", "source", "style", "table", "validate"]
