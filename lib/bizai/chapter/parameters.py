"""Parameters of a chapter: their types, units and ranges, and one sentence for each wrong value."""

from datetime import date, datetime
from difflib import get_close_matches
from typing import Annotated, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic import Field as _Field

__all__ = ["Parameters", "Refused", "field", "types", "allowed", "unit", "sentences", "validate"]

_BOUNDS = {"ge": ">= {:,.15g}", "gt": "> {:,.15g}", "le": "<= {:,.15g}", "lt": "< {:,.15g}"}
_KINDS = {int: "an integer", float: "a number", str: "a text", bool: "true or false",
          date: "a date (YYYY-MM-DD)", datetime: "a local date and time (YYYY-MM-DD HH:MM:SS)"}


class Refused(ValueError):
    """An input that is refused before anything runs; the message is for the person who gave it."""


class Parameters(BaseModel):
    """Base of every chapter's parameter model. Fields have no defaults: the notebook owns them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _none_in_words(cls, values):
        """On the command line None is a text."""
        optional = {name for name, info in cls.model_fields.items() if type(None) in get_args(info.annotation)}
        return {name: None if name in optional and value == "None" else value for name, value in values.items()}


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


def allowed(info):
    """What a field allows, in words: ``an integer >= 1``, ``a number >= 0 and < 1``."""
    kind = types(info.annotation)[0]
    if kind is Literal:
        return "one of " + ", ".join(map(repr, get_args(info.annotation)))
    bounds = [text.format(getattr(rule, key)) for rule in info.metadata for key, text in _BOUNDS.items()
              if getattr(rule, key, None) is not None]
    return " ".join([_KINDS[kind], " and ".join(bounds)]).strip()


def shorten(value, width=60):
    """A value as Python would write it, cut to `width` characters."""
    text = repr(value)
    return text if len(text) <= width else text[:width - 3] + "..."


def sentences(model, error):
    """One sentence for each fault that pydantic found in `model`'s values."""
    found = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else ""
        if fault["type"] == "extra_forbidden":
            near = get_close_matches(name, model.model_fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "there are " + ", ".join(model.model_fields)
            found.append(f"unknown parameter {shorten(name)}: {hint}")
        elif fault["type"] == "missing":
            found.append(f"parameter {name} is missing")
        elif name:
            percent = unit(model.model_fields[name]) in ("share", "per year")
            hint = " (write 25% as 0.25)" if percent else ""
            found.append(f"{name} must be {allowed(model.model_fields[name])}, got {shorten(fault['input'])}{hint}")
        else:
            found.append(str(fault["ctx"]["error"]) if "error" in fault.get("ctx", {}) else fault["msg"])
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
        return model(**values)
    except ValidationError as error:
        raise Refused("; ".join(sentences(model, error))) from None
