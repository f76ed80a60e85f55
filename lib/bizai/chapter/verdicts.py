"""Verdicts on the articles' statements: the ledger, and the box a chapter shows."""

import math
import numbers
from functools import lru_cache

from .data import project_root
from .record import emit, records

__all__ = ["VERDICTS", "ClaimError", "ledger", "claim", "claims"]

# verdict: (mark, colour of the edge); the word always stands beside the mark
VERDICTS = {
    "holds": ("✓", "#1b7837"),
    "imprecise": ("≈", "#9a6700"),
    "wrong": ("✗", "#b2182b"),
    "does not run": ("⊘", "#762a83"),
    "not checkable": ("?", "#5a6270"),
    "pending": ("…", "#5a6270"),
}


class ClaimError(AssertionError):
    """The ledger and the chapter's computation disagree."""


def ledger():
    """All rows of data/claims, id to row, in the ledger's order."""
    files = sorted((project_root() / "data" / "claims").glob("*.yml"))
    return _rows(tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files))


@lru_cache(maxsize=1)
def _rows(files):
    """The rows of the files, read again only where one has changed."""
    import yaml

    rows = {}
    for path, *_ in files:
        for row in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
            if row["id"] in rows:
                raise ClaimError(f"{row['id']} stands twice in the ledger")
            rows[row["id"]] = row
    return rows


def _judged(statement_id, verdict):
    """The ledger's row and the recorded evidence, if both agree with the chapter's verdict."""
    row = ledger().get(statement_id)
    if row is None:
        raise ClaimError(f"{statement_id} has no row in data/claims")
    if verdict != row["verdict"]:
        raise ClaimError(f"{statement_id}: the ledger says {row['verdict']!r}, the chapter computed {verdict!r}")
    if verdict not in VERDICTS:
        raise ClaimError(f"{statement_id}: {verdict!r} is no verdict; there are {', '.join(VERDICTS)}")
    value = records().get(row.get("evidence"))
    if value is None:
        raise ClaimError(f"{statement_id}: its evidence {row.get('evidence')!r} was not recorded")
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(row["tolerance"]):
        raise ClaimError(f"{statement_id}: {row['evidence']} has to be one number, with a finite tolerance")
    if not abs(value - row["expected"]) <= row["tolerance"]:
        raise ClaimError(f"{statement_id}: {row['evidence']} is {value!r}, the ledger expects {row['expected']!r} "
                         f"within {row['tolerance']!r}")
    return row, value


def _payload(row):
    return {"id": row["id"], "verdict": row["verdict"], "evidence": row["evidence"]}


def claim(statement_id, verdict):
    """Show a statement's verdict; fail where the ledger and the chapter's numbers disagree.

    Parameters
    ----------
    statement_id : str
        As in the ledger, for example ``D2-EQ-24``.
    verdict : str
        What this chapter computed; it has to be the ledger's verdict.

    Raises
    ------
    ClaimError
        If the id is unknown, the verdicts differ, or the recorded evidence is missing or differs from the ledger's
        expected value by more than its tolerance.
    """
    row, value = _judged(statement_id, verdict)
    mark, colour = VERDICTS[verdict]
    lines = [f"<div class=\"verdict verdict-{verdict.replace(' ', '-')}\" role=\"note\" "
             f"style=\"border-left: 0.3rem solid {colour}; padding: 0.1rem 1rem; margin: 1rem 0\">", "",
             f"**{mark} {verdict}** · {statement_id} · {row['kind']} in section {row['section']}", "",
             f"The article: {row['statement']}", "", f"Why: {row['reason']}", ""]
    if row.get("correction"):
        lines += [f"Right: {row['correction']}", ""]
    lines += [f"Computed here: `{row['evidence']}` = {value:.6g}", "", "</div>"]
    emit("claim", _payload(row), {"text/markdown": "\n".join(lines), "text/plain": f"{mark} {verdict}: {statement_id}"})


def claims(verdicts):
    """Show the verdicts on several kindred statements as one table; fail as `claim` does.

    Parameters
    ----------
    verdicts : dict
        Statement id to what this chapter computed.
    """
    lines = ["<div class=\"verdicts\">", "", "| Verdict | The article | Why |", "|---|---|---|"]
    for statement_id, verdict in verdicts.items():
        row, value = _judged(statement_id, verdict)
        emit("claim", _payload(row))
        why = row["reason"] + (f" **Right:** {row['correction']}" if row.get("correction") else "")
        why += f"<br>Computed here: `{row['evidence']}` = {value:.6g}"
        cells = (f"**{VERDICTS[verdict][0]} {verdict}**<br>{statement_id}", row["statement"], why)
        lines.append("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |")
    plain = "\n".join(f"{VERDICTS[verdict][0]} {verdict}: {statement_id}" for statement_id, verdict in verdicts.items())
    emit("text", None, {"text/markdown": "\n".join([*lines, "", "</div>"]), "text/plain": plain})
