"""Executing a job wherever there is a copy of the book; what comes out is files, written by whoever asked."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from bizai.chapter.data import project_root

from .chapters import find, notebook_format, payloads
from .execute import Abandoned, ChapterFailed, Killed, execute
from .files import scratch

__all__ = ["Outcome", "work", "different", "failure", "versions"]

_PACKAGES = ("bizai", "numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "statsmodels", "tensorflow",
             "tensorflow-cpu", "papermill", "nbclient")
_PARTS = {"notebook": "the chapter", "library": "the library", "data": "the data", "lock": "the locked packages"}

_parsing = threading.Lock()     # CPython 3.11 fails at random where two threads parse Python at once (see site.py)


@dataclass(frozen=True)
class Outcome:
    """What a job came to.

    Attributes
    ----------
    files : dict of str
        Name to text: those of a finished run, or what a failed one leaves.
    cause : str
        Why the run failed, empty if it finished.
    again : bool
        Whether the run failed by a death from outside, so that it may succeed when it is tried again.
    """

    files: dict
    cause: str = ""
    again: bool = False

    @property
    def results(self):
        """The content of results.json."""
        return json.loads(self.files["results.json"])


@cache
def versions():
    """Python's version and those of the packages that the results depend on."""
    found = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found


def _git(*words):
    done = subprocess.run(["git", "-C", str(project_root()), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def provenance(hashes, started, seconds):
    """Where a result comes from, for results.json."""
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {"git_commit": _git("rev-parse", "HEAD"), "git_dirty": None if status is None else bool(status),
            "hashes": hashes, "versions": versions(), "started": started.isoformat(timespec="seconds"),
            "duration_seconds": round(seconds, 3)}


def _records(chapter, notebook):
    """The run's recorded numbers; all that the chapter declares have to be there."""
    found = payloads(notebook, "record")
    records = {r["name"]: {key: r[key] for key in ("value", "unit", "headline")} for r in found}
    if len(records) < len(found):
        twice = [r["name"] for i, r in enumerate(found) if r["name"] in [s["name"] for s in found[:i]]]
        raise ChapterFailed(f"the chapter recorded {', '.join(twice)} more than once")
    declared = [r["name"] for r in payloads(chapter.notebook, "record")]
    missing = [name for name in declared if name not in records]
    if missing:
        raise ChapterFailed(f"the chapter ran but did not record {', '.join(missing)}")
    return records


def _parameterised(chapter, parameters):
    """The chapter's notebook with a cell that sets the parameters, to exactly these values."""
    import ast

    notebook_format()           # papermill would import it at its full price
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    notebook = parameterize_notebook(load_notebook_node(str(chapter.path)), parameters)
    injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(injected.source).body}
    if found != parameters:
        raise ChapterFailed("a parameter does not survive its way into the notebook")
    return notebook


def different(ours, theirs):
    """What sets another machine's copy of the book apart, in words; each copy is a pair of hashes and versions."""
    parts = [words for part, words in _PARTS.items() if ours[0][part] != theirs[0][part]]
    packages = [f"{name} {theirs[1].get(name, 'missing')} instead of {ours[1].get(name, 'none')}"
                for name in sorted(ours[1].keys() | theirs[1].keys()) if ours[1].get(name) != theirs[1].get(name)]
    return " and ".join(([f"has other versions of {', '.join(parts)}"] if parts else [])
                        + ([f"has {', '.join(packages)}"] if packages else []))


def _changed(job, file, when):
    """Complain where this machine's copy of the book is not the one that the job was checked with."""
    here = find(job.chapter).hashes(file)
    if parts := [words for part, words in _PARTS.items() if here[part] != job.hashes[part]]:
        raise ChapterFailed(f"{', '.join(parts)} changed {when}; run it again")


def failure(job, cause, started, clock, notebook=None, *, again=False, report=False):
    """The outcome of a job that failed: its cause and what there is of its notebook."""
    content = {"chapter": job.chapter, "parameters": job.parameters, "cause": cause,
               "provenance": provenance(job.hashes, started, time.perf_counter() - clock)}
    files = {"cause.txt": f"{cause}\n", "failure.json": _json(content)}
    if notebook is not None:
        files["notebook.ipynb"] = notebook_format().writes(notebook)
        if report:
            files["report.html"] = _report(find(job.chapter), notebook, content | {"records": {}})
    return Outcome(files, cause, again)


def _report(*arguments, **options):
    from .report import report

    with _parsing:
        return report(*arguments, **options)


def work(job, content=None, *, report=None, failure_report=False, expected=None, **limits):
    """Execute a job.

    Parameters
    ----------
    job : Job
    content : bytes or None
        The reader's data file.
    report : {"report.html", "report-with-code.html"}, optional
        Which report of a finished run to render along.
    failure_report : bool
        Whether to render what a failed run came to.
    expected : dict, optional
        Versions of Python and the packages that the results have to be computed with.
    **limits
        `progress`, `timeout`, `memory`, `warm` and `wanted` of `execute`.

    Returns
    -------
    Outcome

    Raises
    ------
    Abandoned
        If `wanted` says that nobody waits for the result.
    """
    started, clock, notebook = datetime.now(UTC), time.perf_counter(), None
    try:
        with scratch() as folder:
            file = folder / job.parameters["data_file"] if content is not None else None
            if file:
                file.write_bytes(content)
            with _parsing:
                chapter = find(job.chapter)
                if expected and (other := different((job.hashes, expected), (job.hashes, versions()))):
                    raise ChapterFailed(f"the machine that was to run it {other}")
                _changed(job, file, "since it was checked, or differs on the worker")
                notebook = _parameterised(chapter, job.parameters)
            execute(notebook, cwd=folder, **limits)
            with _parsing:
                _changed(job, file, "while it ran")
        results = {"chapter": job.chapter, "parameters": job.parameters, "records": _records(chapter, notebook),
                   "provenance": provenance(job.hashes, started, time.perf_counter() - clock)}
        files = {"notebook.ipynb": notebook_format().writes(notebook)}
        files |= {found["name"]: found["text"] for found in payloads(notebook, "file")}
        if report:
            files[report] = _report(chapter, notebook, results, code=report == "report-with-code.html")
        return Outcome(files | {"results.json": _json(results)})
    except Abandoned:
        raise
    except Exception as error:
        cause = str(error) if isinstance(error, ChapterFailed) else f"{type(error).__name__}: {error}"
        return failure(job, cause, started, clock, notebook, again=isinstance(error, Killed), report=failure_report)


def _json(content):
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
