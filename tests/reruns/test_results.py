"""The table of a chapter's folder: what is in it, exact numbers, two writers at once, and every kind of broken folder."""

import errno
import io
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizai.rerun import results
from bizai.rerun.chapters import chapters, payloads
from bizai.rerun.results import FIRST, Results, columns

HASHES = {"notebook": "n", "library": "l", "data": "d", "lock": "k"}


class Chapter:
    """A chapter as the table sees it."""

    name, defaults = "toy", {"share": 0.5, "mode": "work", "data_file": ""}

    def hashes(self, data=None):
        return dict(HASHES)


def job(key, hashes=HASHES, **parameters):
    return SimpleNamespace(key=key, parameters=Chapter.defaults | parameters, hashes=hashes)


def scenarios(*names):
    return [SimpleNamespace(name=name) for name in names]


def finish(home, key, records, *, hashes=HASHES, chapter="toy", **parameters):
    """Leave a finished run as the runner does: in a hidden folder, then renamed."""
    work = home / f".{key}-work"
    work.mkdir(parents=True)
    content = {"chapter": chapter, "parameters": Chapter.defaults | parameters,
               "records": {name: {"value": value, "unit": "", "headline": ""} for name, value in records.items()},
               "provenance": {"hashes": hashes, "versions": {}, "duration_seconds": 1.5}}
    (work / "results.json").write_text(json.dumps(content), encoding="utf-8")
    (work / "notebook.ipynb").write_text("{}")
    work.rename(home / key)


def fail(home, key, cause, **parameters):
    folder = home / "failed" / key
    folder.mkdir(parents=True)
    (folder / "cause.txt").write_text(f"{cause}\n")
    (folder / "failure.json").write_text(json.dumps({
        "chapter": "toy", "parameters": Chapter.defaults | parameters, "cause": cause,
        "provenance": {"hashes": HASHES, "duration_seconds": 0.5}}))


def table(home, **options):
    """The parquet file, after a look at whether the CSV file has the same rows and numbers."""
    frame = pd.read_parquet(home / "results.parquet")
    text = pd.read_csv(home / "results.csv", encoding="utf-8-sig", keep_default_na=False,
                       na_values={name: [""] for name in frame.select_dtypes("number")}, dtype={"key": str})
    assert list(text.columns) == list(frame.columns) and len(text) == len(frame)
    for name in frame.select_dtypes("number"):
        pd.testing.assert_series_equal(text[name], frame[name], check_dtype=False, check_exact=True, check_index=False)
    return frame


def hidden(home):
    return sorted(p.name for p in home.iterdir() if p.name.startswith(".") and p.name != ".lock")


@pytest.fixture
def home(tmp_path):
    return tmp_path / "out" / "toy"


def test_rows_and_their_order(home):
    finish(home, "aa", {"half": 1.25, "rows": 3}, share=0.1)
    fail(home, "bb", "no such luck", share=0.2)
    finish(home, "dd", {"half": 9.0, "rows": 4})
    finish(home, "ee", {"half": 7.0, "rows": 5}, hashes=HASHES | {"library": "old", "data": "old"})
    fail(home, "ff", "also no luck")
    fail(home, "dd", "before it was done")
    sweep = Results(home, Chapter(), [job("cc"), job("bb", share=0.2), job("aa", share=0.1), job("aa", share=0.1)],
                    scenarios("waits", "fails", "ends", "ends too"))
    sweep.update(force=True)
    frame = table(home)
    assert list(frame.columns) == [*FIRST, "share", "mode", "data_file", "half", "rows"]
    assert frame["name"].tolist() == ["waits", "fails", "ends", "ends too", "", "", ""]
    assert frame["status"].tolist() == ["waiting", "failed", "done", "done", "done", "failed", "stale"]
    assert frame["key"].tolist() == ["cc", "bb", "aa", "aa", "dd", "ff", "ee"]
    assert frame["cause"].tolist() == ["", "no such luck", "", "", "", "also no luck",
                                       "the library and the bundled sample changed since"]
    assert frame["half"].fillna(-1).tolist() == [-1, -1, 1.25, 1.25, 9, -1, -1]
    assert frame["rows"].dtype == "Int64" and frame["rows"].fillna(-1).tolist() == [-1, -1, 3, 3, 4, -1, -1]
    assert frame["duration_seconds"].fillna(-1).tolist() == [-1, 0.5, 1.5, 1.5, 1.5, 0.5, -1]
    assert sweep.stale == {"ee": "the library and the bundled sample"}
    assert sweep.frame["key"].tolist() == ["cc", "bb", "aa", "aa"]
    assert frame.attrs == sweep.frame.attrs == {"chapter": "toy", "parameters": ["share", "mode", "data_file"]}
    assert hidden(home) == []


def test_table_follows_the_folder(home):
    fail(home, "aa", "no such luck")
    finish(home, "bb", {"half": 1.0})
    sweep = Results(home, Chapter(), [job("aa")], scenarios("one"))
    sweep.update(force=True)
    assert table(home)["status"].tolist() == ["failed", "done"]
    finish(home, "aa", {"half": 2.0})           # tried again
    shutil.rmtree(home / "bb")
    sweep.update(force=True)
    frame = table(home)
    assert frame[["key", "status", "cause", "half"]].values.tolist() == [["aa", "done", "", 2.0]]
    shutil.rmtree(home / "aa")
    finish(home, "aa", {"half": 3.0})           # the same key, made anew
    sweep.update(force=True)
    assert sweep.frame["half"].tolist() == table(home)["half"].tolist() == [3.0]


def test_own_file_is_judged_by_its_content(home):
    own, other = HASHES | {"data": "own"}, HASHES | {"data": "before"}
    finish(home, "aa", {"half": 1.0}, hashes=own, data_file="own.csv")
    finish(home, "bb", {"half": 2.0}, hashes=other, data_file="own.csv")
    finish(home, "cc", {"half": 3.0}, hashes=other, data_file="other.csv")
    finish(home, "dd", {"half": 4.0})
    finish(home, "ff", {"half": 5.0}, hashes=other)
    sweep = Results(home, Chapter(), [job("ee", own, data_file="own.csv")], scenarios("one"))
    sweep.update(force=True)
    assert sweep.stale == {"bb": "the data file", "ff": "the bundled sample"}
    assert dict(zip(table(home)["key"], table(home)["status"])) == {
        "ee": "waiting", "aa": "done", "cc": "done", "dd": "done", "bb": "stale",
        "ff": "stale"}


def test_names_of_another_sweep_stay(home):
    finish(home, "aa", {"half": 1.0})
    first = Results(home, Chapter(), [job("aa"), job("aa"), job("bb")], scenarios("one", "two", "three"))
    first.update(force=True)
    second = Results(home, Chapter(), [job("cc")], scenarios("four"))
    second.update(force=True)
    finish(home, "bb", {"half": 2.0})           # named in the table before the last
    second.update(force=True)
    assert table(home)["name"].tolist() == ["four", "one", "two", "three"]
    first.update(force=True)
    assert table(home)["name"].tolist() == ["one", "two", "three"]
    finish(home, "cc", {"half": 3.0})
    first.update(force=True)
    assert table(home)["name"].tolist() == ["one", "two", "three", "four"]


def test_names_are_unique_columns():
    parameters, records = columns(["key", "days", "rate"], ["days", "result_days", "key", "rows"])
    assert parameters == {"key": "parameter_key", "days": "days", "rate": "rate"}
    assert records == {"days": "result_result_days", "result_days": "result_days", "key": "result_key", "rows": "rows"}


def test_columns_of_every_chapter_are_unique():
    for chapter in chapters().values():
        names = [record["name"] for record in payloads(chapter.notebook, "record")]
        parameters, records = columns(chapter.defaults, names)
        found = [*FIRST, *parameters.values(), *records.values()]
        assert len(found) == len(set(found)) == len(FIRST) + len(chapter.defaults) + len(names)


def test_types_of_columns(home):
    values = {"whole": [1, 2, -3], "mixed": [1, 2.5, "nan"], "ends": ["inf", 0.1, "-inf"], "none": ["nan"] * 3,
              "truth": [True, False, True], "words": ["a", "nan", "b"], "both": [1, "none", True], "large": [2**70, 1, 2],
              "precise": [2**53 + 1, 0.5, 1], "lists": [[1, "nan"], [[2.5]], ["é"]],
              "unicode": ["值", "\ud800", "a\r\nb\n"]}
    for number in range(3):
        finish(home, f"a{number}", {name: column[number] for name, column in values.items()}, mode="nan")
    sweep = Results(home, Chapter(), [job(f"a{number}", mode="nan") for number in range(3)], scenarios("", "", ""))
    sweep.update(force=True)
    for frame in (sweep.frame, table(home)):
        assert {name: str(frame[name].dtype) for name in values} == {
            "whole": "Int64", "mixed": "float64", "ends": "float64", "none": "float64", "truth": "boolean",
            "words": "str", "both": "str", "large": "str", "precise": "str", "lists": "str", "unicode": "str"}
        assert frame["mode"].tolist() == ["nan"] * 3          # a parameter is never NaN
        assert frame["whole"].tolist() == values["whole"] and frame["truth"].tolist() == values["truth"]
        assert frame["ends"].tolist() == [math.inf, 0.1, -math.inf] and frame["none"].isna().all()
        assert frame["both"].tolist() == ["1", "none", "True"] and frame["words"].tolist() == values["words"]
        assert frame["large"].tolist() == [str(2**70), "1", "2"]
        assert frame["precise"].tolist() == [str(2**53 + 1), "0.5", "1"]
        assert [json.loads(cell) for cell in frame["lists"]] == values["lists"]
        assert frame["unicode"].tolist() == ["值", "?", "a\r\nb\n"]


RECORDED = st.one_of(st.integers(), st.floats().map(lambda x: x if math.isfinite(x) else str(x)), st.booleans(),
                     st.text(), st.lists(st.floats(allow_nan=False, allow_infinity=False)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), RECORDED), min_size=1, max_size=4))
def test_any_values_come_back(tmp_path, runs):
    home = tmp_path / "toy"
    shutil.rmtree(home, ignore_errors=True)
    for number, records in enumerate(runs):
        finish(home, f"a{number}", records)
    Results(home, Chapter(), [job(f"a{number}") for number in range(len(runs))], scenarios(*map(str, range(len(runs))))
            ).update(force=True)
    frame = table(home)
    for name in set(frame) & {"a", "b", "c"}:
        for records, cell in zip(runs, frame[name]):
            value = records.get(name)
            if isinstance(value, (int, float)) and not isinstance(cell, str):
                assert cell == value and isinstance(value, bool) == (frame[name].dtype == "boolean")
            elif value in ("nan", "inf", "-inf") and not isinstance(cell, str):
                assert str(float(cell)) == value
            elif value is None:
                assert pd.isna(cell)
            elif isinstance(value, list):
                assert json.loads(cell) == value
            else:
                assert cell == (value.encode("utf-8", "replace").decode() if isinstance(value, str) else repr(value))


def test_formulas_are_harmless_in_the_csv_file(home):
    finish(home, "aa", {"label": "=cmd()", "change": -2.5}, mode="@sum")
    Results(home, Chapter(), [job("aa", mode="@sum")], scenarios("+name")).update(force=True)
    line = (home / "results.csv").read_text(encoding="utf-8-sig").splitlines()[1]
    assert line == "'+name,done,1.5,aa,,0.5,'@sum,,'=cmd(),-2.5"
    assert pd.read_parquet(home / "results.parquet")["label"].tolist() == ["=cmd()"]
    assert (home / "results.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("spoil", [
    lambda home: (home / "ab").mkdir(),
    lambda home: (home / "ab").write_text("a file"),
    lambda home: (home / "notes").mkdir(),
    lambda home: shutil.copytree(home / "aa", home / "copy of aa"),
    lambda home: shutil.copytree(home / "aa", home / ".aa-work"),
    lambda home: (home / "results.parquet").write_bytes(b"PAR1 no"),
    lambda home: pd.DataFrame({"scenario": [1]}).to_parquet(home / "results.parquet"),
    lambda home: pd.DataFrame({"name": [1], "key": [None]}).to_parquet(home / "results.parquet"),
    lambda home: (home / "results.csv").write_bytes(b"\xff"),
    lambda home: (home / ".results.csv").write_text("half"),
    lambda home: finish(home, "ac", {"half": 5.0}, chapter="another"),
    lambda home: (home / "failed" / "ab").mkdir(parents=True),
    lambda home: (home / "failed").write_text("a file"),
    lambda home: (finish(home, "ab", {"half": 5.0}), (home / "ab" / "notebook.ipynb").unlink()),
])
def test_broken_folders_do_no_harm(home, spoil):
    finish(home, "aa", {"half": 1.0})
    spoil(home)
    sweep = Results(home, Chapter(), [job("aa"), job("ab")], scenarios("one", "two"))
    sweep.update(force=True)
    assert table(home)[["name", "status"]].values.tolist() == [["one", "done"], ["two", "waiting"]]
    assert not (home / ".results.csv").exists()


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b"\xff", b'{"chapter": "toy"}',
    b'{"chapter": "toy", "parameters": {}, "records": {"a": 1}, "provenance": {}}',
    b'{"chapter": "toy", "parameters": 5, "records": {}, "provenance": {"duration_seconds": 1, "hashes": {}}}'])
def test_damaged_results_are_none(home, text):
    for key in ("aa", "ab"):
        finish(home, key, {"half": 1.0})
        (home / key / "results.json").write_bytes(text)
    Results(home, Chapter(), [job("aa")], scenarios("one")).update(force=True)
    assert table(home)[["name", "status"]].values.tolist() == [["one", "waiting"]]


def test_failure_without_details_keeps_its_cause(home):
    (home / "failed" / "aa").mkdir(parents=True)
    (home / "failed" / "aa" / "cause.txt").write_text("killed\n")
    sweep = Results(home, Chapter(), [], [])
    sweep.update(force=True)
    assert table(home)[["key", "status", "cause"]].values.tolist() == [["aa", "failed", "killed"]]
    assert len(sweep.frame) == 0 and list(sweep.frame.columns)[:5] == list(FIRST)


def test_full_disk_leaves_the_old_table(home, monkeypatch):
    finish(home, "aa", {"half": 1.0})
    sweep = Results(home, Chapter(), [job("aa")], scenarios("one"))
    sweep.update(force=True)
    before = {name: (home / name).read_bytes() for name in ("results.csv", "results.parquet")}
    finish(home, "bb", {"half": 2.0})
    written = []

    def full(stream):
        written.append(stream)
        if len(written) == 2:           # the first file is complete, the second is not
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(results.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            sweep.update(force=True)
    assert before == {name: (home / name).read_bytes() for name in before} and hidden(home) == []
    sweep.update(force=True)
    assert len(table(home)) == 2


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "toy").write_text("in the way")
    with pytest.raises(OSError):
        Results(tmp_path / "toy", Chapter(), [job("aa")], scenarios("one")).update(force=True)
    assert (tmp_path / "toy").read_text() == "in the way"


def test_rewrites_only_what_is_new_and_not_too_often(home, monkeypatch):
    now, written = [0.0], []
    monkeypatch.setattr(results, "time", SimpleNamespace(monotonic=lambda: now[0]))
    replace = results._replace

    def slow(*given):
        replace(*given)
        now[0] += 1
        written.append(now[0])

    monkeypatch.setattr(results, "_replace", slow)
    sweep = Results(home, Chapter(), [job("aa")], scenarios("one"))
    sweep.update()                          # written from 0 to 1: not again before 1 + 19
    finish(home, "aa", {"half": 1.0})
    for now[0] in (2, 10, 19.9, 20.1):
        sweep.update()
    assert written == [1, 21.1]
    sweep.update(force=True)                # nothing is new
    (home / "results.csv").unlink()
    sweep.update(force=True)
    assert written == [1, 21.1, 22.1] and len(table(home)) == 1


HOLDER = """
import sys, time, filelock
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_lock_of_another_process(home, monkeypatch):
    monkeypatch.setattr(results, "_PATIENCE", 0.2)
    finish(home, "aa", {"half": 1.0})
    with subprocess.Popen([sys.executable, "-c", HOLDER, home / ".lock"], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        sweep = Results(home, Chapter(), [job("aa")], scenarios("one"))
        sweep.update()                      # not now
        assert not (home / "results.csv").exists()
        with pytest.raises(TimeoutError, match="another process has held"):
            sweep.update(force=True)
        holder.kill()
    sweep.update(force=True)                # a killed process holds nothing
    assert len(table(home)) == 1


WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_results import Chapter, Results, finish, job, results, scenarios
home, letter, number = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
results._PAUSE = results._SHARE = 0
keys = [f"{letter}{i}" for i in range(number)]
sweep = Results(home, Chapter(), [job(key) for key in keys], scenarios(*(f"scenario {key}" for key in keys)))
sweep.update(force=True)
for i, key in enumerate(keys):
    finish(home, key, {"half": i + 0.1})
    sweep.update()
sweep.update(force=True)
assert sweep.frame["status"].eq("done").all()
"""


def test_two_writers_at_once(home):
    home.mkdir(parents=True)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, Path(__file__).parent, home, letter, "40"], text=True,
                                stderr=subprocess.PIPE) for letter in "ab"]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        if (home / "results.parquet").exists():
            # at any moment a whole table; its bytes at once, because pandas opens a file twice
            frame = pd.read_parquet(io.BytesIO((home / "results.parquet").read_bytes()))
            done = frame[frame["status"] == "done"]
            assert done.empty or (done["half"] == done["key"].str[1:].astype(float) + 0.1).all()
            assert (done["name"] == "scenario " + done["key"]).all()
            seen += 1
        time.sleep(0.01)
    assert [writer.wait() for writer in writers] == [0, 0], [writer.stderr.read() for writer in writers]
    assert seen
    frame = table(home)
    assert sorted(frame["name"]) == sorted(f"scenario {letter}{i}" for letter in "ab" for i in range(40))
    assert frame["status"].eq("done").all() and hidden(home) == []


def test_runs_of_the_command_line(book, tmp_path):
    for share in ("0.25", "0.75"):
        assert book.bizai("run", "first", "-p", f"share={share}", "--out", tmp_path).returncode == 0
    code = (f"from bizai.rerun.chapters import find; from bizai.rerun.results import Results; from pathlib import Path; "
            f"Results(Path({str(tmp_path)!r}) / 'first', find('first'), [], []).update(force=True)")
    book.python(code)
    frame = table(tmp_path / "first").sort_values("share")
    assert frame["half"].tolist() == [1.75, 5.25] and frame["status"].tolist() == ["done", "done"]
    (book.root / "data" / "samples" / "first.csv").write_text("amount\n1\n")
    book.python(code)
    frame = table(tmp_path / "first")
    assert frame["cause"].tolist() == ["the bundled sample changed since"] * 2 and "half" not in frame
