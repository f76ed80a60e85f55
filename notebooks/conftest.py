"""How nbval compares a chapter with its committed outputs: text and integers exactly, floats within a tolerance.

nbval compares strings and skips images. Here a number with a decimal point or an exponent may differ by the cell's
relative tolerance (cell metadata ``{"bizai": {"rtol": 1e-4}}``, else 1e-6), a recorded number by its own `rtol`, and
everything else has to be equal. Of a figure it is compared that it is there; the data behind it are an output of their own. A cell that was never executed, a stripped notebook and an error output fail.
"""

import itertools
import json
import math
import os
import re
import tempfile

import nbval.kernel
import pytest
from jupyter_client.manager import KernelManager
from nbval import plugin

from bizai.rerun.execute import ENVIRONMENT

os.environ.update(ENVIRONMENT)      # as the committed outputs were computed

_sockets, _number = tempfile.TemporaryDirectory(prefix="bizai-"), itertools.count()


def _manager(**options):
    """A kernel reached through files, as in `bizai.rerun.execute`."""
    return KernelManager(transport="ipc", connection_file=f"{_sockets.name}/{next(_number)}.json", **options)


nbval.kernel.KernelManager = _manager

RTOL = 1e-6
_FLOAT = re.compile(r"[-+−]?(?:\d+\.\d+|\d+(?=[eE][-+]?\d)|\.\d+)(?:[eE][-+]?\d+)?")


def _shape(found):
    """What of a float's text has to be equal: a plus sign, the number of decimals, whether there is an exponent."""
    mantissa, mark, _ = found[0].lower().partition("e")
    return f"\0{mantissa[0] == '+'}{len(mantissa.partition('.')[2])}{mark}"


def close(reference, value, rtol):
    """Whether two floats agree, NaN with NaN and infinities with themselves."""
    return reference == value or math.isclose(reference, value, rel_tol=rtol, abs_tol=1e-12) or (
        math.isnan(reference) and math.isnan(value))


def same(reference, value, rtol=RTOL):
    """Whether two outputs agree: texts by skeleton, integers and floats; JSON by its parts."""
    if isinstance(reference, dict) and isinstance(value, dict):
        if {"name", "value", "rtol"} <= reference.keys():       # a record is compared within its own tolerance
            if reference["rtol"] != value.get("rtol"):
                return False
            rtol = reference["rtol"]
        return reference.keys() == value.keys() and all(same(reference[k], value[k], rtol) for k in reference)
    if isinstance(reference, list) and isinstance(value, list):
        return len(reference) == len(value) and all(map(lambda pair: same(*pair, rtol), zip(reference, value)))
    if isinstance(reference, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return close(reference, value, rtol)
    if isinstance(reference, str) and isinstance(value, str):
        floats = [_FLOAT.findall(text) for text in (reference, value)]
        numbers = [[float(f.replace("−", "-")) for f in found] for found in floats]
        skeletons = [_FLOAT.sub(_shape, text) for text in (reference, value)]
        return skeletons[0] == skeletons[1] and all(close(a, b, rtol) for a, b in zip(*numbers))
    return type(reference) is type(value) and reference == value


class Tolerant(str):
    """An output value that nbval compares by `same` and prints as text."""

    def __new__(cls, value, rtol):
        """Keep the value beside its text."""
        text = super().__new__(cls, value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True))
        text.value, text.rtol = value, rtol
        return text

    def __eq__(self, other):
        return same(self.value, other.value, self.rtol)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


def sanitize(cell, value):
    """nbval's hook for each output value; of a figure only that it is there."""
    if isinstance(value, str) and value.lstrip().startswith(("<?xml", "<svg")):
        return "a figure"
    return Tolerant(value, cell.cell.metadata.get("bizai", {}).get("rtol", RTOL))


def runtest(cell, compare=plugin.IPyNbCell.runtest):
    """Refuse a reference that proves nothing, then compare."""
    if cell.cell.source.strip() and cell.cell.execution_count is None:
        cell.raise_cell_error("the committed cell was never executed: make refresh")
    if not cell.options["check"] or cell.options["skip"] or cell.options["check_exception"]:
        cell.raise_cell_error("nbval's markers are not allowed in a chapter")
    if any(output.output_type == "error" for output in cell.cell.outputs):
        cell.raise_cell_error("the committed cell holds an error output")
    compare(cell)


class Stripped(pytest.Item):
    """Fails for a notebook that was committed without outputs."""

    def runtest(self):
        """Always fails."""
        pytest.fail("the committed notebook has no outputs: make refresh", pytrace=False)


def collect(notebook, cells=plugin.IPyNbFile.collect):
    """nbval's cells; one failing item more where there are no outputs."""
    yield from cells(notebook)
    if not any(cell.get("outputs") for cell in notebook.nb.cells):
        yield Stripped.from_parent(notebook, name="outputs")


plugin.IPyNbCell.sanitize = sanitize
plugin.IPyNbCell.runtest = runtest
plugin.IPyNbFile.collect = collect
