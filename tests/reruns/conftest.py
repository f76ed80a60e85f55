"""A miniature book of two chapters, so that faults can be put into it without touching the real one."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

ROOT = Path(__file__).parents[2]
BIZAI = Path(sys.executable).with_name("bizai")

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

CELLS = [
    ("markdown", [], "# Halve an amount"),
    ("code", ["parameters"], 'share = 0.5\nmode = "work"\ndata_file = ""'),
    ("code", [], "import os, sys, time\nfrom bizai import {module}\n"
                 "from bizai.chapter import download, read_csv, record, say, validate\n"
                 "from bizai.chapter.inputs import {name} as inputs\n"
                 "p = validate(inputs.Parameters, globals())\nframe = read_csv(p.data_file, inputs.Row)"),
    ("code", [], 'if p.mode == "fail":\n    raise RuntimeError("no such luck")\nif p.mode == "exit":\n    sys.exit(0)\n'
                 'if p.mode == "sleep":\n    open("asleep-{name}", "w").close()\n    time.sleep(60)\n'
                 'if p.mode == "die":\n    os._exit(3)'),
    ("code", ["report"], 'half = record("half", p.share * frame["amount"].sum(), "money", headline="Half of it")\n'
                         'if p.mode != "forget":\n    record("rows", len(frame))\n'
                         'download(frame, "amounts.csv", "All amounts")\nsay("Half of it is {half:.2f}.")'),
]


class Book:
    """A miniature book on disk and its command line."""

    def __init__(self, root):
        self.root = root
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
        return os.environ | {"PYTHONPATH": str(self.root / "lib")}

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
            return [p for p in psutil.Process(process.pid).children(recursive=True) if "ipykernel" in " ".join(p.cmdline())]
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no chapter fell asleep: {process.communicate()}, exit code {process.returncode}")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A miniature book."""
    return Book(tmp_path_factory.mktemp("book"))
