"""Runs that have been checked and can be started anywhere."""

import json
from dataclasses import dataclass
from pathlib import Path

from bizai.chapter.parameters import Refused, validate

from .chapters import digest

__all__ = ["Job", "Checks"]


@dataclass(frozen=True)
class Job:
    """A run of a chapter, checked but not yet executed.

    Attributes
    ----------
    chapter : str
    parameters : dict
        Name to value, all of the chapter's; `data_file` is the file's name without its folder.
    file : Path or None
        The reader's data file; None for the bundled sample.
    hashes : dict
        What the result depends on beside the parameters (`Chapter.hashes`).
    """

    chapter: str
    parameters: dict
    file: Path | None
    hashes: dict

    @property
    def key(self):
        """Name of the run's folder: a hash of notebook, parameters, data, library and lock."""
        return digest(*self.hashes.values(), json.dumps(self.parameters, sort_keys=True))[:16]


class _Watched:
    """Parameters that remember which of them were looked at."""

    def __init__(self, parameters):
        self._parameters, self.seen = parameters, {}

    def __getattr__(self, name):
        value = self.seen[name] = getattr(self._parameters, name)
        return value


class Checks:
    """Checks of many runs of one chapter.

    A data file is read once and not once per run, unless its check looks at a parameter that has changed: ten thousand
    scenarios of *queueing* are checked in seconds instead of minutes.

    Parameters
    ----------
    chapter : Chapter
    """

    def __init__(self, chapter):
        self.chapter = chapter
        self._hashes, self._read = {}, {}

    def job(self, values=None, data=None):
        """The run with these parameters and data.

        Parameters
        ----------
        values : dict, optional
            Name to value or text; the chapter's defaults stand for the others.
        data : path, optional
            CSV file after the chapter's schema; the bundled sample without it.

        Raises
        ------
        Refused
            If a parameter or the data file is wrong.
        """
        values = dict(values or {})
        if data is not None:
            if "data_file" in values:
                raise Refused("give the data file once: either --data or the parameter data_file")
            if not str(data):
                raise Refused("the name of the data file is empty; leave --data out for the bundled sample")
            values["data_file"] = str(data)
        valid = validate(self.chapter.inputs.Parameters, self.chapter.defaults | values)
        file = Path(valid.data_file) if valid.data_file else None
        self._check_data(file, valid)
        if file not in self._hashes:
            self._hashes[file] = self.chapter.hashes(file)
        return Job(self.chapter.name, valid.model_dump() | {"data_file": file.name if file else ""}, file,
                   self._hashes[file])

    def _check_data(self, file, valid):
        """Read the data file, unless it was read with parameters that are the same where it matters."""
        from bizai.chapter.data import read_csv

        known = self._read.setdefault(file, {})
        for names, found in known.items():
            values = tuple(getattr(valid, name) for name in names)
            if values in found:
                sentences = found[values]
                break
        else:
            watched, sentences = _Watched(valid), ()
            try:
                read_csv(file or "", self.chapter.inputs.Row.select(watched), watched)
            except Refused as error:
                sentences = error.sentences
            known.setdefault(tuple(watched.seen), {})[tuple(watched.seen.values())] = sentences
        if sentences:
            raise Refused(*sentences)
