"""Training and measuring small score potentials of laws whose exact score is known."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mfglab.config import TrainingConfig
from mfglab.experiments.residuals import residual_by_time
from mfglab.games.closed_forms.score_game import noised_score
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.solvers.base import Solver
from mfglab.solvers.regularisers import Regulariser, reference_mismatch
from mfglab.solvers.score import ScoreModel
from mfglab.training.fit import fit_all
from mfglab.training.seeds import stream

#: CPU time of one step over that of plain denoising score matching: width 64, batch 128, one
#: thread, measured once (1.68, 2.51, 1.60 and 3.84). Fixed, so that no result depends on a clock.
COST_RATIO = {"residual": 1.7, "residual_reference": 2.5, "increment": 1.6, "score_pde": 3.9}

#: Early stopping looks this often, on a fifth of the points, each noised this many times.
_LOOKS, _REPEATS = 20, 50


@dataclass(frozen=True)
class ScoreFit:
    """How a small score potential is trained.

    Args:
        iterations: Optimiser steps.
        batch_size: Points a step, drawn with replacement.
        learning_rate: Initial learning rate, cosine decay to zero.
        width: Hidden width; three layers.
        regulariser: Penalty, None for plain denoising score matching.
        early_stopping: Hold out a fifth of the points and keep the weights best on them. Without
            it the last weights are kept: no point is spent on validation.
        frequencies: Fourier features of the input.
        s_min: Early-stopping time of the reverse process.
    """

    iterations: int
    batch_size: int
    learning_rate: float
    width: int
    regulariser: Regulariser | None = None
    early_stopping: bool = False
    frequencies: int = 3
    s_min: float = 0.01


def fit_scores(data: Sequence[Tensor], how: ScoreFit, seeds: Sequence[int]) -> list[ScoreModel]:
    """Train a potential on each of some data sets (n_k, d), with a seed each.

    Initial weights and batches depend on the seed.
    """
    models = [
        ScoreModel(
            x.shape[1],
            OrnsteinUhlenbeck(),
            width=how.width,
            frequencies=how.frequencies,
            s_min=how.s_min,
            steps=100,
            ode_steps=20,
            regulariser=how.regulariser,
            generator=stream("weights", seed),
        )
        for x, seed in zip(data, seeds, strict=True)
    ]
    points = [x.float() for x in data]
    held = [max(1, len(x) // 5) for x in points]
    if how.early_stopping:
        train = [x[n:] for x, n in zip(points, held, strict=True)]
        val = [x[:n].repeat(_REPEATS, 1) for x, n in zip(points, held, strict=True)]
    else:  # nothing is chosen by it; of one size, so that all are trained together
        train, val = points, [x[: min(held)] for x in points]
    every = how.iterations // _LOOKS if how.early_stopping else how.iterations
    settings = {
        "iterations": how.iterations,
        "batch_size": how.batch_size,
        "learning_rate": how.learning_rate,
        "val_every": max(1, every),
        "patience": _LOOKS + 1,
        "gradient_clip": 1.0,
    }
    fit_quietly(models, train, val, settings, seeds)
    return models


def fit_quietly(
    models: Sequence[Solver],
    train: Sequence[Tensor],
    val: Sequence[Tensor],
    settings: dict[str, Any],
    seeds: Sequence[int],
) -> None:
    """Train models in place on one processor, with a working folder that is gone afterwards.

    Args:
        models: What is trained.
        train: Training points (n, d) of each.
        val: Validation points (m, d) of each.
        settings: Fields of :class:`~mfglab.config.TrainingConfig`.
        seeds: Seed of batches and noise of each.
    """
    training = TrainingConfig.model_validate(settings)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        fit_all(models, train, val, training, seeds=seeds, folder=work, progress=False)


def score_error(
    model: ScoreModel, law: GaussianMixture, n: int, generator: torch.Generator
) -> float:
    """``E v(s) |s_theta - grad log eta|^2`` on ``n`` fresh noised points of the law.

    Times are stratified, uniform in log signal-to-noise, as in training.
    """
    model.double().eval()
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    z = torch.randn(n, model.dim, dtype=torch.float64, generator=generator)
    points = model.noised(law.sample(n, generator), u, z)
    with torch.no_grad():
        gap = model.score(points.s, points.y) - noised_score(law, model.process)(points.s, points.y)
    return float((points.std * gap).square().sum(1).mean())


def median_residual(
    model: ScoreModel, law: GaussianMixture, n: int, generator: torch.Generator
) -> float:
    """Median over noising time of the relative HJB residual on ``n`` fresh points of the law."""
    model.double().eval()
    rows = residual_by_time(model, law.sample(n, generator), generator)
    return float(np.median([row["relative_residual"] for row in rows]))


def reference_gap(model: ScoreModel, n: int, generator: torch.Generator) -> float:
    """``E v |s_theta - grad log rho_ref|^2`` at the horizon, on ``n`` points of the reference law.

    The reverse process starts from that law, whose score is not quite that of the noised data.
    """
    model.double().eval()
    z = torch.randn(n, model.dim, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        return float(reference_mismatch(model, z).square().sum(1).mean())
