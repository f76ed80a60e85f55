"""Scenarios of a sweep: what is read, what is refused and how, and that hostile ones do no harm."""

import ast
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bizai.chapter.parameters import Refused, validate
from bizai.rerun.chapters import find
from bizai.rerun.jobs import Checks
from bizai.rerun.scenarios import MANY, Scenario, check, notice, read

from .cases import run

QUEUE = find("queueing")


def scenarios(tmp_path, text, name="own.csv"):
    """The scenarios of a file with this text, row to parameters."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, QUEUE)


def plan(tmp_path, text):
    """The parameters of the scenarios of a YAML file."""
    return [scenario.parameters for scenario in scenarios(tmp_path, text, "own.yml")]


def report(tmp_path, text, data=None):
    """The lines of the refusal of a CSV file."""
    with pytest.raises(Refused) as caught:
        check(QUEUE, scenarios(tmp_path, text), data, tmp_path / "own.csv")
    return str(caught.value).splitlines()


# what is read ---------------------------------------------------------------------------------------------------------

def test_table_has_a_scenario_per_row(tmp_path):
    found = scenarios(tmp_path, "servers,name,days\n8,a/../b,\n\n,,weekdays\n,,\n")
    assert [(s.row, s.name, s.parameters) for s in found] == [
        (2, "a/../b", {"servers": "8"}), (4, "", {"days": "weekdays"})]
    first, second = check(QUEUE, found)
    assert first.parameters == QUEUE.defaults | {"servers": 8} and second.parameters == QUEUE.defaults | {"days": "weekdays"}


def test_frame_and_list_are_read_as_tables(tmp_path):
    frame = pd.DataFrame({"servers": [8, 9, np.nan], "days": ["all", None, "weekdays"], "name": ["x", None, "z"],
                          "seed": pd.array([5, None, None], dtype="Int64")})
    found = read(frame, QUEUE)
    assert [(s.row, s.name, s.parameters) for s in found] == [
        (1, "x", {"servers": 8, "days": "all", "seed": 5}), (2, "", {"servers": 9}), (3, "z", {"days": "weekdays"})]
    listed = read(({"servers": np.int64(8), "days": "all", "name": "x", "seed": 5}, {"servers": 9.0, "name": None}), QUEUE)
    assert listed == found[:2] and type(listed[0].parameters["servers"]) is int
    assert [job.parameters["servers"] for job in check(QUEUE, found)] == [8, 9, QUEUE.defaults["servers"]]


def test_grid_changes_its_first_parameter_slowest(tmp_path):
    assert plan(tmp_path, "grid:\n  servers: [8, 9]\n  days: [all, weekdays]\n") == [
        {"servers": s, "days": d} for s in ("8", "9") for d in ("all", "weekdays")]


def test_blocks_are_combined(tmp_path):
    found = plan(tmp_path, "fixed: {days: all}\nzip: {servers: [8, 9], agent_cost: [1, 2]}\ngrid: {seed: [1, 2, 3]}\n")
    assert found == [{"days": "all", "servers": s, "agent_cost": c, "seed": n}
                     for s, c in (("8", "1"), ("9", "2")) for n in "123"]
    same = {"fixed": {"days": "all"}, "zip": {"servers": ["8", "9"], "agent_cost": ["1", "2"]}, "grid": {"seed": ["1", "2", "3"]}}
    assert found == [s.parameters for s in read(same, QUEUE)]


def test_a_plan_holds_arrays_too():
    found = read({"grid": {"servers": np.arange(8, 10), "agent_cost": pd.Series([1.5, 2.5])},
                  "sample": {"method": "sobol", "count": 1, "seed": 1, "ranges": {"seed": np.array([3, 4])}}}, QUEUE)
    values = [list(s.parameters.values())[:2] for s in found]
    assert repr(values) == "[[8, 1.5], [8, 2.5], [9, 1.5], [9, 2.5]]" and {s.parameters["seed"] for s in found} <= {3, 4}


def test_texts_of_a_plan_stay_texts(tmp_path):
    values = [p["data_file"] for p in plan(tmp_path, "grid: {data_file: [no, 1e3, 2026-03-01, 007, ~, null, 'a\"b', \"x\\ny\"]}")]
    assert [value.removeprefix(f"{tmp_path}/") for value in values] == [
        "no", "1e3", "2026-03-01", "007", "~", "null", 'a"b', "x\ny"]


SAMPLE = "sample: {{method: {}, count: {}, seed: {}, ranges: {}}}"


@pytest.mark.parametrize("method", ["latin_hypercube", "sobol"])
def test_sample_fills_its_ranges_evenly(tmp_path, method):
    text = SAMPLE.format(method, 64, 7, "{servers: [5, 8], answer_share: [0.1, 0.9], agent_cost: {low: 1, high: 256, scale: log}}")
    found = pd.DataFrame(plan(tmp_path, text))
    assert found["servers"].value_counts().to_dict() == {5: 16, 6: 16, 7: 16, 8: 16}
    assert found["answer_share"].sub(0.1).div(0.8 / 8).astype(int).value_counts().tolist() == [8] * 8
    assert np.log2(found["agent_cost"]).astype(int).value_counts().tolist() == [8] * 8
    assert all(type(value) is kind for value, kind in zip(plan(tmp_path, text)[0].values(), (int, float, float)))
    assert plan(tmp_path, text) == found.to_dict("records")
    assert plan(tmp_path, text.replace("seed: 7", "seed: 8")) != found.to_dict("records")


def test_integers_on_a_log_scale_reach_both_ends(tmp_path):
    found = plan(tmp_path, SAMPLE.format("sobol", 1024, 1, "{servers: {low: 1, high: 7, scale: log}}"))
    counts = Counter(p["servers"] for p in found)
    expected = {k: 1024 * np.log((k + 1) / k) / np.log(8) for k in range(1, 8)}
    assert set(counts) == set(expected) and all(abs(counts[k] - expected[k]) < 2 for k in expected)    # a point in each 1024th


def test_samples_stay_within_their_ranges(tmp_path):
    text = SAMPLE.format("sobol", 64, 1, "{agent_cost: {low: 5, high: 5.000000000000001, scale: log}}")
    assert {p["agent_cost"] for p in plan(tmp_path, text)} == {5.0, 5.000000000000001}


def calls(path, minutes=40, day="2026-03-02"):
    """Write a call log of a Monday."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("arrival_time,handling_seconds\n" + "".join(f"{day} 09:{i:02}:10,{60 + 7 * i}\n" for i in range(minutes)))


@pytest.mark.parametrize("source", ["csv", "yml"])
def test_data_files_are_found_from_the_scenario_file(tmp_path, source):
    calls(tmp_path / "sub" / "calls.csv")
    text = {"csv": "data_file\nsub/calls.csv\n", "yml": "fixed: {data_file: sub/calls.csv}"}[source]
    job, = check(QUEUE, scenarios(tmp_path, text, f"own.{source}"))
    assert job.file == tmp_path / "sub" / "calls.csv" and job.parameters["data_file"] == "calls.csv"
    with pytest.raises(Refused, match="give the data file once"):
        check(QUEUE, scenarios(tmp_path, text, f"own.{source}"), data=tmp_path / "sub" / "calls.csv")


def test_every_scenario_may_have_its_data_file(tmp_path):
    calls(tmp_path / "a" / "calls.csv")
    calls(tmp_path / "b" / "calls.csv", minutes=41)
    jobs = check(QUEUE, scenarios(tmp_path, "grid: {data_file: ['', a/calls.csv, b/calls.csv, ./a/calls.csv]}", "own.yml"))
    folders = [None, tmp_path / "a", tmp_path / "b", tmp_path / "a"]
    assert [job.file for job in jobs] == [folder and folder / "calls.csv" for folder in folders]
    assert len({job.key for job in jobs}) == 3 and jobs[1].key == jobs[3].key


def test_a_data_file_is_checked_with_every_scenarios_parameters(tmp_path):
    calls(tmp_path / "calls.csv")
    lines = report(tmp_path, "days,seed\nall,1\nweekends,2\nweekdays,3\nweekends,4\nall,5\n", tmp_path / "calls.csv")
    assert len(lines) == 2 and lines[1].startswith("rows 3 and 5: data file") and "0 calls (days=weekends)" in lines[1]
    lstm = find("lstm")
    with pytest.raises(Refused) as caught:
        check(lstm, read([{"data_holds": kind} for kind in ("demand", "applications")], lstm), tmp_path / "calls.csv")
    assert [line[:5] for line in str(caught.value).splitlines()[1:]] == ["row 1", "row 2"]


def test_data_file_for_all(tmp_path):
    (tmp_path / "calls.csv").write_text("arrival_time,handling_seconds\n2026-03-02 09:00:00,60\n")
    lines = report(tmp_path, "servers\n8\n9\n", tmp_path / "calls.csv")
    assert len(lines) == 2 and lines[1].startswith("rows 2 and 3: data file") and "at least 30 are needed" in lines[1]


def test_one_refused_data_file_keeps_no_more_for_more_scenarios(tmp_path):
    (tmp_path / "calls.csv").write_text("arrival_time,handling_seconds\n2026-03-02 09:00:00,60\n")
    checks, depths = Checks(QUEUE), []
    for seed in range(4):
        with pytest.raises(Refused) as caught:
            checks.job({"seed": seed}, tmp_path / "calls.csv")
        depths.append(len(caught.traceback))
    assert depths[1] == depths[2] == depths[3]


def test_notice_begins_where_runs_are_many():
    assert notice(MANY) == "" and "10,001 scenarios" in notice(MANY + 1)


# the report of wrong rows ---------------------------------------------------------------------------------------------

def test_report_names_every_bad_row(tmp_path):
    assert report(tmp_path, "servers,name,days\n8,a,all\n0,b,\n\n9,a,all\nx,c/../d,mondays\n") == [
        f"4 of 4 scenarios in scenario file {tmp_path}/own.csv are wrong; nothing was run",
        "name 'a' stands in rows 2 and 5",
        "row 3 (b): servers must be an integer >= 1 and <= 100,000, got '0'",
        "row 6 (c/../d): servers must be an integer >= 1 and <= 100,000, got 'x'",
        "row 6 (c/../d): days must be one of 'all', 'weekdays', 'weekends', got 'mondays'"]


def test_one_wrong_row_is_enough(tmp_path):
    lines = report(tmp_path, "arrival_rate,servers,service_rate\n10,6,2\n12,6,2\n")
    assert lines[0].startswith("1 of 2 scenarios") and lines[1].startswith("row 3: unstable queue: arrival_rate 12 >=")


def test_a_wrong_column_is_told_once(tmp_path):
    lines = report(tmp_path, "servers,Days\n" + "8,\n" * 1000)
    assert lines[0].startswith("1,000 of 1,000") and lines[1:] == ["rows 2-1001: unknown parameter 'Days': did you mean 'days'?"]


def test_a_long_report_still_lists_every_row(tmp_path):
    text = "servers,arrival_rate,service_rate\n" + "".join(
        f"{-i if i % 3 else 1},{100 + i if i % 3 == 0 else 1},2\n" for i in range(600))
    lines = report(tmp_path, text)
    assert lines[0].startswith("600 of 600") and len(lines) < 110
    told = set()
    for line in lines[1:]:
        for part in re.search(r"rows? ([\d, -]+?)(?: and (\d+))?(?:$|:)", line).group(1).split(", "):
            first, _, last = part.partition("-")
            told |= set(range(int(first), int(last or first) + 1))
    assert told == set(range(2, 602))


def test_many_shared_names_are_all_listed(tmp_path):
    lines = report(tmp_path, "servers,name\n" + "".join(f"8,n{i // 2}\n" for i in range(400)))
    assert lines[0].startswith("400 of 400") and lines[1] == "name 'n0' stands in rows 2 and 3"
    assert lines[50:] == ["name 'n49' stands in rows 100 and 101", "rows 102-401: a name stands more than once"]


def test_names(tmp_path):
    lines = report(tmp_path, f'servers,name\n8,"a\nb"\n8,{"x" * 201}\n8,\u202e😀 <b>/..\n')
    assert lines[1:] == [r"row 3 (a\nb): name must not hold line breaks or other control characters, got 'a\nb'",
                         f"row 4 ({'x' * 57}...): name must have at most 200 characters, got 201"]
    with pytest.raises(Refused, match="3 of 4 scenarios are wrong"):
        check(QUEUE, [Scenario(row, name, {}) for row, name in enumerate(["a b", "a\u2028b", "a\u2029b", "\ud800"])])


# what is refused before that ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, sentence", [
    ("", "is empty"),
    (b"\xff\xfe", "is not a text file in UTF-8"),
    ("servers\n", "has a header but no rows"),
    ("servers,servers\n8,9\n", "has the column 'servers' more than once"),
    ("servers,\n8,9\n", "column 2 has no name"),
    ("servers;days\n8;all\n", "seems to be separated by ';'"),
    ("servers\n8,9\n", "line 2 has 2 fields, the header has 1"),
    ("servers\n" + "9" * 10_000_000 + "\n", "line 2: field larger than field limit"),
])
def test_wrong_tables_are_refused(tmp_path, text, sentence):
    with pytest.raises(Refused) as caught:
        scenarios(tmp_path, text)
    assert sentence in str(caught.value) and str(caught.value).startswith("scenario file ") and len(str(caught.value)) < 1000


RANGE = "sample: {{method: sobol, count: 4, seed: 1, ranges: {}}}"


@pytest.mark.parametrize("text, sentence", [
    ("", "is empty"),
    ("# nothing", "it must hold some of the blocks grid, zip, sample, fixed, got nothing"),
    ("[1]", "it must hold some of the blocks"),
    ("{}", "there are no scenarios"),
    ("gird: {servers: [8]}", "unknown block 'gird': did you mean 'grid'?"),
    ("grid: {servers: []}", "grid: servers has an empty list"),
    ("grid: {servers: 8}", "grid: servers must have a list of values such as [1, 2], got '8'"),
    ("grid:", "grid must hold names and values (name: value), got nothing"),
    ("grid: {severs: [8]}", "grid: unknown parameter 'severs': did you mean 'servers'?"),
    ("grid:\n  servers: [8]\n  servers: [9]", "line 3: 'servers' stands twice"),
    ("grid: {servers: [8]}\ngrid: {seed: [8]}", "line 2: 'grid' stands twice"),
    ("grid: {servers: [8]}\nfixed: {servers: 9}", "parameter servers stands in grid and in fixed"),
    ("zip: {servers: [8, 9], seed: [8]}", "all lists must have the same length, got servers with 2, seed with 1"),
    ("grid:\n  ? [a]\n  : b\n  servers: [8]\n  servers: [9]", "line 5: 'servers' stands twice"),
    ("grid:\n\tservers: [8]", "is no YAML: line 2:"),
    ("grid:\n  <<: {servers: [8]}", "grid: unknown parameter '<<': there are"),
    ("grid: {servers: [8]}".encode("utf-16"), "is not a text file in UTF-8"),
    ("grid: {servers: [8]", "is no YAML: line"),
    ("grid: {servers: [8]}\n---\ngrid: {seed: [8]}", "line 2: a second document begins"),
    ("grid: {servers: &a [8]}", "anchors and aliases (& and *) are not read"),
    ("grid: {servers: [*a]}", "anchors and aliases (& and *) are not read"),
    ("grid: {servers: [!!python/name:os.system '']}", "tags such as"),
    ("[" * 100_000, "it is nested too deeply"),
    ("grid: {\x01: [1]}", "control characters are not allowed"),
    ("? [a]\n: b", "is no YAML: line 1:"),
    (f"grid: {{seed: {list(range(1001))}, servers: {list(range(1000))}}}", "1,001,000 scenarios are too many; at most 1,000,000"),
    (SAMPLE.format("sobol", 1000, 1, "{servers: [8, 9]}"), "count must be a power of two for sobol, got 1,000; try 512 or 1,024"),
    (SAMPLE.format("sobol", 999_999, 1, "{servers: [8, 9]}"), "got 999,999; try 524,288"),
    (SAMPLE.format("lhs", 8, 1, "{servers: [8, 9]}"), "sample: method must be one of 'latin_hypercube', 'sobol', got 'lhs'"),
    (SAMPLE.format("sobol", 0, 1, "{servers: [8, 9]}"), "sample: count must be an integer >= 1 and <= 1,000,000, got '0'"),
    ("sample: {method: sobol, count: 4, ranges: {servers: [8, 9]}}", "sample: parameter seed is missing"),
    ("sample: {method: sobol, count: 4, seed: 1}", "ranges in sample must hold names and values (name: value), got nothing"),
    ("sample: {method: sobol, count: 4, seed: 1, ranges: [servers]}", "ranges in sample must hold names and values"),
    (RANGE.format("{days: [1, 2]}"), "sample: days is no number; list its values under grid"),
    (RANGE.format("{servers: [8, 9, 10]}"), "sample: servers must have a range such as [1, 2], got ['8', '9', '10']"),
    (RANGE.format("{servers: [9, 8]}"), "sample: servers: low must be below high, got 9 and 8"),
    (RANGE.format("{servers: [8.5, 9]}"), "sample: servers is an integer, and so must be low and high, got 8.5 and 9"),
    (RANGE.format("{seed: [0, 9007199254740992]}"), "sample: seed: low and high must be below 2**53, got 0 and 9.0072e+15"),
    (RANGE.format("{agent_cost: {low: 0, high: 9, scale: log}}"), "low must be above 0 on a log scale, got 0"),
    (RANGE.format("{agent_cost: [1, inf]}"), "sample: agent_cost: high must be a number, got 'inf'"),
    (RANGE.format("{agent_cost: [1, .nan]}"), "sample: agent_cost: high must be a number, got '.nan'"),
    (RANGE.format("{agent_cost: {low: 1, high: 2, scal: log}}"), "unknown parameter 'scal': did you mean 'scale'?"),
    (RANGE.format("{nope: [1, 2]}"), "sample: unknown parameter 'nope'"),
])
def test_wrong_plans_are_refused(tmp_path, text, sentence):
    with pytest.raises(Refused) as caught:
        scenarios(tmp_path, text, "own.yml")
    told = str(caught.value)
    assert sentence in told and told.startswith("scenario file ") and "\n" not in told and len(told) < 1000


@pytest.mark.parametrize("source, sentence", [
    ([], "there are no scenarios"),
    ({}, "there are no scenarios"),
    (pd.DataFrame({"servers": []}), "there are no scenarios"),
    (pd.DataFrame([[8, 9]], columns=["servers", "servers"]), "has the column 'servers' more than once"),
    ([8], "scenario 1 must be a dict of parameters, got 8"),
    (8, "scenarios are the path of a file"),
    ("own.txt", "must end in .csv, .yml or .yaml"),
    ("none.csv", "does not exist"),
    ("x" * 5000 + ".csv", "cannot be read: File name too long"),
    ({"grid": {"servers": "89"}}, "grid: servers must have a list"),
    ({"grid": {"servers": {8, 9}}}, "grid: servers must have a list"),
    ({"grid": {"servers": np.array(5)}}, "grid: servers must have a list of values such as [1, 2], got 5"),
    ({"grid": {"seed": range(10**12)}}, "1,000,000,000,000 scenarios are too many"),
    ({3: {}}, "unknown block 3"),
    ({"grid": {3: [1]}}, "grid: unknown parameter 3"),
])
def test_wrong_sources_are_refused(source, sentence):
    with pytest.raises(Refused) as caught:
        read(source, QUEUE)
    assert sentence in str(caught.value) and len(str(caught.value)) < 1000


def test_as_many_as_allowed_are_read(monkeypatch):
    monkeypatch.setattr("bizai.rerun.scenarios.MOST", 6)
    assert len(read({"grid": {"seed": range(3), "servers": range(2)}}, QUEUE)) == 6
    for more in ({"grid": {"seed": range(7)}}, [{"seed": 1}] * 7):
        with pytest.raises(Refused, match="7 scenarios are too many; at most 6 are run"):
            read(more, QUEUE)


# hostile scenarios ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("hostile", [
    {"import os\nservers": 8}, {'servers"': 8}, {"`servers`": 8}, {"__import__": 8}, {"\ud800": 8}, {3: 8}, {"": 8},
    {"x" * 10**7: 8},
    {"servers": "8\nimport os"}, {"servers": "1e400"}, {"agent_cost": "1e400"}, {"agent_cost": "NaN"}, {"agent_cost": "inf"},
    {"agent_cost": float("nan")}, {"agent_cost": "12 EUR"}, {"agent_cost": "1,5"}, {"agent_cost": True}, {"agent_cost": b"1"},
    {"servers": True}, {"servers": None}, {"servers": [[8]]}, {"servers": {"a": [8]}}, {"servers": "9" * 10**7},
    {"seed": 10**5000}, {"seed": 2**63}, {"seed": "{seed}"}, {"days": "../all"}, {"days": ["all"]}, {"days": "\u202ella"},
    {"data_file": "x" * 10**7}, {"data_file": "a\0b"}, {"data_file": "\udcff"}, {"data_file": b"x"}, {"data_file": None},
    {"data_file": "a\nb"}, {"data_file": pd.Timestamp("2026-03-01")}, {"servers": "=cmd()"},
])
def test_hostile_scenarios_are_refused_in_one_line(hostile):
    with pytest.raises(Refused) as caught:
        check(QUEUE, read([{"servers": 8}, hostile], QUEUE))
    first, line = str(caught.value).split("\n")
    assert first == "1 of 2 scenarios is wrong; nothing was run" and line.startswith("row 2: ")
    assert line.isprintable() and len(line) < 400


TEXTS = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("\"'\\{}$`\n\r\t%#\u202e\u2028\x1b")), max_size=40)
KINDS = {str: TEXTS, int: st.integers(1, 50) | st.integers(), float: st.floats(0, 1) | st.floats(), type(None): st.floats()}


@settings(derandomize=True, deadline=None, max_examples=200)
@given(chapter=st.sampled_from([find("queueing"), find("kmeans"), find("collaborative_filtering")]), data=st.data())
def test_accepted_parameters_reach_the_notebook_unchanged(chapter, data):
    from nbformat.v4 import new_code_cell, new_notebook
    from papermill.parameterize import parameterize_notebook

    changed = data.draw(st.lists(st.sampled_from(sorted(chapter.defaults)), min_size=1, max_size=3, unique=True))
    values = chapter.defaults | {name: data.draw(KINDS[type(chapter.defaults[name])], label=name) for name in changed}
    try:
        checked = validate(chapter.inputs.Parameters, values).model_dump()
    except Refused as error:
        assert str(error).isprintable()
        assume(False)
    empty = new_notebook(cells=[new_code_cell("", metadata={"tags": ["parameters"]})], metadata={
        "papermill": {}, "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}})
    injected = parameterize_notebook(empty, checked).cells[1].source
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(injected).body}
    assert repr(found) == repr(checked)


LABELS = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</em><svg onload=alert(1)>",
          "<iframe src=javascript:alert(1)>", "[x](javascript:alert(1))", "![x](https://e.example/x)",
          "<a href='javascript:alert(1)'>y</a>", '" onmouseover="alert(1)']


def test_labels_of_a_file_stay_labels_in_its_report(tmp_path):
    target, level, *constant = LABELS
    frame = pd.DataFrame({target: [int(i % 3 == 0) for i in range(40)], "fee": [10 + 7 * i % 23 for i in range(40)],
                          "plan": ["abc"[i % 3 - i % 2] + level for i in range(40)]} | {name: level for name in constant})
    frame.to_csv(tmp_path / "own.csv", index=False)
    folder, results = run("svm_dual", "--data", "own.csv", "-p", f"target_column={target}", cwd=tmp_path)
    assert results["parameters"]["target_column"] == target
    page = BeautifulSoup((folder / "report.html").read_text(), "html.parser")
    assert "onerror=alert(1)" in page.get_text() and "onload=alert(1)" in page.get_text()       # the labels are there
    assert not page.find_all(["script", "svg", "iframe", "object", "embed", "a"])
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.find_all("img"))
    named = {(name, str(value)) for element in page.find_all() for name, value in element.attrs.items()}
    assert not [name for name, _ in named if name.startswith("on")]
    assert not [value for name, value in named if name != "alt" and "javascript:" in value]


def test_alternative_texts_are_texts():
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    from bizai.rerun.report import _body

    alt = " & &lt; ".join(LABELS)
    output = new_output("display_data", {"image/svg+xml": "<svg/>", "text/plain": alt})
    page = BeautifulSoup(_body(new_notebook(cells=[new_code_cell("", outputs=[output], metadata={"tags": ["report"]})]), False),
                         "html.parser")
    image, = page.find_all("img")
    assert image["alt"] == alt and set(image.attrs) == {"alt", "src"} and not page.find_all(["svg", "script", "iframe", "a"])
