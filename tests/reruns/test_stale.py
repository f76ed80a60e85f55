"""A change re-executes exactly the chapters that depend on it, each in a process of its own."""

import json
import os
import signal

import psutil
import pytest

from .conftest import Book, sleeping_kernels


@pytest.fixture
def executed(tmp_path):
    """A book whose chapters have just been executed."""
    book = Book(tmp_path)
    assert stale(book) == ["first", "second"]
    assert stale(book) == []
    return book


def stale(book):
    """Chapters that an execution found stale."""
    return json.loads(book.python("import json; from bizai.rerun.site import execute_stale; print(json.dumps(execute_stale()))"))


def edit(path, old, new):
    """Change a text file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_each_change_reaches_its_chapters(executed):
    root = executed.root
    changes = [
        (root / "lib/bizai/queueing.py", '"""', '# changed\n"""', ["first"]),
        (root / "lib/bizai/finance.py", '"""', '# changed\n"""', ["second"]),
        (root / "lib/bizai/chapter/show.py", '"""', '# changed\n"""', ["first", "second"]),
        (root / "lib/bizai/chapter/inputs/second.py", "a share", "the share", ["second"]),
        (root / "lib/bizai/rerun/report.py", '"""', '# changed\n"""', []),
        (root / "data/samples/first.csv", "1\n", "3\n", ["first"]),
        (root / "data/claims/d2.yml", "reason: two", "reason: three", ["second"]),
        (root / "notebooks/second.ipynb", "share = 0.5", "share = 0.25", ["second"]),
        (root / "requirements.lock", "\n", "\n\n", ["first", "second"]),
    ]
    for path, old, new, expected in changes:
        edit(path, old, new)
        assert stale(executed) == expected, path
        assert stale(executed) == [], path


def test_failing_chapter_stays_stale_and_is_named(executed):
    edit(executed.root / "notebooks/first.ipynb", 'mode = \\"work\\"', 'mode = \\"fail\\"')
    done = executed.bizai("book")
    assert done.returncode == 1 and "chapter first: cell cell-3 raised RuntimeError: no such luck" in done.stderr
    edit(executed.root / "notebooks/first.ipynb", 'mode = \\"fail\\"', 'mode = \\"work\\"')
    assert stale(executed) == []


def test_no_thread_parses_python(tmp_path):
    """CPython 3.11 may fail where two threads do (see `_execute_apart`)."""
    watched = Book(tmp_path).python("""
import ast, sys, threading
parsed = []
sys.addaudithook(lambda event, about: event == "compile" and parsed.append(threading.current_thread().name))
ast.parse("1")
assert parsed == ["MainThread"]
from bizai.rerun.site import execute_stale
print(execute_stale(), set(parsed))
""")
    assert watched.strip() == "['first', 'second'] {'MainThread'}"


def test_interrupted_build(executed):
    for name in ("first", "second"):
        edit(executed.root / f"notebooks/{name}.ipynb", 'mode = \\"work\\"', 'mode = \\"sleep\\"')
    before = {path: path.read_text() for path in (executed.root / "_build/executed").iterdir()}
    process = executed.start("book")
    kernels = sleeping_kernels(process, executed.root)
    os.killpg(process.pid, signal.SIGINT)       # what Ctrl-C sends
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors, errors
    psutil.wait_procs(kernels, timeout=20)
    assert kernels and not any(kernel.is_running() for kernel in kernels)
    assert before == {path: path.read_text() for path in (executed.root / "_build/executed").iterdir()}
