"""Figures of a sweep: each result against each parameter, one at a time."""

import base64
import io
import math
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import wrap

from .drivers import FEWEST, PERCENT, bins

__all__ = ["Panel", "panels", "is_grid"]

_PARAMETERS, _RESULTS = 6, 3
_GROUPS = 12            # texts of a parameter that are drawn, the most frequent ones
_FEW_POINTS = 200       # more scenarios are drawn as a band only
_GRID = 0.8             # share of a grid's scenarios that has to be finished


@dataclass(frozen=True)
class Panel:
    """One figure: its finding, the SVG as a data address, and the table behind it."""

    title: str
    image: str
    head: list
    rows: list


def is_grid(parameters):
    """Whether the scenarios are combinations of the parameters' values, each once, of which few are missing or failed."""
    import pandas as pd

    if not parameters:
        return False
    table = pd.DataFrame({parameter.name: parameter.values for parameter in parameters})
    return bool(len(table) >= _GRID * math.prod(table.nunique()) and not table.duplicated().any()
                and table.notna().all(axis=None))


def _worth_drawing(parameters, results, effects):
    """Parameter and result of each figure: of a sample where the effect is sure, the strongest parameters first."""
    grid = is_grid(parameters)

    def strength(parameter):            # on the first result, then on the second, ...
        found = [effects.get((parameter.name, result.name)) for result in results]
        return [(effect.is_sure, effect.share) if effect else (False, -1) for effect in found]

    few = grid and all(effect.cases < FEWEST for effect in effects.values())
    drawn = [(parameter, [result for result in results if (effect := effects.get((parameter.name, result.name)))
                          and (effect.is_sure or few or grid and len(parameters) == 1)])
             for parameter in sorted(parameters, key=strength, reverse=True)]
    chosen = [pair for pair in drawn if pair[1]][:_PARAMETERS]
    return [(parameter, result) for parameter, moved in chosen for result in moved]


def _levels(parameter, y, best, exact):
    """A row per value or bin of a parameter: mean, standard error and quantiles of the result, and the best slice."""
    import pandas as pd

    table = pd.DataFrame({"bin": bins(parameter, exact), "x": parameter.values, "y": y, "best": y.where(best)})
    table = table[(table["bin"] >= 0) & table["y"].notna()]
    groups = table.groupby("bin")
    x, y = groups["x"], groups["y"]
    found = pd.DataFrame({
        "x": x.mean() if parameter.is_number else x.first(), "n": y.size(), "mean": y.mean(), "error": y.sem(),
        "p10": y.quantile(0.1), "p90": y.quantile(0.9), "best": groups["best"].mean(),
        "range": [parameter.span(*pair) for pair in zip(x.min(), x.max())]})
    return found if parameter.is_number else found.nlargest(_GROUPS, "n", keep="first").sort_index()


def _slice(parameters, moved):
    """Scenarios in which all parameters but one are as in the first, which is the best."""
    import numpy as np

    same = [(parameter.values == parameter.values[0]).to_numpy() for parameter in parameters if parameter is not moved]
    return np.logical_and.reduce(same) if same else np.ones(len(moved.values), bool)


def _finding(parameter, result, effect, table):
    """What a figure shows, in a sentence."""
    def at(i):
        return f"{result.text(table['mean'].iloc[i])} at {parameter.text(table['x'].iloc[i])}"

    label = f"{result.label[:1].upper()}{result.label[1:]}"
    average = "on average " if table["n"].max() > 1 else ""
    low, high, last = table["mean"].argmin(), table["mean"].argmax(), len(table) - 1
    if result.text(table["mean"].iloc[low]) == result.text(table["mean"].iloc[high]):
        return f"{label} is {average}{result.text(table['mean'].iloc[low])} whatever the {parameter.label}"
    extremes = f"{average}lowest, {at(low)}, and highest, {at(high)}"
    if effect.correlation is None or not effect.one_way:
        return f"{label} is {extremes} ({parameter.label})"
    if not effect.is_sure:
        return f"{label}: {extremes} ({parameter.label})"
    verb = "rises" if effect.correlation > 0 else "falls"
    if (low, high) == ((0, last) if effect.correlation > 0 else (last, 0)):
        return f"{label} {verb} with {parameter.label}: {average}{at(0)}, {at(last)}"
    return f"{label} mostly {verb} with {parameter.label}: {extremes}"


@contextmanager
def _pyplot():
    """Matplotlib in the house style, and afterwards as it was: a sweep may be called from a notebook that draws too."""
    import matplotlib

    from bizai.chapter.show import style

    backend = matplotlib.get_backend()
    with matplotlib.rc_context():
        yield style()
    matplotlib.use(backend)


def _axis(axis, found):
    """Ticks and label of an axis, in percent where it is so, by powers where values span orders of magnitude."""
    from matplotlib import ticker

    unit = {"share": "%", "per year": "% per year"}.get(found.unit, found.unit)
    label = f"{found.label}, {unit}" if unit else found.label
    axis.set_label_text("\n".join(wrap(label, 30, max_lines=3, placeholder=" …")))
    if axis.get_scale() == "log" or not found.is_number:
        return                      # matplotlib labels the powers
    if found.unit in PERCENT:
        axis.set_major_formatter(ticker.PercentFormatter(1, symbol=""))
    else:
        axis.set_major_locator(ticker.MaxNLocator(5, integer=bool((found.values.dropna() % 1 == 0).all())))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _draw(plt, parameter, result, table, y):
    """The figure as SVG."""
    import numpy as np

    fig, ax = plt.subplots(figsize=(4.3, 3.0))
    if parameter.is_number:
        x, places, line = table["x"].to_numpy(), parameter.values, "-"
        low, high = places.min(), places.max()
        if 0 < 50 * low < high and places.median() < low + 0.2 * (high - low):
            ax.set_xscale("log")            # varied over orders of magnitude
    else:
        x, line = np.arange(len(table)), ""
        places = parameter.values.map(dict(zip(table["x"], x)))
        names = [name if len(name) <= 14 else name[:13] + "…" for name in table["x"]]
        ax.set_xticks(x, names, **({"rotation": 35, "ha": "right"} if len(names) > 4 else {}))
        ax.set_xlim(-0.5, len(names) - 0.5)
    if len(y) <= _FEW_POINTS:
        ax.plot(places, y, ".", color="#9aa4b2", markersize=4)
    if table["n"].max() > 1:
        spread = {"color": "C0", "alpha": 0.15}
        if line:
            ax.fill_between(x, table["p10"], table["p90"], linewidth=0, **spread)
        else:
            ax.vlines(x, table["p10"], table["p90"], linewidth=6, **spread)
    best = table["best"].notna().to_numpy()         # of a grid
    bars = None if best.any() else table["error"].fillna(0)
    ax.errorbar(x, table["mean"], bars, fmt="o" + line, color="C0", markersize=4, capsize=2)
    if table["n"].max() > 1 and best.any():
        ax.plot(x[best], table["best"][best], "o" + line, color="C1", markersize=5)
    _axis(ax.xaxis, parameter)
    _axis(ax.yaxis, result)
    image = io.BytesIO()
    fig.savefig(image, format="svg", metadata={"Date": None})
    plt.close(fig)
    return "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode()


def panels(parameters, results, effects):
    """Figures of the leading results against the parameters that move them most.

    Parameters
    ----------
    parameters, results : list of Column
        Over the finished scenarios, best first; the results in order of importance, of which the first three are drawn.
    effects : dict
        Of `drivers.effects`.

    Returns
    -------
    list of Panel
        Of a sample where the effect is surely more than chance; of few scenarios nothing is drawn but a grid.
    """
    import numpy as np
    import pandas as pd

    grid, found = is_grid(parameters), []
    chosen = _worth_drawing(parameters, results[:_RESULTS], effects)
    if not chosen:
        return []
    with _pyplot() as plt:
        for parameter, result in chosen:
            y = result.values.where(np.isfinite(result.values))
            best = _slice(parameters, parameter) if grid else False
            table = _levels(parameter, y, pd.Series(best, index=y.index), grid)
            if len(table) > 1:
                title = _finding(parameter, result, effects[parameter.name, result.name], table)
                if infinite := int(np.isinf(result.values).sum()):
                    title += f" ({infinite:,} infinite left out)"
                found.append(Panel(title, _draw(plt, parameter, result, table, y),
                                   *_behind(parameter, result, table, grid)))
    return found


def _behind(parameter, result, table, grid):
    """Head and rows of the table behind a figure."""
    if table["n"].max() == 1:
        return [parameter.label, result.label], [[row.range, result.text(row.mean)] for row in table.itertuples()]
    head = [parameter.label, "Scenarios", f"Mean of {result.label}", "All else as in the best" if grid else "Standard error",
            "10% are below", "10% are above"]
    return head, [[row.range, f"{row.n:,}", *map(result.text, (row.mean, row.best if grid else row.error, row.p10, row.p90))]
                  for row in table.itertuples()]
