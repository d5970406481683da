"""Random heads, hidden states and labels of the study of the proximal map."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.config import ProximalMapConfig
from mfglab.games.closed_forms.convex_heads import ConvexHead, LogSumExpHead, QuadraticHead
from mfglab.training.seeds import stream

Row = dict[str, float | str]

KINDS: dict[str, Callable[[Tensor], ConvexHead]] = {
    "log-sum-exp": LogSumExpHead,
    "quadratic": QuadraticHead,
}


@dataclass(frozen=True)
class Case:
    """One head with players of one label.

    Args:
        name: Kind of head.
        head: The head.
        replicate: Its number.
        players: Hidden states ``X(0)`` of the numerical game, shape (n, d).
        label: Their label, shape (c,).
        unit: ``T L^2``.
    """

    name: str
    head: ConvexHead
    replicate: int
    players: Tensor
    label: Tensor
    unit: float

    @property
    def dim(self) -> int:
        """D."""
        return self.head.psi.shape[1]

    def key(self, ratio: float) -> Row:
        """First columns of every table."""
        return {
            "head": self.name,
            "dim": float(self.dim),
            "replicate": float(self.replicate),
            "ratio": ratio,
        }


def make_case(config: ProximalMapConfig, name: str, dim: int, replicate: int) -> Case:
    """A random head with spectral norm L; label and players are drawn with it."""
    generator = stream("proximal map", config.seed, replicate, dim)
    psi = normal(config.classes, dim, generator)
    psi = psi * (config.lipschitz / torch.linalg.matrix_norm(psi, 2))
    label = smooth_labels(torch.tensor([replicate % config.classes]), config)[0]
    players = normal(config.players, dim, generator)
    unit = config.horizon * config.lipschitz**2
    return Case(name, KINDS[name](psi), replicate, players, label, unit)


def plane_case() -> Case:
    """Three classes in the plane with a head that is not uniform, players on two circles."""
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    players = torch.cat([2.0 * circle, 1.2 * circle.roll(1, 0).lerp(circle, 0.5)])
    psi = torch.tensor([[1.6, 0.3], [-0.9, 1.1], [-0.5, -0.8]], dtype=torch.float64)
    head = LogSumExpHead(psi)
    label = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)
    return Case("log-sum-exp", head, 0, players, label, head.lipschitz**2)


def normal(n: int, dim: int, generator: torch.Generator) -> Tensor:
    """Standard normal rows, float64."""
    return torch.randn(n, dim, dtype=torch.float64, generator=generator)


def smooth_labels(classes: Tensor, config: ProximalMapConfig) -> Tensor:
    """Labels (n, c) of class numbers (n,): a share ``smoothing`` is spread over all classes."""
    hard = torch.nn.functional.one_hot(classes, config.classes).double()
    return (1 - config.smoothing) * hard + config.smoothing / config.classes
