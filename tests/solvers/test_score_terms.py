"""Objectives and regularisers of score models, at exact scores and as gradients."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.closed_forms.score_game import noised_log_density, noised_score
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mfglab.games.optimality import hjb_residual, value_and_derivatives
from mfglab.solvers.objectives import Denoising, Explicit, Implicit, NoisedPoints
from mfglab.solvers.regularisers import (
    HjbResidual,
    IncrementMismatch,
    ScorePde,
    potential_and_gradient,
    psi_residual,
    reference_mismatch,
)
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.score_network import ScoreDerivatives
from mfglab.trajectories.divergence import exact_divergence, rademacher

DOUBLE = torch.float64
PROCESSES = {
    "ou": OrnsteinUhlenbeck(),
    "vp": VariancePreserving(),
    "ve": VarianceExploding(sigma_min=0.1),
}
processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def mixture():
    weights = torch.tensor([0.4, 0.6], dtype=DOUBLE)
    means = torch.tensor([[-1.5, 0.5], [1.0, -1.0]], dtype=DOUBLE)
    covariances = torch.stack([0.3 * torch.eye(2), torch.diag(torch.tensor([0.2, 0.7]))]).double()
    return GaussianMixture(weights, means, covariances)


class Exact(ScoreModel):
    """The log-density and score of the mixture in place of the network; ``tilt`` spoils them."""

    law = mixture()
    tilt = 0.0

    def psi(self, s, x):
        exact = noised_log_density(self.law, self.process)(s.expand(x.shape[0]), x)
        return exact + self.tilt * torch.sin(x[:, 0] + s)

    def psi_derivatives(self, s, x, directions=None):
        return value_and_derivatives(self.psi, s, x, create_graph=True)

    def score_derivatives(self, s, x, directions=None):
        s = s.detach().requires_grad_()
        score = noised_score(self.law, self.process)(s, x)
        time = [torch.autograd.grad(c.sum(), s, create_graph=True)[0] for c in score.unbind(1)]
        divergence = exact_divergence(lambda y: noised_score(self.law, self.process)(s, y), x)
        return ScoreDerivatives(score, torch.stack(time, 1), divergence)


def make(kind=ScoreModel, process=PROCESSES["ou"], dim=2, **settings):
    settings = {"width": 12, "depth": 3, "frequencies": 2, "s_min": 0.02} | settings
    return kind(dim, process, generator=rng(), **settings).double()


def noised(model, n, seed=1):
    x = mixture().sample(n, rng(seed))
    u = (torch.arange(n, dtype=DOUBLE) + 0.5) / n
    return model.noised(x, u, torch.randn(n, 2, dtype=DOUBLE, generator=rng(seed + 1)))


# ------------------------------------------------------------------------------ exact derivatives


@processes
def test_one_sweep_gives_all_derivatives_of_the_potential(process):
    model = make(process=process, regulariser=HjbResidual(1.0))
    torch.nn.init.normal_(model.offset.weight, generator=rng(4))
    points = noised(model, 12)
    found = model.psi_derivatives(points.s, points.y)
    expected = value_and_derivatives(model.psi, points.s, points.y)
    for name in ("value", "time", "gradient", "laplacian"):
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), atol=1e-9, rtol=1e-9
        )


@processes
def test_one_sweep_gives_all_derivatives_of_a_vector_score(process):
    model = make(process=process, potential=False)
    points = noised(model, 12)
    found = model.score_derivatives(points.s, points.y)
    rate = torch.func.jvp(
        lambda s: model.score(s, points.y), (points.s,), (torch.ones_like(points.s),)
    )[1]
    divergence = exact_divergence(lambda y: model.score(points.s, y), points.y)
    score = model.score(points.s, points.y)
    torch.testing.assert_close(found.score, score, atol=1e-10, rtol=1e-10)
    torch.testing.assert_close(found.time, rate, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(found.divergence, divergence, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("potential", [True, False])
def test_random_directions_estimate_the_divergence_without_bias(potential):
    model = make(potential=potential)
    points = noised(model, 4)
    # All four sign vectors of the plane, each as a probe: their mean is exact.
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=DOUBLE)
    directions = signs[:, None, :].expand(4, 4, 2) / 2
    name, method = (
        ("laplacian", model.psi_derivatives)
        if potential
        else ("divergence", model.score_derivatives)
    )
    found, exact = method(points.s, points.y, directions), method(points.s, points.y)
    torch.testing.assert_close(getattr(found, name), getattr(exact, name))
    if potential:
        torch.testing.assert_close(found.gradient, exact.gradient)
    single = method(points.s, points.y, rademacher((1, 4, 2), rng(3), points.y))
    assert (getattr(single, name) - getattr(exact, name)).abs().max() > 1e-4


@processes
def test_the_residual_is_that_of_the_game(process):
    model = make(process=process)
    points = noised(model, 10)
    D = model.psi_derivatives(points.s, points.y)
    found = psi_residual(process, points.s, points.y, D)
    t = process.horizon - points.s
    expected = -hjb_residual(model.game, model.value, t, points.y)
    torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-8)


# ------------------------------------------------------------------------ zero at the exact score

EXACT = {
    "residual": (HjbResidual(1.0), True),
    "residual_l1": (HjbResidual(1.0, norm="l1"), True),
    "score_pde": (ScorePde(1.0), True),
    "score_pde_l1": (ScorePde(1.0, norm="l1"), True),
    "score_pde_vector": (ScorePde(1.0), False),
}


@processes
@pytest.mark.parametrize(("regulariser", "potential"), EXACT.values(), ids=EXACT)
def test_a_regulariser_vanishes_at_the_exact_score(process, regulariser, potential):
    model = make(Exact, process, potential=potential)
    points = noised(model, 64)
    assert regulariser.penalty(model, points, [rng()]).value < 1e-10
    model.tilt = 0.3
    if potential:
        assert regulariser.penalty(model, points, [rng()]).value > 1e-4


class Normal(ScoreModel):
    """The score of centred normal noised data of variance ``v(T) + a(T)^2 spread``."""

    spread = 1.0

    def psi(self, s, x):
        s = s.expand(x.shape[0])
        scale, variance = self.process.scale(s), self.process.variance(s)
        return -0.5 * x.square().sum(1) / (variance + scale.square() * self.spread)

    def psi_derivatives(self, s, x, directions=None):
        return value_and_derivatives(self.psi, s, x, create_graph=True)


@processes
def test_the_reference_part_is_the_distance_to_the_reference_score(process):
    model = make(Normal, process, regulariser=HjbResidual(1.0))
    points = noised(model, 64)
    assert reference_mismatch(model, points.z).abs().max() < 1e-12
    model.spread = 3.0
    end = torch.tensor(process.horizon, dtype=DOUBLE)
    scale, v = process.scale(end), process.variance(end)
    reference, V = (v + scale.square()).sqrt(), v + 3 * scale.square()
    # grad log of N(0, V) against that of the reference law, at points of the latter
    gap = v.sqrt() * (points.z / reference - reference * points.z / V)
    torch.testing.assert_close(reference_mismatch(model, points.z), gap)
    parts = [
        HjbResidual(1.0, norm, reference=weight).penalty(model, points, [rng()]).pointwise
        for norm in ("squared", "l1")
        for weight in (0.0, 2.0)
    ]
    torch.testing.assert_close(parts[1] - parts[0], 2 * gap.square().mean(1))
    torch.testing.assert_close(parts[3] - parts[2], 2 * gap.norm(dim=1))


@pytest.mark.parametrize("potential", [True, False])
def test_the_quadratic_part_meets_the_reference_law(potential):
    model = make(potential=potential)
    z = torch.randn(16, 2, dtype=DOUBLE, generator=rng(3))
    assert reference_mismatch(model, z).abs().max() > 1e-3
    torch.nn.init.zeros_(model.net[-1].weight)
    torch.nn.init.zeros_(model.net[-1].bias)
    assert reference_mismatch(model, z).abs().max() < 1e-12


def products(model, step, n=500, chunks=40):
    """Mean of the increment penalty over chunks, and its standard error."""
    regulariser = IncrementMismatch(1.0, step)
    found = torch.stack(
        [
            regulariser.penalty(model, noised(model, n, 10 + k), [rng(100 + k)]).value.detach()
            for k in range(chunks)
        ]
    )
    return found.mean().item(), (found.std() / math.sqrt(chunks)).item()


def test_increments_vanish_at_the_exact_score_and_measure_the_residual_elsewhere():
    model = make(Exact)
    mean, error = products(model, step=0.01)
    assert abs(mean) < 4 * error + 1e-3
    assert error < 0.003
    model.tilt = 0.5
    mean, error = products(model, step=0.01)
    exact = HjbResidual(1.0).penalty(model, noised(model, 4000, 7), [rng()]).value.item()
    assert exact > 20 * error
    assert abs(mean - exact) < 4 * error + 0.05 * exact


def test_the_square_of_one_increment_would_penalise_curvature():
    # Why two increments are multiplied: at the exact score the square does not vanish.
    model = make(Exact)
    points, regulariser = noised(model, 500), IncrementMismatch(1.0, 0.01)
    noise = rademacher((2, 500, 2), rng(5), points.y)
    start = potential_and_gradient(model, points)
    control = model.process.diffusion(points.s).square()[:, None] * start[1]
    found = regulariser.mismatches(model, points, start, control, noise)
    h = 0.01 * points.std[:, 0].square() / model.process.diffusion(points.s).square()
    assert ((points.std[:, 0].square() / h).square() * found.square()).mean() > 0.01


def test_the_offset_is_seen_by_the_residual_and_not_by_the_score():
    model = make(regulariser=HjbResidual(1.0))
    points = noised(model, 16)
    before = model.psi_derivatives(points.s, points.y)
    torch.nn.init.normal_(model.offset.weight, generator=rng(4))
    after = model.psi_derivatives(points.s, points.y)
    torch.testing.assert_close(after.gradient, before.gradient, atol=0, rtol=0)
    assert (after.time - before.time).abs().max() > 0.1


def test_normal_data_solve_the_equation_before_training():
    # The quadratic part and the offset alone are the exact value function of N(0, I): a residual
    # of zero, whatever the data are. It certifies nothing.
    model = make(regulariser=HjbResidual(1.0))
    torch.nn.init.zeros_(model.net[-1].weight)
    torch.nn.init.zeros_(model.net[-1].bias)
    points = noised(model, 64)
    assert HjbResidual(1.0).penalty(model, points, [rng()]).value < 1e-20
    gap = model.score(points.s, points.y) - noised_score(mixture(), model.process)(
        points.s, points.y
    )
    assert (points.std * gap).square().sum(1).mean() > 0.1


# -------------------------------------------------------------------------------------- gradients


def shifted(parameters, directions, h):
    with torch.no_grad():
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.add_(direction, alpha=h)


TAYLOR = {
    "residual": (HjbResidual(1.0), True),
    "residual_hutchinson": (HjbResidual(1.0, probes=1), True),
    "residual_reference": (HjbResidual(1.0, reference=2.0), True),
    "residual_reference_l1": (HjbResidual(1.0, norm="l1", reference=2.0), True),
    "score_pde": (ScorePde(1.0), True),
    "score_pde_vector": (ScorePde(1.0, probes=1), False),
    "score_pde_l1": (ScorePde(1.0, norm="l1"), True),
}


def taylor_remainders(model, penalty):
    parameters = [p for p in model.parameters() if p.requires_grad]
    value = penalty()
    gradient = torch.autograd.grad(value, parameters, materialize_grads=True)
    assert any(g.abs().max() > 0 for g in gradient)
    generator = rng(8)
    directions = [torch.randn(p.shape, generator=generator).double() for p in parameters]
    slope = sum((g * d).sum() for g, d in zip(gradient, directions, strict=True)).item()
    remainders = []
    for h in (1e-3, 5e-4):
        shifted(parameters, directions, h)
        remainders.append(abs(penalty().item() - value.item() - h * slope))
        shifted(parameters, directions, -h)
    return remainders


@pytest.mark.parametrize(("regulariser", "potential"), TAYLOR.values(), ids=TAYLOR)
def test_the_gradient_of_a_regulariser(regulariser, potential):
    model = make(potential=potential, regulariser=regulariser)
    points = noised(model, 16)
    first, second = taylor_remainders(
        model, lambda: regulariser.penalty(model, points, [rng(3)]).value
    )
    assert first > 3.0 * second  # of second order, or better by chance


def test_the_gradient_of_the_increments_along_a_given_path():
    regulariser = IncrementMismatch(1.0)
    model = make(regulariser=regulariser)
    points = noised(model, 16)
    control = 2 * potential_and_gradient(model, points)[1].detach()
    noise = torch.randn(2, 16, 2, dtype=DOUBLE, generator=rng(5))

    def penalty():
        start = potential_and_gradient(model, points)
        return regulariser.mismatches(model, points, start, control, noise).prod(0).mean() * 1e3

    first, second = taylor_remainders(model, penalty)
    assert first > 3.0 * second  # of second order, or better by chance


def test_implicit_and_explicit_matching_have_one_gradient():
    # On a line the density is the weight of a quadrature: no Monte-Carlo error.
    law = GaussianMixture.isotropic(torch.tensor([[-1.0], [0.8]], dtype=DOUBLE), 0.4)
    process = OrnsteinUhlenbeck()
    model = make(dim=1)
    y = torch.linspace(-9, 9, 4001, dtype=DOUBLE)[:, None]
    s = torch.full((4001,), 0.3, dtype=DOUBLE)
    density = noised_log_density(law, process)(s, y).exp()
    points = NoisedPoints(s, density.sqrt()[:, None], torch.zeros_like(y), y)
    gradients = []
    for objective in (Implicit(), Explicit(noised_score(law, process))):
        model.objective = objective
        loss = model.matching_losses(points).mean()
        found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        gradients.append(torch.cat([g.flatten() for g in found]))
    implicit, explicit = gradients
    assert explicit.abs().max() > 1e-5
    torch.testing.assert_close(implicit, explicit, atol=1e-9, rtol=1e-7)


def test_denoising_and_explicit_matching_have_one_gradient_in_the_mean():
    model = make()
    differences, sizes = [], []
    for k in range(20):
        points = noised(model, 1000, 20 + k)
        parts = []
        for objective in (Denoising(), Explicit(noised_score(mixture(), model.process))):
            model.objective = objective
            loss = model.matching_losses(points).mean()
            found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
            parts.append(torch.cat([g.flatten() for g in found]))
        differences.append(parts[0] - parts[1])
        sizes.append(parts[1])
    gap, size = torch.stack(differences), torch.stack(sizes).mean(0)
    error = gap.std(0) / math.sqrt(len(gap))
    inside = gap.mean(0).abs() < 4 * error + 1e-12
    assert inside.double().mean() > 0.98  # hundreds of weights, so a few may lie outside
    assert gap.mean(0).norm() < 0.3 * size.norm()


# ------------------------------------------------------------------------------------ composition


def test_the_default_is_denoising_score_matching_and_nothing_else():
    model = make().float()
    assert model.offset is None
    x = mixture().sample(32, rng(1)).float()
    found = model.loss(x, rng(2))
    generator = rng(2)
    s = model.draw_times(torch.rand(32, generator=generator))
    z = torch.randn(32, 2, generator=generator)
    std = model.process.variance(s).sqrt()[:, None]
    score = model.score(s, model.process.scale(s)[:, None] * x + std * z)
    assert torch.equal(found.total, (std * score + z).square().mean(1).mean())
    assert list(found.terms) == ["dsm"]


@pytest.mark.parametrize(
    "regulariser",
    [HjbResidual(0.5), HjbResidual(0.5, reference=2.0), ScorePde(0.5), IncrementMismatch(0.5)],
    ids=lambda r: r.name,
)
@pytest.mark.parametrize("objective", [Denoising(), Implicit()], ids=lambda o: o.name)
def test_the_loss_is_objective_plus_weighted_penalty(objective, regulariser):
    model = make(objective=objective, regulariser=regulariser)
    x = mixture().sample(32, rng(1))
    loss = model.loss(x, rng(2))
    fit, penalty = loss.terms[objective.name], loss.terms[regulariser.name]
    assert loss.total.item() == pytest.approx((fit + 0.5 * penalty).item())
    alone = make(objective=objective)
    alone.load_state_dict(model.state_dict(), strict=False)
    assert alone.loss(x, rng(2)).total.item() == pytest.approx(fit.item(), rel=1e-9)


def test_the_equation_of_the_potential_needs_a_potential():
    with pytest.raises(ValueError, match="HjbResidual needs parametrisation 'potential'"):
        make(potential=False, regulariser=HjbResidual(1.0))
    points = noised(make(), 4)
    with pytest.raises(ValueError, match="needs the divergence of the score, got None"):
        Implicit().value(points, points.y, None)


@processes
def test_the_closed_form_score_is_the_gradient_of_the_log_density(process):
    points = noised(make(process=process), 9)
    expected = value_and_derivatives(noised_log_density(mixture(), process), points.s, points.y)
    found = noised_score(mixture(), process)(points.s, points.y)
    torch.testing.assert_close(found, expected.gradient)
