"""The README's table of claims: from the claim file without a ledger, from the ledger with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfglab.__main__ import main
from mfglab.reporting.claims import load_claims
from mfglab.reporting.csvio import TableError
from mfglab.reporting.judge import Outcome, Verdict
from mfglab.reporting.ledger import write_ledger
from mfglab.reporting.readme import BEGIN, END, PENDING, ReadmeError, is_fresh, refresh_readme

CLAIMS = """
claims:
  - id: straight
    source: {paper: "a paper", locator: "Table 1"}
    statement: Paths are | nearly | straight.
    measurement: {table: runs.csv, column: straightness}
    comparison: {kind: greater_than, value: 0.99}
    profiles: [default]
  - id: cheap
    source: {paper: "a paper", locator: "Fig. 2"}
    statement: Paths are cheap.
    measurement: {table: runs.csv, column: kinetic}
    comparison: {kind: less_than, value: 1.0}
    profiles: [default]
"""
TEXT = f"# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n"


@pytest.fixture
def files(tmp_path):
    """README, ledger (not there yet) and claim file."""
    readme, ledger, claims = (tmp_path / n for n in ("README.md", "ledger.csv", "claims.yaml"))
    readme.write_text(TEXT)
    claims.write_text(CLAIMS)
    return readme, ledger, claims


def judge(files):
    _, ledger, path = files
    claims = load_claims(path)
    verdicts = [
        Verdict("straight", Outcome.REPRODUCED, 0.9981, 0.9970, 0.9992, 3, "Why."),
        Verdict("cheap", Outcome.NOT_REPRODUCED, 1.5, 1.25, 1.75, 3, "Why."),
    ]
    write_ledger(claims, verdicts, ledger, ledger.with_suffix(".md"))


def rows(readme):
    table = readme.read_text().split(BEGIN)[1].split(END)[0]
    return [line for line in table.splitlines() if line.startswith("| Paths")]


def test_without_a_ledger_every_claim_is_pending(files):
    assert refresh_readme(*files)
    text = files[0].read_text()
    assert "2 claims: 2 not run yet." in text
    assert [PENDING in row for row in rows(files[0])] == [True, True]
    assert text.startswith("# Title\n\n")
    assert text.endswith(f"{END}\n\nEnd.\n")


def test_rows_come_from_the_ledger_in_the_order_of_the_claims(files):
    judge(files)
    refresh_readme(*files)
    assert "2 claims: 1 not reproduced, 1 reproduced." in files[0].read_text()
    first, second = rows(files[0])
    cells = r"a paper, Table 1 | reproduced | 0.9981 [0.997, 0.9992] | 3 |"
    assert first == rf"| Paths are \| nearly \| straight. | {cells}"
    assert "| a paper, Fig. 2 | not reproduced | 1.5 [1.25, 1.75] | 3 |" in second


def test_verdicts_are_counted_by_paper(files):
    judge(files)
    files[2].write_text(
        CLAIMS.replace('paper: "a paper", locator: "Table 1"', "paper: B, locator: x")
    )
    refresh_readme(*files)
    text = files[0].read_text()
    assert "| Paper | not reproduced | not run yet |" in text
    assert "| B |  | 1 |" in text
    assert "| a paper | 1 |  |" in text
    assert text.index("| a paper | 1 |") < text.index("<details>") < text.index("| Paths")


def test_refreshing_twice_changes_nothing(files):
    assert not is_fresh(*files)
    assert refresh_readme(*files)
    assert is_fresh(*files)
    assert not refresh_readme(*files)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Paths are cheap.", "Paths are very cheap."),
        ("kind: less_than", "kind: greater_than"),
        ('paper: "a paper", locator: "Fig. 2"', 'paper: "another", locator: "Fig. 2"'),
    ],
)
def test_a_changed_claim_is_pending_until_the_next_run(files, old, new):
    judge(files)
    refresh_readme(*files)
    files[2].write_text(CLAIMS.replace(old, new))
    assert not is_fresh(*files)
    refresh_readme(*files)
    assert [PENDING in row for row in rows(files[0])] == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no marker", "claims:begin --> once, got 0 times"),
        (f"{BEGIN}\n{END}\n{END}", "claims:end --> once, got 2 times"),
        (f"{END}\n{BEGIN}", "before"),
    ],
)
def test_a_readme_without_its_markers_is_left_alone(files, text, message):
    files[0].write_text(text)
    with pytest.raises(ReadmeError, match=message):
        refresh_readme(*files)
    assert files[0].read_text() == text


def test_a_ledger_without_its_columns_is_refused(files):
    files[1].write_text("claim,estimate\nstraight,1\n")
    with pytest.raises(TableError, match="has no column 'comparison'"):
        refresh_readme(*files)


def test_command_writes_and_checks(files, capsys):
    words = [
        "readme",
        *sum(zip(("--readme", "--ledger", "--claims"), map(str, files), strict=True), ()),
    ]
    assert main([*words, "--check"]) == 1
    assert "run `python -m mfglab readme`" in capsys.readouterr().err
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    Path(files[0]).unlink()
    assert main(words) == 2
    assert "does not exist" in capsys.readouterr().err
