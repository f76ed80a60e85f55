"""Every example of the page on reruns is executed, in the order of the page, and prints what the page shows."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "reruns.md").read_text(encoding="utf-8")
FENCE = re.compile(r'^```(\{code-block\} )?(\w+)\n(?::caption: ["`]*([^\s"`]+)["`]*\n\n)?(.*?)^```$', re.M | re.S)
PROGRESS = re.compile(r"[\d,]+ of [\d,]+ done, .*")
HOST, PORT = "10.0.0.5", "8786"         # of the scheduler on the page


@dataclass(frozen=True)
class Example:
    """A block of the page."""

    line: int
    language: str
    file: str | None
    text: str
    shown: str | None = None

    @property
    def id(self):
        """Where it stands and how it begins."""
        return f"line {self.line}: {self.file or self.text.splitlines()[-1][:60]}"


def examples():
    """The page's blocks; one of text without a caption is the output of the one before."""
    found = []
    for match in FENCE.finditer(PAGE):
        _, language, file, text = match.groups()
        if language == "text" and not file:
            before = found.pop()
            found.append(Example(before.line, before.language, before.file, before.text, text))
        else:
            found.append(Example(PAGE[:match.start()].count("\n") + 1, language, file, text))
    return found


EXAMPLES = examples()
COMMANDS = [example for example in EXAMPLES if example.language == "bash"]
CELLS = [example for example in EXAMPLES if example.language == "python" and not example.file]


def same(shown, printed):
    """Whether an output is the one shown, where … stands for anything on its line, and alone on a line for any lines."""
    pattern = "\n".join("(?s:.*)" if line == "…" else re.escape(line.rstrip()).replace("…", ".*")
                        for line in shown.splitlines())
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.rstrip().splitlines())) is not None


def printed(stdout, stderr):
    """What a person is left with: of the lines that tell progress the last one."""
    lines = stderr.splitlines()
    ticks = [line for line in lines if PROGRESS.fullmatch(line)]
    return "\n".join([line for line in lines if line not in ticks[:-1]] + stdout.splitlines())


class Terminal:
    """A working folder with the book around it, and what was started there."""

    def __init__(self, folder):
        self.folder, self.background = folder, []
        for name in ("notebooks", "data"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / "tmp").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.environment = os.environ | {"PYTHONPATH": str(ROOT / "lib"), "TMPDIR": str(folder / "tmp")}

    def run(self, command):
        """Run a block; a part of the cluster goes on in the background."""
        command = command.replace(HOST, "127.0.0.1").replace(PORT, str(self.port))
        if re.match(r"\S+/dask ", command):
            with open(self.folder / "tmp" / "cluster.log", "a") as log:
                self.background.append(subprocess.Popen(
                    ["bash", "-c", f"exec {command}"], cwd=self.folder, stdout=log, stderr=log, env=self.environment,
                    start_new_session=True))
            self.wait_for_scheduler()
            return self.background[-1]
        return subprocess.run(["bash", "-e", "-c", command], cwd=self.folder, env=self.environment, capture_output=True,
                              text=True)

    def wait_for_scheduler(self, patience=60):
        """Until something listens at its port."""
        end = time.monotonic() + patience
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert time.monotonic() < end, (self.folder / "tmp" / "cluster.log").read_text()
                time.sleep(0.1)

    def run_cells(self, cells):
        """What the cells of a notebook print."""
        from nbclient import NotebookClient

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": self.folder}})
        client.execute(env=self.environment)
        return ["".join(output.text for output in cell.outputs if output.get("name") == "stdout") for cell in notebook.cells]

    def close(self):
        """End the cluster."""
        for process in reversed(self.background):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    """The folder after all examples were run there."""
    terminal = Terminal(tmp_path_factory.mktemp("page"))
    terminal.done, terminal.cells = {}, None
    try:
        for example in EXAMPLES:
            if example.file:
                target = terminal.folder / example.file
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(example.text, encoding="utf-8")
            elif example.language == "bash":
                terminal.done[example] = terminal.run(example.text)
            elif terminal.cells is None:        # a notebook with all cells
                terminal.cells = dict(zip(CELLS, terminal.run_cells([cell.text for cell in CELLS])))
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("example", COMMANDS, ids=lambda e: e.id)
def test_command_prints_what_is_shown(terminal, example):
    done = terminal.done[example]
    if isinstance(done, subprocess.Popen):          # of the cluster: it has to be there still; a sweep shows that it works
        assert done.poll() is None, (terminal.folder / "tmp" / "cluster.log").read_text()
        return
    refused = example.shown is not None and example.shown.startswith("refused:")
    assert done.returncode == (2 if refused else 0), done.stdout + done.stderr
    if example.shown is not None:
        assert same(example.shown, printed(done.stdout, done.stderr)), printed(done.stdout, done.stderr)


@pytest.mark.parametrize("example", CELLS, ids=lambda e: e.id)
def test_cell_prints_what_is_shown(terminal, example):
    assert same(example.shown or "", terminal.cells[example]), terminal.cells[example]


def test_the_files_are_where_the_page_says(terminal):
    home = terminal.folder / "results" / "queueing"
    assert {"summary.html", "results.csv", "results.parquet"} <= {path.name for path in home.iterdir()}
    for run in home.glob("[0-9a-f]" * 16):
        assert {"notebook.ipynb", "results.json"} <= {path.name for path in run.iterdir()}
    assert (terminal.folder / "wait.png").stat().st_size > 10_000


def test_the_job_for_ci(terminal):
    job = yaml.safe_load(next(example.text for example in EXAMPLES if (example.file or "").startswith(".github/")))
    steps = [step["run"] for step in job["jobs"]["sweep"]["steps"] if "run" in step]
    assert f"\n{steps[0].removeprefix('make ')}:" in (ROOT / "Makefile").read_text() and len(steps) == 3
    for step in steps[1:]:
        done = terminal.run(step)
        assert done.returncode == 0, (step, done.stdout, done.stderr)


def test_links_lead_to_headings():
    headings = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
                for heading in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings


# what the page says about papermill ---------------------------------------------------------------------------------

@pytest.fixture
def papermill(tmp_path):
    """Papermill on a notebook, one cell of which may kill its kernel: its exit code, messages, and what it left."""
    texts = ("rate = 1", "import os, signal\nif rate == 9:\n    os.kill(os.getpid(), signal.SIGKILL)", "print('rate', rate)")
    cells = [nbformat.v4.new_code_cell(text) for text in texts]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "in.ipynb")

    def run(name, value):
        done = subprocess.run([Path(sys.executable).with_name("papermill"), "--no-progress-bar", "in.ipynb", "out.ipynb",
                               "-p", name, value], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stderr, nbformat.read(tmp_path / "out.ipynb", 4)

    return run


def test_papermill_only_warns_of_an_unknown_parameter(papermill):
    code, messages, notebook = papermill("ratte", "2")
    assert code == 0 and "unknown parameter: ratte" in messages
    assert notebook.cells[-1].outputs[0].text == "rate 1\n"


def test_papermill_runs_names_as_code(papermill, tmp_path):
    code, _, _ = papermill("rate = 2\nopen('owned', 'w').close()\nrate", "3")
    assert code == 0 and (tmp_path / "owned").exists()


def test_papermill_calls_cells_of_a_dead_kernel_completed(papermill):
    code, messages, notebook = papermill("rate", "9")
    assert code != 0 and "DeadKernelError" in messages
    assert {cell.metadata.papermill.status for cell in notebook.cells} == {"completed"}
    assert notebook.cells[-1].execution_count is None
