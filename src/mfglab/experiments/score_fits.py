"""Training and measuring small score potentials of laws whose exact score is known."""

from __future__ import annotations

import tempfile
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
from mfglab.solvers.regularisers import Regulariser
from mfglab.solvers.score import ScoreModel
from mfglab.training.fit import fit
from mfglab.training.seeds import stream

#: CPU time of one step over that of plain denoising score matching: width 64, batch 128, one
#: thread, measured once (1.68, 1.60 and 3.84). Fixed, so that no result depends on a clock.
COST_RATIO = {"residual": 1.7, "increment": 1.6, "score_pde": 3.9}

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


def fit_score(x: Tensor, how: ScoreFit, seed: int) -> ScoreModel:
    """Train a potential on points ``x`` (n, d); initial weights and batches depend on the seed."""
    model = ScoreModel(
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
    x = x.float()
    held = max(1, len(x) // 5)
    val = x[:held].repeat(_REPEATS, 1) if how.early_stopping else x[:held]
    every = how.iterations // _LOOKS if how.early_stopping else how.iterations
    settings = {
        "iterations": how.iterations,
        "batch_size": how.batch_size,
        "learning_rate": how.learning_rate,
        "val_every": max(1, every),
        "patience": _LOOKS + 1,
        "gradient_clip": 1.0,
    }
    fit_quietly(model, x[held:] if how.early_stopping else x, val, settings, seed)
    return model


def fit_quietly(
    model: Solver, train: Tensor, val: Tensor, settings: dict[str, Any], seed: int
) -> None:
    """Train ``model`` in place on one processor, with a working folder that is gone afterwards.

    Args:
        model: What is trained.
        train: Training points (n, d).
        val: Validation points (m, d).
        settings: Fields of :class:`~mfglab.config.TrainingConfig`.
        seed: Seed of batches and noise.
    """
    training = TrainingConfig.model_validate(settings)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        fit(model, train, val, training, seed=seed, folder=work, device="cpu", progress=False)


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
