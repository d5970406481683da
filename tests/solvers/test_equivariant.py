"""Equivariant scores: symmetry, projection, and what follows for likelihood and samples."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.config import ScoreConfig
from mfglab.datasets.symmetric import turning_mixture
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.networks.symmetry import average_field, orbit, plane_rotations
from mfglab.solvers.equivariant import EquivariantScore
from mfglab.solvers.factory import build_solver
from mfglab.solvers.score import ScoreModel

ORDER = 5


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=[False, True], ids=["vector", "potential"])
def solver(request):
    return EquivariantScore(
        3,
        OrnsteinUhlenbeck(),
        group=plane_rotations(ORDER, 3),
        potential=request.param,
        width=12,
        depth=2,
        steps=6,
        ode_steps=8,
        generator=rng(),
    ).double()


def points(n=7, d=3):
    return torch.randn(n, d, dtype=torch.float64, generator=rng(4))


def test_the_rotations_are_a_group():
    group = plane_rotations(ORDER, 4)
    torch.testing.assert_close(group @ group.mT, torch.eye(4).double().expand_as(group))
    torch.testing.assert_close(torch.linalg.matrix_power(group[1], ORDER), group[0])
    torch.testing.assert_close(group[1] @ group[2], group[3])
    with pytest.raises(ValueError, match="dim >= 2"):
        plane_rotations(3, 1)


def test_the_score_turns_with_the_point(solver):
    x, s = points(), torch.tensor(0.3).double()
    with torch.no_grad():
        turned = solver.score(s, orbit(solver.group, x)[2])
        torch.testing.assert_close(turned, orbit(solver.group, solver.score(s, x))[2])
        plain = solver.plain_score(s, orbit(solver.group, x)[2])
        assert not torch.allclose(plain, orbit(solver.group, solver.plain_score(s, x))[2])


def test_the_average_is_a_projection_so_errors_add_up():
    # J(s) = J(S s) + int |s - S s|^2 on a sample that is closed under the group.
    group = plane_rotations(ORDER, 3)
    law = turning_mixture(group).density()
    x = orbit(group, law.sample(50, rng(1)))
    field = torch.randn(x.shape, dtype=torch.float64, generator=rng(2))  # any field on the orbits

    def averaged(values):
        # S v at g_k x: the orbit of g_k x is the orbit of x, shifted by k.
        shifted = [average_field(group, values.roll(-k, 0)) for k in range(ORDER)]
        return torch.stack(shifted)

    exact = law.score(x.flatten(0, 1)).view_as(x)
    S = averaged(field)
    torch.testing.assert_close(averaged(S), S)
    torch.testing.assert_close(averaged(exact), exact)
    left = (field - exact).square().sum(-1).mean()
    right = (S - exact).square().sum(-1).mean() + (field - S).square().sum(-1).mean()
    torch.testing.assert_close(left, right)


def test_the_learned_law_is_symmetric(solver):
    x = points(4)
    with torch.no_grad():
        torch.testing.assert_close(
            solver.log_prob(orbit(solver.group, x)[1]), solver.log_prob(x), atol=1e-8, rtol=0
        )


def test_weights_of_a_plain_model_fit_and_are_trained(solver):
    plain = ScoreModel(
        3, OrnsteinUhlenbeck(), potential=solver.potential, width=12, depth=2, generator=rng()
    )
    assert plain.state_dict().keys() == solver.state_dict().keys()
    solver.loss(points(), rng()).total.backward()
    assert all(p.grad.abs().max() > 0 for n, p in solver.named_parameters() if "weight" in n)


def test_the_mixture_is_turned_into_itself():
    group = plane_rotations(ORDER, 3)
    law = turning_mixture(group)
    x = points()
    torch.testing.assert_close(law.log_prob(orbit(group, x)[3]), law.log_prob(x))
    mirrored = x * torch.tensor([1.0, -1.0, 1.0])
    assert not torch.allclose(law.log_prob(mirrored), law.log_prob(x))


def test_the_configuration_builds_it():
    config = {"kind": "score", "process": {"kind": "ou"}, "width": 8, "depth": 2, "rotations": 3}
    solver = build_solver(ScoreConfig.model_validate(config), 2, rng())
    assert isinstance(solver, EquivariantScore)
    assert len(solver.group) == 3
    assert math.isfinite(solver.loss(torch.randn(5, 2, generator=rng()), rng()).total.item())
