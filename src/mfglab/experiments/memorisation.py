"""Memorisation: do generators return their training points, and what prevents it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from mfglab.config import MemorisationConfig
from mfglab.datasets.factory import COMPOSED, TOYS
from mfglab.experiments.memorisation_arms import ARMS, KERNEL_ARMS, Arm, Outcome, Problem
from mfglab.metrics.memorisation import nearest_points, outlier_rate
from mfglab.metrics.wasserstein import w2_distance

Array = NDArray[np.float64]

#: Rows are sorted by these columns.
KEYS = ("dataset", "arm", "setting", "seed")
KERNEL_KEYS = ("law", "arm", "seed")
#: Columns that only some arms have; always there, NaN elsewhere.
KERNEL_COLUMNS = ("score_matching", "at_floor", "anisotropy", "best_step", "w2_sde_ratio")


@dataclass(frozen=True)
class Study:
    """What the study leaves.

    Args:
        runs: Planar laws: one row a data set, arm, setting and seed.
        kernels: Laws in 4 and 6 dimensions: one row a law, arm and seed.
        arrays: Of the first law and seed: points ``train``, and for each pictured outcome
            ``<arm>/samples`` (n, 2) and, for kernels, ``<arm>/axes`` (N, 2, 2), whose columns are
            the half axes of the ellipses of one standard deviation.
    """

    runs: pd.DataFrame
    kernels: pd.DataFrame
    arrays: dict[str, Array]


def memorisation(
    config: MemorisationConfig,
    seeds: Sequence[int],
    work: Path,
    arms: Mapping[str, Arm] = ARMS,
) -> Study:
    """All arms on all laws and seeds.

    Args:
        config: Laws, sizes, settings of training.
        seeds: Seeds of data, weights and noise.
        work: Folder for unfinished training.
        arms: Generators on the planar laws, by name.
    """
    planar = [Problem.draw(d, TOYS[d](), config, seed) for seed in seeds for d in config.datasets]
    runs: list[dict[str, Any]] = []
    arrays: dict[str, Array] = {"train": planar[0].train.numpy()}
    for name, arm in arms.items():
        for problem, outcome in arm(planar, config, work):
            runs.append(measure(name, outcome, problem, config))
            if problem is planar[0]:
                arrays |= picture(name, outcome)
    kernels: list[dict[str, Any]] = []
    for law in config.composed:
        problems = [Problem.draw(law, COMPOSED[law](), config, seed) for seed in seeds]
        for name, arm in KERNEL_ARMS.items():
            for problem, outcome in arm(problems, config, work):
                kernels.append(measure(name, outcome, problem, config))
    composed = pd.DataFrame(kernels).rename(columns={"dataset": "law"})
    return Study(pd.DataFrame(runs), composed.drop(columns="setting"), arrays)


def measure(
    arm: str, outcome: Outcome, problem: Problem, config: MemorisationConfig
) -> dict[str, Any]:
    """One row: distances to the training set, likelihood, transport, outliers."""
    samples, test = outcome.samples.numpy(), problem.test.numpy()
    nearest = nearest_points(samples, test, problem.train.numpy())
    n = min(config.transport_points, len(samples))  # as many particles as training points
    distance = w2_distance(samples[:n], test[:n])
    return {
        "dataset": problem.dataset,
        "arm": arm,
        "setting": outcome.setting,
        "seed": problem.seed,
        "variance": outcome.variance,
        "step": outcome.step,
        "ratio": nearest.ratio,
        "copied": nearest.copied,
        "nll": outcome.nll,
        "w2": distance,
        "w2_ratio": distance / problem.floor(n),
        "outliers": outlier_rate(samples, test),
    } | {name: outcome.more.get(name, float("nan")) for name in KERNEL_COLUMNS}


def picture(arm: str, outcome: Outcome) -> dict[str, Array]:
    """Arrays of a figure: the last setting of an arm, of ``empirical`` the first."""
    if arm == "empirical" and outcome.variance > 1.5e-3:
        return {}
    arrays = {f"{arm}/samples": outcome.samples[:1000].numpy()}
    if outcome.law is not None:
        values, vectors = torch.linalg.eigh(outcome.law.precisions)
        arrays[f"{arm}/axes"] = (vectors * values.rsqrt()[:, None, :]).numpy()
    return arrays
