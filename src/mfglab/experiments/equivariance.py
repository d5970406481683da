"""Symmetry in the net, in the data or nowhere, for a law with a known symmetry and exact score.

Three models learn a mixture whose components are rotated into each other: a plain net; the same
net on all rotated copies of the training points (augmentation, done exactly); the same net averaged
over the rotations, on the points as they are. Validation points are the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from mfglab.config import EquivarianceConfig
from mfglab.datasets.splits import Splits, split_law
from mfglab.datasets.symmetric import turning_mixture
from mfglab.experiments.arms import Arm, train_arm
from mfglab.games.densities import GaussianMixture
from mfglab.metrics.wasserstein import transport_distances
from mfglab.networks.symmetry import average_field, orbit, plane_rotations
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

_SOLVER = MappingProxyType(
    {
        "kind": "score",
        "process": {"kind": "ou"},
        "parametrisation": "vector",
        "width": 64,
        "frequencies": 0,
        "steps": 60,
    }
)
_TRAINING = MappingProxyType({"learning_rate": 0.003, "ema_decay": 0.99, "gradient_clip": 1.0})
ARMS = ("plain", "augmented", "equivariant")


def equivariance(config: EquivarianceConfig, seeds: list[int]) -> list[dict[str, float | str]]:
    """One row an arm, number of training points and seed.

    Returns:
        Rows with ``w1``, ``w2`` to test points, ``score_error`` (mean over noising times of
        ``v |s - s_exact|^2 / d`` at noised test points) and ``asymmetry``, the same for
        ``s - S s``.
    """
    group = plane_rotations(config.order, config.dim)
    law = turning_mixture(group)
    rows: list[dict[str, float | str]] = []
    cases = [(n, seed) for n in config.train_sizes for seed in seeds]
    data = [split_law(law, n, config.n_val, config.n_test, seed=2410 + seed) for n, seed in cases]
    for arm in ARMS:
        solvers = train(arm, data, config, [seed for _, seed in cases])
        for (n, seed), splits, solver in zip(cases, data, solvers, strict=True):
            metrics = measure(solver, law.density(), splits, config, seed)
            rows.append({"arm": arm, "n_train": n, "seed": seed, **metrics})
    return rows


def train(
    arm: str, data: Sequence[Splits], config: EquivarianceConfig, seeds: Sequence[int]
) -> list[ScoreModel]:
    """Train one arm on some data sets with a seed each; all arms start from the same weights."""
    group = plane_rotations(config.order, config.dim)
    if arm == "augmented":
        copies = [orbit(group, torch.from_numpy(splits.train)).flatten(0, 1) for splits in data]
        pairs = zip(data, copies, strict=True)
        data = [replace(splits, train=x.numpy()) for splits, x in pairs]
    rotations = config.order if arm == "equivariant" else 1
    solvers = train_arm(Arm({**_SOLVER, "rotations": rotations}, _TRAINING), data, config, seeds)
    return [solver for solver in solvers if isinstance(solver, ScoreModel)]


def measure(
    solver: ScoreModel,
    law: GaussianMixture,
    splits: Splits,
    config: EquivarianceConfig,
    seed: int,
) -> dict[str, float]:
    """Samples against test points, score against the exact one, score against its average."""
    n = config.transport_points
    test = splits.test.astype(np.float64)
    generator = stream("samples", seed)
    with torch.no_grad():
        samples = solver.sample(2 * n, generator).numpy()
        pairs = [transport_distances(samples[k : k + n], test[k : k + n]) for k in (0, n)]
        error, asymmetry = score_errors(solver, law, config, generator)
    return {
        "w1": float(np.mean([pair.w1 for pair in pairs])),
        "w2": float(np.mean([pair.w2 for pair in pairs])),
        "score_error": error,
        "asymmetry": asymmetry,
    }


def score_errors(
    solver: ScoreModel,
    law: GaussianMixture,
    config: EquivarianceConfig,
    generator: torch.Generator,
    times: int = 12,
) -> tuple[float, float]:
    """Mean of ``v |s - exact|^2 / d`` and of ``v |s - S s|^2 / d`` over noising times.

    Points are drawn from the exact noised law; times are uniform in log signal-to-noise, as in
    training.
    """
    group = plane_rotations(config.order, config.dim)
    errors, defects = [], []
    for s in solver.draw_times((torch.arange(times).double() + 0.5) / times):
        variance = solver.process.variance(s)
        noised = law.noised(solver.process.scale(s), variance)
        x = noised.sample(config.score_points // times + 1, generator)
        learned = solver.score(s, x)
        errors.append(variance * (learned - noised.score(x)).square().mean())
        defects.append(variance * (learned - symmetrised(solver, group, s, x)).square().mean())
    return float(torch.stack(errors).mean()), float(torch.stack(defects).mean())


def symmetrised(solver: ScoreModel, group: Tensor, s: Tensor, x: Tensor) -> Tensor:
    """``S s`` at ``x`` (n, d): the average of a model's score over the group."""
    points = orbit(group, x)
    values = solver.score(s, points.flatten(0, 1)).view_as(points)
    return average_field(group, values)
