"""What no model can beat: distances between independent samples of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfglab.config import EvaluationConfig
from mfglab.metrics.wasserstein import sampling_floor, w2_distance

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Floor:
    """Reference distances of a data set.

    Args:
        n: Points on each side.
        w1_floor: Mean W1 between disjoint samples of the test set.
        w2_floor: Mean W2 between disjoint samples of the test set.
        kinetic_optimum: ``W2^2 / 2`` between test points and N(0, I): the least kinetic cost of a
            flow that reaches the normal law exactly (sampled, hence slightly too large).
    """

    n: int
    w1_floor: float
    w2_floor: float
    kinetic_optimum: float


def transport_size(config: EvaluationConfig, n_test: int) -> int:
    """Points on each side of a transport problem: two disjoint test samples must exist."""
    return min(config.transport_points, n_test // 2)


def targets(test: Points, config: EvaluationConfig) -> list[Points]:
    """The test samples against which every model is measured, ``floor_repeats`` of them."""
    rng = np.random.default_rng(config.seed + 1)
    n = transport_size(config, len(test))
    return [test[rng.permutation(len(test))[:n]] for _ in range(config.floor_repeats)]


def measure_floor(test: Points, config: EvaluationConfig) -> Floor:
    """Distances between disjoint halves of shuffled test points, and to the normal law."""
    rng = np.random.default_rng(config.seed)
    n = transport_size(config, len(test))
    pending: list[Points] = []

    def draw(size: int) -> Points:
        if not pending:
            shuffled = test[rng.permutation(len(test))]
            pending.extend([shuffled[:size], shuffled[size : 2 * size]])
        return pending.pop()

    floor = sampling_floor(draw, n, config.floor_repeats)
    normal = [rng.standard_normal((n, test.shape[1])) for _ in range(config.floor_repeats)]
    pairs = zip(targets(test, config), normal, strict=True)
    optimum = np.mean([0.5 * w2_distance(x, z) ** 2 for x, z in pairs])
    return Floor(n, floor.w1, floor.w2, float(optimum))
