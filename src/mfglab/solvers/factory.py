"""From a configured solver to the module that is trained."""

from __future__ import annotations

from typing import assert_never

import torch

from mfglab.config import (
    BoltzmannConfig,
    CnfConfig,
    DenoisingConfig,
    ExplicitConfig,
    FlowMatchingConfig,
    ImplicitConfig,
    IncrementConfig,
    NonlinearScoreConfig,
    NoRegulariserConfig,
    ObjectiveConfig,
    OrnsteinUhlenbeckConfig,
    OtFlowConfig,
    ProcessConfig,
    RegulariserConfig,
    ResidualConfig,
    ScoreConfig,
    ScorePdeConfig,
    SolverConfig,
    VarianceExplodingConfig,
    VariancePreservingConfig,
    WpoConfig,
)
from mfglab.games.closed_forms.score_game import noised_score
from mfglab.games.densities import GaussianMixture
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
from mfglab.solvers.nonlinear_score import NonlinearScoreModel
from mfglab.solvers.objectives import Denoising, Explicit, Implicit, Objective
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.regularisers import HjbResidual, IncrementMismatch, Regulariser, ScorePde
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel

#: Fields from which other objects are built; all others are passed to the solver as they are.
_COMPOSED = {
    *("kind", "process", "parametrisation", "objective", "regulariser", "rotations"),
    *("height", "distance"),
}


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


def build_objective(
    config: ObjectiveConfig, process: NoisingProcess, law: GaussianMixture | None
) -> Objective:
    """The objective of a score-based model.

    Raises:
        ValueError: The exact score is wanted and ``law`` is absent.
    """
    match config:
        case DenoisingConfig():
            return Denoising()
        case ImplicitConfig():
            return Implicit()
        case ExplicitConfig():
            if law is None:
                raise ValueError("objective 'explicit' needs the law of the data, got None")
            return Explicit(noised_score(law, process))
        case _:
            assert_never(config)


def build_regulariser(config: RegulariserConfig) -> Regulariser | None:
    """The regulariser of a score-based model, None for none."""
    settings = config.model_dump(exclude={"kind"})
    match config:
        case NoRegulariserConfig():
            return None
        case ResidualConfig():
            return HjbResidual(**settings)
        case ScorePdeConfig():
            return ScorePde(**settings)
        case IncrementConfig():
            return IncrementMismatch(**settings)
        case _:
            assert_never(config)


def build_solver(
    config: SolverConfig,
    dim: int,
    generator: torch.Generator,
    law: GaussianMixture | None = None,
) -> Solver:
    """A solver with fresh weights.

    Args:
        config: Which solver, with its settings.
        dim: Space dimension d.
        generator: Source of the initial weights.
        law: Law of the data where it is known; explicit score matching needs it.

    Raises:
        ValueError: The objective needs a law and there is none.
    """
    settings = config.model_dump(exclude=_COMPOSED)
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
            settings |= {
                "potential": config.parametrisation == "potential",
                "regulariser": build_regulariser(config.regulariser),
                "generator": generator,
            }
            process = build_process(config.process)
            settings["objective"] = build_objective(config.objective, process, law)
            if config.rotations > 1:
                group = plane_rotations(config.rotations, dim)
                return EquivariantScore(dim, process, group=group, **settings)
            return ScoreModel(dim, process, **settings)
        case WpoConfig():
            return KernelScoreModel(dim, **settings, generator=generator)
        case NonlinearScoreConfig():
            return NonlinearScoreModel(dim, **settings, generator=generator)
        case _:
            assert_never(config)
