"""Point clouds with classes: generated shapes seen in part, and ModelNet."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mfglab.datasets.readers.clouds import MeshArchive, PointClouds
from mfglab.datasets.tasks.base import Examples, Task, generator_of
from mfglab.datasets.tasks.shapes import SHAPES

# Points drawn for each point that is kept, so that a view has enough after the cut.
_SPARE = 2.5
_VALIDATION = 0.1


@dataclass(frozen=True)
class View:
    """How a cloud is seen.

    Args:
        noise: Standard deviation of the noise of a point, in radii of the shape.
        tilts: Least and largest tilt of the shape's axis, degrees.
        cuts: Least and largest share of the surface that a half-space cuts off, at most 0.6.

    Raises:
        ValueError: A range that is none, or cuts that leave too few points.
    """

    noise: float = 0.02
    tilts: tuple[float, float] = (0.0, 20.0)
    cuts: tuple[float, float] = (0.0, 0.3)

    def __post_init__(self) -> None:
        if not 0 <= self.cuts[0] <= self.cuts[1] <= 1 - 1 / _SPARE:
            raise ValueError(f"cuts must rise within 0..{1 - 1 / _SPARE:g}, got {self.cuts}")
        if not 0 <= self.tilts[0] <= self.tilts[1] or self.noise < 0:
            raise ValueError(
                f"tilts must rise from 0 or more and noise be >= 0, got {self.tilts}, {self.noise}"
            )


def shapes(
    n_train: int = 1_500,
    n_val: int = 500,
    n_test: int = 1_000,
    points: int = 96,
    view: View | None = None,
    seed: int = 2304,
) -> Task:
    """Ten generated shapes of random proportions, in equal numbers.

    Some pairs are alike: sphere and ellipsoid, cylinder and tube, cone and pyramid, torus and
    Moebius strip. Each cloud is turned about the vertical by any angle and tilted, a half-space
    of random direction is cut off, noise is added, and the rest is centred and scaled to radius 1.

    Args:
        n_train: Training clouds.
        n_val: Validation clouds.
        n_test: Test clouds, of each test set.
        points: Points of a cloud.
        view: How clouds are seen.
        seed: Seed of the draws; the splits have streams of their own.

    Returns:
        Shifted sets: ``tilted`` (tilts of 20 to 40 degrees) and ``cut`` (45 to 60% cut off).
    """
    plain = View() if view is None else view
    sets = {
        "train": (n_train, plain),
        "val": (n_val, plain),
        "test": (n_test, plain),
        "tilted": (n_test, replace(plain, tilts=(20.0, 40.0))),
        "cut": (n_test, replace(plain, cuts=(0.45, 0.6))),
    }
    parts = {
        name: draw_shapes(n, points, seen, generator_of(seed, number))
        for number, (name, (n, seen)) in enumerate(sets.items())
    }
    train, val, test = (parts.pop(name) for name in ("train", "val", "test"))
    return Task("clouds", train, val, test, classes=len(SHAPES), shifted=parts)


def draw_shapes(n: int, points: int, view: View, generator: torch.Generator) -> Examples:
    """``n`` clouds of ``points`` points of all shapes in equal numbers, in random order."""
    labels = torch.arange(n) % len(SHAPES)
    labels = labels[torch.randperm(n, generator=generator)]
    spare = math.ceil(_SPARE * points)
    surface = torch.empty(n, spare, 3)
    for number, draw in enumerate(SHAPES.values()):
        members = labels == number
        surface[members] = draw(int(members.sum()), spare, generator)
    turned = surface @ rotations(n, view.tilts, generator).mT
    seen = cut_off(normalised(turned), points, view.cuts, generator)
    noisy = seen + view.noise * torch.randn(seen.shape, generator=generator)
    return Examples(normalised(noisy), labels)


def rotations(n: int, tilts: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Turns about the vertical by any angle, then tilts of ``tilts`` degrees; (n, 3, 3)."""
    turn, towards = (2 * math.pi * torch.rand(n, generator=generator) for _ in range(2))
    low, high = (math.radians(angle) for angle in tilts)
    tilt = low + (high - low) * torch.rand(n, generator=generator)
    # Tilting about a horizontal axis: to the axis, about it, back; the way back is a turn too.
    return _about_z(towards) @ _about_x(tilt) @ _about_z(turn)


def cut_off(
    clouds: Tensor, points: int, cuts: tuple[float, float], generator: torch.Generator
) -> Tensor:
    """Remove what lies beyond a random plane, then draw points of the rest.

    Args:
        clouds: Shape (n, m, 3).
        points: Points to keep, p.
        cuts: Least and largest share that is removed.
        generator: The only source of randomness.

    Returns:
        Shape (n, p, 3).
    """
    n, m = clouds.shape[:2]
    direction = torch.randn(n, 3, 1, generator=generator)
    depth = (clouds @ direction).squeeze(2).argsort(dim=1).argsort(dim=1)
    share = cuts[0] + (cuts[1] - cuts[0]) * torch.rand(n, 1, generator=generator)
    kept = depth < ((1 - share) * m).ceil()
    order = torch.rand(n, m, generator=generator).masked_fill(~kept, 2.0).argsort(dim=1)
    return clouds.gather(1, order[:, :points, None].expand(n, points, 3))


def normalised(clouds: Tensor) -> Tensor:
    """Clouds (n, p, 3) with mean zero and farthest point at distance 1."""
    centred = clouds - clouds.mean(dim=1, keepdim=True)
    radius = centred.norm(dim=2).amax(dim=1).clamp_min(1e-12)
    out: Tensor = centred / radius[:, None, None]
    return out


def modelnet(
    data: PointClouds | MeshArchive,
    points: int = 1_024,
    per_class: int | None = None,
    seed: int = 2304,
) -> Task:
    """ModelNet10 or 40, published test split; a tenth of each training class is for validation.

    Args:
        data: Repacked clouds, or meshes from which points are sampled.
        points: Points of a cloud.
        per_class: Training clouds of a class at most, validation included; none: all.
        seed: Seed of the choice and of the points.
    """
    rng = np.random.default_rng(seed)
    train, val = [], []
    for label in range(len(data.class_names)):
        members = rng.permutation(np.flatnonzero((data.labels == label) & ~data.test))[:per_class]
        cut = max(1, round(_VALIDATION * len(members)))
        val.append(members[:cut])
        train.append(members[cut:])
    test = np.flatnonzero(data.test)
    chosen = [np.sort(np.concatenate(part)) for part in (train, val)] + [test]
    if isinstance(data, MeshArchive):
        clouds = data.clouds(points, rng, np.concatenate(chosen).tolist()).points
    else:
        clouds = data.clouds(points, rng).points[np.concatenate(chosen)]
    scaled = normalised(torch.from_numpy(np.ascontiguousarray(clouds, dtype=np.float32)))
    labels = torch.from_numpy(data.labels[np.concatenate(chosen)])
    ends = np.cumsum([len(part) for part in chosen])
    parts = [
        Examples(scaled[end - len(part) : end], labels[end - len(part) : end])
        for part, end in zip(chosen, ends.tolist(), strict=True)
    ]
    return Task("clouds", parts[0], parts[1], parts[2], classes=len(data.class_names))


def _about_z(angle: Tensor) -> Tensor:
    c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack([c, -s, o, s, c, o, o, o, o + 1], dim=1).view(-1, 3, 3)


def _about_x(angle: Tensor) -> Tensor:
    c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack([o + 1, o, o, o, c, -s, o, s, c], dim=1).view(-1, 3, 3)
