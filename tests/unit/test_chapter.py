"""The layer around the mathematics: parameters, CSV files, recorded numbers, verdicts, agreement, figures."""

import builtins
import pickle
import re
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.chapter import (
    agreement, claim, claims, download, figure, read_csv, record, say, show, style, table, validate, verdicts,
)
from bizai.chapter import data
from bizai.chapter import record as record_function
from bizai.chapter.features import described, encoder
from bizai.chapter.inputs import npv_irr, queueing
from bizai.chapter.parameters import Parameters, Refused, field
from bizai.chapter.record import MIME, records
from bizai.chapter.show import harmless
from bizai.rerun.chapters import find

QUEUE = {"arrival_rate": 8, "service_rate": 3, "servers": 4, "answer_within": 20, "answer_share": 0.8, "agent_cost": 30,
         "waiting_cost": 60, "burst_factor": 2, "burst_minutes": 30, "customers": 10_000, "data_file": "", "days": "all", "seed": 1}


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as bundles of MIME type to content."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw, metadata: bundles.append(bundle))
    return bundles


# parameters -----------------------------------------------------------------------------------------------------------

def test_valid_parameters_are_converted_and_frozen():
    p = validate(queueing.Parameters, QUEUE | {"arrival_rate": "8.5"})
    assert p.arrival_rate == 8.5 and p.servers == 4
    with pytest.raises(ValueError):
        p.servers = 5


@pytest.mark.parametrize("change, sentence", [
    ({"servers": 0}, "servers must be an integer >= 1 and <= 100,000, got 0"),
    ({"servers": "2.5"}, "servers must be an integer >= 1 and <= 100,000, got '2.5'"),
    ({"servers": 2.5}, "servers must be an integer >= 1 and <= 100,000, got 2.5"),
    ({"arrival_rate": "abc"}, "arrival_rate must be a number > 0 and <= 1,000,000, got 'abc'"),
    ({"arrival_rate": float("nan")}, "arrival_rate must be a number > 0 and <= 1,000,000, got nan"),
    ({"arrival_rate": "1e400"}, "arrival_rate must be a number > 0 and <= 1,000,000, got '1e400'"),
    ({"arrival_rate": 12}, "unstable queue: arrival_rate 12 >= servers*service_rate 12"),
    ({"arival_rate": 3}, "unknown parameter 'arival_rate': did you mean 'arrival_rate'?"),
    ({"zzz": 3}, "unknown parameter 'zzz': there are arrival_rate,"),
    ({"__name__": "x"}, "unknown parameter '__name__'"),
    ({3: "x"}, "unknown parameter '3': there are"),
    ({"a\nb": "x"}, r"unknown parameter 'a\nb': there are"),
    ({"\ud800": "x"}, "the name of a parameter holds half of a character"),
    ({"servers": True}, "servers must be an integer >= 1 and <= 100,000, got True"),
    ({"servers": None}, "servers must be an integer >= 1 and <= 100,000, got None"),
    ({"servers": [4]}, "servers must be an integer >= 1 and <= 100,000, got [4]"),
    ({"agent_cost": b"3"}, "agent_cost must be a number >= 0 and <= 1,000,000, got b'3'"),
    ({"seed": 2**63}, "seed must be an integer >= 0, got 9223372036854775808 (beyond 64 bits)"),
    ({"seed": 10**5000}, "seed must be an integer >= 0, got a number of thousands of digits (beyond 64 bits)"),
    ({"data_file": b"x"}, "data_file must be a text, got b'x'"),
    ({"data_file": {"a": 1}}, "data_file must be a text, got {'a': 1}"),
    ({"data_file": "x" * 10_001}, "... (10,001 characters; at most 10,000)"),
    ({"data_file": "a\0b"}, r"data_file must be a text, got 'a\x00b' (leave out the NUL character)"),
    ({"data_file": "\udcff"}, r"data_file must be a text, got '\udcff' (half of a character)"),
])
def test_wrong_parameters_are_refused(change, sentence):
    with pytest.raises(Refused) as caught:
        validate(queueing.Parameters, QUEUE | change)
    assert sentence in str(caught.value)


def test_none_is_allowed_where_a_parameter_is_optional():
    values = find("npv_irr").defaults
    assert validate(npv_irr.Parameters, values | {"finance_rate": "None"}).finance_rate is None
    with pytest.raises(Refused, match="finance_rate must be a number >= -0.5 and <= 10 or None, got 'null'"):
        validate(npv_irr.Parameters, values | {"finance_rate": "null"})


def test_longest_texts_and_largest_integers_pass():
    p = validate(queueing.Parameters, QUEUE | {"seed": 2**63 - 1, "data_file": "\u202e'\n" * 3_333 + "x"})
    assert p.seed == 2**63 - 1 and len(p.data_file) == 10_000


def test_a_refusal_is_one_printable_line():
    refusal = pickle.loads(pickle.dumps(Refused("a\nb", "\u202e\ud800\x1b[2J中")))
    assert str(refusal) == r"a\nb; \u202e\ud800\x1b[2J中" and refusal.sentences == (r"a\nb", r"\u202e\ud800\x1b[2J中")


def test_missing_parameter_is_named():
    with pytest.raises(Refused, match="parameter seed is missing"):
        validate(queueing.Parameters, {k: v for k, v in QUEUE.items() if k != "seed"})


def test_a_notebooks_globals_may_hold_more():
    assert validate(queueing.Parameters, QUEUE | {"__name__": "__main__", "__builtins__": builtins, "np": np}).seed == 1


# CSV files ------------------------------------------------------------------------------------------------------------

HEAD = "period,revenue,cost,depreciation\n"


@pytest.mark.parametrize("content, sentence", [
    (b"", "is empty"),
    (b"  \n \n", "is empty"),
    (b"\xef\xbb\xbf", "is empty"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "is not a text file in UTF-8"),
    ("période,revenue\n".encode("latin-1"), "is not a text file in UTF-8"),
    ("period,revenue\n".encode("utf-16"), "is not a text file in UTF-8"),
    (HEAD, "has a header but no rows"),
    ("period,revenue\n1,2\n", "lacks the columns cost, depreciation; its first line has 'period, revenue'"),
    ("period;revenue;cost;depreciation\n1;2;3;4\n", "seems to be separated by ';'; write it with commas"),
    ("period;revenue;cost;depreciation\n1;2,5;3;4\n", "seems to be separated by ';'; write it with commas"),
    (HEAD + '1,"12,000",2,3\n', "got '12,000' (leave out the marks between thousands)"),
    (HEAD + "1,1 200 000,2,3\n", "got '1 200 000' (leave out the marks between thousands)"),
    (HEAD + "1,1.200.000,2,3\n", "got '1.200.000' (leave out the marks between thousands)"),
    (HEAD + "1,12%,2,3\n", "got '12%' (write 25% as 0.25)"),
    (HEAD + "1,€12,2,3\n", "got '€12' (write the number alone, without a unit)"),
    (HEAD + "1,12 EUR,2,3\n", "got '12 EUR' (write the number alone, without a unit)"),
    (HEAD + "1,5:00,2,3\n", "got '5:00' (write a duration as a number)"),
    (HEAD + "1,a,2,3\n2,b,2,3\n", "line 2: revenue must be a number >= 0 and <= 1,000,000,000,000, got 'a' (and 1 more in this column)"),
    ("period,revenue,cost,depreciation,cost\n1,2,3,4,5\n", "has the column cost more than once"),
    (HEAD + "1,abc,2,3\n", "line 2: revenue must be a number >= 0 and <= 1,000,000,000,000, got 'abc'"),
    (HEAD + "1,2,3,4\n2,nan,2,3\n", "line 3: revenue must be a number >= 0 and <= 1,000,000,000,000, got 'nan'"),
    (HEAD + "1,,2,3\n", "line 2: revenue must be a number >= 0 and <= 1,000,000,000,000, got an empty cell"),
    (HEAD + "1,inf,2,3\n", "line 2: revenue must be a number >= 0 and <= 1,000,000,000,000, got 'inf'"),
    (HEAD + '1,"3,5",2,3\n', "line 2: revenue must be a number >= 0 and <= 1,000,000,000,000, got '3,5' (write decimals with a point)"),
    (HEAD + "1,3,5,2,3\n", "line 2 has 5 fields, the header has 4 (a decimal comma?"),
    (HEAD + "1,3\n", "line 2 has 2 fields, the header has 4"),
    (HEAD + '1,"3,2,3\n', "is not a CSV table"),
    (HEAD + "1.5,3,2,3\n", "line 2: period must be an integer >= 1, got '1.5'"),
    (HEAD + "1,3,2,3\n1,3,2,3\n", "line 3: period must be 2"),
    (HEAD + "2,3,2,3\n1,3,2,3\n", "line 2: period must be 1"),
    (HEAD + "1,3,2,3\n\n3,3,2,3\n", "line 4: period must be 2"),
    (HEAD + "0,3,2,3\n", "line 2: period must be an integer >= 1, got '0'"),
])
def test_wrong_file_is_refused_with_a_sentence(tmp_path, content, sentence):
    path = tmp_path / "own.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Refused) as caught:
        read_csv(path, npv_irr.Row)
    assert sentence in str(caught.value) and str(path) in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(Refused, match="cannot be read: File name too long"):
        read_csv(tmp_path / ("x" * 5000), npv_irr.Row)
    with pytest.raises(Refused, match="does not exist"):
        read_csv(tmp_path / "none.csv", npv_irr.Row)
    with pytest.raises(Refused, match="is not a file"):
        read_csv(tmp_path, npv_irr.Row)


@pytest.mark.parametrize("cell, sentence", [
    ("-3", "line 3: handling_seconds must be a number > 0 and <= 1,000,000, got '-3'"),
    ("0", "line 3: handling_seconds must be a number > 0 and <= 1,000,000, got '0'"),
    ("soon", "line 3: handling_seconds must be a number > 0 and <= 1,000,000, got 'soon'"),
])
def test_wrong_handling_time(tmp_path, cell, sentence):
    path = tmp_path / "calls.csv"
    path.write_text(f"arrival_time,handling_seconds\n2026-03-02 09:00:00,30\n2026-03-02 09:01:00,{cell}\n")
    with pytest.raises(Refused) as caught:
        read_csv(path, queueing.Row)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("cell", ["02.03.2026 9 Uhr", "2026-03-02", "2026", "1770000000", "20260202103000", "9:00", "",
                                  "2026-03-02T09:00:00Z", "2026-03-02 09:00:00+01:00", "2026-13-02 09:00:00"])
def test_wrong_arrival_time(tmp_path, cell):
    path = tmp_path / "calls.csv"
    path.write_text(f"arrival_time,handling_seconds\n{cell},30\n")
    with pytest.raises(Refused) as caught:
        read_csv(path, queueing.Row)
    assert "line 2: arrival_time must be a local date and time (YYYY-MM-DD HH:MM:SS), got" in str(caught.value)
    assert ("write local time, without a zone" in str(caught.value)) == cell.endswith(("Z", "+01:00"))


def test_few_calls_are_refused(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("arrival_time,handling_seconds\n" + "2026-03-02 09:00:00,30\n" * 29)
    with pytest.raises(Refused, match=r"it has 29 calls \(days=all\); at least 30 are needed"):
        read_csv(path, queueing.Row)


def test_awkward_but_right_file_is_read(tmp_path):
    path = tmp_path / "calls.csv"
    rows = [f'{30 + i} , "2026-03-02 09:{59 - i:02}:00","Zoë, ""Z"" 王",x\r\n' for i in range(30)]
    path.write_bytes(("\ufeff handling_seconds, Arrival_Time ,AGENT,note\r\n" + "\r\n".join(rows)).encode())
    frame = read_csv(path, queueing.Row)
    assert list(frame) == ["arrival_time", "handling_seconds", "agent"] and len(frame) == 30
    assert frame["arrival_time"].is_monotonic_increasing and frame["agent"][0] == 'Zoë, "Z" 王'
    assert frame["handling_seconds"].tolist() == [59 - i for i in range(30)]


def test_optional_column_may_be_absent_or_empty(tmp_path):
    path = tmp_path / "calls.csv"
    path.write_text("arrival_time,handling_seconds\n" + "2026-03-02T09:00:00,30\n" * 30)
    assert "agent" not in read_csv(path, queueing.Row)
    path.write_text("arrival_time,handling_seconds,agent\n" + "2026-03-02T09:00:00.5,30,\n" * 30)
    frame = read_csv(path, queueing.Row)
    assert frame["agent"].isna().all() and str(frame["arrival_time"][0]) == "2026-03-02 09:00:00.500000"


@pytest.mark.parametrize("row_model", [queueing.Row, npv_irr.Row])
def test_samples_are_valid(row_model):
    assert len(read_csv("", row_model)) > 0


class Feature(data.Features):
    """A row model with the reader's own column names."""

    target: int = field("outcome", ge=0, le=1)
    day: data.LocalDate | None = field("day", default=None)

    @classmethod
    def columns(cls, parameters=None):
        return {"target": parameters.target_column, "day": parameters.day_column}


class Names(Parameters):
    """Which column is what."""

    target_column: str = field("the outcome's column")
    day_column: str = field("the day's column; empty for none")
    features: str = field("columns to learn from")


TABLE = ("Id,Left,Age,City,Same,Mail,Day\n"
         + "".join(f"{i + 1},{i % 2},{'' if i == 3 else 20 + i * i},{'n/a' if i == 5 else 'Ulm Bonn'.split()[i % 2]},x,a{i}@b,2026-01-{i + 1:02}\n"
                   for i in range(31)))


def features(tmp_path, table=TABLE, target_column="left", day_column="", features=""):
    """A table read with the columns named."""
    path = tmp_path / "own.csv"
    path.write_text(table)
    return read_csv(path, Feature, Names(target_column=target_column, day_column=day_column, features=features))


def test_features_are_read_under_the_readers_names(tmp_path):
    frame = features(tmp_path, day_column="DAY")
    assert list(frame) == ["target", "day", "Age", "City"] and str(frame["day"].dtype).startswith("datetime64")
    assert frame["Age"].isna().tolist() == [i == 3 for i in range(31)]
    assert [city is None for city in frame["City"]] == [i == 5 for i in range(31)]
    assert frame.attrs["left_out"] == {"Id": "it numbers the rows", "Same": "it is 'x' in every row",
                                       "Mail": "it has 31 different texts"}
    assert list(features(tmp_path, features="city , Age")) == ["target", "Age", "City"]


@pytest.mark.parametrize("words, sentence", [
    ({"target_column": "gone"}, "lacks the column gone"),
    ({"features": "Age, Nope"}, "lacks the column Nope"),
    ({"features": "Left"}, "the column Left is no feature, it is read as something else"),
    ({"features": "Age,Same"}, "the column Same cannot be a feature: it is 'x' in every row"),
    ({"features": "Mail"}, "the column Mail cannot be a feature: it has 31 different texts"),
    ({"day_column": "Left"}, "the column Left cannot be target and day at once"),
    ({"target_column": "Age"}, "line 2: Age must be an integer >= 0 and <= 1, got '20'"),
    ({"table": "Left,Age\nYes,20\n"}, "line 2: Left must be an integer >= 0 and <= 1, got 'Yes' (write 1 for yes and 0 for no)"),
    ({"day_column": "Age"}, "line 2: Age must be a date (YYYY-MM-DD), got '20'"),
    ({"table": TABLE.replace(",45,", ",45 EUR,")}, "line 7: Age must be a number as in the other rows, got '45 EUR' (write the number alone"),
    ({"table": TABLE.replace("Id,Left", "Left,Left")}, "has the column left more than once"),
    ({"table": "Left,Same\n" + "1,x\n" * 9}, "no column is left to learn from; Same: it is 'x' in every row"),
])
def test_wrong_features_are_refused(tmp_path, words, sentence):
    with pytest.raises(Refused) as caught:
        features(tmp_path, **words)
    assert sentence in str(caught.value)


class Optional(Feature):
    """A row model that does without features, too."""

    needs_features = False


def test_a_row_model_may_do_without_features(tmp_path):
    def read(table, features=""):
        path = tmp_path / "own.csv"
        path.write_text(table)
        return read_csv(path, Optional, Names(target_column="left", day_column="", features=features))

    bare = read("Left,Same\n" + "1,x\n" * 9)
    assert list(bare) == ["target"] and bare.attrs["left_out"] == {"Same": "it is 'x' in every row"}
    odd = read(TABLE.replace(",45,", ",45 EUR,").replace("City", "day"))
    assert list(odd) == ["target"] and odd.attrs["left_out"]["day"] == "it needs another name"
    assert odd.attrs["left_out"]["Age"].startswith("line 7: Age must be a number as in the other rows, got '45 EUR'")
    with pytest.raises(Refused, match="line 7: Age must be a number"):
        read(TABLE.replace(",45,", ",45 EUR,"), features="Age")
    with pytest.raises(Refused, match="Same cannot be a feature: it is 'x' in every row"):
        read(TABLE, features="Same")


def test_encoder_learns_from_the_rows_it_is_fitted_on(tmp_path):
    frame = features(tmp_path).drop(columns="target")
    fitted = encoder(frame).fit(frame[:20])
    assert list(fitted.get_feature_names_out()) == ["Age", "Age missing", "City: Bonn", "City: Ulm", "City: missing"]
    X = fitted.transform(frame)
    assert np.isfinite(X).all() and X[3, 1] == 1 and X[5].tolist()[2:] == [0, 0, 1]
    assert X[:20, 0].mean() == pytest.approx(0) and X[:20, 0].std() == pytest.approx(1)
    assert X[3, 0] == pytest.approx((frame["Age"][:20].median() - fitted.named_transformers_["numbers"][1].mean_[0])
                                    / fitted.named_transformers_["numbers"][1].scale_[0])
    assert fitted.transform(frame.assign(City="Rome"))[0, 2:].tolist() == [0, 0, 0]
    shown = described(frame)
    assert shown["kind"].tolist() == ["number", "category"] and shown["gaps"].tolist() == [1, 1]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "own.csv"
    path.write_bytes(content)
    with pytest.raises(Refused):
        read_csv(path, npv_irr.Row)


# numbers and verdicts -------------------------------------------------------------------------------------------------

def test_record_keeps_full_precision_and_returns(shown):
    value = np.float64(1) / 3
    assert record("third", value, "hours", headline="A third") is value
    assert shown == [{MIME.format("record"): {"name": "third", "value": 1 / 3, "unit": "hours", "rtol": 1e-9,
                                              "headline": "A third"}}]


@pytest.mark.parametrize("value, stored", [
    (np.int64(3), 3), (True, True), (np.bool_(True), True), ("text", "text"), (np.array([1.5, np.nan]), [1.5, "nan"]), (np.inf, "inf"),
])
def test_record_stores_what_json_can_hold(shown, value, stored):
    record("value", value)
    assert shown[0][MIME.format("record")]["value"] == stored


def test_record_refuses(shown):
    with pytest.raises(ValueError, match="name must be a Python identifier, got 'two words'"):
        record("two words", 1)
    with pytest.raises(TypeError, match="record x: value must be"):
        record("x", object())
    assert not shown


def test_say_fills_in_recorded_numbers(shown):
    record("wait", 1.23456)
    say("Wait {wait:.2f} of {other}.", other=7)
    assert shown[-1]["text/markdown"] == "Wait 1.23 of 7."
    with pytest.raises(KeyError):
        say("{never_recorded}")


@pytest.mark.parametrize("label, shown_as", [
    ("<img src=x onerror=alert(1)>", None), ("<script>alert(1)</script>", None), ("</p><svg onload=alert(1)>", None), ("<!-- x", None),
    ("[x](javascript:alert(1))", None), ("![x](https://e.example/x)", None), ("<javascript:alert(1)>", None), ("www.e.example", None),
    ("[x]: javascript:alert(1)\n\n[x]", "[x]: javascript:alert(1)\n[x]"), ("HTTPS://e.example", None), ("a < b, 3 <4", None),
    ("R&D", None), ("[x](#place)", "x"),
])
@pytest.mark.parametrize("frame", ["{}", "`{}`", "**{}**"])
def test_labels_in_say_stay_labels(shown, label, shown_as, frame):
    from bs4 import BeautifulSoup
    from nbconvert.filters import markdown2html

    say("Look at " + frame.format("{label}") + ", and at " + frame.format(label) + ".", label=label)
    page = BeautifulSoup(markdown2html(shown[-1]["text/markdown"]), "html.parser")
    assert {element.name for element in page.find_all()} <= {"p", "code", "strong", "a"}
    assert [dict(link.attrs) for link in page.find_all("a")] == ([{"href": "#place"}] * 2 if "#" in label and frame != "`{}`" else [])
    text = page.get_text().replace("\u2060", "")
    assert text.count(shown_as or label) == 2
    assert label in shown[-1]["text/plain"]


@pytest.fixture
def ledger(monkeypatch):
    """A ledger of one row."""
    row = {"id": "X-1", "section": "1", "kind": "number", "statement": "two and two is five", "verdict": "wrong", "reason": "it is four",
           "correction": "four", "chapter": "toy", "evidence": "sum", "expected": 4.0, "tolerance": 1e-9}
    monkeypatch.setattr(verdicts, "ledger", lambda: {"X-1": row})
    return row


def test_claim_shows_its_box(shown, ledger):
    record_function("sum", 4.0)
    claim("X-1", "wrong")
    text = shown[-1]["text/markdown"]
    assert "verdict-wrong" in text and "✗ wrong" in text and "it is four" in text and "`sum` = 4" in text


def test_claims_shows_one_table(shown, ledger):
    record_function("sum", 4.0)
    ledger["statement"] = "|x| is x"
    claims({"X-1": "wrong"})
    assert shown[-2] == {MIME.format("claim"): {"id": "X-1", "verdict": "wrong", "evidence": "sum"}}
    text = shown[-1]["text/markdown"]
    assert text.count("\n|") == 3 and r"\|x\| is x" in text and "it is four **Right:** four" in text and "`sum` = 4" in text
    with pytest.raises(verdicts.ClaimError):
        claims({"X-1": "holds"})


@pytest.mark.parametrize("change, verdict, words", [
    ({}, "holds", "the ledger says 'wrong', the chapter computed 'holds'"),
    ({"expected": 5.0}, "wrong", "sum is 4.0, the ledger expects 5.0"),
    ({"evidence": "never"}, "wrong", "its evidence 'never' was not recorded"),
    ({"tolerance": float("inf")}, "wrong", "has to be one number, with a finite tolerance"),
    ({"verdict": "rong"}, "rong", "'rong' is no verdict"),
])
def test_claim_fails_where_ledger_and_chapter_disagree(shown, ledger, change, verdict, words):
    record_function("sum", 4.0)
    ledger.update(change)
    with pytest.raises(verdicts.ClaimError) as caught:
        claim("X-1", verdict)
    assert words in str(caught.value)


def test_claim_refuses_nan_evidence_and_unknown_ids(shown, ledger):
    record_function("sum", float("nan"))
    with pytest.raises(verdicts.ClaimError):
        claim("X-1", "wrong")
    with pytest.raises(verdicts.ClaimError, match="X-2 has no row"):
        claim("X-2", "wrong")


def test_agreement_asserts(shown):
    agreement({"a": 1.0, "b": 2.0}, {"one": {"a": 1.0 + 1e-12}, "simulated": {"b": (2.1, 0.2)}})
    payload = shown[-1][MIME.format("agreement")]
    assert payload == {"methods": ["one", "simulated"], "quantities": ["a", "b"], "comparisons": 2}
    with pytest.raises(AssertionError, match="a: ours 1.0, one 1.1"):
        agreement({"a": 1.0}, {"one": {"a": 1.1}})
    with pytest.raises(AssertionError, match="simulated"):
        agreement({"b": 2.0}, {"simulated": {"b": (3.0, 0.2)}})
    for value in (float("nan"), float("inf")):
        with pytest.raises(AssertionError):
            agreement({"a": value}, {"one": {"a": 1.0}})
        with pytest.raises(AssertionError):
            agreement({"a": 1.0}, {"one": {"a": value}})
    with pytest.raises(ValueError, match="one: its quantities must be among a, got A"):
        agreement({"a": 1.0}, {"one": {"A": 1.0}})
    with pytest.raises(ValueError, match="got none"):
        agreement({"a": 1.0}, {"one": {}})


# tables and figures ---------------------------------------------------------------------------------------------------

def draw(shown):
    """A small figure, as the chapter shows it."""
    plt = style()
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1 / 3])
    figure(fig, "line", alt="A line that rises to 0.333", data=pd.DataFrame({"x": [0, 1], "y": [0, 1 / 3]}))
    return shown[-2:]


def test_figure_is_the_same_bytes_twice_and_carries_its_data(shown):
    first, second = draw(shown), draw(shown)
    assert first == second
    image, data = first
    assert image["image/svg+xml"].startswith("<?xml") and image["text/plain"] == "A line that rises to 0.333"
    assert data[MIME.format("table")]["columns"] == {"x": [0, 1], "y": [0, 1 / 3]}
    assert "0.333333" in data["text/html"]


def test_table_formats_and_escapes(shown):
    table(pd.DataFrame({"who": ["<b>"], "x": [1234.5]}), "Caption <i>", formats={"x": ",.1f"})
    html = shown[-1]["text/html"]
    assert "&lt;b&gt;" in html and "1,234.5" in html and "Caption &lt;i&gt;" in html


def test_download_links_the_whole_table(shown):
    frame = pd.DataFrame({"who": ["<b>, é", "中"] * 10, "x": [1 / 3, 2.0] * 10})
    download(frame, "list.csv", "Who gets what", rows=3)
    html, payload = shown[-1]["text/html"], shown[-1][MIME.format("file")]
    link = re.search('href="data:text/csv;charset=utf-8,([^"]*)"', html)[1]
    assert unquote(link) == payload["text"] and payload["name"] == "list.csv"
    assert payload["text"].startswith("\ufeffwho,x\n\"<b>, é\",0.333333\n") and payload["text"].count("\n") == 21
    assert html.count("<tr") == 4 and "&lt;b&gt;" in html and "All 20 rows" in html
    for name in ("../list.csv", "list.txt", "a b.csv", "List.csv", ""):
        with pytest.raises(ValueError, match=r"name must be of small letters, digits and _ and end in \.csv"):
            download(frame, name, "")


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "-"]
PLAIN = ["", "a=1", "-5", "+5", "-5.5e-3", "-inf", "1-2", "'=1", "中"]


def test_harmless_marks_formulas_and_leaves_the_rest():
    frame = pd.DataFrame({"=who": FORMULAS + PLAIN, "kind": pd.Categorical(FORMULAS + PLAIN), "x": range(-9, 9)}, index=range(5, 23))
    frame["when"], frame["gap"] = pd.Timestamp("2026-01-01"), [None, np.nan, "=1"] * 6
    before = frame.copy()
    safe = harmless(frame)
    assert list(safe) == ["'=who", "kind", "x", "when", "gap"] and safe.index.equals(frame.index)
    for name in ("'=who", "kind"):
        assert safe[name].tolist() == ["'" + text.replace("\r", "\n") for text in FORMULAS] + PLAIN
    assert safe["x"].equals(frame["x"]) and safe["when"].equals(frame["when"])
    assert safe["gap"].isna().tolist() == [True, True, False] * 6 and safe["gap"].iloc[2] == "'=1"
    pd.testing.assert_frame_equal(frame, before)


def test_a_downloaded_file_holds_no_formula(shown):
    download(pd.DataFrame({"=who": ["=1", "a\r=1"], "x": [-1.5, 2]}), "list.csv", "Who <b> & what")
    html, payload = shown[-1]["text/html"], shown[-1][MIME.format("file")]
    assert payload["text"] == "\ufeff'=who,x\n'=1,-1.5\n\"a\n=1\",2\n"
    assert "Who &lt;b&gt; &amp; what" in html and "<td>=1</td>" in html


def _linear(colour):
    channels = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


# Vienot, Brettel and Mollon (1999): linear RGB as a protanope and as a deuteranope sees it
PROTAN = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
DEUTAN = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


@pytest.mark.parametrize("vision", [np.eye(3), PROTAN, DEUTAN], ids=["normal", "protanopia", "deuteranopia"])
def test_palette_stays_apart(vision):
    seen = [np.clip(vision @ _linear(c), 0, 1) ** (1 / 2.2) for c in show.PALETTE]
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(gaps) > 0.1


def test_records_are_by_name(shown):
    record("one_name", 5)
    assert records()["one_name"] == 5
