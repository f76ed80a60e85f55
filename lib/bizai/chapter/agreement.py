"""Ours against independent libraries and methods: one table, asserted."""

import math

from .record import emit

__all__ = ["agreement"]


def agreement(ours, others, *, rtol=1e-9, atol=0.0, digits=10):
    """Show that independent libraries or methods give the same numbers; fail where one does not.

    Parameters
    ----------
    ours : dict
        Quantity to our value.
    others : dict
        Library or method to a dict of quantity to value. A value may be a pair (estimate, half width of its
        confidence interval): ours has to lie within it. A method need not know every quantity.
    rtol, atol : float
        Largest difference allowed, relative to the other value and absolute.
    digits : int
        Significant digits shown.

    Raises
    ------
    AssertionError
        Names the quantity, the method and both values.
    ValueError
        If a method has no quantity, or one that is not ours.
    """
    import pandas as pd

    for method, theirs in others.items():
        if not theirs or theirs.keys() - ours.keys():
            raise ValueError(f"{method}: its quantities must be among {', '.join(ours)}, got {', '.join(theirs) or 'none'}")
    rows, checked, intervals = [], 0, 0
    for quantity, value in ours.items():
        row = {"quantity": quantity, "ours": f"{value:.{digits}g}"}
        for method, theirs in others.items():
            other = theirs.get(quantity)
            if other is None:
                row[method] = ""
                continue
            other, bound = other if isinstance(other, tuple) else (other, rtol * abs(other) + atol)
            if not abs(value - other) <= bound < math.inf:
                raise AssertionError(f"{quantity}: ours {value!r}, {method} {other!r}, apart by more than {bound:.3g}")
            interval = isinstance(theirs[quantity], tuple)
            row[method] = f"{other:.4g} ± {bound:.2g}" if interval else f"{other:.{digits}g}"
            checked, intervals = checked + 1, intervals + interval
        rows.append(row)
    frame = pd.DataFrame(rows)
    note = f"{checked - intervals} comparisons agree within a relative difference of {rtol:g}"
    note += f" or {atol:g} absolute" if atol else ""
    note += f"; in {intervals} our value lies within the confidence interval, marked ±" if intervals else ""
    html = frame.to_html(index=False, border=0, classes="agreement") + f"<p>{note}.</p>"
    emit("agreement", {"methods": list(others), "quantities": list(ours), "comparisons": checked},
         {"text/html": html, "text/plain": frame.to_string(index=False)})
