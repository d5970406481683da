"""Builders of the games in :mod:`mfglab.games.catalogue`, one function per model.

Laws default to standard normal ones or to a small mixture, so that every game can be built and
inspected without an argument.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mfglab.games.costs import DiscountedKinetic, Kinetic, KineticMinusDivergence, NoCost
from mfglab.games.densities import Density, GaussianMixture, standard_normal
from mfglab.games.dynamics import (
    ControlledDiffusion,
    Denoising,
    Deterministic,
    NoisingProcess,
    OrnsteinUhlenbeck,
)
from mfglab.games.game import MeanFieldGame
from mfglab.games.interactions import DiscountedFunctional, FisherInformation
from mfglab.games.langevin import ReversedLangevin
from mfglab.games.terminal import (
    Boltzmann,
    CrossEntropy,
    KullbackLeibler,
    PointFunction,
    Scaled,
    TaskLoss,
    TerminalCost,
    Witness,
)


def two_bumps(dim: int = 2) -> GaussianMixture:
    """A mixture of two Gaussians on the first axis, at -1 and 1 with standard deviation 1/2."""
    means = torch.zeros(2, dim, dtype=torch.float64)
    means[:, 0] = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    return GaussianMixture.isotropic(means, 0.5)


def cnf(dim: int = 2, horizon: float = 1.0) -> MeanFieldGame:
    """Plain continuous normalizing flow: no running cost."""
    terminal = KullbackLeibler(standard_normal(dim))
    return MeanFieldGame(Deterministic(), NoCost(), terminal, horizon=horizon)


def ot_flow(
    dim: int = 2, alpha: float = 1.0, kinetic_weight: float = 1.0, horizon: float = 1.0
) -> MeanFieldGame:
    """Kinetic normalizing flow with terminal weight ``alpha`` (2006.00104)."""
    terminal = KullbackLeibler(standard_normal(dim), alpha)
    return MeanFieldGame(Deterministic(), Kinetic(kinetic_weight), terminal, horizon=horizon)


def score(target: Density | None = None, process: NoisingProcess | None = None) -> MeanFieldGame:
    """Score-based model for data law ``target`` (2304.13534)."""
    process = process or OrnsteinUhlenbeck()
    dynamics = process.as_dynamics()
    return MeanFieldGame(
        dynamics,
        KineticMinusDivergence(dynamics),
        CrossEntropy(target or two_bumps()),
        horizon=process.horizon,
    )


def nonlinear_score(
    target: Density | None = None,
    reference: GaussianMixture | None = None,
    sigma: float = math.sqrt(2.0),
    horizon: float = 1.0,
) -> MeanFieldGame:
    """Score game whose noising is the Langevin dynamics of ``reference`` (2405.15625)."""
    dynamics = ReversedLangevin(reference or two_bumps(), sigma)
    terminal = CrossEntropy(target or two_bumps())
    return MeanFieldGame(dynamics, KineticMinusDivergence(dynamics), terminal, horizon=horizon)


def probability_flow(
    target: Density | None = None, process: NoisingProcess | None = None
) -> MeanFieldGame:
    """Deterministic game whose optimal marginals are those of :func:`score`."""
    process = process or OrnsteinUhlenbeck()
    dynamics = Denoising(process, stochastic=False)
    return MeanFieldGame(
        dynamics,
        KineticMinusDivergence(dynamics, share=0.5),
        CrossEntropy(target or two_bumps(), entropy_weight=0.5),
        FisherInformation(dynamics),
        process.horizon,
    )


def wpo(target: Density | None = None, beta: float = 1.0, horizon: float = 1.0) -> MeanFieldGame:
    """Entropic Wasserstein proximal of the cross-entropy (2402.06162, eqs. 15-17)."""
    terminal = CrossEntropy(target or two_bumps(), beta**2)
    return MeanFieldGame(ControlledDiffusion(beta), Kinetic(), terminal, horizon=horizon)


def schroedinger_bridge_soft(
    target: Density | None = None, process: NoisingProcess | None = None, weight: float = 10.0
) -> MeanFieldGame:
    """Schroedinger bridge whose end law is attracted to ``target`` with strength ``weight``."""
    process = process or OrnsteinUhlenbeck()
    terminal = KullbackLeibler(target or two_bumps(), weight)
    return MeanFieldGame(process.as_dynamics(), Kinetic(), terminal, horizon=process.horizon)


def gradient_flow(
    functional: TerminalCost | None = None, eps: float = 0.1, horizon: float = 1.0
) -> MeanFieldGame:
    """Discounted game whose limit ``eps -> 0`` is the gradient flow of ``functional``."""
    functional = functional or KullbackLeibler(two_bumps())
    return MeanFieldGame(
        Deterministic(),
        DiscountedKinetic(eps),
        Scaled(functional, math.exp(-horizon / eps)),
        DiscountedFunctional(functional, eps),
        horizon,
    )


def w1w2_proximal(
    witness: PointFunction | None = None, weight: float = 0.5, horizon: float = 1.0
) -> MeanFieldGame:
    """W1+W2 proximal flow (2407.11901) given the current discriminator ``witness``."""
    terminal = Witness(witness or _distance_to_origin)
    return MeanFieldGame(Deterministic(), Kinetic(weight), terminal, horizon=horizon)


def boltzmann_generator(
    energy: PointFunction | None = None,
    kinetic_weight: float = 1.0,
    horizon: float = 1.0,
    alpha: float = 1.0,
) -> MeanFieldGame:
    """Flow of a known law towards ``exp(-energy)``, with terminal weight ``alpha``."""
    terminal = Boltzmann(energy or _double_well, alpha)
    return MeanFieldGame(Deterministic(), Kinetic(kinetic_weight), terminal, horizon=horizon)


def transformer(
    loss: PointFunction | None = None, kinetic_weight: float = 0.1, horizon: float = 1.0
) -> MeanFieldGame:
    """Residual blocks as velocity, ``loss`` of the head on the last hidden state as terminal."""
    terminal = TaskLoss(loss or _logistic_loss)
    return MeanFieldGame(Deterministic(), Kinetic(kinetic_weight), terminal, horizon=horizon)


def _distance_to_origin(x: Tensor) -> Tensor:
    return torch.sqrt(1e-12 + x.square().sum(-1))


def _double_well(x: Tensor) -> Tensor:
    return (x[:, 0].square() - 1).square() + 0.5 * x[:, 1:].square().sum(-1)


def _logistic_loss(x: Tensor) -> Tensor:
    return torch.nn.functional.softplus(-x[:, 0])
