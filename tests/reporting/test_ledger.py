from __future__ import annotations

import dataclasses

import pytest
from docutils.core import publish_string

from mfglab.reporting.claims import Claim
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.judge import Outcome, Verdict
from mfglab.reporting.ledger import (
    front_page,
    ledger_frame,
    ledger_markdown,
    summary,
    write_ledger,
)


def claim(name: str, **more) -> Claim:
    return Claim.model_validate(
        {
            "id": name,
            "source": {"paper": "P", "locator": "Fig. 1"},
            "statement": "It is\n  small | smooth.",
            "measurement": {"table": "t.csv", "column": "x"},
            "comparison": {"kind": "less_than", "value": 1},
            "profiles": ["default"],
        }
        | more
    )


CLAIMS = [
    claim("zeta", published=0.123456, confounds=["size", "steps"], control="Same size."),
    claim("alpha"),
    claim("mid", published="about 3"),
]
VERDICTS = [
    Verdict("zeta", Outcome.REPRODUCED, 1 / 3, 0.1, 0.5, 3, "Clear."),
    Verdict("alpha", Outcome.NOT_RUN, None, None, None, 0, "No row."),
    Verdict("mid", Outcome.INCONCLUSIVE, 12345.678, None, None, 1, "One seed."),
]


def test_rows_keep_the_order_of_the_claims():
    frame = ledger_frame(CLAIMS, VERDICTS)
    assert frame["claim"].tolist() == ["zeta", "alpha", "mid"]
    assert frame["verdict"].tolist() == ["reproduced", "not run", "inconclusive"]
    assert frame["estimate"].tolist() == ["0.3333", "", "1.235e+04"]
    assert frame["published"].tolist() == ["0.1235", "", "about 3"]
    assert frame["statement"].iloc[0] == "It is small | smooth."


def test_summary_counts_every_verdict():
    assert summary(VERDICTS) == {
        Outcome.REPRODUCED: 1,
        Outcome.NOT_REPRODUCED: 0,
        Outcome.INCONCLUSIVE: 1,
        Outcome.NOT_RUN: 1,
    }


def test_markdown_has_counts_table_and_paragraphs():
    text = ledger_markdown(CLAIMS, VERDICTS)
    assert "3 claims: 1 reproduced, 0 not reproduced, 1 inconclusive, 1 not run." in text
    assert (
        "| zeta | reproduced | 0.3333 | [0.1, 0.5] | 3 | 0.1235 | It is small \\| smooth. "
        "| P, Fig. 1 |"
    ) in text
    assert "## mid: inconclusive" in text
    assert "Confounds: size; steps." in text


def test_files_are_the_same_twice_and_csv_can_be_read(tmp_path):
    for name in ("a", "b"):
        write_ledger(CLAIMS, VERDICTS, tmp_path / f"{name}.csv", tmp_path / f"{name}.md")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.md").read_bytes() == (tmp_path / "b.md").read_bytes()
    assert b"\r" not in (tmp_path / "a.csv").read_bytes()
    frame = read_csv(tmp_path / "a.csv", ["claim", "verdict", "explanation"])
    assert frame["estimate"].iloc[0] == pytest.approx(0.3333)


def test_verdicts_must_be_those_of_the_claims():
    with pytest.raises(ValueError, match="2 verdicts for 3 claims"):
        ledger_frame(CLAIMS, VERDICTS[:2])
    wrong = [dataclasses.replace(VERDICTS[0], claim="other"), *VERDICTS[1:]]
    with pytest.raises(ValueError, match="must be those of the claims in order"):
        ledger_frame(CLAIMS, wrong)


def test_the_first_page_counts_the_verdicts_by_paper():
    claims = [*CLAIMS, claim("other", source={"paper": "Q *2", "locator": "Tab. 1"})]
    verdicts = [*VERDICTS, Verdict("other", Outcome.REPRODUCED, 0.5, None, None, 3, "Clear.")]
    page = front_page(claims, verdicts)
    html = publish_string(page, writer="html", settings_overrides={"halt_level": 2})
    html = html.decode("utf-8") if isinstance(html, bytes) else html
    head, table = html.split("<table")
    assert "4 claims: <strong>2</strong> reproduced" in head
    assert table.count(">1<") == 4
    assert "not reproduced" not in table
    assert "Q *2" in table
    assert "smooth" not in html  # the statements are in the ledger
