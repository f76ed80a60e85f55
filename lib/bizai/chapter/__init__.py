"""What a chapter needs around the mathematics: parameters, data, recorded numbers, verdicts, tables and figures."""

from .agreement import agreement
from .data import read_csv
from .parameters import validate
from .record import record, say
from .show import download, figure, source, style, table
from .verdicts import claim, claims

__all__ = ["agreement", "claim", "claims", "download", "figure", "read_csv", "record", "say", "source", "style", "table", "validate"]
