"""Single arguments of the learners: converted, or refused with one sentence."""

import math
from numbers import Integral, Real

import numpy as np

__all__ = ["integer", "number"]


def integer(name, value, least=1):
    """`value` as an int, if it is an integer >= `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
    return int(value)


def number(name, value, *, above=None, least=None, below=math.inf):
    """`value` as a float, if it is a number > `above` or >= `least`, and < `below` (None: infinity will do)."""
    real = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    if real and (above is None or value > above) and (least is None or value >= least) and (
            value < below if below is not None else value == value):
        return float(value)
    bounds = [f"> {above}"] * (above is not None) + [f">= {least}"] * (least is not None)
    bounds += [f"< {below}"] * (below not in (None, math.inf))
    kind = " ".join(["finite"] * (below == math.inf) + ["number"] + [" and ".join(bounds)] * bool(bounds))
    raise ValueError(f"{name} must be a {kind}, got {value!r}")
