"""The process that forks kernels, one for each notebook, with a chapter's imports done where that is asked for.

`bizai.rerun.execute` starts it and talks to it over a Unix socket. It ends with all its kernels when the other end of that
socket closes, as it does when the process there is killed; on Linux its kernels end when it is killed itself. It has one
thread, so it can fork at any time.

A request is the name of a folder with ``kernel.json`` (Jupyter's connection file) and ``request.json`` in it, together with
a socket. The process tells on that socket: ``pid N``, ``ready`` when the kernel has bound its sockets, and ``exit N`` (as of
`subprocess`) when it has ended. It kills the kernel when the other end closes.
"""

import ast
import importlib
import importlib.util
import io
import json
import os
import selectors
import shutil
import signal
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

__all__ = ["main", "imports", "preload"]

_PATIENCE = 1.0         # seconds between two looks at whether the process that started this one is still there
_LIMITS_FREE = 64       # MiB that a kernel may take beyond its limit in order to tell that it was reached

# Libraries that start threads when they are imported, or keep a state that does not survive a fork.
_NOT_BEFORE_A_FORK = {"tensorflow", "keras", "torch", "jax", "numba", "dask", "distributed", "ray"}
_EVERY_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger")
_EVERY_CHAPTER = ("matplotlib.pyplot", "matplotlib_inline.backend_inline")


def imports(code, package=""):
    """What a piece of Python imports, anywhere in it: pairs of a module and a name in it, which may be a module too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(module, package) if node.level else module
            yield from ((module, alias.name) for alias in node.names)


def _import(module, name=None):
    """Import what can be imported; what cannot will fail in the chapter's cell, or is never reached there."""
    if module.split(".")[0] in _NOT_BEFORE_A_FORK or module == "__future__":
        return
    try:
        found = importlib.import_module(module)
        if name and name != "*" and not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
    except Exception:
        pass


def preload(name):
    """Import what a chapter and the library's files that it uses import."""
    from bizai.chapter.data import project_root

    from .chapters import Chapter, _library

    chapter, inputs = Chapter(name), f"bizai.chapter.inputs.{name}"
    for module in _EVERY_CHAPTER:
        _import(module)
    for module, part in imports(chapter.code):
        _import(module, part)
    _import(inputs)
    for path in _library(f"{chapter.code}\nimport {inputs}"):
        package = ".".join(path.parent.relative_to(project_root() / "lib").parts)
        for module, part in imports(path.read_text(encoding="utf-8"), package):
            _import(module, part)


class _Standard(io.TextIOBase):
    """Stands for standard output or error during imports: what keeps it writes to the kernel's own afterwards."""

    encoding = "utf-8"

    def __init__(self, name):
        self.stream, self.text = name, ""

    def write(self, text):
        if getattr(sys, self.stream) is not self:
            return getattr(sys, self.stream).write(text)
        self.text += text
        return len(text)

    def flush(self):
        if getattr(sys, self.stream) is not self:
            getattr(sys, self.stream).flush()


def _fill_caches():
    """Do once what is slow for the first time only, and leaves nothing behind that a cell can see."""
    from bizai.chapter.verdicts import ledger
    from matplotlib.figure import Figure

    ledger()                                # read again by a fork where its files have changed
    axes = Figure(layout="constrained").add_subplot(xlabel="a", title="$a_1$")
    axes.plot([1, 2], [1, 10], label="b")
    axes.legend()
    axes.figure.savefig(io.BytesIO(), format="svg")


def _why_not_forked():
    """Why this process cannot fork kernels that behave like fresh ones; an empty text if it can."""
    if loaded := sorted(_NOT_BEFORE_A_FORK & set(sys.modules)):
        return f"its imports load {', '.join(loaded)}, which does not survive a fork"
    threads = len(os.listdir("/proc/self/task"))
    return f"its imports start {threads - 1} threads, which do not survive a fork" if threads > 1 else ""


def _warmed_up(name):
    """Preload a chapter's imports; why kernels cannot be forked then, an empty text if they can."""
    from bizai.chapter.parameters import shorten

    for module in _EVERY_KERNEL:
        _import(module)
    with redirect_stdout(_Standard("stdout")) as out, redirect_stderr(_Standard("stderr")) as errors:
        preload(name)
        _fill_caches()
    if text := (out.text + errors.text).strip():
        return f"its imports print {shorten(text, 200)}, which each run has to show"
    return _why_not_forked()


def _die_with(parent):
    """Have the system kill this process when its parent ends."""
    if sys.platform != "linux":
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, signal.SIGKILL)           # PR_SET_PDEATHSIG
    libc.prctl(15, b"bizai-kernel")         # PR_SET_NAME: what ps and top show
    if os.getppid() != parent:
        os._exit(1)


def _limit(gigabytes):
    """Let this process and its children allocate no more, and be what the system kills where memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        pass
    if gigabytes:
        import resource

        most = int(gigabytes * 2**30)
        wanted = (most, most + _LIMITS_FREE * 2**20)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA,
                           wanted if hard == resource.RLIM_INFINITY else tuple(min(hard, w) for w in wanted))


def _reseed():
    """Give a fork its own random numbers, as a fresh process has them; `random` sees to itself."""
    for name in ("numpy.random", "sympy.core.random"):
        if name in sys.modules:
            sys.modules[name].seed()


def _application(tell):
    """ipykernel's application, which tells when its sockets are bound."""
    from ipykernel.kernelapp import IPKernelApp

    class Application(IPKernelApp):
        def init_iopub(self, context):
            context.sndhwm = 0          # outputs wait for a slow reader instead of being dropped
            super().init_iopub(context)

        def init_sockets(self):
            super().init_sockets()
            tell("ready")

    return Application


def _raise_limit(shell, kind, error, trace, tb_offset=None):
    """Show a MemoryError with memory to show it in."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _run(folder, tell):
    """Be a kernel until killed."""
    request = json.loads(Path(folder, "request.json").read_text(encoding="utf-8"))
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    _limit(request["memory"])
    _reseed()
    sys.argv = ["ipykernel_launcher.py", "-f", os.path.join(folder, "kernel.json")]
    application = _application(tell).instance(parent_handle=os.getppid())
    application.initialize(sys.argv[1:] + ["--log-level=ERROR", "--HistoryManager.enabled=False"])
    if request["memory"]:
        application.shell.set_custom_exc((MemoryError,), _raise_limit)
    application.start()


class _Server:
    """Forks kernels and looks after them."""

    def __init__(self, owner, parent):
        self.owner, self.parent = owner, parent
        self.kernels = {}           # process id to (socket, folder)
        self.selector = selectors.DefaultSelector()
        self.children, wake = socket.socketpair()
        self.children.setblocking(False)
        wake.setblocking(False)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.wake = wake
        self.selector.register(owner, selectors.EVENT_READ)
        self.selector.register(self.children, selectors.EVENT_READ)

    def serve(self):
        """Serve requests until the owner is gone."""
        while os.getppid() == self.parent:
            for key, _ in self.selector.select(_PATIENCE):
                if key.fileobj is self.owner:
                    folder, sockets, _, _ = socket.recv_fds(self.owner, 4096, 1)
                    if not folder:
                        return
                    self._fork(os.fsdecode(folder), socket.socket(fileno=sockets[0]))
                elif key.fileobj is self.children:
                    self.children.recv(4096)
                    self._reap()
                elif key.data in self.kernels:  # it may have ended at the same moment
                    self._kill(key.data)        # nobody writes to a kernel's socket: its other end was closed

    def close(self):
        """Kill every kernel and wait for their ends."""
        for pid in list(self.kernels):
            self._kill(pid)
        while self.kernels:
            self._reap(0)

    def _fork(self, folder, channel):
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._child(parent, folder, channel)
        self.kernels[pid] = channel, folder
        self.selector.register(channel, selectors.EVENT_READ, pid)
        _tell(channel, f"pid {pid}")

    def _child(self, parent, folder, channel):
        """The forked process: leave the server behind and become a kernel."""
        code = 1
        try:
            os.setsid()
            _die_with(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.selector.close()
            for inherited in [self.owner, self.children, self.wake] + [c for c, _ in self.kernels.values()]:
                inherited.close()
            _run(folder, lambda word: _tell(channel, word))
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)

    def _kill(self, pid):
        """Kill a kernel and what it started."""
        os.kill(pid, signal.SIGKILL)        # it may not have its own group yet
        _kill_group(pid)
        channel, _ = self.kernels[pid]
        if channel in self.selector.get_map():
            self.selector.unregister(channel)

    def _reap(self, options=os.WNOHANG):
        """See which kernels have ended; end what they left behind, and tell."""
        for pid in list(self.kernels):
            done, status = os.waitpid(pid, options)
            if not done:
                continue
            _kill_group(pid)
            channel, folder = self.kernels.pop(pid)
            if channel in self.selector.get_map():
                self.selector.unregister(channel)
            shutil.rmtree(folder, ignore_errors=True)
            _tell(channel, f"exit {os.waitstatus_to_exitcode(status)}")
            channel.close()


def _kill_group(pid):
    """Kill the processes of a group, if there are any."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass


def _tell(channel, words):
    """Tell the other end, if it is there."""
    try:
        channel.sendall(f"{words}\n".encode())
    except OSError:
        pass


def main():
    """Serve the socket whose number is given, for the process whose id is given, with a chapter's imports or none."""
    number, parent, *chapter = sys.argv[1:]
    owner = socket.socket(fileno=int(number))
    why_not = _warmed_up(*chapter) if chapter else ""
    _tell(owner, json.dumps({"why_not": why_not}))
    if chapter:
        import gc

        gc.collect()
        gc.freeze()         # a fork's garbage collection leaves these pages shared
    server = _Server(owner, int(parent))
    try:
        server.serve()
    finally:
        server.close()
