"""Everything that is measured on one trained model, on test data that nothing else has seen."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mfglab.config import EvaluationConfig
from mfglab.experiments.floor import targets, transport_size
from mfglab.experiments.residuals import residual_rows
from mfglab.metrics.mmd import mmd_squared
from mfglab.metrics.wasserstein import sliced_w2, transport_distances, w2_distance
from mfglab.solvers.base import Solver
from mfglab.solvers.flow import HJB, FlowSolver
from mfglab.solvers.nonlinear_score import NonlinearScoreModel
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.seeds import stream
from mfglab.trajectories.diagnostics import (
    continuity_residual,
    crossing,
    kinetic_energy,
    least_kinetic_energy,
    speed_variation,
    straightness,
)
from mfglab.trajectories.integrate import Trajectory

Points = NDArray[np.float64]
Kind = TypeVar("Kind", bound=nn.Module)


@dataclass(frozen=True)
class RunMetrics:
    """One trained model against the test set; NaN where a quantity is not defined.

    Args:
        w1: Exact Wasserstein-1 distance of model samples to test points.
        w2: Exact Wasserstein-2 distance.
        sliced_w2: Sliced Wasserstein-2 distance of all samples to the test points.
        w2_ode: The same for samples of the probability flow (score models).
        w2_sde_ode: W2 between samples of reverse SDE and probability flow (score models).
        reference_optimum: ``W2^2 / 2`` between test points and the reference law, the least kinetic
            energy, where that law is the model's own (score models) and not N(0, I). Sampled, hence
            too large; in high dimension much too large.
        mmd2: Unbiased squared MMD; may be negative.
        nll: Mean negative log-likelihood of test points, nats.
        inverse_error: Mean Euclidean distance of points to their reconstruction, at 8 steps for
            flows and the default number for score models.
        terminal_gap: W2 between the images of test points at the end of their trajectories and the
            reference law of the model, over that of two samples of that law: 1 where it is reached.
        kinetic: Mean of ``int |x'|^2 / 2 dt`` along the trajectories (flows). Noising time is no
            clock of players: of score models the energy of the probability flow in the clock that
            makes it least (:func:`~mfglab.trajectories.diagnostics.least_kinetic_energy`).
        straightness: Mean of displacement / path length, 1 for straight lines.
        speed_variation: Mean relative deviation of the speed along a trajectory (flows).
        monotonicity_violation: Fraction of pairs of trajectories that no optimal transport has.
        hjb_residual: Mean of ``int |HJB residual| dt`` (OT-Flow), or median over time of the
            relative residual (score potentials, of kernels rounding alone; see
            :func:`~mfglab.experiments.residuals.residual_by_time`), or ``int`` of the mean modulus
            of the centred one ``dt`` (proximal flows).
        fp_residual: Relative residual of the continuity (Fokker-Planck) equation of the model's own
            velocity, left by the law of its trajectories at the default number of steps; see
            :func:`~mfglab.trajectories.diagnostics.continuity_residual`.
        evaluations: Network evaluations to draw a sample at the default number of steps.
        parameters: Trained numbers.
    """

    w1: float
    w2: float
    sliced_w2: float
    mmd2: float
    nll: float
    inverse_error: float
    evaluations: float
    parameters: float
    terminal_gap: float = math.nan
    kinetic: float = math.nan
    straightness: float = math.nan
    speed_variation: float = math.nan
    monotonicity_violation: float = math.nan
    hjb_residual: float = math.nan
    fp_residual: float = math.nan
    w2_ode: float = math.nan
    w2_sde_ode: float = math.nan
    reference_optimum: float = math.nan

    def row(self) -> dict[str, float]:
        """Plain numbers by name."""
        return asdict(self)


@dataclass(frozen=True)
class StepMetrics:
    """Quality at a given number of integration steps.

    Args:
        steps: Runge-Kutta 4 steps.
        nll: Mean negative log-likelihood, nats (NaN without likelihood).
        inverse_error: Mean distance of points to their reconstruction.
    """

    steps: int
    nll: float
    inverse_error: float


#: Directions of the sliced Wasserstein distance.
PROJECTIONS = 128
#: Flows report their reconstruction error at this number of steps (reference quality: 1e-5).
INVERSE_STEPS = 8


def evaluate_run(
    solver: Solver, test: Points, config: EvaluationConfig, seed: int, *, likelihood: bool
) -> RunMetrics:
    """Measure one trained model; in float64, but for its samples.

    Args:
        solver: The trained model; converted to float64 in place.
        test: Test points (n, d).
        config: What to measure, and how large.
        seed: Seed of the run, so that models are not compared on one common noise.
        likelihood: Whether the negative log-likelihood is defined and wanted.
    """
    solver.double().eval()
    n = transport_size(config, len(test))
    repeats = config.floor_repeats
    with torch.no_grad():
        noise = stream("samples", config.seed, seed)
        samples = single_precision(solver).sample(n * repeats, noise).double().numpy()
        x = torch.from_numpy(test[: config.nll_points])
        nll = -float(solver.log_prob(x).mean()) if likelihood else float("nan")
        own = own_metrics(solver, test, config, seed, samples)
        error = reconstruction_error(solver, *_inverse_settings(solver, test, config))
        paths = solver.trajectories(torch.from_numpy(test[: config.path_points]))
        residual = float(continuity_residual(paths))
    return RunMetrics(
        **sample_metrics(samples, test, config),
        nll=nll,
        inverse_error=error,
        fp_residual=residual,
        parameters=sum(p.numel() for p in solver.parameters()),
        **own,
    )


def sample_metrics(samples: Points, test: Points, config: EvaluationConfig) -> dict[str, float]:
    """Distances of samples (``floor_repeats`` times n, d) to test points: ``w1`` to ``mmd2``."""
    goals = targets(test, config)
    blocks = np.split(samples, len(goals))
    pairs = [transport_distances(a, b) for a, b in zip(blocks, goals, strict=True)]
    return {
        "w1": float(np.mean([pair.w1 for pair in pairs])),
        "w2": float(np.mean([pair.w2 for pair in pairs])),
        "sliced_w2": sliced_w2(samples, test[: len(samples)], PROJECTIONS, config.seed),
        "mmd2": mmd_squared(samples, test[: len(samples)], config.mmd_bandwidth),
    }


def path_metrics(run: Trajectory) -> dict[str, float]:
    """What a flow's paths are like: ``kinetic`` to ``monotonicity_violation``."""
    assert run.path is not None
    return {
        "kinetic": float(kinetic_energy(run.times, run.path).mean()),
        "straightness": float(straightness(run.path).mean()),
        "speed_variation": float(speed_variation(run.times, run.path).mean()),
        "monotonicity_violation": crossing(run.path[0], run.path[-1]).monotonicity_violation,
    }


def single_precision(solver: Kind) -> Kind:
    """A copy in float32, as models are used: for samples, which take half the time.

    The copy is what counts: numbers that are not weights, such as a group of symmetries, would stay
    rounded if the model itself were converted there and back.
    """
    return copy.deepcopy(solver).float()


def step_sweep(
    solver: Solver, test: Points, config: EvaluationConfig, *, likelihood: bool
) -> list[StepMetrics]:
    """Likelihood and reconstruction error against the number of integration steps.

    What counts is the difference between rows, on the same ``path_points`` test points: fewer
    are needed than for the likelihood itself.
    """
    solver.double().eval()
    x = torch.from_numpy(test[: config.path_points])
    rows = []
    with torch.no_grad():
        for steps in config.step_sweep:
            nll = -float(solver.log_prob(x, steps).mean()) if likelihood else float("nan")
            rows.append(StepMetrics(steps, nll, reconstruction_error(solver, x, steps)))
    return rows


def reconstruction_error(solver: Solver, x: Tensor, steps: int) -> float:
    """Mean Euclidean distance of ``x`` to its image under the flow and back."""
    return float((solver.reconstruct(x, steps) - x).norm(dim=1).mean())


@singledispatch
def own_metrics(
    solver: Solver, test: Points, config: EvaluationConfig, seed: int, samples: Points
) -> dict[str, float]:
    """What only one family of models has; register a function for a new family.

    Raises:
        TypeError: No function is registered for this solver.
    """
    raise TypeError(f"no metrics are registered for {type(solver).__name__}")


@singledispatch
def reference_sample(solver: Solver, n: int, generator: torch.Generator) -> Tensor:
    """``n`` points of the law at the end of a model's trajectories, shape (n, d), float64.

    Raises:
        TypeError: No function is registered for this solver.
    """
    raise TypeError(f"no reference law is registered for {type(solver).__name__}")


@reference_sample.register
def _(solver: FlowSolver, n: int, generator: torch.Generator) -> Tensor:
    return solver.reference.sample(n, generator).double()


@reference_sample.register
def _(solver: ScoreModel, n: int, generator: torch.Generator) -> Tensor:
    z = torch.randn(n, solver.dim, generator=generator, dtype=torch.float64)
    return z * solver.start_std(z)


@reference_sample.register
def _(solver: NonlinearScoreModel, n: int, generator: torch.Generator) -> Tensor:
    return solver.reference.sample(n, generator).double()


@reference_sample.register
def _(solver: KernelScoreModel, n: int, generator: torch.Generator) -> Tensor:
    process = solver.process  # the law of the kernels themselves at the horizon
    end = torch.tensor(process.horizon, dtype=torch.float64)
    law = solver.kernels().double().noised(process.scale(end), process.variance(end))
    return law.sample(n, generator).double()


def terminal_gap(solver: Solver, end: Points, generator: torch.Generator) -> float:
    """How far the ends of trajectories are from the reference law.

    Args:
        solver: The model.
        end: Ends of trajectories (n, d).
        generator: Source of two samples of the reference law.

    Returns:
        W2 of the ends to one sample, over that of the other to it.
    """
    first, second = (reference_sample(solver, len(end), generator).numpy() for _ in range(2))
    return w2_distance(end, first) / w2_distance(second, first)


def noising_metrics(
    solver: Solver, test: Points, config: EvaluationConfig, seed: int
) -> dict[str, float]:
    """What the probability flow of a score model is like, whatever the clock of its noising.

    Args:
        solver: A model with :func:`reference_sample`, in float64.
        test: Test points (n, d); the flow starts from them.
        config: Sizes; the path is drawn with at least as many steps as in its sweep of steps.
        seed: Seed of the run.

    Returns:
        ``terminal_gap`` to ``monotonicity_violation`` of :class:`RunMetrics`, without
        ``speed_variation``, and ``reference_optimum``.
    """
    n = transport_size(config, len(test))
    steps = max(solver.default_steps, *config.step_sweep)
    run = solver.trajectories(torch.from_numpy(test[: max(n, config.path_points)]), steps)
    assert run.path is not None
    path = run.path[:, : config.path_points]
    law = stream("terminal gap", config.seed, seed)
    goal = reference_sample(solver, n, law).numpy()
    return {
        "terminal_gap": terminal_gap(solver, run.x[:n].numpy(), law),
        "kinetic": float(least_kinetic_energy(path)),
        "reference_optimum": w2_distance(test[:n], goal) ** 2 / 2,
        "straightness": float(straightness(path).mean()),
        "monotonicity_violation": crossing(path[0], path[-1]).monotonicity_violation,
    }


@own_metrics.register
def _(
    solver: FlowSolver, test: Points, config: EvaluationConfig, seed: int, samples: Points
) -> dict[str, float]:
    x = torch.from_numpy(test[: config.path_points])
    end = solver.trajectories(torch.from_numpy(test[: transport_size(config, len(test))])).x
    # The path is drawn finely: straightness must not be an artefact of few steps.
    return {
        "terminal_gap": terminal_gap(
            solver, end.numpy(), stream("terminal gap", config.seed, seed)
        ),
        **path_metrics(solver.trajectories(x, max(config.step_sweep))),
        "evaluations": solver.default_steps * solver.evaluations_per_step,
    }


@own_metrics.register
def _(
    solver: OtFlow, test: Points, config: EvaluationConfig, seed: int, samples: Points
) -> dict[str, float]:
    x = torch.from_numpy(test[: config.path_points])
    costs = solver.trajectories(x, max(config.step_sweep)).costs
    assert costs is not None
    flow = own_metrics.dispatch(FlowSolver)(solver, test, config, seed, samples)
    return {**flow, "hjb_residual": float(costs[:, HJB].mean())}


@own_metrics.register
def _(
    solver: ScoreModel, test: Points, config: EvaluationConfig, seed: int, samples: Points
) -> dict[str, float]:
    n = transport_size(config, len(test))
    repeats = config.floor_repeats
    noise = stream("ode samples", config.seed, seed)
    ode = single_precision(solver).sample_ode(n * repeats, noise).double().numpy()
    cut = [slice(i * n, (i + 1) * n) for i in range(repeats)]
    goals = targets(test, config)
    to_test = [w2_distance(ode[c], y) for c, y in zip(cut, goals, strict=True)]
    between = [w2_distance(ode[c], samples[c]) for c in cut]
    metrics = {
        "w2_ode": float(np.mean(to_test)),
        "w2_sde_ode": float(np.mean(between)),
        "evaluations": solver.steps,
        **noising_metrics(solver, test, config, seed),
    }
    return metrics | _median_residual(solver, test, config, seed)


@own_metrics.register
def _(
    solver: KernelScoreModel, test: Points, config: EvaluationConfig, seed: int, samples: Points
) -> dict[str, float]:
    return {
        "evaluations": 0.0,  # the mixture is sampled directly
        **noising_metrics(solver, test, config, seed),
        **_median_residual(solver, test, config, seed),
    }


@own_metrics.register
def _(
    solver: NonlinearScoreModel,
    test: Points,
    config: EvaluationConfig,
    seed: int,
    samples: Points,
) -> dict[str, float]:
    return {"evaluations": solver.steps, **noising_metrics(solver, test, config, seed)}


def _median_residual(
    solver: Solver, test: Points, config: EvaluationConfig, seed: int
) -> dict[str, float]:
    rows = residual_rows(solver, test, config, seed)
    if not rows:
        return {}
    return {"hjb_residual": float(np.median([row["relative_residual"] for row in rows]))}


def _inverse_settings(solver: Solver, test: Points, config: EvaluationConfig) -> tuple[Tensor, int]:
    # Flows are cheap, and a claim is about their error; others need many more evaluations.
    if isinstance(solver, FlowSolver):
        return torch.from_numpy(test[: config.nll_points]), INVERSE_STEPS
    return torch.from_numpy(test[: config.path_points]), solver.default_steps
