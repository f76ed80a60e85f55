"""The summary of a sweep: what it finds in results with known drivers, what it does not find, and every awkward table."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bizai.chapter.parameters import Refused
from bizai.finance import npv
from bizai.queueing import MMc
from bizai.rerun.chapters import find, payloads
from bizai.rerun.drivers import alike, bins, column, effects
from bizai.rerun.summary import ranked, ranking, summary

from .cases import CHAPTERS

BY_WAIT = {"best": "mean_wait_seconds:lowest"}


def scenarios(chapter, values, results, status="done"):
    """A table as results.parquet holds it: the chapter's defaults but for `values`, and `results`."""
    n = len(next(iter({**values, **results}.values())))
    table = {"name": [f"row {i + 1}" for i in range(n)], "status": status, "duration_seconds": 2.0,
             "key": [f"{i:016x}" for i in range(n)], "cause": ""}
    defaults = {name: [value] * n for name, value in find(chapter).defaults.items()}
    return pd.DataFrame(table | defaults | values | results).convert_dtypes()


def queues(n=120, seed=1):
    """A sample of queues: more agents shorten the wait, more customers lengthen it, the seed does nothing."""
    rng = np.random.default_rng(seed)
    rate, servers, numbers = rng.uniform(15, 30, n), rng.integers(5, 11, n), rng.integers(0, 1000, n)
    queue = MMc(rate, 6.3, servers)
    values = {"arrival_rate": rate, "servers": servers, "seed": numbers, "service_rate": np.full(n, 6.3)}
    return scenarios("queueing", values,
                     {"mean_wait_seconds": 3600 * queue.mean_queue_wait, "utilisation": queue.utilisation})


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        """Keep it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep it."""
        self.text += data

    def all(self, tag):
        """Attributes of every such tag."""
        return [attrs for name, attrs in self.tags if name == tag]


def page(chapter, frame, **options):
    """The summary, checked for what holds of any."""
    html = summary(find(chapter), frame, **(BY_WAIT if chapter == "queueing" else {}) | options)
    found = Page(html)
    assert len(html) < 1_000_000
    assert not re.search("script|iframe|object|link|base", " ".join({tag for tag, _ in found.tags}))
    assert not [name for _, attrs in found.tags for name in attrs if name.startswith("on")]
    assert all(image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] for image in found.all("img"))
    assert not re.search("(http|file):", html) and "nan" not in found.text.split()
    assert "results.csv and results.parquet" in found.text
    return found


def shades(found):
    """The cells of the table of effects."""
    cells = [cell for cell in found.all("td") if cell.get("style")]
    assert cells
    return cells


def of(name, values):
    """A column of a table."""
    return column(name, name, "", pd.Series(values))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_ranks_by_a_recorded_number(chapter):
    name, way = ranking(find(chapter))
    value, = [record["value"] for record in payloads(find(chapter).notebook, "record") if record["name"] == name]
    assert isinstance(value, (int, float)) and not isinstance(value, bool) and way in ("lowest", "highest")
    assert ranking(find(chapter), f"{name}:lowest") == (name, "lowest")


@pytest.mark.parametrize("best, sentence", [
    ("npv", "best must be RESULT:lowest or RESULT:highest, got 'npv'"),
    ("npv:best", "best must be RESULT:lowest or RESULT:highest"),
    ("npw:highest", "best names the unknown result 'npw': did you mean npv"),
    ("<b>:highest", "best names the unknown result '<b>': `bizai describe npv_irr` lists the results"),
    ("decision:highest", "best must name a number, and decision is none (it is 'pilot first')"),
    ("irr_in_words:lowest", "best must name a number, and irr_in_words is none"),
    ("npv_ladder:lowest", "best must name a number, and npv_ladder is none"),
])
def test_wrong_ranking_is_refused(best, sentence):
    with pytest.raises(Refused) as refused:
        ranking(find("npv_irr"), best)
    assert sentence in str(refused.value) and "\n" not in str(refused.value)


def test_ranked():
    frame = scenarios("npv_irr", {"seed": list(range(7))},
                      {"npv": [1.0, np.inf, np.nan, 3.0, -np.inf, 3.0, 9.0]})
    frame.loc[6, "status"] = "failed"
    chapter = find("npv_irr")
    assert list(ranked(frame, chapter)["seed"]) == [1, 3, 5, 0, 4, 2]
    assert list(ranked(frame, chapter, "npv:lowest")["seed"]) == [4, 0, 3, 5, 1, 2]
    assert list(ranked(frame.drop(columns="npv"), chapter)["seed"]) == [0, 1, 2, 3, 4, 5]
    assert ranked(frame[6:], chapter).empty


def test_correlations_by_three_ways():
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 9, 60).astype(float), rng.normal(size=60)
    y += 0.3 * x
    y[::7] = np.nan
    y[5] = np.inf
    found = effects([of("x", x)], [of("y", y)])["x", "y"]
    known = ~np.isnan(y)
    ranks = pd.DataFrame({"x": x[known], "y": y[known]}).rank()
    assert found.cases == known.sum()
    assert found.correlation == pytest.approx(ranks.corr().iloc[0, 1], rel=1e-12)
    reference = stats.spearmanr(x[known], y[known])
    assert found.correlation == pytest.approx(reference.statistic, rel=1e-12)
    assert found.p == pytest.approx(reference.pvalue, rel=1e-9)


def test_correction_by_statsmodels():
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(11)
    parameters, results = ([of(f"{letter}{i}", rng.normal(size=30)) for i in range(4)] for letter in "xy")
    results[0] = of("y0", parameters[0].values + rng.normal(size=30))
    found = effects(parameters, results)
    raw = [stats.spearmanr(x.values, y.values).pvalue for x in parameters for y in results]
    assert [effect.p for effect in found.values()] == pytest.approx(multipletests(raw, method="holm")[1], rel=1e-9)


def test_texts_by_kruskal_and_wallis():
    rng = np.random.default_rng(4)
    words, y = rng.choice(["a", "b", "c"], 50), rng.normal(size=50).round(1)
    y[words == "b"] += 1
    found = effects([of("x", words)], [of("y", y)])["x", "y"]
    reference = stats.kruskal(*(y[words == word] for word in "abc"))
    assert found.correlation is None and found.p == pytest.approx(reference.pvalue, rel=1e-9)
    assert found.share == pytest.approx((reference.statistic - 3 + 1) / (50 - 3), rel=1e-9)


def test_known_drivers_are_found_and_no_others():
    rng = np.random.default_rng(5)
    names, results = "abcdef", 8
    values = rng.random((200, 6))
    weights = np.zeros((6, results))
    weights[0, :4], weights[1, 2:6] = 2, -1
    y = values @ weights + rng.normal(0, 0.3, (200, results))
    found = effects([of(name, values[:, i]) for i, name in enumerate(names)],
                    [of(f"y{j}", y[:, j]) for j in range(results)])
    sure = {pair for pair, effect in found.items() if effect.is_sure}
    assert sure == {(names[i], f"y{j}") for i, j in zip(*weights.nonzero())}
    assert all(found[pair].one_way and np.sign(found[pair].correlation) == (1 if pair[0] == "a" else -1) for pair in sure)


def test_noise_is_taken_for_chance():
    """Of tables without any effect at most one in ten may show one (5% each for Holm's two families)."""
    rng, alarms = np.random.default_rng(6), 0
    for _ in range(60):
        parameters = [of("x", rng.random(40)), of("k", rng.integers(0, 4, 40)), of("w", rng.choice(["a", "b", "c"], 40))]
        found = effects(parameters, [of(f"y{j}", rng.exponential(size=40)) for j in range(4)])
        alarms += any(effect.is_sure for effect in found.values())
    assert alarms <= stats.binom.ppf(0.999, 60, 0.1)


@pytest.mark.parametrize("shape, one_way", [
    (lambda x: (x - 0.5)**2, False), (lambda x: -abs(x - 0.4), False), (lambda x: np.sin(12 * x), False),
    (lambda x: x, True), (lambda x: np.exp(-20 * x), True), (lambda x: 1.0 * (x > 0.9), True), (lambda x: 0 * x, True),
])
def test_not_one_way(shape, one_way):
    rng = np.random.default_rng(7)
    for x in (rng.random(150), np.repeat(np.linspace(0, 1, 10), 8)):
        found = effects([of("x", x)], [of("y", shape(x) + rng.normal(0, 0.05, len(x)))])["x", "y"]
        assert found.one_way is one_way


def test_a_small_hook_is_one_way():
    """It is surely there, but a curve that only rises follows all but a few percent of it."""
    x = np.linspace(0, 1, 600)
    found = effects([of("x", x)], [of("y", (x - 0.2)**2)])["x", "y"]
    assert found.one_way and 0.8 < found.correlation < 0.99


def test_few_scenarios_are_sure_of_nothing():
    x = np.arange(9.0)
    assert effects([of("x", x)], [of("y", x)])["x", "y"].correlation == 1
    assert not effects([of("x", x)], [of("y", x)])["x", "y"].is_sure
    assert effects([of("x", np.arange(10.0))], [of("y", np.arange(10.0))])["x", "y"].is_sure


def test_bins_hold_every_value_once():
    x = of("x", np.r_[np.arange(50.0), np.nan])
    groups = bins(x)
    assert groups[-1] == -1 and set(groups[:-1]) == set(range(8)) and (np.diff(groups[:-1]) >= 0).all()
    assert list(bins(of("k", [3, 3, 1, 1]))) == [1, 1, 0, 0]


def test_rounding_is_no_effect():
    assert not of("y", [1.0, 1.0 + 1e-14, 1.0]).varies() and of("y", [1.0, 1.1]).varies()
    assert of("y", [np.inf, 1.0]).varies() and not of("y", [np.inf, np.inf]).varies() and not of("y", [np.nan, 1.0]).varies()


def test_what_moves_together_is_told():
    frame = queues()
    frame["service_rate"] = 60 / frame["arrival_rate"] + np.linspace(0, 0.1, len(frame))
    text = page("queueing", frame).text
    assert "Arrival rate and service rate were varied together (rank correlation −1.00" in text
    assert "their effects cannot be told apart" in text
    assert "varied together" not in page("queueing", queues()).text
    x, noise = np.random.default_rng(2).normal(size=(2, 100))
    assert alike([of("x", x), of("y", x + 1.5 * noise)]) == [] and len(alike([of("x", x), of("y", x + 0.3 * noise)])) == 1
    words = of("w", np.repeat(["a", "b"], 20))
    assert [size for *_, size in alike([words, of("v", np.repeat(["c", "d"], 20))])] == [pytest.approx(1, abs=0.06)]
    assert alike([words, of("v", np.tile(["c", "d"], 20))]) == []


def test_sample_of_queues():
    frame = queues()
    found = page("queueing", frame)
    best = frame.loc[frame["mean_wait_seconds"].idxmin()]
    assert f"Best by mean wait (lowest): {best['name']} with " in found.text
    rho = stats.spearmanr(frame["servers"].astype(int), frame["mean_wait_seconds"]).statistic
    assert "Mean wait is moved most by servers (the higher, the lower; rank" in found.text
    assert f"rank correlation −{-rho:.2f}), then by arrival rate" in found.text
    assert "then by arrival rate (the higher, the higher" in found.text
    assert not [image for image in found.all("img") if "seed" in image["alt"]]
    assert "120 scenarios: 120 done. Computing took 4.0 minutes, 2 seconds for a scenario." in found.text
    assert "Mean wait falls with servers: on average " in found.text
    assert len(found.all("img")) == 4               # two results, two parameters that move them
    assert found.all("a")[0]["href"] == f"{best['key']}/notebook.ipynb"


def test_grid_shows_the_exact_curve():
    rates, servers = (values.ravel() for values in np.meshgrid([16.0, 20, 24, 28], [5, 6, 7, 8]))
    wait = 3600 * MMc(rates, 6.3, servers).mean_queue_wait
    frame = scenarios("queueing", {"arrival_rate": rates, "servers": servers}, {"mean_wait_seconds": wait})
    html = summary(find("queueing"), frame.sample(frac=1, random_state=0), **BY_WAIT)
    assert "keeps everything else as in the best scenario" in html
    text = Page(html).text.replace(",", "")
    for rate in (20.0, 24.0, 28.0):        # with eight agents, as in the best scenario
        assert f"{3600 * MMc(rate, 6.3, 8).mean_queue_wait:.4g} seconds" in text
    assert f"{wait[rates == 20].mean():.4g} seconds" in text       # over the agents


def test_one_parameter():
    rates = np.linspace(0.02, 0.3, 15)
    flows = [-100.0, 30, 40, 50, 60]
    worth = np.array([npv(rate, flows) for rate in rates])
    found = page("npv_irr", scenarios("npv_irr", {"discount_rate": rates}, {"npv": worth}))
    assert "Every point is a scenario." in found.text
    assert f"Net present value falls with discount rate: {worth[0]:.4g} money at 2% per year" in found.text
    assert found.all("img")[0]["alt"].startswith("Net present value falls")


def test_a_curve_that_turns_is_drawn_if_it_is_all_that_was_varied():
    """What agents and waiting cost in an hour falls and rises again: no correlation, and no chance either."""
    servers = np.arange(5, 16)
    cost = 1.0 * (servers - 10)**2
    found = page("queueing", scenarios("queueing", {"servers": servers}, {"mean_wait_seconds": cost}))
    assert "Only servers was varied: every difference comes from it." in found.text
    assert "beyond chance" not in found.text and len(found.all("img")) == 1
    assert "lowest, 0 seconds at 10 agents, and highest, 25 seconds at 5 agents" in found.text


def test_rows_of_the_table_of_effects():
    """Headlines and what is computed with them, at most eight; bounds, other records and a result in another unit are folded."""
    frame = queues()
    wait = frame["mean_wait_seconds"]
    more = {"mean_queue_wait": wait / 3600, "simulated_mean_queue_wait_low": wait**1.1, "pooling_gain": wait**0.5}
    found = page("queueing", frame.assign(**more))
    table = found.text[found.text.index("Result"):]
    shown, folded = table.split("3 more results")
    assert "mean wait" in shown and "utilisation" in shown
    for label in ("mean queue wait", "simulated mean queue wait low", "pooling gain"):
        assert label in folded and label not in shown.split("Each number")[0]


def test_chance_is_judged_by_what_is_shown_first():
    """Twenty records of a derivation do not hide what drives the result that matters."""
    rng = np.random.default_rng(12)
    frame = queues(20).drop(columns="utilisation")
    known = [record["name"] for record in payloads(find("queueing").notebook, "record")]
    derived = known[:known.index("loads_simulated")]
    frame["mean_wait_seconds"] = -frame["servers"].astype(float) + rng.normal(0, 3.0, 20)
    found = stats.spearmanr(frame["servers"].astype(float), frame["mean_wait_seconds"])
    assert 0.05 / 3 / len(derived) < found.pvalue < 0.05 / 3
    noise = {name: rng.normal(size=20) for name in derived}
    assert "is moved most by servers" in page("queueing", frame.assign(**noise)).text


def test_scenarios_without_a_name_are_numbered():
    found = page("queueing", queues(12).assign(name=""))
    assert re.search(r"Best by mean wait \(lowest\): scenario \d+ with", found.text)


def test_infinite_values_are_left_out_of_figures_and_told():
    frame = queues(40)
    frame.loc[frame["servers"].astype(int).idxmin(), "mean_wait_seconds"] = np.inf
    assert "(1 infinite left out)" in page("queueing", frame).text


def test_links(tmp_path):
    frame = queues(12)
    frame.loc[3, ["status", "cause"]] = ["failed", "cell x raised MemoryError"]
    frame.loc[3, "mean_wait_seconds"] = pd.NA
    for key in frame["key"]:
        (tmp_path / key).mkdir()
        (tmp_path / key / "report.html").touch()
    links = [a["href"] for a in page("queueing", frame, home=tmp_path).all("a")]
    assert f"failed/{frame['key'][3]}/" in links and len(links) == 12
    assert all((tmp_path / link).is_file() for link in links if not link.startswith("failed"))


def test_failures_by_cause():
    frame = queues(20)
    frame["status"] = "failed"
    frame["cause"] = ["out of <b>memory</b>"] * 15 + ["too slow"] * 4 + [None]
    found = page("queueing", frame.drop(columns=["mean_wait_seconds", "utilisation"]))
    assert "20 scenarios: 20 failed." in found.text and "No scenario has finished" in found.text
    assert found.text.index("out of <b>memory</b>") < found.text.index("too slow") < found.text.index("cause is not known")
    assert len(found.all("a")) == 5 + 4 + 1


def test_stale_and_waiting_are_left_out():
    frame = queues(30)
    other = queues(30, seed=9).drop(columns=["mean_wait_seconds", "utilisation"])
    other["key"], other["status"] = other["key"].str.replace("0", "f"), ["stale"] * 20 + ["waiting"] * 10
    found = page("queueing", pd.concat([frame, other], ignore_index=True))
    assert "40 scenarios: 30 done, 10 not run yet." in found.text
    assert "10 scenarios have not run yet" in found.text and "20 results are stale" in found.text
    assert shades(found) == shades(page("queueing", frame))


def test_a_run_with_two_names_counts_once():
    frame = queues(30)
    twice = pd.concat([frame, frame.assign(name="again")], ignore_index=True)
    assert shades(page("queueing", twice)) == shades(page("queueing", frame))


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_scenarios(n):
    text = page("queueing", queues(n)).text
    assert "Best by mean wait" in text if n > 1 else "Mean wait: " in text
    assert ("Too few scenarios to tell" in text) == (n > 1)
    assert n == 1 or "cannot be told from" in text
    assert "One parameter at a time" not in text


def test_two_scenarios_that_differ_in_two_parameters():
    assert "were varied together (rank correlation −1.00)" in page("queueing", scenarios(
        "queueing", {"arrival_rate": [20.0, 30.0], "servers": [8, 7]}, {"mean_wait_seconds": [1.0, 2.0]})).text


def test_small_grid_is_drawn():
    wait = 3600 * MMc(20.0, 6.3, np.arange(5, 9)).mean_queue_wait
    found = page("queueing", scenarios("queueing", {"servers": np.arange(5, 9)}, {"mean_wait_seconds": wait}))
    assert len(found.all("img")) == 1
    assert f"lowest, {wait[3]:.4g} seconds at 8 agents, and highest, {wait[0]:.4g} seconds at 5 agents" in found.text


def test_nothing_varied_and_constant_results():
    frame = queues(15)
    same = frame.assign(arrival_rate=20.0, servers=7, seed=1, mean_wait_seconds=3.5, utilisation=0.5)
    text = page("queueing", same).text
    assert "No parameter was varied." in text and "Mean wait: 3.5 seconds in every finished scenario." in text
    text = page("queueing", frame.assign(mean_wait_seconds=3.5, utilisation=0.5)).text
    assert "in every finished scenario" in text and "drives" not in text and "Worst" not in text


def test_awkward_values():
    n = 40
    rng = np.random.default_rng(8)
    rate = np.where(np.arange(n) % 3 == 0, np.nan, rng.uniform(0, 0.2, n).round(1))
    worth = rng.normal(size=n)
    worth[:4] = [np.nan, np.inf, -np.inf, 1e300]
    frame = scenarios("npv_irr", {"finance_rate": rate, "data_file": rng.choice(["a.csv", "<i>.csv"], n)},
                      {"npv": worth, "payback_period": np.where(worth > 0, np.inf, worth), "irr": [np.nan] * n,
                       "loss_carried_forward": [True, False] * 20, "decision": rng.choice(["<u>yes</u>", "no"], n)})
    text = page("npv_irr", frame).text
    assert "not set" in text and "infinite" in text and "<i>.csv" in text and "<u>yes</u>" in text


def test_all_values_missing():
    text = page("npv_irr", scenarios("npv_irr", {"tax_rate": np.linspace(0, 0.5, 12)}, {"npv": [np.nan] * 12})).text
    assert "No finished scenario has a value of npv" in text


def test_dates_are_texts():
    dates = pd.date_range("2024-01-31", periods=24, freq="ME").strftime("%Y-%m-%d").tolist()
    text = page("kmeans", scenarios("kmeans", {"end_date": dates}, {"campaign_gain": np.arange(24.0)})).text
    assert "2024-01-31, 2024-02-29, " in text and "2024-06-30 and 18 others" in text
    text = page("kmeans", scenarios("kmeans", {"end_date": dates[:3] * 8, "seed": np.arange(24)},
                                    {"campaign_gain": np.tile([1.0, 3, 2], 8)})).text
    assert "is moved most by end date (100% of the spread)" in text


def test_texts_only():
    rates = np.linspace(0, 0.3, 24)
    frame = scenarios("npv_irr", {"discount_rate": rates, "seed": np.arange(24) * 7 % 24},
                      {"decision": np.where(rates < 0.15, "invest", "do not invest")})
    found = page("npv_irr", frame, best="irr:highest")
    assert "Decision by discount rate" in found.text and "(100%)" in found.text
    assert "No finished scenario has a value of irr" in found.text


def test_hostile_names():
    names = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "../../etc",
             "x" * 10_000, "javascript:alert(1)", "=cmd()", "名前 🙂", "", "{{ 7*7 }}", "a\nb"]
    frame = queues(len(names)).assign(name=names)
    frame.loc[3, "status"], frame["cause"] = "failed", names[0]
    frame["key"] = [*frame["key"][:-1], '"><script>../..']
    found = page("queueing", frame, title_note=names[1])
    assert "<script>alert(1)</script>" in found.text and "{{ 7*7 }}" in found.text and names[4] not in found.text
    assert all(re.fullmatch(r"[\w%./-]+", a["href"]) for a in found.all("a"))


def test_a_thousand_scenarios_of_sixty_results():
    rng, chapter = np.random.default_rng(10), find("npv_irr")
    recorded = payloads(chapter.notebook, "record")
    numbers = [record["name"] for record in recorded if isinstance(record["value"], (int, float))][:60]
    names = ["investment", "discount_rate", "tax_rate", "finance_rate", "revenue_sd", "cost_sd", "correlation", "seed"]
    values = dict(zip(names, rng.random((8, 1000))))
    weights = rng.normal(size=(8, len(numbers))) * (rng.random((8, len(numbers))) < 0.4)
    results = np.array(list(values.values())).T @ weights + rng.normal(0, 0.3, (1000, len(numbers)))
    found = page("npv_irr", scenarios("npv_irr", values, dict(zip(numbers, results.T)) | {"npv": results[:, 0]}))
    assert 1 <= len(found.all("img")) <= 18 and "more results" in found.text


def test_figures_leave_matplotlib_as_it_was():
    import matplotlib

    before = matplotlib.get_backend(), dict(matplotlib.rcParams)
    page("queueing", queues(30))
    assert (matplotlib.get_backend(), dict(matplotlib.rcParams)) == before
    assert not matplotlib.pyplot.get_fignums()


def test_from_the_table_of_a_folder(book, tmp_path):
    """A chapter that names no ranking, as results.parquet holds its runs."""
    for share in ("0.2", "0.4", "0.3"):
        assert book.bizai("run", "first", "-p", f"share={share}", "--out", tmp_path).returncode == 0
    home = tmp_path / "first"
    code = f"""
import pathlib, pandas
from bizai.rerun.chapters import find
from bizai.rerun.results import Results
from bizai.rerun.summary import summary
home, chapter = pathlib.Path({str(home)!r}), find("first")
Results(home, chapter, [], []).update(force=True)
frame = pandas.read_parquet(home / "results.parquet")
for name, best in (("plain", None), ("best", "half:highest")):
    pathlib.Path(home / f"{{name}}.html").write_text(summary(chapter, frame, best=best, home=home))
"""
    book.python(code)
    plain, best = (Page((home / f"{name}.html").read_text()) for name in ("plain", "best"))
    assert "Nothing ranks the scenarios" in plain.text and "Best by Half of it (highest): " in best.text
    assert "with 2.8 money – share 0.4 of one." in best.text and "0.2 to 0.4 of one" in best.text
    links = [a["href"] for a in best.all("a")]
    assert len(links) == 3 and all((home / link).is_file() and link.endswith("/report.html") for link in links)
