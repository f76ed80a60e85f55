"""A miniature book of two chapters, so that faults can be put into it without touching the real one."""

import contextlib
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
import psutil
import pytest

from bizai.rerun.execute import fault

ROOT = Path(__file__).parents[2]
BIZAI = Path(sys.executable).with_name("bizai")
RUN = "[0-9a-f]" * 16            # name of a finished run's folder

INPUTS = '''
from .. import data, parameters
from ..parameters import field


class Parameters(parameters.Parameters):
    """Toy."""

    share: float = field("a share", unit="of one", gt=0, lt=1)
    mode: str = field("what the chapter does")
    data_file: str = field("a table; empty for the sample")


class Row(data.Row):
    """Toy."""

    amount: float = field("an amount", unit="money", ge=0)

    @classmethod
    def sample(cls):
        """Sample."""
        return "{sample}.csv"
'''

# Modes "WORD PATH" note their process in PATH.tries; those that wait do so until there is a file PATH.
MARKED = '''word, _, path = p.mode.partition(" ")
if path:
    with open(path + ".tries", "a") as tries:
        tries.write(str(os.getpid()) + " ")
while word == "until" and not os.path.exists(path):
    time.sleep(0.02)
while word == "endless" and not os.path.exists(path):
    pass
if word == "killed" and not os.path.exists(path):
    os.kill(os.getpid(), 9)
if word == "memory":
    hog = bytearray(2**34)
if word == "chatty":
    print("x" * 150_000)
if word == "slow":
    time.sleep(0.3)'''

CELLS = [
    ("markdown", [], "# Halve an amount"),
    ("code", ["parameters"], 'share = 0.5\nmode = "work"\ndata_file = ""'),
    ("code", [], "import os, sys, time\nfrom bizai import {module}\n"
                 "from bizai.chapter import download, read_csv, record, say, validate\n"
                 "from bizai.chapter.inputs import {name} as inputs\n"
                 "p = validate(inputs.Parameters, globals())\nframe = read_csv(p.data_file, inputs.Row)"),
    ("code", [], 'if p.mode == "fail":\n    raise RuntimeError("no such luck")\nif p.mode == "exit":\n    sys.exit(0)\n'
                 'if p.mode == "sleep":\n    open("asleep-{name}", "w").close()\n    time.sleep(60)\n'
                 'if p.mode == "die":\n    os._exit(3)\n' + MARKED),
    ("code", ["report"], 'half = record("half", p.share * frame["amount"].sum(), "money", headline="Half of it")\n'
                         'if p.mode != "forget":\n    record("rows", len(frame))\n'
                         'download(frame, "amounts.csv", "All amounts")\nsay("Half of it is {half:.2f}.")'),
]


class Book:
    """A miniature book on disk and its command line."""

    def __init__(self, root):
        self.root, self.temporary = root, root / "tmp"
        self.temporary.mkdir(parents=True)
        shutil.copytree(ROOT / "lib", root / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        shutil.copy(ROOT / "requirements.lock", root)
        (root / "data" / "samples").mkdir(parents=True)
        (root / "data" / "claims").mkdir()
        (root / "notebooks").mkdir()
        (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nparts:\n  - chapters:\n"
                                       "      - file: notebooks/first\n      - file: notebooks/second\n")
        (root / "data" / "claims" / "d2.yml").write_text(
            "- {id: A, chapter: first, reason: one}\n- {id: B, chapter: second, reason: two}\n")
        for name, module in (("first", "queueing"), ("second", "finance")):
            self._chapter(name, module)

    def _chapter(self, name, module):
        (self.root / "lib" / "bizai" / "chapter" / "inputs" / f"{name}.py").write_text(INPUTS.format(sample=name))
        (self.root / "data" / "samples" / f"{name}.csv").write_text("amount\n1\n2\n4\n")
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {
            "display_name": "Python 3", "language": "python", "name": "python3"}})
        for number, (kind, tags, text) in enumerate(CELLS):
            make = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
            cell = make(text.format(name=name, module=module) if "{name}" in text else text, id=f"cell-{number}")
            cell.metadata["tags"] = tags
            notebook.cells.append(cell)
        nbformat.write(notebook, self.root / "notebooks" / f"{name}.ipynb")
        self.python("from bizai.rerun.execute import *; import nbformat, pathlib; "
                    f"p = pathlib.Path('notebooks/{name}.ipynb'); n = nbformat.read(p, 4); "
                    "execute(n, cwd=p.parent); nbformat.write(normalise(n), p)")

    @property
    def environment(self):
        """The environment in which this book's library is the one that is imported."""
        return os.environ | {"PYTHONPATH": str(self.root / "lib"), "TMPDIR": str(self.temporary)}

    def python(self, code):
        """Run a piece of Python with this book's library."""
        done = subprocess.run([sys.executable, "-c", code], cwd=self.root, env=self.environment,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def bizai(self, *words, cwd=None):
        """Run the command line and wait."""
        return subprocess.run([BIZAI, *map(str, words)], cwd=cwd or self.root, env=self.environment,
                              capture_output=True, text=True)

    def start(self, *words):
        """Start the command line and go on."""
        return subprocess.Popen([BIZAI, *map(str, words)], cwd=self.root, env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def sleeping_kernels(process, folder, number=1, patience=60):
    """The kernels of a running command, as soon as their chapters sleep in a cell below a folder."""
    end = time.time() + patience
    while time.time() < end and process.poll() is None:
        if len(list(folder.rglob("asleep-*"))) >= number:
            return [p for p in psutil.Process(process.pid).children(recursive=True) if p.name() == "bizai-kernel"]
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no chapter fell asleep: {process.communicate()}, exit code {process.returncode}")


def wait_for(condition, what, patience=90, process=None):
    """What a condition returns as soon as that is true; a failure if it takes too long or a process ends meanwhile."""
    end = time.monotonic() + patience
    while not (found := condition()):
        ended = process is not None and process.poll() is not None
        if (ended or time.monotonic() > end) and not (found := condition()):
            said = process.communicate() if ended else ""
            raise AssertionError(f"{what}: not so {'at its end' if ended else f'after {patience} s'} {said}")
        if found:
            break
        time.sleep(0.02)
    return found


class Marked:
    """Processes that can be told, with all that they start, by a mark in their environment."""

    def __init__(self, book):
        self.book, self.mark, self.started = book, f"{os.getpid()}-{time.time_ns()}", []
        self.temporary = book.temporary

    def start(self, *words, book=None):
        """Start a command in a process group of its own, as a terminal does."""
        process = subprocess.Popen(list(map(str, words)), cwd=self.book.root, text=True, start_new_session=True,
                                   env=(book or self.book).environment | {"BIZAI_TEST_MARK": self.mark,
                                                                           "TMPDIR": str(self.temporary)},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(process)
        return process

    def processes(self):
        """All that are there now, but for zombies."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("BIZAI_TEST_MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def are_gone(self, patience=20):
        """Fail unless all are gone soon."""
        def told(process):
            with contextlib.suppress(psutil.Error):
                return process.pid, process.name(), process.ppid(), " ".join(process.cmdline())[:200]

        end = time.monotonic() + patience
        while left := self.processes():
            assert time.monotonic() < end, f"left behind: {[told(process) for process in left]}"
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.05)
        for process in self.started:
            process.communicate()


class Sweep(Marked):
    """A sweep of the chapter *first*.

    Parameters
    ----------
    book : Book
    folder : Path
        For its scenarios, its results and its gate: the file that modes such as "until GATE" wait for.
    modes : list of str
        One for each scenario; their shares differ. GATE in it stands for the gate.
    options : str
        Further words of the command line.
    """

    def __init__(self, book, folder, modes, *options, first=1):
        super().__init__(book)
        self.home, self.gate, self.options = folder / "out" / "first", folder / "gate", options
        self.modes = {number / 1000: mode.replace("GATE", str(self.gate)) for number, mode in enumerate(modes, first)}
        self.plan = folder / f"plan-{first}.csv"
        self.plan.write_text("name,share,mode\n" + "".join(
            f"scenario {share},{share},{mode}\n" for share, mode in self.modes.items()))

    def begin(self, *more):
        """Start it."""
        return self.start(BIZAI, "sweep", "first", self.plan, "--out", self.home.parent, "--reports", "none",
                          *self.options, *more)

    def run(self, code=0, *more):
        """Run it to its end, which has to have an exit code; what it said on stdout and stderr."""
        return self.ended(self.begin(*more), code)

    def ended(self, process, code=0):
        """Wait for its end, which has to have an exit code and to leave no process; what it said."""
        said = process.communicate(timeout=240)
        assert process.returncode == code and "Traceback" not in said[1], (process.returncode, *said)
        self.are_gone()
        return said

    def waiting(self, process, number):
        """The kernels that wait at the gate, as soon as there are so many."""
        def kernels():
            trace = Path(f"{self.gate}.tries")
            found = []
            for pid in trace.read_text().split() if trace.exists() else ():
                with contextlib.suppress(psutil.Error):
                    kernel = psutil.Process(int(pid))
                    if kernel.name() == "bizai-kernel" and kernel.status() != psutil.STATUS_ZOMBIE:
                        found.append(kernel)
            return found if len(found) == number else None

        return wait_for(kernels, f"{number} kernels at the gate", process=process)

    @property
    def tries(self):
        """How many kernels have come to the gate."""
        return len(Path(f"{self.gate}.tries").read_text().split())

    def finished(self):
        """Every file of the finished runs, with its time and content."""
        return {path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
                for folder in self.home.glob(RUN) for path in folder.iterdir()}

    def check(self, total=7.0):
        """Nothing half-written and nothing wrong: whole runs, and tables that tell the same. Returns share to its run."""
        runs = {}
        for folder in self.home.glob(RUN):
            assert {p.name for p in folder.iterdir()} == {"amounts.csv", "notebook.ipynb", "results.json"}, folder
            run = json.loads((folder / "results.json").read_text())
            assert fault(nbformat.read(folder / "notebook.ipynb", 4)) is None
            assert run["records"]["half"]["value"] == run["parameters"]["share"] * total and run["records"]["rows"]["value"] == 3
            runs[run["parameters"]["share"]] = folder.name
        parquet = pd.read_parquet(io.BytesIO((self.home / "results.parquet").read_bytes()))
        csv = pd.read_csv(self.home / "results.csv", encoding="utf-8-sig")
        for table in (csv, parquet):
            assert set(self.modes) <= set(table["share"]) and table["key"].is_unique
            done = table[table["status"] == "done"]
            assert dict(zip(done["share"], done["key"])).items() <= runs.items()
            if "half" in table:         # there is a result
                assert (done["half"] == done["share"] * total).all()
                assert table.loc[table["status"] != "done", "half"].isna().all()
            else:
                assert done.empty
        assert list(csv["key"]) == list(parquet["key"]) and list(csv["status"]) == list(parquet["status"])
        return runs

    def completes(self, before, *more):
        """The same command completes the sweep; what was finished before is not touched; nothing is left over."""
        self.gate.touch()
        self.run(0, *more)
        assert before.items() <= self.finished().items()
        assert set(self.modes) <= set(self.check())
        table = pd.read_parquet(self.home / "results.parquet")
        assert (table["status"] == "done").all(), table
        assert not list(self.home.glob("failed/*")) and (self.home / "summary.html").is_file()
        self.is_tidy()

    def is_tidy(self):
        """No scratch folders are left."""
        assert [p.name for p in self.home.iterdir() if p.name.startswith(".")] == [".lock"]
        assert [p.name for p in self.book.temporary.iterdir()] == []


class Cluster(Marked):
    """A dask scheduler and workers, each a process of its own.

    Parameters
    ----------
    book : Book
    folder : Path
    """

    def __init__(self, book, folder):
        super().__init__(book)
        self.folder, self.temporary = folder, folder / "far"
        self.temporary.mkdir()

    def scheduler(self):
        """Start a scheduler on a free port."""
        self.file = self.folder / f"scheduler-{len(self.started)}.json"
        process = self.start(BIZAI.with_name("dask"), "scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard",
                             "--scheduler-file", self.file)

        def address():
            with contextlib.suppress(OSError, ValueError):
                return json.loads(self.file.read_text())["address"]

        self.address = wait_for(address, "a scheduler", process=process)
        return process

    def worker(self, *options, book=None, patience=90):
        """Start a worker with its nanny, and wait until the scheduler knows it."""
        from distributed import Client

        process = self.start(BIZAI.with_name("dask"), "worker", self.address, "--host", "127.0.0.1", "--no-dashboard",
                          "--memory-limit", 0, *options, book=book)
        if patience:
            with Client(self.address, set_as_default=False) as client:
                client.wait_for_workers(1, timeout=patience)
        return process


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A miniature book."""
    return Book(tmp_path_factory.mktemp("book"))
