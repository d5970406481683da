"""What each term of a flow's objective does."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.studies.small_models import SmallModels


class FlowAblationConfig(SmallModels):
    """Plain, kinetic and Jacobian-penalised CNF, OT-Flow with and without its terms, matching."""

    iterations: int = Field(
        180, ge=1, description="Optimiser steps of the flows that are simulated in training."
    )
    path_points: int = Field(500, ge=8, description="Test points whose trajectories are measured.")
    drawn_paths: int = Field(60, ge=1, description="Trajectories in the figure.")
