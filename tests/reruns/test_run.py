"""`bizai run` on a miniature book: what a finished run leaves, and what every kind of fault leaves."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bizai.rerun.files import scratch

from .conftest import sleeping_kernels


def files(folder):
    """Every file under a folder, hidden ones too."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) if folder.exists() else []


def test_finished_run(book, tmp_path):
    own = tmp_path / "own data.csv"
    own.write_text("amount,note\n10,a\n20,b\n")
    done = book.bizai("run", "first", "-p", "share=0.1", "--data", own, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[-2] == "defaults used for mode"
    assert lines[0].split() == ["Half", "of", "it", "3", "money"]
    folder = Path(lines[-1])
    assert folder.parent == tmp_path / "out" / "first"
    assert files(folder) == ["amounts.csv", "notebook.ipynb", "report.html", "results.json"]
    assert (folder / "amounts.csv").read_text(encoding="utf-8-sig") == "amount\n10\n20\n"
    results = json.loads((folder / "results.json").read_text())
    assert set(results) == {"chapter", "parameters", "records", "provenance"}
    assert results["parameters"] == {"share": 0.1, "mode": "work", "data_file": "own data.csv"}
    assert results["records"]["half"]["value"] == pytest.approx(3) and results["records"]["half"]["unit"] == "money"
    assert set(results["provenance"]) == {"git_commit", "git_dirty", "hashes", "versions", "started", "duration_seconds"}
    assert set(results["provenance"]["hashes"]) == {"notebook", "library", "data", "lock"}
    assert files(tmp_path / "out") == files(folder.parents[1])


def test_report_stands_alone(book, tmp_path):
    plain = Path(book.bizai("run", "first", "--out", tmp_path).stdout.splitlines()[-1]) / "report.html"
    code = Path(book.bizai("run", "first", "--code", "--out", tmp_path).stdout.splitlines()[-1]) / "report-with-code.html"
    assert plain.parent == code.parent
    text = plain.read_text()
    assert "Half of it is 3.50." in text and "record(" not in text
    assert "record(" in re.sub("<[^>]+>", "", code.read_text())
    assert "http://" not in text and "https://" not in text and "<script" not in text


def test_same_run_is_not_repeated(book, tmp_path):
    first = book.bizai("run", "first", "--out", tmp_path).stdout.splitlines()
    before = {p: p.stat().st_mtime_ns for p in Path(first[-1]).iterdir()}
    again = book.bizai("run", "first", "--out", tmp_path).stdout.splitlines()
    assert again[0] == "this run was there already; nothing was executed" and again[1:] == first
    assert before == {p: p.stat().st_mtime_ns for p in Path(first[-1]).iterdir()}


@pytest.mark.parametrize("damage", ["", "{"])
def test_half_a_result_is_not_taken_for_a_whole_one(book, tmp_path, damage):
    folder = Path(book.bizai("run", "first", "--out", tmp_path).stdout.splitlines()[-1])
    (folder / "results.json").write_text(damage)
    done = book.bizai("run", "first", "--out", tmp_path)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == str(folder)
    assert files(folder) == ["amounts.csv", "notebook.ipynb", "report.html", "results.json"]
    aside, = folder.parent.glob(f"{folder.name}-incomplete-*")
    assert files(aside) == ["amounts.csv", "notebook.ipynb", "report.html", "results.json"]


def test_a_missing_report_is_rendered_from_the_notebook(book, tmp_path):
    folder = Path(book.bizai("run", "first", "--out", tmp_path).stdout.splitlines()[-1])
    before = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    done = book.bizai("run", "first", "--out", tmp_path)
    assert done.stdout.startswith("this run was there already; nothing was executed")
    assert (folder / "report.html").read_text() == before


def test_key_follows_content_not_place(book, tmp_path):
    folders = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "own.csv").write_text("amount\n3\n")
        folders.append(book.bizai("run", "first", "--data", "own.csv", "--out", tmp_path / "out", cwd=tmp_path / place))
    assert folders[0].stdout.splitlines()[-1] == folders[1].stdout.splitlines()[-1]
    (tmp_path / "b" / "own.csv").write_text("amount\n4\n")
    other = book.bizai("run", "first", "--data", "own.csv", "--out", tmp_path / "out", cwd=tmp_path / "b")
    assert other.stdout.splitlines()[-1] != folders[0].stdout.splitlines()[-1]


@pytest.mark.parametrize("words, sentence", [
    (["first", "-p", "shar=0.5"], "unknown parameter 'shar': did you mean 'share'?"),
    (["first", "-p", "share=1.5"], "share must be a number > 0 and < 1, got '1.5'"),
    (["first", "-p", "share=0.1", "-p", "share=0.2"], "parameter share is given twice"),
    (["first", "-p", "share"], "a parameter is given as NAME=VALUE, got 'share'"),
    (["first", "-p", "import os\nshare=0.1"], "unknown parameter 'import os\\nshare'"),
    (["third"], "unknown chapter 'third': there are first, second"),
    (["first", "--data", "none.csv"], "data file none.csv does not exist"),
    (["first", "--data", "."], "data file . is not a file"),
    (["first", "--data", "a.csv", "-p", "data_file=b.csv"], "give the data file once"),
    (["first", "--data", ""], "the name of the data file is empty"),
    (["first", "-p", "__name__=x", "-p", "shar=0.5"], "unknown parameter '__name__'"),
])
def test_refused(book, tmp_path, words, sentence):
    done = book.bizai("run", *words, "--out", tmp_path / "out")
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_unusable_folder_is_refused(book, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = book.bizai("run", "first", "--out", tmp_path / "file")
    assert done.returncode == 2 and "refused: results cannot be written to" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.parametrize("mode, cause", [
    ("fail", "cell cell-3 raised RuntimeError: no such luck"),
    ("exit", "cell cell-3 raised SystemExit: 0"),
    ("die", "the kernel died in cell cell-3: exit code 3"),
    ("forget", "the chapter ran but did not record rows"),
])
def test_failed_chapter_is_kept_with_its_cause(book, tmp_path, mode, cause):
    done = book.bizai("run", "first", "-p", f"mode={mode}", "--out", tmp_path)
    assert done.returncode == 1 and cause in done.stderr, done.stderr
    kept, = (tmp_path / "first" / "failed").iterdir()
    assert files(tmp_path / "first") == [f"failed/{kept.name}/{name}" for name in ("cause.txt", "failure.json", "notebook.ipynb")]
    assert cause in (kept / "cause.txt").read_text() and cause in json.loads((kept / "failure.json").read_text())["cause"]


def test_killed_kernel(book, tmp_path):
    process = book.start("run", "first", "-p", "mode=sleep", "--out", tmp_path)
    kernel, = sleeping_kernels(process, book.temporary)
    kernel.send_signal(signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "the kernel died in cell cell-3: signal 9 (SIGKILL)" in errors, errors
    assert not list(tmp_path.rglob("results.json")) and not list(tmp_path.rglob("report.html"))
    assert "SIGKILL" in next(tmp_path.rglob("cause.txt")).read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_nothing(book, tmp_path, number):
    process = book.start("run", "first", "-p", "mode=sleep", "--out", tmp_path)
    kernel, = sleeping_kernels(process, book.temporary)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert files(tmp_path) == []
    psutil.wait_procs([kernel], timeout=20)
    assert not kernel.is_running()


def test_only_what_a_dead_process_left_is_removed(book, tmp_path):
    code = f"from bizai.rerun.files import scratch; s = scratch({str(tmp_path)!r}); print(s.__enter__())"
    left = Path(book.python(f"{code}\nimport os, sys; sys.stdout.flush(); os._exit(0)").strip())
    assert left.is_dir()
    with scratch(tmp_path) as mine:
        assert not left.exists()
        with scratch(tmp_path) as other:
            assert mine.is_dir() and other.is_dir()
        alone = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code],
                               env=book.environment, capture_output=True, text=True)
        if "unshare" in alone.stderr:
            pytest.skip(f"no container can be made here: {alone.stderr.strip()}")
        assert alone.returncode == 0 and mine.is_dir()      # in another container this process's id means nothing
    assert list(tmp_path.iterdir()) == []


def test_plain_papermill(book, tmp_path):
    papermill = Path(sys.executable).with_name("papermill")
    (tmp_path / "own.csv").write_text("amount\n8\n")
    done = subprocess.run([papermill, book.root / "notebooks" / "first.ipynb", "out.ipynb", "-p", "data_file", "own.csv",
                           "--no-progress-bar"], cwd=tmp_path, env=book.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Half of it is 4.00." in (tmp_path / "out.ipynb").read_text()
    done = subprocess.run([papermill, book.root / "notebooks" / "first.ipynb", "bad.ipynb", "-p", "share", "2",
                           "--no-progress-bar"], cwd=tmp_path, env=book.environment, capture_output=True, text=True)
    assert done.returncode != 0 and "share must be a number > 0 and < 1, got 2" in done.stderr


def test_from_python(book, tmp_path):
    out = book.python("from bizai.rerun import run\n"
                      f"r = run('first', {{'share': 0.25}}, out={str(tmp_path)!r})\n"
                      "print(r.headlines, r.fresh, r.folder.name)")
    assert "{'Half of it': (1.75, 'money')} True" in out


def test_list_and_describe(book):
    assert book.bizai("list").stdout.splitlines() == ["first   Halve an amount", "second  Halve an amount"]
    text = book.bizai("describe", "first").stdout
    for words in ("share", "a number > 0 and < 1", "of one", "0.5", "amount", "first.csv", "half", "money", "rows"):
        assert words in text


def test_runs_do_not_need_to_be_started_in_the_book(book, tmp_path):
    done = book.bizai("run", "second", cwd=tmp_path)
    assert done.returncode == 0 and os.path.samefile(Path(done.stdout.splitlines()[-1]).parents[1], tmp_path / "results")
