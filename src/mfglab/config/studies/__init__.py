"""Studies: experiments that are one stage each, with small models or none; one file a study."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.adversarial import ADVERSARIAL_TITLES, AdversarialConfig
from mfglab.config.studies.boltzmann import BoltzmannStudyConfig
from mfglab.config.studies.bridge import BridgeConfig
from mfglab.config.studies.certificate import CertificateConfig, RobustnessWideConfig
from mfglab.config.studies.closed_forms import ClosedFormsConfig
from mfglab.config.studies.contamination import ContaminationConfig
from mfglab.config.studies.data_efficiency import DataEfficiencyConfig
from mfglab.config.studies.digits import DigitsStudyConfig
from mfglab.config.studies.equivariance import EquivarianceConfig
from mfglab.config.studies.flow_ablation import FlowAblationConfig
from mfglab.config.studies.hjb_score import HjbScoreConfig
from mfglab.config.studies.manifolds import ManifoldLaw, ManifoldsConfig, ProximalConfig
from mfglab.config.studies.memorisation import MemorisationConfig
from mfglab.config.studies.particles import GpaConfig, HeavyTailsConfig, ParticleTraining
from mfglab.config.studies.proximal_map import ProximalMapConfig
from mfglab.config.studies.regularity import RegularityConfig, RobustnessFlowsConfig
from mfglab.config.studies.robustness import RobustnessConfig
from mfglab.config.studies.small_models import SmallModels


class StudiesConfig(Section):
    """The studies by name; the stage ``study_<name>`` reads the section ``<name>`` alone."""

    closed_forms: ClosedFormsConfig = Field(
        default_factory=lambda: ClosedFormsConfig.model_validate({}),
        description="Closed-form studies.",
    )
    adversarial: AdversarialConfig = Field(
        default_factory=lambda: AdversarialConfig.model_validate({}),
        description="Generative models that are trained against a discriminator.",
    )
    digits: DigitsStudyConfig = Field(
        default_factory=lambda: DigitsStudyConfig.model_validate({}),
        description="Generated digits.",
    )
    flow_ablation: FlowAblationConfig = Field(
        default_factory=lambda: FlowAblationConfig.model_validate({}),
        description="What each term of a flow's objective does.",
    )
    memorisation: MemorisationConfig = Field(
        default_factory=lambda: MemorisationConfig.model_validate({}),
        description="Memorisation of the training set.",
    )
    gpa: GpaConfig = Field(
        default_factory=lambda: GpaConfig.model_validate({}),
        description="Generative particles on four Gaussians.",
    )
    heavy_tails: HeavyTailsConfig = Field(
        default_factory=lambda: HeavyTailsConfig.model_validate({}),
        description="Generative particles on heavy tails.",
    )
    manifolds: ManifoldsConfig = Field(
        default_factory=lambda: ManifoldsConfig.model_validate({}),
        description="Proximal flows and others on data on a manifold.",
    )
    hjb_score: HjbScoreConfig = Field(
        default_factory=lambda: HjbScoreConfig.model_validate({}),
        description="HJB-regularised score matching.",
    )
    data_efficiency: DataEfficiencyConfig = Field(
        default_factory=lambda: DataEfficiencyConfig.model_validate({}),
        description="Error against the number of training points.",
    )
    contamination: ContaminationConfig = Field(
        default_factory=lambda: ContaminationConfig.model_validate({}),
        description="Outliers and noise in the training data.",
    )
    equivariance: EquivarianceConfig = Field(
        default_factory=lambda: EquivarianceConfig.model_validate({}),
        description="Score models of a law with a symmetry.",
    )
    boltzmann: BoltzmannStudyConfig = Field(
        default_factory=lambda: BoltzmannStudyConfig.model_validate({}),
        description="Boltzmann generators of a double well.",
    )
    bridge: BridgeConfig = Field(
        default_factory=lambda: BridgeConfig.model_validate({}),
        description="Soft Schroedinger bridges.",
    )
    robustness: RobustnessConfig = Field(
        default_factory=lambda: RobustnessConfig.model_validate({}),
        description="Robustness sweeps.",
    )
    robustness_wide: RobustnessWideConfig = Field(
        default_factory=lambda: RobustnessWideConfig.model_validate({}),
        description="Further robustness sweeps.",
    )
    certificate: CertificateConfig = Field(
        default_factory=lambda: CertificateConfig.model_validate({}),
        description="Certified radii of trained models.",
    )
    robustness_flows: RobustnessFlowsConfig = Field(
        default_factory=lambda: RobustnessFlowsConfig.model_validate({}),
        description="Velocity errors through flows.",
    )
    regularity: RegularityConfig = Field(
        default_factory=lambda: RegularityConfig.model_validate({}),
        description="Regularity of value functions and scores.",
    )
    proximal_map: ProximalMapConfig = Field(
        default_factory=lambda: ProximalMapConfig.model_validate({}),
        description="The OT-Transformer's theory as a proximal map.",
    )


__all__ = [
    "ADVERSARIAL_TITLES",
    "AdversarialConfig",
    "BoltzmannStudyConfig",
    "BridgeConfig",
    "CertificateConfig",
    "ClosedFormsConfig",
    "ContaminationConfig",
    "DataEfficiencyConfig",
    "DigitsStudyConfig",
    "EquivarianceConfig",
    "FlowAblationConfig",
    "GpaConfig",
    "HeavyTailsConfig",
    "HjbScoreConfig",
    "ManifoldLaw",
    "ManifoldsConfig",
    "MemorisationConfig",
    "ParticleTraining",
    "ProximalConfig",
    "ProximalMapConfig",
    "RegularityConfig",
    "RobustnessConfig",
    "RobustnessFlowsConfig",
    "RobustnessWideConfig",
    "SmallModels",
    "StudiesConfig",
]
