"""The library of the book *Business AI, Recomputed*.

The modules at this level are the mathematics: arrays in, frozen dataclasses or estimators out. `bizai.chapter` is what
a chapter needs around them, `bizai.rerun` runs chapters from outside. Nothing is imported until it is asked for.
"""

__version__ = "0.1.0"
