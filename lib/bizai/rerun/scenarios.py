"""Scenarios of a sweep: read from a table or a plan, and every one checked before the first runs."""

import math
import os
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby, product
from pathlib import Path
from typing import Literal

from bizai.chapter import parameters
from bizai.chapter.data import called, file_text, read_cells
from bizai.chapter.parameters import Refused, field, printable, shorten, types, validate

from .jobs import Checks

__all__ = ["MANY", "MOST", "Scenario", "read", "check", "notice"]

MANY = 10_000           # beyond this the library's vectorised calls are the better tool
MOST = 1_000_000
_EXACT = 2**53          # below it every integer is a floating-point number
_LINES = 50             # of a report, before faults of one kind are told together
_FILE = "scenario file"


@dataclass(frozen=True)
class Scenario:
    """One set of parameters that a sweep runs.

    Attributes
    ----------
    row : int
        Line of the CSV file; 1, 2, ... where there is none.
    name : str
        Empty where none was given.
    parameters : dict
        Name to value as it was given, the text of a file unconverted. The chapter's defaults stand for the others.
    """

    row: int
    name: str
    parameters: dict


class _Report(Refused):
    """A refusal of several lines."""

    _between = "\n"


def notice(count):
    """What to say before so many scenarios run, an empty text if nothing."""
    if count <= MANY:
        return ""
    return (f"{count:,} scenarios are many for runs of a notebook each; the library's functions compute such a number "
            "at once, see the page on reruns")


def read(source, chapter):
    """The scenarios of a file or a Python object.

    Parameters
    ----------
    source : path, dict, list of dict or pandas.DataFrame
        A CSV file or a DataFrame has a column per parameter, a row per scenario, and perhaps a column `name`. An empty
        cell (of a DataFrame, a missing value) stands for the chapter's default; lines of a file without any value are
        skipped. A list holds a dict per scenario.
        A YAML file, or a dict of the same form, holds blocks, combined with one another, the first changing slowest:

        - ``grid``: parameter to list; all combinations, the first parameter changing slowest
        - ``zip``: parameter to list, all of one length; the first values together, then the second
        - ``sample``: ``method`` (latin_hypercube or sobol), ``count``, ``seed``, and ``ranges``, parameter to
          ``[low, high]`` or ``{low, high, scale: log}``
        - ``fixed``: parameter to value

        Paths in `data_file` start at the file's own folder.
    chapter : Chapter

    Returns
    -------
    list of Scenario

    Raises
    ------
    Refused
        If it cannot be read, holds no scenario or more than a million.
    """
    if isinstance(source, (str, os.PathLike)):
        scenarios = _from_file(Path(source), chapter)
    elif isinstance(source, dict):
        scenarios = _from_plan(source, chapter)
    elif isinstance(source, (list, tuple)):
        scenarios = _from_rows(source)
    elif hasattr(source, "to_dict") and hasattr(source, "columns"):
        scenarios = _from_frame(source)
    else:
        raise Refused(f"scenarios are the path of a file, a DataFrame, a list of dicts or a dict, got {shorten(source)}")
    if not scenarios:
        raise Refused("there are no scenarios")
    _not_too_many(len(scenarios))
    return scenarios


def check(chapter, scenarios, data=None, source=None):
    """Check every scenario as `bizai run` checks its parameters.

    Parameters
    ----------
    chapter : Chapter
    scenarios : list of Scenario
    data : path, optional
        CSV file for all of them.
    source : path, optional
        Where the scenarios are from, for the report.

    Returns
    -------
    list of Job
        In the order of the scenarios.

    Raises
    ------
    Refused
        If any is wrong. Its message lists every wrong scenario by its row, with the reason; what several have in common
        is told once.
    """
    checks, jobs, faults = Checks(chapter), [], {}
    for position, scenario in enumerate(scenarios):
        told = _name_faults(scenario.name)
        try:
            jobs.append(checks.job(scenario.parameters, data))
        except Refused as error:
            told += error.sentences
        for sentence in told:
            faults.setdefault(sentence, []).append(position)
    shared = _shared_names(scenarios)
    if faults or shared:
        raise _report(scenarios, faults, shared, source)
    return jobs


# the report -----------------------------------------------------------------------------------------------------------

def _name_faults(name):
    """Sentences about a name that cannot be shown in a table."""
    faults = []
    if len(name) > 200:
        faults.append(f"name must have at most 200 characters, got {len(name):,}")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name):
        faults.append(f"name must not hold line breaks or other control characters, got {shorten(name)}")
    return faults


def _shared_names(scenarios):
    """Name to the positions of the scenarios that share it."""
    named = {}
    for position, scenario in enumerate(scenarios):
        if scenario.name:
            named.setdefault(scenario.name, []).append(position)
    return {name: positions for name, positions in named.items() if len(positions) > 1}


def _report(scenarios, faults, shared, source):
    """Every wrong scenario by its row, with the reason."""
    wrong = {position for positions in [*faults.values(), *shared.values()] for position in positions}
    where = f" in {called(source, _FILE)}" if source else ""
    are = "is" if len(wrong) == 1 else "are"
    lines = [f"{len(wrong):,} of {len(scenarios):,} scenarios{where} {are} wrong; nothing was run"]
    names, faults = list(shared.items()), sorted(faults.items(), key=lambda item: item[1][0])
    lines += [f"name {shorten(name)} stands in {_rows(scenarios, positions)}" for name, positions in names[:_LINES]]
    lines += [f"{_rows(scenarios, positions, named=True)}: {sentence}" for sentence, positions in faults[:_LINES]]
    kinds = {}
    for _, positions in names[_LINES:]:
        kinds.setdefault("a name stands more than once", set()).update(positions)
    for sentence, positions in faults[_LINES:]:
        kinds.setdefault(sentence.split(", got ")[0], set()).update(positions)
    lines += [f"{_rows(scenarios, sorted(kinds[kind]))}: {kind}" for kind in list(kinds)[:_LINES]]
    if rest := set().union(*list(kinds.values())[_LINES:]):
        lines.append(f"and {len(rest):,} more: {_rows(scenarios, sorted(rest))}")
    return _Report(*lines)


def _rows(scenarios, positions, named=False):
    """The rows of some scenarios in words: ``row 3 (name)``, ``rows 2-950, 960``."""
    if len(positions) == 1:
        scenario = scenarios[positions[0]]
        name = printable(scenario.name if len(scenario.name) <= 60 else scenario.name[:57] + "...")
        return f"row {scenario.row}" + (f" ({name})" if named and name else "")
    runs = [[position for _, position in run] for _, run in groupby(enumerate(positions), lambda pair: pair[1] - pair[0])]
    parts = []
    for run in runs:
        rows = [str(scenarios[position].row) for position in run]
        parts += [f"{rows[0]}-{rows[-1]}"] if len(rows) > 2 else rows
    return "rows " + (" and " if len(positions) == 2 else ", ").join(parts)


# tables ---------------------------------------------------------------------------------------------------------------

def _not_too_many(count):
    if count > MOST:
        raise Refused(f"{count:,} scenarios are too many; at most {MOST:,} are run")


def _from_file(path, chapter):
    """The scenarios of a CSV or YAML file."""
    kind = path.suffix.lower()
    if kind not in (".csv", ".yml", ".yaml"):
        raise Refused(f"{called(path, _FILE)} must end in .csv, .yml or .yaml")
    if kind == ".csv":
        frame = read_cells(path, _FILE)
        _check_columns(list(frame.columns), called(path, _FILE))
        known = chapter.inputs.Parameters.model_fields
        scenarios = [_scenario(line, {name: cell for name, cell in zip(frame.columns, row) if cell or name not in known})
                     for line, row in zip(frame.index.tolist(), frame.to_numpy().tolist())]
    else:
        scenarios = _within(called(path, _FILE), _from_plan, _plan(path), chapter)
    for scenario in scenarios:
        file = scenario.parameters.get("data_file")
        if isinstance(file, str) and file:
            scenario.parameters["data_file"] = str(path.parent / file)
    return scenarios


def _within(where, function, *arguments):
    """Call a function; a refusal says where the fault is."""
    try:
        return function(*arguments)
    except Refused as error:
        raise Refused(f"{where}: {error}") from None


def _check_columns(header, where):
    """Every column needs a name of its own."""
    if "" in header:
        raise Refused(f"{where}: column {header.index('') + 1} has no name")
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise Refused(f"{where} has the column {shorten(twice[0])} more than once")


def _scenario(row, values):
    """A scenario; what is called `name` is its name."""
    name = values.pop("name", "")
    return Scenario(row, "" if name is None else str(name), values)


def _from_rows(rows):
    """The scenarios of a list of dicts."""
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise Refused(f"scenario {number} must be a dict of parameters, got {shorten(row)}")
    return [_scenario(number, {name: _plain(value) for name, value in row.items()})
            for number, row in enumerate(rows, start=1)]


def _from_frame(frame):
    """The scenarios of a DataFrame; a missing value stands for the default."""
    header = [str(name) for name in frame.columns]
    _check_columns(header, "the table of scenarios")
    known = frame.notna().to_numpy()
    columns = [frame.iloc[:, position].tolist() for position in range(len(header))]
    return [_scenario(number, {name: _plain(column[number - 1])
                               for name, column, there in zip(header, columns, row) if there})
            for number, row in enumerate(known, start=1)]


def _plain(value):
    """A value of numpy or pandas as one of Python."""
    return value.tolist() if hasattr(value, "tolist") else value


# plans ----------------------------------------------------------------------------------------------------------------

def _plan(path):
    """The blocks of a YAML file, every value a text as in a CSV file or on the command line."""
    import yaml

    base = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

    class Loader(base):
        """Keeps texts, and refuses a key that stands twice."""

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise Refused(f"{called(path, _FILE)}: line {line}: {shorten(key.value)} stands twice")
                seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    text = file_text(path, _FILE)
    try:
        _only_plain_yaml(yaml, yaml.parse(text, Loader=base), called(path, _FILE))
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise Refused(f"{called(path, _FILE)} is no YAML: {where}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Refused(f"{called(path, _FILE)} is no YAML: {error.reason}") from None


def _only_plain_yaml(yaml, events, where):
    """Refuse what a plan does not need and what could grow without end."""
    documents = depth = 0
    for event in events:
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        fault = ("a second document begins; a plan is one" if documents > 1 else
                 "it is nested too deeply" if depth > 10 else
                 "anchors and aliases (& and *) are not read" if getattr(event, "anchor", None) else
                 f"tags such as {shorten(event.tag)} are not read" if getattr(event, "tag", None) else "")
        if fault:
            raise Refused(f"{where}: line {event.start_mark.line + 1}: {fault}")


def _unknown(kind, name, known):
    """Sentence about a name that is none of those known."""
    near = get_close_matches(str(name)[:100], known, n=1)
    return f"unknown {kind} {shorten(name)}: " + (f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(known))


def _from_plan(plan, chapter):
    """The scenarios of a dict of blocks."""
    if not isinstance(plan, dict):
        given = "nothing" if plan is None else shorten(plan)
        raise Refused(f"it must hold some of the blocks {', '.join(_READERS)}, got {given}")
    known = list(chapter.inputs.Parameters.model_fields)
    factors, size, seen = [], 1, {}
    for block, content in plan.items():
        if block not in _READERS:
            raise Refused(_unknown("block", block, _READERS))
        named = _mapping(content, block)
        names = list(_mapping(named.get("ranges"), "ranges in sample") if block == "sample" else named)
        for name in names:
            if name not in known:
                raise Refused(f"{block}: " + _unknown("parameter", name, known))
            if name in seen:
                raise Refused(f"parameter {name} stands in {seen[name]} and in {block}")
            seen[name] = block
        count, expand = _READERS[block](named, chapter)
        factors.append(expand)
        size *= count
    if not factors:
        raise Refused("there are no scenarios")
    _not_too_many(size)
    combined = product(*(expand() for expand in factors))
    return [Scenario(number, "", {name: value for part in parts for name, value in part.items()})
            for number, parts in enumerate(combined, start=1)]


def _mapping(content, block):
    if not isinstance(content, dict) or not content:
        raise Refused(f"{block} must hold names and values (name: value), got {shorten(content) if content else 'nothing'}")
    return content


def _lists(content, block):
    """Parameter to its list of values, none of them empty."""
    lists = {}
    for name, values in content.items():
        values = _plain(values)
        if not isinstance(values, (list, tuple, range)):        # a set has no order
            raise Refused(f"{block}: {name} must have a list of values such as [1, 2], got {shorten(values)}")
        if not values:
            raise Refused(f"{block}: {name} has an empty list")
        _not_too_many(len(values))
        lists[name] = [_plain(value) for value in values]
    return lists


def _grid(content, chapter):
    lists = _lists(content, "grid")
    return math.prod(map(len, lists.values())), lambda: [dict(zip(lists, values)) for values in product(*lists.values())]


def _zip(content, chapter):
    lists = _lists(content, "zip")
    if len(set(map(len, lists.values()))) > 1:
        raise Refused("zip: all lists must have the same length, got " +
                      ", ".join(f"{name} with {len(values)}" for name, values in lists.items()))
    return len(next(iter(lists.values()))), lambda: [dict(zip(lists, values)) for values in zip(*lists.values())]


def _fixed(content, chapter):
    return 1, lambda: [{name: _plain(value) for name, value in content.items()}]


class _Sampling(parameters.Parameters):
    """How points are drawn."""

    method: Literal["latin_hypercube", "sobol"] = field("how points are spread")
    count: int = field("how many points", ge=1, le=MOST)
    seed: int = field("seed of the points", ge=0)


class _Range(parameters.Parameters):
    """Where the points of a parameter lie."""

    low: float = field("smallest value")
    high: float = field("largest value")
    scale: Literal["linear", "log"] = field("whether differences or ratios are spread evenly")


def _range(name, given, info):
    """Bounds of a sampled parameter, which has to be a number."""
    where = f"sample: {name}"
    kind = types(info.annotation)[0]
    if kind not in (int, float):
        raise Refused(f"{where} is no number; list its values under grid")
    given = _plain(given)
    if isinstance(given, (list, tuple)) and len(given) == 2:
        given = dict(zip(("low", "high"), given))
    if not isinstance(given, dict):
        raise Refused(f"{where} must have a range such as [1, 2], got {shorten(given)}")
    bounds = _within(where, validate, _Range, {"scale": "linear"} | given)
    if not bounds.low < bounds.high:
        raise Refused(f"{where}: low must be below high, got {bounds.low:g} and {bounds.high:g}")
    if bounds.scale == "log" and bounds.low <= 0:
        raise Refused(f"{where}: low must be above 0 on a log scale, got {bounds.low:g}")
    if kind is int and not (bounds.low.is_integer() and bounds.high.is_integer()):
        raise Refused(f"{where} is an integer, and so must be low and high, got {bounds.low:g} and {bounds.high:g}")
    if kind is int and max(-bounds.low, bounds.high) >= _EXACT:
        raise Refused(f"{where}: low and high must be below 2**53, got {bounds.low:g} and {bounds.high:g}")
    return kind, bounds


def _spread(kind, bounds, points):
    """Values in a range for points in the unit interval; of an integer both ends are as likely as the others."""
    import numpy as np

    low, high = bounds.low, bounds.high + (kind is int)
    if bounds.scale == "log":
        values = np.exp((1 - points) * np.log(low) + points * np.log(high))
    else:
        values = (1 - points) * low + points * high
    if kind is int:
        values = np.floor(values)
    values = np.clip(values, bounds.low, bounds.high)
    return [int(value) for value in values] if kind is int else values.tolist()


def _sample(content, chapter):
    settings = _within("sample", validate, _Sampling, {name: value for name, value in content.items() if name != "ranges"})
    fields = chapter.inputs.Parameters.model_fields
    bounds = {name: _range(name, given, fields[name]) for name, given in content["ranges"].items()}
    if settings.method == "sobol" and settings.count & (settings.count - 1):
        below = 2**(settings.count.bit_length() - 1)
        tries = " or ".join(f"{count:,}" for count in (below, 2 * below) if count <= MOST)
        raise Refused(f"sample: count must be a power of two for sobol, got {settings.count:,}; try {tries}")

    def expand():
        from scipy.stats import qmc

        if settings.method == "sobol":
            engine = qmc.Sobol(len(bounds), scramble=True, rng=settings.seed)
        else:
            engine = qmc.LatinHypercube(len(bounds), rng=settings.seed)
        points = engine.random(settings.count)
        columns = [_spread(*bounds[name], points[:, position]) for position, name in enumerate(bounds)]
        return [dict(zip(bounds, values)) for values in zip(*columns)]

    return settings.count, expand


_READERS = {"grid": _grid, "zip": _zip, "sample": _sample, "fixed": _fixed}
