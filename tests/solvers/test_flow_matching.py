"""Flow matching against assignments, Gaussian interpolation and optimal transport of normals."""

from __future__ import annotations

import itertools

import pytest
import torch

from mfglab.config import FlowMatchingConfig
from mfglab.solvers.factory import build_solver
from mfglab.solvers.flow_matching import FlowMatching, optimal_assignment
from mfglab.trajectories.diagnostics import kinetic_energy


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_assignment_is_the_best_of_all_permutations():
    x, z = torch.randn(5, 2, generator=rng(1)), torch.randn(5, 2, generator=rng(2))
    costs = {p: (x - z[list(p)]).square().sum().item() for p in itertools.permutations(range(5))}
    assert tuple(optimal_assignment(x, z).tolist()) == min(costs, key=costs.__getitem__)


def test_on_the_line_optimal_pairs_are_sorted():
    x, z = torch.randn(40, 1, generator=rng(1)), torch.randn(40, 1, generator=rng(2))
    paired = FlowMatching(1, generator=rng()).pairs(x, z)
    assert torch.equal(paired[x[:, 0].argsort()], z.sort(dim=0).values)


def test_independent_pairs_are_left_as_they_are():
    z = torch.randn(9, 2, generator=rng())
    solver = FlowMatching(2, coupling="independent", generator=rng())
    assert torch.equal(solver.pairs(torch.zeros(9, 2), z), z)


@pytest.mark.parametrize("coupling", ["optimal", "independent"])
def test_the_loss_is_least_at_the_conditional_mean(coupling):
    # Data N(0, 4), noise N(0, 1) on the line. Independent: E[z - x | x_t] is linear in x_t with the
    # coefficient cov / var. Optimal: z = x / 2, so x_t = (1 - t/2) x and the velocity is -x / 2.
    n, std = 300 if coupling == "optimal" else 4000, 2.0
    q = torch.special.ndtri((torch.arange(n).double() + 0.5) / n)[:, None]
    z = q if coupling == "optimal" else q[torch.randperm(n, generator=rng(3))]
    x = std * q
    t = torch.full((n,), 0.3, dtype=torch.float64)

    class Linear(FlowMatching):
        slope = 0.0

        def velocity(self, t, x):
            return self.slope * x

    solver = Linear(1, coupling=coupling, generator=rng())
    if coupling == "optimal":
        best = (1 - std) / (1 + (std - 1) * 0.7)
        solver.slope = best
        assert solver.matching_losses(x, solver.pairs(x, z), t).max() < 1e-20
    else:
        best = (0.3 - 0.7 * std**2) / (0.7**2 * std**2 + 0.3**2)
        losses = []
        for slope in (best - 0.1, best, best + 0.1):
            solver.slope = slope
            losses.append(solver.matching_losses(x, z, t).mean().item())
        assert losses[1] < min(losses[0], losses[2])


def test_training_finds_the_optimal_transport_of_normals_with_optimal_pairs_only():
    data = torch.tensor([[2.0, 0.0]]) + torch.randn(2000, 2, generator=rng(5)) * torch.tensor(
        [0.3, 1.5]
    )
    energies = {}
    for coupling in ("optimal", "independent"):
        noise = rng(1)
        solver = FlowMatching(2, coupling=coupling, width=32, generator=noise)
        adam = torch.optim.Adam(solver.parameters(), lr=0.01)
        for _ in range(300):
            adam.zero_grad()
            batch = data[torch.randint(len(data), (128,), generator=noise)]
            solver.loss(batch, noise).total.backward()
            adam.step()
        with torch.no_grad():
            run = solver.trajectories(data[:500])
            assert run.x.std(0).tolist() == pytest.approx([1.0, 1.0], abs=0.15)
        energies[coupling] = kinetic_energy(run.times, run.path).mean().item()
    optimum = 0.5 * (2.0**2 + 0.7**2 + 0.5**2)
    assert energies["optimal"] == pytest.approx(optimum, rel=0.1)
    assert energies["independent"] > energies["optimal"] + 0.05


def test_validation_is_deterministic_and_covers_more_than_one_block():
    solver = build_solver(FlowMatchingConfig(kind="flow_matching", width=8), 2, rng())
    x = torch.randn(600, 2, generator=rng(4))
    with torch.no_grad():
        first = solver.validation_loss(x, rng(7)).item()
        assert first == solver.validation_loss(x, rng(7)).item()
        assert first != solver.validation_loss(x, rng(8)).item()
