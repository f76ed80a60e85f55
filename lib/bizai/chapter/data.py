"""Data of a chapter: a CSV file read strictly against the chapter's row model."""

import csv
import io
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from .parameters import Refused, allowed, shorten

__all__ = ["Row", "project_root", "sample", "read_csv"]

_SHOWN = 3  # so many faults of a column are told; the rest are counted


class Row(BaseModel):
    """Base of every chapter's row model: a field per column; a field with a default is an optional column.

    `sample` names the bundled file that stands in when the reader gives none. `check` looks at the whole table
    after every column has passed; it raises `Refused` or returns the table, perhaps sorted.
    """

    model_config = ConfigDict(allow_inf_nan=False, str_strip_whitespace=True)

    @classmethod
    def sample(cls):
        """File name of the bundled sample in data/samples."""
        raise NotImplementedError

    @classmethod
    def check(cls, frame):
        """Return the table if its rows fit together."""
        return frame


def project_root():
    """Folder that holds `lib`, `data` and `notebooks`.

    Raises
    ------
    FileNotFoundError
        If bizai was installed without the book around it.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / "data" / "samples").is_dir():
        raise FileNotFoundError("the book's folder data/samples was not found: install bizai from a clone of the book "
                                "(make book), not as a package alone")
    return root


def sample(name):
    """Path of a bundled sample file."""
    return project_root() / "data" / "samples" / name


def _text(path):
    """The file's text, refused with a sentence where it has none."""
    if not path.exists():
        raise Refused(f"data file {path} does not exist")
    if not path.is_file():
        raise Refused(f"data file {path} is not a file")
    raw = path.read_bytes()
    if not raw.strip():
        raise Refused(f"data file {path} is empty")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise Refused(f"data file {path} is not a text file in UTF-8; save the table as CSV UTF-8")
    return text


def _frame(path, text):
    """Every cell of the CSV as text, the rows numbered by line of the file."""
    import pandas as pd

    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader)]
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise Refused(f"data file {path}: line {reader.line_num} has {len(cells)} fields, the header has {len(header)} "
                              "(a decimal comma? write decimals with a point)")
            rows.append([cell.strip() for cell in cells])
            lines.append(reader.line_num)
    except csv.Error as error:
        raise Refused(f"data file {path} is not a CSV table: line {reader.line_num}: {error}") from None
    if not rows:
        raise Refused(f"data file {path} has a header but no rows")
    return pd.DataFrame(rows, columns=header, index=lines, dtype=object)


def _check_columns(path, columns, row_model):
    fields = row_model.model_fields
    missing = [name for name, info in fields.items() if info.is_required() and name not in columns]
    if missing:
        hint = ""
        if len(columns) == 1 and (mark := next((m for m in ";\t|" if m in columns[0]), None)):
            hint = f" (the file seems to be separated by {mark!r}; use commas)"
        raise Refused(f"data file {path} lacks the column {', '.join(missing)}; it has "
                      f"{', '.join(map(str, columns))}{hint}")
    twice = [name for name in fields if list(columns).count(name) > 1]
    if twice:
        raise Refused(f"data file {path} has the column {twice[0]} more than once")


@lru_cache
def _adapter(row_model, name):
    info = row_model.model_fields[name]
    annotation = info.annotation
    for rule in info.metadata:
        annotation = Annotated[annotation, rule]
    return TypeAdapter(list[annotation], config=row_model.model_config)


def _column(row_model, name, cells):
    """Converted values of a column and the sentences about those that cannot be converted."""
    info = row_model.model_fields[name]
    values = cells.tolist()
    if not info.is_required():
        values = [None if value == "" else value for value in values]
    try:
        return _adapter(row_model, name).validate_python(values), []
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
    told = []
    for fault in faults[:_SHOWN]:
        position = fault["loc"][0]
        value = values[position]
        hint = " (write decimals with a point)" if re.fullmatch(r"-?[\d.]*,\d+", value or "") else ""
        given = "an empty cell" if value == "" else shorten(value)
        told.append(f"line {cells.index[position]}: {name} must be {allowed(info)}, got {given}{hint}")
    if len(faults) > _SHOWN:
        told[-1] += f" (and {len(faults) - _SHOWN} more in this column)"
    return None, told


def read_csv(path, row_model):
    """Read a chapter's data strictly.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8, comma-separated, decimals with a point, a header in its first line. An empty text stands for the
        bundled sample. Columns that the chapter does not know are ignored.
    row_model : subclass of Row

    Returns
    -------
    pandas.DataFrame
        The known columns, converted; missing optional columns are absent.

    Raises
    ------
    Refused
        One sentence for each fault, naming line, column, what is allowed and what was given.
    """
    import pandas as pd

    path = Path(path) if str(path) else sample(row_model.sample())
    frame = _frame(path, _text(path))
    _check_columns(path, frame.columns, row_model)
    columns, told = {}, []
    for name in row_model.model_fields:
        if name in frame.columns:
            columns[name], faults = _column(row_model, name, frame[name])
            told += faults
    if told:
        raise Refused(f"data file {path}: " + "; ".join(told))
    try:
        return row_model.check(pd.DataFrame(columns, index=frame.index))
    except Refused as error:
        raise Refused(f"data file {path}: {error}") from None
