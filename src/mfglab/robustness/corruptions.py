"""Corruptions of test inputs: each is a level, called with inputs and a generator.

At level 0 every corruption returns its inputs unchanged. Levels of noise are in the units of the
inputs times ``scale``: on images normalised by a deviation s, ``scale = 1/s`` gives a level in
units of the pixels' range [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_RESERVED = 2
UNKNOWN = 1


@dataclass(frozen=True)
class Share:
    """Base of corruptions of a share of tokens, points or pixels.

    Args:
        level: The share, in [0, 1].

    Raises:
        ValueError: No share.
    """

    level: float

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 1:
            raise ValueError(f"the level of a corruption must lie in [0, 1], got {self.level!r}")

    def _hit(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independently for each entry whether it is hit."""
        return torch.rand(shape, generator=generator) < self.level


@dataclass(frozen=True)
class Amount:
    """Base of corruptions of any strength.

    Args:
        level: Strength, not negative.

    Raises:
        ValueError: A negative strength.
    """

    level: float

    def __post_init__(self) -> None:
        if not (self.level >= 0 and math.isfinite(self.level)):
            raise ValueError(f"the level of a corruption must be >= 0, got {self.level!r}")


@dataclass(frozen=True)
class TokenReplacement(Share):
    """Each token with probability ``level`` becomes another one, uniform over the vocabulary.

    Args:
        level: The share.
        vocabulary: Number of tokens.
    """

    vocabulary: int

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Tokens (n, L) to tokens (n, L)."""
        shape = tuple(inputs.shape)
        hit = self._hit(shape, generator).to(inputs.device)
        # A shift by 1..V-1 reaches every other token with equal probability.
        shift = torch.randint(1, self.vocabulary, shape, generator=generator).to(inputs.device)
        return torch.where(hit, (inputs + shift) % self.vocabulary, inputs)


@dataclass(frozen=True)
class WordDropout(Share):
    """Each word with probability ``level`` becomes the unknown word; padding stays."""

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Tokens (n, L), 0 = padding, to tokens (n, L)."""
        hit = self._hit(tuple(inputs.shape), generator).to(inputs.device)
        return torch.where(hit & (inputs > 0), torch.full_like(inputs, UNKNOWN), inputs)


@dataclass(frozen=True)
class WordReplacement(Share):
    """Each word with probability ``level`` becomes one of its candidates; padding stays.

    Args:
        level: The share.
        vocabulary: Number of tokens.
        table: Candidates of each token, int64 of shape (vocabulary, k), such as its synonyms; none:
            any known word, uniformly.
    """

    vocabulary: int
    table: Tensor | None = None

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Tokens (n, L), 0 = padding, to tokens (n, L)."""
        shape = tuple(inputs.shape)
        hit = self._hit(shape, generator).to(inputs.device)
        if self.table is None:
            new = torch.randint(_RESERVED, self.vocabulary, shape, generator=generator)
            new = new.to(inputs.device)
        else:
            column = torch.randint(self.table.shape[1], shape, generator=generator)
            new = self.table.to(inputs.device)[inputs, column.to(inputs.device)]
        return torch.where(hit & (inputs > 0), new, inputs)


@dataclass(frozen=True)
class PointDropout(Share):
    """Each point with probability ``level`` is replaced by the first kept point, as PointNet does.

    At least one point of each cloud is kept, a random one.
    """

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Clouds (n, p, 3) to clouds (n, p, 3)."""
        chance = torch.rand(inputs.shape[:2], generator=generator).to(inputs.device)
        best = chance.argmax(dim=1)
        first = (chance >= self.level).to(torch.int8).argmax(dim=1)
        kept = chance >= self.level
        anchor = torch.where(kept.any(dim=1), first, best)
        points = inputs[torch.arange(len(inputs), device=inputs.device), anchor]
        return torch.where(kept[..., None], inputs, points[:, None])


@dataclass(frozen=True)
class PointRemoval(Share):
    """A share ``level`` of the points of each cloud is removed, at least one point is left."""

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Clouds (n, p, 3) to clouds (n, p - round(level p), 3), points in their order."""
        n, p, d = inputs.shape
        left = max(1, p - round(self.level * p))
        chosen = torch.rand(n, p, generator=generator).argsort(dim=1)[:, :left]
        index = chosen.sort(dim=1).values.to(inputs.device)
        return inputs.gather(1, index[..., None].expand(n, left, d))


@dataclass(frozen=True)
class GaussianNoise(Amount):
    """Adds ``level * scale`` times standard normal noise: pixels, or jitter of points.

    Args:
        level: Standard deviation.
        scale: Units of the inputs that a level of 1 is.
    """

    scale: float = 1.0

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Inputs (n, ...) to inputs of that shape."""
        noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype)
        return inputs + self.level * self.scale * noise.to(inputs.device)


@dataclass(frozen=True)
class UniformNoise(Amount):
    """Adds noise uniform on ``[-level, level] * scale``.

    Args:
        level: Largest amplitude.
        scale: Units of the inputs that a level of 1 is.
    """

    scale: float = 1.0

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Inputs (n, ...) to inputs of that shape."""
        noise = 2 * torch.rand(inputs.shape, generator=generator, dtype=inputs.dtype) - 1
        return inputs + self.level * self.scale * noise.to(inputs.device)


@dataclass(frozen=True)
class Blur(Amount):
    """Gaussian blur with standard deviation ``level`` pixels; edges are repeated outwards."""

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Images (n, c, h, w) to images of that shape; the generator is not used."""
        if self.level == 0:
            return inputs
        reach = math.ceil(3 * self.level)
        grid = torch.arange(-reach, reach + 1, dtype=inputs.dtype, device=inputs.device)
        kernel = torch.exp(-(grid**2) / (2 * self.level**2))
        kernel = kernel / kernel.sum()
        n, c, h, w = inputs.shape
        flat = inputs.reshape(n * c, 1, h, w)
        flat = functional.pad(flat, (reach,) * 4, mode="replicate")
        flat = functional.conv2d(flat, kernel.view(1, 1, -1, 1))
        return functional.conv2d(flat, kernel.view(1, 1, 1, -1)).reshape(n, c, h, w)


@dataclass(frozen=True)
class Occlusion(Share):
    """A square of a share ``level`` of the image, anywhere inside, becomes background.

    Background is the smallest value of the image's channel, black where there is black.
    """

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Images (n, c, h, w) to images of that shape."""
        n, _, h, w = inputs.shape
        tall, wide = (round(math.sqrt(self.level) * side) for side in (h, w))
        top = torch.randint(h - tall + 1, (n, 1), generator=generator)
        left = torch.randint(w - wide + 1, (n, 1), generator=generator)
        rows = (torch.arange(h) >= top) & (torch.arange(h) < top + tall)
        columns = (torch.arange(w) >= left) & (torch.arange(w) < left + wide)
        covered = (rows[:, None, :, None] & columns[:, None, None, :]).to(inputs.device)
        return torch.where(covered, _background(inputs), inputs)


@dataclass(frozen=True)
class Rotation(Amount):
    """Turns each image by ``level`` degrees to a random side; what comes in is background."""

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Images (n, c, h, w) to images of that shape, interpolated bilinearly."""
        if self.level == 0:
            return inputs
        side = 2 * torch.randint(2, (len(inputs),), generator=generator) - 1
        angle = side.to(inputs) * math.radians(self.level)
        c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
        h, w = inputs.shape[2:]
        # The grid has [-1, 1] on both sides; the ratio keeps angles of oblong images.
        turn = torch.stack([c, -s * h / w, o, s * w / h, c, o], dim=1).view(-1, 2, 3)
        grid = functional.affine_grid(turn, list(inputs.shape), align_corners=False)
        ground = _background(inputs)
        turned = functional.grid_sample(inputs - ground, grid, align_corners=False)
        return turned + ground


def label_noise(labels: Tensor, share: float, classes: int, generator: torch.Generator) -> Tensor:
    """Labels of which exactly ``round(share * n)`` are another class, drawn uniformly.

    Args:
        labels: int64 of any shape, n entries.
        share: In [0, 1].
        classes: Number of classes, at least 2.
        generator: The only source of randomness.

    Raises:
        ValueError: A share that is none, or fewer than two classes.
    """
    if not 0 <= share <= 1 or classes < 2:
        raise ValueError(f"need a share in [0, 1] and >= 2 classes, got {share!r} and {classes}")
    flat = labels.reshape(-1).clone()
    hit = torch.randperm(len(flat), generator=generator)[: round(share * len(flat))]
    shift = torch.randint(1, classes, (len(hit),), generator=generator)
    hit, shift = hit.to(flat.device), shift.to(flat.device)
    flat[hit] = (flat[hit] + shift) % classes
    return flat.view(labels.shape)


def _background(images: Tensor) -> Tensor:
    """Smallest value of each channel of each image, shape (n, c, 1, 1)."""
    return images.amin(dim=(2, 3), keepdim=True)
