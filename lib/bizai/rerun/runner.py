"""One run of a chapter with the reader's own parameters and data: finished and whole, or not there."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bizai.chapter.data import project_root, read_csv
from bizai.chapter.parameters import Refused, validate

from .chapters import digest, find, payloads
from .execute import ChapterFailed, execute

__all__ = ["Run", "run"]

_PACKAGES = ("bizai", "numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "statsmodels", "tensorflow",
             "tensorflow-cpu", "papermill", "nbclient")


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


def _check(chapter, parameters, data):
    """The chapter's parameters and the data file, validated before anything is started."""
    values = dict(parameters or {})
    if data is not None:
        if "data_file" in values:
            raise Refused("give the data file once: either --data or the parameter data_file")
        if not str(data):
            raise Refused("the name of the data file is empty; leave --data out for the bundled sample")
        values["data_file"] = str(data)
    valid = validate(chapter.inputs.Parameters, chapter.defaults | values)
    file = Path(valid.data_file) if valid.data_file else None
    read_csv(file or "", chapter.inputs.Row.select(valid), valid)
    checked = valid.model_dump()
    checked["data_file"] = file.name if file else ""
    return checked, file


def _git(*words):
    done = subprocess.run(["git", "-C", str(project_root()), *words], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def _provenance(hashes, started, seconds):
    from importlib.metadata import PackageNotFoundError, version

    versions = {"python": sys.version.split()[0]}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            pass
    status = _git("status", "--porcelain", "--untracked-files=no")
    return {"git_commit": _git("rev-parse", "HEAD"), "git_dirty": None if status is None else bool(status),
            "hashes": hashes, "versions": versions, "started": started.isoformat(timespec="seconds"),
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


def _write(folder, name, text):
    """Write a file and have it on the disk before anything refers to it."""
    with open(folder / name, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _home(out, name):
    """The folder of a chapter's runs."""
    if not str(out):
        raise Refused("the name of the results' folder is empty")
    return Path(out).absolute() / name


def _is_finished(folder):
    """Whether all three files of a finished run are there."""
    return all((folder / name).is_file() for name in ("notebook.ipynb", "report.html", "results.json"))


def _private_folder(home, key):
    """A new hidden folder below `home`, where nothing is taken for a finished run."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=home))
    except OSError as error:
        raise Refused(f"results cannot be written to {home}: {error.strerror}") from None
    os.chmod(work, 0o755)
    return work


def _keep_failure(work, target, error):
    """Move a failed run to its place, with its cause, in the place of an earlier failure."""
    _write(work, "cause.txt", f"{error}\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    try:
        os.rename(work, target)
    except OSError:             # the same run failed elsewhere in the meantime and is kept there
        shutil.rmtree(work, ignore_errors=True)


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
        Whether the report shows the code too. It is part of the key.
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
    checked, file = _check(chapter, parameters, data)
    hashes = chapter.hashes(file)
    report = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("report*"))]
    key = digest(*hashes.values(), json.dumps(checked, sort_keys=True), str(code), *report)[:16]
    home = _home(out, name)
    defaults = tuple(name for name, value in chapter.defaults.items() if checked[name] == value)
    if _is_finished(home / key):
        results = json.loads((home / key / "results.json").read_text(encoding="utf-8"))
        return Run(home / key, results, defaults, fresh=False)

    work = _private_folder(home, key)
    try:
        results = _run_in(work, chapter, checked, file, hashes, code, progress)
    except Exception as error:
        cause = error if isinstance(error, ChapterFailed) else ChapterFailed(f"{type(error).__name__}: {error}")
        _keep_failure(work, home / "failed" / key, cause)
        raise ChapterFailed(f"{cause}\nkept in {home / 'failed' / key}") from error
    except BaseException:       # interrupted
        shutil.rmtree(work, ignore_errors=True)
        raise
    try:
        os.rename(work, home / key)
    except OSError as error:
        if not _is_finished(home / key):
            raise ChapterFailed(f"{home / key} is in the way ({error.strerror}); the finished run is in {work}") from None
        shutil.rmtree(work, ignore_errors=True)     # the same run finished elsewhere in the meantime
    return Run(home / key, results, defaults, fresh=True)


def _run_in(work, chapter, checked, file, hashes, code, progress):
    """Execute in the private folder `work` and leave the files of a finished run there."""
    import nbformat
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    from .report import report

    notebook = parameterize_notebook(load_notebook_node(str(chapter.path)), checked)
    total, done = sum(c.cell_type == "code" for c in notebook.cells), 0

    def tick():
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    copy = shutil.copyfile(file, work / file.name) if file else None
    started, clock = datetime.now(UTC), time.perf_counter()
    try:
        execute(notebook, cwd=work, progress=tick)
        if find(chapter.name).hashes(copy) != hashes:
            raise ChapterFailed("the chapter, its library or its data changed while it ran; run it again")
    finally:
        if copy:
            copy.unlink()
        _write(work, "notebook.ipynb", nbformat.writes(notebook))
    results = {"chapter": chapter.name, "parameters": checked, "records": _records(chapter, notebook),
               "provenance": _provenance(hashes, started, time.perf_counter() - clock)}
    for file in payloads(notebook, "file"):
        _write(work, file["name"], file["text"])
    _write(work, "report.html", report(chapter, notebook, results, code=code))
    _write(work, "results.json", json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return results
