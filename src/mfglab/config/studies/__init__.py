"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.manifolds import ManifoldLaw, ManifoldsConfig, ProximalConfig


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    manifolds: ManifoldsConfig = Field(
        default_factory=lambda: ManifoldsConfig.model_validate({}),
        description="Proximal flows and others on data on a manifold.",
    )


__all__ = [
    "ClosedFormsConfig",
    "ManifoldLaw",
    "ManifoldsConfig",
    "ProximalConfig",
    "StudiesConfig",
]
