"""The real chapters on awkward files of a reader's own, and the lists they leave."""

import pandas as pd
import pytest

from .cases import OWN, run


@pytest.mark.parametrize("chapter, name", [(c, n) for c in OWN for n in OWN[c]])
def test_awkward_own_data(chapter, name, tmp_path):
    words, content = OWN[chapter][name]
    (tmp_path / "own.csv").write_text(content)
    folder, results = run(chapter, "--data", "own.csv", *words, cwd=tmp_path)
    assert results["parameters"]["data_file"] == "own.csv"
    assert ">nan<" not in (folder / "report.html").read_text().lower()


def test_lists_hold_what_is_new_to_a_user(tmp_path):
    words, content = OWN["collaborative_filtering"]["own names, half stars, unix time, features with gaps, repeats"]
    (tmp_path / "own.csv").write_text(content)
    folder, _ = run("collaborative_filtering", "--data", "own.csv", *words, cwd=tmp_path)
    lists = pd.read_csv(folder / "recommendations.csv", dtype=str)
    rated = {tuple(line.split(",")[:2]) for line in content.splitlines()[1:]}
    shop = {item for _, item in rated}
    done = {user for user, _ in rated if {item for other, item in rated if other == user} == shop}
    assert set(lists["user"]) == {user for user, _ in rated} - done       # who has everything gets no list
    assert not rated & set(zip(lists["user"], lists["item"]))
    assert lists.groupby("user").size().max() == 5 and not lists.duplicated(["user", "item"]).any()


def test_a_straight_line_goes_on(tmp_path):
    words, content = OWN["arima"]["a straight line"]
    (tmp_path / "own.csv").write_text(content)
    folder, results = run("arima", "--data", "own.csv", *words, cwd=tmp_path)
    assert results["records"]["next_value"]["value"] == pytest.approx(5 + 3 * 30, abs=1e-6)
    forecasts = pd.read_csv(folder / "forecasts.csv")
    assert len(forecasts) == results["parameters"]["horizon"]
