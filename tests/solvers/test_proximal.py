"""The W1+W2 proximal flow against Hopf-Lax, its integrator, finite differences and itself."""

from __future__ import annotations

import copy
import math

import pytest
import torch

from mfglab.games.catalogue import CATALOGUE
from mfglab.games.optimality import hjb_residual, terminal_residual
from mfglab.games.recipes import w1w2_proximal
from mfglab.solvers.adversarial import (
    AdversarialSettings,
    train_adversarially,
    train_members_adversarially,
)
from mfglab.solvers.proximal import (
    OffPathProximalFlow,
    ProximalFlow,
    donsker_varadhan,
    lipschitz_excess,
)
from mfglab.trajectories.diagnostics import kinetic_energy
from mfglab.trajectories.methods import EULER, HEUN, RK4

LAM, STIFF, CENTRE = 0.5, 0.8, torch.tensor([1.0, -2.0], dtype=torch.float64)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(n=64, d=2, seed=0):
    return torch.randn(n, d, dtype=torch.float64, generator=seeded(seed))


def flow(dim=2, kind=ProximalFlow, **settings):
    settings = {"width": 12, "critic_width": 9, "kinetic_weight": LAM} | settings
    return kind(dim, **settings, generator=seeded(3)).double()


def witness(x):
    """The fixed terminal cost ``STIFF |x - CENTRE|^2 / 2``."""
    return 0.5 * STIFF * (x - CENTRE).square().sum(-1)


def hopf_lax(t, x):
    """``min_y [ witness(y) + LAM |y - x|^2 / (2 (1 - t)) ]`` in closed form."""
    return 0.5 * STIFF * LAM / (LAM + STIFF * (1 - t)) * (x - CENTRE).square().sum(-1)


def proximal_point(x):
    return (LAM * x + STIFF * CENTRE) / (LAM + STIFF)


class TestGame:
    def test_hopf_lax_solves_the_game_of_a_fixed_witness(self):
        game = w1w2_proximal(witness, LAM)
        x = noise()
        t = torch.rand(64, dtype=torch.float64, generator=seeded(1))
        assert hjb_residual(game, hopf_lax, t, x).abs().max() < 1e-12
        assert terminal_residual(game, hopf_lax, x).abs().max() < 1e-12

    def test_the_solver_plays_the_game_of_the_catalogue(self):
        solver, x = flow(), noise()
        entry = CATALOGUE["w1w2_proximal"].build(witness=solver.discriminator, weight=LAM)
        v = noise(seed=5)
        assert type(solver.game.dynamics) is type(entry.dynamics)
        assert torch.equal(solver.game.running_cost(0.0, x, v), entry.running_cost(0.0, x, v))
        assert torch.equal(solver.game.terminal.value(x), entry.terminal.value(x))
        torch.testing.assert_close(solver.game.terminal.first_variation(x), solver.discriminator(x))

    def test_velocity_and_residual_are_those_of_the_value_function(self):
        solver, x = flow(), noise()
        t = torch.tensor(0.3, dtype=torch.float64)
        point = x.clone().requires_grad_()
        (p,) = torch.autograd.grad(solver.value(t, point).sum(), point)
        torch.testing.assert_close(solver.velocity(t, x), -p / LAM)
        expected = hjb_residual(solver.game, solver.value, t, x)
        torch.testing.assert_close(solver.hjb_residual(t, x), expected)
        assert expected.abs().max() > 0.01

    def test_training_against_a_fixed_witness_finds_the_proximal_map(self):
        solver = flow(width=16)
        solver.game = w1w2_proximal(witness, LAM)
        adam = torch.optim.Adam(solver.potential.parameters(), 0.02)
        decay = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 400)
        for k in range(400):
            adam.zero_grad()
            solver.objective(noise(128, seed=k)).total.backward()
            adam.step()
            decay.step()
        x = noise(512, seed=1000)
        with torch.no_grad():
            run = solver.generate(x)
        end = proximal_point(x)
        moved = (end - x).square().sum(-1)
        assert (run.x - end).square().sum(-1).mean() < 1e-3 * moved.mean()
        assert run.costs.mean() == pytest.approx(float(0.5 * LAM * moved.mean()), rel=0.02)
        # Straight lines at constant speed have the least energy of all paths between these ends.
        least = 0.5 * (run.x - x).square().sum(-1).mean()
        assert kinetic_energy(run.times, run.path).mean() < 1.02 * least


class TestPath:
    def test_running_cost_is_the_kinetic_energy_of_the_path(self):
        run = flow().generate(noise())
        energy = LAM * kinetic_energy(run.times, run.path)
        torch.testing.assert_close(run.costs[:, 0], energy)

    def test_off_path_charge_is_taken_where_particles_arrive(self):
        solver = flow(kind=OffPathProximalFlow, steps=1)
        x = noise()
        zero = torch.tensor(0.0, dtype=torch.float64)
        after = x + solver.velocity(zero, x)
        expected = 0.5 * LAM * solver.velocity(zero, after.detach()).square().sum(-1).mean()
        charged = solver.objective(x).terms["running"]
        torch.testing.assert_close(charged, expected.detach())
        on_path = flow(steps=1).objective(x).terms["running"]
        assert abs(float(charged - on_path)) > 0.01 * float(on_path)

    @pytest.mark.parametrize(("method", "order"), [(EULER, 1), (HEUN, 2)])
    def test_refining_the_step_changes_samples_by_the_order_of_the_method(self, method, order):
        solver, x = flow(method=method), noise()
        with torch.no_grad():
            exact = flow(method=RK4).generate(x, 64).x
            errors = [float((solver.generate(x, n).x - exact).norm()) for n in (10, 20, 80)]
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)
        assert math.log(errors[1] / errors[2], 4) == pytest.approx(order, abs=0.25)

    def test_likelihood_belongs_to_the_samples(self):
        solver = flow(dim=1, method=RK4, steps=8)
        grid = torch.linspace(-12, 12, 4001, dtype=torch.float64)[:, None]
        with torch.no_grad():
            density = solver.log_prob(grid).exp()
            samples = solver.sample(40_000, seeded(), 8)
        mass = torch.trapezoid(density, grid[:, 0])
        mean = torch.trapezoid(density * grid[:, 0], grid[:, 0])
        assert float(mass) == pytest.approx(1, abs=1e-3)
        assert float(samples.mean()) == pytest.approx(float(mean), abs=0.02)

    def test_data_go_to_noise_and_back(self):
        solver, x = flow(method=RK4, steps=16), noise()
        with torch.no_grad():
            assert (solver.reconstruct(x) - x).abs().max() < 1e-4
            back = solver.trajectories(x)
        assert float(back.times[0]) == 1.0
        assert back.costs.max() < 0  # dt is negative
        torch.testing.assert_close(solver.generate(back.x).x, x, rtol=0, atol=1e-4)


class TestLosses:
    def test_dual_objective_attains_the_divergence_at_the_log_ratio(self):
        # KL(N(1, 1) | N(0, 1)) = 1/2 at D = x - 1/2, whatever is added to D.
        data = torch.special.ndtri((torch.arange(200_000).double() + 0.5) / 200_000)
        assert float(donsker_varadhan(data + 1 - 0.5, data - 0.5)) == pytest.approx(0.5, abs=2e-3)
        shifted = donsker_varadhan(data + 1 + 7, data + 7)
        torch.testing.assert_close(shifted, donsker_varadhan(data + 1, data))
        assert float(donsker_varadhan(0.5 * (data + 1), 0.5 * data)) < 0.5 - 0.1

    def test_only_slopes_above_the_bound_are_charged(self):
        slopes = torch.tensor([[0.0, 1.0], [3.0, 4.0], [0.0, 2.0]])
        assert float(lipschitz_excess(slopes, 2.0)) == pytest.approx((25 / 4 - 1) / 3)
        assert float(lipschitz_excess(slopes, 5.0)) == 0.0

    @pytest.mark.parametrize("hjb_weight", [0.0, 0.3])
    def test_gradient_of_the_flow_loss(self, hjb_weight):
        solver = flow(hjb_weight=hjb_weight)
        assert_taylor(solver, solver.potential, lambda: solver.objective(noise()).total)

    def test_gradient_of_the_discriminator_loss(self):
        solver = flow(lipschitz=0.005)
        generated, x = noise(seed=1), 2 + noise(seed=2)
        u = torch.rand(64, dtype=torch.float64, generator=seeded(4))
        loss = solver.discriminator_loss(generated, x, u)
        assert loss.terms["excess"] > 0
        assert_taylor(
            solver,
            solver.discriminator,
            lambda: solver.discriminator_loss(generated, x, u).total,
        )

    def test_arms_differ_by_what_they_charge(self):
        x, z, u = 1 + noise(), noise(seed=2), torch.rand(64, dtype=torch.float64)
        both, free = flow(), flow(kinetic=False, lipschitz=None)
        costs = [solver.objective(z) for solver in (both, free)]
        gap = costs[0].total - costs[1].total
        torch.testing.assert_close(gap.detach(), costs[0].terms["running"])
        assert "excess" in both.discriminator_loss(z, x, u).terms
        assert set(free.discriminator_loss(z, x, u).terms) == {"dual"}


def assert_taylor(solver, net, loss):
    """First-order Taylor remainder of ``loss`` in the weights of ``net`` falls as h^2."""
    weights = list(net.parameters())
    grads = torch.autograd.grad(loss(), weights, allow_unused=True)
    direction = [
        torch.randn(w.shape, dtype=w.dtype, generator=seeded(i)) for i, w in enumerate(weights)
    ]
    slope = sum(
        float((g * d).sum()) for g, d in zip(grads, direction, strict=True) if g is not None
    )
    start, keep = float(loss().detach()), copy.deepcopy(net.state_dict())
    remainders = []
    for h in (1e-4, 5e-5):
        net.load_state_dict(keep)
        with torch.no_grad():
            for w, d in zip(weights, direction, strict=True):
                w += h * d
        remainders.append(abs(float(loss().detach()) - start - h * slope))
    net.load_state_dict(keep)
    assert abs(slope) > 1e-3
    assert remainders[0] < 1e-4 * abs(slope)
    assert remainders[1] < 0.3 * remainders[0] + 1e-11


class TestTraining:
    def gaussian(self):
        return 2 + 0.5 * torch.randn(2000, 1, generator=seeded(8))

    def solver(self, **settings):
        return ProximalFlow(
            1,
            width=16,
            critic_width=24,
            generator=seeded(2),
            **({"kinetic_weight": 0.05} | settings),
        )

    def test_a_gaussian_is_reached_by_straight_lines_under_a_bounded_slope(self):
        solver, data = self.solver(), self.gaussian()
        settings = AdversarialSettings(iterations=300, batch_size=128)
        result = train_adversarially(solver, data, settings, seeded(5))
        assert result.diverged_at is None
        assert [row["iteration"] for row in result.history] == [0, 50, 100, 150, 200, 250, 299]
        with torch.no_grad():
            run = solver.generate(torch.randn(2000, 1, generator=seeded(6)))
            slope = solver.discriminator.gradient(data).norm(dim=1)
        assert float(run.x.mean()) == pytest.approx(2, abs=0.2)
        assert float(run.x.std()) == pytest.approx(0.5, abs=0.2)
        assert float(slope.max()) < 1.3
        energy = kinetic_energy(run.times, run.path).mean()
        assert float(energy) == pytest.approx(0.5 * (2**2 + 0.5**2), rel=0.25)

    def test_the_same_seed_gives_the_same_weights(self):
        settings = AdversarialSettings(iterations=5, batch_size=16)
        trained = []
        for seed in (5, 5, 6):
            solver = self.solver()
            train_adversarially(solver, self.gaussian(), settings, seeded(seed))
            trained.append(torch.nn.utils.parameters_to_vector(solver.parameters()))
        assert torch.equal(trained[0], trained[1])
        assert not torch.equal(trained[0], trained[2])

    @pytest.mark.parametrize("kind", [ProximalFlow, OffPathProximalFlow])
    @pytest.mark.parametrize("hjb_weight", [0.0, 0.1])
    @pytest.mark.parametrize("lipschitz", [None, 1.0])
    def test_flows_are_trained_together_as_they_are_alone(self, kind, hjb_weight, lipschitz):
        how = {"hjb_weight": hjb_weight, "lipschitz": lipschitz}
        found = self.both_ways(AdversarialSettings(iterations=8, batch_size=16), kind, **how)
        assert [result.diverged_at for result in found] == [None, 0, None, None]

    def test_flows_that_diverge_leave_the_others_alone(self):
        # so fast that the discriminators overflow, some of them later than others
        settings = AdversarialSettings(iterations=8, batch_size=16, discriminator_rate=3e37)
        found = self.both_ways(settings, ProximalFlow, lipschitz=None)
        assert len({result.diverged_at for result in found}) == 3

    def both_ways(self, settings, kind, **how):
        data, seeds = self.gaussian().double(), (5, 6, 7, 8)

        def flows():
            made = [kind(1, width=8, generator=seeded(s), **how).double() for s in seeds]
            made[1].potential.w.data.mul_(1e200)  # no energy from the start
            return made

        alone, together = flows(), flows()
        found = train_members_adversarially(together, data, settings, [*map(seeded, seeds)], 3)
        for one, other, seed, result in zip(alone, together, seeds, found, strict=True):
            own = train_adversarially(one, data, settings, seeded(seed), 3)
            assert result.diverged_at == own.diverged_at
            for row, expected in zip(result.history, own.history, strict=True):
                assert row == pytest.approx(expected, rel=1e-6)
            ours, theirs = other.state_dict(), one.state_dict()
            if result.diverged_at is not None:
                # Where a discriminator overflows, gradients of hidden units that are about to die
                # are rounding alone, and the first steps of Adam have full size whatever they are.
                for key in [k for k in ours if k.startswith("discriminator.hidden")]:
                    assert bool(ours.pop(key).isfinite().all() & theirs.pop(key).isfinite().all())
            torch.testing.assert_close(ours, theirs)
        return found

    def test_potentials_that_cannot_be_stacked_are_trained_one_after_another(self):
        settings = AdversarialSettings(iterations=2, batch_size=16)
        flows = [self.solver(depth=3), self.solver(depth=3)]
        noise = [seeded(5), seeded(5)]
        train_members_adversarially(flows, self.gaussian(), settings, noise)
        first, second = (torch.nn.utils.parameters_to_vector(f.parameters()) for f in flows)
        assert torch.equal(first, second)
        assert not torch.equal(
            first, torch.nn.utils.parameters_to_vector(self.solver(depth=3).parameters())
        )

    def test_flows_of_other_settings_are_not_trained_together(self):
        flows = [self.solver(), self.solver(lipschitz=2.0)]
        settings = AdversarialSettings(iterations=1)
        with pytest.raises(ValueError, match="flow 1 has other settings than flow 0"):
            train_members_adversarially(flows, self.gaussian(), settings, [seeded(5)] * 2)

    def test_divergence_is_reported_and_leaves_finite_weights(self):
        solver = self.solver(lipschitz=None)
        settings = AdversarialSettings(iterations=50, batch_size=16, discriminator_rate=1e12)
        result = train_adversarially(solver, self.gaussian(), settings, seeded(5))
        assert result.diverged_at is not None
        assert result.diverged_at < 50
        weights = torch.nn.utils.parameters_to_vector(solver.parameters())
        assert torch.isfinite(weights).all()
