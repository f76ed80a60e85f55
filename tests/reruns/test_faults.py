"""`bizai sweep` when processes are killed, memory and disks are full, and people interfere: nothing lost, nothing wrong."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter

import pandas as pd
import psutil
import pytest

from .conftest import RUN, Cluster, Sweep, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forked kernels and /proc are Linux's")

QUICK, HELD = ["slow"] * 4, ["until GATE"] * 2         # dask moves no task to another worker that takes less than 0.2 s
BUSY = [*QUICK, *HELD, *QUICK]          # four runs finish, two wait, four more are to come


def held(sweep, process, number=2):
    """The waiting kernels, once the runs before them are finished too."""
    wait_for(lambda: len(list(sweep.home.glob(RUN))) >= len(QUICK), "finished runs", process=process)
    return sweep.waiting(process, number)


def kill(process):
    """kill -9, and its end."""
    process.send_signal(signal.SIGKILL)
    process.wait(20)


def kill_around(sweep, process, number=2):
    """Kill a waiting kernel, then one's warm process, then one's worker; each time others take the place of those that died."""
    for victim in (lambda kernel: kernel, lambda kernel: kernel.parent(), lambda kernel: kernel.parent().parent()):
        kernel, before = held(sweep, process, number)[0], sweep.tries
        kill(victim(kernel))
        wait_for(lambda: sweep.tries > before, "another try", process=process)
    held(sweep, process, number)


def test_killed_kernel_warm_process_and_worker(book, tmp_path):
    with Sweep(book, tmp_path, BUSY, "--workers", 2, "--retries", 4) as sweep:
        process = sweep.begin()
        kill_around(sweep, process)
        before = sweep.finished()
        sweep.check()
        sweep.gate.touch()
        said = sweep.ended(process)
        assert said[0].startswith("10 done\n")
        sweep.completes(before)


@pytest.mark.parametrize("how, code", [("SIGKILL", -9), ("SIGTERM", 143), ("SIGHUP", 129), ("Ctrl-C", 130)])
def test_ended_client(book, tmp_path, how, code):
    with Sweep(book, tmp_path, BUSY, "--workers", 2) as sweep:
        process = sweep.begin()
        held(sweep, process)
        before = sweep.finished()
        if how == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)       # as a terminal does: the workers get it too
        else:
            process.send_signal(getattr(signal, how))
        _, said = sweep.ended(process, code)
        lines = [line for line in said.splitlines() if " done, " not in line]
        assert lines == (["interrupted: what was finished is kept, and the same command goes on from there"] if how == "Ctrl-C" else []), said
        assert before.items() <= sweep.finished().items()
        finished = len(sweep.check())
        assert len(QUICK) <= finished == len(before) // 3
        if how != "SIGKILL":
            statuses = pd.read_csv(sweep.home / "results.csv", encoding="utf-8-sig")["status"]
            assert Counter(statuses) == {"done": finished, "waiting": len(BUSY) - finished}
        sweep.completes(before)


def test_cells_that_end_badly(book, tmp_path):
    modes = ["work", "fail", "exit", "die", "memory GATE-memory", "endless GATE", "killed GATE-killed", "work", "forget"]
    killed = "the kernel died in cell cell-3: signal 9 (SIGKILL); it was killed from outside or ran out of memory"
    causes = {"work": "", "killed": killed, "forget": "the chapter ran but did not record rows",
              "fail": "cell cell-3 raised RuntimeError: no such luck", "exit": "cell cell-3 raised SystemExit: 0",
              "die": "the kernel died in cell cell-3: exit code 3",
              "memory": "cell cell-3 raised MemoryError:  (the limit is 2 GiB, --memory)",
              "endless": "cell cell-3 was still running after 8 s, the limit for a run (--timeout)"}
    with Sweep(book, tmp_path, modes, "--timeout", 8, "--memory", 2, "--retries", 2) as sweep:
        said, _ = sweep.run(1)
        assert said.startswith("7 failed, 2 done\n")
        table = pd.read_csv(sweep.home / "results.csv", encoding="utf-8-sig", keep_default_na=False)
        assert dict(zip(table["mode"].str.split().str[0], table["cause"])) == causes
        assert sweep.tries == 1 and len((tmp_path / "gate-memory.tries").read_text().split()) == 1
        assert len((tmp_path / "gate-killed.tries").read_text().split()) == 3       # tried again, twice
        assert len(sweep.check()) == 2
        before = sweep.finished()
        sweep.gate.touch()
        (tmp_path / "gate-killed").touch()
        assert sweep.run(1)[0].startswith("5 failed, 4 done\n")
        assert before.items() <= sweep.finished().items() and len(sweep.check()) == 4
        assert len(list(sweep.home.glob("failed/*"))) == 5
        sweep.is_tidy()


@pytest.fixture
def disk(tmp_path):
    """A file system of 2 MB in the place of the results' folder; grown or made read-only by calling it with mount's options."""
    folder = tmp_path / "out"
    folder.mkdir()

    def mount(*words):
        return subprocess.run(["mount", "-t", "tmpfs", *words, folder], capture_output=True, text=True)

    done = mount("-o", "size=2m", "tmpfs")
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    yield lambda options: wait_for(lambda: mount("-o", f"remount,{options}").returncode == 0, f"remounted {options}", 30)
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk(book, tmp_path, disk):
    with Sweep(book, tmp_path, ["chatty"] * 20, "--workers", 2) as sweep:
        _, said = sweep.run(1)
        assert f"failed: results cannot be written to {sweep.home}: No space left on device" in said
        before = sweep.finished()
        assert 3 * 2 <= len(before) // 3 < 20 and len(sweep.check()) == len(before) // 3
        disk("size=20m")
        sweep.completes(before)


def test_folder_that_cannot_be_written_any_more(book, tmp_path, disk):
    with Sweep(book, tmp_path, BUSY, "--workers", 2) as sweep:
        process = sweep.begin()
        held(sweep, process)
        before = sweep.finished()
        disk("ro")
        sweep.gate.touch()
        _, said = sweep.ended(process, 1)
        assert f"failed: results cannot be written to {sweep.home}: Read-only file system" in said
        assert sweep.finished() == before
        sweep.check()
        _, said = sweep.run(2)
        assert f"refused: results cannot be written to {sweep.home}: Read-only file system" in said
        disk("rw")
        sweep.completes(before)


def test_things_in_the_way(book, tmp_path):
    """A file where failures are to be kept; a results' folder that somebody removes."""
    with Sweep(book, tmp_path, [*BUSY, "fail"], "--workers", 2) as sweep:
        process = sweep.begin()
        held(sweep, process)
        (sweep.home / "failed").write_text("in the way")
        before = sweep.finished()
        sweep.gate.touch()
        _, said = sweep.ended(process, 1)
        assert f"failed: results cannot be written to {sweep.home}: File exists" in said
        assert before.items() <= sweep.finished().items() and (sweep.home / "failed").read_text() == "in the way"
        sweep.check()
        (sweep.home / "failed").unlink()
        assert sweep.run(1)[0].startswith("10 done, 1 failed\n")
    (tmp_path / "other").mkdir()
    with Sweep(book, tmp_path / "other", BUSY, "--workers", 2) as sweep:
        process = sweep.begin()
        held(sweep, process)
        shutil.rmtree(sweep.home)
        sweep.gate.touch()
        _, said = sweep.ended(process, 1)
        assert f"failed: results cannot be written to {sweep.home}: No such file or directory" in said
        sweep.completes({})


def test_two_sweeps_in_one_folder(book, tmp_path):
    with (Sweep(book, tmp_path, BUSY, "--workers", 1) as one, Sweep(book, tmp_path, BUSY, "--workers", 1) as same,
          Sweep(book, tmp_path, BUSY, "--workers", 1, first=7) as other):
        processes = [sweep.begin() for sweep in (one, same, other)]
        wait_for(lambda: len(one.finished()) and one.gate.with_suffix(".tries").exists(), "three under way", process=processes[0])
        one.gate.touch()
        for sweep, process in zip((one, same, other), processes):
            said, _ = sweep.ended(process)
            assert said.startswith("10 done\n")
            sweep.check()
        table = pd.read_csv(one.home / "results.csv", encoding="utf-8-sig")
        assert set(table["share"]) == set(one.modes) | set(other.modes) and (table["status"] == "done").all()
        for sweep in (one, same, other):
            sweep.completes(one.finished())


def test_data_that_change_meanwhile(book, tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("amount\n10\n20\n30\n")
    with Sweep(book, tmp_path, BUSY, "--workers", 2, "--data", own) as sweep:
        process = sweep.begin()
        held(sweep, process)
        own.write_text("amount\n10\n20\n40\n")
        sweep.gate.touch()
        sweep.ended(process)
        sweep.check(total=60.0)             # all of them of the file as it was
        old = sweep.finished()
        _, said = sweep.run()
        assert "10 earlier results are stale, because the data file changed since" in said
        assert old.items() <= sweep.finished().items() and len(sweep.finished()) == 2 * len(old)
        table = pd.read_parquet(sweep.home / "results.parquet")
        assert (table["half"][:10] == table["share"][:10] * 70.0).all()
        assert (table["status"][10:] == "stale").all() and table["half"][10:].isna().all()


@pytest.fixture(params=["nobody", "silent"])
def address(request):
    """Where nobody listens, or somebody who says nothing."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if request.param == "silent":
            taken.listen()
        yield f"tcp://127.0.0.1:{taken.getsockname()[1]}"


def test_no_scheduler(book, tmp_path, address):
    with Sweep(book, tmp_path, QUICK, "--scheduler", address) as sweep:
        _, said = sweep.run(2)
        assert said.count("\n") == 1 and f"refused: no dask scheduler answers at '{address}'" in said


@pytest.fixture
def cluster(book, tmp_path):
    """A scheduler."""
    with Cluster(book, tmp_path) as cluster:
        cluster.first = cluster.scheduler()
        yield cluster


def no_kernels(cluster):
    """Wait until no run is under way on a cluster."""
    def kernels():
        found = []
        for process in cluster.processes():
            with contextlib.suppress(psutil.Error):
                found += [process] if process.name() == "bizai-kernel" else []
        return found

    wait_for(lambda: not kernels(), "no kernels", 20)


def test_kills_on_a_cluster(book, tmp_path, cluster):
    """One worker of three threads: kernel, warm process, worker, client and scheduler are killed, one after the other."""
    worker = cluster.worker("--nthreads", 3)
    with Sweep(book, tmp_path, [*QUICK, *["until GATE"] * 3, *QUICK], "--scheduler", cluster.address, "--retries", 4) as sweep:
        process = sweep.begin()
        kill_around(sweep, process, 3)
        before = sweep.finished()
        kill(process)
        sweep.are_gone()
        no_kernels(cluster)
        assert sweep.finished() == before
        sweep.check()

        process = sweep.begin()
        sweep.waiting(process, 3)
        kill(cluster.first)
        _, said = sweep.ended(process, 1)
        assert said.splitlines()[-1] == "failed: the scheduler is gone"
        no_kernels(cluster)
        assert sweep.finished() == before and len(sweep.check()) == len(before) // 3
        worker.terminate()
        cluster.are_gone()

        cluster.scheduler()
        cluster.worker("--nthreads", 3)
        sweep.options = ("--scheduler", cluster.address)
        sweep.completes(before)
        no_kernels(cluster)
        assert list(cluster.temporary.glob("bizai-*")) == []


def test_worker_with_another_library(book, tmp_path, cluster):
    """Its results would be wrong; none of them is kept."""
    other = type(book).__new__(type(book))
    other.root = shutil.copytree(book.root, tmp_path / "other", ignore=shutil.ignore_patterns("tmp"))
    other.temporary = book.temporary
    library = other.root / "lib" / "bizai" / "chapter" / "record.py"
    library.write_text(library.read_text().replace("    _records[name] = value\n", "    value = _records[name] = value * 2\n"))
    assert "value * 2" in library.read_text()
    with Sweep(book, tmp_path, QUICK, "--scheduler", cluster.address) as sweep:
        process = sweep.begin()
        wait_for(lambda: (sweep.home / "results.csv").exists(), "a sweep that waits for a worker", process=process)
        worker = cluster.worker(book=other)                     # unless it was there before the sweep has begun
        said, errors = process.communicate(timeout=240)
        assert "4 failed: the library changed since it was checked" in said or "has other versions of the library" in errors
        _, errors = sweep.run(2)
        assert "has other versions of the library; install the same book and lock there" in errors
        assert sweep.finished() == {} and sweep.check() == {}
        worker.terminate()
        worker.communicate(timeout=60)
        cluster.worker()
        sweep.completes({})
