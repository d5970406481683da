"""Score models of a law with a symmetry."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mfglab.config.studies.small_models import SmallModels


class EquivarianceConfig(SmallModels):
    """Plain net, plain net with rotated copies of the data, equivariant score."""

    iterations: int = Field(600, ge=1, description="Optimiser steps of every model.")
    train_sizes: list[Annotated[int, Field(ge=8)]] = Field(
        [100, 1_000], min_length=1, description="Numbers of training points."
    )
    dim: int = Field(2, ge=2, le=64, description="Dimension d.")
    order: int = Field(8, ge=2, description="Rotations of the group, components of the mixture.")
    score_points: int = Field(2_000, ge=16, description="Noised points of the score error.")
