"""Figures of generative particles: panels, arms, what lies outside."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.reporting.figures.particles import TAIL_ARMS, mixture_grid, tail_curves
from mfglab.reporting.figures.style import figure_style


@pytest.fixture(autouse=True)
def style():
    with figure_style():
        yield


def test_the_mixture_has_a_row_a_multiple_and_a_column_a_constant():
    rng = np.random.default_rng(0)
    arrays = {"train": rng.random((10, 2))}
    for name in ("none", "0.1"):
        for multiple in (1, 3):
            arrays[f"particles_{name}_{multiple}"] = rng.random((10 * multiple, 2))
    arrays["particles_none_1"][:2] = 100.0
    figure = mixture_grid(arrays, [None, 0.1], [1, 3])
    assert len(figure.axes) == 4
    assert [axes.get_title() for axes in figure.axes] == ["no constraint", "L = 0.1", "", ""]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "2 outside" in texts
    assert "M = N" in texts


def test_tails_show_every_arm_on_two_logarithmic_axes():
    radius = np.geomspace(0.1, 100, 20)
    arrays = {"radius_law": radius, "exact_law": 1 / (1 + radius)}
    arrays |= {f"{key}_law": np.clip(1 - radius / 50, 0, 1) for key, *_ in TAIL_ARMS}
    (axes,) = tail_curves(arrays, {"law": "Student law"}).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert len(axes.lines) == 1 + len(TAIL_ARMS)
    assert all((line.get_ydata() > 0).all() for line in axes.lines)
    assert axes.get_title() == "Student law"
