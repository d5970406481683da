"""What studies that train several small models in one job have in common."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class SmallModels(Section):
    """Sizes of data, training and evaluation; what an arm is, is said in the study."""

    n_train: int = Field(4_000, ge=16, description="Training points.")
    n_val: int = Field(512, ge=16, description="Validation points, to choose the best weights.")
    n_test: int = Field(4_000, ge=32, description="Test points.")
    iterations: int = Field(
        350, ge=1, description="Optimiser steps of the flows that are simulated in training."
    )
    batch_size: int = Field(128, ge=1, description="Points a step.")
    validations: int = Field(5, ge=1, description="Validations during training.")
    transport_points: int = Field(
        500, ge=8, description="Points on each side of a Wasserstein distance."
    )
