"""The discounted game tends to the gradient flow at first order in the discount time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mfglab.games.discounted_paths import (
    ReducedEnergy,
    discounted_game_path,
    double_well,
    gaussian_kl,
    gradient_flow_path,
)

Row = dict[str, float | str]


def energies() -> list[ReducedEnergy]:
    """A functional of planar Gaussians, and a potential that is not quadratic (three players)."""
    players = np.array([[2.0, -1.0], [0.3, 1.5], [-1.5, -0.5]])
    return [
        gaussian_kl(np.array([1.0, 0.25]), np.array([2.0, -1.0]), np.array([0.5, 1.5])),
        double_well(players),
    ]


def gradient_flow_limit(eps: Sequence[float], horizon: float = 1.0, points: int = 201) -> list[Row]:
    """Largest distance over time between the path of the game and that of the gradient flow.

    For Gaussians the distance is that of (mean, standard deviation), which is W2; for players the
    root of their summed squared distances.
    """
    times = np.linspace(0.0, horizon, points)
    rows: list[Row] = []
    for energy in energies():
        flow = gradient_flow_path(energy, times)
        for value in eps:
            gap = discounted_game_path(energy, value, times) - flow
            error = float(np.linalg.norm(gap, axis=0).max())
            rows.append({"case": energy.name, "eps": value, "error": error})
    return rows
