"""A minute of random kills: the sweep that comes through has the results of one that nobody disturbed."""

import contextlib
import json
import os
import random
import sys
import time
from collections import Counter

import pandas as pd
import psutil
import pytest

from .conftest import RUN, Sweep

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked kernels and /proc are Linux's")

SECONDS, AT_MOST = 60, 240
WEIGHTS = {"kernel": 16, "warm process": 5, "worker": 4, "cluster": 1, "client": 2}
FEWEST = {"kernel": 5, "warm process": 3, "worker": 3, "cluster": 1, "client": 2}
MODES = ["slow"] * 130 + ["until GATE"] * 2         # the last two keep the sweep going until the minute is over


def kind(process, client):
    """What a process of a sweep is."""
    if process.pid == client.pid:
        return "client"
    words = " ".join(process.cmdline())
    if "bizai.rerun.kernel" in words:
        return "kernel" if process.name() == "bizai-kernel" else "warm process"
    return "worker" if "spawn_main" in words else "cluster" if "bizai.rerun.cluster" in words else None


def strike(sweep, client, chance):
    """Kill one of the sweep's processes; its kind, or None if there was none of the kind that chance wanted."""
    wanted = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    victims = []
    for process in sweep.processes():
        with contextlib.suppress(psutil.Error):
            victims += [process] if kind(process, client) == wanted else []
    if victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(victims).kill()
            return wanted


def disturbed(sweep, chance):
    """Kill at random for a minute, starting the command again whenever it ends; how often each kind was hit."""
    hits, began, client = Counter(), time.monotonic(), sweep.begin()
    before = {}
    while time.monotonic() - began < SECONDS or any(hits[name] < fewest for name, fewest in FEWEST.items()):
        assert time.monotonic() - began < AT_MOST, f"only {hits}"
        time.sleep(chance.uniform(0.2, 1.4))
        if (sweep.home / "results.csv").exists() and (hit := strike(sweep, client, chance)):
            hits[hit] += 1
        if client.poll() is not None:
            said = client.communicate()
            assert client.returncode in (-9, 1) and "Traceback" not in said[1], (client.returncode, *said)
            sweep.are_gone()
            sweep.check()
            assert before.items() <= sweep.finished().items()
            before, client = sweep.finished(), sweep.begin()
    sweep.gate.touch()
    client.communicate(timeout=240)
    assert client.returncode in (0, 1)
    sweep.are_gone()
    assert before.items() <= sweep.finished().items()
    return hits


def results(sweep):
    """All that was computed, and the table without durations."""
    runs = {}
    for folder in sweep.home.glob(RUN):
        run = json.loads((folder / "results.json").read_text())
        outputs = [cell.get("outputs") for cell in json.loads((folder / "notebook.ipynb").read_text())["cells"]]
        runs[folder.name] = run["parameters"], run["records"], run["provenance"]["hashes"], outputs, \
            (folder / "amounts.csv").read_bytes()
    return runs, pd.read_parquet(sweep.home / "results.parquet").drop(columns="duration_seconds")


def test_random_kills(book, tmp_path):
    seed = int(os.environ.get("BIZAI_CHAOS_SEED", time.time_ns() % 1_000_000))
    print(f"BIZAI_CHAOS_SEED={seed}")           # shown where the test fails
    with Sweep(book, tmp_path, MODES, "--workers", 2) as sweep:
        hits = disturbed(sweep, random.Random(seed))
        print(hits)
        sweep.completes(sweep.finished())
        runs, table = results(sweep)
        sweep.home = tmp_path / "undisturbed" / "first"
        sweep.run()
        expected, expected_table = results(sweep)
        assert len(expected) == len(MODES) and runs == expected, seed
        pd.testing.assert_frame_equal(table, expected_table)
