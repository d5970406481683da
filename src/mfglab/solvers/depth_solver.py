"""A Transformer as the player of a game: task loss at the end, kinetic energy on the way."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as nnf

from mfglab.games.recipes import transformer
from mfglab.solvers.base import Loss, Trainable
from mfglab.solvers.continuous_depth import DepthTransformer

#: Rows of validation data that are run at once.
_CHUNK = 500


class DepthSolver(Trainable[tuple[Tensor, Tensor]]):
    """Trains a network whose depth is time; Eq. (8)-(9) of arXiv:2505.13499.

    The objective is ``task + weight * transport``: the mean cross-entropy G of the head at the
    hidden states X(T), and the running cost that the states paid on their way, in the convention
    of the network's :class:`~mfglab.solvers.continuous_depth.Penalty`. ``weight = 0`` leaves the
    game without a running cost: every velocity that reaches the same end states is optimal.

    Args:
        network: Embedding, depth and head.
        weight: Weight lambda of the transport cost; not negative.
        label_smoothing: Label smoothing of the task loss in training.

    Raises:
        ValueError: ``weight`` is negative.
    """

    def __init__(
        self, network: DepthTransformer, weight: float, label_smoothing: float = 0.0
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"the weight of the transport cost must be >= 0, got {weight!r}")
        # The Hamiltonian of the game needs a positive weight; the objective below does not.
        super().__init__(transformer(kinetic_weight=weight or 1.0, horizon=network.depth.horizon))
        self.network = network
        self.weight = weight
        self.label_smoothing = label_smoothing

    def check(self, name: str, x: tuple[Tensor, Tensor]) -> None:
        """Raise unless inputs and labels have the same number of rows and are usable."""
        inputs, labels = x
        if len(inputs) == 0 or len(inputs) != len(labels):
            raise ValueError(
                f"{name} must hold as many labels as inputs, at least one, got {len(inputs)} "
                f"inputs and {len(labels)} labels"
            )
        if labels.dtype != torch.int64:
            raise ValueError(f"{name}: labels must be int64, got {labels.dtype}")
        if inputs.is_floating_point():
            bad = (~torch.isfinite(inputs)).reshape(len(inputs), -1).any(1).nonzero()
            if len(bad):
                raise ValueError(f"{name}[{int(bad[0])}] holds values that are not finite")

    def loss(self, x: tuple[Tensor, Tensor], generator: torch.Generator) -> Loss:
        """Cross-entropy plus weighted transport cost on a batch of inputs and labels."""
        inputs, labels = x
        prediction = self.network(inputs)
        logits = prediction.logits
        task = nnf.cross_entropy(
            logits.flatten(0, -2), labels.flatten(), label_smoothing=self.label_smoothing
        )
        transport = prediction.transport.mean()
        total = task + self.weight * transport if self.weight > 0 else task
        with torch.no_grad():
            # Of max, the indices take two thirds of the time of argmax on a processor.
            hits = (logits.max(-1).indices == labels).float().mean()
        return Loss(
            total,
            {"task": task.detach(), "transport": transport.detach(), "accuracy": hits},
        )

    @torch.no_grad()
    def validation_loss(self, x: tuple[Tensor, Tensor], generator: torch.Generator) -> Tensor:
        """Mean cross-entropy, a few hundred rows at a time."""
        inputs, labels = x
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(inputs), _CHUNK):
            part = slice(start, start + _CHUNK)
            logits = self.network(inputs[part]).logits
            loss = nnf.cross_entropy(logits.flatten(0, -2), labels[part].flatten(), reduction="sum")
            total += loss.double().cpu()
        return (total / labels.numel()).float()
