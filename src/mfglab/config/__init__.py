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
from mfglab.config.studies import (
    ClosedFormsConfig,
    DigitsStudyConfig,
    RobustnessConfig,
    StudiesConfig,
)
from mfglab.config.tree import lookup, merge

__all__ = [
    "DEFAULT_CONFIG",
    "ClosedFormsConfig",
    "CnfConfig",
    "Config",
    "ConfigError",
    "DatasetBase",
    "DatasetConfig",
    "DigitsData",
    "DigitsStudyConfig",
    "EmbeddedToyData",
    "EvaluationConfig",
    "FlowBase",
    "MixtureData",
    "ModelConfig",
    "OrnsteinUhlenbeckConfig",
    "OtFlowConfig",
    "ProcessConfig",
    "RobustnessConfig",
    "RunConfig",
    "ScoreConfig",
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
