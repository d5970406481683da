"""The ledger of claims: what was claimed, what was measured, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mfglab.files import write_text
from mfglab.reporting.claims import Claim
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.judge import Outcome, Verdict

FLOAT_FORMAT = "%.4g"
COLUMNS = (
    "claim",
    "verdict",
    "estimate",
    "low",
    "high",
    "n",
    "published",
    "statement",
    "paper",
    "locator",
    "comparison",
    "explanation",
    "confounds",
    "control",
)
_MARKDOWN = ("claim", "verdict", "estimate", "interval", "n", "published", "statement", "source")


def ledger_frame(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row a claim, in the order of the claim file; every cell is text.

    Raises:
        ValueError: The verdicts are not those of the claims, in the same order.
    """
    if [claim.id for claim in claims] != [verdict.claim for verdict in verdicts]:
        raise ValueError(
            f"verdicts must be those of the claims in order, got {len(verdicts)} verdicts for "
            f"{len(claims)} claims"
        )
    rows = [_row(claim, verdict) for claim, verdict in zip(claims, verdicts, strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summary(verdicts: Sequence[Verdict]) -> dict[Outcome, int]:
    """Number of claims with each verdict, zeros included."""
    found = Counter(verdict.outcome for verdict in verdicts)
    return {outcome: found[outcome] for outcome in Outcome}


def write_ledger(
    claims: Sequence[Claim], verdicts: Sequence[Verdict], csv: str | Path, markdown: str | Path
) -> None:
    """Write the ledger as CSV and as Markdown, both the same for the same verdicts."""
    frame = ledger_frame(claims, verdicts)
    write_csv(frame, csv)
    write_text(markdown, ledger_markdown(claims, verdicts))


def ledger_markdown(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> str:
    """The ledger as Markdown: counts, table, and one paragraph a claim."""
    frame = ledger_frame(claims, verdicts)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary(verdicts).items())
    lines = ["# Ledger of claims", "", f"{len(claims)} claims: {counts}.", ""]
    lines.append("| " + " | ".join(_MARKDOWN) + " |")
    lines.append("|" + " --- |" * len(_MARKDOWN))
    for row in frame.to_dict(orient="records"):
        interval = f"[{row['low']}, {row['high']}]" if row["low"] else ""
        cells = row | {"interval": interval, "source": f"{row['paper']}, {row['locator']}"}
        lines.append("| " + " | ".join(_cell(str(cells[name])) for name in _MARKDOWN) + " |")
    for row in frame.to_dict(orient="records"):
        lines += ["", f"## {row['claim']}: {row['verdict']}", "", str(row["statement"])]
        lines += ["", str(row["explanation"])]
        if row["confounds"]:
            lines += ["", f"Confounds: {row['confounds']}."]
        if row["control"]:
            lines += ["", f"Control: {row['control']}"]
    return "\n".join(lines) + "\n"


def front_page(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> str:
    """Counts of the verdicts by paper as reStructuredText: the first page of the HTML report.

    The report centres that page and hides what does not fit, so the claims themselves are not on
    it. Papers come in the order of the claim file.
    """
    counts = ", ".join(f"**{count}** {outcome}" for outcome, count in summary(verdicts).items())
    frame = ledger_frame(claims, verdicts)
    tally = pd.crosstab(frame["paper"], frame["verdict"])
    outcomes = [str(outcome) for outcome in Outcome if str(outcome) in tally]
    rows = [["Paper", *outcomes]]
    for paper in dict.fromkeys(frame["paper"]):
        rows.append([paper, *(str(n or "") for n in tally.loc[paper, outcomes])])
    lines = [f"{len(claims)} claims: {counts}. Each with its estimate: *1. Claims*.", ""]
    lines += [".. list-table::", "   :header-rows: 1", ""]
    for cells in rows:
        lines += [f"   {'* -' if i == 0 else '  -'} {_escaped(c)}" for i, c in enumerate(cells)]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    for special in "\\*|`":
        text = text.replace(special, "\\" + special)
    return text


def _row(claim: Claim, verdict: Verdict) -> dict[str, str]:
    return {
        "claim": claim.id,
        "verdict": str(verdict.outcome),
        "estimate": _number(verdict.estimate),
        "low": _number(verdict.low),
        "high": _number(verdict.high),
        "n": str(verdict.n),
        "published": "" if claim.published is None else _published(claim.published),
        "statement": " ".join(claim.statement.split()),
        "paper": claim.source.paper,
        "locator": claim.source.locator,
        "comparison": claim.comparison.kind,
        "explanation": verdict.explanation,
        "confounds": "; ".join(claim.confounds),
        "control": " ".join(claim.control.split()),
    }


def _number(value: float | None) -> str:
    return "" if value is None else FLOAT_FORMAT % value


def _published(value: str | float) -> str:
    return value if isinstance(value, str) else _number(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
