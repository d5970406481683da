"""From a configured solver to the module that is trained."""

from __future__ import annotations

from typing import assert_never

import torch

from mfglab.config import (
    BoltzmannConfig,
    CnfConfig,
    FlowMatchingConfig,
    OrnsteinUhlenbeckConfig,
    OtFlowConfig,
    ProcessConfig,
    ScoreConfig,
    SolverConfig,
    VarianceExplodingConfig,
    VariancePreservingConfig,
)
from mfglab.games.dynamics import (
    NoisingProcess,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
)
from mfglab.games.energies import DoubleWell
from mfglab.networks.symmetry import plane_rotations
from mfglab.solvers.base import Solver
from mfglab.solvers.boltzmann import BoltzmannGenerator
from mfglab.solvers.cnf import Cnf
from mfglab.solvers.equivariant import EquivariantScore
from mfglab.solvers.flow_matching import FlowMatching
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.score import ScoreModel


def build_process(config: ProcessConfig) -> NoisingProcess:
    """The noising process of a score-based model."""
    settings = config.model_dump(exclude={"kind"})
    match config:
        case OrnsteinUhlenbeckConfig():
            return OrnsteinUhlenbeck(**settings)
        case VariancePreservingConfig():
            return VariancePreserving(**settings)
        case VarianceExplodingConfig():
            return VarianceExploding(**settings)
        case _:
            assert_never(config)


def build_solver(config: SolverConfig, dim: int, generator: torch.Generator) -> Solver:
    """A solver with fresh weights.

    Args:
        config: Which solver, with its settings.
        dim: Space dimension d.
        generator: Source of the initial weights.
    """
    apart = {"kind", "process", "parametrisation", "rotations", "height", "distance"}
    settings = config.model_dump(exclude=apart)
    match config:
        case CnfConfig():
            return Cnf(dim, **settings, generator=generator)
        case BoltzmannConfig():  # before OT-Flow, whose settings it shares
            energy = DoubleWell(config.height, config.distance)
            return BoltzmannGenerator(dim, energy, **settings, generator=generator)
        case OtFlowConfig():
            return OtFlow(dim, **settings, generator=generator)
        case FlowMatchingConfig():
            return FlowMatching(dim, **settings, generator=generator)
        case ScoreConfig():
            settings["potential"] = config.parametrisation == "potential"
            settings["generator"] = generator
            process = build_process(config.process)
            if config.rotations > 1:
                group = plane_rotations(config.rotations, dim)
                return EquivariantScore(dim, process, group=group, **settings)
            return ScoreModel(dim, process, **settings)
        case _:
            assert_never(config)
