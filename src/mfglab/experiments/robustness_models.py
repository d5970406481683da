"""Robustness of trained score models: where the error of their samples comes from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.config import RobustnessConfig
from mfglab.experiments.robustness_cells import Row
from mfglab.games.densities import GaussianMixture
from mfglab.robustness.decompose import Score, decomposition_row
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream


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
    keys = [(config.seed, scored.seed, steps, batch) for batch in range(config.model_batches)]
    noise = [(stream("decomposition", *k), stream("decomposition target", *k)) for k in keys]
    grid, particles = scored.model.reverse_grid(steps), config.model_particles
    found = decomposition_row(score, scored.model.process, scored.law, grid, particles, noise)
    key: Row = {"dataset": scored.dataset, "score_of": arm}
    return key | {"steps": float(steps), "seed": float(scored.seed)} | found


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
