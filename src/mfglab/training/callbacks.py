"""The callbacks of a training run."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint


class Patience(EarlyStopping):
    """Early stopping that stays stopped.

    A run that is killed after it has stopped and before it has cleaned up must not train on when
    it is continued; Lightning restores the count of the waiting but not the decision.

    Args:
        validations: Validations without improvement before training stops.
    """

    def __init__(self, validations: int) -> None:
        super().__init__("val_loss", patience=validations, check_on_train_epoch_end=False)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop again if the patience was used up before."""
        if self.wait_count >= self.patience:
            trainer.should_stop = True


def best_weights(folder: Path) -> ModelCheckpoint:
    """Keeps ``best.safetensors``: the state of the lowest validation loss."""
    return _kept(folder, "best", monitor="val_loss")


def last_state(folder: Path) -> ModelCheckpoint:
    """Keeps ``last.safetensors``: the state after the latest validation."""
    return _kept(folder, "last", monitor=None)


def _kept(folder: Path, name: str, monitor: str | None) -> ModelCheckpoint:
    # Right after each validation, not at the end of the epoch: a continued run passes the end of
    # the epoch that it was interrupted after a second time, when there is no validation loss.
    return ModelCheckpoint(
        dirpath=folder,
        filename=name,
        monitor=monitor,
        enable_version_counter=False,
        save_on_train_epoch_end=False,
    )
