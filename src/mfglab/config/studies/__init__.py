"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.digits import DigitsStudyConfig
from mfglab.config.studies.robustness import RobustnessConfig


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    digits: DigitsStudyConfig = Field(
        default_factory=lambda: DigitsStudyConfig.model_validate({}),
        description="Generated digits.",
    )
    robustness: RobustnessConfig = Field(
        default_factory=lambda: RobustnessConfig.model_validate({}),
        description="Robustness sweeps.",
    )


__all__ = ["ClosedFormsConfig", "DigitsStudyConfig", "RobustnessConfig", "StudiesConfig"]
