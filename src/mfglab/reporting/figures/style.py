"""Look of all figures, and a writer whose PNG files are equal byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

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


def save(
    figure: Figure,
    path: Path,
    dpi: int | None = None,
    flat: tuple[Sequence[str], Sequence[str]] | None = None,
) -> None:
    """Write a PNG without date or version, so that equal pictures are equal files.

    Args:
        figure: What is drawn.
        path: The file.
        dpi: Dots an inch; those of the style unless given.
        flat: The colours of a picture that has a few, those in front and those behind. A long page
            of text then takes a third of the bytes.
    """
    with atomic_path(path) as temporary:
        figure.savefig(
            temporary, metadata={"Software": None}, bbox_inches="tight", dpi=dpi or "figure"
        )
        if flat is not None:
            with Image.open(temporary) as picture:
                few = _with_palette(picture.convert("RGB"), _blends(*flat))
            few.save(temporary, "PNG", optimize=True)


def _blends(front: Sequence[str], behind: Sequence[str]) -> NDArray[np.int64]:
    # Every colour in front on every one behind, in steps: what smoothed edges are made of.
    steps = 256 // (len(front) * len(behind))
    weight = np.linspace(0, 1, steps)[:, None]
    blends = [
        weight * np.array(to_rgb(top)) + (1 - weight) * np.array(to_rgb(ground))
        for top in front
        for ground in behind
    ]
    out: NDArray[np.int64] = np.rint(255 * np.concatenate(blends)).astype(np.int64)
    return out


def _with_palette(picture: Image.Image, palette: NDArray[np.int64]) -> Image.Image:
    # The nearest colour of the palette (k, 3) at every pixel; Pillow's own search is a coarse one.
    pixels = np.asarray(picture, dtype=np.int64)
    place = np.array([65536, 256, 1])
    codes, inverse = np.unique(pixels @ place, return_inverse=True)
    found = codes[:, None] // place % 256
    nearest = np.square(found[:, None] - palette).sum(2).argmin(1)
    out = Image.fromarray(nearest[inverse].reshape(pixels.shape[:2]).astype(np.uint8))
    out.putpalette(palette.ravel().tolist())
    return out


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
