"""The command line: list, describe, run; and the two steps that the Makefile calls."""

import sys

import click

from bizai.chapter.parameters import Refused

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bizai")
def main():
    """Chapters of "Business AI, Recomputed", run on your own parameters and data."""


class _Refusals:
    """Turn a refused input into one line on stderr and exit code 2, a failed chapter into exit code 1."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        from .execute import ChapterFailed

        if isinstance(error, Refused):
            click.echo(f"refused: {error}", err=True)
            sys.exit(2)
        if isinstance(error, ChapterFailed):
            click.echo(f"failed: {error}", err=True)
            sys.exit(1)
        if isinstance(error, KeyboardInterrupt):
            click.echo("interrupted: nothing half-done was kept", err=True)
            sys.exit(130)


def _assignments(pairs):
    values = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        if not mark:
            raise Refused(f"a parameter is given as NAME=VALUE, got {pair!r}")
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
        rows = [(name or "(none)", allowed(info), unit(info), "yes" if info.is_required() else "no", info.description)
                for name, info in fields]
        if issubclass(row_model, Features):
            rows.append(("every other", "numbers or texts", "", "one", "a feature, with gaps or without"))
        _print_columns([("name", "allowed", "unit", "required", "what it is"), *rows])
    click.echo("\nRecorded results")
    _print_columns([("name", "unit", "headline"),
                    *((r["name"], r["unit"], r["headline"]) for r in payloads(found.notebook, "record"))])


def _print_columns(rows):
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
    import signal

    from tqdm import tqdm

    from . import report, runner

    for name in {"SIGTERM", "SIGHUP"} & set(dir(signal)):      # clean up as after Ctrl-C
        signal.signal(getattr(signal, name), lambda number, _: sys.exit(128 + number))
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
