"""Kernels, fresh and forked: the same outputs, every kind of death, every limit, and no process left behind."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import nbformat
import psutil
import pytest

from bizai.rerun.chapters import Chapter, payloads
from bizai.rerun.execute import Abandoned, ChapterFailed, Killed, Warm, _Process, execute, limits_memory, normalise

ROOT = Path(__file__).parents[2]
MARK = f"BIZAI_TEST_{uuid.uuid4().hex}"
C_LOOP = "import itertools\nsum(itertools.repeat(1))"       # never gives up the interpreter's lock

forking = pytest.mark.skipif(not Warm.is_possible(), reason="kernels are forked on Linux only")
limiting = pytest.mark.skipif(not limits_memory(), reason="memory is limited on Linux only")


def notebook(*cells):
    """A notebook of code cells."""
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id=f"c{n}") for n, text in enumerate(cells)])


def marked():
    """Processes that descend from these tests, told by their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and MARK in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            pass
    return found


def await_true(condition, patience=60):
    """Wait until a condition holds."""
    end = time.time() + patience
    while not (found := condition()):
        assert time.time() < end, f"waited {patience} s for it"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module", autouse=True)
def mark():
    """Mark everything that is started here."""
    os.environ[MARK] = "1"
    yield
    del os.environ[MARK]


@pytest.fixture(scope="module")
def warm():
    """A warm process, of the chapter npv_irr."""
    if not Warm.is_possible():
        yield None
        return
    with Warm(Chapter("npv_irr")) as process:
        assert process.why_not == ""
        yield process
    assert await_true(lambda: not marked(), 10)


@pytest.fixture(params=["fresh", pytest.param("forked", marks=forking)])
def start(request, tmp_path, monkeypatch):
    """Executes a notebook of the given cells, in either kind of kernel; nothing may be left of it."""
    forks = request.getfixturevalue("warm") if request.param == "forked" else None
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    before = {p.pid for p in marked()}

    def start(*cells, **limits):
        made = notebook(*cells)
        execute(made, cwd=tmp_path, **{"warm": forks} | limits)
        return made

    start.warm, start.folder, start.before = forks, tmp_path, before
    yield start
    assert not [p for p in marked() if p.pid not in before]
    assert list((tmp_path / "tmp").iterdir()) == []


def text(cell):
    """What a cell printed."""
    return "".join(output["text"] for output in cell.outputs if output.output_type == "stream")


def in_background(function, *arguments, **named):
    """Run a function in a thread; returns the thread and the list that will hold its exception."""
    errors = []

    def run():
        try:
            function(*arguments, **named)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, errors


def test_outputs_of_every_kind_in_order(start):
    done = start("import sys\nprint('one')\nprint('two', file=sys.stderr)\ndisplay({'a': 1})\nprint('three')\n4",
                 "x = 5\n_ = 6", "print(x, In[1][:6], Out[1])")
    kinds = [(o.output_type, o.get("name"), o.get("text") or o["data"]["text/plain"]) for o in done.cells[0].outputs]
    assert [k for k in kinds if k[1] != "stderr"] == [
        ("stream", "stdout", "one\n"), ("display_data", None, "{'a': 1}"), ("stream", "stdout", "three\n"),
        ("execute_result", None, "4")]
    assert ("stream", "stderr", "two\n") in kinds
    assert done.cells[1].outputs == [] and text(done.cells[2]) == "5 import 4\n"
    assert [cell.execution_count for cell in done.cells] == [1, 2, 3]


def test_nothing_is_lost_of_much_output(start):
    done = start("for i in range(50_000):\n    print(f'{i:099}')", "for i in range(5_000):\n    display(i)")
    assert text(done.cells[0]) == "".join(f"{i:099}\n" for i in range(50_000))
    assert [output["data"]["text/plain"] for output in done.cells[1].outputs] == [str(i) for i in range(5_000)]


@pytest.mark.parametrize("name", ["npv_irr", "queueing"])
@forking
def test_a_fork_prints_and_records_what_a_fresh_kernel_does(name, tmp_path):
    original = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    with Warm(Chapter(name)) as forks:
        assert forks.why_not == ""
        done = []
        for warm in (None, forks):
            done.append(nbformat.from_dict(original))
            execute(done[-1], cwd=tmp_path, warm=warm)
    fresh, forked = map(normalise, done)
    assert payloads(forked, "record") and payloads(forked, "record") == payloads(fresh, "record")
    assert [text(cell) for cell in forked.cells if cell.cell_type == "code"] == [
        text(cell) for cell in fresh.cells if cell.cell_type == "code"]


def test_a_kernel_sees_what_a_fresh_one_sees(start):
    (start.folder / "beside.py").write_text("here = 'imported from the working directory'")
    done = start("import os, sys, beside\nprint(beside.here)\nprint(os.getcwd())\nprint(sys.path.count(''))",
                 "print(__name__, get_ipython().__class__.__name__, sys.flags.safe_path, os.environ['MPLBACKEND'])",
                 "import matplotlib, threading\nprint(matplotlib.get_backend(), matplotlib.rcParams['figure.dpi'])",
                 "import matplotlib.pyplot as plt\nprint(plt.get_fignums(), os.getsid(0) == os.getpid())",
                 "import logging\nprint(logging.getLogger().handlers, sys.stdin is None)")
    assert text(done.cells[0]) == f"imported from the working directory\n{start.folder}\n1\n"
    assert text(done.cells[1]) == "__main__ ZMQInteractiveShell False agg\n"
    assert text(done.cells[2]) == "agg 100.0\n" and text(done.cells[3]) == "[] True\n"
    assert text(done.cells[4]) == "[] False\n"


@forking
def test_forks_do_not_share_random_numbers(warm, tmp_path):
    code = ("import random, tempfile, uuid\nimport numpy as np\n"
            "print(random.random(), np.random.rand(), np.random.default_rng().random(), uuid.uuid4(), tempfile.mkdtemp())")
    printed = []
    for _ in range(2):
        done = notebook(code, "np.random.seed(1); random.seed(1); print(random.random(), np.random.rand())")
        execute(done, cwd=tmp_path, warm=warm)
        printed.append([text(cell) for cell in done.cells])
    assert all(one != two for one, two in zip(printed[0][0].split(), printed[1][0].split(), strict=True))
    assert printed[0][1] == printed[1][1]


@forking
def test_a_warning_is_shown_in_each_fork(warm, tmp_path):
    for _ in range(2):
        done = notebook("import numpy as np\nnp.log(np.zeros(1))", "import warnings\nwarnings.warn('once')")
        execute(done, cwd=tmp_path, warm=warm)
        assert "divide by zero" in text(done.cells[0]) and "UserWarning: once" in text(done.cells[1])


@pytest.mark.parametrize("code, kind, cause", [
    ("1/0", ChapterFailed, "cell c1 raised ZeroDivisionError: division by zero"),
    ("import sys; sys.exit(0)", ChapterFailed, "cell c1 raised SystemExit: 0"),
    ("import os; os._exit(3)", ChapterFailed, "the kernel died in cell c1: exit code 3"),
    ("import os; os._exit(0)", ChapterFailed, "the kernel died in cell c1: exit code 0"),
    ("import os; os.kill(os.getpid(), 11)", ChapterFailed, "the kernel died in cell c1: signal 11 (SIGSEGV)"),
    ("import ctypes; ctypes.string_at(0)", ChapterFailed, "the kernel died in cell c1: signal 11 (SIGSEGV)"),
    ("import os; os.abort()", ChapterFailed, "the kernel died in cell c1: signal 6 (SIGABRT)"),
    ("import os; os.kill(os.getpid(), 9)", Killed, "signal 9 (SIGKILL); it was killed from outside or ran out of memory"),
    ("import os; os.kill(os.getpid(), 15)", Killed, "the kernel died in cell c1: signal 15 (SIGTERM)"),
    pytest.param("import os; os.kill(os.getpid(), 35)", Killed, "signal 35 (real-time)", marks=forking),
])
def test_ends_of_its_own(start, code, kind, cause):
    with pytest.raises(ChapterFailed) as error:
        start("x = 1", code, "y = 2")
    assert type(error.value) is kind and cause in str(error.value)


def test_what_was_printed_before_an_end_is_kept(start):
    done = notebook("print('before')", "print('still', flush=True)\nimport os, time\ntime.sleep(0.5)\nos._exit(1)")
    with pytest.raises(ChapterFailed):
        execute(done, cwd=start.folder, warm=start.warm)
    assert [text(cell) for cell in done.cells] == ["before\n", "still\n"]


def sleeping(start, code="import time; time.sleep(100)", **limits):
    """A thread that executes a cell which sleeps; the thread, its errors, and the kernel's process."""
    note = "import os\nopen('part', 'w').write(str(os.getpid()))\nos.rename('part', 'pid')"
    thread, errors = in_background(start, f"{note}\n{code}", **limits)
    pid = await_true(lambda: (file := start.folder / "pid").exists() and file.read_text())
    return thread, errors, psutil.Process(int(pid))


def test_killed_kernel(start):
    thread, errors, kernel = sleeping(start)
    kernel.kill()
    thread.join(20)
    assert type(errors[0]) is Killed and "signal 9" in str(errors[0])


@forking
def test_killed_warm_process(tmp_path):
    before = {p.pid for p in marked()}
    with Warm(Chapter("npv_irr")) as forks:
        thread, errors = in_background(execute, notebook(f"open('x', 'w')\n{C_LOOP}"), cwd=tmp_path, warm=forks)
        await_true((tmp_path / "x").exists)
        assert forks.is_alive
        os.kill(forks.pid, signal.SIGKILL)
        thread.join(20)
        assert type(errors[0]) is Killed and not forks.is_alive
        with pytest.raises(Killed):
            execute(notebook("1"), cwd=tmp_path, warm=forks)
    await_true(lambda: not [p for p in marked() if p.pid not in before], 10)


@pytest.mark.parametrize("kind", ["fresh", pytest.param("forked", marks=forking)])
def test_killed_runner_takes_its_kernels_along(kind, tmp_path):
    before = {p.pid for p in marked()}
    (tmp_path / "tmp").mkdir()
    warm = "Warm(Chapter('npv_irr'))" if kind == "forked" else "None"
    cell = f"open('x', 'w')\n{C_LOOP}"
    code = ("from bizai.rerun.execute import *; from bizai.rerun.chapters import Chapter; import nbformat\n"
            f"cell = nbformat.v4.new_code_cell({cell!r})\n"
            f"execute(nbformat.v4.new_notebook(cells=[cell]), cwd={str(tmp_path)!r}, warm={warm})")
    runner = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"TMPDIR": str(tmp_path / "tmp")})
    await_true((tmp_path / "x").exists)
    assert len([p for p in marked() if p.pid not in before]) == 3       # it, the process that forks, and the kernel
    runner.kill()
    runner.wait()
    await_true(lambda: not [p for p in marked() if p.pid not in before], 10)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("code", ["while True: pass", C_LOOP, "import time; time.sleep(100)",
                                  "while True: print('x' * 1000)"])
def test_endless_cell(start, code):
    with pytest.raises(ChapterFailed, match=r"^cell c1 was still running after 1.5 s, the limit for a run \(--timeout\)$"):
        start("x = 1", code, timeout=1.5)


def test_the_limit_is_for_all_cells_together(start):
    with pytest.raises(ChapterFailed, match="still running after 1 s"):
        start(*["import time; time.sleep(0.3)"] * 20, timeout=1)
    start("x = 1", timeout=60)


@limiting
@pytest.mark.parametrize("code", [
    "x = bytearray(2 << 30)", "import numpy as np\nnp.ones(300_000_000)",
    "x = []\nwhile True:\n    x.append(bytearray(1000))", "x = 'x' * 10**6\nwhile True:\n    x += x"])
def test_out_of_memory(start, code):
    with pytest.raises(ChapterFailed, match=r"(?s)^cell c1 raised MemoryError: .*\(the limit is 1 GiB, --memory\)$"):
        start("x = 1", code, memory=1)


@limiting
def test_memory_is_limited_for_its_children_and_only_with_a_limit(start):
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    child = ("import subprocess, sys\n"
             f"print(subprocess.run([sys.executable, '-c', {code!r}], capture_output=True).stdout)")
    done = start(code, child, "print(open('/proc/self/oom_score_adj').read())", memory=1.5)
    assert text(done.cells[0]) == f"{3 << 29}\n" and str(3 << 29) in text(done.cells[1])
    assert text(done.cells[2]).strip() == "1000"
    assert text(start(code).cells[0]) == "-1\n"


def test_what_a_cell_started_is_ended(start):
    start("import subprocess\np = subprocess.Popen(['sleep', '1000'])\nassert p.poll() is None")
    with pytest.raises(ChapterFailed):
        start("import os, subprocess\nsubprocess.Popen(['sleep', '1000'])\nos._exit(1)")
    with pytest.raises(ChapterFailed):
        start("import os, time\nif os.fork() == 0:\n    time.sleep(1000)\nos._exit(1)")
    await_true(lambda: not [p for p in marked() if p.pid not in start.before], 10)


def test_not_wanted(start):
    looks = []
    with pytest.raises(Abandoned):
        start("import time; time.sleep(100)", wanted=lambda: looks.append(1) or len(looks) < 3)
    assert len(looks) == 3
    start("x = 1", wanted=lambda: True)


def test_interrupt(start):
    def interrupt():
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        start("import time; time.sleep(100)", wanted=interrupt)
    with pytest.raises(SystemExit):
        start("x = 1", "import time; time.sleep(100)", progress=sys.exit)


def test_where_an_event_loop_runs(start):
    async def main():
        return start("print(1)")
    assert text(asyncio.run(main()).cells[0]) == "1\n"


def test_interrupt_where_an_event_loop_runs(start):
    """As by a notebook's stop button: no thread goes on waiting for a kernel that is gone."""
    before = threading.active_count()

    def interrupt():
        await_true((start.folder / "x").exists)
        os.kill(os.getpid(), signal.SIGINT)

    async def main():
        signal.signal(signal.SIGINT, signal.default_int_handler)        # ipykernel's, while a cell is executed
        thread = in_background(interrupt)[0]
        try:
            start("open('x', 'w')\nimport time\ntime.sleep(100)")
        finally:
            thread.join()

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    await_true(lambda: threading.active_count() == before, 10)


def test_a_fork_of_the_runner_does_not_keep_its_process(tmp_path):
    server = _Process()
    sleeper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(1000,))
    sleeper.start()             # it holds copies of the sockets
    try:
        server.close()
        assert server.process.returncode == 0       # ended by itself, not killed after a time limit
    finally:
        sleeper.kill()
        sleeper.join()


@forking
def test_a_folder_that_is_gone_ends_its_kernel_only(warm, tmp_path):
    kernel = warm._server.fork(tmp_path / "gone")
    kernel.close()
    assert "exit" in kernel.said and warm.is_alive
    execute(notebook("1"), cwd=tmp_path, warm=warm)


def test_a_kernel_that_ends_while_it_is_given_up():
    code = """
import os, socket
from bizai.rerun.kernel import _Server
(owner, ours), (theirs, client) = socket.socketpair(), socket.socketpair()
server = _Server(owner, os.getppid())
if (pid := os.fork()) == 0:
    os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)       # it has ended, and both are told at once
server.kernels[pid] = theirs, "no folder"
server.selector.register(theirs, 1, pid)
client.shutdown(socket.SHUT_WR)
ours.close()
order, select = [server.children, theirs, owner], server.selector.select
server.selector.select = lambda patience: sorted(select(patience), key=lambda event: order.index(event[0].fileobj))
server.serve()
print(client.recv(100))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "b'exit 0\\n'\n", done.stderr


def test_nobody_has_settings_of_their_own(start, monkeypatch):
    profile = start.folder / "home" / "profile_default"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "own.py").write_text("leaked = 1")
    (profile / "ipython_kernel_config.py").write_text("get_config().InteractiveShell.ast_node_interactivity = 'all'")
    monkeypatch.setenv("IPYTHONDIR", str(profile.parent))
    done = start("print('leaked' in globals())\n1\n2")
    assert text(done.cells[0]) == "False\n" and len(done.cells[0].outputs) == 2
    monkeypatch.delenv("IPYTHONDIR")
    monkeypatch.setenv("HOME", "/dev/null")         # `start` sees that no folder is left in its place
    assert text(start("print(1)").cells[0]) == "1\n"


def test_a_deep_folder_for_temporary_files(start, tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert text(start("print(1)").cells[0]) == "1\n" and list(deep.iterdir()) == []


@forking
def test_forks_at_the_same_time(warm, tmp_path):
    made = [notebook(f"x = {n}\nimport time; time.sleep(0.2)\nprint(x)") for n in range(6)]
    threads = [in_background(execute, one, cwd=tmp_path, warm=warm) for one in made]
    for thread, errors in threads:
        thread.join(60)
        assert errors == []
    assert [text(one.cells[0]) for one in made] == [f"{n}\n" for n in range(6)]


@pytest.fixture
def odd(book, tmp_path):
    """Executes cells with a library of the given code, which the chapter's own library imports in a function."""
    path = book.root / "lib" / "bizai" / "finance.py"
    before = path.read_text()
    path.write_text(f"{before}\n\ndef odd():\n    import odd\n")

    def odd(code, *cells):
        (book.root / "lib" / "odd.py").write_text(code)
        return book.python(
            "from bizai.rerun.execute import *; from bizai.rerun.chapters import Chapter; import nbformat\n"
            f"cells = [nbformat.v4.new_code_cell(c, id='c') for c in {cells!r}]\n"
            "notebook = nbformat.v4.new_notebook(cells=cells)\n"
            "with Warm(Chapter('second')) as warm:\n"
            "    print(warm.why_not, warm.is_alive)\n"
            f"    execute(notebook, cwd={str(tmp_path)!r}, warm=warm)\n"
            "print(*(o.get('text') for c in notebook.cells for o in c.outputs))")

    yield odd
    path.write_text(before)


@forking
@pytest.mark.parametrize("code, why", [
    ("import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()", "start 1 threads"),
    ("import warnings\nwarnings.warn('odd')", "its imports print"),
    ("print('odd')", "its imports print 'odd', which each run has to show"),
    ("import os\nif 'odd' not in os.environ: os._exit(7)", "its process ended with exit code 7"),
])
def test_what_cannot_be_forked_runs_fresh(odd, code, why):
    first, *printed = odd(code, "import os; os.environ['odd'] = '1'", "import odd; print('it ran')").splitlines()
    assert why in first and first.endswith("True") and "it ran" in printed


@forking
def test_what_keeps_standard_output_prints_into_its_cell(odd):
    code = ("import logging, sys\nlogging.getLogger().addHandler(logging.StreamHandler())\n"
            "def f(out=sys.stdout): out.write('kept')")
    printed = odd(code, "import odd, sys; print('odd' in sys.modules)", "odd.f()", "odd.logging.warning('logged')")
    assert printed == " True\nTrue\n kept logged\n\n"


def test_lean():
    heavy = {"numpy", "pandas", "nbclient", "nbformat", "jupyter_client", "zmq", "IPython", "asyncio"}
    code = f"import sys, bizai.rerun.execute, bizai.rerun.kernel\nprint({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
