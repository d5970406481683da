"""The one Lightning module: it trains any :class:`~mfglab.solvers.base.Trainable`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Generic, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from mfglab.config import TrainingConfig
from mfglab.solvers.base import BatchT, DivergedError, Trainable
from mfglab.training.batches import count, moved, rows
from mfglab.training.fingerprint import Fingerprint
from mfglab.training.seeds import stream


class SolverModule(pl.LightningModule, Generic[BatchT]):
    """Optimises a solver's objective; keeps an average of the weights if asked.

    Noise comes from a generator that is seeded anew from (seed, epoch), so a run that is resumed
    at an epoch draws exactly what an uninterrupted one draws. Dropout knows no generator: torch's
    default one is seeded alike (``fit`` restores it afterwards).

    Args:
        solver: What is trained.
        training: Optimisation settings.
        seed: Seed of the run.
        identity: What the run is; stored in its checkpoints.
    """

    def __init__(
        self, solver: Trainable[BatchT], training: TrainingConfig, seed: int, identity: Fingerprint
    ) -> None:
        super().__init__()
        # Stepping the optimiser here rather than in Lightning's closures saves a third of the
        # calls around a step; the steps of the small models of this project are short.
        self.automatic_optimization = False
        self.solver: Trainable[BatchT] = solver
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
    def evaluated(self) -> Trainable[BatchT]:
        """The solver whose weights are validated and kept: the average where there is one."""
        if self.averaged is None:
            return self.solver
        module = self.averaged.module
        assert isinstance(module, Trainable)
        return cast(Trainable[BatchT], module)

    def on_train_epoch_start(self) -> None:
        """Seed this epoch's batches and noise, and empty the running means."""
        batches = self.trainer.train_dataloader
        assert batches is not None  # an epoch has begun
        batches.dataset.set_epoch(self.current_epoch)
        self._noise = stream("noise", self.seed, self.current_epoch)
        torch.manual_seed(stream("dropout", self.seed, self.current_epoch).initial_seed())
        self._sums, self._batches = {}, 0

    def transfer_batch_to_device(
        self, batch: BatchT | Iterator[BatchT], device: torch.device, index: int
    ) -> BatchT | Iterator[BatchT]:
        """Move a batch, whose form is known: Lightning's search through trees is not needed.

        Those of a group are moved one at a time, when their turn comes.
        """
        return batch if isinstance(batch, Iterator) else moved(batch, device)

    def training_step(self, batches: Iterator[BatchT], index: int) -> None:
        """One optimiser step for each batch of a group.

        Raises:
            DivergedError: The loss is not finite; nothing is trained on such a value.
        """
        # Lightning spends as much on a call of this method as a step of a small model takes.
        for batch in batches:
            self._step(moved(batch, self.device))
            # Copies of the weights that autocast may keep until it is left are old by now.
            torch.clear_autocast_cache()

    def _step(self, batch: BatchT) -> None:
        parts = self.training_config.accumulate
        size = count(batch) // parts
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        optimizer.zero_grad()
        for part in range(parts):
            share = batch if parts == 1 else rows(batch, slice(part * size, (part + 1) * size))
            loss = self.solver.loss(share, self._noise)
            self._require_finite(loss.total, loss.total, loss.terms)
            self._add_to_means({"loss": loss.total.detach(), **loss.terms})
            share_of_loss = loss.total if parts == 1 else loss.total / parts
            share_of_loss.backward()  # type: ignore[no-untyped-call]
        self._descend(optimizer)

    def _add_to_means(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        self._batches += 1

    def _descend(self, optimizer: LightningOptimizer) -> None:
        scheduler = self.lr_schedulers()
        assert isinstance(scheduler, LambdaLR)
        if self.training_config.gradient_clip > 0:
            self._clip(self.training_config.gradient_clip)
        optimizer.step()
        scheduler.step()
        if self.averaged is not None:
            self.averaged.update_parameters(self.solver)

    def _clip(self, norm: float) -> None:
        nn.utils.clip_grad_norm_(self.solver.parameters(), norm)

    def validation_step(self, batch: BatchT, index: int) -> None:
        """Validation loss with the same noise at every validation; one row of the history."""
        value = self.evaluated.validation_loss(batch, stream("validation", self.seed, 0))
        self._require_valid(value)
        self.log("val_loss", value, prog_bar=True, batch_size=count(batch))
        row = {"step": float(self.global_step), "val_loss": value.item()}
        row |= {name: total.item() / self._batches for name, total in self._sums.items()}
        row["learning_rate"] = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        self.history.append(row)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam or AdamW with a learning rate that changes every step."""
        cfg = self.training_config
        # One kernel for all weights: a quarter of the time of the default on small networks.
        settings: dict[str, Any] = {
            "lr": cfg.learning_rate,
            "betas": (0.9, cfg.beta2),
            "fused": True,
        }
        optimizer: Optimizer
        if cfg.optimizer == "adamw":
            groups = _decay_groups(self.solver, cfg.weight_decay)
            optimizer = AdamW(groups, **settings)
        else:
            optimizer = Adam(self.solver.parameters(), **settings)
        scheduler = LambdaLR(optimizer, lambda step: learning_rate_factor(cfg, step))
        return {"optimizer": optimizer, "lr_scheduler": scheduler}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep with the weights what a continued run needs: its identity and its history."""
        checkpoint["history"] = self.history
        checkpoint["fingerprint"] = self.identity

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the history."""
        self.history = list(checkpoint["history"])

    def _require_finite(self, total: Tensor, shown: Tensor, terms: dict[str, Tensor]) -> None:
        if math.isfinite(total.item()):
            return
        named = ", ".join(f"{name} = {value.item():.4g}" for name, value in terms.items())
        raise DivergedError(
            f"training loss is {shown.tolist()} at step {self.global_step} ({named}); "
            "lower training.learning_rate or set training.gradient_clip"
        )

    def _require_valid(self, value: Tensor) -> None:
        if not math.isfinite(value.sum().item()):
            raise DivergedError(
                f"validation loss is {value.tolist()} after step {self.global_step}; "
                "lower training.learning_rate or set training.gradient_clip"
            )


def _decay_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    # Gains, biases and other vectors are left alone, as in the training of language models.
    weights = [p for p in module.parameters() if p.requires_grad]
    return [
        {"params": [p for p in weights if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in weights if p.ndim < 2], "weight_decay": 0.0},
    ]


def learning_rate_factor(training: TrainingConfig, step: int) -> float:
    """Factor on the initial learning rate at ``step``."""
    if step < training.warmup:
        return (step + 1) / (training.warmup + 1)
    match training.schedule:
        case "cosine":
            left = training.iterations - training.warmup
            share = 0.5 * (1 + math.cos(math.pi * min(1.0, (step - training.warmup) / left)))
            return training.final_factor + (1 - training.final_factor) * share
        case "halving":
            return float(0.5 ** (step // training.halve_every))
        case "drops":
            passed = sum(step >= at * training.iterations for at in training.drop_at)
            return float(0.1**passed)
        case "constant":
            return 1.0
