"""Which parameter drives which result: rank statistics over the finished scenarios of a sweep."""

import math
from dataclasses import dataclass

from .report import quantity

__all__ = ["Column", "Effect", "column", "shown", "bins", "effects", "main_parameter", "alike", "FEWEST", "PERCENT"]

FEWEST = 10             # scenarios below which nothing is told from chance
PERCENT = ("share", "per year")     # units that people read in percent
_LONGEST = 60           # characters of a text in a table
_LEVELS = 12            # values of a parameter that are looked at one by one; more are put into bins
_BINS = 8
_SURE = 0.05            # largest p-value after Holm's correction
_LOST = 0.1             # share of the spread of ranks that a curve which only rises or only falls has to miss


@dataclass(frozen=True, eq=False)
class Column:
    """A parameter or a result over the scenarios.

    Attributes
    ----------
    name : str
    label, unit : str
        For a reader.
    values : pandas.Series
        Floats, with NaN where there is no value, or texts.
    is_number : bool
    """

    name: str
    label: str
    unit: str
    values: object
    is_number: bool

    def varies(self, rtol=1e-9):
        """Whether it has at least two values that differ by more than rounding."""
        import numpy as np

        known = self.values.dropna()
        if not self.is_number:
            return known.nunique() > 1
        finite = known[np.isfinite(known)]
        spread = len(finite) > 0 and finite.max() - finite.min() > rtol * finite.abs().max()
        return bool(spread or known[np.isinf(known)].nunique() + (len(finite) > 0) > 1)

    def text(self, value):
        """A value as a person reads it."""
        return shown(value, self.unit)

    def span(self, low, high):
        """From one value to another, with the unit once."""
        if low == high:
            return self.text(low)
        return f"{self.text(low).removesuffix(self.unit).rstrip()} to {self.text(high)}"


@dataclass(frozen=True)
class Effect:
    """What a parameter does to a result.

    Attributes
    ----------
    correlation : float or None
        Spearman's rank correlation; None for a parameter of texts.
    share : float
        Share of the spread of the result's ranks that is explained: the squared correlation; for a parameter of texts, or
        if the effect is not one-way, that between groups or bins (epsilon squared of Kruskal and Wallis).
    p : float
        Probability of so strong an effect by chance, after Holm's correction over the table.
    one_way : bool
        False if the result surely goes up and down again, or the other way round.
    cases : int
        Scenarios with both values.
    """

    correlation: float | None
    share: float
    p: float
    one_way: bool
    cases: int

    @property
    def is_sure(self):
        """Whether chance is ruled out."""
        return self.cases >= FEWEST and self.p < _SURE


def shown(value, unit=""):
    """A cell of a table as a person reads it."""
    import pandas as pd

    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST - 1] + "…"
    if pd.isna(value):
        return "none"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    whole = value == int(value) and abs(value) < 1e15 and unit not in PERCENT
    text = f"{int(value):,} {unit}".rstrip() if whole else quantity(float(value), unit)
    return "−" + text[1:] if text.startswith("-") else text


def column(name, label, unit, values, is_parameter=False):
    """A column of a table as what it is: numbers, or texts with "yes", "no" and "not set" among them.

    A parameter of few numbers some of which are not set is of texts too, so that "not set" is one of its values.
    """
    from pandas.api import types

    texts = values.astype(object)
    if types.is_bool_dtype(values.dtype):
        texts = texts.map({True: "yes", False: "no"})
    elif types.is_numeric_dtype(values.dtype):
        numbers = values.astype("float64")
        if not is_parameter or numbers.notna().all() or numbers.nunique() >= _LEVELS:
            return Column(name, label, unit, numbers, True)
        texts = numbers.map(lambda value: shown(value, unit), na_action="ignore")
    return Column(name, label, "", texts.where(texts.notna(), "not set").astype(str), False)


def bins(found, exact=False):
    """Number of the group that each scenario belongs to, -1 without a value: levels where they are few, else equal parts."""
    import pandas as pd

    values, counts = found.values, found.values.value_counts()
    if exact or not found.is_number or len(counts) <= _LEVELS and counts.min() >= 2:
        return values.astype("category").cat.codes.to_numpy()
    parts = max(2, min(_BINS, counts.sum() // 4))
    return pd.qcut(values.rank(), parts, labels=False, duplicates="drop").fillna(-1).astype(int).to_numpy()


def _effect(parameter, groups, result):
    """(correlation or None, share between groups, p, missed by a monotone curve, its p, cases), before any correction."""
    import numpy as np
    from scipy.stats import chi2, rankdata, spearmanr

    y = result.values.to_numpy()
    known = ~np.isnan(y) & (groups >= 0)
    x, ranks, n = parameter.values.to_numpy()[known], rankdata(y[known]), int(known.sum())
    if len(set(x)) < 2 or len(set(ranks)) < 2:
        return None
    _, groups, sizes = np.unique(groups[known], return_inverse=True, return_counts=True)
    means, k = np.bincount(groups, ranks) / sizes, len(sizes)
    total, between = ((ranks - ranks.mean())**2).sum(), (sizes * (means - ranks.mean())**2).sum()
    h = (n - 1) * between / total               # the statistic of Kruskal and Wallis
    share = max(0.0, (h - k + 1) / (n - k)) if n > k else 0.0
    if not parameter.is_number:
        return (None, share, float(chi2.sf(h, k - 1)), 0.0, 1.0, n) if 2 * k <= n else None
    found = spearmanr(x, ranks)
    missed, p = _bend(sizes, means, total, total - between)
    return float(found.statistic), share, float(found.pvalue) if n > 2 else 1.0, missed, p, n


def _bend(sizes, means, total, within):
    """Share of the spread that no curve which only rises or only falls can follow, and a p-value of it.

    The group means are compared with their best monotone fit by an F test, which is cautious: the bound k - 1 on its degrees
    of freedom is not reached under a monotone curve.
    """
    from scipy.optimize import isotonic_regression
    from scipy.stats import f

    k, n = len(sizes), sizes.sum()
    if k < 3 or n <= k:
        return 0.0, 1.0
    missed = min((sizes * (means - isotonic_regression(means, weights=sizes, increasing=up).x)**2).sum()
                 for up in (True, False))
    within = max(within, 1e-12 * total) / (n - k)
    return missed / total, float(f.sf(missed / (k - 1) / within, k - 1, n - k))


def _holm(values):
    """P-values after Holm's correction; statsmodels' own runs the garbage collector, for a quarter of a second a call."""
    import numpy as np

    values = np.asarray(values, dtype=float)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return corrected


def effects(parameters, results):
    """What each parameter does to each result of a table; chance is judged over the whole table.

    Parameters
    ----------
    parameters : list of Column
    results : list of Column
        Of numbers.

    Returns
    -------
    dict
        (parameter's name, result's name) to `Effect`; pairs of which nothing can be said are left out.
    """
    raw = {}
    for parameter in parameters:
        groups = bins(parameter)
        for result in results:
            if found := _effect(parameter, groups, result):
                raw[parameter.name, result.name] = found
    found = {}
    corrected, bends = (_holm([row[place] for row in raw.values()]) for place in (2, 4))
    for (pair, (rho, share, _, missed, _, n)), p, bend in zip(raw.items(), corrected, bends):
        bent = bend < _SURE and missed > _LOST and n >= FEWEST
        found[pair] = Effect(rho, share if rho is None or bent else rho**2, float(min(p, bend) if bent else p), not bent, n)
    return found


def _association(groups, others):
    """Cramér's V of two groupings; 0 where the table has more cells than cases."""
    import pandas as pd
    from scipy.stats.contingency import association

    table = pd.crosstab(groups, others).to_numpy()
    return float(association(table)) if min(table.shape) > 1 and table.size <= table.sum() else 0.0


def main_parameter(parameters, texts):
    """The parameter on which it depends most what a result of texts says.

    Parameters
    ----------
    parameters : list of Column
    texts : Column

    Returns
    -------
    Column or None
        None if no dependence is sure, by the chi-squared test after Holm's correction.
    """
    import pandas as pd
    from scipy.stats import chi2_contingency

    groups = [bins(parameter) for parameter in parameters] if len(texts.values) >= FEWEST else []
    sure = _holm([chi2_contingency(pd.crosstab(group, texts.values)).pvalue for group in groups]) < _SURE
    sizes = [_association(group, texts.values) * is_sure for group, is_sure in zip(groups, sure)]
    return parameters[sizes.index(max(sizes))] if any(sizes) else None


def alike(parameters):
    """Pairs of parameters that move together, so that their effects cannot be told apart.

    Parameters
    ----------
    parameters : list of Column

    Returns
    -------
    list of (Column, Column, float)
        With the rank correlation, or Cramér's V where one is of texts: above 0.7, of few scenarios nearly 1.
    """
    from itertools import combinations

    limit, found = 0.7 if parameters and len(parameters[0].values) >= FEWEST else 0.99, []
    for one, other in combinations(parameters, 2):
        if one.is_number and other.is_number:
            size = one.values.corr(other.values, method="spearman")
        else:
            size = _association(bins(one), bins(other))
        if abs(size) > limit:
            found.append((one, other, float(size)))
    return found
