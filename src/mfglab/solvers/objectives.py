"""Score-matching objectives: denoising, implicit and explicit.

At noised points they differ by a constant that the weights do not move (arXiv:2304.13534 reads the
implicit one as the objective of the score game). All are weighted by the noise variance v(s) and
divided by d, so that one regulariser weight means the same for each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mfglab.games.optimality import VelocityField


@dataclass(frozen=True)
class NoisedPoints:
    """Points ``y = a(s) x + std z`` at which a score is compared.

    Args:
        s: Noising times, shape (n,).
        std: Deviation of the noise, shape (n, 1).
        z: Standard normal noise, shape (n, d).
        y: Noised points, shape (n, d).
    """

    s: Tensor
    std: Tensor
    z: Tensor
    y: Tensor


class Objective(ABC):
    """A loss of the score at noised points.

    Attributes:
        name: Name of the term in training histories.
        needs_divergence: Whether :meth:`pointwise` reads the divergence of the score.
    """

    name: ClassVar[str]
    needs_divergence: ClassVar[bool] = False

    @abstractmethod
    def pointwise(self, points: NoisedPoints, score: Tensor, divergence: Tensor | None) -> Tensor:
        """Loss of ``score`` (n, d) with ``divergence`` (n,) at each of ``points``, shape (n,)."""

    def value(self, points: NoisedPoints, score: Tensor, divergence: Tensor | None) -> Tensor:
        """Mean of :meth:`pointwise`."""
        return self.pointwise(points, score, divergence).mean()


@dataclass(frozen=True)
class Denoising(Objective):
    """``E v |s_theta - grad log p(y | x)|^2 / d``: the score of the noising kernel as target."""

    name: ClassVar[str] = "dsm"

    def pointwise(self, points: NoisedPoints, score: Tensor, divergence: Tensor | None) -> Tensor:
        """``|std s_theta + z|^2 / d``."""
        return (points.std * score + points.z).square().mean(1)


@dataclass(frozen=True)
class Implicit(Objective):
    """``E v (|s_theta|^2 + 2 div s_theta) / d``: no target, but a divergence; may be negative."""

    name: ClassVar[str] = "ism"
    needs_divergence: ClassVar[bool] = True

    def pointwise(self, points: NoisedPoints, score: Tensor, divergence: Tensor | None) -> Tensor:
        """``v (|s_theta|^2 + 2 div s_theta) / d``."""
        if divergence is None:
            raise ValueError("implicit score matching needs the divergence of the score, got None")
        size = score.square().sum(1) + 2 * divergence
        return points.std[:, 0].square() * size / score.shape[1]


@dataclass(frozen=True)
class Explicit(Objective):
    """``E v |s_theta - grad log eta|^2 / d`` with the exact score of the noised law.

    Args:
        exact: ``(s, y) -> grad log eta(s, y)``.
    """

    exact: VelocityField
    name: ClassVar[str] = "esm"

    def pointwise(self, points: NoisedPoints, score: Tensor, divergence: Tensor | None) -> Tensor:
        """``v |s_theta - grad log eta|^2 / d``."""
        return (points.std * (score - self.exact(points.s, points.y))).square().mean(1)
