"""Executing a notebook in a kernel of its own, and saying plainly why it failed."""

import copy
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from .files import scratch

__all__ = ["ENVIRONMENT", "Abandoned", "ChapterFailed", "Killed", "Warm", "limits_memory", "execute", "fault", "normalise"]

# A chapter computes on one thread of each numerical library, so that two can run side by side and print the same numbers.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "agg",
    "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",      # of pyarrow: a process with threads cannot be forked
}

_TO_START = 120         # seconds that a kernel may take to start on a busy machine
_TO_END = 30            # seconds that a killed one may take to go
_LOOK = 0.5             # seconds between two looks at `wanted`
_LAST_OUTPUTS = 120     # seconds that a cell's outputs may take to arrive once it is done
_LAST_WORDS = 0.2       # seconds to read what a dead kernel had still sent
_LONGEST_PATH = 60      # bytes of the folder for temporary files: the system takes about 104 with what comes below
_ITS_OWN = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}     # a process's own faults


class ChapterFailed(RuntimeError):
    """A chapter did not run to its end; the message names the cell and the cause."""


class Killed(ChapterFailed):
    """The kernel was killed, by somebody or by the system; another try may succeed."""


class Abandoned(RuntimeError):
    """Nobody wants the notebook any more; its kernel was killed."""


def limits_memory():
    """Whether the memory of a kernel can be limited here: on Linux."""
    return sys.platform == "linux"


class _Process:
    """A process of `bizai.rerun.kernel` and the socket to it."""

    def __init__(self, *chapter):
        self.socket, theirs = socket.socketpair()
        code = "import sys; sys.path = [p for p in sys.path if p]; from bizai.rerun.kernel import main; main()"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, str(theirs.fileno()), str(os.getpid()), *chapter], stdin=subprocess.DEVNULL,
                env=os.environ | ENVIRONMENT, pass_fds=[theirs.fileno()], start_new_session=True)

    def why_not(self):
        """Wait until its imports are done; why it cannot fork, or an empty text."""
        with self.socket.makefile("r", encoding="utf-8") as lines:
            line = lines.readline()
        return json.loads(line)["why_not"] if line else f"its process ended with {_how(self.process.wait())}"

    def fork(self, folder):
        """A new kernel that finds its connection and its request in a folder."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:                # threads may do so at once: the system joins no messages that carry a descriptor
                socket.send_fds(self.socket, [os.fsencode(folder)], [theirs.fileno()])
            except OSError:
                pass            # it is gone: the kernel's socket says so
        return _Kernel(ours)

    def close(self):
        """End it and its kernels."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)      # closing would not do: a fork of this process may hold it too
        except OSError:
            pass            # it was closed, or the process is gone
        self.socket.close()
        try:
            self.process.wait(_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class _Kernel:
    """A kernel seen from outside, through its socket."""

    def __init__(self, channel):
        self.channel, self.text, self.said, self.lost = channel, "", {}, False

    def receive(self):
        """Take in what was told; waits if nothing was."""
        try:
            text = self.channel.recv(4096).decode()
        except ConnectionError:
            text = ""
        self.lost = not text
        *lines, self.text = (self.text + text).split("\n")
        self.said |= dict(line.partition(" ")[::2] for line in lines)

    @property
    def is_ready(self):
        return "ready" in self.said

    @property
    def is_gone(self):
        return self.lost or "exit" in self.said

    def death(self, where, memory):
        """The failure that its end means."""
        code = int(self.said["exit"]) if "exit" in self.said else -signal.SIGKILL
        sentence = f"the kernel died {where}: {_how(code)}"
        if code >= 0 or -code in _ITS_OWN:
            return ChapterFailed(sentence + ("" if code >= 0 and self.is_ready else _limit(memory)))
        return Killed(f"{sentence}; it was killed from outside or ran out of memory")

    def close(self):
        """Kill it, and wait until it is gone."""
        end = time.monotonic() + _TO_END
        self.channel.settimeout(0.1)
        try:
            self.channel.shutdown(socket.SHUT_WR)
            while not self.is_gone and time.monotonic() < end:
                try:
                    self.receive()
                except TimeoutError:
                    pass
        except OSError:
            pass
        self.channel.close()
        if "exit" not in self.said and "pid" in self.said:     # who was to do it is gone
            try:
                os.killpg(int(self.said["pid"]), signal.SIGKILL)
            except OSError:
                pass


def _limit(memory):
    """Words that remind of a limit."""
    return f" (the limit is {memory:g} GiB, --memory)" if memory else ""


def _how(code):
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    names = {known.value: known.name for known in signal.Signals}       # real-time signals have none
    return f"signal {-code} ({names.get(-code, 'real-time')})"


class Warm:
    """A process with a chapter's imports done, from which kernels are forked.

    Parameters
    ----------
    chapter : Chapter
        Its library is imported as it is now.

    Attributes
    ----------
    why_not : str
        Why runs of this chapter cannot be forked and get fresh kernels; empty if they are forked.
    pid : int
        Process id.
    """

    def __init__(self, chapter):
        before = chapter.hashes()["library"]
        self._server = _Process(chapter.name)
        self.pid = self._server.process.pid
        try:
            self.why_not = self._server.why_not()
            if chapter.hashes()["library"] != before:
                self.why_not = "its library changed while it was imported"
            if self.why_not:
                self.close()
        except BaseException:           # interrupted during the imports, before it has forked anything
            self._server.process.kill()
            self.close()
            raise

    @staticmethod
    def is_possible():
        """Whether kernels can be forked here: on Linux. The system libraries of macOS do not survive a fork."""
        return sys.platform == "linux"

    @property
    def is_alive(self):
        """Whether it can serve: False once the process that forks was killed."""
        return bool(self.why_not) or self._server.process.poll() is None

    def close(self):
        """End the process and its kernels."""
        self._server.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@contextmanager
def _folder():
    """A folder for the kernel's sockets, whose paths may not be long."""
    deep = len(os.fsencode(tempfile.gettempdir())) > _LONGEST_PATH
    with scratch("/tmp" if deep else None) as folder:
        yield str(folder)


@contextmanager
def _kernel(folder, cwd, memory, warm):
    """A kernel, forked or fresh; it and what it started are gone afterwards, unless that began a session of its own."""
    environment = os.environ | ENVIRONMENT | {"IPYTHONDIR": folder}     # nobody's own settings and start-up files
    request = {"cwd": str(Path(cwd).absolute()), "env": environment, "memory": memory}
    Path(folder, "request.json").write_text(json.dumps(request), encoding="utf-8")
    forked = warm is not None and not warm.why_not
    with nullcontext(warm._server) if forked else closing(_Process()) as server:
        if not forked and (cause := server.why_not()):
            raise (Killed if server.process.returncode < 0 else ChapterFailed)(f"no kernel could be started: {cause}")
        with closing(server.fork(folder)) as kernel:
            yield kernel


def execute(notebook, *, cwd, progress=None, timeout=None, memory=None, warm=None, wanted=None):
    """Run every code cell of a notebook, in place, in a kernel of its own.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        Its outputs are replaced.
    cwd : Path
        Working directory of the kernel.
    progress : callable, optional
        Called without arguments after each code cell.
    timeout : float, optional
        Seconds that all cells together may take.
    memory : float, optional
        GiB that the kernel may allocate, and each process that it starts. Only where `limits_memory`.
    warm : Warm, optional
        Forks the kernel; without it, and where it cannot fork, the kernel is a fresh process.
    wanted : callable, optional
        Asked about twice a second; the kernel is killed when it returns False.

    Raises
    ------
    ChapterFailed
        If a cell raises, takes too long, or the kernel dies.
    Killed
        If the kernel was killed by somebody else or by the system.
    Abandoned
        If the notebook is no longer wanted.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    with _folder() as folder:
        info = _connection(folder)
        with _kernel(folder, cwd, memory, warm) as kernel:
            _complete(_Execution(notebook, kernel, info, progress, timeout, memory, wanted).run)
    if cause := fault(notebook):
        raise ChapterFailed(cause)


def _connection(folder):
    """Write Jupyter's connection file: sockets in the folder, as a free port may be taken before the kernel has bound it."""
    from jupyter_client.connect import write_connection_file

    _, info = write_connection_file(os.path.join(folder, "kernel.json"), ip=os.path.join(folder, "s"), transport="ipc",
                                    key=os.urandom(16).hex().encode())
    return info


def _complete(function):
    """Run a coroutine function to its end, also where an event loop is running already."""
    import asyncio

    def complete():
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(function())

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return complete()
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(complete).result()
    finally:
        pool.shutdown(wait=False)


def _client(info):
    """A client of a kernel that has bound its sockets, with the two channels that are needed."""
    from jupyter_client.asynchronous import AsyncKernelClient

    class Client(AsyncKernelClient):
        async def is_alive(self):
            return True         # its end is told by another way

    client = Client()
    client.load_connection_info(info)
    client.start_channels(stdin=False, hb=False, control=False)
    return client


class _Execution:
    """One execution of a notebook."""

    def __init__(self, notebook, kernel, info, progress, timeout, memory, wanted):
        self.notebook, self.kernel, self.info, self.progress = notebook, kernel, info, progress
        self.timeout, self.memory, self.wanted = timeout, memory, wanted
        self.cell, self.end = None, float("inf")

    @property
    def where(self):
        return f"in cell {self.cell.id}" if self.cell else "before the first cell"

    async def run(self):
        """Run the cells and watch the kernel meanwhile."""
        import asyncio

        loop = asyncio.get_running_loop()
        self.ready, gone = loop.create_future(), loop.create_future()

        def listen():
            self.kernel.receive()
            if self.kernel.is_ready and not self.ready.done():
                self.ready.set_result(None)
            if self.kernel.is_gone and not gone.done():
                gone.set_result(None)
                loop.remove_reader(self.kernel.channel)

        loop.add_reader(self.kernel.channel, listen)
        cells = loop.create_task(self._cells())
        self.end = time.monotonic() + _TO_START
        try:
            while not cells.done():
                pause = max(0, min(_LOOK, self.end - time.monotonic()))
                await asyncio.wait({cells, gone}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                if self.kernel.is_gone:         # told here, or to the thread that waits for this one and was interrupted
                    await asyncio.wait({cells}, timeout=_LAST_WORDS)
                    if not cells.done():
                        raise self.kernel.death(self.where, self.memory)
                elif not cells.done():
                    self._check()
            cells.result()
        finally:
            loop.remove_reader(self.kernel.channel)
            cells.cancel()
            await asyncio.gather(cells, return_exceptions=True)

    def _check(self):
        """Whether to go on."""
        if time.monotonic() >= self.end:
            if self.cell is None:
                raise ChapterFailed(f"the kernel did not start within {_TO_START} s")
            raise ChapterFailed(f"cell {self.cell.id} was still running after {self.timeout:g} s, "
                                "the limit for a run (--timeout)")
        if self.wanted and not self.wanted():
            raise Abandoned("nobody wants this run any more")

    async def _cells(self):
        """Run one cell after the other."""
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError

        await self.ready
        client = NotebookClient(self.notebook, timeout=None, record_timing=False, iopub_timeout=_LAST_OUTPUTS,
                                raise_on_iopub_timeout=True)
        client.kc = _client(self.info)
        try:
            while (await client.kc.get_iopub_msg())["msg_type"] != "iopub_welcome":     # outputs arrive from now on
                pass
            self.end = time.monotonic() + (self.timeout or float("inf"))
            for number, cell in enumerate(self.notebook.cells):
                if cell.cell_type == "code":
                    self.cell = cell
                    await client.async_execute_cell(cell, number)
                    if self.progress:
                        self.progress()
        except CellExecutionError as error:
            limit = _limit(self.memory) if error.ename == "MemoryError" else ""
            raise ChapterFailed(f"cell {self.cell.id} raised {error.ename}: {error.evalue}{limit}") from None
        except CellTimeoutError:
            raise ChapterFailed(f"the outputs of cell {self.cell.id} did not arrive{_limit(self.memory)}") from None
        finally:
            client.kc.context.destroy(linger=0)


def fault(notebook):
    """Why a notebook does not count as executed, or None."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        if cell.get("execution_count") is None and "".join(cell["source"]).strip():
            return f"cell {cell['id']} was never executed"
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return f"cell {cell['id']} raised {output['ename']}: {output['evalue']}"
    return None


def normalise(notebook):
    """A copy fit to be committed: no timings, no machine's details, one kernel name."""
    clean = copy.deepcopy(notebook)
    clean.metadata = type(clean.metadata)(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python"})
    for cell in clean.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = re.sub(r"0x[0-9a-f]{6,}", "0x...", output.text)
    return clean
