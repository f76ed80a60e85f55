"""The command line: list, describe, run, sweep, compare; and the two steps that the Makefile calls."""

import signal
import sys
import time
from pathlib import Path

import click

from bizai.chapter.parameters import Refused, printable, shorten

__all__ = ["main"]

_BETWEEN_LINES = 10         # seconds, where a sweep shows its progress in lines


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bizai")
def main():
    """Chapters of "Business AI, Recomputed", run on your own parameters and data."""


class _Refusals:
    """Turn a refused input into a sentence on stderr and exit code 2, a failed chapter or another end into exit code 1."""

    def __init__(self, stopped=(), interrupted="nothing half-done was kept"):
        self.stopped, self.interrupted = stopped, interrupted

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        from .execute import ChapterFailed

        if isinstance(error, Refused):
            click.echo(f"refused: {error}", err=True)
            sys.exit(2)
        if isinstance(error, (ChapterFailed, self.stopped)):
            for line in f"failed: {error}".splitlines():
                click.echo(printable(line), err=True)
            sys.exit(1)
        if isinstance(error, KeyboardInterrupt):
            click.echo(f"interrupted: {self.interrupted}", err=True)
            sys.exit(130)


def _end_cleanly():
    """Clean up at SIGTERM and SIGHUP as after Ctrl-C."""
    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))


def _assignments(pairs):
    values = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise Refused(f"a parameter is given as NAME=VALUE, got {shorten(pair)}")
        if name in values:
            raise Refused(f"parameter {name} is given twice")
        values[name] = value
    return values


@main.command("list")
def list_chapters():
    """List the chapters."""
    from .chapters import chapters

    known = chapters()
    width = max(map(len, known))
    for name, chapter in known.items():
        click.echo(f"{name:{width}}  {chapter.title}")


@main.command()
@click.argument("chapter")
def describe(chapter):
    """Show a chapter's parameters, its CSV columns and its recorded results."""
    from bizai.chapter.data import Features, Row
    from bizai.chapter.parameters import allowed, unit

    from .chapters import find, payloads

    with _Refusals():
        found = find(chapter)
    click.echo(f"{found.title}\n\nParameters (-p NAME=VALUE)")
    rows = [(name, allowed(info), unit(info), repr(found.defaults[name]), info.description)
            for name, info in found.inputs.Parameters.model_fields.items()]
    _print_columns([("name", "allowed", "unit", "default", "what it is"), *rows])
    usual = found.inputs.Parameters(**found.defaults)
    for row_model in vars(found.inputs).values():
        if not (isinstance(row_model, type) and issubclass(row_model, Row)):
            continue
        click.echo(f"\nColumns of the CSV file (--data FILE; the sample is data/samples/{row_model.sample()})")
        fields = [(name, row_model.model_fields[field]) for field, name in row_model.columns(usual).items()]
        rows = [(name or "(none)", allowed(info, column=True), unit(info), "yes" if info.is_required() else "no", info.description)
                for name, info in fields]
        if issubclass(row_model, Features):
            rows.append(("every other", "numbers or texts", "", "one", "a feature, with gaps or without"))
        _print_columns([("name", "allowed", "unit", "required", "what it is"), *rows])
    click.echo("\nRecorded results")
    _print_columns([("name", "unit", "headline"),
                    *((r["name"], r["unit"], r["headline"]) for r in payloads(found.notebook, "record"))])


def _print_columns(rows):
    rows = [[printable(cell) for cell in row] for row in rows]      # labels of a reader's file may stand in them
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


@main.command()
@click.argument("chapter")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated.")
@click.option("--data", metavar="FILE", help="Your CSV file; the bundled sample without it.")
@click.option("--out", default="results", metavar="DIR", show_default=True, help="Where finished runs are kept.")
@click.option("--code", is_flag=True, help="Show the code in the report too.")
def run(chapter, pairs, data, out, code):
    """Run CHAPTER and keep notebook, report and numbers under DIR/CHAPTER/KEY/.

    Exit code 0: done. 2: an input was refused, nothing ran, nothing was written. 1: the chapter failed; it is kept
    under DIR/CHAPTER/failed/KEY/ with its cause.
    """
    from tqdm import tqdm

    from . import report, runner

    _end_cleanly()
    with _Refusals(), tqdm(desc=chapter, unit="cell", leave=False, disable=None, file=sys.stderr) as bar:
        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        finished = runner.run(chapter, _assignments(pairs), data, out=out, code=code, progress=progress)
    if not finished.fresh:
        click.echo("this run was there already; nothing was executed")
    _print_columns([(label, report.quantity(*found)) for label, found in finished.headlines.items()])
    if finished.defaults:
        click.echo(f"defaults used for {', '.join(finished.defaults)}")
    click.echo(finished.folder)


class _Bar:
    """How far a sweep is: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, name):
        self.name, self.bar, self.next = name, None, 0.0
        self.is_terminal = sys.stderr.isatty()

    def __call__(self, progress):
        """Show it."""
        ended = progress.done + progress.failed
        if self.is_terminal:
            from tqdm import tqdm

            if self.bar is None:
                self.bar = tqdm(desc=self.name, total=progress.total, initial=ended - progress.fresh, unit="run",
                                smoothing=0, file=sys.stderr)     # the rate since the start, as in the lines
            self.bar.set_postfix(failed=progress.failed, refresh=False)
            self.bar.update(ended - self.bar.n)
        elif time.monotonic() >= self.next or ended == progress.total:
            left = f", {progress.rate:.2g} per second, {progress.left:,.0f} s left" if progress.fresh else ""
            click.echo(f"{progress.done:,} of {progress.total:,} done, {progress.failed:,} failed{left}", err=True)
            self.next = time.monotonic() + _BETWEEN_LINES

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()


@main.command()
@click.argument("chapter")
@click.argument("scenarios")
@click.option("--data", metavar="FILE", help="Your CSV file, for all scenarios; the bundled sample without it.")
@click.option("--out", default="results", metavar="DIR", show_default=True, help="Where finished runs are kept.")
@click.option("--workers", type=int, metavar="N", help="Processes on this machine; one per core without it.")
@click.option("--scheduler", metavar="ADDRESS", help="A dask scheduler (tcp://HOST:8786), for its workers to do it.")
@click.option("--retries", type=int, default=2, metavar="N", show_default=True,
              help="How often a run is tried again whose kernel or worker was killed.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for one run.")
@click.option("--memory", type=float, metavar="GIB", help="Most memory for one run.")
@click.option("--reports", default="best:10", metavar="WHICH", show_default=True,
              help="Runs that get a report: all, failed, none or best:N.")
@click.option("--best", metavar="RESULT:lowest|highest", help="What makes a scenario the best one.")
def sweep(chapter, scenarios, **options):
    """Run CHAPTER once for each of the SCENARIOS, a CSV or YAML file.

    Finished runs are kept under DIR/CHAPTER/, beside results.csv, results.parquet and summary.html. The same command again
    runs only what is missing or failed.

    Exit code 0: every scenario is done. 2: an input was refused and nothing ran. 1: scenarios failed, or the sweep had to
    stop; what was finished is kept.
    """
    from . import sweeps

    _end_cleanly()
    with _Refusals(sweeps.SweepStopped, "what was finished is kept, and the same command goes on from there"):
        with _Bar(chapter) as bar:
            frame = sweeps.sweep(chapter, scenarios, **options, progress=bar, tell=lambda line: click.echo(line, err=True))
        counts = frame["status"].value_counts()
        click.echo(", ".join(f"{count:,} {status}" for status, count in counts.items()))
        for cause, count in frame.loc[frame["status"] == "failed", "cause"].value_counts().head(5).items():
            click.echo(f"  {count:,} failed: {printable(cause)}")
        click.echo(Path(options["out"]).absolute() / chapter / "summary.html")
        sys.exit(int((frame["status"] != "done").any()))


@main.command()
@click.argument("a")
@click.argument("b")
@click.option("--rtol", type=float, default=0, show_default=True, help="Share by which equal numbers may differ.")
@click.option("--by", type=click.Choice(["parameters", "name"]), help="What scenarios are matched by.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def compare(a, b, rtol, by, form):
    """Compare two finished runs (their folders), or two sweeps (DIR/CHAPTER): parameters and numbers that differ.

    Scenarios are matched by their parameters; if none is in both, by name.

    Exit code 0: equal. 1: something differs. 2: A or B was refused.
    """
    from .comparison import compare

    with _Refusals():
        found = compare(a, b, rtol=rtol, by=by)
    click.echo({"table": found.text, "json": found.json, "csv": found.csv}[form]().removesuffix("\n"))
    sys.exit(int(found.differs))


@main.command()
def book():
    """Execute every stale chapter and render the site (what `make book` does)."""
    from . import site

    with _Refusals():
        executed, front = site.build()
        click.echo(f"chapters executed: {', '.join(executed) or 'none'}\n{front}")


@main.command()
def refresh():
    """Execute every stale chapter and write its outputs into notebooks/ (what `make refresh` does)."""
    from . import site

    with _Refusals():
        for line in site.refresh():
            click.echo(line)
