"""Data of a chapter: a CSV file read strictly against the chapter's row model."""

import csv
import io
import re
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from .parameters import Refused, allowed, shorten

__all__ = ["LocalTime", "Row", "project_root", "sample", "read_csv"]

# what a rejected number or time looks like, and what to do about it
_NUMBER_HINTS = [
    (r"-?\d{1,3}([ ,'\u00a0\u2019]\d{3})+(\.\d+)?|-?\d{1,3}(\.\d{3}){2,}", "leave out the marks between thousands"),
    (r"-?[\d.]*,\d+", "write decimals with a point"),
    (r".*\d\s*%", "write 25% as 0.25"),
    (r"[^\d\s.-]+\s*-?[\d.,]+|-?[\d.,]+\s*[^\d\s.,:TZ+-]+", "write the number alone, without a unit"),
    (r"\d+:\d\d(:\d\d)?", "write a duration as a number"),
]
_TIME_HINTS = [(r".*\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)", "write local time, without a zone")]


def _local_time(value):
    """Only a date with a time and no zone: pydantic alone would also take numbers for seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?", value):
        raise ValueError("not a local date and time")
    return value


LocalTime = Annotated[datetime, BeforeValidator(_local_time)]


class Row(BaseModel):
    """Base of every chapter's row model: a field per column; a field with a default is an optional column.

    `sample` names the bundled file that stands in when the reader gives none. `check` looks at the whole table
    after every column has passed, beside the chapter's parameters where they are known; it raises `Refused` or
    returns the table, perhaps sorted or cut to what the parameters ask for.
    """

    model_config = ConfigDict(allow_inf_nan=False, str_strip_whitespace=True)

    @classmethod
    def sample(cls):
        """File name of the bundled sample in data/samples."""
        raise NotImplementedError

    @classmethod
    def check(cls, frame, parameters=None):
        """Return the table if its rows fit together and to the parameters."""
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
    try:
        if not path.exists():
            raise Refused(f"data file {path} does not exist")
        if not path.is_file():
            raise Refused(f"data file {path} is not a file")
        return _decoded(path)
    except OSError as error:
        raise Refused(f"data file {shorten(str(path))} cannot be read: {error.strerror}") from None


def _decoded(path):
    """The text of a file that exists."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip():
        raise Refused(f"data file {path} is empty")
    if "\0" in text:
        raise Refused(f"data file {path} is not a text file in UTF-8; save the table as CSV UTF-8")
    return text


def _frame(path, text):
    """Every cell of the CSV as text, the rows numbered by line of the file."""
    import pandas as pd

    rows, lines = [], []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        if len(header) == 1 and (mark := next((mark for mark in ";\t|" if mark in header[0]), None)):
            raise Refused(f"data file {path} seems to be separated by {mark!r}; write it with commas and decimal points")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                hint = " (a decimal comma? write decimals with a point)" if len(cells) > len(header) else ""
                raise Refused(f"data file {path}: line {reader.line_num} has {len(cells)} fields, the header has "
                              f"{len(header)}{hint}")
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
        kind = "column" if len(missing) == 1 else "columns"
        raise Refused(f"data file {path} lacks the {kind} {', '.join(missing)}; its first line has "
                      f"{shorten(', '.join(columns), 120)}")
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
    """Converted values of a column, or a sentence about the first that cannot be converted."""
    info = row_model.model_fields[name]
    values = cells.tolist()
    if not info.is_required():
        values = [None if value == "" else value for value in values]
    try:
        return _adapter(row_model, name).validate_python(values), None
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
    position = faults[0]["loc"][0]
    value = values[position]
    hints = _TIME_HINTS if info.annotation is datetime else _NUMBER_HINTS
    hint = next((f" ({advice})" for look, advice in hints if re.fullmatch(look, value or "")), "")
    more = f" (and {len(faults) - 1} more in this column)" if len(faults) > 1 else ""
    return None, (f"line {cells.index[position]}: {name} must be {allowed(info)}, "
                  f"got {shorten(value) if value else 'an empty cell'}{hint}{more}")


def read_csv(path, row_model, parameters=None):
    """Read a chapter's data strictly.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8, comma-separated, decimals with a point, a header in its first line (capitals do not matter). An
        empty text stands for the bundled sample. Columns that the chapter does not know are ignored.
    row_model : subclass of Row
    parameters : Parameters, optional
        The chapter's parameters, for what of the table they ask for.

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
            columns[name], fault = _column(row_model, name, frame[name])
            told += [fault] if fault else []
    if told:
        raise Refused(f"data file {path}: " + "; ".join(told))
    try:
        return row_model.check(pd.DataFrame(columns, index=frame.index), parameters)
    except Refused as error:
        raise Refused(f"data file {path}: {error}") from None
