"""Transformers and batches on which the cost of continuous depth is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfglab.networks.transformers.gpt import GptSize, gpt
from mfglab.networks.transformers.parts import Parts
from mfglab.networks.transformers.vit import VitSize, vit
from mfglab.solvers.continuous_depth import ContinuousDepth, DepthTransformer, Penalty, Velocity
from mfglab.solvers.depth_solver import DepthSolver
from mfglab.trajectories.integrate import Checkpointing

AGREEMENT = 1e-9
"""Largest relative difference of losses and gradients in float64."""


@dataclass(frozen=True)
class Case:
    """A network and the number of examples in a batch."""

    size: GptSize | VitSize
    batch: int

    def parts(self) -> Parts:
        """The network with fresh weights, the same in every call."""
        generator = torch.Generator().manual_seed(0)
        if isinstance(self.size, GptSize):
            return gpt(self.size, generator)
        return vit(self.size, generator)

    def examples(self) -> tuple[Tensor, Tensor]:
        """Random inputs and labels, the same in every call."""
        generator = torch.Generator().manual_seed(1)
        size = self.size
        if isinstance(size, GptSize):
            text = torch.randint(
                size.vocabulary, (self.batch, size.context + 1), generator=generator
            )
            return text[:, :-1], text[:, 1:]
        images = torch.randn(self.batch, size.channels, size.image, size.image, generator=generator)
        return images, torch.randint(size.classes, (self.batch,), generator=generator)


CASES = {
    # nanoGPT's settings for a processor without GPU.
    "text": Case(GptSize(65, context=64, layers=4, heads=4, width=128), batch=12),
    # The published size for MNIST: one block of attention alone, 17 tokens of width 64.
    "image": Case(VitSize(28, 1, 7, 10, layers=1, heads=1, head_width=64, width=64), batch=100),
    # To see within a second that everything works.
    "tiny": Case(GptSize(11, context=8, layers=2, heads=2, width=8), batch=4),
}


class Discrete(nn.Module):
    """The network as it is without continuous depth: one block after the other, once."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.embedding, self.blocks, self.norm = parts.embedding, parts.blocks, parts.norm
        self.head = parts.head

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of ``inputs``."""
        x = self.embedding(inputs)
        for block in self.blocks:
            x = block(x)
        if self.norm is not None:
            x = self.norm(x)
        return self.head(x)


def discrete_loss(network: nn.Module, examples: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy."""
    inputs, labels = examples
    return functional.cross_entropy(network(inputs).flatten(0, -2), labels.flatten())


def depth_solver(
    parts: Parts,
    steps: int,
    *,
    velocity: Velocity = Velocity.OUTPUT,
    weight: float = 1.0,
    checkpoint: Checkpointing = False,
) -> DepthSolver:
    """The arm with ``steps`` Euler steps over T = 1 and a penalty in the released form."""
    depth = ContinuousDepth(
        parts.blocks,
        steps=steps,
        velocity=velocity,
        penalty=Penalty.MEAN,
        norm=parts.norm,
        checkpoint=checkpoint,
    )
    return DepthSolver(DepthTransformer(parts.embedding, depth, parts.head), weight)


def disagreement(losses: list[Callable[[], Tensor]], networks: list[nn.Module]) -> float:
    """Largest relative difference of two losses and of the norms of their gradients."""
    numbers = []
    for loss, network in zip(losses, networks, strict=True):
        network.zero_grad()
        total = loss()
        total.backward()
        squares = [p.grad.square().sum() for p in network.parameters() if p.grad is not None]
        numbers.append((total.item(), torch.stack(squares).sum().sqrt().item()))
    return max(abs(a - b) / abs(b) for a, b in zip(*numbers, strict=True))
