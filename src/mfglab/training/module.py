"""The one Lightning module: it trains any :class:`~mfglab.solvers.base.Solver`."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mfglab.config import TrainingConfig
from mfglab.solvers.base import DivergedError, Loss, Solver
from mfglab.training.fingerprint import Fingerprint
from mfglab.training.seeds import stream


class SolverModule(pl.LightningModule):
    """Optimises a solver's objective; keeps an average of the weights if asked.

    Noise comes from a generator that is seeded anew from (seed, epoch), so a run that is resumed
    at an epoch draws exactly what an uninterrupted one draws.

    Args:
        solver: What is trained.
        training: Optimisation settings.
        seed: Seed of the run.
        identity: What the run is; stored in its checkpoints.
    """

    def __init__(
        self, solver: Solver, training: TrainingConfig, seed: int, identity: Fingerprint
    ) -> None:
        super().__init__()
        # Stepping the optimiser here rather than in Lightning's closures saves a third of the
        # calls around a step; the steps of the small models of this project are short.
        self.automatic_optimization = False
        self.solver = solver
        self.training_config = training
        self.seed = seed
        self.identity = identity
        self.averaged: AveragedModel | None = None
        if training.ema_decay > 0:
            average = get_ema_multi_avg_fn(training.ema_decay)  # type: ignore[no-untyped-call]
            self.averaged = AveragedModel(solver, multi_avg_fn=average, use_buffers=False)
        self._noise = torch.Generator()
        self._sums: dict[str, Tensor] = {}
        self._batches = 0
        self.history: list[dict[str, float]] = []

    @property
    def evaluated(self) -> Solver:
        """The solver whose weights are validated and kept: the average where there is one."""
        if self.averaged is None:
            return self.solver
        module = self.averaged.module
        assert isinstance(module, Solver)
        return module

    def on_train_epoch_start(self) -> None:
        """Seed this epoch's batches and noise, and empty the running means."""
        batches = self.trainer.train_dataloader
        assert batches is not None  # an epoch has begun
        batches.dataset.set_epoch(self.current_epoch)
        self._noise = stream("noise", self.seed, self.current_epoch)
        self._sums, self._batches = {}, 0

    def transfer_batch_to_device(self, batch: Tensor, device: torch.device, index: int) -> Tensor:
        """Move a batch, which is one tensor: Lightning's search through trees is not needed."""
        return batch.to(device)

    def training_step(self, batch: Tensor, index: int) -> None:
        """One step; raises :class:`DivergedError` rather than train on a value not finite."""
        loss = self.solver.loss(batch, self._noise)
        if not math.isfinite(loss.total.item()):
            raise DivergedError(self._explain(loss))
        for name, value in {"loss": loss.total.detach(), **loss.terms}.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._batches += 1
        self._descend(loss.total)
        if self.averaged is not None:
            self.averaged.update_parameters(self.solver)

    def _descend(self, total: Tensor) -> None:
        optimizer, scheduler = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(scheduler, LambdaLR)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        if self.training_config.gradient_clip > 0:
            nn.utils.clip_grad_norm_(self.solver.parameters(), self.training_config.gradient_clip)
        optimizer.step()
        scheduler.step()

    def validation_step(self, batch: Tensor, index: int) -> None:
        """Validation loss with the same noise at every validation; one row of the history."""
        value = self.evaluated.validation_loss(batch, stream("validation", self.seed, 0))
        if not math.isfinite(value.item()):
            raise DivergedError(
                f"validation loss is {value.item()} after step {self.global_step}; "
                "lower training.learning_rate or set training.gradient_clip"
            )
        self.log("val_loss", value, prog_bar=True, batch_size=batch.shape[0])
        row = {"step": float(self.global_step), "val_loss": value.item()}
        row |= {name: total.item() / self._batches for name, total in self._sums.items()}
        row["learning_rate"] = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        self.history.append(row)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam with a learning rate that changes every step."""
        cfg = self.training_config
        optimizer = torch.optim.Adam(self.solver.parameters(), lr=cfg.learning_rate)
        scheduler = LambdaLR(optimizer, lambda step: learning_rate_factor(cfg, step))
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep with the weights what a continued run needs: its identity and its history."""
        checkpoint["history"] = self.history
        checkpoint["fingerprint"] = self.identity

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the history."""
        self.history = list(checkpoint["history"])

    def _explain(self, loss: Loss) -> str:
        terms = ", ".join(f"{name} = {value.item():.4g}" for name, value in loss.terms.items())
        return (
            f"training loss is {loss.total.item()} at step {self.global_step} ({terms}); "
            "lower training.learning_rate or set training.gradient_clip"
        )


def learning_rate_factor(training: TrainingConfig, step: int) -> float:
    """Factor on the initial learning rate at ``step``."""
    if training.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, step / training.iterations)))
    if training.schedule == "halving":
        return float(0.5 ** (step // training.halve_every))
    return 1.0
