"""What outliers and noise in the training data do to models, measured against the clean law.

Training and validation data are contaminated alike, because who trains has no clean data; test
points are clean. The arm ``data`` is no model but the contaminated law itself: a perfect model of
what it was shown would score that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.config import ContaminationConfig
from mfglab.datasets.contamination import CONTAMINATIONS
from mfglab.datasets.splits import Splits, split_law
from mfglab.datasets.toys import Moons
from mfglab.experiments.arms import Arm, train_arm
from mfglab.experiments.nonparametric import fit_particles
from mfglab.metrics.wasserstein import TransportDistances, transport_distances
from mfglab.training.seeds import stream

Points = NDArray[np.float64]
Condition = tuple[str, float]
Key = tuple[str, Condition]
CLEAN: Condition = ("clean", 0.0)
DATA = "data"
PARTICLES = "particles"

_OTFLOW = {"kind": "otflow", "steps": 4, "terminal_weight": 8, "hjb_weight": 1}
_OTFLOW_TRAINING = {"learning_rate": 0.1, "batch_size": 256}
_SCORE = {"kind": "score", "process": {"kind": "ou"}, "width": 64, "steps": 60}
_SCORE_TRAINING = {"learning_rate": 0.003, "ema_decay": 0.99, "gradient_clip": 1.0}

#: Models by name; another one needs an entry here and nothing else. Particles come beside them:
#: they are no trained model. OT-Flow and the potential of a score come with and without HJB term,
#: all else equal, the number of steps included.
ARMS = MappingProxyType(
    {
        "otflow": Arm(_OTFLOW, _OTFLOW_TRAINING, pace=1.4),
        "otflow_nohjb": Arm({**_OTFLOW, "hjb_weight": 0}, _OTFLOW_TRAINING, pace=1.4),
        "cnf": Arm({"kind": "cnf", "steps": 4}, {"learning_rate": 0.01}),
        "score": Arm({**_SCORE, "parametrisation": "vector"}, _SCORE_TRAINING, pace=4),
        "score_potential": Arm(_SCORE, _SCORE_TRAINING, pace=4),
        "score_hjb": Arm(
            {**_SCORE, "regulariser": {"kind": "residual", "weight": 0.1}}, _SCORE_TRAINING, pace=4
        ),
        "matching": Arm(
            {"kind": "flow_matching"}, {"learning_rate": 0.02, "ema_decay": 0.99}, pace=3
        ),
        "kernels": Arm(
            {"kind": "wpo", "centres": 500, "score_weight": 0.0, "likelihood_weight": 1.0},
            {"learning_rate": 0.005, "batch_size": 64},
            pace=2,
        ),
    }
)


def contamination(config: ContaminationConfig, seeds: list[int]) -> list[dict[str, float | str]]:
    """Distances to the clean law of every arm, kind, level and seed.

    Returns:
        Rows with ``w1``, ``w2``, their excess over the model of the same seed that was trained on
        clean data, and ``amplification``: W1 excess over the W1 distance that the contaminated law
        itself has from the clean one, less that of two clean samples. NaN where there is nothing
        to amplify.
    """
    cases = [
        Case.make(config, condition, seed) for seed in seeds for condition in conditions(config)
    ]
    samples = samples_of(config, cases)
    rows: list[dict[str, float | str]] = []
    for seed in seeds:
        distances = {
            (name, case.condition): against(
                drawn[k], case.splits.test.astype(np.float64), config.transport_points
            )
            for k, case in enumerate(cases)
            if case.seed == seed
            for name, drawn in samples.items()
        }
        rows += [row(key, seed, distances) for key in distances]
    return rows


@dataclass(frozen=True)
class Case:
    """Data of one seed under one condition; test points are clean."""

    condition: Condition
    seed: int
    splits: Splits

    @classmethod
    def make(cls, config: ContaminationConfig, condition: Condition, seed: int) -> Case:
        """Draw and contaminate them."""
        clean = split_law(Moons(), config.n_train, config.n_val, config.n_test, seed=2304 + seed)
        return cls(condition, seed, contaminated(clean, condition, seed))


def conditions(config: ContaminationConfig) -> list[Condition]:
    """Kinds and levels, the clean one first."""
    outliers = [(kind, x) for kind in ("uniform", "cluster") for x in config.outlier_shares]
    return [CLEAN, *outliers, *(("noise", x) for x in config.noise_levels)]


def contaminated(splits: Splits, condition: Condition, seed: int) -> Splits:
    """Training and validation data of a condition; test data stay clean."""
    if condition == CLEAN:
        return splits
    kind, level = condition
    generator = stream(f"contamination {kind}", seed)
    train, val = (
        CONTAMINATIONS[kind](torch.from_numpy(x), level, generator).numpy()
        for x in (splits.train, splits.val)
    )
    return replace(splits, train=train, val=val)


def samples_of(config: ContaminationConfig, cases: Sequence[Case]) -> dict[str, list[Points]]:
    """Samples of every arm in every case, and the contaminated data."""
    n = 2 * config.transport_points
    samples = {DATA: [case.splits.train.astype(np.float64) for case in cases]}
    data, seeds = [case.splits for case in cases], [case.seed for case in cases]
    for name, arm in ARMS.items():
        solvers = train_arm(_with_few_centres(arm, config), data, config, seeds)
        with torch.no_grad():
            samples[name] = [
                solver.sample(n, stream("samples", seed)).numpy()
                for solver, seed in zip(solvers, seeds, strict=True)
            ]
    points = [torch.from_numpy(case.splits.train) for case in cases]
    clouds = fit_particles(points, seeds, n, config.particle_steps)
    samples[PARTICLES] = [cloud.particles.numpy() for cloud in clouds]
    return samples


def _with_few_centres(arm: Arm, config: ContaminationConfig) -> Arm:
    """``arm`` with at most half of the training points as centres, if it has any."""
    if "centres" not in arm.solver:
        return arm
    centres = min(arm.solver["centres"], config.n_train // 2)
    return replace(arm, solver={**arm.solver, "centres": centres})


def against(samples: Points, test: Points, n: int) -> TransportDistances:
    """Mean distances of two blocks of ``n`` samples, taken evenly, to two blocks of test points."""
    chosen = samples[:: max(1, len(samples) // (2 * n))]
    # Outliers come first: every second point, so that both blocks have their share of them.
    blocks = [slice(k, 2 * n, 2) for k in (0, 1)]
    pairs = [transport_distances(chosen[block], test[block]) for block in blocks]
    return TransportDistances(
        w1=float(np.mean([pair.w1 for pair in pairs])),
        w2=float(np.mean([pair.w2 for pair in pairs])),
    )


def row(key: Key, seed: int, distances: dict[Key, TransportDistances]) -> dict[str, float | str]:
    """One row of the table, with the excess over the clean condition."""
    (name, condition), found = key, distances[key]
    base = distances[name, CLEAN]
    moved = distances[DATA, condition].w1 - distances[DATA, CLEAN].w1
    excess = found.w1 - base.w1
    return {
        "arm": name,
        "kind": condition[0],
        "level": condition[1],
        "seed": seed,
        "w1": found.w1,
        "w2": found.w2,
        "w1_excess": excess,
        "w2_excess": found.w2 - base.w2,
        "amplification": excess / moved if condition != CLEAN else float("nan"),
    }
