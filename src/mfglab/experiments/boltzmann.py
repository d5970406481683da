"""Boltzmann generators of a double well: with kinetic cost and without."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import torch

from mfglab.config import BoltzmannStudyConfig
from mfglab.datasets.splits import Splits
from mfglab.experiments.arms import Arm, train_arm
from mfglab.games.energies import DoubleWell
from mfglab.metrics.wasserstein import w2_distance
from mfglab.solvers.boltzmann import BoltzmannGenerator
from mfglab.training.seeds import stream
from mfglab.trajectories.diagnostics import kinetic_energy, straightness

_TRAINING = MappingProxyType({"learning_rate": 0.05, "gradient_clip": 10.0})
#: Changes of the solver by arm: the game, the game without HJB term, and no running cost at all.
ARMS = MappingProxyType(
    {
        "kinetic_hjb": {"hjb_weight": 1.0},
        "kinetic": {"hjb_weight": 0.0},
        "none": {"hjb_weight": 0.0, "running_weight": 0.0},
    }
)


def boltzmann(config: BoltzmannStudyConfig, seeds: list[int]) -> list[dict[str, float | str]]:
    """One row an arm and seed.

    Returns:
        Rows with ``log_z_error`` (estimate by importance weights less the exact log Z),
        ``effective_share`` of the sample, ``mode_imbalance`` (distance of the share of the right
        well from 1/2), ``w2`` to exact samples, ``kinetic`` and ``straightness``.
    """
    rows: list[dict[str, float | str]] = []
    data = [base_samples(config, seed) for seed in seeds]
    for name, changes in ARMS.items():
        arm = Arm(solver_settings(config, changes), _TRAINING)
        solvers = train_arm(arm, data, config, seeds)
        for seed, splits, solver in zip(seeds, data, solvers, strict=True):
            assert isinstance(solver, BoltzmannGenerator)
            rows.append({"arm": name, "seed": seed, **measure(solver, splits, config, seed)})
    return rows


def solver_settings(
    config: BoltzmannStudyConfig, changes: dict[str, float]
) -> dict[str, float | str]:
    """The solver's section of the configuration."""
    well = {"height": config.height, "distance": config.distance}
    return {"kind": "boltzmann", "steps": 4, "terminal_weight": 10.0, **well, **changes}


def base_samples(config: BoltzmannStudyConfig, seed: int) -> Splits:
    """Normal points to train and validate on, exact samples of the target to test with."""
    generator = stream("base samples", seed)
    sizes = (config.n_train, config.n_val)
    train, val = (torch.randn(n, config.dim, generator=generator).double().numpy() for n in sizes)
    well = DoubleWell(config.height, config.distance)
    test = well.sample(config.n_test, config.dim, generator).numpy()
    return Splits(train, val, test, mean=np.zeros(config.dim), std=np.ones(config.dim))


def measure(
    solver: BoltzmannGenerator, splits: Splits, config: BoltzmannStudyConfig, seed: int
) -> dict[str, float]:
    """Importance weights, modes, distance to exact samples, cost of motion."""
    n = config.transport_points
    exact = DoubleWell(config.height, config.distance).log_partition(config.dim)
    with torch.no_grad():
        found = solver.reweighted(config.weighted_points, stream("samples", seed))
        run = solver.trajectories(found.x[:n])
    assert run.path is not None
    right = float((found.x[:, 0] > 0).double().mean())
    return {
        "log_z_error": found.log_partition - exact,
        "abs_log_z_error": abs(found.log_partition - exact),
        "effective_share": found.effective_share,
        "mode_imbalance": abs(right - 0.5),
        "w2": w2_distance(found.x[:n].numpy(), splits.test[:n].astype(np.float64)),
        "kinetic": float(kinetic_energy(run.times, run.path).mean()),
        "straightness": float(straightness(run.path).mean()),
    }
