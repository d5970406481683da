"""The kernel score model: centres, objectives, two ways to sample, one game."""

from __future__ import annotations

import pytest
import torch

from mfglab.config import TrainingConfig, WpoConfig
from mfglab.datasets.toys import Moons
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.games.optimality import hjb_residual, terminal_residual
from mfglab.metrics.wasserstein import transport_distances
from mfglab.networks.precision import PrecisionNet
from mfglab.solvers.base import stacked
from mfglab.solvers.factory import build_solver
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.fit import fit


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def model(K=12, dim=2, seed=0, **settings):
    settings = {"width": 16, "depth": 2, **settings}
    solver = KernelScoreModel(dim, centres=K, generator=rng(seed), **settings)
    solver.place(torch.randn(K, dim, generator=rng(seed + 1)))
    return solver


def test_precisions_respect_floor_and_symmetry():
    net = PrecisionNet(3, 16, 2, floor=0.3, generator=rng())
    precisions = net(torch.randn(7, 3, generator=rng())).precisions
    assert torch.equal(precisions, precisions.mT)
    assert torch.linalg.eigvalsh(precisions).min() >= 0.3 - 1e-5


def test_kernels_can_start_round():
    net = PrecisionNet(3, 16, 2, floor=0.3, generator=rng())
    net.start_round(40.0)
    with torch.no_grad():
        net.net[-1].weight.zero_()
    precisions = net(torch.randn(5, 3, generator=rng())).precisions
    assert torch.allclose(precisions, 40 * torch.eye(3).expand(5, 3, 3), rtol=1e-5)
    with pytest.raises(ValueError, match=r"exceed the floor 0\.3, got 0\.1"):
        net.start_round(0.1)


def test_the_published_net_has_the_published_number_of_parameters():
    counts = {2: 17027, 3: 17286, 4: 17610, 6: 18453}
    for dim, count in counts.items():
        assert sum(p.numel() for p in PrecisionNet(dim, generator=rng()).parameters()) == count


def test_the_factory_hands_every_setting_over():
    config = WpoConfig(
        kind="wpo",
        centres=9,
        leave_one_out=True,
        floor=0.2,
        learn_weights=True,
        score_weight=0.5,
        likelihood_weight=2.0,
        beta=0.7,
        horizon=30.0,
        s_min=1e-3,
        steps=7,
        ode_steps=5,
    )
    solver = build_solver(config, 3, rng())
    assert isinstance(solver, KernelScoreModel)
    assert solver.centres.shape == (9, 3)
    assert solver.leave_one_out
    assert (solver.net.floor, solver.net.weighted) == (0.2, True)
    assert (solver.score_weight, solver.likelihood_weight) == (0.5, 2.0)
    assert (solver.beta, solver.game.horizon, solver.s_min) == (0.7, 30.0, 1e-3)
    assert (solver.steps, solver.ode_steps) == (7, 5)


def test_centres_are_a_random_subset_and_the_rest_is_trained_on():
    x = torch.randn(50, 2, generator=rng())
    solver = KernelScoreModel(2, centres=10, generator=rng())
    rest = solver.prepare(x, rng(1))
    together = torch.cat([solver.centres, rest])
    assert torch.equal(together[together[:, 0].argsort()], x[x[:, 0].argsort()])
    assert not torch.equal(solver.centres, x[:10])
    assert torch.equal(solver.prepare(rest, rng(2)), rest)  # centres that are there stay


def test_a_training_point_that_is_a_centre_is_refused():
    solver = model()
    x = torch.randn(5, 2, generator=rng(9))
    x[3] = solver.centres[7]
    with pytest.raises(ValueError, match="training point 3 is centre 7"):
        solver.loss(x, rng())
    with pytest.raises(ValueError, match="training point 3 is centre 7"):
        solver.prepare(x, rng())
    both = stacked([model(), solver])
    with pytest.raises(ValueError, match="training point 3 is centre 7"):
        both.training_losses(torch.stack([x, x]), [rng(), rng()])
    kept = model(leave_one_out=True)
    assert torch.isfinite(kept.loss(kept.centres, rng()).total)


def test_other_bad_calls_are_refused():
    with pytest.raises(ValueError, match=r"must be positive, got 0\.0 and 0\.0"):
        KernelScoreModel(2, score_weight=0.0)
    with pytest.raises(ValueError, match="no centres yet"):
        KernelScoreModel(2, centres=3).sample(1, rng())
    with pytest.raises(ValueError, match="need at least 4 training points"):
        KernelScoreModel(2, centres=3).prepare(torch.zeros(3, 2), rng())
    with pytest.raises(ValueError, match=r"shape \(3, 2\), got \(4, 2\)"):
        KernelScoreModel(2, centres=3).place(torch.zeros(4, 2))


def test_the_loss_is_the_weighted_sum_of_its_terms():
    solver = model(score_weight=0.3, likelihood_weight=2.0)
    x = torch.randn(20, 2, generator=rng(5))
    loss = solver.loss(x, rng())
    total = 0.3 * loss.terms["ism"] + 2.0 * loss.terms["nll"]
    assert torch.allclose(loss.total, total)
    assert torch.allclose(loss.terms["nll"], -solver.log_prob(x).mean(), rtol=1e-4)
    assert torch.equal(solver.validation_loss(x, rng()), loss.total)


def test_a_step_of_training_memorises_a_sample_at_a_centre():
    # Gradient of score matching in the precision of a lone kernel: -2 a unit of trace.
    centre = torch.zeros(1, 2, dtype=torch.float64)
    solver = model(1).double()
    solver.place(centre)
    law = solver.kernels()
    law.precisions.retain_grad()
    law.terms(centre).implicit_score_matching.sum().backward()
    assert torch.allclose(law.precisions.grad, -2 * torch.eye(2, dtype=torch.float64), atol=1e-12)


def test_the_value_function_solves_the_game():
    solver = model(beta=0.8, horizon=2.0, learn_weights=True).double()
    x = torch.randn(40, 2, generator=rng(3), dtype=torch.float64)
    for t in (0.2, 1.0, 1.9):
        assert hjb_residual(solver.game, solver.value, t, x).abs().max() < 1e-8
    gap = terminal_residual(solver.game, lambda t, y: solver.value(t, y), x)
    assert gap.abs().max() < 1e-8


@pytest.mark.parametrize("process", [None, OrnsteinUhlenbeck()], ids=["heat", "ou"])
def test_simulated_and_direct_samples_have_one_law(process):
    solver, n = model(), 600
    with torch.no_grad():
        direct = [solver.sample(n, rng(i)).double().numpy() for i in range(2)]
        simulated = solver.sample_sde(n, rng(5), process=process).double().numpy()
    floor = transport_distances(*direct).w2
    assert transport_distances(simulated, direct[0]).w2 < 1.5 * floor


def test_the_probability_flow_reaches_the_normal_law_and_returns():
    solver = model(horizon=400.0).double()
    with torch.no_grad():
        x = solver.sample(500, rng())
        run = solver.trajectories(x)
        back = solver.reconstruct(x)
    assert run.path.shape == (51, 500, 2)
    assert torch.allclose(run.x.std(0), torch.full((2,), 20.0, dtype=torch.float64), rtol=0.15)
    assert (back - x).norm(dim=1).mean() < 1e-3


@pytest.mark.parametrize("likelihood", [False, True], ids=["score", "likelihood"])
def test_training_raises_the_held_out_likelihood_above_round_kernels(tmp_path, likelihood):
    weights = {"score_weight": 0.0, "likelihood_weight": 1.0} if likelihood else {}
    solver = KernelScoreModel(2, centres=60, width=32, depth=2, generator=rng(), **weights)
    data = Moons(noise=0.03).sample(2500, rng(1)).float()
    train, val = data[:2000], data[2000:]
    settings = {"iterations": 200, "batch_size": 64, "learning_rate": 0.01, "val_every": 50}
    training = TrainingConfig.model_validate(settings)
    result = fit(solver, train, val, training, seed=0, folder=tmp_path / "run", progress=False)
    trained = result.solver
    assert isinstance(trained, KernelScoreModel)
    assert bool((trained.centres[:, None] == train).all(-1).any(1).all())
    with torch.no_grad():
        nll = -trained.log_prob(val).mean()
        round_ = min(
            -trained.kernels().isotropic(trained.centres, v).log_prob(val).mean()
            for v in (0.01, 0.03, 0.1, 0.3)
        )
    assert nll < round_
