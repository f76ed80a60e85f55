"""Many runs of a chapter at once, on this machine's cores or on a dask cluster: none lost, none wrong."""

import os
import queue
import re
import threading
import time
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from bizai.chapter.parameters import Refused, shorten

from .chapters import find
from .cluster import ClusterFailed, local_cluster
from .execute import Warm, limits_memory
from .results import Results
from .files import replace
from .runner import add_report, home, finished, keep
from .scenarios import check, notice, read
from .summary import ranked, ranking, summary
from .work import different, failure, versions, work

__all__ = ["Progress", "SweepStopped", "sweep"]

_TICK = 0.5             # seconds between two looks at the cluster and the clock
_ANSWER = 10            # seconds in which a scheduler has to answer
_TO_LEAVE = 3           # seconds in which it has to let us go
_PATIENCE = 60          # seconds without any worker after which a sweep stops
_LEAST_MEMORY = 0.5     # GiB
_IDLE = 30              # seconds after which a worker ends the warm processes that nobody uses


class SweepStopped(RuntimeError):
    """A sweep could not go on; what was finished is kept, and the same command goes on from there."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep has come.

    Attributes
    ----------
    total, done, failed : int
        Runs asked for, finished (those of earlier sweeps too) and failed.
    fresh : int
        Runs that this sweep has brought to an end.
    seconds : float
        Time since it began.
    """

    total: int
    done: int
    failed: int
    fresh: int
    seconds: float

    @property
    def rate(self):
        """Runs per second; 0 before the first has ended."""
        return self.fresh / self.seconds if self.seconds else 0.0

    @property
    def left(self):
        """Seconds that the other runs will take at this rate; None before the first has ended."""
        return (self.total - self.done - self.failed) / self.rate if self.fresh else None


def _checked_options(workers, scheduler, retries, timeout, memory, reports):
    """Refuse options that make no sense, before anything else is done."""
    if workers is not None and scheduler is not None:
        raise Refused("give --workers or --scheduler, not both: a cluster has its own workers")
    if scheduler is not None and not re.fullmatch(r"(tcp|tls|ws|wss)://\S+:\d+", str(scheduler)):
        raise Refused(f"scheduler must be an address such as tcp://HOST:8786, got {shorten(scheduler)}")
    if workers is not None and not (isinstance(workers, int) and workers >= 1):
        raise Refused(f"workers must be an integer >= 1, got {shorten(workers)}")
    if not (isinstance(retries, int) and retries >= 0):
        raise Refused(f"retries must be an integer >= 0, got {shorten(retries)}")
    for name, value, words in (("timeout", timeout, "seconds"), ("memory", memory, "GiB")):
        if value is not None and not (isinstance(value, (int, float)) and 0 < value < float("inf")):
            raise Refused(f"{name} must be a number of {words} > 0, got {shorten(value)}")
    if memory is not None and memory < _LEAST_MEMORY:
        raise Refused(f"memory must be at least {_LEAST_MEMORY} GiB, which a chapter's libraries need, got {shorten(memory)}")
    if memory is not None and scheduler is None and not limits_memory():
        raise Refused("memory cannot be limited on this system, only on Linux; leave --memory out")
    if not re.fullmatch(r"all|failed|none|best:[1-9]\d{0,5}", reports):
        raise Refused(f"reports must be all, failed, none or best:N with N >= 1, got {shorten(reports)}")


def _ask(address):
    """Have the scheduler answer in time; a client would wait for ever for somebody who takes the call and says nothing."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from distributed.core import rpc

    async def ask():
        async with rpc(address) as scheduler:
            await asyncio.wait_for(scheduler.identity(), _ANSWER)

    with ThreadPoolExecutor(1) as pool:         # also where this thread runs an event loop
        pool.submit(asyncio.run, ask()).result()


@contextmanager
def _client(workers, scheduler):
    """A client of the cluster: an existing one, or one of this machine's cores that ends with us."""
    import logging

    import dask
    from distributed import Client
    from distributed.utils import silence_logging_cmgr

    with ExitStack() as stack:
        address = scheduler or stack.enter_context(local_cluster(workers))
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"}))
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))     # what matters ends in a sentence
        try:
            _ask(address)
            client = Client(address, timeout=_ANSWER, set_as_default=False)
        except TimeoutError:
            raise Refused(f"no dask scheduler answers at {shorten(address)} within {_ANSWER} seconds") from None
        except (OSError, ValueError, TypeError) as error:
            raise Refused(f"no dask scheduler answers at {shorten(address)}: {error}") from None
        stack.callback(_leave, client)
        yield client


def _leave(client):
    """Close a client, and do not wait for a scheduler that no longer answers."""
    with suppress(TimeoutError):
        client.close(timeout=_TO_LEAVE)


class _WarmProcesses:
    """The warm processes of this worker, one per chapter; they end when none has been used for a while."""

    def __init__(self):
        self.lock, self.known, self.users, self.timer = threading.Lock(), {}, 0, None

    def _current(self, job):
        """The warm process of a job's chapter, started where there is none or where the library has changed since."""
        imported = job.hashes["notebook"], job.hashes["library"]
        known, process = self.known.get(job.chapter, (None, None))
        if known != imported or not process.is_alive:
            if process is not None:
                process.close()
            self.known[job.chapter] = imported, Warm(find(job.chapter))
        return self.known[job.chapter][1]

    @contextmanager
    def of(self, job):
        """The warm process for a job, None where kernels cannot be forked."""
        with self.lock:
            if self.timer:
                self.timer.cancel()
            self.users += 1
        try:
            with self.lock:
                warm = self._current(job) if Warm.is_possible() else None
            yield warm
        finally:
            with self.lock:
                self.users -= 1
                if not self.users:
                    self.timer = threading.Timer(_IDLE, self._close)
                    self.timer.daemon = True
                    self.timer.start()

    def _close(self):
        with self.lock:
            while self.known and not self.users:
                self.known.popitem()[1][1].close()


_warm = _WarmProcesses()


def _still_wanted():
    """A function that says whether a client still waits for the task that this thread executes."""
    from distributed import Status, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted():
        task = worker.state.tasks.get(key)
        is_open = worker.status in (Status.running, Status.paused, Status.closing_gracefully)
        return is_open and task is not None and task.state in ("executing", "long-running")

    return wanted


def _on_worker(job, content, **options):
    """Execute a job on a worker of the cluster."""
    with _warm.of(job) as warm:
        return work(job, content, warm=warm, wanted=_still_wanted(), **options)


def _what_is_here(chapter):
    """What a worker would compute with: hashes of its copy of the book, and versions."""
    return find(chapter).hashes(), versions()


def _check_workers(client, chapter):
    """Refuse a cluster whose workers would compute something else."""
    ours = _what_is_here(chapter)
    with _while_reachable(client):
        there = client.run(_what_is_here, chapter, on_error="return")
    for address, theirs in there.items():
        if isinstance(theirs, Exception):
            raise Refused(f"the worker {address} has no copy of this book: {type(theirs).__name__}: {theirs}")
        if other := different(ours, theirs):
            raise Refused(f"the worker {address} {other}; install the same book and lock there")


def _itself(content):
    """A data file on its way: as a task, so that the scheduler can send it anew when the worker that held it is gone."""
    return content


def _lost(job, cause):
    """The outcome of a job of which the cluster brought nothing back."""
    return failure(job, cause, datetime.now(UTC), time.perf_counter(), again=True)


@contextmanager
def _while_reachable(client):
    """Say what it means that the cluster cannot be talked to; dask's errors look like those of a disk, or of a program."""
    try:
        yield
    except SweepStopped:
        raise
    except Exception as error:
        if isinstance(error, OSError) or client.status != "running":
            raise SweepStopped("the scheduler is gone") from error
        raise


class _Dispatch:
    """Jobs on a cluster, one for each of its threads, tried again where a kernel or a worker was killed.

    More at a time would wait in line behind long ones while other workers idle.
    """

    def __init__(self, client, jobs, retries, options):
        self.client, self.retries, self.options = client, retries, options
        self.jobs, self.running, self.tries = deque(jobs), {}, {}
        self.ended, self.contents, self.alone_since = queue.SimpleQueue(), {}, None

    def _content(self, file):
        """The data file on the cluster."""
        if file is None:
            return None
        if file not in self.contents:
            try:
                content = file.read_bytes()
            except OSError as error:
                raise SweepStopped(f"{file} cannot be read any more: {error.strerror}") from error
            self.contents[file] = self.client.submit(_itself, content, pure=False)
        return self.contents[file]

    def _start(self):
        """Keep the cluster busy."""
        threads = sum(self.client.nthreads().values())
        while self.jobs and len(self.running) < max(threads, 1):
            job = self.jobs.popleft()
            future = self.client.submit(_on_worker, job, self._content(job.file), pure=False, **self.options)
            self.running[future] = job
            future.add_done_callback(self.ended.put)

    def _check_cluster(self):
        """Stop where nobody is left to work."""
        if self.client.status != "running":
            raise SweepStopped("the scheduler is gone")
        if self.client.nthreads():
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = time.monotonic()
        elif time.monotonic() - self.alone_since > _PATIENCE:
            raise SweepStopped(f"the cluster has had no worker for {_PATIENCE} seconds")

    def _outcome(self, job, future):
        """What a job came to; None where it is tried again."""
        from distributed import CancelledError, KilledWorker

        try:
            outcome = future.result()
        except CancelledError:
            self._check_cluster()
            outcome = _lost(job, "the cluster cancelled the run")
        except KilledWorker as error:
            outcome = _lost(job, f"its worker was killed {error.allowed_failures + 1} times")
        except Exception as error:
            outcome = _lost(job, f"{type(error).__name__}: {error}")
        future.release()
        self.tries[job.key] = self.tries.get(job.key, 0) + 1
        if outcome.again and self.tries[job.key] <= self.retries:
            self.jobs.append(job)
            return None
        return job, outcome

    def __iter__(self):
        """Pairs of a job and its outcome as they end, and None in between at least twice a second."""
        while self.jobs or self.running:
            with _while_reachable(self.client):
                self._check_cluster()
                self._start()
                try:
                    future = self.ended.get(timeout=_TICK)
                except queue.Empty:
                    ended = None
                else:
                    job = self.running.pop(future)
                    self._start()       # the worker goes on while its result is brought home
                    ended = self._outcome(job, future)
            yield ended


def _render(place, keys, table, chapter, reports, best):
    """Reports of finished runs that were asked for and are not there yet."""
    wanted = []
    if reports == "all":
        wanted = [key for key in keys if finished(place / key)]
    elif reports.startswith("best:") and ranking(chapter, best):
        wanted = list(ranked(table.frame, chapter, best)["key"].drop_duplicates()[:int(reports.removeprefix("best:"))])
    for key in wanted:
        add_report(place / key)


def _run_all(dispatch, place, table, progress, total):
    """Bring every job to its end, keeping each outcome as it arrives."""
    began, failed, fresh, earlier = time.monotonic(), 0, 0, total - len(dispatch.jobs)
    for ended in dispatch:
        if ended is not None:
            job, outcome = ended
            keep(place, job, outcome)
            failed += bool(outcome.cause)
            fresh += 1
        table.update()
        if progress:
            progress(Progress(total, earlier + fresh - failed, failed, fresh, time.monotonic() - began))


def sweep(chapter, scenarios, data=None, *, out="results", workers=None, scheduler=None, retries=2, timeout=None,
          memory=None, reports="best:10", best=None, progress=None, tell=None):
    """Run a chapter with many sets of parameters.

    Runs that are finished already are not repeated; those that failed are.

    Parameters
    ----------
    chapter : str
        A chapter, as ``bizai list`` shows it.
    scenarios : path, DataFrame, list of dict, or dict
        A CSV file or table (a column per parameter, a row per scenario, optionally `name`), or a YAML file or dict with
        the blocks `grid`, `zip`, `sample` and `fixed`.
    data : path, optional
        CSV file after the chapter's schema, for all scenarios; the bundled sample without it.
    out : path
        Finished runs end in ``out/chapter/KEY/``, beside results.csv, results.parquet and summary.html.
    workers : int, optional
        Processes on this machine, by default one per core.
    scheduler : str, optional
        Address of a dask scheduler whose workers take the place of this machine's; they have the same book installed,
        and need no folder in common with it.
    retries : int
        How often a run is tried again whose kernel or worker was killed from outside. A chapter that raises, exceeds its
        time or its memory would do so again and is not.
    timeout : float, optional
        Seconds for one run.
    memory : float, optional
        GiB that one run may allocate.
    reports : str
        Which runs get a report.html: ``all`` (failed ones too), ``failed``, ``none`` or ``best:N``.
    best : str, optional
        ``RESULT:lowest`` or ``RESULT:highest``: by what scenarios are ranked; the chapter's own choice without it.
    progress : callable, optional
        Called with a `Progress` at least twice a second.
    tell : callable, optional
        Called with each sentence that a person should know (old results that are stale, and the like).

    Returns
    -------
    pandas.DataFrame
        A row per scenario, in their order: name, status, duration_seconds, key, cause, parameters, recorded numbers.

    Raises
    ------
    Refused
        An option, a scenario or the data is wrong. Nothing was run.
    SweepStopped
        The cluster is gone or the disk is full. What was finished is kept.
    """
    _checked_options(workers, scheduler, retries, timeout, memory, reports)
    found = find(chapter)
    ranking(found, best)
    listed = read(scenarios, found)
    jobs = check(found, listed, data, scenarios if isinstance(scenarios, (str, os.PathLike)) else None)
    place = home(out, chapter)
    table = Results(place, found, jobs, listed)
    unique = {job.key: job for job in jobs}
    todo = [job for key, job in unique.items() if not finished(place / key)]
    try:
        table.update(force=True)
        for sentence in _worth_knowing(listed, unique, table) if tell else []:
            tell(sentence)
        if todo:
            options = {"report": "report.html" if reports == "all" else None, "failure_report": reports in ("all", "failed"),
                       "expected": versions(), "timeout": timeout, "memory": memory}
            with _client(min(workers or _cores(), len(todo)), scheduler) as client:
                if scheduler is not None:
                    _check_workers(client, chapter)
                _run_all(_Dispatch(client, todo, retries, options), place, table, progress, len(unique))
        table.update(force=True)
        _render(place, unique, table, found, reports, best)
        replace(place / "summary.html", summary(found, table.frame, home=place, best=best))
    except OSError as error:
        with suppress(OSError):
            table.update(force=True)
        raise SweepStopped(f"results cannot be written to {place}: {error.strerror or error}") from error
    except ClusterFailed as error:
        raise SweepStopped(str(error)) from error
    except BaseException:
        table.update(force=True)
        raise
    return table.frame


def _cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _worth_knowing(listed, unique, table):
    """Sentences about the scenarios that a person should know before they run."""
    if many := notice(len(listed)):
        yield many
    if len(unique) < len(listed):
        again = len(listed) - len(unique)
        yield f"{again:,} {'scenario has' if again == 1 else 'scenarios have'} the parameters of another; each run is made once"
    stale = list(table.stale.values())
    for changed in sorted(set(stale)):
        count = stale.count(changed)
        yield (f"{count:,} earlier {'result is' if count == 1 else 'results are'} stale, because {changed} changed since; "
               f"{'it is' if count == 1 else 'they are'} kept and marked in results.csv")
