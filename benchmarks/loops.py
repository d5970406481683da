"""Training loops on both sides of a comparison: through ``fit``, and written out."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from mfglab.config import TrainingConfig
from mfglab.solvers.base import BatchT, Loss, Trainable
from mfglab.training.batches import RandomBatches
from mfglab.training.fit import fit
from mfglab.training.module import learning_rate_factor

SEED = 0


class Laps:
    """Times of the steps of a loop."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, *_: object) -> None:
        """A step begins or ends."""
        self.times.append(time.perf_counter())

    def seconds(self) -> float:
        """Mean time between two calls, NaN after a single one."""
        if len(self.times) < 2:
            return math.nan
        return (self.times[-1] - self.times[0]) / (len(self.times) - 1)


def by_fit(
    solver: Trainable[BatchT], train: BatchT, val: BatchT, training: TrainingConfig
) -> float:
    """Train through ``fit``; mean wall time of a step, all that lies between two losses."""
    laps, loss = Laps(), solver.loss

    def timed(batch: BatchT, generator: torch.Generator) -> Loss:
        laps()
        return loss(batch, generator)

    solver.loss = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        fit(solver, train, val, training, seed=SEED, folder=work, device="cpu", progress=False)
    return laps.seconds()


def by_hand(
    solver: Trainable[BatchT],
    train: BatchT,
    training: TrainingConfig,
    loss: Callable[[BatchT], torch.Tensor],
) -> float:
    """The same with Adam on ``loss``, as one short loop; mean wall time of a step."""
    laps = Laps()
    adam = torch.optim.Adam(solver.parameters(), lr=training.learning_rate, fused=True)
    batches = RandomBatches(train, training.batch_size, training.iterations, SEED)
    for step, batch in enumerate(batches):
        laps()
        for group in adam.param_groups:
            group["lr"] = training.learning_rate * learning_rate_factor(training, step)
        adam.zero_grad()
        total = loss(batch)
        if not math.isfinite(total.item()):
            raise FloatingPointError(f"the loss is {total.item()} at step {step}")
        total.backward()
        adam.step()
    return laps.seconds()
