"""Controlled dynamics ``dX = f(t, X) dt + g(t) v dt + sigma(t) dW`` and noising schedules.

Two clocks are used throughout. The *generating* clock ``t`` runs from 0 to the horizon T towards
the data law; the *noising* clock ``s = T - t`` runs away from it. A :class:`Dynamics` lives on
the generating clock, a :class:`NoisingProcess` on the noising clock, and
:meth:`NoisingProcess.as_dynamics` turns the second into the first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mfglab.games.densities import GaussianMixture
from mfglab.games.times import Time, as_time, per_sample


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive finite number, got {value!r}")


class Dynamics(ABC):
    """Generating-clock dynamics of one player; times have shape () or (n,), points (n, d).

    Attributes:
        drift_free: Promise that f = 0 everywhere, so that nobody needs to multiply by it.
        unit_gain: Promise that g = 1 at all times.
    """

    drift_free: ClassVar[bool] = False
    unit_gain: ClassVar[bool] = False

    @abstractmethod
    def drift(self, t: Time, x: Tensor) -> Tensor:
        """Uncontrolled drift f(t, x), shape (n, d)."""

    @abstractmethod
    def drift_divergence(self, t: Time, x: Tensor) -> Tensor:
        """Divergence of f in x, shape (n,)."""

    @abstractmethod
    def gain(self, t: Time) -> Tensor:
        """Factor g(t) in front of the control, shape of ``t``."""

    @abstractmethod
    def diffusion(self, t: Time) -> Tensor:
        """Noise level sigma(t), shape of ``t``."""


@dataclass(frozen=True)
class ControlledDiffusion(Dynamics):
    """``dX = v dt + sigma dW`` with a constant noise level ``sigma >= 0``.

    Raises:
        ValueError: ``sigma`` is negative or not finite.
    """

    sigma: float
    drift_free: ClassVar[bool] = True
    unit_gain: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma >= 0):
            raise ValueError(f"sigma must be a non-negative finite number, got {self.sigma!r}")

    def drift(self, t: Time, x: Tensor) -> Tensor:
        """Zero, shape (n, d)."""
        return torch.zeros_like(x)

    def drift_divergence(self, t: Time, x: Tensor) -> Tensor:
        """Zero, shape (n,)."""
        return torch.zeros_like(x[:, 0])

    def gain(self, t: Time) -> Tensor:
        """One, shape of ``t``."""
        return torch.ones_like(as_time(t))

    def diffusion(self, t: Time) -> Tensor:
        """The constant ``sigma``, shape of ``t``."""
        return torch.full_like(as_time(t), self.sigma)


@dataclass(frozen=True)
class Deterministic(ControlledDiffusion):
    """``dx = v dt``: no drift of its own and no noise."""

    sigma: float = 0.0

    def __post_init__(self) -> None:
        if self.sigma != 0.0:
            raise ValueError(f"deterministic dynamics have sigma = 0, got {self.sigma!r}")


class NoisingProcess(ABC):
    """Linear noising ``dY = -c(s) Y ds + sigma(s) dW``, hence ``Y_s = a(s) Y_0 + sqrt(V(s)) Z``.

    The hooks satisfy ``a' = -c a`` and ``V' = -2 c V + sigma^2``. Times ``s`` are numbers or
    tensors of shape () or (n,); results have the same shape.
    """

    horizon: float

    @abstractmethod
    def scale(self, s: Time) -> Tensor:
        """Factor a(s) on the clean sample; a(0) = 1."""

    @abstractmethod
    def variance(self, s: Time) -> Tensor:
        """Variance V(s) of the added noise; V(0) = 0."""

    @abstractmethod
    def drift_coefficient(self, s: Time) -> Tensor:
        """Coefficient c(s) of the noising drift ``-c(s) y``."""

    @abstractmethod
    def diffusion(self, s: Time) -> Tensor:
        """Noise level sigma(s)."""

    def log_snr(self, s: Time) -> Tensor:
        """Log signal-to-noise ``log(a(s) / sqrt(V(s)))``; decreases in s."""
        return self.scale(s).log() - 0.5 * self.variance(s).log()

    @abstractmethod
    def time_of(self, log_snr: Tensor) -> Tensor:
        """Time s at which :meth:`log_snr` has the given values: its inverse."""

    def transition_scale(self, s0: Time, s1: Time) -> Tensor:
        """Factor on ``Y_{s0}`` in the law of ``Y_{s1}`` given ``Y_{s0}``, for s0 <= s1."""
        return self.scale(s1) / self.scale(s0)

    def transition_variance(self, s0: Time, s1: Time) -> Tensor:
        """Variance of ``Y_{s1}`` given ``Y_{s0}``, for s0 <= s1."""
        return self.variance(s1) - self.transition_scale(s0, s1).square() * self.variance(s0)

    def reference_std(self) -> float:
        """Standard deviation of the noise at s = T: the usual start law is N(0, std^2 I)."""
        return math.sqrt(float(self.variance(self.horizon)))

    def reference(self, dim: int, dtype: torch.dtype = torch.float64) -> GaussianMixture:
        """The start law N(0, V(T) I) that replaces the unknown noised data law at t = 0."""
        return GaussianMixture.isotropic(torch.zeros(1, dim, dtype=dtype), self.reference_std())

    def as_dynamics(self) -> Denoising:
        """Generating-clock dynamics with f = c(T-t) x and gain = diffusion = sigma(T-t)."""
        return Denoising(self)


@dataclass(frozen=True)
class OrnsteinUhlenbeck(NoisingProcess):
    """``dY = -rate Y ds + sqrt(sigma2) dW`` on [0, horizon]; ``rate`` and ``sigma2`` positive."""

    rate: float = 1.0
    sigma2: float = 2.0
    horizon: float = 3.0

    def __post_init__(self) -> None:
        _require_positive(rate=self.rate, sigma2=self.sigma2, horizon=self.horizon)

    def scale(self, s: Time) -> Tensor:
        """``exp(-rate s)``."""
        return torch.exp(-self.rate * as_time(s))

    def variance(self, s: Time) -> Tensor:
        """``sigma2 (1 - exp(-2 rate s)) / (2 rate)``."""
        return -torch.expm1(-2 * self.rate * as_time(s)) * (self.sigma2 / (2 * self.rate))

    def drift_coefficient(self, s: Time) -> Tensor:
        """The constant ``rate``."""
        return torch.full_like(as_time(s), self.rate)

    def diffusion(self, s: Time) -> Tensor:
        """The constant ``sqrt(sigma2)``."""
        return torch.full_like(as_time(s), math.sqrt(self.sigma2))

    def time_of(self, log_snr: Tensor) -> Tensor:
        """``log(1 + V / (a^2 V(oo))) / (2 rate)`` with ``V(oo) = sigma2 / (2 rate)``."""
        share = torch.exp(-2 * log_snr) * (2 * self.rate / self.sigma2)
        return torch.log1p(share) / (2 * self.rate)


@dataclass(frozen=True)
class VariancePreserving(NoisingProcess):
    """``c = beta/2, sigma^2 = beta`` with beta linear from ``beta_min`` to ``beta_max``."""

    beta_min: float = 0.1
    beta_max: float = 20.0
    horizon: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(beta_min=self.beta_min, beta_max=self.beta_max, horizon=self.horizon)

    def beta(self, s: Time) -> Tensor:
        """Noise rate at noising time s, shape of ``s``."""
        return self.beta_min + (self.beta_max - self.beta_min) / self.horizon * as_time(s)

    def integrated_beta(self, s: Time) -> Tensor:
        """Integral of beta over [0, s]."""
        s = as_time(s)
        return self.beta_min * s + (self.beta_max - self.beta_min) / (2 * self.horizon) * s**2

    def scale(self, s: Time) -> Tensor:
        """``exp(-B(s)/2)`` with B the integral of beta."""
        return torch.exp(-0.5 * self.integrated_beta(s))

    def variance(self, s: Time) -> Tensor:
        """``1 - exp(-B(s))``."""
        return -torch.expm1(-self.integrated_beta(s))

    def drift_coefficient(self, s: Time) -> Tensor:
        """``beta(s) / 2``."""
        return 0.5 * self.beta(s)

    def diffusion(self, s: Time) -> Tensor:
        """``sqrt(beta(s))``."""
        return self.beta(s).sqrt()

    def time_of(self, log_snr: Tensor) -> Tensor:
        """The root of ``B(s) = log(1 + V / a^2)``, a quadratic equation."""
        integral = torch.log1p(torch.exp(-2 * log_snr))
        slope = (self.beta_max - self.beta_min) / self.horizon
        return 2 * integral / (self.beta_min + (self.beta_min**2 + 2 * slope * integral).sqrt())


@dataclass(frozen=True)
class VarianceExploding(NoisingProcess):
    """No drift; ``V(s) = sigma_min^2 (r^(2s/T) - 1)`` with ``r = sigma_max / sigma_min > 1``."""

    sigma_min: float = 0.01
    sigma_max: float = 10.0
    horizon: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(sigma_min=self.sigma_min, horizon=self.horizon)
        if not self.sigma_max > self.sigma_min:
            raise ValueError(
                f"sigma_max must exceed sigma_min = {self.sigma_min!r}, got {self.sigma_max!r}"
            )

    @property
    def _growth(self) -> float:
        return 2 * math.log(self.sigma_max / self.sigma_min) / self.horizon

    def scale(self, s: Time) -> Tensor:
        """One."""
        return torch.ones_like(as_time(s))

    def variance(self, s: Time) -> Tensor:
        """``sigma_min^2 ((sigma_max/sigma_min)^(2s/T) - 1)``."""
        return self.sigma_min**2 * torch.expm1(self._growth * as_time(s))

    def drift_coefficient(self, s: Time) -> Tensor:
        """Zero."""
        return torch.zeros_like(as_time(s))

    def diffusion(self, s: Time) -> Tensor:
        """Square root of dV/ds."""
        level = self.sigma_min * math.sqrt(self._growth)
        return level * torch.exp(0.5 * self._growth * as_time(s))

    def time_of(self, log_snr: Tensor) -> Tensor:
        """``log(1 + V / sigma_min^2)`` over its growth."""
        return torch.log1p(torch.exp(-2 * log_snr) / self.sigma_min**2) / self._growth


@dataclass(frozen=True)
class HeatFlow(NoisingProcess):
    """``dY = beta dW``: the variance-exploding process of constant level, ``V(s) = beta^2 s``."""

    beta: float = 1.0
    horizon: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(beta=self.beta, horizon=self.horizon)

    def scale(self, s: Time) -> Tensor:
        """One."""
        return torch.ones_like(as_time(s))

    def variance(self, s: Time) -> Tensor:
        """``beta^2 s``."""
        return self.beta**2 * as_time(s)

    def drift_coefficient(self, s: Time) -> Tensor:
        """Zero."""
        return torch.zeros_like(as_time(s))

    def diffusion(self, s: Time) -> Tensor:
        """The constant ``beta``."""
        return torch.full_like(as_time(s), self.beta)

    def time_of(self, log_snr: Tensor) -> Tensor:
        """``V / beta^2``."""
        return torch.exp(-2 * log_snr) / self.beta**2


@dataclass(frozen=True)
class Denoising(Dynamics):
    """``dX = (c(T-t) X + sigma(T-t) v) dt + noise(T-t) dW``: a noising process run backward.

    Args:
        process: The noising process.
        stochastic: With noise of level sigma(T-t) (reverse SDE) or without any (probability flow).
    """

    process: NoisingProcess
    stochastic: bool = True

    def _noising_time(self, t: Time) -> Tensor:
        return self.process.horizon - as_time(t)

    def drift(self, t: Time, x: Tensor) -> Tensor:
        """``c(T-t) x``, shape (n, d)."""
        return per_sample(self.process.drift_coefficient(self._noising_time(t)), x) * x

    def drift_divergence(self, t: Time, x: Tensor) -> Tensor:
        """``d c(T-t)``, shape (n,)."""
        coefficient = self.process.drift_coefficient(self._noising_time(t)).to(x)
        return (x.shape[1] * coefficient).expand(x.shape[0])

    def gain(self, t: Time) -> Tensor:
        """``sigma(T-t)``, shape of ``t``."""
        return self.process.diffusion(self._noising_time(t))

    def diffusion(self, t: Time) -> Tensor:
        """``sigma(T-t)`` or zero, shape of ``t``."""
        sigma = self.gain(t)
        return sigma if self.stochastic else torch.zeros_like(sigma)
