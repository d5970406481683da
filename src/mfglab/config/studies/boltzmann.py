"""Boltzmann generators of a double well."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.studies.small_models import SmallModels


class BoltzmannStudyConfig(SmallModels):
    """Training points are base samples; test points are exact samples of the double well."""

    iterations: int = Field(400, ge=1, description="Optimiser steps of every model.")
    dim: int = Field(2, ge=1, le=64, description="Dimension d.")
    height: float = Field(4.0, gt=0, description="Barrier between the wells.")
    distance: float = Field(2.5, gt=0, description="Distance of the wells from the origin.")
    weighted_points: int = Field(
        4_000, ge=16, description="Samples behind log Z and effective sample size."
    )
