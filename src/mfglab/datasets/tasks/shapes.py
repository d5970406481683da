"""Points on the surfaces of ten shapes of random proportions, all clouds of a class at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

import torch
from torch import Tensor

Surface = Callable[[int, int, torch.Generator], Tensor]
"""Number of clouds n, points m and a generator to points (n, m, 3), float32."""


def _rand(generator: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=generator)


def _angle(generator: torch.Generator, *shape: int) -> Tensor:
    return _rand(generator, *shape, high=2 * math.pi)


def _ball_surface(n: int, m: int, generator: torch.Generator) -> Tensor:
    z = torch.randn(n, m, 3, generator=generator)
    out: Tensor = z / z.norm(dim=2, keepdim=True)
    return out


def sphere(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Spheres, up to 5% in each axis."""
    return _ball_surface(n, m, generator) * _rand(generator, n, 1, 3, low=0.95, high=1.05)


def ellipsoid(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Ellipsoids with one axis of 0.5 to 0.75, one of 0.75 to 1, one of 1, in random order."""
    axes = torch.cat(
        [
            _rand(generator, n, 1, low=0.5, high=0.75),
            _rand(generator, n, 1, low=0.75, high=1.0),
            torch.ones(n, 1),
        ],
        dim=1,
    )
    order = torch.rand(n, 3, generator=generator).argsort(dim=1)
    return _ball_surface(n, m, generator) * axes.gather(1, order)[:, None]


def cube(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Boxes with sides of ratio 0.7 to 1."""
    points = 2 * torch.rand(n, m, 3, generator=generator) - 1
    face = torch.randint(6, (n, m, 1), generator=generator)
    side = 2.0 * (face % 2) - 1
    axis = torch.arange(3)
    return torch.where(axis == face // 2, side, points) * _rand(generator, n, 1, 3, low=0.7)


def _radial(radius: Tensor, angle: Tensor, height: Tensor) -> Tensor:
    return torch.stack([radius * angle.cos(), radius * angle.sin(), height], dim=2)


def cylinder(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Cylinders with both lids; half-height 0.8 to 1.4 radii."""
    half = _rand(generator, n, 1, low=0.8, high=1.4)
    # Lateral area 4 pi half, each lid pi.
    lid = torch.rand(n, m, generator=generator) < 1 / (1 + 2 * half)
    u = _rand(generator, n, m, low=-1.0)
    radius = torch.where(lid, torch.rand(n, m, generator=generator).sqrt(), 1.0)
    height = half * torch.where(lid, u.sign(), u)
    return _radial(radius, _angle(generator, n, m), height)


def tube(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Cylinders without lids; half-height 0.8 to 1.4 radii."""
    half = _rand(generator, n, 1, low=0.8, high=1.4)
    height = half * _rand(generator, n, m, low=-1.0)
    return _radial(torch.ones(n, m), _angle(generator, n, m), height)


def cone(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Cones with base; height 1.2 to 2.2 radii."""
    top = _rand(generator, n, 1, low=1.2, high=2.2)
    # Lateral area pi sqrt(1 + top^2), base pi.
    base = torch.rand(n, m, generator=generator) < 1 / (1 + (1 + top**2).sqrt())
    radius = torch.rand(n, m, generator=generator).sqrt()
    height = torch.where(base, 0.0, top * (1 - radius))
    return _radial(radius, _angle(generator, n, m), height)


def pyramid(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Square pyramids with base; height 1.2 to 2.2 half-sides of the base."""
    top = _rand(generator, n, 1, low=1.2, high=2.2)
    # Four sides of 2 * 2 * slant / 2 each, base 4.
    base = torch.rand(n, m, generator=generator) < 1 / (1 + (1 + top**2).sqrt())
    # On the rim of the square ring at distance r from the axis: one coordinate is r.
    r = torch.rand(n, m, generator=generator).sqrt()
    along = r * _rand(generator, n, m, low=-1.0)
    side = torch.randint(4, (n, m), generator=generator)
    across = r * (1 - 2.0 * (side % 2))
    swap = side >= 2
    x, y = torch.where(swap, along, across), torch.where(swap, across, along)
    return torch.stack([x, y, torch.where(base, 0.0, top * (1 - r))], dim=2)


def torus(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Tori; the tube has 0.2 to 0.45 of the ring's radius."""
    small = _rand(generator, n, 1, low=0.2, high=0.45)
    phi = _angle(generator, n, m)
    return _radial(1 + small * phi.cos(), _angle(generator, n, m), small * phi.sin())


def moebius(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Moebius strips; the band is 0.3 to 0.55 of the radius to each side."""
    width = _rand(generator, n, 1, low=0.3, high=0.55) * _rand(generator, n, m, low=-1.0)
    angle = _angle(generator, n, m)
    twist = angle / 2
    return _radial(1 + width * twist.cos(), angle, width * twist.sin())


def helix(n: int, m: int, generator: torch.Generator) -> Tensor:
    """Helices of 1.5 to 3 turns; height 0.8 to 2 radii."""
    t = _rand(generator, n, m)
    turns = _rand(generator, n, 1, low=1.5, high=3.0)
    hand = 1 - 2.0 * torch.randint(2, (n, 1), generator=generator)
    height = _rand(generator, n, 1, low=0.8, high=2.0) * t
    return _radial(torch.ones(n, m), 2 * math.pi * hand * turns * t, height)


SHAPES: MappingProxyType[str, Surface] = MappingProxyType(
    {
        "sphere": sphere,
        "ellipsoid": ellipsoid,
        "cube": cube,
        "cylinder": cylinder,
        "tube": tube,
        "cone": cone,
        "pyramid": pyramid,
        "torus": torus,
        "moebius": moebius,
        "helix": helix,
    }
)
"""Shapes by name; neighbours are alike."""
