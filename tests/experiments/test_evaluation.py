import math

import numpy as np
import pytest
import torch

from mfglab.config import CnfConfig, EvaluationConfig, OtFlowConfig, ScoreConfig
from mfglab.datasets.mixtures import mixture_2d
from mfglab.experiments.evaluate import (
    evaluate_run,
    noising_metrics,
    own_metrics,
    reference_sample,
    step_sweep,
)
from mfglab.experiments.fields import GRID, PATHS, figure_arrays
from mfglab.experiments.floor import measure_floor, targets, transport_size
from mfglab.experiments.residuals import (
    kernel_derivatives,
    relative_hjb_residual,
    residual_rows,
)
from mfglab.games.closed_forms.score_game import noised_log_density
from mfglab.games.dynamics import HeatFlow
from mfglab.games.optimality import value_and_derivatives
from mfglab.solvers.factory import build_solver
from mfglab.solvers.wpo import KernelScoreModel

SMALL = EvaluationConfig(
    transport_points=64, floor_repeats=2, nll_points=64, path_points=32, step_sweep=[1, 4]
)
SCORE = ScoreConfig.model_validate(
    {
        "kind": "score",
        "process": {"kind": "ou"},
        "width": 16,
        "depth": 2,
        "steps": 10,
        "ode_steps": 6,
    }
)


ALWAYS = (
    "w1",
    "w2",
    "sliced_w2",
    "mmd2",
    "inverse_error",
    "fp_residual",
    "terminal_gap",
    "kinetic",
    "straightness",
)


def points(n=200, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 2))


def solver_of(config, dim=2):
    return build_solver(config, dim, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("config", "defined", "undefined"),
    [
        (CnfConfig(kind="cnf", width=8), ["nll", "kinetic", "terminal_gap"], ["hjb_residual"]),
        (OtFlowConfig(kind="otflow", width=8), ["hjb_residual", "kinetic"], ["w2_ode"]),
        (SCORE, ["hjb_residual", "w2_ode", "nll", "reference_optimum"], ["speed_variation"]),
    ],
)
def test_metrics_are_defined_where_they_should_be(config, defined, undefined):
    row = evaluate_run(solver_of(config), points(), SMALL, seed=0, likelihood=True).row()
    assert all(math.isfinite(row[name]) for name in [*defined, *ALWAYS])
    assert all(math.isnan(row[name]) for name in undefined)
    assert row["w1"] <= row["w2"] + 1e-12


def test_evaluation_is_deterministic_and_depends_on_the_seed():
    solver = solver_of(CnfConfig(kind="cnf", width=8))
    first = evaluate_run(solver, points(), SMALL, seed=0, likelihood=True)
    assert evaluate_run(solver, points(), SMALL, seed=0, likelihood=True).w2 == first.w2
    assert evaluate_run(solver, points(), SMALL, seed=1, likelihood=True).w2 != first.w2


def test_likelihood_is_left_out_when_it_is_not_defined():
    solver = solver_of(CnfConfig(kind="cnf", width=8))
    assert math.isnan(evaluate_run(solver, points(), SMALL, 0, likelihood=False).nll)
    sweep = step_sweep(solver, points(), SMALL, likelihood=False)
    assert [row.steps for row in sweep] == [1, 4]
    assert all(math.isnan(row.nll) for row in sweep)


def test_more_steps_reconstruct_better():
    sweep = step_sweep(solver_of(CnfConfig(kind="cnf", width=8)), points(), SMALL, likelihood=True)
    assert sweep[1].inverse_error < sweep[0].inverse_error


def test_residual_vanishes_for_the_exact_potential(monkeypatch):
    solver = solver_of(SCORE).double()
    exact = noised_log_density(mixture_2d().density(), solver.process)
    monkeypatch.setattr(solver, "psi_derivatives", lambda s, x: value_and_derivatives(exact, s, x))
    rows = relative_hjb_residual(solver, points() * 2, SMALL, 0, times=4)
    assert all(row["relative_residual"] < 1e-8 for row in rows)


def test_residual_of_an_untrained_potential_is_of_order_one():
    rows = relative_hjb_residual(solver_of(SCORE), points() * 2, SMALL, 0, times=4)
    assert max(row["relative_residual"] for row in rows) > 0.1
    assert residual_rows(solver_of(CnfConfig(kind="cnf", width=8)), points(), SMALL, 0) == []


def kernels(spread=2.0):
    """Two kernels of covariance I at distance ``2 spread``."""
    solver = KernelScoreModel(2, centres=2, floor=1.0, horizon=50.0)
    solver.place(torch.tensor([[-spread, 0.0], [spread, 0.0]]))
    with torch.no_grad():
        for parameter in solver.parameters():
            parameter.zero_()
    return solver.double()


def test_derivatives_of_a_kernel_model_are_those_of_its_noised_mixture():
    solver, s, y = kernels(), torch.tensor(3.0).double(), torch.from_numpy(points(20) * 3)
    found = kernel_derivatives(solver, s, y)
    exact = noised_log_density(solver.kernels().gaussian_mixture(), solver.process)
    expected = value_and_derivatives(exact, s, y)
    for name in ("value", "time", "gradient", "laplacian"):
        assert torch.allclose(getattr(found, name), getattr(expected, name), atol=1e-10), name


def test_kernels_solve_the_equation_of_their_own_noising_alone(monkeypatch):
    solver = kernels()
    rows = residual_rows(solver, points() * 2, SMALL, 0)
    assert [row["s"] for row in rows] == sorted(row["s"] for row in rows)
    assert solver.s_min < rows[0]["s"] < rows[-1]["s"] < 50
    assert 0 < max(row["relative_residual"] for row in rows) < 1e-10
    assert own_metrics(solver, points(), SMALL, 0, points())["hjb_residual"] < 1e-10
    # Noise that grows faster than the equation says: the residual is of order one.
    monkeypatch.setattr(HeatFlow, "diffusion", lambda process, s: 1.5 + 0 * s)
    rows = residual_rows(solver, points() * 2, SMALL, 0)
    assert min(row["relative_residual"] for row in rows) > 0.1


def test_reference_laws_are_those_at_the_end_of_the_trajectories():
    solver = kernels()
    within = torch.linalg.inv(solver.kernels().precisions[0]).diagonal()
    x = reference_sample(solver, 20000, torch.Generator().manual_seed(0))
    # covariance of the kernels at time T of heat flow, plus that of their centres
    expected = within + 50.0 + torch.tensor([4.0, 0.0])
    assert x.var(0).numpy() == pytest.approx(expected.detach().numpy(), rel=0.05)
    # Data of unit variance under little noise: the law the sampler starts from has 1 + 2^2.
    process = {"kind": "ve", "sigma_max": 2.0}
    score = solver_of(ScoreConfig.model_validate(SCORE.model_dump() | {"process": process}))
    z = reference_sample(score, 50000, torch.Generator().manual_seed(0))
    assert float(z.std()) == pytest.approx(math.sqrt(5), rel=0.01)
    started = score.generate(torch.ones(1, 2, dtype=torch.float32)).path[0]
    assert started.flatten().tolist() == pytest.approx([math.sqrt(5)] * 2, rel=1e-4)
    with pytest.raises(TypeError, match="no reference law is registered for object"):
        reference_sample(object(), 3, torch.Generator())


def test_an_exact_probability_flow_reaches_its_reference_law_and_does_not_cross():
    solver = kernels(spread=0.0)
    law = solver.kernels().double()
    test = law.sample(400, torch.Generator().manual_seed(1)).numpy()
    found = noising_metrics(
        solver, test, EvaluationConfig(transport_points=400, path_points=400), 0
    )
    # One Gaussian under heat flow: straight lines from the origin, the optimal map to that law.
    assert found["straightness"] == pytest.approx(1, abs=1e-6)
    assert found["monotonicity_violation"] == 0
    assert found["terminal_gap"] == pytest.approx(1, rel=0.3)
    std = float(torch.linalg.inv(law.precisions[0])[0, 0].sqrt())
    closed = ((std**2 + 50) ** 0.5 - (std**2 + solver.s_min) ** 0.5) ** 2  # d = 2, over 2
    scale = float(np.square(test).sum(1).mean()) / (2 * std**2)  # of this sample
    assert found["kinetic"] == pytest.approx(closed * scale, rel=1e-3)
    assert found["reference_optimum"] == pytest.approx(closed, rel=0.2)


def test_unregistered_solvers_are_named():
    with pytest.raises(TypeError, match="no metrics are registered for object"):
        own_metrics(object(), points(), SMALL, 0, points())


@pytest.mark.parametrize("config", [OtFlowConfig(kind="otflow", width=8), SCORE])
def test_figure_arrays_have_their_shapes(config):
    arrays = figure_arrays(solver_of(config), points(), SMALL, 0)
    assert arrays["samples"].shape == arrays["data"].shape == (64, 2)
    assert arrays["path"].shape[1:] == (PATHS, 2)
    assert arrays["value"].shape == (3, GRID, GRID)
    assert arrays["velocity"].shape == (3, GRID, GRID, 2)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_models_without_value_function_have_no_value_arrays():
    arrays = figure_arrays(solver_of(CnfConfig(kind="cnf", width=8)), points(), SMALL, 0)
    assert "value" not in arrays


def test_vertical_axis_of_a_pictured_field_is_the_first_index():
    # Phi = 0 apart from the quadratic part, made to depend on the second coordinate only.
    solver = solver_of(OtFlowConfig(kind="otflow", width=8)).double()
    with torch.no_grad():
        for parameter in solver.parameters():
            parameter.zero_()
        solver.potential.A[0, 1] = 1.0
    value = figure_arrays(solver, points(), SMALL, 0)["value"][0]
    assert np.ptp(value, axis=1).max() < 1e-12
    assert np.ptp(value, axis=0).min() > 1.0


def test_floor_uses_disjoint_samples():
    test = points(130)
    floor = measure_floor(test, SMALL)
    assert floor.n == transport_size(SMALL, 130) == 64
    assert floor.w2_floor > 0
    same = np.repeat(points(1), 130, axis=0)
    assert measure_floor(same, SMALL).w2_floor == 0
    assert len(targets(test, SMALL)) == SMALL.floor_repeats


def test_kinetic_optimum_is_half_the_squared_distance_to_the_normal_law():
    shifted = points(4000) + np.array([3.0, 0.0])
    config = EvaluationConfig(transport_points=1000, floor_repeats=2)
    assert measure_floor(shifted, config).kinetic_optimum == pytest.approx(4.5, rel=0.1)
