"""The table of claims in the README: generated from a ledger, never typed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mfglab.files import write_text
from mfglab.reporting.claims import Claim, load_claims
from mfglab.reporting.csvio import TableError
from mfglab.reporting.ledger import COLUMNS

BEGIN = "<!-- claims:begin -->"
END = "<!-- claims:end -->"
CLAIMS = Path("config/claims.yaml")
#: Verdict of a claim that the ledger does not hold in its present wording.
PENDING = "not run yet"
_HEADINGS = ("Claim", "Source", "Verdict", "Estimate [95 % interval]", "n")


class ReadmeError(ValueError):
    """The README cannot take the table; the message says what is missing."""


def refresh_readme(readme: Path, ledger: Path, claims: Path = CLAIMS) -> bool:
    """Write the table of claims between the markers of ``readme``.

    Args:
        readme: Markdown file with the lines ``BEGIN`` and ``END``, once each, in this order.
        ledger: Ledger of a reference run; without it every claim is ``PENDING``.
        claims: Claim file, which decides rows, order and wording.

    Returns:
        Whether the file has changed.

    Raises:
        ReadmeError: The README does not exist or lacks its markers.
        ClaimError: The claim file is wrong.
        TableError: The ledger is no ledger.
    """
    old = _read(readme)
    new = with_table(old, claims_table(load_claims(claims), ledger), readme)
    if new == old:
        return False
    write_text(readme, new)
    return True


def is_fresh(readme: Path, ledger: Path, claims: Path = CLAIMS) -> bool:
    """Whether :func:`refresh_readme` would change nothing; arguments and errors as there."""
    old = _read(readme)
    return with_table(old, claims_table(load_claims(claims), ledger), readme) == old


def with_table(text: str, table: str, readme: Path) -> str:
    """``text`` with ``table`` between its markers.

    Raises:
        ReadmeError: A marker is missing, occurs twice, or the two are in the wrong order.
    """
    for marker in (BEGIN, END):
        if text.count(marker) != 1:
            raise ReadmeError(f"{readme} must hold {marker} once, got {text.count(marker)} times")
    before, rest = text.split(BEGIN)
    if END not in rest:
        raise ReadmeError(f"{readme} has {END} before {BEGIN}")
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table}{END}{after}"


def claims_table(claims: Sequence[Claim], ledger: Path) -> str:
    """Counts by paper and, folded, one row a claim, as Markdown.

    A row of the ledger counts only while claim and ledger agree on what is claimed: after a
    change of its statement or source a claim is ``PENDING`` until the next reference run.
    """
    judged = _judged(ledger)
    rows, papers = [], dict[str, Counter[str]]()
    for claim in claims:
        found = judged.get(claim.id, {})
        cells = found if _same_claim(claim, found) else {}
        verdict = cells.get("verdict", PENDING)
        papers.setdefault(claim.source.paper, Counter())[verdict] += 1
        rows.append(
            (
                " ".join(claim.statement.split()),
                f"{claim.source.paper}, {claim.source.locator}",
                verdict,
                _estimate(cells),
                cells.get("n", ""),
            )
        )
    total = sum(papers.values(), Counter[str]())
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(total.items()))
    lines = [f"{len(claims)} claims: {counts}.", "", *_by_paper(papers), ""]
    lines += ["<details>", "<summary>All claims with their estimates</summary>", ""]
    lines += [*_markdown(_HEADINGS, rows), "", "</details>"]
    return "\n".join(lines) + "\n"


def _by_paper(papers: Mapping[str, Counter[str]]) -> list[str]:
    verdicts = sorted({verdict for counts in papers.values() for verdict in counts})
    rows = [
        (paper, *(str(counts[verdict] or "") for verdict in verdicts))
        for paper, counts in papers.items()
    ]
    return _markdown(("Paper", *verdicts), rows)


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return lines + [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows
    ]


def _read(readme: Path) -> str:
    try:
        return readme.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReadmeError(f"{readme} does not exist") from None


def _judged(ledger: Path) -> dict[str, dict[str, str]]:
    """Rows of the ledger by claim, all cells as they were written; none without a ledger."""
    if not ledger.is_file():
        return {}
    with ledger.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if missing := set(COLUMNS) - set(reader.fieldnames or ()):
            raise TableError(f"ledger {ledger} has no column {sorted(missing)[0]!r}")
        return {row["claim"]: row for row in reader}


def _same_claim(claim: Claim, row: Mapping[str, str]) -> bool:
    words = " ".join(claim.statement.split())
    said = (row.get("statement"), row.get("paper"), row.get("comparison"))
    return said == (words, claim.source.paper, claim.comparison.kind)


def _estimate(row: Mapping[str, str]) -> str:
    if not row.get("estimate"):
        return ""
    interval = f" [{row['low']}, {row['high']}]" if row["low"] else ""
    return f"{row['estimate']}{interval}"
