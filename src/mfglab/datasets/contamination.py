"""Contaminated samples: outliers in place of a share of the points, or noise on all of them."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor

#: Outliers fill, or lie at the edge of, a box this many times the size of the data's.
BOX = 3.0

Contaminate = Callable[[Tensor, float, torch.Generator], Tensor]
"""Points (n, d), a level and a generator to contaminated points (n, d)."""


def uniform_outliers(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Replace a share ``level`` by uniform points in a box three times the size of the data's."""
    centre, half = _box(x)
    count = _count(x, level)
    u = torch.rand(count, x.shape[1], dtype=x.dtype, generator=generator)
    return torch.cat([centre + BOX * half * (2 * u - 1), x[count:]])


def cluster_outliers(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Replace a share ``level`` by one narrow cluster, at the right edge of the same box."""
    centre, half = _box(x)
    count = _count(x, level)
    shift = torch.zeros_like(centre)
    shift[0] = BOX * half[0]
    z = torch.randn(count, x.shape[1], dtype=x.dtype, generator=generator)
    return torch.cat([centre + shift + 0.1 * half * z, x[count:]])


def feature_noise(x: Tensor, level: float, generator: torch.Generator) -> Tensor:
    """Add normal noise of ``level`` standard deviations of each coordinate to every point."""
    _count(x, level)
    z = torch.randn(x.shape, dtype=x.dtype, generator=generator)
    return x + level * x.std(0) * z


CONTAMINATIONS: MappingProxyType[str, Contaminate] = MappingProxyType(
    {"uniform": uniform_outliers, "cluster": cluster_outliers, "noise": feature_noise}
)
"""Kinds by name."""


def _box(x: Tensor) -> tuple[Tensor, Tensor]:
    low, high = x.min(0).values, x.max(0).values
    return (low + high) / 2, (high - low) / 2


def _count(x: Tensor, level: float) -> int:
    if not 0 <= level <= 1:
        raise ValueError(f"the level of a contamination must lie in [0, 1], got {level!r}")
    return round(level * len(x))
