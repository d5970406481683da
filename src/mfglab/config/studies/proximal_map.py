"""The theory of the OT-Transformer: the proximal map, the game without it, the bounds."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class ProximalMapConfig(Section):
    """Optimal flows in depth for convex heads: proximal map, numerical game, stability bounds."""

    dims: list[int] = Field([2, 12], min_length=1, description="Dimensions of the hidden state.")
    classes: int = Field(5, ge=2, description="Outputs of the heads.")
    lipschitz: float = Field(3.0, gt=0, description="L, spectral norm of the heads.")
    horizon: float = Field(1.0, gt=0, description="T, the depth.")
    ratios: list[float] = Field(
        [10.0, 2.0, 1.1, 0.5, 0.1, 0.01],
        min_length=1,
        description="lambda / (T L^2); Theorem 2 needs more than 1. lambda = 0 is added.",
    )
    replicates: int = Field(3, ge=1, description="Random heads of each kind and dimension.")
    players: int = Field(16, ge=2, description="Hidden states of the numerical game, one label.")
    starts: int = Field(3, ge=2, description="Random starts of its optimiser.")
    steps: int = Field(8, ge=2, description="M, free velocities of each player.")
    pairs: int = Field(200, ge=1, description="Pairs of inputs and labels for each bound.")
    sample: int = Field(64, ge=2, description="Points of each law of Theorem 3.")
    smoothing: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of a label spread over all classes: without it cross-entropy has no "
        "minimiser at lambda = 0.",
    )
    seed: int = Field(2505, ge=0, description="Seed of heads, states, labels and starts.")
