"""Exact flows, exact value functions, exact identities."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class ClosedFormsConfig(Section):
    """Closed-form studies that train nothing."""

    illposed_angles: list[float] = Field(
        [0.0, 0.5, 1.0, 2.0, 4.0],
        min_length=2,
        description="Rotation angles (radians) of the exact flows of the ill-posedness study.",
    )
    identity_paths: int = Field(
        4_000, ge=100, description="Paths of the Monte-Carlo check of the value identity."
    )
    identity_steps: int = Field(400, ge=10, description="Time steps of that check.")
    identity_controls: list[float] = Field(
        [0.8, 0.9, 1.0, 1.1],
        min_length=1,
        description="Multiples of the optimal control that are compared.",
    )
