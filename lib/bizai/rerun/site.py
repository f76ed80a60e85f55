"""The book itself: stale chapters executed two at a time, their pages staged, the site rendered."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path

from bizai.chapter.verdicts import VERDICTS
from bizai.chapter.data import project_root
from bizai.chapter.record import MIME

from .chapters import Chapter, chapters, digest, notebook_format, payloads
from .execute import ChapterFailed, execute, normalise

__all__ = ["build", "refresh"]

_AT_A_TIME = 2
_VERSIONS = ("numpy", "scipy", "pandas", "matplotlib")


def _build_dir():
    return project_root() / "_build"


def _executed(chapter):
    """The last execution of a chapter (notebook, key, seconds), or None."""
    path = _build_dir() / "executed" / f"{chapter.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _write(path, text):
    """Write a file in one step, and only where it changes, so that nothing downstream is redone for nothing."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".", delete=False) as half:
        half.write(text)
    os.chmod(half.name, 0o644)
    os.replace(half.name, path)


def _execute(chapter, key):
    """Execute a chapter and keep the result, unless what it depends on changed meanwhile."""
    notebook, clock = notebook_format().read(chapter.path, as_version=4), time.perf_counter()
    try:
        execute(notebook, cwd=chapter.path.parent)
    except ChapterFailed as error:
        raise ChapterFailed(f"chapter {chapter.name}: {error}") from None
    if digest(*Chapter(chapter.name).hashes().values()) != key:
        raise ChapterFailed(f"chapter {chapter.name}: its files changed while it ran; run it again")
    _write(_build_dir() / "executed" / f"{chapter.name}.json",
           json.dumps({"key": key, "seconds": time.perf_counter() - clock, "notebook": normalise(notebook)}))


def _execute_apart(name, key):
    """Execute a chapter in a process of its own.

    A thread would not do: CPython 3.11 fails at random (SystemError, "AST constructor recursion depth mismatch") when two
    threads parse Python at once, which the imports of nbclient do too.
    """
    done = subprocess.run([sys.executable, "-P", "-m", __spec__.name, name, key], capture_output=True, text=True)
    if done.returncode:
        raise ChapterFailed(done.stderr.strip() or f"chapter {name}: its process ended with code {done.returncode}")


def execute_stale():
    """Execute the chapters whose notebook, library, data or lock changed since their last execution.

    Returns
    -------
    list of str
        The chapters that were executed.

    Raises
    ------
    ChapterFailed
        Names every chapter that failed, after the others have finished.
    """
    from tqdm import tqdm

    keys = {name: digest(*chapter.hashes().values()) for name, chapter in chapters().items()}
    stale = [c for name, c in chapters().items() if (_executed(c) or {}).get("key") != keys[name]]
    with ThreadPoolExecutor(_AT_A_TIME) as pool, tqdm(total=len(stale), desc="chapters", unit="chapter",
                                                      disable=not stale, file=sys.stderr) as bar:
        running = [pool.submit(_execute_apart, c.name, keys[c.name]) for c in stale]
        try:
            for _ in as_completed(running):
                bar.update()
        except BaseException:       # interrupted: what has not begun does not begin
            pool.shutdown(cancel_futures=True)
            raise
    if failed := [str(future.exception()) for future in running if future.exception()]:
        raise ChapterFailed("\n".join(failed))
    return [c.name for c in stale]


def refresh():
    """Execute what is stale and write the outputs of every chapter into notebooks/; yields a line per changed file."""
    nbformat = notebook_format()
    execute_stale()
    for chapter in chapters().values():
        done = _executed(chapter)
        if digest(*chapter.hashes().values()) != done["key"]:
            raise ChapterFailed(f"chapter {chapter.name} changed while it was executed; run it again")
        text = nbformat.writes(nbformat.from_dict(done["notebook"])) + "\n"
        if chapter.path.read_text(encoding="utf-8") != text:
            _write(chapter.path, text)
            yield f"wrote {chapter.path.relative_to(project_root())}"


def _trust_panel(notebook, seconds):
    """Markdown of the panel at the end of a chapter, counted from its executed notebook."""
    agreed = payloads(notebook, "agreement")
    methods = sorted({method for item in agreed for method in item["methods"]})
    verdicts = [item["verdict"] for item in payloads(notebook, "claim")]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in VERDICTS if v in verdicts)
    lock = digest((project_root() / "requirements.lock").read_bytes())[:16]
    ceiling = 10 * (int(seconds) // 10 + 1)
    versions = ", ".join(f"{name} {version(name)}" for name in _VERSIONS)
    rows = [("Numbers recorded and checked", len(payloads(notebook, "record"))),
            ("Comparisons that agreed", sum(item["comparisons"] for item in agreed)),
            ("Independent libraries and methods", ", ".join(methods) or "none"),
            ("Verdicts", counts or "none"),
            ("Runs in", f"under {ceiling} s on two cores"),
            ("Versions", f"Python {sys.version_info.major}.{sys.version_info.minor}, {versions}"),
            ("Lock", f"`{lock}`")]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return ("## Trust panel\n\nCounted from this chapter's executed notebook when the page was built.\n\n"
            f"| What | Value |\n|---|---|\n{table}\n")


def _page(executed):
    """The executed notebook as the site shows it: alternative texts in place, payloads removed, trust panel added."""
    notebook = executed["notebook"]
    panel = _trust_panel(notebook, executed["seconds"])
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        for output in cell["outputs"]:
            data = output.get("data", {})
            if alt := data.get(MIME.format("figure"), {}).get("alt"):
                cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
            for mime in [m for m in data if m.startswith("application/vnd.bizai")]:
                del data[mime]
        cell["outputs"] = [o for o in cell["outputs"] if o.get("data") or "data" not in o]
    notebook["cells"].append({"cell_type": "markdown", "id": "trust-panel", "metadata": {}, "source": panel})
    return json.dumps(notebook, ensure_ascii=False, indent=1)


def _stage():
    """Gather what the site is made of; returns the folder and a hash of its content."""
    root, stage = project_root(), _build_dir() / "source"
    wanted = {Path(name): (root / name).read_bytes() for name in ("_config.yml", "_toc.yml")}
    wanted |= {p.relative_to(root): p.read_bytes() for p in sorted((root / "book").rglob("*"))
               if p.is_file() and "__pycache__" not in p.parts}
    wanted |= {Path("notebooks") / f"{name}.ipynb": _page(_executed(chapter)).encode()
               for name, chapter in chapters().items()}
    for old in [p for p in stage.rglob("*") if p.is_file() and p.relative_to(stage) not in wanted]:
        old.unlink()
    for name, content in wanted.items():
        target = stage / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    lock = (root / "requirements.lock").read_bytes()
    return stage, digest(lock, *(part for name, content in wanted.items() for part in (name.as_posix(), content)))


def build():
    """Execute what is stale and render what changed.

    Returns
    -------
    executed : list of str
    front : Path
        The site's front page.

    Raises
    ------
    ChapterFailed
        If a chapter fails or the site does not render; an earlier site is left as it was.
    """
    executed = execute_stale()
    stage, key = _stage()
    html, stamp = _build_dir() / "html", _build_dir() / "html.key"
    front = html / "index.html"
    if front.is_file() and stamp.is_file() and stamp.read_text() == key:
        return executed, front
    output = _build_dir() / "render"
    shutil.rmtree(output, ignore_errors=True)
    log = _build_dir() / "render.log"
    command = [Path(sysconfig.get_path("scripts")) / "jupyter-book", "build", stage, "--path-output", output,
               "--quiet", "--warningiserror", "--keep-going"]
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT)
    if done.returncode:
        raise ChapterFailed(f"the site did not render:\n{log.read_text(encoding='utf-8')}")
    shutil.rmtree(html, ignore_errors=True)
    (output / "_build" / "html").rename(html)
    stamp.write_text(key)
    return executed, front


if __name__ == "__main__":          # a process of _execute_apart
    try:
        _execute(Chapter(sys.argv[1]), sys.argv[2])
    except ChapterFailed as failure:
        sys.exit(str(failure))
