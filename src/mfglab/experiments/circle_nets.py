"""Many small score networks on the circle at once: one batched product for all of one width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mfglab.robustness.certificate import CircleScore
from mfglab.robustness.schedule import Array
from mfglab.training.seeds import stream

_INPUTS, _IMAGES = 5, 3


@dataclass(frozen=True)
class Fit:
    """How an ensemble is trained, by denoising with noise levels uniform in log s.

    Args:
        eps: Smallest noising time.
        horizon: Largest noising time.
        iterations: Steps of Adam.
        batch: Noised points of each step and member.
        rate: Learning rate at the start; it falls to zero like a cosine.
    """

    eps: float
    horizon: float
    iterations: int
    batch: int
    rate: float = 0.01


class Ensemble:
    """B networks with two hidden layers of one width on the circle of length 1.

    The input is ``cos``, ``sin`` of one and two turns and ``log s``; the output is the score times
    ``sqrt(2 s)``. Members share nothing: the sum of their losses has one gradient for each.

    Args:
        size: B.
        width: Of both hidden layers.
        fit: Training.
        generator: Source of the initial weights.
    """

    def __init__(self, size: int, width: int, fit: Fit, generator: torch.Generator) -> None:
        self.fit = fit
        shapes = [(_INPUTS, width), (width, width), (width, 1)]
        self.weights = [
            torch.randn(size, a, b, generator=generator) / math.sqrt(a) for a, b in shapes
        ]
        self.biases = [torch.zeros(size, 1, b) for _, b in shapes]

    def noise(self, s: Tensor, x: Tensor, member: int | None = None) -> Tensor:
        """``sqrt(2 s)`` times the score, for times and points (B, n), or (n,) of one member."""
        layers = list(zip(self.weights, self.biases, strict=True))
        if member is not None:
            layers = [(w[member], b[member]) for w, b in layers]
        low, high = math.log(self.fit.eps), math.log(self.fit.horizon)
        level = (2 * torch.log(s) - low - high) / (high - low)
        turn = 2 * math.pi * x
        h = torch.stack([turn.cos(), turn.sin(), (2 * turn).cos(), (2 * turn).sin(), level], dim=-1)
        for weight, bias in layers[:-1]:
            h = torch.tanh(h @ weight + bias)
        weight, bias = layers[-1]
        return (h @ weight + bias)[..., 0]

    def train(self, data: list[Tensor], generator: torch.Generator) -> None:
        """Denoising score matching, every member on its own points.

        Args:
            data: For each member its training points, shape (N_b,).
            generator: Source of batches and noise.
        """
        parameters = [*self.weights, *self.biases]
        for p in parameters:
            p.requires_grad_(True)
        optimiser = torch.optim.Adam(parameters, lr=self.fit.rate)
        total = self.fit.iterations
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
        sizes = torch.tensor([len(points) for points in data])[:, None]
        starts = (sizes.cumsum(0) - sizes).long()
        flat, shape = torch.cat(data), (len(data), self.fit.batch)
        low, ratio = self.fit.eps, self.fit.horizon / self.fit.eps
        for _ in range(total):
            u = torch.rand(shape, generator=generator)
            y = flat[starts + (u * sizes).long().minimum(sizes - 1)]
            s = low * ratio ** torch.rand(shape, generator=generator)
            z = (2 * s).sqrt() * torch.randn(shape, generator=generator)
            target = (2 * s).sqrt() * wrapped_score(z, 2 * s)
            loss = (self.noise(s, y + z) - target).square().mean(1).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        for p in parameters:
            p.requires_grad_(False)

    def score(self, member: int) -> CircleScore:
        """The score of one member as a plain function."""

        def score(s: Array, x: Array) -> Array:
            clock, points = torch.from_numpy(s).float(), torch.from_numpy(x).float()
            value = self.noise(clock, points, member).double() / (2 * clock.double()).sqrt()
            return np.asarray(value.numpy(), dtype=np.float64)

        return score


def wrapped_score(z: Tensor, variance: Tensor) -> Tensor:
    """Score of the wrapped Gaussian of the circle of length 1 at z, by sums over images."""
    near = z - z.round()
    images = near[..., None] + torch.arange(-_IMAGES, _IMAGES + 1)
    r = torch.softmax(-0.5 * images.square() / variance[..., None], dim=-1)
    return -(r * images).sum(-1) / variance


def train_ensemble(width: int, data: list[Array], fit: Fit, seed: int) -> Ensemble:
    """A trained ensemble, one member for each sample.

    Args:
        width: Of the hidden layers.
        data: Training points of each member.
        fit: Training.
        seed: Seed of weights and noise.
    """
    ensemble = Ensemble(len(data), width, fit, stream("circle weights", seed, width))
    points = [torch.from_numpy(part).float() for part in data]
    ensemble.train(points, stream("circle noise", seed, width))
    return ensemble
