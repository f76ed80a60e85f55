"""Recorded numbers: at full precision in the cell's output, and by name in the prose.

One mechanism serves regression tests, numbers inside prose, results of reruns and verdicts.
"""

import math
import numbers
import re

__all__ = ["MIME", "records", "record", "say", "emit"]

MIME = "application/vnd.bizai.{}+json"

_records = {}

# Between these signs Markdown would begin HTML, an address of a link (unless within the page), a definition, a bare
# address. An invisible sign (U+2060, word joiner) keeps them apart, in code and formulas too, where entities would show.
_BEGINS = re.compile(r"(?<=<)(?=[A-Za-z/!?])|(?<=\])(?=\((?!#)|:)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_APART = "\u2060"


def emit(kind, payload, data=None, metadata=None):
    """Put a machine-readable payload into the cell's output, beside what a person sees (`data`, may be empty)."""
    from IPython.display import display

    bundle = dict(data or {})
    if payload is not None:
        bundle[MIME.format(kind)] = payload
    display(bundle, raw=True, metadata=metadata or {})


def _plain(name, value):
    """`value` as JSON can hold it; NaN and infinities as text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(name, item) for item in value]
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else str(float(value))
    raise TypeError(f"record {name}: value must be a number, a text or a list of them, got {type(value).__name__}")


def record(name, value, unit="", *, rtol=1e-9, headline=""):
    """Store a number of the chapter and return it.

    Parameters
    ----------
    name : str
        A Python identifier, unique in the chapter.
    value : number, bool, str, or array of them
    unit : str
    rtol : float
        Relative tolerance within which a rerun with the same inputs has to reproduce the number.
    headline : str
        Label in plain words; a number with a headline leads the report and is printed by ``bizai run``.
    """
    if not str(name).isidentifier():
        raise ValueError(f"name must be a Python identifier, got {name!r}")
    _records[name] = value
    emit("record", {"name": name, "value": _plain(name, value), "unit": unit, "rtol": rtol, "headline": headline})
    return value


def records():
    """The numbers recorded so far in this process, name to value."""
    return dict(_records)


def say(template, **more):
    """Show a Markdown text whose numbers are the recorded ones.

    Labels from a reader's file may stand in it: HTML, links out of the page and link definitions are shown as they are
    written. Links within the page (``[text](#place)``) work.

    Parameters
    ----------
    template : str
        Markdown with ``{name:format}`` fields, filled from the recorded numbers.
    more : values that are derived from recorded ones
    """
    text = template.format(**_records, **more)
    emit("text", None, {"text/markdown": _BEGINS.sub(_APART, text), "text/plain": text})
