"""Arms of a study: small models that are trained alike and compared with each other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from mfglab.config import SmallModels, SolverConfig, TrainingConfig
from mfglab.datasets.splits import Splits
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.fit import fit
from mfglab.training.seeds import stream


@dataclass(frozen=True)
class Arm:
    """One model of a study.

    Args:
        solver: The solver's section of the configuration, as plain data.
        training: Settings of the optimiser that are its own.
        pace: Its steps for one step of a flow that is simulated in training. Models without
            simulation take more, at most as long, steps.
    """

    solver: Mapping[str, Any]
    training: Mapping[str, Any]
    pace: float = 1.0

    def training_config(self, sizes: SmallModels) -> TrainingConfig:
        """How this arm is trained in a study of these sizes."""
        iterations = max(1, round(self.pace * sizes.iterations))
        settings = {
            "iterations": iterations,
            "batch_size": sizes.batch_size,
            "val_every": max(1, iterations // sizes.validations),
            **self.training,
        }
        return TrainingConfig.model_validate(settings)


def train_arm(arm: Arm, splits: Splits, sizes: SmallModels, seed: int) -> Solver:
    """Train one arm; the best weights on validation data, in float64.

    All arms of a seed share the stream of initial weights, batches and noise.
    """
    config: SolverConfig = TypeAdapter(SolverConfig).validate_python(dict(arm.solver))
    solver = build_solver(config, splits.train.shape[1], stream("weights", seed))
    with tempfile.TemporaryDirectory() as folder:
        result = fit(
            solver,
            torch.from_numpy(splits.train).float(),
            torch.from_numpy(splits.val).float(),
            arm.training_config(sizes),
            seed=seed,
            folder=Path(folder) / "work",
            progress=False,
        )
    return result.solver.double().eval()
