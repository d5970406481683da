"""Look of all figures, and a writer whose PNG files are equal byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfglab.files import atomic_path

#: Colours that stay apart in print and for colour-blind readers (Okabe and Ito).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999")
DATA_COLOUR = "#444444"

_STYLE = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "mfglab",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw the body in the project's style, without a display."""
    mpl.use("Agg")
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        yield


def save(figure: Figure, path: Path, dpi: int | None = None) -> None:
    """Write a PNG without date or version, so that equal pictures are equal files.

    Args:
        figure: What is drawn.
        path: The file.
        dpi: Dots an inch; those of the style unless given.
    """
    with atomic_path(path) as temporary:
        figure.savefig(
            temporary, metadata={"Software": None}, bbox_inches="tight", dpi=dpi or "figure"
        )


def bare(axes: Axes, half: float | None = None) -> None:
    """Equal scales and no ticks: for pictures of the plane."""
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    if half is not None:
        axes.set_xlim(-half, half)
        axes.set_ylim(-half, half)


def colours_of(names: list[str]) -> dict[str, str]:
    """A fixed colour for each name, in the order given."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
