"""Training loops of the laboratory, each by the library and written out.

The two sides of a case begin with the same weights, draw the same numbers and must end with the
same result. What is written out is as short as the arithmetic allows: networks are the library's,
everything around them is a plain loop.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from loops import SEED, Laps, by_fit, by_hand
from torch import Tensor, nn
from torch.nn import functional

from mfglab.config import TrainingConfig
from mfglab.datasets.embedded import load_digits
from mfglab.datasets.embedding import EmbeddedLaw
from mfglab.datasets.factory import TOYS
from mfglab.games.divergences import KL
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.networks.lipschitz import LipschitzNet
from mfglab.solvers.adversarial import AdversarialSettings, train_adversarially
from mfglab.solvers.base import Solver
from mfglab.solvers.particle_settings import ParticleSettings
from mfglab.solvers.particles import ParticleFlow
from mfglab.solvers.proximal import ProximalFlow
from mfglab.solvers.regularisers import HjbResidual
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.seeds import stream
from mfglab.trajectories.divergence import rademacher


@dataclass(frozen=True)
class Outcome:
    """Where a run of some steps ended, and how long a step took.

    Args:
        result: All numbers that the run changes, in one row.
        seconds: Mean wall time of a step, the first one left out.
    """

    result: Tensor
    seconds: float


@dataclass(frozen=True)
class Case:
    """One loop in its two forms; each takes the number of steps."""

    library: Callable[[int], Outcome]
    written: Callable[[int], Outcome]


def flat(module: nn.Module) -> Tensor:
    """All weights in one row."""
    return torch.cat([p.detach().flatten() for p in module.parameters()])


# ------------------------------------------------------------------------------------ with fit


def _training(batch_size: int, steps: int) -> TrainingConfig:
    return TrainingConfig(iterations=steps, batch_size=batch_size, val_every=steps)


def _through_fit(solver: Solver, x: Tensor, batch_size: int, steps: int) -> Outcome:
    seconds = by_fit(solver, x, x[:50], _training(batch_size, steps))
    return Outcome(flat(solver), seconds)


def _written_out(
    solver: Solver, x: Tensor, batch_size: int, steps: int, loss: Callable[[Tensor], Tensor]
) -> Outcome:
    seconds = by_hand(solver, x, _training(batch_size, steps), loss)
    return Outcome(flat(solver), seconds)


# ------------------------------------------------------------------- score model with HJB term

_PROBES, _WEIGHT, _S_MIN = 2, 0.1, 1e-3


def _digits() -> Tensor:
    return torch.from_numpy(load_digits(SEED).train).to(torch.get_default_dtype())


def _hjb_model(dim: int) -> ScoreModel:
    penalty = HjbResidual(_WEIGHT, probes=_PROBES)
    generator = stream("weights", SEED)
    process = OrnsteinUhlenbeck()
    return ScoreModel(dim, process, s_min=_S_MIN, regulariser=penalty, generator=generator)


def hjb_by_fit(steps: int) -> Outcome:
    """Denoising score matching with the squared HJB residual, 64-D digits."""
    x = _digits()
    return _through_fit(_hjb_model(x.shape[1]), x, 128, steps)


def hjb_by_hand(steps: int) -> Outcome:
    """The same, its objective written out for the Ornstein-Uhlenbeck process."""
    x = _digits()
    d = x.shape[1]
    model, noise = _hjb_model(d), stream("noise", SEED, 0)
    low, high = model.snr_range

    def loss(batch: Tensor) -> Tensor:
        u = torch.rand(len(batch), generator=noise)
        z = torch.randn(batch.shape, generator=noise)
        s = 0.5 * torch.log1p(torch.exp(-2 * (low + u * (high - low)))).clamp(2 * _S_MIN, 6.0)
        v = -torch.expm1(-2 * s)
        std = v.sqrt()[:, None]
        y = torch.exp(-s)[:, None] * batch + std * z
        directions = rademacher((_PROBES, *y.shape), noise, y) / math.sqrt(_PROBES)
        D = model.psi_derivatives(s, y, directions)
        slope = D.gradient
        pull = d + (y * slope).sum(1)
        residual = v * (D.time - pull - D.laplacian - slope.square().sum(1))
        return (std * slope + z).square().mean() + _WEIGHT * residual.square().mean()

    return _written_out(model, x, 128, steps, loss)


# ----------------------------------------------------------------------------------------- WPO

_FLOOR = 0.01


def _kernels(count: int = 1000) -> tuple[KernelScoreModel, Tensor]:
    law = TOYS["moons"]()
    model = KernelScoreModel(2, centres=count, floor=_FLOOR, generator=stream("weights", SEED))
    x = law.sample(20 * count, stream("kernels", SEED)).to(torch.get_default_dtype())
    return model, x


def wpo_by_fit(steps: int) -> Outcome:
    """Implicit score matching of 1,000 kernels with learned precisions, two moons."""
    model, x = _kernels()
    return _through_fit(model, x, 64, steps)


def wpo_by_hand(steps: int) -> Outcome:
    """The same, its objective written out for two dimensions."""
    model, x = _kernels()
    x = model.prepare(x, stream("prepare", SEED))
    centres, eye = model.centres, _FLOOR * torch.eye(2)
    origin = centres.double().mean(0)
    Z = centres.double() - origin
    constant = -math.log(len(centres)) - math.log(2 * math.pi)

    def loss(batch: Tensor) -> Tensor:
        a, b, c = model.net.net(centres).unbind(1)
        lower = torch.stack([a, torch.zeros_like(a), b, c], dim=1).view(-1, 2, 2)
        P = (lower @ lower.mT + eye).double()
        PZ = (P @ Z[..., None]).squeeze(2)
        height = constant + 0.5 * torch.linalg.det(P).log() - 0.5 * (Z * PZ).sum(1)
        spread = PZ.square().sum(1) - P.diagonal(dim1=1, dim2=2).sum(1)
        slope = -2 * (P @ PZ[..., None]).squeeze(2)
        y = batch.double() - origin
        phi = torch.cat([(y[:, :, None] * y[:, None]).flatten(1), y, torch.ones_like(y[:, :1])], 1)
        logits = phi @ torch.cat([-0.5 * P.flatten(1), PZ, height[:, None]], 1).T
        q = torch.softmax(logits.to(batch), dim=1).double()
        laplacian = (phi * (q @ torch.cat([(P @ P).flatten(1), slope, spread[:, None]], 1))).sum(1)
        means = q @ torch.cat([P.flatten(1), PZ], 1)
        score = means[:, 4:] - (means[:, :4].view(-1, 2, 2) @ y[..., None]).squeeze(2)
        return (2 * laplacian - score.square().sum(1)).mean().to(batch)

    return _written_out(model, x, 64, steps, loss)


# ----------------------------------------------------------------------------------- particles

_GPA = {"step": 0.1, "ascent_steps": 3, "first_ascent_steps": 3, "learning_rate": 5e-3}


def _carpet(points: int = 4096) -> tuple[Tensor, Tensor]:
    law = EmbeddedLaw.random(TOYS["carpet"](), 3, SEED)
    target = law.sample(points, stream("carpet", SEED)).to(torch.get_default_dtype())
    return target, torch.randn(points, 3, generator=stream("particles", SEED))


def gpa_by_flow(steps: int) -> Outcome:
    """Particles towards the carpet in three dimensions, 4,096 points."""
    target, start = _carpet()
    settings = ParticleSettings(steps=steps, **_GPA)  # type: ignore[arg-type]
    laps = Laps()
    flow = ParticleFlow(KL(), target, settings, generator=stream("weights", SEED))
    run = flow.run(start, laps)
    return Outcome(run.particles.flatten(), laps.seconds())


@torch.no_grad()
def _restrain(W: Tensor, left: Tensor, right: Tensor, bound: float) -> None:
    # Adam must not push a weight matrix through its bound.
    assert W.grad is not None
    outward = (left @ W.grad @ right).clamp(max=0.0) * (left @ W @ right > 0.999 * bound)
    W.grad.addr_(left, right, alpha=-float(outward))


@torch.no_grad()
def _shrink(W: Tensor, left: Tensor, right: Tensor, bound: float) -> None:
    # One step of power iteration, then back into the ball.
    back = W.t() @ left
    right.copy_(back / back.norm())
    image = W @ right
    norm = image.norm()
    left.copy_(image / norm)
    W.mul_((bound / norm).clamp(max=1.0))


def gpa_by_hand(steps: int) -> Outcome:
    """The same, the network and its bounds written out too."""
    target, x = _carpet()
    net = LipschitzNet(3, 32, 3, 1.0, stream("weights", SEED))
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    vectors = [(net.get_buffer(f"left_{k}")[0], net.get_buffer(f"right_{k}")[0]) for k in range(4)]
    balls = [(W, *pair, 1 - 1e-6) for (W, _), pair in zip(layers, vectors, strict=True)]
    adam = torch.optim.Adam(net.parameters(), lr=5e-3, fused=True)
    (last, last_bias), n, laps = layers[-1], len(x), Laps()
    for _ in range(steps):
        both = torch.cat([x, target])
        for _ in range(3):
            adam.zero_grad()
            h = both
            for W, b in layers[:-1]:
                h = torch.relu(functional.linear(h, W, b))
            phi = functional.linear(h, last, last_bias).squeeze(-1)
            nu = torch.logsumexp(phi[n:].detach(), 0) - math.log(n)
            value = phi[:n].mean() - nu - torch.expm1(phi[n:] - nu).mean()
            if not bool(value.isfinite()):
                raise FloatingPointError("the dual value is not finite")
            (-value).backward()
            for ball in balls:
                _restrain(*ball)
            adam.step()
            for ball in balls:
                _shrink(*ball)
        with torch.no_grad():
            for W, _, _, bound in balls:
                W.mul_((bound / torch.linalg.matrix_norm(W, 2)).clamp(max=1.0))
            h, masks = x, []
            for W, b in layers[:-1]:
                h = functional.linear(h, W, b)
                masks.append(h > 0)
                h = torch.relu(h)
            slope = last.expand(n, -1)
            for (W, _), mask in zip(reversed(layers[:-1]), reversed(masks), strict=True):
                slope = (slope * mask) @ W
            x = x - 0.1 * slope
            if not float(x.abs().amax()) <= 1e6:
                raise FloatingPointError("a particle is lost")
        laps()
    return Outcome(x.flatten(), laps.seconds())


# ----------------------------------------------------------------------------------- proximal

_BATCH, _ASCENT, _EULER, _LAMBDA, _BOUND, _PENALTY = 200, 2, 5, 0.05, 1.0, 10.0
_RATES = {"flow_rate": 2e-3, "discriminator_rate": 5e-3}


def _proximal() -> tuple[ProximalFlow, Tensor]:
    flow = ProximalFlow(2, kinetic_weight=_LAMBDA, steps=_EULER, generator=stream("weights", SEED))
    x = TOYS["moons"]().sample(5000, stream("proximal", SEED))
    return flow, x.to(torch.get_default_dtype())


def proximal_by_players(steps: int) -> Outcome:
    """W1+W2 proximal flow, two moons."""
    flow, x = _proximal()
    settings = AdversarialSettings(steps, _BATCH, _ASCENT, **_RATES)
    begun = time.perf_counter()
    train_adversarially(flow, x, settings, stream("adversarial", SEED), steps)
    return Outcome(flat(flow), (time.perf_counter() - begun) / steps)


def proximal_by_hand(steps: int) -> Outcome:
    """The same, game, integrator and players written out."""
    flow, data = _proximal()
    noise = stream("adversarial", SEED)
    potential, critic, h = flow.potential, flow.discriminator, 1 / _EULER

    def transport(x: Tensor) -> tuple[Tensor, Tensor]:
        energy = torch.zeros(())
        for i in range(_EULER):
            v = -potential.gradient(torch.tensor(i * h), x)
            energy = energy + h * 0.5 * _LAMBDA * v.square().sum(1).mean()
            x = x + h * v
        return x, energy

    players = []
    for net, rate in zip((potential, critic), _RATES.values(), strict=True):
        adam = torch.optim.Adam(net.parameters(), rate, (0.5, 0.9), fused=True)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        players.append((list(net.parameters()), adam, decay))

    def descend(total: Tensor, player: int) -> None:
        weights, adam, _ = players[player]
        if not bool(total.isfinite()):
            raise FloatingPointError("the loss is not finite")
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient
        adam.step()

    begun = time.perf_counter()
    for _ in range(steps):
        with torch.no_grad():
            generated = transport(torch.randn(_ASCENT * _BATCH, 2, generator=noise))[0]
        for batch in generated.chunk(_ASCENT):
            x = data[torch.randint(len(data), (_BATCH,), generator=noise)]
            u = torch.rand(_BATCH, generator=noise)
            values = critic(torch.cat([batch, x]))
            shift = torch.logsumexp(values[_BATCH:], 0) - math.log(_BATCH)
            slope = critic.gradient(torch.lerp(x, batch, u[:, None]))
            excess = (slope.square().sum(1) / _BOUND**2 - 1).clamp_min(0).mean()
            descend(shift - values[:_BATCH].mean() + _PENALTY * excess, 1)
        end, energy = transport(torch.randn(_BATCH, 2, generator=noise))
        descend(critic(end).mean() + energy, 0)
        for _, _, decay in players:
            decay.step()
    return Outcome(flat(flow), (time.perf_counter() - begun) / steps)


CASES = {
    "gpa": Case(gpa_by_flow, gpa_by_hand),
    "proximal": Case(proximal_by_players, proximal_by_hand),
    "hjb": Case(hjb_by_fit, hjb_by_hand),
    "wpo": Case(wpo_by_fit, wpo_by_hand),
}
