"""Chapters as files: their defaults, their inputs, what they depend on, and the key of a run."""

import ast
import hashlib
import importlib
import json
import sys
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from bizai.chapter import verdicts
from bizai.chapter.data import project_root
from bizai.chapter.parameters import Refused
from bizai.chapter.record import MIME

__all__ = ["Chapter", "chapters", "find", "payloads", "digest", "notebook_format"]

_CHANGED_BY_RUNNING = ("source", "outputs", "execution_count")   # the source is hashed as one text


def digest(*parts):
    """SHA-256 over texts or bytes, each counted with its length, so that no two lists of parts collide."""
    total = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        total.update(len(raw).to_bytes(8, "big") + raw)
    return total.hexdigest()


def notebook_format():
    """The module nbformat, imported without what costs more than a second: jsonschema's grammar of internet addresses.

    Every run, and nothing that checks addresses, waits for it. Afterwards the grammar can be imported as ever.
    """
    grammar = "rfc3987_syntax"
    if "nbformat" not in sys.modules and grammar not in sys.modules:
        sys.modules[grammar] = None             # jsonschema does without where the import fails
        try:
            import nbformat
        finally:
            del sys.modules[grammar]
    import nbformat

    return nbformat


def payloads(notebook, kind):
    """The machine-readable payloads of one kind in a notebook's outputs, in order."""
    mime = MIME.format(kind)
    return [output["data"][mime] for cell in notebook["cells"] if cell["cell_type"] == "code"
            for output in cell["outputs"] if mime in output.get("data", {})]


def _text(source):
    """A cell's source, which a notebook file may hold as a list of lines."""
    return source if isinstance(source, str) else "".join(source)


@lru_cache(maxsize=1000)         # a sweep asks for the same few files before and after each run
def _imports(code):
    """Names of the bizai modules that a piece of Python imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == "bizai"}


@lru_cache(maxsize=1000)
def _plain(cell):
    """A code cell as plain Python: IPython's magics become calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(cell)


def _module_file(name):
    path = project_root() / "lib" / Path(*name.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@lru_cache(maxsize=1000)
def _relative(path, code):
    """Absolute names of what a module of the library imports relatively."""
    package = path.relative_to(project_root() / "lib").parent.parts
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[:len(package) - node.level + 1] + ((node.module,) if node.module else ())
            found.add(".".join(base))
            found.update(".".join(base + (alias.name,)) for alias in node.names)
    return found


def _library(code):
    """Files of the library that a piece of Python imports, directly or through one another."""
    files, waiting = set(), set(_imports(code))
    while waiting:
        name = waiting.pop()
        path = _module_file(name)
        if path is None or path in files:
            continue
        files.add(path)
        text = path.read_text(encoding="utf-8")
        parents = {name.rsplit(".", 1)[0]} if "." in name else set()
        waiting |= _imports(text) | _relative(path, text) | parents
    return sorted(files)


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book."""

    name: str

    @property
    def path(self):
        """The notebook's file."""
        return project_root() / "notebooks" / f"{self.name}.ipynb"

    @cached_property
    def notebook(self):
        """The notebook as nbformat 4 JSON."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    @cached_property
    def inputs(self):
        """The module with the chapter's `Parameters` and `Row`."""
        return importlib.import_module(f"bizai.chapter.inputs.{self.name}")

    @property
    def title(self):
        """First heading of the notebook."""
        texts = (_text(c["source"]) for c in self.notebook["cells"] if c["cell_type"] == "markdown")
        return next(line[2:].strip() for text in texts for line in text.splitlines() if line.startswith("# "))

    @cached_property
    def defaults(self):
        """Name to value, as the cell tagged `parameters` sets them."""
        cell = next(c for c in self.notebook["cells"] if "parameters" in c["metadata"].get("tags", []))
        found = {}
        for node in ast.parse(_text(cell["source"])).body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                found[target.id] = ast.literal_eval(node.value)
        return found

    @property
    def code(self):
        """All code cells as one text of plain Python."""
        return "\n".join(_plain(_text(c["source"])) for c in self.notebook["cells"] if c["cell_type"] == "code")

    def hashes(self, data=None):
        """What a result of this chapter depends on, each as a hash.

        Parameters
        ----------
        data : Path or None
            A file of the reader's own.

        Returns
        -------
        dict
            ``notebook`` (its cells without their outputs), ``library`` (the modules it imports, directly or not), ``data``
            (the samples that it or they name, the given file, and its rows of the ledger) and ``lock``.
        """
        root, code = project_root(), self.code
        library = _library(code + f"\nimport bizai.chapter.inputs.{self.name}")
        named = code + "".join(path.read_text(encoding="utf-8") for path in library)
        files = [p for p in sorted((root / "data" / "samples").iterdir()) if p.name in named] + ([Path(data)] if data else [])
        rows = [row for row in verdicts.ledger().values() if row["chapter"] == self.name or row["id"] in code]
        return {
            "notebook": digest(*(json.dumps([_text(cell["source"]), {key: value for key, value in cell.items()
                                                                     if key not in _CHANGED_BY_RUNNING}], sort_keys=True)
                                 for cell in self.notebook["cells"])),
            "library": digest(*(part for p in library for part in (p.relative_to(root).as_posix(), p.read_bytes()))),
            "data": digest(*(p.read_bytes() for p in files), json.dumps(rows, sort_keys=True, default=str)),
            "lock": digest((root / "requirements.lock").read_bytes()),
        }


def chapters():
    """All chapters, in the order of the table of contents, name to `Chapter`."""
    import yaml

    toc = yaml.safe_load((project_root() / "_toc.yml").read_text(encoding="utf-8"))
    files = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    return {Path(f).stem: Chapter(Path(f).stem) for f in files if f.startswith("notebooks/")}


def find(name):
    """The chapter of that name.

    Raises
    ------
    Refused
        If there is none; the sentence lists them.
    """
    known = chapters()
    if name not in known:
        raise Refused(f"unknown chapter {name!r}: there are {', '.join(known)}")
    return known[name]
