"""Direct transcription of terminal-cost games, against the closed form it does not know."""

from __future__ import annotations

import pytest
import torch

from mfglab.games.closed_forms.convex_heads import LogSumExpHead, QuadraticHead
from mfglab.games.closed_forms.proximal_map import ProximalGame
from mfglab.solvers.open_loop import solve_open_loop
from mfglab.trajectories.diagnostics import crossing, kinetic_energy, speed_variation, straightness

WEIGHTS = [20.0, 1.0, 0.05]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def labels():
    return torch.softmax(2 * draw(12, 4, seed=1), 1)


@pytest.fixture(params=[LogSumExpHead, QuadraticHead], ids=lambda kind: kind.__name__)
def head(request):
    return request.param(draw(4, 6, seed=7))


def solve(head, y, weight, **options):
    return solve_open_loop(lambda x: head.value(x, y), draw(12, 6), weight=weight, **options)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_game_ends_at_the_proximal_point(head, labels, weight):
    found = solve(head, labels, weight, horizon=1.6)
    exact = ProximalGame(head, weight, 1.6)
    assert found.gradient.max() <= 1e-10
    torch.testing.assert_close(
        found.trajectory.x, exact.end(draw(12, 6), labels), rtol=0, atol=1e-8
    )
    velocity = exact.velocity(draw(12, 6), labels)
    torch.testing.assert_close(found.velocities, velocity.expand(8, -1, -1), rtol=0, atol=1e-8)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_paths_are_straight_at_one_speed_and_do_not_cross(head, labels, weight):
    found = solve(head, labels[:1].expand(12, -1), weight, initial=2 * draw(8, 12, 6, seed=3))
    path = found.trajectory.path
    assert (straightness(path) > 1 - 1e-6).all()
    assert speed_variation(found.trajectory.times, path).max() < 1e-6
    met = crossing(path[0], path[-1])
    assert (met.monotonicity_violation, met.near_collision) == (0, 0)


def test_the_objective_is_terminal_plus_running_cost(head, labels):
    found = solve(head, labels, 0.7, horizon=1.6)
    running = 0.7 * kinetic_energy(found.trajectory.times, found.trajectory.path)
    terminal = head.value(found.trajectory.x, labels)
    torch.testing.assert_close(found.terminal, terminal)
    torch.testing.assert_close(found.objective, terminal + running)
    at_zero = torch.zeros(12, dtype=torch.float64)
    exact = torch.stack(
        [
            ProximalGame(head, 0.7, 1.6).value(y)(at_zero[:1], x[None])[0]
            for x, y in zip(draw(12, 6), labels, strict=True)
        ]
    )
    torch.testing.assert_close(found.objective, exact, rtol=0, atol=1e-10)


def test_a_positive_weight_makes_the_solution_unique_and_zero_does_not(head, labels):
    def from_two_starts(weight):
        return [solve(head, labels, weight, initial=draw(8, 12, 6, seed=s)) for s in (3, 4)]

    one, other = from_two_starts(0.2)
    torch.testing.assert_close(one.velocities, other.velocities, rtol=0, atol=1e-8)
    one, other = from_two_starts(0.0)
    torch.testing.assert_close(one.objective, other.objective, rtol=0, atol=1e-8)
    gap = (one.velocities - other.velocities).square().mean().sqrt()
    assert gap > 0.5
    energy = [run.trajectory.costs.mean() for run in (one, other)]
    assert abs(energy[0] - energy[1]) > 1e-3


def test_a_loss_that_is_not_quadratic_nor_of_a_head(labels):
    # G = sum |x|^4 / 4: x(1 + tau x^2) = x0 for each coordinate.
    x0 = torch.full((1, 1), 2.0, dtype=torch.float64)
    found = solve_open_loop(lambda x: x.pow(4).sum(1) / 4, x0, weight=2.0, horizon=2.0, steps=3)
    assert found.trajectory.x.item() == pytest.approx(1.0, abs=1e-10)


def test_a_start_on_a_hill_rolls_into_the_next_well():
    # G = (x^2 - 1)^2, concave at the start: the end solves tau G'(x) + x = x0 and is no hill.
    x0 = torch.tensor([[0.1], [-0.2]], dtype=torch.float64)
    found = solve_open_loop(lambda x: (x.square() - 1).square().sum(1), x0, weight=0.1)
    x = found.trajectory.x
    torch.testing.assert_close(40 * x * (x.square() - 1) + x, x0, rtol=0, atol=1e-8)
    assert (x * x0 > 0).all()
    assert (x.abs() > 0.9).all()


def test_no_convergence_is_an_error(head, labels):
    with pytest.raises(RuntimeError, match=r"within 1 Newton steps: gradient \d"):
        solve(LogSumExpHead(5 * head.psi), labels, 0.1, limit=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": draw(3, 2).float()}, "float64"),
        ({"weight": -1.0}, "weight"),
        ({"horizon": 0.0}, "horizon and steps"),
        ({"steps": 0}, "horizon and steps"),
        ({"initial": draw(8, 3, 3)}, "initial velocities"),
    ],
)
def test_wrong_input_is_refused(change, message):
    arguments = {"start": draw(3, 2), "weight": 1.0} | change
    with pytest.raises(ValueError, match=message):
        solve_open_loop(lambda x: x.square().sum(1), **arguments)
