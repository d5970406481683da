"""Ablation of flows on moons: which term of the objective does what.

The weights are those of OT-Flow on moons, alpha_C = 8 to 1 for the kinetic cost, whatever the
model: a CNF with terminal weight 1 takes the kinetic weight 1/8, hence lambda_K = 1/16 for |v|^2,
and RNODE takes its two penalties equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.config import EvaluationConfig, FlowAblationConfig
from mfglab.datasets.splits import split_law
from mfglab.datasets.toys import Moons
from mfglab.experiments.arms import Arm, train_arm
from mfglab.experiments.evaluate import evaluate_run, step_sweep
from mfglab.experiments.floor import measure_floor
from mfglab.solvers.base import Solver
from mfglab.solvers.otflow import OtFlow

Points = NDArray[np.float64]

FEW_STEPS = (2, 4)
MANY_STEPS = 32

_CNF = {"kind": "cnf", "steps": 4}
_OTFLOW = {"kind": "otflow", "steps": 4, "terminal_weight": 8}
_CNF_TRAINING = {"learning_rate": 0.01}
_OTFLOW_TRAINING = {"learning_rate": 0.1, "batch_size": 256}
_OTFLOW_PACE = 1.4
_MATCHING_TRAINING = {"learning_rate": 0.02, "ema_decay": 0.99}

#: Arms by name. Learning rates, batches and steps were chosen by the likelihood of validation
#: points, at about equal time for all arms: a pace makes up for cheaper optimiser steps. All flows
#: are trained with 4 Runge-Kutta steps; with 2, potentials learn the error of the integrator.
ARMS = MappingProxyType(
    {
        "cnf": Arm(_CNF, _CNF_TRAINING),
        "cnf_kinetic": Arm({**_CNF, "kinetic_weight": 1 / 8}, _CNF_TRAINING),
        "cnf_jacobian": Arm({**_CNF, "jacobian_weight": 1 / 16}, _CNF_TRAINING),
        "rnode": Arm({**_CNF, "kinetic_weight": 1 / 8, "jacobian_weight": 1 / 16}, _CNF_TRAINING),
        "otflow": Arm({**_OTFLOW, "hjb_weight": 1}, _OTFLOW_TRAINING, _OTFLOW_PACE),
        "otflow_kinetic_only": Arm({**_OTFLOW, "hjb_weight": 0}, _OTFLOW_TRAINING, _OTFLOW_PACE),
        "otflow_hjb_only": Arm(
            {**_OTFLOW, "hjb_weight": 1, "running_weight": 0}, _OTFLOW_TRAINING, _OTFLOW_PACE
        ),
        "otflow_squared": Arm(
            {**_OTFLOW, "hjb_weight": 1, "hjb_form": "squared"}, _OTFLOW_TRAINING, _OTFLOW_PACE
        ),
        "matching_independent": Arm(
            {"kind": "flow_matching", "coupling": "independent"}, _MATCHING_TRAINING, pace=4
        ),
        "matching_optimal": Arm(
            {"kind": "flow_matching", "coupling": "optimal"}, _MATCHING_TRAINING, pace=4
        ),
    }
)
#: Arms whose trajectories are drawn.
DRAWN = ("cnf", "rnode", "otflow", "matching_independent", "matching_optimal")


@dataclass(frozen=True)
class Ablation:
    """Outcome of the study.

    Args:
        rows: One row an arm and seed.
        arrays: Trajectories of the first seed, ``path_<arm>`` of shape (steps + 1, n, 2).
    """

    rows: list[dict[str, float | str]]
    arrays: dict[str, Points]


def flow_ablation(config: FlowAblationConfig, seeds: list[int]) -> Ablation:
    """Train and measure every arm with every seed."""
    splits = split_law(Moons(), config.n_train, config.n_val, config.n_test, seed=2304)
    test = splits.test.astype(np.float64)
    sizes = evaluation_sizes(config)
    optimum = measure_floor(test, sizes).kinetic_optimum
    rows: list[dict[str, float | str]] = []
    arrays: dict[str, Points] = {}
    for name, arm in ARMS.items():
        solvers = train_arm(arm, [splits] * len(seeds), config, seeds)
        for seed, solver in zip(seeds, solvers, strict=True):
            rows.append({"arm": name, "seed": seed, **measure(solver, test, sizes, seed, optimum)})
        if name in DRAWN:
            arrays[f"path_{name}"] = paths(solvers[0], test[: config.drawn_paths])
    return Ablation(rows, arrays)


def evaluation_sizes(config: FlowAblationConfig) -> EvaluationConfig:
    """The study's sizes as the evaluation of all models wants them."""
    return EvaluationConfig.model_validate(
        {
            "transport_points": config.transport_points,
            "nll_points": config.path_points,
            "path_points": config.path_points,
            "floor_repeats": 2,
            "step_sweep": [*FEW_STEPS, MANY_STEPS],
        }
    )


def measure(
    solver: Solver, test: Points, sizes: EvaluationConfig, seed: int, optimum: float
) -> dict[str, float]:
    """Quality, cost and straightness of one trained flow; likelihood at few steps."""
    if isinstance(solver, OtFlow):
        solver.residual_form = torch.abs  # one measure, however the residual was penalised
    metrics = evaluate_run(solver, test, sizes, seed, likelihood=True)
    sweep = step_sweep(solver, test, sizes, likelihood=True)
    nll = {row.steps: row.nll for row in sweep}
    row = {
        "nll": nll[MANY_STEPS],
        "w2": metrics.w2,
        "kinetic": metrics.kinetic,
        "kinetic_ratio": metrics.kinetic / optimum,
        "straightness": metrics.straightness,
        "speed_variation": metrics.speed_variation,
        "monotonicity_violation": metrics.monotonicity_violation,
        "hjb_residual": metrics.hjb_residual,
    }
    for steps in FEW_STEPS:
        row[f"nll_{steps}"] = nll[steps]
        row[f"abs_gap_{steps}"] = abs(nll[steps] - nll[MANY_STEPS])
    return row


def paths(solver: Solver, points: Points) -> Points:
    """Trajectories of the points (n, 2), shape (steps + 1, n, 2)."""
    with torch.no_grad():
        run = solver.trajectories(torch.from_numpy(points), MANY_STEPS)
    assert run.path is not None
    out: Points = run.path.numpy()
    return out
