"""Two-dimensional toy laws with the constants of the FFJORD generators.

The constants are those of the continuous-normalizing-flow literature (FFJORD, OT-Flow), so that
published likelihoods are comparable. The published generators fix the number of points of each
arm and (moons, circles) put angles on a grid; here each point is an independent draw of the same
law, which a maximum-likelihood number needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mfglab.datasets.law import DensityLaw, Law, coin, normal, uniform
from mfglab.datasets.mixtures import MixtureBacked
from mfglab.games.densities import GaussianMixture


class PlanarLaw(Law):
    """A law on the plane."""

    @property
    def dim(self) -> int:
        """Dimension of the plane: 2."""
        return 2


@dataclass(frozen=True)
class Moons(PlanarLaw):
    """Two interleaved half circles of radius 1, stretched by 2 and moved by (-1, -0.2).

    Args:
        noise: Standard deviation of the noise before stretching.
    """

    noise: float = 0.1

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2)."""
        lower = coin(n, generator).bool()
        angle = uniform(n, generator, 0.0, math.pi)
        x = torch.where(lower, 1.0 - angle.cos(), angle.cos())
        y = torch.where(lower, 0.5 - angle.sin(), angle.sin())
        points = torch.stack([x, y], dim=1) + self.noise * normal(n, 2, generator)
        return 2.0 * points + points.new_tensor([-1.0, -0.2])


@dataclass(frozen=True)
class Circles(PlanarLaw):
    """Two concentric noisy circles, stretched: radii 3 and 1.5 with the usual constants.

    Args:
        factor: Radius of the inner circle over that of the outer one.
        noise: Standard deviation of the noise before stretching.
        scale: Stretch, the radius of the outer circle.
    """

    factor: float = 0.5
    noise: float = 0.08
    scale: float = 3.0

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2)."""
        inner = coin(n, generator).bool()
        angle = uniform(n, generator, 0.0, 2.0 * math.pi)
        radius = torch.where(inner, self.factor, torch.ones_like(angle))
        ring = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
        return self.scale * (ring + self.noise * normal(n, 2, generator))


@dataclass(frozen=True)
class SwissRoll(PlanarLaw):
    """The spiral ``t (cos t, sin t)``, t uniform on [1.5 pi, 4.5 pi], noisy, divided by 5.

    Args:
        noise: Standard deviation of the noise before shrinking.
        shrink: Divisor of all coordinates.
    """

    noise: float = 1.0
    shrink: float = 5.0

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2)."""
        t = uniform(n, generator, 1.5 * math.pi, 4.5 * math.pi)
        roll = torch.stack([t * t.cos(), t * t.sin()], dim=1)
        return (roll + self.noise * normal(n, 2, generator)) / self.shrink


@dataclass(frozen=True)
class TwoSpirals(PlanarLaw):
    """Two spirals of one and a half turns, mirror images through the origin.

    The arm parameter is ``sqrt(U)`` times the full angle (even spacing along the arm), each
    coordinate gets a one-sided uniform jitter before mirroring and a normal one at the end.

    Args:
        turn: Full angle of an arm, radians (540 degrees).
        jitter: Width of the uniform jitter, before shrinking.
        shrink: Divisor of the coordinates.
        noise: Standard deviation of the final noise.
    """

    turn: float = 3.0 * math.pi
    jitter: float = 0.5
    shrink: float = 3.0
    noise: float = 0.1

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2); the two arms come in random order."""
        t = self.turn * uniform(n, generator).sqrt()
        x = -t * t.cos() + self.jitter * uniform(n, generator)
        y = t * t.sin() + self.jitter * uniform(n, generator)
        side = 1.0 - 2.0 * coin(n, generator).to(t.dtype)
        arms = side[:, None] * torch.stack([x, y], dim=1) / self.shrink
        return arms + self.noise * normal(n, 2, generator)


@dataclass(frozen=True)
class Pinwheel(PlanarLaw):
    """Arms of elongated Gaussians, twisted by an angle that grows with the radius.

    Args:
        arms: Number of arms.
        radial_std: Standard deviation along an arm, before stretching.
        tangential_std: Standard deviation across an arm, before stretching.
        rate: Twist: a point at radial coordinate r turns by ``rate * exp(r)`` radians.
        scale: Stretch of all coordinates.
    """

    arms: int = 5
    radial_std: float = 0.3
    tangential_std: float = 0.1
    rate: float = 0.25
    scale: float = 2.0

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2); the arms come in random order."""
        arm = coin(n, generator, self.arms)
        noise = normal(n, 2, generator)
        along = 1.0 + self.radial_std * noise[:, 0]
        across = self.tangential_std * noise[:, 1]
        angle = 2.0 * math.pi / self.arms * arm + self.rate * along.exp()
        x = along * angle.cos() + across * angle.sin()
        y = across * angle.cos() - along * angle.sin()
        return self.scale * torch.stack([x, y], dim=1)


@dataclass(frozen=True)
class Checkerboard(PlanarLaw, DensityLaw):
    """Uniform law on the 8 black squares of a 4 x 4 board centred at the origin.

    With squares of side 2 the support has area 32 and the entropy is log 32 nats.

    Args:
        side: Side of a square.
    """

    side: float = 2.0

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2)."""
        column = coin(n, generator, 4) - 2
        row = 2 * coin(n, generator) - 2 + column % 2
        corner = torch.stack([column, row], dim=1)
        within = torch.rand(n, 2, dtype=torch.float64, generator=generator)
        return self.side * (corner + within)

    def log_prob(self, x: Tensor) -> Tensor:
        """Minus log of the area of the support on a black square, -inf elsewhere; shape (n,)."""
        square = torch.floor(x / self.side)
        on_board = ((square >= -2) & (square <= 1)).all(dim=1)
        black = square.sum(dim=1) % 2 == 0
        inside = x.new_full(black.shape, -math.log(8.0 * self.side**2))
        return torch.where(on_board & black, inside, -torch.inf)

    def score(self, x: Tensor) -> Tensor:
        """Zero inside the black squares, NaN off the support; shape (n, 2)."""
        supported = torch.isfinite(self.log_prob(x))[:, None]
        return torch.where(supported, torch.zeros_like(x), torch.nan)


@dataclass(frozen=True)
class EightGaussians(MixtureBacked):
    """Eight round Gaussians of equal weight on a circle.

    Args:
        radius: Radius of the circle, before shrinking.
        std: Standard deviation of each Gaussian, before shrinking.
        shrink: Divisor of all coordinates (the generators have 1.414, not the root of 2).
    """

    radius: float = 4.0
    std: float = 0.5
    shrink: float = 1.414

    def density(self) -> GaussianMixture:
        """The exact mixture of eight components."""
        angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4.0)
        means = self.radius / self.shrink * torch.stack([angle.cos(), angle.sin()], dim=1)
        return GaussianMixture.isotropic(means, self.std / self.shrink)


@dataclass(frozen=True)
class SierpinskiCarpet(PlanarLaw, DensityLaw):
    """Uniform law on the carpet at a finite level, centred at the origin.

    The square is cut into 3 x 3 and the middle ninth removed, ``level`` times; 8^level cells of
    side ``side / 3^level`` are left. Its dimension tends to log 8 / log 3 = 1.893.

    Args:
        level: Number of cuts.
        side: Side of the square; by default that of arXiv:2210.17230 (10) over the standard
            deviation of its start law (3), so that a standard normal is the start law.
    """

    level: int = 4
    side: float = 10.0 / 3.0

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw ``n`` points, shape (n, 2)."""
        # The eight cells around the middle one, by index 0..8 without 4.
        digit = torch.randint(8, (n, self.level), generator=generator)
        digit = digit + (digit >= 4)
        scale = 1 / torch.cumprod(torch.full((self.level,), 3.0, dtype=torch.float64), 0)
        corner = torch.stack([(digit % 3).double() @ scale, (digit // 3).double() @ scale], dim=1)
        within = torch.rand(n, 2, dtype=torch.float64, generator=generator) / 3**self.level
        points: Tensor = self.side * (corner + within - 0.5)
        return points

    def log_prob(self, x: Tensor) -> Tensor:
        """Minus log of the area of the carpet on it, -inf elsewhere; shape (n,)."""
        place = x / self.side + 0.5
        inside = ((place >= 0) & (place < 1)).all(dim=1)
        for _ in range(self.level):
            place = 3 * place
            inside &= ~(torch.floor(place) == 1).all(dim=1)
            place = place - torch.floor(place)
        area = self.side**2 * (8.0 / 9.0) ** self.level
        return torch.where(inside, x.new_full(inside.shape, -math.log(area)), -torch.inf)

    def score(self, x: Tensor) -> Tensor:
        """Zero on the carpet, NaN off it; shape (n, 2)."""
        supported = torch.isfinite(self.log_prob(x))[:, None]
        return torch.where(supported, torch.zeros_like(x), torch.nan)
