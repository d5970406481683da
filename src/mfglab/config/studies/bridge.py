"""Soft Schroedinger bridges and their limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mfglab.config.base import Section


class BridgeConfig(Section):
    """How fast the end law tends to the target as its weight grows."""

    weights: list[Annotated[float, Field(gt=0)]] = Field(
        [10.0, 30.0, 100.0, 300.0, 1000.0],
        min_length=2,
        description="Weights lambda of the terminal cost.",
    )
    eps: float = Field(0.8, gt=0, description="Variance sigma^2 T of a player without control.")
    grid_points: int = Field(400, ge=50, description="Points of the grid on the line.")
