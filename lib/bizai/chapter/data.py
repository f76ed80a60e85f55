"""Data of a chapter: a CSV file read strictly against the chapter's row model."""

import csv
import io
import re
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from .parameters import Refused, allowed, shorten, types

__all__ = ["LocalDate", "LocalTime", "Row", "Features", "project_root", "sample", "called", "file_text", "read_cells",
           "read_csv"]

# what a rejected number or time looks like, and what to do about it
_NUMBER_HINTS = [
    (r"-?\d{1,3}([ ,'\u00a0\u2019]\d{3})+(\.\d+)?|-?\d{1,3}(\.\d{3}){2,}", "leave out the marks between thousands"),
    (r"-?[\d.]*,\d+", "write decimals with a point"),
    (r".*\d\s*%", "write 25% as 0.25"),
    (r"[^\d\s.-]+\s*-?[\d.,]+|-?[\d.,]+\s*[^\d\s.,:TZ+-]+", "write the number alone, without a unit"),
    (r"\d+:\d\d(:\d\d)?", "write a duration as a number"),
    (r"(?i)yes|no|true|false|y|n", "write 1 for yes and 0 for no"),
]
_TIME_HINTS = [(r".*\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)", "write local time, without a zone")]

GAPS = ("", "na", "n/a", "nan", "null", "none", "?", "-")      # what an empty cell of a feature looks like, in small letters
_MOST_LEVELS = 30       # a text column with more different texts names rows or is prose


def _local_time(value):
    """Only a date with a time and no zone: pydantic alone would also take numbers for seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?", value):
        raise ValueError("not a local date and time")
    return value


def _local_date(value):
    """The date of a date, or of a local date and time."""
    if isinstance(value, str):
        return value if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else TypeAdapter(LocalTime).validate_python(value).date()
    return value


LocalTime = Annotated[datetime, BeforeValidator(_local_time)]
LocalDate = Annotated[date, BeforeValidator(_local_date)]


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
    def select(cls, parameters):
        """The row model that fits the parameters, where they say what the file holds."""
        return cls

    @classmethod
    def columns(cls, parameters=None):
        """Field to the name of its column in the file, where the parameters name the columns."""
        return {name: name for name in cls.model_fields}

    @classmethod
    def check(cls, frame, parameters=None):
        """Return the table if its rows fit together and to the parameters."""
        return frame


class Features(Row):
    """A row model whose further columns are features: what a learner learns from.

    A feature is a number where all its cells that are no gap are numbers (gaps become NaN), else a category (a text; gaps
    become None). The parameter `features` lists the columns to use, separated by commas; if it is empty, all are used but
    those that say nothing, and `frame.attrs["left_out"]` tells why those were left out.

    A row model that sets `needs_features` to False does without any, too: then a column that is not listed is never a reason
    to refuse the file, only to leave the column out.
    """

    needs_features: ClassVar[bool] = True

    @classmethod
    def listed(cls, parameters=None):
        """Names of the features asked for, none if all are wanted."""
        return [name.strip() for name in getattr(parameters, "features", "").split(",") if name.strip()]


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


def called(path, what="data file"):
    """A file as a sentence names it."""
    text = str(path)
    return f"{what} {text if text.isprintable() and len(text) <= 300 else shorten(text)}"


def file_text(path, what="data file"):
    """The text of a file in UTF-8, refused with a sentence where it has none.

    Parameters
    ----------
    path : Path
    what : str
        What sentences call it.

    Raises
    ------
    Refused
        If it is no file, cannot be read, is empty or not a text.
    """
    name = called(path, what)
    try:
        if not path.exists():
            raise Refused(f"{name} does not exist")
        if not path.is_file():
            raise Refused(f"{name} is not a file")
        content = path.read_bytes()
    except OSError as error:
        raise Refused(f"{name} cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if not text.strip():
        raise Refused(f"{name} is empty")
    if "\0" in text:
        kind = "; save the table as CSV UTF-8" if path.suffix.lower() not in (".yml", ".yaml") else ""
        raise Refused(f"{name} is not a text file in UTF-8{kind}")
    return text


def read_cells(path, what="data file"):
    """Every cell of a CSV file as text, the rows numbered by line of the file.

    Parameters
    ----------
    path : Path
    what : str
        What sentences call it.

    Returns
    -------
    pandas.DataFrame
        Lines without any value are left out.

    Raises
    ------
    Refused
        If it is no table: see `file_text`, and a sentence that names the line.
    """
    import pandas as pd

    rows, lines, name = [], [], called(path, what)
    reader = csv.reader(io.StringIO(file_text(path, what), newline=""), strict=True, skipinitialspace=True)
    try:
        header = [column.strip() for column in next(reader)]
        if len(header) == 1 and (mark := next((mark for mark in ";\t|" if mark in header[0]), None)):
            raise Refused(f"{name} seems to be separated by {mark!r}; write it with commas and decimal points")
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                hint = " (a decimal comma? write decimals with a point)" if len(row) > len(header) else ""
                raise Refused(f"{name}: line {reader.line_num} has {len(row)} fields, the header has {len(header)}{hint}")
            rows.append([cell.strip() for cell in row])
            lines.append(reader.line_num)
    except csv.Error as error:
        raise Refused(f"{name} is not a CSV table: line {reader.line_num}: {error}") from None
    if not rows:
        raise Refused(f"{name} has a header but no rows")
    return pd.DataFrame(rows, columns=header, index=lines, dtype=object)


def _positions(path, header, columns):
    """Where each of the named columns stands in the file (field to position); capitals do not matter.

    `columns` maps a field to a pair: the column's name, and whether it has to be there.
    """
    names = [name.lower() for name in header]
    missing = [name for name, required in columns.values() if required and name.lower() not in names]
    if missing:
        kind = "column" if len(missing) == 1 else "columns"
        raise Refused(f"{called(path)} lacks the {kind} {', '.join(missing)}; its first line has "
                      f"{shorten(', '.join(header), 120)}")
    found = {field: names.index(name.lower()) for field, (name, _) in columns.items() if name.lower() in names}
    twice = [name for name, _ in columns.values() if names.count(name.lower()) > 1]
    if twice:
        raise Refused(f"{called(path)} has the column {twice[0]} more than once")
    if shared := [p for p in found.values() if list(found.values()).count(p) > 1]:
        fields = [field for field, p in found.items() if p == shared[0]]
        raise Refused(f"{called(path)}: the column {header[shared[0]]} cannot be {' and '.join(fields)} at once")
    return found


@lru_cache
def _adapter(row_model, name):
    info = row_model.model_fields[name]
    annotation = info.annotation
    for rule in info.metadata:
        annotation = Annotated[annotation, rule]
    return TypeAdapter(list[annotation], config=row_model.model_config)


def _hint(value, hints):
    """What to do about a rejected cell, in brackets."""
    return next((f" ({advice})" for look, advice in hints if re.fullmatch(look, value)), "")


def _column(row_model, name, cells):
    """Converted values of a field's column, or a sentence about the first that cannot be converted."""
    import pandas as pd

    info = row_model.model_fields[name]
    values = cells.tolist()
    if not info.is_required():
        values = [None if value == "" else value for value in values]
    try:
        values = _adapter(row_model, name).validate_python(values)
        return pd.to_datetime(values) if date in types(info.annotation) else values, None
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
    position = faults[0]["loc"][0]
    value = values[position]
    hint = _hint(value or "", _TIME_HINTS if {date, datetime} & set(types(info.annotation)) else _NUMBER_HINTS)
    more = f" (and {len(faults) - 1} more in this column)" if len(faults) > 1 else ""
    return None, (f"line {cells.index[position]}: {cells.name} must be {allowed(info, column=True)}, "
                  f"got {shorten(value) if value else 'an empty cell'}{hint}{more}")


def _feature(cells):
    """A feature's values, and a sentence if it says nothing."""
    import pandas as pd

    gaps = cells.str.lower().isin(GAPS)
    numbers = pd.to_numeric(cells.where(~gaps), errors="coerce").astype(float)
    odd = ~gaps & ~numbers.abs().lt(float("inf"))
    if gaps.all():
        return numbers, "it is empty"
    if cells[~gaps].nunique() == 1 and not gaps.any():
        return numbers, f"it is {shorten(cells.iloc[0])} in every row"
    if odd.sum() * 2 < (~gaps).sum():
        if odd.any():
            line = odd.idxmax()
            raise Refused(f"line {line}: {cells.name} must be a number as in the other rows, got "
                          f"{shorten(cells[line])}{_hint(cells[line], _NUMBER_HINTS)}")
        if numbers.iloc[:-1].to_numpy().tolist() == (numbers.iloc[1:] - 1).to_numpy().tolist():
            return numbers, "it numbers the rows"
        return numbers, None
    levels = cells[~gaps].nunique()
    return cells.where(~gaps, None), f"it has {levels} different texts" if levels > _MOST_LEVELS else None


def _features(path, frame, positions, row_model, parameters):
    """The feature columns of a file (name to values), those left out (name to reason), and faults."""
    listed = row_model.listed(parameters)
    strict = row_model.needs_features or bool(listed)
    wanted = _positions(path, list(frame.columns), {name: (name, True) for name in listed}).values()
    used = set(positions.values())
    if clash := [p for p in wanted if p in used]:
        raise Refused(f"{called(path)}: the column {frame.columns[clash[0]]} is no feature, it is read as something else")
    columns, left_out, told = {}, {}, []
    for p in sorted(wanted) or [p for p in range(frame.shape[1]) if p not in used]:
        name = frame.columns[p] or f"column {p + 1}"
        try:
            values, reason = _feature(frame.iloc[:, p])
        except Refused as error:
            if strict:
                told.append(str(error))
                continue
            values, reason = None, str(error)
        if reason is None and name in columns:
            reason = "a column before it has the same name"
        if reason is None and not row_model.needs_features and name in row_model.model_fields:
            reason = "it needs another name"
        if reason:
            left_out[name] = reason
        else:
            columns[name] = values
    if listed and left_out:
        told += [f"the column {name} cannot be a feature: {reason}" for name, reason in left_out.items()]
    if row_model.needs_features and not told and not columns:
        told.append("no column is left to learn from" + "".join(f"; {name}: {why}" for name, why in left_out.items()))
    return columns, left_out, told


def read_csv(path, row_model, parameters=None):
    """Read a chapter's data strictly.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8, comma-separated, decimals with a point, a header in its first line (capitals do not matter). An
        empty text stands for the bundled sample. Columns that the chapter does not know are ignored, unless the row model
        reads `Features`.
    row_model : subclass of Row
    parameters : Parameters, optional
        The chapter's parameters, for what of the table they ask for.

    Returns
    -------
    pandas.DataFrame
        The known columns, converted, under the names of their fields; missing optional columns are absent. Then the
        features under their own names, if the row model reads them.

    Raises
    ------
    Refused
        One sentence for each fault, naming line, column, what is allowed and what was given.
    """
    import pandas as pd

    path = Path(path) if str(path) else sample(row_model.sample())
    frame = read_cells(path)
    fields = row_model.model_fields
    positions = _positions(path, list(frame.columns), {
        field: (name, fields[field].is_required()) for field, name in row_model.columns(parameters).items() if name})
    columns, left_out, told = {}, {}, []
    for field, position in positions.items():
        columns[field], fault = _column(row_model, field, frame.iloc[:, position])
        told += [fault] if fault else []
    if issubclass(row_model, Features):
        features, left_out, faults = _features(path, frame, positions, row_model, parameters)
        told += faults + [f"the feature {name} needs another name" for name in features.keys() & columns.keys()]
        columns |= features
    if told:
        raise Refused(f"{called(path)}: " + "; ".join(told))
    read = pd.DataFrame(columns, index=frame.index)
    read.attrs["left_out"] = left_out
    try:
        return row_model.check(read, parameters)
    except Refused as error:
        raise Refused(f"{called(path)}: {error}") from None
