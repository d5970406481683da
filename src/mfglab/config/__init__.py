"""The typed configuration: every key of ``config/*.yaml``, its type, unit, default and meaning.

Three things are generated from this module and never written by hand: the JSON schema in
``workflow/schemas``, the parameter manual ``config/README.md``, and the error a user sees. A
profile (``config/smoke.yaml``, ``config/paper.yaml``) is an overlay of values on
``config/default.yaml``.
"""

from mfglab.config.base import ConfigError, Section
from mfglab.config.data import (
    DatasetBase,
    DatasetConfig,
    DigitsData,
    EmbeddedToyData,
    MixtureData,
    TabularData,
    ToyData,
)
from mfglab.config.evaluation import EvaluationConfig
from mfglab.config.loading import DEFAULT_CONFIG, load_config, parse_config, profile_paths
from mfglab.config.models import (
    CnfConfig,
    FlowBase,
    ModelConfig,
    NonlinearScoreConfig,
    OrnsteinUhlenbeckConfig,
    OtFlowConfig,
    ProcessConfig,
    RunConfig,
    ScoreConfig,
    SolverConfig,
    TrainingConfig,
    VarianceExplodingConfig,
    VariancePreservingConfig,
)
from mfglab.config.profile import Config
from mfglab.config.score_terms import (
    DenoisingConfig,
    ExplicitConfig,
    ImplicitConfig,
    IncrementConfig,
    NoRegulariserConfig,
    ObjectiveConfig,
    RegulariserConfig,
    ResidualConfig,
    ScorePdeConfig,
)
from mfglab.config.studies import (
    ClosedFormsConfig,
    DataEfficiencyConfig,
    HjbScoreConfig,
    StudiesConfig,
)
from mfglab.config.tree import lookup, merge

__all__ = [
    "DEFAULT_CONFIG",
    "ClosedFormsConfig",
    "CnfConfig",
    "Config",
    "ConfigError",
    "DataEfficiencyConfig",
    "DatasetBase",
    "DatasetConfig",
    "DenoisingConfig",
    "DigitsData",
    "EmbeddedToyData",
    "EvaluationConfig",
    "ExplicitConfig",
    "FlowBase",
    "HjbScoreConfig",
    "ImplicitConfig",
    "IncrementConfig",
    "MixtureData",
    "ModelConfig",
    "NoRegulariserConfig",
    "NonlinearScoreConfig",
    "ObjectiveConfig",
    "OrnsteinUhlenbeckConfig",
    "OtFlowConfig",
    "ProcessConfig",
    "RegulariserConfig",
    "ResidualConfig",
    "RunConfig",
    "ScoreConfig",
    "ScorePdeConfig",
    "Section",
    "SolverConfig",
    "StudiesConfig",
    "TabularData",
    "ToyData",
    "TrainingConfig",
    "VarianceExplodingConfig",
    "VariancePreservingConfig",
    "load_config",
    "lookup",
    "merge",
    "parse_config",
    "profile_paths",
]
