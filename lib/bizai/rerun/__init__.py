"""Running chapters from outside: one run, many of them, their comparison, the command line, and the book itself.

The names below are loaded when they are asked for.
"""

from importlib import import_module

_MODULES = {"run": "bizai.rerun.runner", "Run": "bizai.rerun.runner", "ChapterFailed": "bizai.rerun.execute",
            "sweep": "bizai.rerun.sweeps", "Progress": "bizai.rerun.sweeps", "SweepStopped": "bizai.rerun.sweeps",
            "compare": "bizai.rerun.comparison", "Refused": "bizai.chapter.parameters"}

__all__ = [*_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
