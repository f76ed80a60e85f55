"""One run of a chapter with the reader's own parameters and data: finished and whole, or not there."""

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from bizai.chapter.parameters import Refused

from .chapters import find, notebook_format
from .execute import ChapterFailed
from .files import replace, scratch, write
from .jobs import Checks
from .work import work

__all__ = ["Run", "run", "home", "finished", "keep", "add_report"]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder : Path
        Holds notebook.ipynb, report.html, results.json and the files that the chapter offers (`bizai.chapter.download`).
    results : dict
        The content of results.json: chapter, parameters, records, provenance.
    defaults : tuple of str
        Parameters that have the chapter's default value.
    fresh : bool
        False where an earlier run with the same key was found and nothing was executed.
    """

    folder: Path
    results: dict
    defaults: tuple
    fresh: bool

    @property
    def headlines(self):
        """Label to (value, unit) of the results that matter most."""
        return {r["headline"]: (r["value"], r["unit"]) for r in self.results["records"].values() if r["headline"]}

    @property
    def frame(self):
        """The recorded numbers as a pandas.DataFrame: value, unit and headline by name."""
        import pandas as pd

        return pd.DataFrame.from_dict(self.results["records"], orient="index").rename_axis("name")


def home(out, name):
    """The folder of a chapter's runs, made if need be.

    Raises
    ------
    Refused
        If nothing can be written there.
    """
    if not str(out):
        raise Refused("the name of the results' folder is empty")
    folder = Path(out).absolute() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder, "."):
            pass
    except OSError as error:
        raise Refused(f"results cannot be written to {folder}: {error.strerror}") from None
    return folder


def finished(folder):
    """The content of results.json of a finished run; None where the folder holds none, or a damaged one."""
    try:
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        whole = (isinstance(results["parameters"], dict) and isinstance(results["provenance"]["hashes"], dict)
                 and isinstance(results["provenance"]["duration_seconds"], (int, float)) and isinstance(results["chapter"], str)
                 and all({"value", "unit", "headline"} <= {*record} for record in results["records"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return results if whole and (folder / "notebook.ipynb").is_file() else None


def keep(place, job, outcome):
    """Write what a job came to into its folder below `place`, whole or not at all; returns that folder.

    What is in the way without being a finished run is renamed.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk.
    """
    target = place / "failed" / job.key if outcome.cause else place / job.key
    with scratch(place, ".") as folder:
        folder.chmod(0o755)
        for name, text in outcome.files.items():
            write(folder / name, text)
        if outcome.cause:                           # in the place of an earlier failure
            target.parent.mkdir(exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
        try:
            os.rename(folder, target)
        except OSError:
            if outcome.cause or finished(target):        # the same run came to its end elsewhere in the meantime
                return target
            os.rename(target, f"{target}-incomplete-{time.time_ns()}")
            os.rename(folder, target)
    if not outcome.cause:
        shutil.rmtree(place / "failed" / job.key, ignore_errors=True)       # it failed before
    return target


def add_report(folder, name="report.html"):
    """Render the report of a finished run from its notebook, unless it is there."""
    if (folder / name).is_file():
        return
    from .report import report

    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    notebook = notebook_format().read(folder / "notebook.ipynb", as_version=4)
    text = report(find(results["chapter"]), notebook, results, code=name == "report-with-code.html")
    replace(folder / name, text, folder.parent)


def run(name, parameters=None, data=None, *, out="results", code=False, progress=None):
    """Run a chapter with parameters and data of one's own.

    Parameters
    ----------
    name : str
        A chapter, as ``bizai list`` shows it.
    parameters : dict, optional
        Name to value or text; the chapter's defaults stand for the others.
    data : path, optional
        CSV file after the chapter's schema; the bundled sample without it.
    out : path
        The run ends in ``out/name/KEY/``, KEY being a hash of the notebook, its parameters, data, library and lock.
    code : bool
        Whether the report shows the code too; it is then called report-with-code.html.
    progress : callable, optional
        Called as ``progress(done, total)`` after each code cell.

    Returns
    -------
    Run

    Raises
    ------
    Refused
        An input is wrong. Nothing was run and nothing written.
    ChapterFailed
        The chapter failed; what it left is under ``out/name/failed/KEY/`` with its cause.
    """
    chapter = find(name)
    job = Checks(chapter).job(parameters, data)
    place = home(out, name)
    report = "report-with-code.html" if code else "report.html"
    folder, results = place / job.key, finished(place / job.key)
    fresh = results is None
    if fresh:
        total, done = sum(cell["cell_type"] == "code" for cell in chapter.notebook["cells"]) + 1, 0

        def tick():
            nonlocal done
            done += 1
            if progress:
                progress(done, total)

        outcome = work(job, job.file.read_bytes() if job.file else None, report=report, progress=tick)
        try:
            folder = keep(place, job, outcome)
        except OSError as error:
            raise ChapterFailed(f"the run cannot be written to {place}: {error.strerror}") from None
        if outcome.cause:
            raise ChapterFailed(f"{outcome.cause}\nkept in {folder}")
        results = outcome.results
    else:
        add_report(folder, report)
    defaults = tuple(name for name, value in chapter.defaults.items() if job.parameters[name] == value)
    return Run(folder, results, defaults, fresh)
