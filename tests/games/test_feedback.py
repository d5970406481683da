"""What a game prescribes at a momentum: all at once, and promises of the dynamics."""

import pytest
import torch

from mfglab.games.costs import (
    DiscountedKinetic,
    IllPosedGameError,
    Kinetic,
    KineticMinusDivergence,
    NoCost,
    RunningCost,
)
from mfglab.games.densities import StandardNormal
from mfglab.games.dynamics import (
    ControlledDiffusion,
    Deterministic,
    Dynamics,
    OrnsteinUhlenbeck,
    VariancePreserving,
)
from mfglab.games.game import MeanFieldGame
from mfglab.games.terminal import KullbackLeibler

OU = OrnsteinUhlenbeck().as_dynamics()
DYNAMICS = [Deterministic(), ControlledDiffusion(0.5), OU, VariancePreserving().as_dynamics()]
COSTS = [Kinetic(), Kinetic(2.5), DiscountedKinetic(0.3), KineticMinusDivergence(OU)]


def points() -> tuple[torch.Tensor, torch.Tensor]:
    gen = torch.Generator().manual_seed(0)
    x, p = torch.randn(2, 5, 3, dtype=torch.float64, generator=gen)
    return x, p


@pytest.mark.parametrize("t", [0.3, torch.linspace(0, 0.9, 5, dtype=torch.float64)])
@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("cost", COSTS)
def test_feedback_is_velocity_cost_and_hamiltonian(cost: RunningCost, dynamics: Dynamics, t):
    game = MeanFieldGame(dynamics, cost, KullbackLeibler(StandardNormal(3)))
    x, p = points()
    feedback = game.feedback(t, x, p)
    v = game.optimal_velocity(t, x, p)
    torch.testing.assert_close(feedback.velocity, v)
    torch.testing.assert_close(feedback.running_cost, game.running_cost(t, x, v))
    torch.testing.assert_close(feedback.hamiltonian, game.hamiltonian(t, x, p))
    # The supremum is attained: H = -p.(f + g v*) - L(v*).
    attained = -(p * game.drift_of(t, x, v)).sum(-1) - game.running_cost(t, x, v)
    torch.testing.assert_close(feedback.hamiltonian, attained)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_promises_of_the_dynamics_hold(dynamics: Dynamics):
    x, _ = points()
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    assert dynamics.drift_free == bool((dynamics.drift(t, x) == 0).all())
    assert dynamics.unit_gain == bool((dynamics.gain(t) == 1).all())


def test_no_cost_prescribes_nothing():
    game = MeanFieldGame(Deterministic(), NoCost(), KullbackLeibler(StandardNormal(3)))
    with pytest.raises(IllPosedGameError, match="does not determine a unique flow"):
        game.feedback(0.0, *points())
