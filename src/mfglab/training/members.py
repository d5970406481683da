"""Solvers that differ in their seed, trained together as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.utils.data import Dataset

from mfglab.config import TrainingConfig
from mfglab.solvers.base import PointwiseSolver, stacked
from mfglab.training.batches import Batches
from mfglab.training.fingerprint import Fingerprint
from mfglab.training.module import SolverModule
from mfglab.training.seeds import stream


def trainable_together(solvers: Sequence[object], training: TrainingConfig) -> bool:
    """Whether :func:`~mfglab.training.fit.fit_members` takes these solvers, settings being equal.

    Not with AdamW, whose decay leaves vectors alone and knows them by their one axis: stacked they
    have two. Accumulated batches serve large models, which gain nothing here.
    """
    small = training.optimizer == "adam" and training.accumulate == 1
    return small and all(isinstance(s, PointwiseSolver) and s.stackable for s in solvers)


class MemberBatches(Batches[Tensor]):
    """Batches (M, n, d): member k draws from its own points, as it would alone.

    Args:
        x: Training points (n_k, d) of each member.
        batch_size: Points a batch and member.
        count: Batches an epoch.
        seeds: Seed of each member.
    """

    def __init__(
        self, x: Sequence[Tensor], batch_size: int, count: int, seeds: Sequence[int]
    ) -> None:
        super().__init__(count)
        self.x = torch.cat(list(x))
        self.sizes = [len(points) for points in x]
        self.batch_size = batch_size
        self.seeds = list(seeds)

    def __iter__(self) -> Iterator[Tensor]:
        shape, start, index = (self.count, self.batch_size), 0, []
        for size, seed in zip(self.sizes, self.seeds, strict=True):
            generator = stream("batches", seed, self.epoch)
            index.append(start + torch.randint(size, shape, generator=generator))
            start += size
        for row in torch.stack(index, dim=1):
            yield self.x[row]


class MemberPoints(Dataset[Tensor]):
    """Validation points (M, n, d) of all members as the one item."""

    def __init__(self, x: Sequence[Tensor]) -> None:
        self.x = torch.stack(list(x))

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Tensor:
        return self.x


@dataclass
class Progress:
    """Where one member stands.

    Args:
        history: One row a validation.
        best: Weights of the lowest validation loss.
        best_step: Step at which they were reached.
        best_val_loss: That loss; infinite before the first validation.
        waited: Validations since.
        stopped: Step at which the member stopped, None while it is trained.
        final: Its weights there.
    """

    history: list[dict[str, float]]
    best: dict[str, Tensor]
    best_step: int = 0
    best_val_loss: float = float("inf")
    waited: int = 0
    stopped: int | None = None
    final: dict[str, Tensor] | None = None


class MembersModule(SolverModule[Tensor]):
    """Optimises M stacked solvers; each is validated, kept and stopped as if it were alone.

    Weights of a member that has stopped move on with the others and are not looked at any more.

    Args:
        solvers: What is trained; left as they are.
        training: Optimisation settings, the same for all.
        seeds: Seed of each.
        identity: What the run is.
    """

    def __init__(
        self,
        solvers: Sequence[PointwiseSolver],
        training: TrainingConfig,
        seeds: Sequence[int],
        identity: Fingerprint,
    ) -> None:
        super().__init__(stacked(solvers), training, seeds[0], identity)
        self.seeds = list(seeds)
        self.progress = [Progress([], {}) for _ in seeds]
        self._streams: list[torch.Generator] = []
        self._gains = 0

    def on_train_epoch_start(self) -> None:
        """Seed this epoch's batches and noise of every member, and empty the running means."""
        super().on_train_epoch_start()
        self._streams = [stream("noise", seed, self.current_epoch) for seed in self.seeds]

    def member_weights(self, member: int) -> dict[str, Tensor]:
        """A copy of the weights of one member that are validated, as its own state dictionary."""
        whole = self.evaluated
        assert isinstance(whole, PointwiseSolver)
        return {name: x.cpu().clone() for name, x in whole.member_state(member).items()}

    def _step(self, batch: Tensor) -> None:
        whole = self.solver
        assert isinstance(whole, PointwiseSolver)
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        optimizer.zero_grad()
        found = whole.training_losses(batch, self._streams)
        losses = found.total.view(len(self.seeds), -1).mean(1)
        # the gradient of the sum in the weights of a member is that of its own loss
        total = losses.sum()
        self._require_finite(total, losses.detach(), found.mean().terms)
        terms = {"loss": found.total, **found.terms}
        members = len(self.seeds)
        self._add_to_means({k: v.detach().view(members, -1).mean(1) for k, v in terms.items()})
        total.backward()  # type: ignore[no-untyped-call]
        self._descend(optimizer)

    def _clip(self, norm: float) -> None:
        gradients = [p.grad for p in self.solver.parameters() if p.grad is not None]
        rows = [gradient.view(len(self.seeds), -1) for gradient in gradients]
        norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])
        factor = (norm / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1)
        for row in rows:
            row.mul_(factor[:, None])

    def validation_step(self, batch: Tensor, index: int) -> None:
        """Validation losses with the same noise at every validation; a row for each member."""
        whole = self.evaluated
        assert isinstance(whole, PointwiseSolver)
        streams = [stream("validation", seed, 0) for seed in self.seeds]
        values = whole.validation_losses(batch, streams).view(len(self.seeds), -1).mean(1)
        self._require_valid(values)
        means = {name: total / self._batches for name, total in self._sums.items()}
        for k, (member, value) in enumerate(zip(self.progress, values.tolist(), strict=True)):
            if member.stopped is None:
                row = {"step": float(self.global_step), "val_loss": value}
                row |= {name: mean[k].item() for name, mean in means.items()}
                self._note(k, member, row)
        # what early stopping looks at falls as long as any member that is not stopped gets better
        self.log("val_loss", -float(self._gains), batch_size=batch.shape[1])

    def _note(self, k: int, member: Progress, row: dict[str, float]) -> None:
        row["learning_rate"] = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]
        member.history.append(row)
        member.waited += 1
        if row["val_loss"] < member.best_val_loss:
            self._gains += 1
            member.best, member.best_val_loss = self.member_weights(k), row["val_loss"]
            member.best_step, member.waited = self.global_step, 0
        if member.waited >= self.training_config.patience:
            member.stopped, member.final = self.global_step, self.member_weights(k)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep with the weights what a continued run needs: its identity and the progress."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["gains"] = self._gains
        checkpoint["progress"] = [vars(member) for member in self.progress]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the progress."""
        super().on_load_checkpoint(checkpoint)
        self._gains = checkpoint["gains"]
        self.progress = [Progress(**member) for member in checkpoint["progress"]]
