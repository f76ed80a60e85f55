"""The real chapters, run from outside as their users do."""

import json
import math
import subprocess
import sys
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


CHAPTERS = ["gradient_descent", "svm_dual", "kmeans", "backpropagation", "lstm", "queueing", "npv_irr"]


def bizai(*words, cwd):
    """Run the command line."""
    return subprocess.run([BIN / "bizai", *map(str, words)], cwd=cwd, capture_output=True, text=True)


def run(*words, cwd):
    """Run a chapter that has to succeed; the folder and its results."""
    done = bizai("run", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    assert sorted(p.name for p in folder.iterdir()) == ["notebook.ipynb", "report.html", "results.json"]
    return folder, json.loads((folder / "results.json").read_text())


def value(results, name):
    """A recorded value."""
    return results["records"][name]["value"]


def exact_wait(lam, mu, c):
    """W_q of the M/M/c queue in exact arithmetic, from the balance equations alone."""
    a, rho = Fraction(lam, mu), Fraction(lam, mu * c)
    weights = [a**n / math.factorial(n) for n in range(c)]          # p_n / p_0 below c; a geometric tail from c on
    tail = a**c / math.factorial(c)
    p0 = 1 / (sum(weights) + tail / (1 - rho))
    return p0 * tail * rho / (1 - rho)**2 / lam                     # L_q / lambda


def test_queueing_value_is_right(tmp_path):
    folder, results = run("queueing", "-p", "arrival_rate=8", "-p", "service_rate=3", "-p", "servers=4", cwd=tmp_path)
    exact = exact_wait(8, 3, 4)
    assert value(results, "mean_queue_wait") == pytest.approx(float(exact), rel=1e-12)
    low, high = (value(results, f"simulated_mean_queue_wait_{end}") for end in ("low", "high"))
    assert low < float(exact) < high

    # a third way: the truncated chain's balance equations, solved
    n, lam, mu, c = 400, 8.0, 3.0, 4
    rates = np.zeros((n, n))
    up, down = np.arange(n - 1), np.arange(1, n)
    rates[up, up + 1], rates[down, down - 1] = lam, mu * np.minimum(down, c)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    p = np.linalg.solve(np.vstack([rates.T[:-1], np.ones(n)]), np.eye(n)[-1])
    assert value(results, "mean_queue_wait") == pytest.approx((np.arange(n) - c).clip(0) @ p / lam, rel=1e-10)

    report = (folder / "report.html").read_text()
    assert "<script" not in report and "src=\"http" not in report and "@import" not in report
    assert report.count("data:image/svg+xml;base64") >= 2 and "class=\"highlight\"" not in report


def test_npv_irr_records_its_numbers(tmp_path):
    _, results = run("npv_irr", cwd=tmp_path)
    for name in ("npv", "irr", "payback_probability"):
        assert isinstance(value(results, name), float)
    provenance = results["provenance"]
    assert provenance["git_commit"] is None or len(provenance["git_commit"]) == 40
    assert all(len(h) == 64 for h in provenance["hashes"].values())


CALLS = "arrival_time,handling_seconds\n"
FLOWS = "period,revenue,cost,depreciation\n"
CASES = "left,fee,plan\n" + "".join(f"{int(i % 3 == 0)},{10 + 7 * i % 23},{'abc'[i % 3 - i % 2]}\n" for i in range(40))
LATE = CASES.replace("left,", "late,", 1)
SALES, AMOUNT = "customer,date,amount\n", "amount must be a number >= -1,000,000,000 and <= 1,000,000,000, got"
PLANS = "usage,outcome\n"
SERIES, LOANS = "date,demand\n", "text,repaid\n"
HANDLING = "line 2: handling_seconds must be a number > 0 and <= 1,000,000, got"
REVENUE = "revenue must be a number >= 0 and <= 1,000,000,000,000, got"
WRONG = [
    ("queueing", ["-p", "arival_rate=30"], None, "unknown parameter 'arival_rate': did you mean 'arrival_rate'?"),
    ("queueing", ["-p", "servers=0"], None, "servers must be an integer >= 1"),
    ("queueing", ["-p", "servers=2.5"], None, "servers must be an integer >= 1"),
    ("queueing", ["-p", "arrival_rate=1000"], None, "unstable queue: arrival_rate 1000 >= servers*service_rate"),
    ("queueing", ["-p", "arrival_rate=abc"], None, "arrival_rate must be a number > 0 and <= 1,000,000, got 'abc'"),
    ("queueing", ["--data", "none.csv"], None, "data file none.csv does not exist"),
    ("queueing", ["--data", "own.csv"], "", "data file own.csv is empty"),
    ("queueing", ["--data", "own.csv"], "\0\1\2", "data file own.csv is not a text file in UTF-8"),
    ("queueing", ["--data", "own.csv"], "arrival_time\n2026-03-02 09:00:00\n", "lacks the column handling_seconds"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,long\n", HANDLING + " 'long'"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,nan\n", HANDLING + " 'nan'"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,-1\n", HANDLING + " '-1'"),
    ("queueing", ["--data", "own.csv", "-p", "days=weekends"], CALLS + "2026-03-02 09:00:00,60\n" * 40,
     "it has 0 calls (days=weekends); at least 30 are needed"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "2,1,1,1\n1,1,1,1\n", "line 2: period must be 1"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "1,1,1,1\n1,1,1,1\n", "line 3: period must be 2"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + '1,"1,5",1,1\n', REVENUE + " '1,5' (write decimals with a point)"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "1,1,5,1,1\n", "line 2 has 5 fields, the header has 4 (a decimal comma?"),
    ("gradient_descent", ["-p", "success_share=25"], None, "success_share must be a number > 0 and <= 1, got '25' (write 25% as 0.25)"),
    ("gradient_descent", ["-p", "l2=0"], None, "l2 must be a number >= 1e-06 and <= 100"),
    ("gradient_descent", ["-p", "target_column=churned"], None, "it lacks the column churned, which target_column names"),
    ("gradient_descent", ["--data", "own.csv"], CASES.replace("\n1,", "\nyes,", 1), "left must be an integer >= 0 and <= 1, got 'yes'"),
    ("gradient_descent", ["--data", "own.csv"], "\n".join(CASES.split("\n")[:20]), "left has 19 rows with 0 or 1; at least 30 are needed"),
    ("gradient_descent", ["--data", "own.csv"], "left,fee\n" + "0,1\n1,2\n" * 3 + "0,3\n" * 40, "left has 3 rows of one of the values 0 and 1"),
    ("gradient_descent", ["--data", "own.csv", "-p", "features=fee,age"], CASES, "lacks the column age"),
    ("svm_dual", ["-p", "cots=1"], None, "unknown parameter 'cots': did you mean 'cost'?"),
    ("svm_dual", ["-p", "kernel=cubic"], None, "kernel must be one of 'rbf', 'linear', 'poly', got 'cubic'"),
    ("svm_dual", ["--data", "own.csv"], LATE + "2,5,a\n", "line 42: late must be an integer >= 0 and <= 1, got '2'"),
    ("svm_dual", ["--data", "own.csv"], LATE.replace(",17,", ",17 EUR,", 1), "fee must be a number as in the other rows, got '17 EUR'"),
    ("kmeans", ["-p", "segments=9"], None, "segments must be <= most_segments 8, got 9"),
    ("kmeans", ["-p", "end_date=31.12.2025"], None, "end_date must be a date (YYYY-MM-DD) or empty, got '31.12.2025'"),
    ("kmeans", ["-p", "date_column=customer"], None, "customer_column, date_column and amount_column must differ"),
    ("kmeans", ["--data", "own.csv", "-p", "customer_column=client"], SALES + "c1,2026-03-02,10\n", "lacks the column client"),
    ("kmeans", ["--data", "own.csv"], SALES + "c1,02/03/2026,10\n", "line 2: date must be a date (YYYY-MM-DD), got '02/03/2026'"),
    ("kmeans", ["--data", "own.csv"], SALES + 'c1,2026-03-02,"1,250"\n', f"line 2: {AMOUNT} '1,250' (leave out the marks"),
    ("kmeans", ["--data", "own.csv"], SALES + "c1,2026-03-02,10\nc2,2026-03-05,-3\n",
     "1 customers bought something in the 12 months up to 2026-03-05; at least 30 are needed"),
    ("backpropagation", ["-p", "activation=swish"], None, "activation must be one of 'relu', 'tanh', 'logistic', got 'swish'"),
    ("backpropagation", ["--data", "own.csv", "-p", "target_column=result"], "usage,result\n3,left\n1,stayed\n",
     "result is known in 2 rows; at least 30 are needed"),
    ("backpropagation", ["--data", "own.csv"], PLANS + "".join(f"{i % 7},customer {i}\n" for i in range(40)),
     "outcome must have 2 to 10 different values (classes), got 40"),
    ("backpropagation", ["--data", "own.csv"], PLANS + "".join(f"1,{'ab'[i % 2]}\n" for i in range(40)), "no column is left to learn from"),
    ("lstm", ["-p", "data_holds=sales"], None, "data_holds must be one of 'demand', 'applications', got 'sales'"),
    ("lstm", ["--data", "own.csv"], SERIES + "2025-03-03,5\n2025-03-04,6\n", "it has 2 values; with season=7 and horizon=7 at least 30"),
    ("lstm", ["--data", "own.csv"], SERIES + "2025-03-03,5\n2025-03-03,6\n", "line 3: date 2025-03-03 stands twice"),
    ("lstm", ["--data", "own.csv", "-p", "data_holds=applications"], LOANS + "i pay,1\n", "repaid has 1 rows with 0 or 1"),
    ("lstm", ["--data", "own.csv", "-p", "data_holds=applications"], LOANS + "i pay,yes\n",
     "line 2: repaid must be an integer >= 0 and <= 1, got 'yes'"),
]


@pytest.mark.parametrize("chapter, words, content, sentence", WRONG)
def test_wrong_input_is_refused(tmp_path, chapter, words, content, sentence):
    if content is not None:
        (tmp_path / "own.csv").write_text(content)
    before = sorted(tmp_path.rglob("*"))
    done = bizai("run", chapter, *words, cwd=tmp_path)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    assert done.stderr.startswith("refused: ") and done.stderr.count("\n") == 1 and done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_papermill_from_any_directory(tmp_path):
    done = subprocess.run([BIN / "papermill", ROOT / "notebooks" / "queueing.ipynb", "out.ipynb", "-p", "arrival_rate", "30",
                           "--no-progress-bar"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    assert "Unable to parse" not in done.stderr and "unknown parameter" not in done.stderr


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_papermill_knows_every_parameter(chapter):
    """Papermill overlooks a parameter whose comment holds an equals sign."""
    from papermill import inspect_notebook

    from bizai.rerun.chapters import find

    known = inspect_notebook(ROOT / "notebooks" / f"{chapter}.ipynb")
    assert list(known) == list(find(chapter).inputs.Parameters.model_fields)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_describe(chapter, tmp_path):
    done = bizai("describe", chapter, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("Parameters", "Columns", "Recorded results", "allowed", "default", "required"):
        assert words in done.stdout


def days(count, step=1):
    """Dates from a Monday on."""
    return [str(date(2025, 1, 6) + timedelta(days=step * i)) for i in range(count)]


# An own name for every column, gaps, a constant column, a category; then tables at the edge of what is allowed.
NAMED = "Ref,Gone,Spend,Region,Currency\n" + "".join(
    f"r{i},{int(i * 7 % 10 > 6)},{'' if i % 9 == 4 else i * 37 % 101},{'' if i % 11 == 5 else ('N', 'S', 'E')[i * i % 3]},EUR\n"
    for i in range(120))
OWN = {
    "gradient_descent": {
        "own names": (["-p", "target_column=gone"], NAMED),
        "separable, few rows": ([], "left,fee\n" + "".join(f"{int(i >= 20)},{2 * i}\n" for i in range(30))),
    },
    "svm_dual": {
        "own names": (["-p", "target_column=gone"], NAMED),
        "separable by one number": ([], "late,x\n" + "".join(f"{int(i > 20)},{2 * i}\n" for i in range(40))),
    },
    "kmeans": {
        "own names, times, a category": (
            ["-p", "customer_column=client", "-p", "date_column=day", "-p", "amount_column=paid"],
            "channel,client,day,paid\n" + "".join(f"{'web' if i % 3 else ''},c{i % 40},{day} 10:{i % 60:02},{20 + i * 31 % 57 - 90 * (i == 7)}\n"
                                                  for i, day in enumerate(days(240)))),
        "thirty equal customers": ([], SALES + "".join(f"c{i},2026-03-02,10\n" for i in range(30))),
    },
    "backpropagation": {
        "own names": (["-p", "target_column=region"], "".join(line for line in NAMED.splitlines(True) if ",," not in line)),
        "ten outcomes, gaps, duplicates": ([], "seats,rating,kind,currency,outcome\n" + "".join(
            f"{i % 13},{'' if i % 3 else i % 5},{'abc'[i % 3] if i % 4 else ''},EUR,{i % 10}\n" for i in range(120))),
    },
    "lstm": {
        "own names, weekdays, gaps": (
            ["-p", "date_column=day", "-p", "value_column=sold", "-p", "season=5"],
            "shop,day,sold\n" + "".join(f"A,{day},{i * 37 % 23}\n" for i, day in enumerate(days(140)) if i % 7 < 5 and i % 31)),
        "applications": (
            ["-p", "data_holds=applications", "-p", "text_column=letter", "-p", "target_column=paid"],
            "letter,paid,branch\n" + "".join(f"i {'always' if i % 3 else 'never'} pay loan {i % 29} of {i % 5},{int(i % 3 > 0)},b\n" for i in range(90))),
    },
    "queueing": {
        "short log of one hour, no agents": ([], CALLS + "".join(f"2026-03-02 09:{i:02}:10,{60 + 7 * i}\n" for i in range(40))),
        "two months apart, equal handling times": (
            [], CALLS + "".join(f"2026-0{1 + i % 2}-05 {i % 24:02}:00:00,120\n" for i in range(60))),
    },
    "npv_irr": {
        "one period": ([], FLOWS + "1,200000,10000,5000\n"),
        "never pays back, no internal rate": ([], FLOWS + "1,0,100,0\n2,0,100,0\n"),
        "two internal rates": ([], FLOWS + "1,400000,0,0\n2,0,270000,0\n"),
    },
}


@pytest.mark.parametrize("chapter, name", [(c, n) for c in OWN for n in OWN[c]])
def test_awkward_own_data(chapter, name, tmp_path):
    words, content = OWN[chapter][name]
    (tmp_path / "own.csv").write_text(content)
    folder, results = run(chapter, "--data", "own.csv", *words, cwd=tmp_path)
    assert results["parameters"]["data_file"] == "own.csv"
    assert ">nan<" not in (folder / "report.html").read_text().lower()
