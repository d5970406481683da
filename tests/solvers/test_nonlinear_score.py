"""Nonlinear score model: fitted reference, one-step loss, reverse process, probability flow."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.config import NonlinearScoreConfig
from mfglab.games.densities import GaussianMixture
from mfglab.games.langevin import ReversedLangevin, mixture_laplacian, score_function
from mfglab.games.optimality import hjb_residual, value_and_derivatives
from mfglab.games.recipes import nonlinear_score
from mfglab.solvers.factory import build_solver
from mfglab.solvers.nonlinear_score import NonlinearScoreModel

DOUBLE = torch.float64


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def law():
    weights = torch.tensor([0.35, 0.65], dtype=DOUBLE)
    means = torch.tensor([[-2.0, 0.0], [1.5, 0.5]], dtype=DOUBLE)
    covariances = torch.stack([0.3 * torch.eye(2), torch.diag(torch.tensor([0.2, 0.5]))]).double()
    return GaussianMixture(weights, means, covariances)


def make(**settings):
    settings = {"components": 2, "width": 16, "depth": 2, "horizon": 0.4, "steps": 40} | settings
    return NonlinearScoreModel(2, generator=rng(), **settings).double()


def silent(model):
    """The correction switched off: the model believes the noised law to be q."""
    torch.nn.init.zeros_(model.net[-1].weight)
    torch.nn.init.zeros_(model.net[-1].bias)
    return model


class Ornstein(NonlinearScoreModel):
    """Reference N(0, I) and data N(m, r^2): the exact law of the Euler-Maruyama chain."""

    mean, variance = 0.7, 0.5

    def moments(self, s):
        h = self.game.horizon / self.steps
        keep = (1 - h) ** (s / h)
        added = 2 * h / (1 - (1 - h) ** 2)
        return self.mean * keep, added + (self.variance - added) * keep.square()

    def correction(self, s, x):
        mean, variance = (m.expand(len(x))[:, None] for m in self.moments(s))
        return x - (x - mean) / variance


def ornstein(**settings):
    model = Ornstein(2, components=1, generator=rng(), **settings).double()
    x = model.mean + model.variance**0.5 * torch.randn(4000, 2, dtype=DOUBLE, generator=rng(1))
    return model, x


def test_closed_forms_of_the_reference():
    x = 2 * torch.randn(20, 2, dtype=DOUBLE, generator=rng(1))
    torch.testing.assert_close(score_function(law())(x), law().score(x))
    derivatives = value_and_derivatives(lambda _, y: law().log_prob(y), 0.0, x)
    torch.testing.assert_close(mixture_laplacian(law(), x), derivatives.laplacian)
    with pytest.raises(ValueError, match="sigma must be positive, got 0"):
        ReversedLangevin(law(), 0.0)


def test_for_data_like_the_reference_the_value_function_is_known():
    game = nonlinear_score(law(), law())
    x = law().sample(100, rng(1))
    residual = hjb_residual(game, lambda t, y: -law().log_prob(y), 0.3, x)
    assert residual.abs().max() < 1e-10


def test_the_reference_is_fitted_and_belongs_to_the_game():
    model = make()
    x = law().sample(4000, rng(1))
    model.prepare(x, rng())
    order = model.means[:, 0].argsort()
    torch.testing.assert_close(model.means[order], law().means, atol=0.08, rtol=0)
    torch.testing.assert_close(model.weights[order], law().weights, atol=0.06, rtol=0)
    torch.testing.assert_close(
        model.game.dynamics.drift(0.0, x), -model.reference.score(x), atol=1e-12, rtol=0
    )
    other = make()
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other.reference.log_prob(x), model.reference.log_prob(x))
    with pytest.raises(ValueError, match="as many points, got 1"):
        model.prepare(x[:1], rng())


def losses(model, x, chunks=40):
    found = [model.loss(part, rng(50 + k)).total.detach() for k, part in enumerate(x.chunk(chunks))]
    values = torch.stack(found)
    return values.mean().item(), (values.std() / math.sqrt(chunks)).item()


def test_the_control_variate_changes_the_variance_alone():
    x = law().sample(4000, rng(1))
    found = {}
    for used in (True, False):
        model = make(control_variate=used)
        model.prepare(x, rng())
        found[used] = losses(model, x)
    (with_it, small), (without, large) = found[True], found[False]
    assert abs(with_it - without) < 4 * math.hypot(small, large)
    assert large > 1.5 * small


def test_the_exact_correction_has_the_least_loss():
    model, x = ornstein(horizon=0.4, steps=40)
    exact, error = losses(model, x)
    model.mean += 0.3
    wrong, _ = losses(model, x)
    assert wrong > exact + 4 * error


def test_the_flow_to_the_reference_carries_the_law_of_the_first_step():
    # The chain's stationary law is not quite q: an error of the order of step times horizon.
    model, x = ornstein(horizon=5.0, steps=5000)
    first_mean, first_variance = model.moments(torch.tensor(1e-3, dtype=DOUBLE))
    y = x[:50]
    expected = -0.5 * (y - first_mean).square().sum(1) / first_variance
    expected = expected - math.log(2 * math.pi * first_variance)
    torch.testing.assert_close(model.log_prob(y, 100), expected, atol=0.06, rtol=0)


def test_the_reverse_process_returns_to_the_data():
    model, x = ornstein(horizon=3.0, steps=300)
    samples = model.sample(4000, rng(2))
    assert samples.dtype == DOUBLE
    torch.testing.assert_close(samples.mean(0), x.mean(0), atol=0.06, rtol=0)
    torch.testing.assert_close(samples.std(0), x.std(0), atol=0.04, rtol=0)


def test_without_correction_everything_is_the_reference():
    model = silent(make())
    x = law().sample(500, rng(1))
    model.prepare(x, rng())
    torch.testing.assert_close(model.log_prob(x), model.reference.log_prob(x))
    torch.testing.assert_close(model.reconstruct(x), x)
    assert model.trajectories(x, 3).path.shape == (4, 500, 2)
    assert model.loss(x, rng(2)).total.item() == 0.0


def test_training_lowers_the_loss():
    model = make(components=1)  # one component for data with two: much is left to learn
    x = law().sample(512, rng(1))
    model.prepare(x, rng())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    before = model.validation_loss(x, rng(9)).item()
    for step in range(40):
        optimizer.zero_grad()
        model.loss(x[:128], rng(step)).total.backward()
        optimizer.step()
    assert model.validation_loss(x, rng(9)).item() < before - 0.05


def test_every_setting_arrives():
    config = NonlinearScoreConfig(
        kind="nonlinear_score", components=3, steps=7, pairs=2, ode_steps=5, control_variate=False
    )
    solver = build_solver(config, 4, rng())
    assert isinstance(solver, NonlinearScoreModel)
    assert solver.means.shape == (3, 4)
    assert (solver.steps, solver.pairs, solver.default_steps) == (7, 2, 5)
    assert not solver.control_variate
    assert solver.evaluations_per_step == 4
    with pytest.raises(ValueError, match="3 > 2"):
        NonlinearScoreConfig(kind="nonlinear_score", steps=2, pairs=3)
    with pytest.raises(ValueError, match="got 9"):
        make(steps=3, pairs=9)
