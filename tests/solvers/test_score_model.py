"""The score-based model: with the exact score in place of its network, and with its network."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.closed_forms.score_game import noised_log_density
from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mfglab.games.optimality import hjb_residual
from mfglab.solvers.score import ScoreModel

DOUBLE = torch.float64
PROCESSES = {
    "ou": OrnsteinUhlenbeck(),
    "vp": VariancePreserving(),
    "ve": VarianceExploding(),
}
# Run until nothing is left of the data, so that the model's Gaussian reference law is exact.
LONG = {
    "ou": OrnsteinUhlenbeck(horizon=14.0),
    "vp": VariancePreserving(beta_max=60.0),
    "ve": VarianceExploding(sigma_max=2e4),
}
processes = pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
long_processes = pytest.mark.parametrize("process", LONG.values(), ids=LONG)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def mixture():
    weights = torch.tensor([0.3, 0.5, 0.2], dtype=DOUBLE)
    means = torch.tensor([[-2.0, 0.5], [1.0, -1.0], [1.5, 2.0]], dtype=DOUBLE)
    round_, long, tilted = torch.eye(2), torch.diag(torch.tensor([0.2, 0.7])), torch.ones(2, 2)
    covariances = torch.stack([0.3 * round_, long, 0.2 * tilted + 0.15 * round_]).double()
    return GaussianMixture(weights, means, covariances)


class ExactPotential(ScoreModel):
    """``psi = log eta`` exactly; its score is left to automatic differentiation."""

    law = mixture()

    def psi(self, s, x):
        return noised_log_density(self.law, self.process)(s.expand(x.shape[0]), x)


class ExactScore(ScoreModel):
    """The closed-form score at one time for the whole batch; ``shift`` adds an error."""

    law = mixture()
    shift = 0.0

    def score(self, s, x):
        s = s.reshape(-1)
        if len(s) == 1 or bool((s == s[0]).all()):
            noised = self.law.noised(self.process.scale(s[0]), self.process.variance(s[0]))
            return noised.score(x) + self.shift
        with torch.enable_grad():
            y = x.detach().requires_grad_()
            log_density = noised_log_density(self.law, self.process)(s, y)
            (gradient,) = torch.autograd.grad(log_density.sum(), y)
        return gradient + self.shift


class ExactNormal(ScoreModel):
    """The score for data N(0, I): linear, with everything known in closed form."""

    shift = 0.0

    def score(self, s, x):
        s = s.expand(x.shape[0])
        V = self.process.scale(s).square() + self.process.variance(s)
        return -x / V[:, None] + self.shift


def make(kind, process, **settings):
    dim = settings.pop("dim", 2)
    return kind(dim, process, width=8, generator=rng(), **settings).double()


def noised(model, s):
    process = model.process
    return model.law.noised(process.scale(s), process.variance(s))


# ------------------------------------------------------------------------------ probability flow


@processes
def test_the_flow_carries_the_exact_density(process):
    # Along the flow log eta(s_min, x) = log eta(T, x(T)) + accumulated divergence, with no
    # reference law involved.
    model = make(ExactPotential, process, s_min=1e-2)
    x = noised(model, 1e-2).sample(100, rng(1))
    run = model._flow(x, True, 100, with_divergence=True)
    found = noised(model, process.horizon).log_prob(run.x) + run.costs[:, 0]
    torch.testing.assert_close(found.detach(), noised(model, 1e-2).log_prob(x), atol=1e-4, rtol=0)


@long_processes
def test_log_prob_is_the_exact_noised_density(process):
    model = make(ExactScore, process, s_min=1e-2)
    x = noised(model, 1e-2).sample(100, rng(1))
    found = model.log_prob(x, 140).detach()
    torch.testing.assert_close(found, noised(model, 1e-2).log_prob(x), atol=1e-4, rtol=0)


@processes
def test_log_prob_of_normal_data_is_exact_at_every_horizon(process):
    # The reference law is that of noised unit-variance data, so here nothing is approximate but
    # the integrator.
    model = make(ExactNormal, process, dim=3)
    x = torch.randn(20, 3, dtype=DOUBLE, generator=rng(1))
    s = torch.tensor(model.s_min, dtype=DOUBLE)
    V = process.scale(s).square() + process.variance(s)
    exact = -0.5 * x.square().sum(1) / V - 1.5 * math.log(2 * math.pi * V)
    torch.testing.assert_close(model.log_prob(x, 100), exact, atol=1e-4, rtol=0)


@processes
def test_the_flow_converges_with_the_order_of_its_integrator(process):
    # Fourth order. A clock that is interpolated with kinks would stop this at one or two.
    model = make(ExactScore, process, s_min=1e-2)
    x = noised(model, 1e-2).sample(50, rng(1))
    errors = []
    for steps in (30, 60):
        run = model._flow(x, True, steps, with_divergence=True)
        found = noised(model, process.horizon).log_prob(run.x) + run.costs[:, 0]
        errors.append((found - noised(model, 1e-2).log_prob(x)).abs().max().item())
    assert errors[0] > 10 * errors[1]


@processes
def test_there_and_back_is_the_identity(process):
    model = make(ExactScore, process, s_min=1e-2)
    x = noised(model, 1e-2).sample(100, rng(1))
    assert (model.reconstruct(x) - x).abs().max() < 1e-3


@processes
def test_the_flow_of_normal_data_is_a_rescaling(process):
    model = make(ExactNormal, process)
    x = torch.randn(20, 2, dtype=DOUBLE, generator=rng(1))
    run = model.trajectories(x, 100)

    def std(s):
        s = torch.as_tensor(s, dtype=DOUBLE)
        return (process.scale(s).square() + process.variance(s)).sqrt()

    expected = x * std(process.horizon) / std(model.s_min)
    torch.testing.assert_close(run.x, expected, atol=1e-4, rtol=1e-4)
    assert run.path.shape == (101, 20, 2)
    assert run.evaluations == 100 * model.evaluations_per_step


# ------------------------------------------------------------------------------------- sampling


def assert_moments(x, law, allowance):
    """Mean and covariance within four Monte-Carlo errors plus the integrator's ``allowance``."""
    n = len(x)
    mean = torch.einsum("k,kd->d", law.weights, law.means)
    centred = law.means - mean
    inner = law.covariances + centred[:, :, None] * centred[:, None, :]
    covariance = torch.einsum("k,kde->de", law.weights, inner)
    gap = (x.mean(0) - mean).abs() - 4 * (covariance.diagonal() / n).sqrt()
    assert gap.max() < allowance
    products = (x - x.mean(0))[:, :, None] * (x - x.mean(0))[:, None, :]
    gap = (products.mean(0) - covariance).abs() - 4 * products.std(0) / math.sqrt(n)
    assert gap.max() < allowance


@long_processes
@pytest.mark.parametrize(("sampler", "steps"), [("sample", 120), ("sample_ode", 40)])
def test_samples_have_the_exact_moments(process, sampler, steps):
    model = make(ExactScore, process, s_min=1e-2)
    x = getattr(model, sampler)(4000, rng(2), steps)
    assert x.dtype == DOUBLE
    assert_moments(x, noised(model, 1e-2), 0.02)


@processes
def test_samples_of_normal_data_are_exact_in_one_step(process):
    # The integrator is exact for data of unit variance, however long its steps.
    model = make(ExactNormal, process)
    x = model.sample(20_000, rng(2), 1)
    s = torch.tensor(model.s_min, dtype=DOUBLE)
    law = GaussianMixture.isotropic(
        torch.zeros(1, 2, dtype=DOUBLE), (process.scale(s).square() + process.variance(s)).sqrt()
    )
    assert_moments(x, law, 1e-6)


def test_a_seed_fixes_the_samples():
    model = make(ExactScore, PROCESSES["ou"])
    first, again, other = (model.sample(5, rng(seed), 10) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# ------------------------------------------------------------------------------------ the clock


@processes
def test_drawn_times_have_uniform_log_signal_to_noise(process):
    model = make(ScoreModel, process)
    u = torch.linspace(0, 1, 997, dtype=DOUBLE)
    s = model.draw_times(u)
    ends = model.process.log_snr(torch.tensor([process.horizon, model.s_min], dtype=DOUBLE))
    expected = ends[0] + u * (ends[1] - ends[0])
    torch.testing.assert_close(model.process.log_snr(s), expected, atol=1e-6, rtol=0)
    assert s[0].item() == pytest.approx(process.horizon, rel=1e-6)
    assert s[-1].item() == pytest.approx(model.s_min, rel=1e-6)
    assert (s.diff() < 0).all()


@processes
def test_the_reverse_grid_runs_from_the_horizon_to_the_early_stop(process):
    grid = make(ScoreModel, process, s_min=1e-2).reverse_grid(17)
    assert len(grid) == 18
    assert (grid.diff() < 0).all()
    assert grid[0].item() == pytest.approx(process.horizon, rel=1e-6)
    assert grid[-1].item() == pytest.approx(1e-2, rel=1e-6)


# --------------------------------------------------------------------------------- the network


@processes
def test_the_score_is_the_gradient_of_the_potential(process):
    model = make(ScoreModel, process)
    x = torch.randn(6, 2, dtype=DOUBLE, generator=rng(1))
    s = torch.linspace(0.1, 0.9, 6, dtype=DOUBLE)
    h, columns = 1e-5, []
    for axis in torch.eye(2, dtype=DOUBLE):
        difference = model.psi(s, x + h * axis) - model.psi(s, x - h * axis)
        columns.append(difference / (2 * h))
    found = model.score(s, x)
    torch.testing.assert_close(found, torch.stack(columns, 1), atol=1e-7, rtol=1e-6)
    assert found.requires_grad  # it can be trained
    with torch.no_grad():
        torch.testing.assert_close(model.score(s, x), found.detach(), atol=1e-14, rtol=0)


def test_a_vector_model_has_no_potential():
    model = make(ScoreModel, PROCESSES["ou"], potential=False)
    x = torch.zeros(3, 2, dtype=DOUBLE)
    with pytest.raises(ValueError, match="psi exists for parametrisation 'potential' only"):
        model.psi(torch.tensor(0.5), x)
    with pytest.raises(ValueError, match="this is 'vector'"):
        model.value(torch.tensor(0.5), x)
    assert model.score(torch.tensor(0.5), x).shape == (3, 2)


@pytest.mark.parametrize("potential", [True, False])
@processes
def test_training_reaches_every_weight(process, potential):
    model = make(ScoreModel, process, potential=potential)
    x = torch.randn(64, 2, dtype=DOUBLE, generator=rng(1))
    loss = model.loss(x, rng(2))
    loss.total.backward()
    assert loss.terms["dsm"].item() == loss.total.item()
    *hidden, last = [p.grad for p in model.parameters()]
    assert all(gradient.abs().max() > 0 for gradient in hidden)
    # a constant in the potential moves nobody; in the vector it does
    assert (last is None or last.abs().max() == 0) == potential


@pytest.mark.parametrize("potential", [True, False])
def test_the_loss_decreases_in_training(potential):
    model = make(ScoreModel, PROCESSES["ou"], potential=potential)
    x = mixture().sample(256, rng(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    before = model.validation_loss(x, rng(9)).item()
    for step in range(60):
        optimizer.zero_grad()
        model.loss(x, rng(step)).total.backward()
        optimizer.step()
    exact = make(ExactScore, PROCESSES["ou"]).validation_loss(x, rng(9)).item()
    after = model.validation_loss(x, rng(9)).item()
    assert after < before - 0.2 * (before - exact)


# -------------------------------------------------------------------------- denoising objective


def exact_dsm(model):
    """``E v |score + z / std|^2 / d`` for N(0, I) data and its exact score: E 1 / (1 + 1 / snr^2).

    ``std score + z = z a^2 / V - std a x / V`` has variance ``a^2 / V``, the logistic function of
    twice the log signal-to-noise ratio, which is uniform.
    """
    span = torch.tensor([model.process.horizon, model.s_min], dtype=DOUBLE)
    low, high = (2 * model.process.log_snr(span)).tolist()
    softplus = lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z)))  # noqa: E731
    return (softplus(high) - softplus(low)) / (high - low)


def terms(model, n=20_000):
    """Objective of normal data, and the error of the mean."""
    x = torch.randn(n, 2, dtype=DOUBLE, generator=rng(1))
    u = torch.rand(n, dtype=DOUBLE, generator=rng(2))
    z = torch.randn(n, 2, dtype=DOUBLE, generator=rng(3))
    parts = torch.stack(
        [
            model.denoising_loss(*part)
            for part in zip(x.split(500), u.split(500), z.split(500), strict=True)
        ]
    )
    whole = model.denoising_loss(x, u, z)
    assert whole.item() == pytest.approx(parts.mean().item(), rel=1e-9)
    return whole.item(), (parts.std() / math.sqrt(len(parts))).item()


@processes
def test_the_exact_score_has_the_known_objective(process):
    model = make(ExactNormal, process)
    value, error = terms(model)
    assert abs(value - exact_dsm(model)) < 4 * error
    assert error < 0.02 * value


@processes
def test_an_error_of_the_score_raises_the_objective_by_its_square(process):
    # E |std (score + c) + z|^2 - E |std score + z|^2 = E v |c|^2: the cross term has mean zero.
    model = make(ExactNormal, process)
    exact, error = terms(model)
    model.shift = 0.5
    shifted, _ = terms(model)
    u = (torch.arange(100_000, dtype=DOUBLE) + 0.5) / 100_000
    excess = 0.25 * process.variance(model.draw_times(u)).mean().item()
    assert shifted > exact
    spread = 4 * 0.5 * error * math.sqrt(excess + 1)
    assert abs(shifted - exact - excess) < max(0.05 * excess, spread)


@processes
@pytest.mark.parametrize("shift", [-0.3, 0.3])
def test_the_exact_score_of_a_mixture_minimises_the_objective(process, shift):
    model = make(ExactScore, process)
    x = mixture().sample(5000, rng(1))
    u = torch.rand(5000, dtype=DOUBLE, generator=rng(2))
    z = torch.randn(5000, 2, dtype=DOUBLE, generator=rng(3))
    exact = model.denoising_loss(x, u, z)
    model.shift = shift
    assert model.denoising_loss(x, u, z) > exact


@processes
def test_validation_is_unbiased_and_quieter_than_training(process):
    model = make(ExactNormal, process)
    x = torch.randn(400, 2, dtype=DOUBLE, generator=rng(1))
    stratified = torch.stack([model.validation_loss(x, rng(k)) for k in range(100)])
    plain = torch.stack([model.loss(x, rng(k)).total for k in range(100)])
    assert stratified.std() < plain.std()
    # the data are fixed, so both means estimate the same number, whatever it is
    error = (plain.var() / 100 + stratified.var() / 100).sqrt()
    assert (stratified.mean() - plain.mean()).abs() < 4 * error
    assert torch.equal(model.validation_loss(x, rng(5)), model.validation_loss(x, rng(5)))


# --------------------------------------------------------------------------------- optimality


@processes
def test_the_exact_potential_solves_the_game(process):
    model = make(ExactPotential, process)
    n = 40
    t = torch.linspace(0, 0.99 * process.horizon, n, dtype=DOUBLE)
    x = 2 * torch.randn(n, 2, dtype=DOUBLE, generator=rng(1))
    residual = hjb_residual(model.game, model.value, t, x)
    scale = model.game.dynamics.diffusion(t).square()
    assert (residual / scale).abs().max() < 1e-8


@processes
def test_an_untrained_potential_does_not(process):
    model = make(ScoreModel, process)
    t = torch.linspace(0, 0.9 * process.horizon, 40, dtype=DOUBLE)
    x = 2 * torch.randn(40, 2, dtype=DOUBLE, generator=rng(1))
    scale = model.game.dynamics.diffusion(t).square()
    assert (hjb_residual(model.game, model.value, t, x) / scale).abs().mean() > 1e-2


@processes
def test_the_value_function_ends_at_the_terminal_cost(process):
    model = make(ExactPotential, process)
    x = torch.randn(10, 2, dtype=DOUBLE, generator=rng(1))
    end = torch.tensor(process.horizon - model.s_min, dtype=DOUBLE)
    torch.testing.assert_close(
        model.value(end, x), model.game.terminal.first_variation(x), atol=1e-6, rtol=1e-6
    )


@processes
def test_the_optimal_velocity_is_the_diffusion_times_the_score(process):
    model = make(ExactPotential, process)
    x = torch.randn(10, 2, dtype=DOUBLE, generator=rng(1))
    t = torch.tensor(0.3 * process.horizon, dtype=DOUBLE)
    s = process.horizon - t
    found = model.game.optimal_velocity(t, x, -model.score(s, x))
    torch.testing.assert_close(found, process.diffusion(s) * noised(model, s).score(x))
