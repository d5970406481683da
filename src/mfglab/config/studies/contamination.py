"""Models that are trained on contaminated data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mfglab.config.studies.small_models import SmallModels

Share = Annotated[float, Field(gt=0, le=1)]


class ContaminationConfig(SmallModels):
    """Outliers and noise in the training data, quality against the clean law."""

    iterations: int = Field(
        60, ge=1, description="Optimiser steps of the flows that are simulated in training."
    )
    n_train: int = Field(2_000, ge=16, description="Training points.")
    outlier_shares: list[Share] = Field(
        [0.1], min_length=1, description="Shares of training points that are outliers."
    )
    particle_steps: int = Field(150, ge=1, description="Steps of the particles.")
    noise_levels: list[Share] = Field(
        [0.2], description="Noise on all points, in standard deviations of the data."
    )
