"""Parameters of a chapter: their types, units and ranges, and one sentence for each wrong value."""

from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from pydantic import Field as _Field
from pydantic_core import PydanticCustomError

__all__ = ["Parameters", "Refused", "field", "types", "allowed", "unit", "printable", "shorten", "sentences", "validate"]

_BOUNDS = {"ge": ">= {:,.15g}", "gt": "> {:,.15g}", "le": "<= {:,.15g}", "lt": "< {:,.15g}"}
_KINDS = {int: "an integer", float: "a number", str: "a text", bool: "true or false",
          date: "a date (YYYY-MM-DD)", datetime: "a local date and time (YYYY-MM-DD HH:MM:SS)"}

_LONGEST_TEXT = 10_000
_LARGEST_INTEGER = 2**63 - 1


def printable(text):
    """A text on one line: what would not show or would act on a terminal is written as Python writes it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Refused(ValueError):
    """An input that is refused before anything runs; the message is for the person who gave it.

    Parameters
    ----------
    sentences : str
        One for each fault. The message is a single printable line, whatever was quoted in it.
    """

    _between = "; "

    def __init__(self, *sentences):
        self.sentences = tuple(map(printable, sentences))
        super().__init__(self._between.join(self.sentences))


class Parameters(BaseModel):
    """Base of every chapter's parameter model. Fields have no defaults: the notebook owns them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True,
                              str_max_length=_LONGEST_TEXT)

    @model_validator(mode="before")
    @classmethod
    def _none_in_words(cls, values):
        """On the command line None is a text."""
        optional = {name for name, info in cls.model_fields.items() if type(None) in get_args(info.annotation)}
        return {name: None if name in optional and isinstance(value, str) and value == "None" else value
                for name, value in values.items()}

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_in_disguise(cls, value, info):
        """Of what pydantic would convert: true is no number, bytes are no text."""
        kinds = types(cls.model_fields[info.field_name].annotation)
        if isinstance(value, bool) and bool not in kinds or isinstance(value, (bytes, bytearray)):
            raise PydanticCustomError("kind", "")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _fit_for_files(cls, value):
        """What a results file and a notebook cannot hold is refused."""
        if isinstance(value, str) and "\0" in value:
            raise PydanticCustomError("null", "leave out the NUL character")
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            raise PydanticCustomError("size", "beyond 64 bits")
        return value


def field(description, *, unit="", **bounds):
    """A field with a description, a unit and bounds (`ge`, `gt`, `le`, `lt`, `max_length` ... of pydantic)."""
    return _Field(description=description, json_schema_extra={"unit": unit}, **bounds)


def unit(info):
    """Unit of a model field, an empty text where it has none."""
    return (info.json_schema_extra or {}).get("unit", "")


def types(annotation):
    """The types a field accepts, without None; a Literal's is Literal itself."""
    if get_origin(annotation) is Literal:
        return [Literal]
    if get_origin(annotation) is Annotated:
        return types(get_args(annotation)[0])
    return [kind for a in get_args(annotation) for kind in types(a) if kind is not type(None)] or [annotation]


def allowed(info, *, column=False):
    """What a field allows, in words: ``an integer >= 1``, ``a number >= 0 and < 1``; a column's cell is empty, not None."""
    kind = types(info.annotation)[0]
    if kind is Literal:
        return "one of " + ", ".join(map(repr, get_args(info.annotation)))
    bounds = [text.format(getattr(rule, key)) for rule in info.metadata for key, text in _BOUNDS.items()
              if getattr(rule, key, None) is not None]
    none = "or None" if type(None) in get_args(info.annotation) and not column else ""
    return " ".join(filter(None, [_KINDS[kind], " and ".join(bounds), none]))


def shorten(value, width=60):
    """A value as Python would write it, cut to `width` characters."""
    try:
        text = repr(value)
    except ValueError:          # Python writes no integer of more than 4300 digits
        text = "a number of thousands of digits"
    return text if len(text) <= width else text[:width - 3] + "..."


def _hint(fault, unit):
    """What to do about a rejected value, in brackets."""
    if fault["type"] == "string_too_long":
        return f" ({len(fault['input']):,} characters; at most {fault['ctx']['max_length']:,})"
    if fault["type"] == "string_unicode":
        return " (half of a character)"
    if fault["type"] in ("null", "size"):
        return f" ({fault['msg']})"
    return " (write 25% as 0.25)" if unit in ("share", "per year") else ""


def sentences(model, error):
    """One sentence for each fault that pydantic found in `model`'s values."""
    found = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] in ("extra_forbidden", "invalid_key"):
            near = get_close_matches(name[:100], model.model_fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(model.model_fields)
            found.append(f"unknown parameter {shorten(name)}: {hint}")
        elif fault["type"] == "missing":
            found.append(f"parameter {name} is missing")
        elif name:
            info = model.model_fields[name]
            found.append(f"{name} must be {allowed(info)}, got {shorten(fault['input'])}{_hint(fault, unit(info))}")
        elif fault["type"] == "string_unicode":
            found.append("the name of a parameter holds half of a character")
        else:
            text = str(fault["ctx"]["error"]) if "error" in fault.get("ctx", {}) else fault["msg"]
            found.append(text if len(text) <= 500 else text[:497] + "...")
    return found


def validate(model, values):
    """Check values against a chapter's model.

    Parameters
    ----------
    model : subclass of Parameters
    values : dict
        Name to value. Of a chapter's ``globals()`` (told by their builtins) the model's names are taken and the others
        left alone; of any other dict every name has to be the model's, so that a misspelt one is refused.

    Returns
    -------
    Parameters
        Immutable, with every value converted to its type.

    Raises
    ------
    Refused
        One sentence for each wrong value: which parameter, what is allowed, what was given.
    """
    if not isinstance(values.get("__builtins__", ""), str):
        values = {name: values[name] for name in model.model_fields if name in values}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Refused(*sentences(model, error)) from None
