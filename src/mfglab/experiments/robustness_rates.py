"""Robustness, sweep (a) in two and three dimensions: finite samples on the torus."""

from __future__ import annotations

import itertools
import math

import numpy as np
import ot
import torch

from mfglab.config import RobustnessWideConfig
from mfglab.experiments.robustness_cells import Cell
from mfglab.robustness.dyadic import dyadic_bound, periodic_distances
from mfglab.robustness.schedule import Array
from mfglab.training.seeds import stream

_SPREAD = 0.15


def rates(config: RobustnessWideConfig) -> list[Cell]:
    """(a) Exact W1 of two samples of one law on the torus of side 1, and its dyadic bound.

    The distance of two samples has the rate of that of sample and law: at least the latter in the
    mean, and at most twice it.
    """
    cells = []
    conditions = itertools.product(
        (2, 3), ("uniform", "modes"), config.rate_sizes, range(config.rate_repeats)
    )
    for dim, law, size, repeat in conditions:
        x, y = (_draw(law, size, dim, (config.seed, dim, size, repeat, i)) for i in range(2))
        levels = math.ceil(math.log2(size) / dim) + 1
        cells.append(
            Cell(
                "a samples",
                f"torus, d = {dim}",
                law,
                "two samples",
                "N",
                float(size),
                "w1",
                exact_w1(periodic_distances(x, y)),
                0.5 * math.sqrt(dim),
                {"dyadic": dyadic_bound(x, y, levels)},
                repeat=repeat,
            )
        )
    return cells


def exact_w1(cost: Array, first: Array | None = None, second: Array | None = None) -> float:
    """Optimal transport cost by the network simplex; equal masses unless given."""
    masses = [
        np.full(n, 1.0 / n) if m is None else m
        for n, m in zip(cost.shape, (first, second), strict=True)
    ]
    return float(ot.emd2(masses[0], masses[1], cost, numItermax=2_000_000))


def _draw(law: str, size: int, dim: int, key: tuple[int, ...]) -> Array:
    generator = stream(f"torus sample {law}", *key)
    u = torch.rand(size, dim, generator=generator, dtype=torch.float64).numpy()
    if law == "uniform":
        return np.asarray(u, dtype=np.float64)
    z = torch.randn(size, dim, generator=generator, dtype=torch.float64).numpy()
    centre = np.where(u[:, :1] < 0.4, 0.3, 0.7)
    return np.asarray(np.remainder(centre + _SPREAD * z, 1.0), dtype=np.float64)
