"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.boltzmann import BoltzmannStudyConfig
from mfglab.config.studies.bridge import BridgeConfig
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.contamination import ContaminationConfig
from mfglab.config.studies.equivariance import EquivarianceConfig
from mfglab.config.studies.flow_ablation import FlowAblationConfig
from mfglab.config.studies.small_models import SmallModels


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    boltzmann: BoltzmannStudyConfig = Field(
        default_factory=lambda: BoltzmannStudyConfig.model_validate({}),
        description="Boltzmann generators of a double well.",
    )
    bridge: BridgeConfig = Field(
        default_factory=lambda: BridgeConfig.model_validate({}),
        description="Soft Schroedinger bridges.",
    )
    contamination: ContaminationConfig = Field(
        default_factory=lambda: ContaminationConfig.model_validate({}),
        description="Outliers and noise in the training data.",
    )
    equivariance: EquivarianceConfig = Field(
        default_factory=lambda: EquivarianceConfig.model_validate({}),
        description="Score models of a law with a symmetry.",
    )
    flow_ablation: FlowAblationConfig = Field(
        default_factory=lambda: FlowAblationConfig.model_validate({}),
        description="What each term of a flow's objective does.",
    )


__all__ = [
    "BoltzmannStudyConfig",
    "BridgeConfig",
    "ClosedFormsConfig",
    "ContaminationConfig",
    "EquivarianceConfig",
    "FlowAblationConfig",
    "SmallModels",
    "StudiesConfig",
]
