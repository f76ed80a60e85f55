"""The summary of a sweep: one self-contained HTML file that says what drives what, for a reader who decides."""

import math
from difflib import get_close_matches
from urllib.parse import quote

from bizai.chapter.parameters import Refused, shorten, unit

from .chapters import payloads
from .curves import is_grid, panels
from .drivers import FEWEST, PERCENT, alike, bins, column, effects, main_parameter, shown
from .report import template
from .results import columns

__all__ = ["summary", "ranking", "ranked"]

_NOT_FINITE = ("nan", "inf", "-inf")        # how a number that is none of the finite ones is recorded
_MOST = 8               # parameters in a table of scenarios, results that are shown at once, texts that are told apart
_HEADLINES = 4          # headlines in a table of scenarios, and results of texts that are tabulated
_CAUSES = 20            # causes of failures that are listed


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) or value in _NOT_FINITE


def ranking(chapter, best=None):
    """The result by which a chapter's scenarios are ranked.

    Parameters
    ----------
    chapter : Chapter
    best : str, optional
        ``RESULT:lowest`` or ``RESULT:highest``; without it what the chapter's inputs name as `BEST`.

    Returns
    -------
    tuple of str, or None
        Name of the result and ``"lowest"`` or ``"highest"``; None where the chapter names none.

    Raises
    ------
    Refused
        The text has another form, or the result is unknown or no number.
    """
    if best is None:
        return getattr(chapter.inputs, "BEST", None)
    name, _, way = best.rpartition(":")
    if way not in ("lowest", "highest"):
        raise Refused(f"best must be RESULT:lowest or RESULT:highest, got {shorten(best)}")
    recorded = {record["name"]: record["value"] for record in payloads(chapter.notebook, "record")}
    if name not in recorded:
        near = get_close_matches(name, recorded, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"`bizai describe {chapter.name}` lists the results"
        raise Refused(f"best names the unknown result {shorten(name)}: {hint}")
    if not _is_number(recorded[name]):
        raise Refused(f"best must name a number, and {name} is none (it is {shorten(recorded[name])})")
    return name, way


def ranked(frame, chapter, best=None):
    """The finished scenarios, best first.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table of a sweep.
    chapter : Chapter
    best : str, optional
        As for `ranking`.

    Returns
    -------
    pandas.DataFrame
        Rows that are done; those without a value stand last. In their old order where nothing ranks them.
    """
    import pandas as pd

    done, chosen = frame[frame["status"] == "done"], ranking(chapter, best)
    place = chosen and columns(chapter.inputs.Parameters.model_fields, _records(chapter))[1].get(chosen[0])
    if place not in done:
        return done
    values = pd.to_numeric(done[place], errors="coerce")
    order = values.sort_values(ascending=chosen[1] == "lowest", kind="stable", na_position="last").index
    return done.loc[order]


def _records(chapter):
    """Name to (how near it is to the chapter's answer, payload) of the recorded results, the nearest first.

    0: a headline. 1: recorded in one cell with a headline. 2: the rest, and bounds of intervals.
    """
    found = {}
    for cell in chapter.notebook["cells"]:
        recorded = payloads({"cells": [cell]}, "record")
        with_headline = any(record["headline"] for record in recorded)
        for record in recorded:
            near = with_headline and not record["name"].endswith(("_low", "_high", "_half_width", "_se"))
            found[record["name"]] = (0 if record["headline"] else 1 if near else 2, record)
    return dict(sorted(found.items(), key=lambda item: item[1][0]))


def _words(name, of=""):
    """A name in words, without the unit at its end."""
    return name.replace("_", " ").removesuffix(f" {of}")


def _upper(text):
    return text[:1].upper() + text[1:]


def _is_copy(one, other):
    """Whether a result is another one in another unit."""
    if not other.is_number or (one.values.isna() != other.values.isna()).any():
        return False
    ratio = (one.values / other.values).dropna()
    return bool(len(ratio) and ratio.max() - ratio.min() <= 1e-9 * abs(ratio.iloc[0]))


class _Sweep:
    """The table of a sweep, seen as columns with labels and units.

    Attributes
    ----------
    current : DataFrame
        Rows that are not stale.
    cases : DataFrame
        Finished runs, each once, best first.
    varied, drivers : list of Column
        Parameters that differ among the current rows, and among the cases (over the cases).
    chosen : Column or None
        The result that ranks the cases, with `way` ``"lowest"`` or ``"highest"``; it `ranks` them if it differs.
    leading, others : list of Column
        Results of numbers that differ among the cases: those to look at, the one that ranks the cases first, and the rest.
    headlines, words : list of Column
        Headlines that differ among the cases, the chosen one left out; results of texts that differ.
    """

    def __init__(self, chapter, frame, best, home):
        names = [name or f"scenario {number}" for number, name in enumerate(frame["name"].fillna(""), 1)]
        self.frame, self.home = frame.assign(name=names), home
        self.current = self.frame[self.frame["status"] != "stale"]
        self.cases = ranked(self.frame, chapter, best).drop_duplicates("key").reset_index(drop=True)
        self.fields, records = chapter.inputs.Parameters.model_fields, _records(chapter)
        of_parameters, of_records = columns(self.fields, records)

        def parameters(rows):
            found = [column(name, _words(name), unit(field), rows[of_parameters[name]], is_parameter=True)
                     for name, field in self.fields.items() if of_parameters[name] in frame]
            return [parameter for parameter in found if parameter.varies()]

        self.varied, self.drivers = parameters(self.current), parameters(self.cases)
        self.choice = ranking(chapter, best) or (None, None)
        self.chosen, self.way, self.ranks = None, self.choice[1], False
        self.leading, self.others, self.headlines, self.words = [], [], [], []
        for name in sorted(records, key=lambda name: name != self.choice[0]):       # stable: the chosen one first
            near, record = records[name]
            if isinstance(record["value"], list) or of_records[name] not in frame:
                continue
            label = record["headline"] or _words(name, record["unit"])
            found = column(name, label, record["unit"], self.cases[of_records[name]])
            is_chosen = name == self.choice[0] and found.is_number and found.values.notna().any()
            if is_chosen:
                self.chosen = found
            if found.varies(record["rtol"]):
                self.ranks |= is_chosen
                self._sort_in(found, near, is_chosen)

    def _sort_in(self, found, near, is_chosen):
        """Put a result that differs into the lists that it belongs to; copies of a parameter into none."""
        if not is_chosen and any(found.is_number and driver.values.equals(found.values) for driver in self.drivers):
            return
        if not near and not is_chosen:
            self.headlines.append(found)
        if not found.is_number:
            self.words.append(found)
            return
        leads = is_chosen or not near or near == 1 and len(self.leading) < _MOST
        leads = leads and not any(_is_copy(found, other) for other in self.leading)
        (self.leading if leads else self.others).append(found)

    def link(self, key, status):
        """Address of a run's page beside the summary."""
        place = ("failed/" if status == "failed" else "") + str(key)
        for name in ("report.html", "notebook.ipynb"):
            if self.home is not None and (self.home / place / name).exists():
                return quote(f"{place}/{name}")
        return quote(f"{place}/" if status == "failed" else f"{place}/notebook.ipynb")


def _range(found):
    """Between what and what a parameter was varied, in words."""
    known = found.values.dropna()
    levels = known.nunique()
    if found.is_number:
        return found.span(known.min(), known.max()) + (f" ({levels} values)" if levels < min(len(known), 50) else "")
    names = [shown(value) for value in sorted(set(known))]
    return ", ".join(names[:6]) + (f" and {levels - 6} others" if levels > 6 else "")


def _times(seconds):
    """A duration in words."""
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {word}"
    return f"{seconds:.3g} seconds"


def _count(number, word):
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _signed(number):
    return f"{number:+.2f}".replace("-", "−")


def _opening(sweep):
    """The first paragraph."""
    counts = sweep.frame["status"].value_counts()
    states = [f"{counts[status]:,} {words}" for status, words in
              (("done", "done"), ("failed", "failed"), ("waiting", "not run yet")) if counts.get(status)]
    text = f"{_count(len(sweep.current), 'scenario')}: {', '.join(states) or 'none'}."
    seconds = sweep.cases["duration_seconds"].dropna().astype(float)
    if len(seconds):
        text += f" Computing took {_times(seconds.sum())}" + (
            f", {_times(seconds.mean())} for a scenario" if len(seconds) > 1 else "") + "."
    return text if sweep.varied else text + " No parameter was varied."


def _answers(sweep, found):
    """The answer first: the best scenario, and what moves the result most."""
    if not len(sweep.cases):
        return ["No scenario has finished, so there is nothing to compare yet."]
    target = sweep.leading[0] if sweep.leading else None
    if sweep.ranks:
        answer = _best(sweep)
    elif sweep.chosen:
        target, values = None, sweep.chosen.values
        answer = f"{_upper(sweep.chosen.label)}: {sweep.chosen.text(values[0])}"
        if len(values) > 1:
            answer += " in every finished scenario" + (" that has a value" if values.isna().any() else "")
        answer += "."
    elif sweep.choice[0]:
        answer = f"No finished scenario has a value of {_words(sweep.choice[0])}, by which they are ranked."
    else:
        answer = "Nothing ranks the scenarios: the command takes --best RESULT:lowest or --best RESULT:highest."
    return [answer] + ([_moves(sweep, found, target)] if target and sweep.drivers else [])


def _best(sweep):
    """The best scenario, in one sentence."""
    values = sweep.chosen.values
    setting = ", ".join(f"{found.label} {found.text(found.values[0])}" for found in sweep.drivers[:_MOST])
    text = (f"Best by {sweep.chosen.label} ({sweep.way}): {shown(sweep.cases['name'][0])} with "
            f"{sweep.chosen.text(values[0])}" + (f" – {setting}." if setting else "."))
    if ties := int((values == values[0]).sum()) - 1:
        text += f" {_count(ties, 'other scenario')} come{'s' if ties == 1 else ''} to the same."
    return text


def _moves(sweep, found, target):
    """What moves a result most, in one sentence."""
    if len(sweep.drivers) == 1:
        return f"Only {sweep.drivers[0].label} was varied: every difference comes from it."
    if len(sweep.cases) < FEWEST:
        return (f"What moves {target.label} most cannot be told from {_count(len(sweep.cases), 'scenario')}: "
                f"at least {FEWEST} are needed.")
    known = [(effect, driver) for driver in sweep.drivers if (effect := found.get((driver.name, target.name)))]
    sure = sorted((pair for pair in known if pair[0].is_sure), key=lambda pair: -pair[0].share)
    if not sure:
        return f"No parameter that was varied moves {target.label} beyond chance."
    words = []
    for effect, driver in sure[:3]:
        if effect.one_way and effect.correlation is not None:
            way = "higher" if effect.correlation > 0 else "lower"
            words.append(f"{driver.label} (the higher, the {way}; rank correlation {_signed(effect.correlation)})")
        else:
            turns = "" if effect.one_way else ", up and down again"
            words.append(f"{driver.label} ({effect.share:.0%} of the spread{turns})")
    return f"{_upper(target.label)} is moved most by {', then by '.join(words)}."


def _together(sweep):
    """What the parameters that move together mean."""
    for one, other, size in alike(sweep.drivers)[:_MOST]:
        words = f"rank correlation {_signed(size)}" if one.is_number and other.is_number else f"Cramér's V {size:.2f}"
        yield f"{_upper(one.label)} and {other.label} were varied together ({words}): their effects cannot be told apart."


def _lists(sweep):
    """The tables of best and worst scenarios: heading, column heads and rows."""
    table = ([sweep.chosen] if sweep.chosen else []) + sweep.drivers[:_MOST] + sweep.headlines[:_HEADLINES]
    n = int(sweep.chosen.values.notna().sum()) if sweep.ranks else len(sweep.cases)
    parts = [("Best scenarios" if sweep.ranks else "Scenarios", range(min(10, n)))]
    if sweep.ranks and n > 10:
        parts.append(("Worst scenarios", range(n - 1, max(9, n - 6), -1)))
    for title, numbers in parts:
        yield {"title": title, "head": [(found.label, "" if found.unit == "share" else found.unit) for found in table],
               "rows": [(shown(sweep.cases["name"][i]), sweep.link(sweep.cases["key"][i], "done"),
                         [_bare(found, found.values[i]) for found in table]) for i in numbers]}


def _bare(found, value):
    """A cell of a column whose unit is in the column's head."""
    return found.text(value).removesuffix(" per year") if found.unit in PERCENT else shown(value)


def _matrix(sweep, found, results):
    """Rows of the table of effects."""
    for result in results:
        cells = []
        for driver in sweep.drivers:
            if (effect := found.get((driver.name, result.name))) is None:
                cells.append(None)
                continue
            signed = effect.correlation is not None
            way = "none" if not (signed and effect.one_way) else "up" if effect.correlation > 0 else "down"
            text = _signed(effect.correlation) if signed else f"{effect.share:.0%}"
            cells.append({"text": text if effect.is_sure else f"({text})", "size": round(100 * math.sqrt(effect.share)),
                          "sure": effect.is_sure, "bent": "" if effect.one_way else f"{effect.share:.0%}", "way": way})
        yield {"label": result.label, "missing": int(result.values.isna().sum()), "cells": cells}


def _in_words(sweep):
    """Tables of results that are texts: how often which, by the parameter on which it depends most."""
    import pandas as pd

    most = min(_MOST, len(sweep.cases) // 3)
    known = [found for found in sweep.words if found in sweep.headlines or not sweep.leading]
    for result in [found for found in known if found.values.nunique() <= most][:_HEADLINES]:
        parameter = main_parameter(sweep.drivers, result)
        if parameter is None:
            groups = pd.Series("all", index=result.values.index)
        else:
            groups = parameter.values.groupby(bins(parameter)).transform(
                lambda values: parameter.span(values.min(), values.max()) if values.notna().any() else "not set")
        table = pd.crosstab(groups, result.values)
        table = table.reindex(groups[parameter.values.argsort()].unique() if parameter else table.index)
        yield {"title": _upper(result.label) + (f" by {parameter.label}" if parameter else ""),
               "head": [parameter.label if parameter else "Scenarios", *map(shown, table.columns)],
               "rows": [(label, [f"{n:,}" + (f" ({n / counts.sum():.0%})" if n else "") for n in counts])
                        for label, counts in table.iterrows()]}


def _failures(sweep):
    """Failed scenarios grouped by cause, the most frequent first."""
    failed = sweep.current[sweep.current["status"] == "failed"]
    causes = failed["cause"].fillna("").replace("", "the cause is not known")
    for cause, count in causes.value_counts().items():
        rows = failed[causes == cause][:5]
        yield {"cause": cause if len(cause) <= 500 else cause[:499] + "…", "count": count,
               "first": [(shown(name), sweep.link(key, "failed")) for name, key in zip(rows["name"], rows["key"])]}


def summary(chapter, frame, *, best=None, home=None, title_note=""):
    """HTML text of a sweep's summary: what drives what, best and worst scenarios, failures with their causes.

    Parameters
    ----------
    chapter : Chapter
    frame : pandas.DataFrame
        The table of the sweep, as results.parquet holds it.
    best : str, optional
        As for `ranking`.
    home : Path, optional
        The folder that will hold the summary beside the runs, to link reports where there are some.
    title_note : str
        A sentence below the title.

    Returns
    -------
    str
        One file without scripts that loads nothing.

    Raises
    ------
    Refused
        `best` is wrong.
    """
    sweep = _Sweep(chapter, frame, best, home)
    found, rest = effects(sweep.drivers, sweep.leading), effects(sweep.drivers, sweep.others)
    failures, counts = list(_failures(sweep)), frame["status"].value_counts()
    files = {shown(name) for name in sweep.current.get("data_file", []) if isinstance(name, str) and name}
    return template("summary.html.j2").render(
        title=chapter.title, note=title_note, chapter=chapter.name, opening=_opening(sweep), answers=_answers(sweep, found),
        together=_together(sweep), varied=[(v.label, _range(v), sweep.fields[v.name].description) for v in sweep.varied],
        lists=list(_lists(sweep)) if len(sweep.cases) else [], has_rank=sweep.chosen is not None,
        drivers=sweep.drivers, cases=len(sweep.cases), fewest=FEWEST, has_groups=any(not d.is_number for d in sweep.drivers),
        main=list(_matrix(sweep, found, sweep.leading)), rest=list(_matrix(sweep, rest, sweep.others)),
        bent=any(not effect.one_way for effect in (found | rest).values()), words=list(_in_words(sweep)),
        panels=panels(sweep.drivers, sweep.leading, found), is_grid=is_grid(sweep.drivers),
        failures=failures[:_CAUSES], causes=len(failures), stale=counts.get("stale", 0), waiting=counts.get("waiting", 0),
        hashes=chapter.hashes(), files=sorted(files) or ["the bundled sample"])
