"""The typed configuration: every key of ``config/*.yaml``, its type, unit, default and meaning.

Three things are generated from this module and never written by hand: the JSON schema in
``workflow/schemas``, the parameter manual ``config/README.md``, and the error a user sees. A
profile (``config/smoke.yaml``, ``config/paper.yaml``) is an overlay of values on
``config/default.yaml``.
"""

from mfglab.config.base import ConfigError, Section
from mfglab.config.data import ComposedToyData, DatasetBase, DatasetConfig, DigitsData, EmbeddedToyData, MixtureData, TabularData, ToyData
from mfglab.config.evaluation import EvaluationConfig
from mfglab.config.loading import DEFAULT_CONFIG, load_config, parse_config, profile_paths
from mfglab.config.models import BoltzmannConfig, CnfConfig, FlowBase, FlowMatchingConfig, ModelConfig, NonlinearScoreConfig, OrnsteinUhlenbeckConfig, OtFlowConfig, ProcessConfig, RunConfig, ScoreConfig, SolverConfig, TrainingConfig, VarianceExplodingConfig, VariancePreservingConfig, WpoConfig
from mfglab.config.processes import OrnsteinUhlenbeckConfig, ProcessConfig, VarianceExplodingConfig, VariancePreservingConfig
from mfglab.config.profile import Config
from mfglab.config.score_terms import DenoisingConfig, ExplicitConfig, ImplicitConfig, IncrementConfig, NoRegulariserConfig, ObjectiveConfig, RegulariserConfig, ResidualConfig, ScorePdeConfig
from mfglab.config.studies import BoltzmannStudyConfig, BridgeConfig, CertificateConfig, ClosedFormsConfig, ContaminationConfig, DataEfficiencyConfig, DigitsStudyConfig, EquivarianceConfig, FlowAblationConfig, GpaConfig, HeavyTailsConfig, HjbScoreConfig, ManifoldLaw, ManifoldsConfig, MemorisationConfig, ParticleTraining, ProximalConfig, RegularityConfig, RobustnessConfig, RobustnessFlowsConfig, RobustnessWideConfig, SmallModels, StudiesConfig
from mfglab.config.training import TrainingConfig
from mfglab.config.tree import lookup, merge

__all__ = ["BoltzmannConfig", "BoltzmannStudyConfig", "BridgeConfig", "CertificateConfig", "ClosedFormsConfig", "CnfConfig", "ComposedToyData", "Config", "ConfigError", "ContaminationConfig", "DEFAULT_CONFIG", "DataEfficiencyConfig", "DatasetBase", "DatasetConfig", "DenoisingConfig", "DigitsData", "DigitsStudyConfig", "EmbeddedToyData", "EquivarianceConfig", "EvaluationConfig", "ExplicitConfig", "FlowAblationConfig", "FlowBase", "FlowMatchingConfig", "GpaConfig", "HeavyTailsConfig", "HjbScoreConfig", "ImplicitConfig", "IncrementConfig", "ManifoldLaw", "ManifoldsConfig", "MemorisationConfig", "MixtureData", "ModelConfig", "NoRegulariserConfig", "NonlinearScoreConfig", "ObjectiveConfig", "OrnsteinUhlenbeckConfig", "OtFlowConfig", "ParticleTraining", "ProcessConfig", "ProximalConfig", "RegulariserConfig", "RegularityConfig", "ResidualConfig", "RobustnessConfig", "RobustnessFlowsConfig", "RobustnessWideConfig", "RunConfig", "ScoreConfig", "ScorePdeConfig", "Section", "SmallModels", "SolverConfig", "StudiesConfig", "TabularData", "ToyData", "TrainingConfig", "VarianceExplodingConfig", "VariancePreservingConfig", "WpoConfig", "load_config", "lookup", "merge", "parse_config", "profile_paths",]
