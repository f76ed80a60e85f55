"""Tables, figures and the library's own source, as a chapter shows them."""

import io
import re
from html import escape
from urllib.parse import quote

from .record import emit

__all__ = ["PALETTE", "style", "table", "harmless", "download", "figure", "source"]

# Okabe and Ito's palette, apart under every common colour blindness; black last
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]


# fonts for what DejaVu Sans lacks, the first that is installed
_CHINESE = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
            "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Arial Unicode MS")


def style():
    """Set the book's one matplotlib style and return the `pyplot` module."""
    import logging

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)       # a Chinese font may lack the bold weight
    installed = set(matplotlib.font_manager.get_font_names())
    plt.rcdefaults()
    plt.rcParams.update({
        "font.family": ["DejaVu Sans", *[name for name in _CHINESE if name in installed][:1]],
        "figure.figsize": (7.2, 4.0), "figure.constrained_layout.use": True, "figure.facecolor": "white",
        "axes.prop_cycle": plt.cycler(color=PALETTE), "axes.spines.top": False, "axes.spines.right": False,
        "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.labelsize": 11,
        "axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.7, "axes.axisbelow": True,
        "lines.linewidth": 2, "legend.frameon": False, "font.size": 10.5,
        "svg.fonttype": "path", "svg.hashsalt": "bizai",
    })
    return plt


def _html(frame, index=True, classes=None):
    return frame.to_html(border=0, index=index, escape=True, classes=classes)


def table(frame, caption="", *, formats=None, index=False):
    """Show a table of a chapter.

    Parameters
    ----------
    frame : pandas.DataFrame
    caption : str
    formats : dict of str
        Column to format specification (``".2f"``, ``",.0f"``); other columns are shown as they are.
    index : bool
        Whether the row labels are shown.
    """
    shown = frame.copy()
    for name, spec in (formats or {}).items():
        shown[name] = [format(value, spec) for value in frame[name]]
    words = any(re.search("[A-Za-z]{2}", str(cell)) for name in shown.columns[not index:] for cell in shown[name])
    html = _html(shown, index, classes="words" if words else None)      # words are aligned left, numbers right
    if caption:
        html = f"<p><em>{escape(caption, quote=False)}</em></p>" + html
    emit("text", None, {"text/html": html, "text/plain": shown.to_string(index=index)})


# what a spreadsheet takes for a formula (full-width signs, too), unless it is a plain number
_FORMULA = re.compile(r"[=+\-@\t\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)


def _harmless_text(value):
    """A text that a spreadsheet shows as it stands; anything else unchanged."""
    if not isinstance(value, str):
        return value
    text = value.replace("\r\n", "\n").replace("\r", "\n")       # a bare CR would begin a row of its own
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def harmless(frame):
    """A copy of a table that is safe to open in a spreadsheet.

    Labels come from files of others. A spreadsheet computes a cell of a CSV file that begins with ``=``, ``+``, ``-`` or
    ``@``, quoted or not, and a formula may start programs or send cells away. An apostrophe in front makes it a text again.

    Parameters
    ----------
    frame : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        Texts and column names that a spreadsheet would compute begin with an apostrophe; numbers, and texts that are plain
        numbers such as "-5", are as they were.
    """
    from pandas.api.types import is_numeric_dtype

    safe = frame.copy()
    for position, kind in enumerate(frame.dtypes):
        if not is_numeric_dtype(kind):
            safe.isetitem(position, frame.iloc[:, position].astype(object).map(_harmless_text))
    return safe.set_axis([_harmless_text(name) for name in frame.columns], axis="columns")


def download(frame, name, caption, *, rows=8):
    """Show the first rows of a table that the reader takes along, and a link to all of it as a CSV file.

    ``bizai run`` also writes the file into the run's folder.

    Parameters
    ----------
    frame : pandas.DataFrame
        Numbers are written with six significant digits.
    name : str
        File name, unique in the chapter, such as ``"forecasts.csv"``.
    caption : str
    rows : int
        Rows shown.

    Raises
    ------
    ValueError
        If the name is not a plain one that ends in .csv.
    """
    if not re.fullmatch(r"[a-z0-9_]+\.csv", name):
        raise ValueError(f"name must be of small letters, digits and _ and end in .csv, got {name!r}")
    rows_of_file = harmless(frame).to_csv(index=False, float_format="%.6g", lineterminator="\n")
    text = "\ufeff" + rows_of_file       # the mark: UTF-8, for Excel
    shown = frame.head(rows).map(lambda value: f"{value:.6g}" if isinstance(value, float) else value)
    link = f'<a download="{name}" href="data:text/csv;charset=utf-8,{quote(text, safe=",")}">{name}</a>'
    html = f"<p><em>{escape(caption, quote=False)}</em></p>{_html(shown, index=False)}<p>All {len(frame)} rows: {link}</p>"
    emit("file", {"name": name, "text": text}, {"text/html": html, "text/plain": f"{name}: {len(frame)} rows"})


def _compact(svg):
    """The same picture in half the bytes: paths on one line, to a hundredth of a point."""
    def path(match):
        return re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", match[0].replace("\n", " "))

    return re.sub(r"\n *", "\n", re.sub(r' d="[^"]*"', path, svg))


def figure(fig, name, *, alt, data):
    """Show a figure as SVG, with its alternative text and the data behind it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        Closed afterwards.
    name : str
        Unique in the chapter; the file name of the data.
    alt : str
        What the figure shows, with its number, for people who do not see it.
    data : pandas.DataFrame
        What the figure was drawn from.
    """
    import matplotlib.pyplot as plt

    image = io.StringIO()
    fig.savefig(image, format="svg", metadata={"Date": None})
    plt.close(fig)
    emit("figure", {"name": name, "alt": alt}, {"image/svg+xml": _compact(image.getvalue()), "text/plain": alt})
    shown = data.map(lambda value: f"{value:.6g}" if isinstance(value, float) else value)
    html = (f'<details class="figure-data"><summary>Data behind this figure ({len(data)} rows)</summary>'
            f"{_html(shown, index=False)}</details>")
    emit("table", {"name": name, "columns": {str(c): data[c].tolist() for c in data}},
         {"text/html": html, "text/plain": f"Data behind this figure: {name}"})


def source(*objects):
    """Show the library's own source of functions or classes, so that a chapter keeps no second copy."""
    import inspect
    from textwrap import dedent

    text = "\n\n".join(dedent(inspect.getsource(item)).rstrip() for item in objects)
    emit("text", None, {"text/markdown": f"```python\n{text}\n```", "text/plain": text})
