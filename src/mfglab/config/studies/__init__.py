"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.memorisation import MemorisationConfig


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    memorisation: MemorisationConfig = Field(
        default_factory=lambda: MemorisationConfig.model_validate({}),
        description="Memorisation of the training set.",
    )


__all__ = ["ClosedFormsConfig", "MemorisationConfig", "StudiesConfig"]
