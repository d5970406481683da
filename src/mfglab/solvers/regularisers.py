"""Regularisers of score models: the equations that the exact score solves, as penalties.

With ``psi = log eta`` on the noising clock and noising ``dY = -c Y ds + sigma dW``,

    psi_s = d c + c y.grad psi + sigma^2/2 (Lap psi + |grad psi|^2)

is the HJB equation of the score game after Cole-Hopf (arXiv:2304.13534). Every penalty is weighted
by powers of the noise variance v(s) that make it free of scale as s tends to 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mfglab.games.dynamics import NoisingProcess
from mfglab.games.optimality import ValueDerivatives
from mfglab.solvers.objectives import NoisedPoints
from mfglab.solvers.score_network import ScoreDerivatives, ScoreNetwork
from mfglab.trajectories.divergence import rademacher

Norm = Literal["squared", "l1"]


@dataclass(frozen=True)
class Penalty:
    """A penalty, and what was found of the score on the way to it.

    Args:
        pointwise: The penalty at each point, shape (n,), not yet multiplied by its weight.
        score: Score at the noised points, shape (n, d).
        divergence: Its divergence, shape (n,), where it was needed.
    """

    pointwise: Tensor
    score: Tensor
    divergence: Tensor | None

    @property
    def value(self) -> Tensor:
        """The penalty, a scalar."""
        return self.pointwise.mean()


class Regulariser(ABC):
    """A penalty of an equation of the exact score; a mean over points, each looked at by itself.

    Attributes:
        name: Name of the term in training histories.
        needs_potential: Whether it reads ``psi``, which vector models lack.
        weight: Factor of the penalty in the training loss.
    """

    name: ClassVar[str]
    needs_potential: ClassVar[bool] = True
    weight: float

    @abstractmethod
    def penalty(
        self, model: ScoreNetwork, points: NoisedPoints, generators: Sequence[torch.Generator]
    ) -> Penalty:
        """The penalty at ``points``.

        Args:
            model: A model, or M stacked ones.
            points: Those of a model after those of the one before, as many for each.
            generators: Source of random probes of each model.
        """


@dataclass(frozen=True)
class HjbResidual(Regulariser):
    """``E (v r)^2`` or ``E |v r|`` with the residual r of the HJB equation.

    The equation fixes ``psi`` up to one number, score matching only up to a function c(s). The
    model therefore carries a learnable c(s). Fitting it is centring the residual at each s, with
    the mean estimated over all of training instead of over one batch, whose points all have times
    of their own.

    The reference part asks at the horizon for ``psi = log rho_ref`` up to a number, with the law
    that the reverse process starts from: ``E v |grad psi - grad log rho_ref|^2 / d``, or
    ``E v^(1/2) |grad psi - grad log rho_ref|``, at as many points of that law. It is no condition
    of the equation, whose own is ``psi = log pi`` at s = 0, where score matching stands for it: the
    exact score meets it only as the horizon tends to infinity.

    Args:
        weight: Factor in the training loss.
        norm: Squared, or modulus as in OT-Flow.
        probes: Random directions for the Laplacian; 0 for the exact one.
        reference: Weight of the reference part over that of the residual; 0 leaves it out.
    """

    weight: float
    norm: Norm = "squared"
    probes: int = 0
    reference: float = 0.0
    name: ClassVar[str] = "hjb"

    def penalty(
        self, model: ScoreNetwork, points: NoisedPoints, generators: Sequence[torch.Generator]
    ) -> Penalty:
        """The penalty at ``points``."""
        D = model.psi_derivatives(
            points.s, points.y, _directions(self.probes, points.y, generators)
        )
        v = points.std[:, 0].square()
        scaled = v * psi_residual(model.process, points.s, points.y, D)
        size = scaled.square() if self.norm == "squared" else scaled.abs()
        if self.reference:
            # The noise of the points, so that nothing else is drawn.
            gap = reference_mismatch(model, points.z)
            ends = gap.square().mean(1) if self.norm == "squared" else gap.norm(dim=1)
            size = torch.add(size, ends, alpha=self.reference)
        return Penalty(size, D.gradient, D.laplacian)


@dataclass(frozen=True)
class ScorePde(Regulariser):
    """``E v^3 |e|^2 / d`` or ``E v^(3/2) |e|`` with the residual e of the score's equation.

    The gradient of the HJB equation: ``s_s = grad[c y.s + sigma^2/2 (div s + |s|^2)]``. It does not
    see c(s) and makes sense for vector scores, at the price of a third derivative.

    Args:
        weight: Factor in the training loss.
        norm: Squared, or Euclidean length.
        probes: Random directions for the divergence; 0 for the exact one.
    """

    weight: float
    norm: Norm = "squared"
    probes: int = 0
    name: ClassVar[str] = "score_pde"
    needs_potential: ClassVar[bool] = False

    def penalty(
        self, model: ScoreNetwork, points: NoisedPoints, generators: Sequence[torch.Generator]
    ) -> Penalty:
        """The penalty at ``points``."""
        y = points.y.detach().requires_grad_()
        directions = _directions(self.probes, y, generators)
        if model.potential:
            D = model.psi_derivatives(points.s, y, directions)
            residual = psi_residual(model.process, points.s, y, D)
            (error,) = torch.autograd.grad(residual.sum(), y, create_graph=True)
            score, divergence = D.gradient, D.laplacian
        else:
            S = model.score_derivatives(points.s, y, directions)
            right = score_equation_potential(model.process, points.s, y, S)
            (slope,) = torch.autograd.grad(right.sum(), y, create_graph=True)
            error, score, divergence = S.time - slope, S.score, S.divergence
        scaled = points.std**3 * error
        size = scaled.square().mean(1) if self.norm == "squared" else scaled.norm(dim=1)
        return Penalty(size, score, divergence)


@dataclass(frozen=True)
class IncrementMismatch(Regulariser):
    """``E (v/h)^2 m m'``: the HJB equation without second derivatives, along denoising paths.

    By Ito's formula the value function along a path ``dX = b dt + sigma dW`` of the generating
    clock changes by ``dU = [div f + sigma^2/2 |grad U|^2 + (b - f).grad U] dt + sigma grad U.dW``.
    The path follows the present control from a noised point for one step h and is not
    differentiated through. The mismatch m of the two sides has conditional mean -h r, but also
    noise of the same order from the Hessian, so that E m^2 would penalise curvature. The product
    of two mismatches m, m' with independent noise from one start is an unbiased estimate of
    (h r)^2; it may be negative. Noise is random signs: moments up to the third are those of
    Brownian increments, and the diagonal of the Hessian, which is most of that noise, drops out.

    Args:
        weight: Factor in the training loss.
        step: Variance of the noise of the step over v(s); the error is of this order.
    """

    weight: float
    step: float = 0.05
    name: ClassVar[str] = "increment"

    def penalty(
        self, model: ScoreNetwork, points: NoisedPoints, generators: Sequence[torch.Generator]
    ) -> Penalty:
        """The penalty at ``points``."""
        noise = _signs(2, points.y, generators)
        start = potential_and_gradient(model, points)
        sigma2 = model.process.diffusion(points.s).square()
        control = sigma2[:, None] * start[1].detach()
        mismatch = self.mismatches(model, points, start, control, noise)
        scale = points.std[:, 0].square() / self._duration(model.process, points)
        return Penalty(scale.square() * mismatch.prod(0), start[1], None)

    def mismatches(
        self,
        model: ScoreNetwork,
        points: NoisedPoints,
        start: tuple[Tensor, Tensor],
        control: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Two mismatches a point, shape (2, n).

        Args:
            model: The model.
            points: Where the steps start.
            start: ``psi`` (n,) and its gradient (n, d) there.
            control: ``b - f`` of the path, shape (n, d); the mean mismatch does not depend on it.
            noise: Independent entries of mean 0 and variance 1, shape (2, n, d).
        """
        s, y = points.s, points.y
        psi, gradient = start
        c = model.process.drift_coefficient(s)
        sigma2, h = model.process.diffusion(s).square(), self._duration(model.process, points)
        shock = noise * (sigma2 * h).sqrt()[:, None]
        ends = y + h[:, None] * (c[:, None] * y + control) + shock
        # One call for each draw: the points of stacked models must stay in blocks.
        after = torch.stack([model.psi(s - h, end) for end in ends])
        # -dU of Ito's formula, with psi = -U and f = c y
        drift = (control * gradient).sum(1) - 0.5 * sigma2 * gradient.square().sum(1)
        drift = drift - y.shape[1] * c
        return after - psi - h * drift - (shock * gradient).sum(2)

    def _duration(self, process: NoisingProcess, points: NoisedPoints) -> Tensor:
        return self.step * points.std[:, 0].square() / process.diffusion(points.s).square()


def reference_mismatch(model: ScoreNetwork, z: Tensor) -> Tensor:
    """``sqrt(v) (score - grad log rho_ref)`` at the horizon, where the reverse process starts.

    Args:
        model: A model, or M stacked ones.
        z: Standard normal noise (n, d); the points are those of the reference law that it makes.

    Returns:
        Shape (n, d).
    """
    s = torch.full_like(z[:, 0], model.process.horizon)
    std = model.start_std(z)
    v = model.process.variance(s)[:, None]
    return v.sqrt() * (model.score(s, std * z) + z / std)


def potential_and_gradient(model: ScoreNetwork, points: NoisedPoints) -> tuple[Tensor, Tensor]:
    """``psi`` (n,) and its gradient (n, d) at noised points, both differentiable in the weights."""
    y = points.y.detach().requires_grad_()
    psi = model.psi(points.s, y)
    (gradient,) = torch.autograd.grad(psi.sum(), y, create_graph=True)
    return psi, gradient


def psi_residual(process: NoisingProcess, s: Tensor, y: Tensor, D: ValueDerivatives) -> Tensor:
    """``psi_s - d c - c y.grad psi - sigma^2/2 (Lap psi + |grad psi|^2)``, shape (n,)."""
    c, half = process.drift_coefficient(s), 0.5 * process.diffusion(s).square()
    pull = y.shape[1] + (y * D.gradient).sum(1)
    return D.time - c * pull - half * (D.laplacian + D.gradient.square().sum(1))


def score_equation_potential(
    process: NoisingProcess, s: Tensor, y: Tensor, S: ScoreDerivatives
) -> Tensor:
    """``c y.s + sigma^2/2 (div s + |s|^2)``, whose gradient is the time derivative of the score."""
    c, half = process.drift_coefficient(s), 0.5 * process.diffusion(s).square()
    return c * (y * S.score).sum(1) + half * (S.divergence + S.score.square().sum(1))


def _directions(probes: int, y: Tensor, generators: Sequence[torch.Generator]) -> Tensor | None:
    return None if probes == 0 else _signs(probes, y, generators) / math.sqrt(probes)


def _signs(count: int, y: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    # Shape (count, *y.shape); the rows of each model by its own generator.
    shape = (count, len(y) // len(generators), *y.shape[1:])
    return torch.cat([rademacher(shape, generator, y) for generator in generators], dim=1)
