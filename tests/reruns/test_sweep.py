"""`bizai sweep` on a miniature book: what it runs, what it leaves, and what it refuses."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Book
from .test_run import files


@pytest.fixture
def plan(tmp_path):
    """Four scenarios of the chapter *first*, of which one fails."""
    path = tmp_path / "plan.csv"
    path.write_text('name,share,mode\nlow,0.1,\nhigh,0.9,\n"=1+1",0.5,fail\nagain,0.1,work\n')
    return path


def table(folder):
    """results.csv and results.parquet, which have to say the same."""
    csv = pd.read_csv(folder / "results.csv", encoding="utf-8-sig", keep_default_na=False, dtype=str)
    parquet = pd.read_parquet(folder / "results.parquet")
    assert list(csv.columns) == list(parquet.columns) and len(csv) == len(parquet)
    return parquet


def test_sweep(book, tmp_path, plan):
    done = book.bizai("sweep", "first", plan, "--out", tmp_path / "out", "--reports", "all", "--workers", 2)
    assert done.returncode == 1, done.stderr
    assert "1 scenario has the parameters of another; each run is made once" in done.stderr
    assert "2 of 3 done, 1 failed" in done.stderr.splitlines()[-1]
    lines = done.stdout.splitlines()
    assert lines[0] == "3 done, 1 failed" and lines[1] == "  1 failed: cell cell-3 raised RuntimeError: no such luck"
    home = tmp_path / "out" / "first"
    assert lines[-1] == str(home / "summary.html") and (home / "summary.html").is_file()
    found = table(home)
    assert list(found["name"]) == ["low", "high", "=1+1", "again"]
    assert list(found["status"]) == ["done", "done", "failed", "done"]
    assert found["half"].iloc[:2].tolist() == pytest.approx([0.7, 6.3], rel=1e-12) and found["half"].isna()[2]
    assert found["key"][0] == found["key"][3] != found["key"][1]
    assert "'=1+1" in (home / "results.csv").read_text("utf-8-sig")
    for key in set(found["key"]) - {found["key"][2]}:
        assert files(home / key) == ["amounts.csv", "notebook.ipynb", "report.html", "results.json"]
    failed = home / "failed" / found["key"][2]
    assert files(failed) == ["cause.txt", "failure.json", "notebook.ipynb", "report.html"]
    assert "no such luck" in (failed / "report.html").read_text()
    assert [p.name for p in home.iterdir() if p.name.startswith(".")] == [".lock"]


def test_a_sweep_and_single_runs_share_their_results(book, tmp_path):
    plan = tmp_path / "plan.yml"
    plan.write_text("grid:\n  share: [0.25, 0.75]\n")
    single = Path(book.bizai("run", "first", "-p", "share=0.25", "--out", tmp_path).stdout.splitlines()[-1])
    before = {p: p.stat().st_mtime_ns for p in single.iterdir()}
    done = book.bizai("sweep", "first", plan, "--out", tmp_path, "--reports", "none")
    assert done.returncode == 0 and done.stdout.startswith("2 done\n"), done.stderr
    found = table(single.parent)
    assert before == {p: p.stat().st_mtime_ns for p in single.iterdir()}
    other = single.parent / found["key"][1]
    assert found["key"][0] == single.name and files(other) == ["amounts.csv", "notebook.ipynb", "results.json"]
    results = json.loads((other / "results.json").read_text())
    assert results["records"]["half"]["value"] == found["half"][1] == 5.25
    again = book.bizai("run", "first", "-p", "share=0.75", "--out", tmp_path)
    assert again.stdout.startswith("this run was there already") and (other / "report.html").is_file()


def test_the_same_command_runs_only_what_is_missing_or_failed(book, tmp_path, plan):
    words = ["sweep", "first", plan, "--out", tmp_path / "out", "--reports", "none"]
    book.bizai(*words)
    home = tmp_path / "out" / "first"
    before = {p: p.stat().st_mtime_ns for p in home.glob("[0-9a-f]" * 16 + "/*")}
    failed, = (home / "failed").glob("*/cause.txt")
    first = failed.stat().st_mtime_ns
    assert book.bizai(*words).returncode == 1
    assert failed.stat().st_mtime_ns > first
    assert len(before) == 6 and before == {p: p.stat().st_mtime_ns for p in home.glob("[0-9a-f]" * 16 + "/*")}
    assert list(table(home)["status"]) == ["done", "done", "failed", "done"]


def test_nothing_runs_if_a_scenario_is_wrong(book, tmp_path):
    plan = tmp_path / "plan.csv"
    plan.write_text("share,mode\n0.5,work\n1.5,work\nhalf,work\n")
    done = book.bizai("sweep", "first", plan, "--out", tmp_path / "out")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert "2 of 3 scenarios" in done.stderr and "row 3: share must be a number > 0 and < 1, got '1.5'" in done.stderr
    assert "row 4: share must be a number > 0 and < 1, got 'half'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("words, sentence", [
    (["--workers", "0"], "workers must be an integer >= 1, got 0"),
    (["--workers", "1", "--scheduler", "tcp://127.0.0.1:1"], "give --workers or --scheduler, not both"),
    (["--retries", "-1"], "retries must be an integer >= 0, got -1"),
    (["--timeout", "0"], "timeout must be a number of seconds > 0, got 0.0"),
    (["--timeout", "nan"], "timeout must be a number of seconds > 0, got nan"),
    (["--memory", "-2"], "memory must be a number of GiB > 0, got -2.0"),
    (["--reports", "best"], "reports must be all, failed, none or best:N with N >= 1, got 'best'"),
    (["--best", "halve:lowest"], "halve"),
    (["--data", "none.csv"], "data file none.csv does not exist"),
    (["--scheduler", "nonsense"], "scheduler must be an address such as tcp://HOST:8786, got 'nonsense'"),
])
def test_refused_options(book, tmp_path, plan, words, sentence):
    plan.write_text("share\n0.5\n")
    done = book.bizai("sweep", "first", plan, *words, "--out", tmp_path / "out")
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert files(tmp_path / "out") in ([], ["first/.lock", "first/results.csv", "first/results.parquet"])


def test_the_bar_tells_the_rate_since_the_start(monkeypatch):
    """Between two runs the bar is drawn every half second; the last half second says nothing about the rate."""
    from bizai.rerun.cli import _Bar
    from bizai.rerun.sweeps import Progress

    monkeypatch.setattr("sys.stderr", terminal := io.StringIO())
    terminal.isatty = lambda: True
    with _Bar("first") as show:
        show(Progress(10, 0, 0, 0, 0.0))
        clock = show.bar.start_t
        monkeypatch.setattr(show.bar, "_time", lambda: clock)
        for tick in range(1, 41):
            clock += 0.5
            show(Progress(10, tick // 20, 0, tick // 20, tick / 2))
        assert "2/10 [00:20<01:20, 10.00s/run, failed=0]" in str(show.bar)


def test_what_a_chapter_says_does_not_act_on_the_terminal(capsys):
    from bizai.rerun import cli
    from bizai.rerun.execute import ChapterFailed

    cli._print_columns([("a\x1b[2J", "b\n")])
    with pytest.raises(SystemExit), cli._Refusals():
        raise ChapterFailed("\x1b]0;own\x07\nkept in /x")
    said = capsys.readouterr()
    assert said.out == "  a\\x1b[2J  b\\n\n" and said.err == "failed: \\x1b]0;own\\x07\nkept in /x\n"


def test_old_results_are_stale_and_stay(tmp_path):
    book = Book(tmp_path / "book")
    out, plan = tmp_path / "out", tmp_path / "plan.yml"
    plan.write_text("grid:\n  share: [0.2, 0.4]\n")
    assert book.bizai("sweep", "first", plan, "--out", out, "--reports", "none").returncode == 0
    old = files(out)
    library = book.root / "lib" / "bizai" / "queueing.py"
    library.write_text(library.read_text() + "\n# changed\n")
    done = book.bizai("sweep", "first", plan, "--out", out, "--reports", "none")
    assert done.returncode == 0
    assert "2 earlier results are stale, because the library changed since" in done.stderr
    assert set(old) <= set(files(out))
    found = table(out / "first")
    assert list(found["status"]) == ["done", "done", "stale", "stale"]
    assert found["half"].isna().tolist() == [False, False, True, True]


def test_from_python(book, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("amount\n10\n")
    said = book.python(f"""
if __name__ == "__main__":
    from bizai.rerun import sweep
    frame = sweep("first", {{"grid": {{"share": [0.1, 0.2, 0.3]}}}}, {str(own)!r}, out={str(tmp_path)!r}, workers=1, reports="none")
    print(type(frame).__module__, frame["half"].round(9).tolist(), frame["data_file"].unique().tolist())
    from bizai.rerun import sweep
    print(len(sweep("first", [{{"name": "a", "share": 0.1}}], {str(own)!r}, out={str(tmp_path)!r})))
""")
    assert said.splitlines() == ["pandas [1.0, 2.0, 3.0] ['own.csv']", "1"]


def test_from_a_script_without_a_main_guard(book, tmp_path):
    """A sweep in a plain script or notebook: workers must not run the script again."""
    script = tmp_path / "script.py"
    script.write_text(f"print('once')\nfrom bizai.rerun import sweep\n"
                      f"print(sweep('first', [{{'share': 0.1}}], out={str(tmp_path)!r}, reports='none')['status'].tolist())\n")
    done = subprocess.run([sys.executable, script], env=book.environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["once", "['done']"], done.stderr


def test_light_imports(book):
    """A rerun is mostly process start and imports: what the runner does without, it does not import."""
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "sklearn", "statsmodels", "tensorflow", "sympy", "distributed", "dask",
             "nbformat", "nbclient", "nbconvert", "papermill", "jupyter_client", "IPython", "zmq", "pyarrow", "jinja2", "requests"}
    loaded = "import sys; print(sorted({name.split('.')[0] for name in sys.modules} & " + repr(heavy) + "))"
    assert book.python(f"import bizai.rerun.cli; {loaded}") == "[]\n"
    assert book.python(f"import bizai.rerun.sweeps; {loaded}") == "[]\n"
    work = ("from bizai.rerun.work import work; from bizai.rerun.jobs import Checks; from bizai.rerun.chapters import find; "
            "from bizai.rerun.execute import Warm; c = find('first'); w = Warm(c); o = work(Checks(c).job(), None, warm=w); "
            "w.close(); assert not o.cause and not w.why_not, (o, w.why_not); ")
    needed = {"IPython", "jupyter_client", "nbclient", "nbformat", "numpy", "pandas", "papermill", "pyarrow", "requests", "zmq"}
    assert set(json.loads(book.python(work + loaded).replace("'", '"'))) == needed
    assert book.python(work + "import sys; print('rfc3987_syntax' in sys.modules, 'lark' in sys.modules)") == "False False\n"
