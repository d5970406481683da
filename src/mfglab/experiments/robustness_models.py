"""Robustness of trained score models: where the error of their samples comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Row
from mfglab.games.densities import GaussianMixture
from mfglab.metrics.wasserstein import transport_distances
from mfglab.robustness.decompose import Decomposition, Score, decompose
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

PARTS = ("early", "reference", "score", "steps", "unsplit")


@dataclass(frozen=True)
class Scored:
    """A trained score model and the law of its data.

    Args:
        title: Title of the model.
        dataset: Name of the data set.
        seed: Seed of the training.
        model: The network with its process.
        law: The true law.
    """

    title: str
    dataset: str
    seed: int
    model: ScoreModel
    law: GaussianMixture


def decompose_models(config: RobustnessConfig, models: list[Scored]) -> list[Row]:
    """One row a model, number of steps and seed, and one with the true score as control.

    The true score is that of the first model of a data set and seed; its noise is that of all.
    """
    rows, controlled = [], set[tuple[str, int]]()
    for scored in models:
        scores: dict[str, Score] = {scored.title: scored.model.score}
        if (scored.dataset, scored.seed) not in controlled:
            controlled.add((scored.dataset, scored.seed))
            scores["true score"] = _true_score(scored)
        for steps in config.model_steps:
            rows += [_row(config, scored, steps, arm, score) for arm, score in scores.items()]
    return rows


def _true_score(scored: Scored) -> Score:
    process = scored.model.process

    def true(s: Tensor, x: Tensor) -> Tensor:
        clock = s.double()
        law = scored.law.noised(process.scale(clock), process.variance(clock))
        return law.score(x.double())

    return true


def _row(config: RobustnessConfig, scored: Scored, steps: int, arm: str, score: Score) -> Row:
    """Independent batches give all standard errors, that of the time quadrature included."""
    batches, distances, floors = [], [], []
    for batch in range(config.model_batches):
        key = (config.seed, scored.seed, steps, batch)
        found = decompose(
            score,
            scored.model.process,
            scored.law,
            scored.model.reverse_grid(steps),
            config.model_particles,
            stream("decomposition", *key),
        )
        fresh = stream("decomposition target", *key)
        first, second = (scored.law.sample(config.model_particles, fresh) for _ in range(2))
        distances.append(_w1(found.samples, first))
        floors.append(_w1(second, first))
        batches.append(found)
    w1, w1_error = _mean(distances)
    bound, bound_error = _mean([found.bound for found in batches])
    row: Row = {
        "dataset": scored.dataset,
        "score_of": arm,
        "steps": float(steps),
        "seed": float(scored.seed),
        "w1": w1,
        "w1_floor": _mean(floors)[0],
        "bound": bound,
        "standard_error": math.hypot(w1_error, bound_error),
    }
    return row | {f"part_{name}": _mean(_values(batches, name))[0] for name in PARTS}


def _values(batches: list[Decomposition], name: str) -> list[float]:
    return [getattr(found, name).value for found in batches]


def _w1(x: Tensor, y: Tensor) -> float:
    return transport_distances(x.numpy(), y.numpy()).w1


def _mean(values: list[float]) -> tuple[float, float]:
    data = np.array(values)
    return float(data.mean()), float(data.std(ddof=1) / math.sqrt(len(data)))


def scored_model(
    title: str, dataset: str, seed: int, solver: torch.nn.Module, law: object
) -> Scored:
    """Check that the parts fit together.

    Raises:
        ValueError: The solver is no score model, or the law is no mixture.
    """
    density = getattr(law, "density", None)
    if not isinstance(solver, ScoreModel) or density is None:
        raise ValueError(
            f"a decomposition needs a score model of a mixture, got {type(solver).__name__} of "
            f"{type(law).__name__}"
        )
    return Scored(title, dataset, seed, solver, density())
