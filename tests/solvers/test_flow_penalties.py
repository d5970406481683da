"""Options of the flows for ablations: Jacobian penalty, form of the HJB residual, weights."""

from __future__ import annotations

import pytest
import torch

from mfglab.networks.mlp import VelocityNet
from mfglab.solvers.cnf import JACOBIAN, Cnf
from mfglab.solvers.flow import HJB, RUNNING
from mfglab.solvers.otflow import OtFlow


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def points(n=6, d=3):
    return torch.randn(n, d, generator=rng(3), dtype=torch.float64)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_jacobian_is_that_of_automatic_differentiation(depth):
    net, x, t = VelocityNet(3, 7, depth, rng()).double(), points(), torch.tensor(0.4).double()
    exact = torch.func.vmap(torch.func.jacrev(lambda y: net(t, y[None])[0]))(x)
    out = net.with_jacobian(t, x)
    torch.testing.assert_close(out.jacobian, exact)
    torch.testing.assert_close(out.velocity, net(t, x))


def test_the_penalty_adds_the_integral_of_the_squared_jacobian():
    x = points(d=2)
    plain = Cnf(2, steps=4, generator=rng()).double()
    penal = Cnf(2, steps=4, jacobian_weight=0.5, generator=rng()).double()
    extra = penal.loss(x, rng()).total - plain.loss(x, rng()).total
    costs = penal.trajectories(x, 4).costs
    assert extra.item() == pytest.approx(0.5 * costs[:, JACOBIAN].mean().item(), rel=1e-9)
    assert costs[:, JACOBIAN].min() > 0
    torch.testing.assert_close(penal.log_prob(x), plain.log_prob(x))


def test_the_penalty_of_a_linear_field_is_its_frobenius_norm():
    # At small weights tanh is linear: v = W3 W2 W1 x.
    solver = Cnf(2, width=5, jacobian_weight=1.0, generator=rng()).double()
    with torch.no_grad():
        for parameter in solver.parameters():
            parameter.mul_(1e-3)
        solver.net.last.bias.zero_()
    matrix = solver.net.last.weight @ solver.net.middle[0].weight @ solver.net.opening.weight[:, :2]
    costs = solver.rates(torch.tensor(0.0).double(), points(d=2)).costs
    expected = matrix.square().sum().item()
    assert costs[:, JACOBIAN].mean().item() == pytest.approx(expected, rel=1e-4)


def test_the_squared_residual_is_the_square_of_the_absolute_one():
    x, t = points(d=2), torch.tensor(0.3).double()
    forms = [OtFlow(2, hjb_form=f, generator=rng()).double() for f in ("absolute", "squared")]
    absolute, squared = (solver.rates(t, x).costs[:, HJB] for solver in forms)
    torch.testing.assert_close(squared, absolute.square())


def test_without_running_weight_the_objective_lacks_the_kinetic_cost_and_the_feedback_stays():
    x = points(d=2)
    game = OtFlow(2, generator=rng()).double()
    ablated = OtFlow(2, running_weight=0.0, generator=rng()).double()
    torch.testing.assert_close(
        ablated.velocity(torch.tensor(0.0), x), game.velocity(torch.tensor(0.0), x)
    )
    missing = game.loss(x, rng()).total - ablated.loss(x, rng()).total
    kinetic = game.trajectories(x, game.steps).costs[:, RUNNING].mean()
    torch.testing.assert_close(missing, kinetic)
