"""The real chapters, run from outside as their users do."""

import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from .cases import BIN, CHAPTERS, ROOT, WRONG, bizai, run


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
