"""Arms of a study: small models that are trained alike and compared with each other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from mfglab.config import SmallModels, SolverConfig, TrainingConfig
from mfglab.datasets.splits import Splits
from mfglab.solvers.base import Solver
from mfglab.solvers.factory import build_solver
from mfglab.training.fit import fit_all
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


def train_arm(
    arm: Arm, splits: Sequence[Splits], sizes: SmallModels, seeds: Sequence[int]
) -> list[Solver]:
    """Train one arm on some data sets with a seed each; the best weights, in float64.

    All arms of a seed share the stream of initial weights, batches and noise.
    """
    config: SolverConfig = TypeAdapter(SolverConfig).validate_python(dict(arm.solver))
    dims = [data.train.shape[1] for data in splits]
    with tempfile.TemporaryDirectory() as folder:
        results = fit_all(
            [
                build_solver(config, d, stream("weights", s))
                for d, s in zip(dims, seeds, strict=True)
            ],
            [torch.from_numpy(data.train).float() for data in splits],
            [torch.from_numpy(data.val).float() for data in splits],
            arm.training_config(sizes),
            seeds=seeds,
            folder=Path(folder),
            progress=False,
        )
    return [result.solver.double().eval() for result in results]
