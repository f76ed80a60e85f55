"""Two finished runs or two sweeps side by side: the parameters and numbers that differ, by how much, and why they may."""

import io
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bizai.chapter.parameters import Refused, shorten, unit

from .chapters import find, payloads
from .results import FIRST, columns
from .runner import finished

__all__ = ["Comparison", "compare"]

_PARTS = {"notebook": "the chapter", "library": "the library", "data": "the data", "lock": "the locked packages"}
_NOT_FINITE = {"nan", "inf", "-inf"}        # how results.json writes them
_LISTED = 10            # scenarios that only one sweep has
_WIDEST = 60            # characters of a text in a column
_HEADER = {"unit": "unit", "differ": "scenarios", "a": "A", "b": "B", "difference": "B - A", "percent": "% of A",
           "scenario": "in scenario"}


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs or two sweeps of a chapter.

    Attributes
    ----------
    chapter : str
    parameters, numbers : pandas.DataFrame
        A row per parameter or recorded result that differs: `name`, `unit`, `a`, `b`, `difference` (b - a) and `percent`
        (of the size of a); the last two are NaN for texts. An element of a list is a row ``name[0]``. Of sweeps, a row tells
        about the scenario with the largest difference, `scenario`, and `differ` in how many the result differs; a row
        `status` tells of scenarios that are done in one sweep and not in the other.
    equal : int
        Results that are equal; of sweeps, those that are equal in all scenarios.
    scenarios : int or None
        Scenarios that are done in both sweeps, whose results were compared; None for runs.
    only_a, only_b : tuple of str
        Scenarios that only one sweep has.
    notes : tuple of str
        How the scenarios were matched, and what differs in what the two were made with.
    """

    chapter: str
    parameters: object
    numbers: object
    equal: int
    scenarios: int | None = None
    only_a: tuple = ()
    only_b: tuple = ()
    notes: tuple = ()

    @property
    def differs(self):
        """Whether a parameter, a result, or the set of scenarios differs."""
        return bool(len(self.parameters) or len(self.numbers) or self.only_a or self.only_b)

    def text(self):
        """All of it for a person, in plain columns."""
        both = {"parameter": self.parameters, "result": self.numbers}
        parts = [_table(title, frame) for title, frame in both.items() if len(frame)]
        lines = [_equal(self.equal, self.scenarios)]
        for side, names in (("A", self.only_a), ("B", self.only_b)):
            if names:
                more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
                lines.append(f"{_count(len(names), 'scenario')} only in {side}: {'; '.join(names[:_LISTED])}{more}")
        return "\n\n".join([*parts, "\n".join([*lines, *self.notes])])

    def json(self):
        """All of it for a program, as JSON; NaN and infinities are texts."""
        def rows(frame):
            return [{name: _as_json(cell) for name, cell in row.items()} for row in frame.to_dict("records")]

        return json.dumps({"chapter": self.chapter, "differs": self.differs, "parameters": rows(self.parameters),
                           "numbers": rows(self.numbers), "equal": self.equal, "scenarios": self.scenarios,
                           "only_a": self.only_a, "only_b": self.only_b, "notes": self.notes},
                          indent=1, ensure_ascii=False, allow_nan=False)

    def csv(self):
        """Parameters and results that differ as one CSV table, a column `kind` in front."""
        import pandas as pd

        from bizai.chapter.show import harmless

        both = pd.concat([self.parameters.assign(kind="parameter"), self.numbers.assign(kind="result")])
        return harmless(both[["kind", *self.numbers.columns]]).to_csv(index=False, lineterminator="\n")


def _count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _equal(equal, scenarios):
    """The sentence on what is equal."""
    if scenarios == 0:
        return "no scenario is done in both"
    where = "" if scenarios is None else f" in all of {_count(scenarios, 'scenario')} done in both"
    return f"{_count(equal, 'result')} {'is' if equal == 1 else 'are'} equal{where}"


def _as_json(value):
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_missing(value):
    return value is None or value != value


def _same(a, b, rtol):
    """Whether two values are equal: numbers within rtol, NaN to NaN, a number to the text that writes it."""
    if _is_missing(a) or _is_missing(b):
        return _is_missing(a) and _is_missing(b)
    if _is_number(a) and _is_number(b):
        return a == b or rtol > 0 and math.isclose(a, b, rel_tol=rtol)
    if isinstance(a, str) or isinstance(b, str):
        return str(a) == str(b)
    return a == b and type(a) is type(b)


def _difference(a, b):
    """b - a, and that in percent of the size of a; NaN where there is none."""
    if not (_is_number(a) and _is_number(b)):
        return math.nan, math.nan
    try:
        difference = float(b - a)
        return difference, 100 * difference / abs(a) if a and math.isfinite(a) else math.nan
    except OverflowError:
        return math.inf if b > a else -math.inf, math.nan


def _elements(name, a, b):
    """(name, a, b) of two values, of each of their elements if they are lists."""
    if not (isinstance(a, list) or isinstance(b, list)):
        return [(name, _number(a), _number(b))]
    a, b = a if isinstance(a, list) else [a], b if isinstance(b, list) else [b]
    longest = max(len(a), len(b))
    pairs = zip(a + [None] * (longest - len(a)), b + [None] * (longest - len(b)))
    return [element for place, pair in enumerate(pairs) for element in _elements(f"{name}[{place}]", *pair)]


def _number(value):
    """A recorded value; what results.json writes as text because JSON has no such number is one again."""
    return float(value) if isinstance(value, str) and value in _NOT_FINITE else value


def _short(value, other=None):
    """A value in six digits, in all of them where it would look like the other one."""
    if _is_missing(value):
        return "none"
    if not isinstance(value, float):
        return str(value)
    short = f"{value:.6g}"
    return repr(value) if isinstance(other, float) and short == f"{other:.6g}" else short


def _table(title, frame):
    """The rows that differ, in columns."""
    rows = [[title, *(_HEADER[name] for name in frame.columns[1:])]]
    for row in frame.to_dict("records"):
        difference, percent = row["difference"], row["percent"]
        shown = row | {"a": _short(row["a"], row["b"]), "b": _short(row["b"], row["a"]),
                       "difference": "" if math.isnan(difference) else f"{difference:+.6g}",
                       "percent": "" if math.isnan(percent) else f"{percent:+.4g}%"}
        cells = [" ".join(str(shown[name]).split()) for name in frame.columns]
        rows.append([cell if len(cell) <= _WIDEST else f"{cell[:_WIDEST - 3]}..." for cell in cells])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


@dataclass(frozen=True)
class _Side:
    """A run, or a sweep without its stale rows, as columns of plain Python values (None for an empty cell)."""

    folder: Path            # of the runs
    chapter: str
    parameters: dict        # column to values
    results: dict
    units: dict             # column to unit
    rows: dict              # name, key and status
    stale: int | None       # None for a run

    def __len__(self):
        return len(self.rows["key"])

    def label(self, row):
        """A scenario in words: its name, or the parameters that vary."""
        return self.rows["name"][row] or self._settings[row] or self.rows["key"][row]

    @cached_property
    def _settings(self):
        varied = [name for name, values in self.parameters.items() if len(set(map(str, values))) > 1]
        return [", ".join(f"{name}={self.parameters[name][row]}" for name in varied) for row in range(len(self))]


def _units(chapter):
    """Columns of the parameters and of the results with their units; none for a chapter that the book has no longer."""
    try:
        found = find(chapter)
    except Refused:
        return {}
    fields = found.inputs.Parameters.model_fields
    records = {record["name"]: record["unit"] for record in payloads(found.notebook, "record")}
    of_parameters, of_results = columns(fields, records)
    return ({column: unit(fields[name]) for name, column in of_parameters.items()}
            | {column: records[name] for name, column in of_results.items()})


def _run(folder):
    """A finished run."""
    found = finished(folder)
    if found is None:
        raise Refused(f"{folder / 'results.json'} is not what a finished run leaves")
    of_parameters, of_results = columns(found["parameters"], found["records"])
    units = {of_results[name]: record.get("unit", "") for name, record in found["records"].items()}
    return _Side(folder.parent, found["chapter"], {of_parameters[name]: [v] for name, v in found["parameters"].items()},
                 {of_results[name]: [record["value"]] for name, record in found["records"].items()},
                 _units(found["chapter"]) | units, {"name": [""], "key": [folder.name], "status": ["done"]}, None)


def _sweep(path):
    """The table of a sweep."""
    import pandas as pd

    try:
        frame = pd.read_parquet(io.BytesIO(path.read_bytes()))      # at once: a sweep that runs may replace it
        chapter, given = frame.attrs["chapter"], frame.attrs["parameters"]
        current = frame[frame["status"] != "stale"]
        cells = {name: [None if missing else value for value, missing in zip(current[name].tolist(), current[name].isna())]
                 for name in current}
        rows, parameters = ({name: cells.pop(name) for name in names} for names in (FIRST, given))
    except Exception as error:      # whatever the readers of damaged files raise
        raise Refused(f"{path} cannot be read as the table of a sweep ({type(error).__name__})") from None
    return _Side(path.parent, chapter, parameters, cells, _units(chapter), rows, len(frame) - len(current))


def _load(path):
    """What a person may point to."""
    if not str(path):
        raise Refused("the name of a run or sweep is empty")
    path = Path(path)
    if not path.exists():
        raise Refused(f"{path} does not exist")
    if (path / "results.json").is_file() or path.name == "results.json":
        return _run(path.parent if path.is_file() else path)
    if path.is_file() or (path / "results.parquet").is_file():
        return _sweep(path if path.is_file() else path / "results.parquet")
    if (path / "cause.txt").is_file():
        raise Refused(f"{path} is a failed run and has no results")
    below = sorted(found.parent.name for found in path.glob("*/results.parquet"))
    raise Refused(f"{path} holds neither results.json (a run) nor results.parquet (a sweep)"
                  + (f"; there are {', '.join(below)} in it" if below else ""))


def _match(a, b, by):
    """Pairs of rows of the two sides with the same parameters, as far as both have them, or with the same name."""
    shared = [name for name in a.parameters if name in b.parameters]

    def rows(side):
        found = {}
        for row in range(len(side)):
            what = side.rows["name"][row] if by == "name" else tuple(side.parameters[name][row] for name in shared)
            first = found.setdefault(what, row)
            if by == "name" and what and first != row:
                raise Refused(f"the name {shorten(what)} stands twice in {side.folder}; match by parameters")
            if by != "name" and side.rows["key"][first] != side.rows["key"][row]:
                raise Refused(f"several scenarios in {side.folder} are alike in all parameters that both sweeps have "
                              f"({side.label(first)}; {side.label(row)}); match them by name")
        return found

    left, right = rows(a), rows(b)
    return [(row, right[what]) for what, row in left.items() if what in right and what not in ("", None)]


def _pairs(a, b, by):
    """Pairs of rows, and how they were matched."""
    if a.stale is None:
        return [(0, 0)], ""
    if by:
        return _match(a, b, by), by
    refused = None
    for how in ("parameters", "name"):
        try:
            if pairs := _match(a, b, how):
                return pairs, how
        except Refused as error:
            refused = refused or how == "parameters" and error      # that names are no better is no news
    if refused:
        raise refused
    return [], "parameters"


def _list(cell):
    """The list that a cell of a table holds as JSON, or the cell."""
    if isinstance(cell, str) and cell.startswith("["):
        try:
            return json.loads(cell)
        except ValueError:
            pass
    return cell


def _differing(column, left, right, pairs, a, b, rtol=0):
    """Rows about a column that differs: in how many scenarios, and the largest difference; one per element of lists."""
    found = {}
    left, right = left.get(column, [None] * len(a)), right.get(column, [None] * len(b))
    for i, j in pairs:
        if type(left[i]) is type(right[j]) and left[i] == right[j]:
            continue
        for name, x, y in _elements(column, _list(left[i]), _list(right[j])):
            if not _same(x, y, rtol):
                found.setdefault(name, []).append((i, x, y, *_difference(x, y)))

    def size(case):
        return math.inf if math.isnan(case[3]) else abs(case[3])

    for name, cases in found.items():
        i, x, y, difference, percent = max(cases, key=size)
        yield {"name": name, "unit": b.units.get(column, ""), "differ": len(cases), "a": x, "b": y,
               "difference": difference, "percent": percent, "scenario": a.label(i)}


def _frame(rows, is_sweep):
    """Rows that differ, as a DataFrame; values keep their own types."""
    import pandas as pd

    names = ["name", "unit", *(["differ"] if is_sweep else []), "a", "b", "difference", "percent"]
    frame = pd.DataFrame(rows, columns=names + ["scenario"] * is_sweep, dtype=object)
    return frame.astype({"difference": float, "percent": float} | ({"differ": int} if is_sweep else {}))


def _only(side, matched):
    """Labels of the runs of a sweep that none of the matched rows is."""
    keys = {side.rows["key"][row] for row in matched}
    return tuple(side.label(row) for row, key in enumerate(side.rows["key"]) if key not in keys)


def _made_with(a, b):
    """One line on what differs in the provenance of two runs."""
    parts = [words for part, words in _PARTS.items() if a["hashes"].get(part) != b["hashes"].get(part)]
    old, new = a.get("versions", {}), b.get("versions", {})
    parts += [f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}" for name in {**old, **new}
              if old.get(name) != new.get(name)]
    if not parts:
        return "made with the same chapter, library, data and packages"
    return f"not made with the same: {', '.join(parts)}"


def _notes(a, b, pairs, done, how):
    """How the scenarios were matched, what was left out, and what the runs were made with."""
    if pairs and how:
        yield f"scenarios matched by {how}"
    if neither := sum("done" not in (a.rows["status"][i], b.rows["status"][j]) for i, j in pairs):
        yield f"{_count(neither, 'scenario')} done in neither"
    for name, side in (("A", a), ("B", b)):
        if side.stale:
            yield f"{_count(side.stale, 'stale run')} of {name} left out"
    if done:        # one scenario stands for all: stale runs are left out
        runs = [finished(side.folder / side.rows["key"][row]) for side, row in zip((a, b), done[0])]
        if all(runs):           # a table may have been moved away from its runs
            yield _made_with(*(run["provenance"] for run in runs))


def compare(a, b, *, rtol=0, by=None):
    """Compare two finished runs or two sweeps of a chapter.

    Scenarios are matched by the parameters that both sweeps have; if none has the same, by name where names are unique.

    Parameters
    ----------
    a, b : path
        The folder of a finished run, or the folder ``DIR/CHAPTER`` of a sweep (or its results.parquet).
    rtol : float
        Numbers are equal if they differ by at most this share of the larger; 0 for exactly equal. NaN equals NaN.
    by : {"parameters", "name"}, optional
        What scenarios are matched by.

    Returns
    -------
    Comparison

    Raises
    ------
    Refused
        If one of them is neither, if they are not two of a kind, or if they are of different chapters.
    """
    if not (_is_number(rtol) and 0 <= rtol < 1):
        raise Refused(f"rtol must be a number >= 0 and < 1, got {shorten(rtol)}")
    if by not in (None, "parameters", "name"):
        raise Refused(f"scenarios are matched by 'parameters' or 'name', got {shorten(by)}")
    left, right = _load(a), _load(b)
    sweeps = [side.stale is not None for side in (left, right)]
    if sweeps[0] != sweeps[1]:
        raise Refused(f"{a} is a {'sweep' if sweeps[0] else 'run'} and {b} a {'sweep' if sweeps[1] else 'run'}; "
                      "compare two of a kind")
    if left.chapter != right.chapter:
        raise Refused(f"{a} is of the chapter {left.chapter} and {b} of {right.chapter}; compare two of a chapter")
    pairs, how = _pairs(left, right, by)
    done = [(i, j) for i, j in pairs if left.rows["status"][i] == right.rows["status"][j] == "done"]
    inputs = [row for name in left.parameters | right.parameters
              for row in _differing(name, left.parameters, right.parameters, pairs, left, right)]
    outputs = [list(_differing(name, left.results, right.results, done, left, right, rtol))
               for name in left.results | right.results]
    status = list(_differing("status", left.rows, right.rows, pairs, left, right))
    return Comparison(left.chapter, _frame(inputs, sweeps[0]), _frame(sum(outputs, status), sweeps[0]),
                      equal=sum(not rows for rows in outputs) if done else 0, scenarios=len(done) if sweeps[0] else None,
                      only_a=_only(left, {i for i, _ in pairs}), only_b=_only(right, {j for _, j in pairs}),
                      notes=tuple(_notes(left, right, pairs, done, how)))
