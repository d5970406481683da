"""The verdicts at a glance."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from mfglab.reporting.claims import Claim
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.judge import Outcome, Verdict

COLOUR_OF = {
    Outcome.REPRODUCED: "#009E73",
    Outcome.NOT_REPRODUCED: "#D55E00",
    Outcome.INCONCLUSIVE: "#E69F00",
    Outcome.NOT_RUN: "#BBBBBB",
}
_ROW = 0.42  # inches
_STRIPE = "#f4f4f4"


def draw_verdicts(claims: Sequence[Claim], verdicts: Sequence[Verdict], path: Path) -> None:
    """Write the figure that stands beside a ledger."""
    with figure_style():
        flat = ["black", *COLOUR_OF.values()], ["white", _STRIPE]
        save(verdict_figure(claims, verdicts), path, dpi=110, flat=flat)


def verdict_figure(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> Figure:
    """One line a claim: verdict, statement, estimate with its interval."""
    n = len(claims)
    figure, axes = plt.subplots(figsize=(9.6, _ROW * n + 0.5), layout="constrained")
    axes.set_xlim(0, 1)
    axes.set_ylim(n - 0.5, -1.3)
    axes.axis("off")
    for x, heading in ((0.02, "verdict"), (0.17, "claim"), (0.80, "estimate [95% interval]")):
        axes.text(x, -0.9, heading, fontweight="bold", va="center")
    for i, (claim, verdict) in enumerate(zip(claims, verdicts, strict=True)):
        if i % 2 == 0:
            axes.axhspan(i - 0.5, i + 0.5, color=_STRIPE, lw=0)
        axes.scatter([0.01], [i], s=45, color=COLOUR_OF[verdict.outcome], clip_on=False)
        axes.text(0.025, i, str(verdict.outcome), va="center", fontsize=8)
        statement = " ".join(claim.statement.split())
        axes.text(0.17, i, textwrap.fill(statement, 92), va="center", fontsize=7.5)
        axes.text(0.80, i, _estimate(verdict), va="center", fontsize=8)
    return figure


def _estimate(verdict: Verdict) -> str:
    if verdict.estimate is None:
        return "-"
    if verdict.low is None or verdict.high is None or verdict.low == verdict.high:
        return f"{verdict.estimate:.3g}"
    return f"{verdict.estimate:.3g}  [{verdict.low:.3g}, {verdict.high:.3g}]"
