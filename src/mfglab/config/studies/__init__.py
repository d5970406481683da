"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.particles import GpaConfig, HeavyTailsConfig, ParticleTraining


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    gpa: GpaConfig = Field(
        default_factory=lambda: GpaConfig.model_validate({}),
        description="Generative particles on four Gaussians.",
    )
    heavy_tails: HeavyTailsConfig = Field(
        default_factory=lambda: HeavyTailsConfig.model_validate({}),
        description="Generative particles on heavy tails.",
    )


__all__ = [
    "ClosedFormsConfig",
    "GpaConfig",
    "HeavyTailsConfig",
    "ParticleTraining",
    "StudiesConfig",
]
