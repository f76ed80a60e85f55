"""Running chapters from outside: one run, the command line, and the book itself.

`run` and `Run` are loaded when they are asked for.
"""

__all__ = ["run", "Run"]


def __getattr__(name):
    if name in __all__:
        from . import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
