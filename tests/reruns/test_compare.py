"""`compare`: what differs between two runs or two sweeps, by how much, and why."""

import csv
import io
import json
import math
import shutil

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.chapter.parameters import Refused
from bizai.rerun import compare
from bizai.rerun.comparison import _difference, _made_with, _same
from bizai.rerun.results import Results

from .test_results import HASHES, Chapter, fail, finish, job, scenarios

RECORDS = {"half": 2.0, "rows": 3, "text": "a", "bound": "inf", "gap": "nan", "risks": [1.0, "nan", [2.0, 3.0]],
           "sure": True}


def rows(frame):
    """The rows of a table of differences, NaN as None."""
    return [tuple(None if cell != cell else cell for cell in row) for row in frame.itertuples(index=False)]


@pytest.fixture
def runs(tmp_path):
    """Make two finished runs from the second's records and parameters."""
    def make(records, hashes=HASHES, **parameters):
        finish(tmp_path / "one", "aa", RECORDS)
        finish(tmp_path / "two", "bb", records, hashes=hashes, **parameters)
        return tmp_path / "one" / "aa", tmp_path / "two" / "bb"

    return make


def test_equal_runs(runs):
    found = compare(*runs(RECORDS))
    assert not found.differs and found.equal == len(RECORDS) and found.scenarios is None
    assert found.text() == "7 results are equal\nmade with the same chapter, library, data and packages"


def test_what_differs_between_runs(runs):
    other = RECORDS | {"half": 3.0, "text": "b", "risks": [1.0, "nan", [2.0, 2.7]], "sure": False, "new": 4}
    found = compare(*runs(other, hashes=HASHES | {"library": "other", "data": "other"}, share=0.25, mode="play"))
    assert found.differs and found.equal == 3
    assert rows(found.parameters) == [("share", "", 0.5, 0.25, -0.25, -50), ("mode", "", "work", "play", None, None)]
    assert rows(found.numbers) == [
        ("half", "", 2.0, 3.0, 1, 50), ("text", "", "a", "b", None, None),
        ("risks[2][1]", "", 3.0, 2.7, pytest.approx(-0.3), pytest.approx(-10)),
        ("sure", "", True, False, None, None), ("new", "", None, 4, None, None)]
    lines = found.text().splitlines()
    assert lines[0].split() == ["parameter", "unit", "A", "B", "B", "-", "A", "%", "of", "A"]
    assert lines[1].split() == ["share", "0.5", "0.25", "-0.25", "-50%"] and lines[2].split() == ["mode", "work", "play"]
    assert lines[-1] == "not made with the same: the library, the data"


def test_parameters_that_are_lists(runs):
    assert rows(compare(*runs(RECORDS, share=[1, 2])).parameters) == [
        ("share[0]", "", 0.5, 1, 0.5, 100), ("share[1]", "", None, 2, None, None)]


def test_numbers_that_look_alike_are_told_in_full(runs):
    folders = runs(RECORDS | {"half": 2.0 + 2**-51})
    assert compare(*folders).text().splitlines()[1].split()[1:3] == ["2.0", "2.0000000000000004"]
    assert not compare(*folders, rtol=1e-12).differs


def test_versions_that_differ_are_told():
    old, new = ({"hashes": HASHES, "versions": versions} for versions in (
        {"python": "3.11.1", "numpy": "2.1", "scipy": "1.0"}, {"python": "3.11.1", "numpy": "2.2", "pandas": "3.0"}))
    assert _made_with(old, new) == "not made with the same: numpy 2.1 -> 2.2, scipy 1.0 -> none, pandas none -> 3.0"


@pytest.mark.parametrize("a, b, difference, percent", [
    (-2.0, -1.0, 1, 50), (0.0, 2.0, 2, None), (math.inf, 1.0, -math.inf, None), (1.0, math.inf, math.inf, math.inf),
    (math.nan, 1.0, None, None), (1, "none", None, None), (True, 2, None, None), (10**400, 1.5, -math.inf, None)])
def test_differences(a, b, difference, percent):
    assert not _same(a, b, 0)
    assert [None if math.isnan(x) else x for x in _difference(a, b)] == [difference, percent]


@pytest.mark.parametrize("a, b", [(1, 1.0), (math.nan, math.nan), (None, math.nan), ("5", 5), (-math.inf, -math.inf)])
def test_equal_values(a, b):
    assert _same(a, b, 0) and _same(b, a, 0)


@pytest.mark.parametrize("a, b", [(True, 1), (0, False), ("nan", 1.0), (1, 1 + 2**-52), (2**53, 2**53 + 1), ("a", "A")])
def test_unequal_values(a, b):
    assert not _same(a, b, 0) and not _same(b, a, 0)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), st.sampled_from([0, 1e-9, 0.1]))
def test_tolerance_is_symmetric_and_exact_at_zero(a, b, rtol):
    assert _same(a, b, rtol) == _same(b, a, rtol) == (a == b or rtol > 0 and math.isclose(a, b, rel_tol=rtol))


def sweep(home, runs, names=None):
    """Make a sweep of runs, key to (parameters, records); those without records failed."""
    for key, (parameters, records) in runs.items():
        if records is None:
            fail(home, key, "no such luck", **parameters)
        else:
            finish(home, key, records, **parameters)
    table = Results(home, Chapter(), [job(key, **parameters) for key, (parameters, _) in runs.items()],
                    scenarios(*(names or [""] * len(runs))))
    table.update(force=True)
    return home


def test_sweeps_are_matched_by_parameters(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {f"a{i}": ({"share": i / 20}, {"half": float(i), "same": 1, "list": [i, 2]})
                                         for i in range(1, 16)})
    b = sweep(tmp_path / "two" / "toy", {
        f"b{i}": ({"share": i / 20}, {"half": i + i % 3 / 10, "same": 1, "list": [i, 2 + (i == 4)]}) for i in range(3, 17)})
    found = compare(a, b)
    assert found.scenarios == 13 and found.equal == 1 and len(found.parameters) == 0
    assert rows(found.numbers) == [
        ("half", "", 8, 5.0, 5.2, pytest.approx(0.2), pytest.approx(4), "share=0.25"),
        ("list[1]", "", 1, 2, 3, 1, 50, "share=0.2")]
    assert found.only_a == ("share=0.05", "share=0.1") and found.only_b == ("share=0.8",)
    assert found.notes == ("scenarios matched by parameters", "made with the same chapter, library, data and packages")
    assert ("1 result is equal in all of 13 scenarios done in both\n2 scenarios only in A: share=0.05; share=0.1\n"
            in found.text())
    assert compare(a, a).differs is False and compare(a, a / "results.parquet").equal == 3
    assert [row[0] for row in rows(compare(a, b, rtol=0.05).numbers)] == ["list[1]"]


def test_sweeps_are_matched_by_name_if_no_parameters_agree(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {
        "a1": ({"share": 0.1}, {"half": 1.0}), "a2": ({"share": 0.2}, {"half": 2.0})}, ["x", "y"])
    b = sweep(tmp_path / "two" / "toy", {
        "b1": ({"share": 0.3}, {"half": 1.0}), "b2": ({"share": 0.25}, {"half": 3.0})}, ["x", "y"])
    found = compare(a, b)
    assert found.notes[0] == "scenarios matched by name" and found.scenarios == 2
    assert rows(found.parameters) == [("share", "", 2, 0.1, 0.3, pytest.approx(0.2), pytest.approx(200), "x")]
    assert rows(found.numbers) == [("half", "", 1, 2.0, 3.0, 1, 50, "y")]
    found = compare(a, b, by="parameters")
    assert found.scenarios == 0 and found.only_a == ("x", "y") and found.equal == 0
    assert "no scenario is done in both" in found.text()


def test_names_that_do_not_tell_scenarios_apart(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {
        "a1": ({"share": 0.1}, {"half": 1.0}), "a2": ({"share": 0.2}, {"half": 2.0})}, ["x", "x"])
    b = sweep(tmp_path / "two" / "toy", {"b1": ({"share": 0.3}, {"half": 1.0})}, ["x"])
    assert compare(a, b).scenarios == 0
    with pytest.raises(Refused, match="the name 'x' stands twice"):
        compare(a, b, by="name")


def test_a_parameter_that_one_sweep_lacks(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {
        "a1": ({"extra": 1}, {"half": 1.0}), "a2": ({"extra": 2}, {"half": 2.0})}, ["x", "y"])
    b = sweep(tmp_path / "two" / "toy", {"b1": ({}, {"half": 1.0})}, ["x"])
    assert compare(a, b).notes[0] == "scenarios matched by name"
    with pytest.raises(Refused, match="are alike in all parameters that both sweeps have"):
        compare(a, b, by="parameters")
    shutil.rmtree(b)
    with pytest.raises(Refused, match="are alike in all parameters that both sweeps have"):
        compare(a, sweep(tmp_path / "two" / "toy", {"b1": ({}, {"half": 1.0})}))


def test_status_and_stale_rows(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {"a1": ({"share": 0.1}, {"half": 1.0}), "a2": ({"share": 0.2}, None),
                                         "a3": ({"share": 0.3}, None), "a4": ({"share": 0.4}, {"half": 4.0})})
    finish(tmp_path / "two" / "toy", "cc", {"half": 9.0}, hashes=HASHES | {"lock": "old"}, share=0.4)
    b = sweep(tmp_path / "two" / "toy", {"b1": ({"share": 0.1}, {"half": 1.0}), "b2": ({"share": 0.2}, {"half": 2.0}),
                                         "b3": ({"share": 0.3}, None)})
    found = compare(a, b)
    assert rows(found.numbers) == [("status", "", 1, "failed", "done", None, None, "share=0.2")]
    assert found.equal == 1 and found.scenarios == 1 and found.only_a == ("share=0.4",) and found.only_b == ()
    assert found.notes[1:3] == ("1 scenario done in neither", "1 stale run of B left out")
    back = compare(b, a)
    assert rows(back.numbers) == [("status", "", 1, "done", "failed", None, None, "share=0.2")] and back.scenarios == 1


def test_scenarios_with_one_run_count_once(tmp_path):
    home = tmp_path / "one" / "toy"
    finish(home, "aa", {"half": 1.0})
    Results(home, Chapter(), [job("aa"), job("aa")], scenarios("x", "y")).update(force=True)
    found = compare(home, home)
    assert not found.differs and found.scenarios == 1


def test_many_scenarios_of_one_sweep_are_counted(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {f"a{i}": ({"share": i / 20}, {"half": 1.0}) for i in range(1, 14)})
    b = sweep(tmp_path / "two" / "toy", {"b": ({"share": 0.9}, {"half": 1.0})})
    line = next(line for line in compare(a, b).text().splitlines() if "only in A" in line)
    assert line.startswith("13 scenarios only in A: share=0.05; ") and line.endswith("; share=0.5 and 3 more")


def test_formats(runs):
    found = compare(*runs(RECORDS | {"half": "inf", "text": "=cmd()"}))
    content = json.loads(found.json())
    assert content["numbers"][0] == {
        "name": "half", "unit": "", "a": 2.0, "b": "inf", "difference": "inf", "percent": "inf"}
    assert content["differs"] is True and content["equal"] == 5 and content["parameters"] == []
    table = list(csv.DictReader(io.StringIO(found.csv())))
    assert table[1] == {
        "kind": "result", "name": "text", "unit": "", "a": "a", "b": "'=cmd()", "difference": "", "percent": ""}


def refused(a, b, sentence, **options):
    with pytest.raises(Refused) as caught:
        compare(a, b, **options)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_refused(tmp_path):
    a = sweep(tmp_path / "one" / "toy", {"aa": ({}, {"half": 1.0}), "ab": ({"share": 0.1}, None)})
    run = a / "aa"
    refused(a, run, "is a sweep and")
    refused(run, tmp_path / "none", "does not exist")
    refused(run, "", "the name of a run or sweep is empty")
    refused(run, a / "failed" / "ab", "is a failed run and has no results")
    refused(run, tmp_path / "one", "holds neither results.json (a run) nor results.parquet (a sweep); there are")
    refused(a / "results.csv", a, "cannot be read as the table of a sweep (ArrowInvalid)")
    refused(run, run, "rtol must be a number >= 0 and < 1, got -1", rtol=-1)
    refused(run, run, "rtol must be a number >= 0 and < 1, got nan", rtol=math.nan)
    refused(run, run, "got 'key'", by="key")
    finish(tmp_path / "two", "bb", {}, chapter="another")
    refused(run, tmp_path / "two" / "bb", "is of the chapter toy and")
    for text in ("{", "[]", "{}", '{"chapter": "toy", "parameters": {}, "records": {"a": 1}, "provenance": {}}'):
        (tmp_path / "two" / "bb" / "results.json").write_text(text)
        refused(run, tmp_path / "two" / "bb", "is not what a finished run leaves")
    for raw in (b"", b"PAR1", b"name,status\n"):
        (tmp_path / "two" / "results.parquet").write_bytes(raw)
        refused(a, tmp_path / "two", "cannot be read as the table of a sweep")
    frame = pd.read_parquet(a / "results.parquet")
    for broken in (frame.drop(columns="status"), frame.drop(columns="share")):
        broken.to_parquet(tmp_path / "two" / "results.parquet")
        refused(a, tmp_path / "two", "cannot be read as the table of a sweep (KeyError)")
    pd.DataFrame({"name": ["a"]}).to_parquet(tmp_path / "two" / "results.parquet")
    refused(a, tmp_path / "two", "cannot be read as the table of a sweep (KeyError)")


def test_command(book, tmp_path):
    folders = [book.bizai("run", "first", "-p", f"share={share}", "--out", tmp_path / "out").stdout.splitlines()[-1]
               for share in (0.25, 0.75)]
    done = book.bizai("compare", *folders)
    assert done.returncode == 1, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[1] == ["share", "of", "one", "0.25", "0.75", "+0.5", "+200%"]
    assert lines[4] == ["half", "money", "1.75", "5.25", "+3.5", "+200%"]
    assert done.stdout.splitlines()[-2:] == ["1 result is equal", "made with the same chapter, library, data and packages"]
    assert book.bizai("compare", folders[0], folders[0]).returncode == 0
    assert json.loads(book.bizai("compare", *folders, "--format", "json").stdout)["equal"] == 1
    table = book.bizai("compare", *folders, "--format", "csv").stdout.splitlines()
    assert table[0] == "kind,name,unit,a,b,difference,percent" and table[1].startswith("parameter,share,of one,0.25,0.75,")
    done = book.bizai("compare", folders[0], tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("refused: ") and done.stderr.count("\n") == 1


def test_units_and_odd_values_of_a_sweep(book, tmp_path):
    start = ("import json; from pathlib import Path; from bizai.rerun import compare; "
             "from bizai.rerun.chapters import find; from bizai.rerun.results import Results; ")
    hashes = json.loads(book.python(f"{start}print(json.dumps(find('first').hashes()))"))
    records = {"half": 0.1 + 0.2, "rows": 3, "text": "=cmd()", "sure": True, "gap": "nan", "bound": "-inf",
               "list": [1.5, "nan"], "code": "007", "empty": ""}
    for name, changed in (("a", {}), ("b", {}), ("c", {"half": 0.3})):
        for number in range(2):
            finish(tmp_path / name / "first", f"{name}{number}", records | changed, hashes=hashes, chapter="first",
                   share=0.25 + number / 4, mode="+1a")
        book.python(f"{start}Results(Path({str(tmp_path / name / 'first')!r}), find('first'), [], []).update(force=True)")

    def told(name):
        sides = [str(tmp_path / side / "first") for side in ("a", name)]
        return book.python(f"{start}print(compare(*{sides!r}).text())").splitlines()

    assert told("b")[0] == f"{len(records)} results are equal in all of 2 scenarios done in both"
    assert told("c")[1].split() == ["half", "money", "2", "0.30000000000000004", "0.3", "-5.55112e-17", "-1.85e-14%",
                                    "share=0.25"]


def test_a_run_and_a_table_by_a_relative_path(tmp_path, monkeypatch):
    home = sweep(tmp_path / "toy", {"aa": ({}, {"half": 1.0})})
    monkeypatch.chdir(home / "aa")
    assert compare(".", "results.json").notes == ("made with the same chapter, library, data and packages",)
    monkeypatch.chdir(home)
    assert compare(".", "results.parquet").scenarios == 1
