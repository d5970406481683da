"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.data_efficiency import DataEfficiencyConfig
from mfglab.config.studies.hjb_score import HjbScoreConfig


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    hjb_score: HjbScoreConfig = Field(
        default_factory=lambda: HjbScoreConfig.model_validate({}),
        description="HJB-regularised score matching.",
    )
    data_efficiency: DataEfficiencyConfig = Field(
        default_factory=lambda: DataEfficiencyConfig.model_validate({}),
        description="Error against the number of training points.",
    )


__all__ = ["ClosedFormsConfig", "DataEfficiencyConfig", "HjbScoreConfig", "StudiesConfig"]
