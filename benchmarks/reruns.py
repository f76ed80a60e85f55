"""Runs of a chapter: what a forked kernel costs beside the notebook's own cells, and a thousand of them.

Every row compares wall seconds, for that is what a reader waits for; they hold for a machine that does nothing else. The
sweep takes about half an hour on two cores.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
RUNS = 5
SCENARIOS, CALLS = 1000, 50     # of a sweep, and of papermill, whose time per call does not depend on their number


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _empty():
    """A notebook whose only cell does nothing."""
    import nbformat

    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("pass")],
                                    metadata={"kernelspec": {"display_name": "Python 3", "name": "python3"}})


def kernels(runs=RUNS):
    """Median seconds of an empty notebook by nbclient and forked, and of *queueing* forked and in a fresh kernel."""
    import nbformat
    from nbclient import NotebookClient

    from bizai.rerun.chapters import find
    from bizai.rerun.execute import Warm, execute

    chapter = find("queueing")
    with tempfile.TemporaryDirectory() as folder, Warm(chapter) as warm:
        if warm.why_not:
            raise RuntimeError(warm.why_not)

        def queueing(warm):
            notebook = nbformat.read(chapter.path, as_version=4)
            return _seconds(lambda: execute(notebook, cwd=folder, warm=warm))

        taken = [{"nbclient": _seconds(NotebookClient(_empty(), resources={"metadata": {"path": folder}},
                                                      extra_arguments=["--log-level=ERROR"]).execute),
                  "empty, forked": _seconds(lambda: execute(_empty(), cwd=folder, warm=warm)),
                  "queueing, forked": queueing(warm), "queueing, fresh": queueing(None)} for _ in range(runs)]
    return {name: statistics.median(one[name] for one in taken) for name in taken[0]}


def _papermill(parameters, output):
    """Run *queueing* by papermill's own command; its recorded numbers."""
    from bizai.rerun.chapters import find, payloads

    given = [word for name, value in parameters.items() for word in ("-p", name, str(value))]
    subprocess.run([BIN / "papermill", find("queueing").path, output, *given, "--no-progress-bar"], check=True,
                   capture_output=True)
    return {r["name"]: r["value"] for r in payloads(json.loads(Path(output).read_text(encoding="utf-8")), "record")}


def sweeps(scenarios, calls):
    """Wall seconds per scenario of a sweep of *queueing* and of papermill called once per scenario, and results that differ."""
    plan = {"sample": {"method": "latin_hypercube", "count": str(scenarios), "seed": "1", "ranges": {
        "servers": ["6", "12"], "arrival_rate": ["20", "35"], "agent_cost": ["20", "50"], "burst_factor": ["1", "4"]}}}
    import pandas

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "plan.yml").write_text(json.dumps(plan), encoding="utf-8")        # JSON is YAML
        command = [BIN / "bizai", "sweep", "queueing", folder / "plan.yml", "--out", folder, "--reports", "none"]
        swept = _seconds(lambda: subprocess.run(command, check=True, capture_output=True)) / scenarios
        keys = [folder / "queueing" / key for key in pandas.read_csv(folder / "queueing" / "results.csv")["key"][:calls]]
        ours = [json.loads((place / "results.json").read_text(encoding="utf-8")) for place in keys]
        theirs = []
        milled = _seconds(lambda: theirs.extend(
            _papermill({name: run["parameters"][name] for name in plan["sample"]["ranges"]}, folder / "out.ipynb")
            for run in ours)) / calls
    differ = sum({name: r["value"] for name, r in run["records"].items()} != records for run, records in zip(ours, theirs))
    return swept, milled, differ


def rows(runs=RUNS):
    """The rows of the benchmark."""
    took = kernels(runs)
    ratio = took["nbclient"] / took["empty, forked"]
    yield {"benchmark": "An empty notebook in a forked kernel", "peer": "nbclient", "ratio": ratio,
           "target": ">= 3", "met": ratio >= 3,
           "quality": f"{took['empty, forked']:.2f} s instead of {took['nbclient']:.2f} s"}
    ratio = took["queueing, fresh"] / took["queueing, forked"]
    floor = took["queueing, forked"] / took["nbclient"]
    yield {"benchmark": "The chapter queueing in a forked kernel", "peer": "a fresh kernel", "ratio": ratio,
           "target": ">= 1", "met": ratio >= 1,
           "quality": f"{took['queueing, forked']:.2f} s, {floor:.1f} times an empty notebook by nbclient"}
    swept, milled, differ = sweeps(SCENARIOS, CALLS)
    yield {"benchmark": f"{SCENARIOS:,} scenarios of queueing, bizai sweep on this machine's cores", "peer":
           f"papermill, once for each of {CALLS}", "ratio": milled / swept, "target": ">= 3.33 (0.3 of its wall time), equal numbers",
           "met": swept <= 0.3 * milled and not differ,
           "quality": f"{swept:.2f} s per scenario instead of {milled:.2f} s, {swept / milled:.2f} of its wall time; numbers "
                      f"differ in {differ} of {CALLS} scenarios"}
