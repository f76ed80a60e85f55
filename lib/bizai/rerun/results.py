"""The table of a chapter's folder: a row per scenario, rewritten as results arrive.

`results.csv` and `results.parquet` hold the same rows and columns:

- `name`, `status` (``done``, ``failed``, ``waiting`` or ``stale``), `duration_seconds`, `key`, `cause`;
- the chapter's parameters in their order; one that shares a name with a column before it becomes ``parameter_NAME``;
- the recorded results, in the order in which they first appear; one that shares a name with a column before it becomes
  ``result_NAME``.

A column of numbers holds NaN and infinities as such; it is of integers or of truth values where all its cells are (a cell
may be empty). A list is one cell with the list as JSON. A column in which numbers and texts meet is of texts.
"""

import json
import os
import re
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from .runner import finished

__all__ = ["Results", "columns", "FIRST"]

FIRST = ("name", "status", "duration_seconds", "key", "cause")
_PARTS = {"notebook": "the chapter", "library": "the library", "lock": "the locked packages"}
_NOT_FINITE = {"nan", "inf", "-inf"}        # how results.json writes them
_EXACT = 2**53              # integers up to here are floats without loss
_PATIENCE = 60              # seconds to wait for another sweep that writes
_PAUSE, _SHARE = 2, 20      # between two rewrites: at least 2 s, and 19 times what the last one took


def columns(parameters, records=()):
    """Names of the table's columns for a chapter's parameters and recorded results.

    Parameters
    ----------
    parameters, records : iterables of str

    Returns
    -------
    tuple of two dicts
        Parameter to column, and record to column.
    """
    parameters, records = list(parameters), list(records)
    of_parameters = _apart(parameters, "parameter_", {*FIRST})
    return of_parameters, _apart(records, "result_", {*FIRST, *of_parameters.values()})


def _apart(names, prefix, taken):
    """Name to a column that is none of those taken."""
    found = {}
    for name in names:
        column = name
        while column in taken or (column != name and column in names):
            column = prefix + column
        found[name] = column
    return found


@dataclass(frozen=True, slots=True)
class _Run:
    """What the table needs of a finished or failed run."""

    stamp: tuple        # of its folder, to notice one that was made anew
    parameters: dict
    records: tuple      # names, one tuple for all runs that recorded the same
    values: tuple
    seconds: float | None
    hashes: dict
    cause: str


def _finished(folder, stamp, chapter, layouts):
    """The finished run in a folder, or None if there is none of this chapter."""
    found = finished(folder)
    if found is None or found["chapter"] != chapter:
        return None
    parameters = {sys.intern(name): value for name, value in found["parameters"].items()}
    records = tuple(map(sys.intern, found["records"]))
    return _Run(stamp, parameters, layouts.setdefault(records, records),
                tuple(record["value"] for record in found["records"].values()),
                float(found["provenance"]["duration_seconds"]), found["provenance"]["hashes"], "")


def _failed(folder, stamp):
    """The failed run in a folder, or None; one without failure.json has its cause only."""
    try:
        found = json.loads((folder / "failure.json").read_text(encoding="utf-8"))
        seconds = found["provenance"].get("duration_seconds")
        return _Run(stamp, dict(found["parameters"]), (), (), None if seconds is None else float(seconds),
                    dict(found["provenance"]["hashes"]), str(found["cause"]).strip())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        try:
            return _Run(stamp, {}, (), (), None, {}, (folder / "cause.txt").read_text(encoding="utf-8").strip())
        except (OSError, ValueError):
            return None


def _stamp(path):
    """What changes when a file or a folder is made anew, or None if it is not there."""
    try:
        found = os.stat(path)
        return found.st_ino, found.st_mtime_ns, found.st_size
    except FileNotFoundError:
        return None


def _folders(home):
    """Key to stamp of the run folders in `home`; other folders and files are not looked at."""
    try:
        names = os.listdir(home)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {name: stamp for name in names if re.fullmatch("[0-9a-f]+", name) and (stamp := _stamp(home / name))}


def _cell(value):
    """A value as text."""
    if isinstance(value, list):
        value = json.dumps(value, ensure_ascii=False)
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "replace").decode()         # half a surrogate pair cannot be written


def _column(values, recorded=False):
    """A pandas column of one type; None is an empty cell."""
    import pandas as pd

    kinds = {type(value) for value in values} - {type(None)}
    if recorded and str in kinds and kinds <= {int, float, str} \
            and {value for value in values if isinstance(value, str)} <= _NOT_FINITE:
        values = [float(value) if isinstance(value, str) else value for value in values]
        kinds = kinds - {str} | {float}
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    if kinds == {int} and all(value is None or -2**63 <= value < 2**63 for value in values):
        return pd.array(values, dtype="Int64")
    if kinds <= {int, float} and all(abs(value) <= _EXACT for value in values if isinstance(value, int)):
        return pd.array([float("nan") if value is None else value for value in values], dtype="float64")
    return pd.array([None if value is None else _cell(value) for value in values], dtype="str")


def _bytes(frame):
    """File name to content of the two files."""
    import io

    from bizai.chapter.show import harmless

    parquet = io.BytesIO()
    frame.to_parquet(parquet, engine="pyarrow", index=False)
    text = "\ufeff" + harmless(frame).to_csv(index=False, lineterminator="\n")      # the mark: UTF-8, for Excel
    return {"results.parquet": parquet.getvalue(), "results.csv": text.encode()}


def _replace(home, contents):
    """Put whole files in the place of older ones; none is replaced unless all could be written."""
    halves = {home / f".{name}": home / name for name in contents}        # one writer at a time: it holds the lock
    try:
        for half, raw in zip(halves, contents.values()):
            with open(half, "wb") as stream:
                stream.write(raw)
                stream.flush()
                os.fsync(stream.fileno())
        for half, whole in halves.items():
            os.replace(half, whole)
    finally:
        for half in halves:
            half.unlink(missing_ok=True)


def _given_names(path):
    """Key to the names of its rows in a table that stands, empty if it cannot be read."""
    import pyarrow
    from pyarrow import parquet

    try:
        found = parquet.read_table(path, columns=["name", "key"]).to_pydict()
        rows = list(zip(found["name"], found["key"], strict=True))
    except (OSError, ValueError, KeyError, pyarrow.ArrowException):
        return {}
    names = {}
    for name, key in rows:
        if isinstance(name, str) and name and isinstance(key, str):
            names.setdefault(key, []).append(name)
    return names


class Results:
    """The table of a chapter's folder, beginning with a sweep's own scenarios.

    It is a function of the folder: every finished run, every failed one, and the sweep's scenarios that have not run yet.
    So several sweeps can write into one folder: each writes what it finds there, under a lock, with its own scenarios
    first, then the folder's other runs with the names that the table before gave them, then stale ones. A stale row has no
    results, so that old and new numbers are not averaged by mistake. A run with a data file that is not of this sweep
    cannot be judged by its data.

    Parameters
    ----------
    home : Path
        The folder ``DIR/CHAPTER``.
    chapter : Chapter
    jobs : list of Job
        What the scenarios run; two of them may be the same run.
    scenarios : list of Scenario
        One for each job; its `name` is used.
    """

    def __init__(self, home, chapter, jobs, scenarios):
        self.home, self.chapter = Path(home), chapter
        self._own = [(job.key, scenario.name, job.parameters) for job, scenario in zip(jobs, scenarios, strict=True)]
        self._keys = {key for key, _, _ in self._own}
        self._hashes = next((job.hashes for job in jobs), None) or chapter.hashes()
        self._data = {}             # name of a data file to the hashes it may have
        for job in jobs:            # two folders may have files of one name
            self._data.setdefault(job.parameters["data_file"], set()).add(job.hashes["data"])
        self._done, self._failed, self._names, self._layouts = {}, {}, {}, {}
        self._written, self._next, self._table_read = None, 0, None

    def update(self, force=False):
        """Look for new runs and rewrite the table if there are any.

        Parameters
        ----------
        force : bool
            Write now. Otherwise nothing is done if the last rewrite was less than two seconds ago, if rewriting would
            take more than a twentieth of the time, or if another sweep is writing.

        Raises
        ------
        OSError
            If the table cannot be written, or another process has kept the lock for a minute; the old table stands.
        """
        if not force and time.monotonic() < self._next:
            return
        from filelock import FileLock, Timeout

        self.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.home / ".lock", timeout=_PATIENCE if force else 0)
        try:
            lock.acquire()
        except Timeout:
            if force:
                raise TimeoutError(f"results.csv was not rewritten: another process has held {self.home / '.lock'} for "
                                   f"{_PATIENCE} seconds") from None
            return
        clock = time.monotonic()
        try:
            self._rewrite(force)
        finally:
            lock.release()
            now = time.monotonic()
            self._next = now + max(_PAUSE, (_SHARE - 1) * (now - clock))

    @property
    def frame(self):
        """The sweep's scenarios in their order, as of the last update, as a pandas DataFrame."""
        return self._frame(self._own_rows())

    @property
    def stale(self):
        """Key to what changed (``"the library and the data file"``) since finished runs that would not come out today."""
        found = {key: self._changed(run) for key, run in self._done.items() if key not in self._keys}
        return {key: changed for key, changed in found.items() if changed}

    def _rewrite(self, force):
        """Scan the folder and write both files, unless they are there as this sweep wrote them and nothing is new."""
        table = _stamp(self.home / "results.parquet")
        if table != self._table_read:
            self._names |= _given_names(self.home / "results.parquet")
        self._scan()
        state = [{key: run.stamp for key, run in runs.items()} for runs in (self._done, self._failed)]
        files = (table, _stamp(self.home / "results.csv"))
        if self._written and self._written[0] == state and (not force or self._written[1] == files):
            self._table_read = table
            return
        _replace(self.home, _bytes(self._frame(self._own_rows() + self._other_rows())))
        files = tuple(_stamp(self.home / name) for name in ("results.parquet", "results.csv"))
        self._written, self._table_read = (state, files), files[0]

    def _scan(self):
        """Read the runs that are new in the folder, and forget those that are gone."""
        def runs(home, before, read):
            found = {key: before[key] if key in before and before[key].stamp == stamp else read(home / key, stamp)
                     for key, stamp in _folders(home).items()}
            return {key: run for key, run in found.items() if run}

        self._done = runs(self.home, self._done, self._finished)
        failed = runs(self.home / "failed", self._failed, _failed)
        self._failed = {key: run for key, run in failed.items() if key not in self._done}

    def _finished(self, folder, stamp):
        return _finished(folder, stamp, self.chapter.name, self._layouts)

    @cached_property
    def _sample(self):
        """Hash of the data that a run without a file of the reader's own uses today."""
        return self.chapter.hashes()["data"]

    def _changed(self, run):
        """What changed since a run, in words; an empty text if nothing did as far as it can be told."""
        if not run.hashes:
            return ""
        words = [word for part, word in _PARTS.items() if run.hashes.get(part) != self._hashes[part]]
        name = run.parameters.get("data_file", "")
        today = self._data.get(name) or (None if name else {self._sample})
        if today and run.hashes.get("data") not in today:
            words.append("the data file" if name else "the bundled sample")
        return " and ".join(words)

    def _own_rows(self):
        """(name, status, key, cause, parameters, run) of each of the sweep's scenarios."""
        rows = []
        for key, name, parameters in self._own:
            run = self._done.get(key) or self._failed.get(key)
            status, cause = "done" if key in self._done else "failed" if run else "waiting", run.cause if run else ""
            rows.append((name, status, key, cause, parameters, run))
        return rows

    def _other_rows(self):
        """The rows of runs that are not of this sweep, stale ones last."""
        current, stale = [], []
        for status, runs in (("done", self._done), ("failed", self._failed)):
            for key, run in runs.items():
                if key in self._keys:
                    continue
                changed = self._changed(run)
                for name in self._names.get(key, [""]):
                    if changed:
                        stale.append((name, "stale", key, f"{changed} changed since", run.parameters, None))
                    else:
                        current.append((name, status, key, run.cause, run.parameters, run))
        return sorted(current, key=lambda row: (row[1], row[2])) + sorted(stale, key=lambda row: row[2])

    def _frame(self, rows):
        """Rows as a DataFrame, each column of one type."""
        import pandas as pd

        parameters, records = dict.fromkeys(self.chapter.defaults), {}
        for _, _, _, _, given, run in rows:
            parameters.update(dict.fromkeys(given))
            if run:
                records.update(dict.fromkeys(run.records))
        cells = {name: [None] * len(rows) for name in records}
        for number, (*_, run) in enumerate(rows):
            for name, value in zip(run.records, run.values) if run else ():
                cells[name][number] = value
        of_parameters, of_records = columns(parameters, records)
        names, statuses, keys, causes, given, runs = zip(*rows) if rows else ([],) * 6
        frame = {"name": pd.array(list(map(_cell, names)), dtype="str"), "status": pd.array(statuses, dtype="str"),
                 "duration_seconds": _column([run.seconds if run else None for run in runs]),
                 "key": pd.array(keys, dtype="str"), "cause": pd.array(list(map(_cell, causes)), dtype="str")}
        frame |= {column: _column([values.get(name) for values in given]) for name, column in of_parameters.items()}
        frame |= {column: _column(cells[name], recorded=True) for name, column in of_records.items()}
        found = pd.DataFrame(frame)
        found.attrs = {"chapter": self.chapter.name, "parameters": list(of_parameters.values())}     # parquet keeps them
        return found
