"""From configuration to solver: every setting arrives."""

from __future__ import annotations

import pytest
import torch

from mfglab.config import CnfConfig, OtFlowConfig, ScoreConfig
from mfglab.games.costs import Kinetic, NoCost
from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mfglab.solvers.base import Solver
from mfglab.solvers.cnf import Cnf
from mfglab.solvers.factory import build_process, build_solver
from mfglab.solvers.otflow import OtFlow
from mfglab.solvers.score import ScoreModel


def build(config, dim=3, seed=0) -> Solver:
    return build_solver(config, dim, torch.Generator().manual_seed(seed))


def test_a_plain_flow():
    solver = build(CnfConfig(kind="cnf", width=7, depth=1, steps=3, steps_val=5, checkpoint=True))
    assert isinstance(solver, Cnf)
    assert isinstance(solver.game.running, NoCost)
    assert (solver.dim, solver.steps, solver.steps_val, solver.checkpoint) == (3, 3, 5, True)
    assert solver.net(torch.tensor(0.0), torch.zeros(2, 3)).shape == (2, 3)


def test_an_ot_flow():
    config = OtFlowConfig(kind="otflow", kinetic_weight=2.0, hjb_weight=3.0, terminal_weight=5.0)
    solver = build(config)
    assert isinstance(solver, OtFlow)
    assert solver.game.running == Kinetic(2.0)
    assert solver.game.terminal.weight == 5.0
    assert solver.hjb_weight == 3.0


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        ({"kind": "ou", "rate": 2.0, "sigma2": 3.0, "horizon": 4.0}, OrnsteinUhlenbeck(2, 3, 4)),
        ({"kind": "vp", "beta_min": 0.2, "beta_max": 9.0}, VariancePreserving(0.2, 9.0, 1.0)),
        ({"kind": "ve", "sigma_min": 0.1, "sigma_max": 7.0}, VarianceExploding(0.1, 7.0, 1.0)),
    ],
)
def test_a_score_model(process, expected):
    config = ScoreConfig(kind="score", process=process, width=8, s_min=0.01, steps=9, ode_steps=4)
    assert build_process(config.process) == expected
    solver = build(config)
    assert isinstance(solver, ScoreModel)
    assert solver.process == expected
    assert solver.game.horizon == expected.horizon
    assert (solver.potential, solver.s_min, solver.steps, solver.ode_steps) == (True, 0.01, 9, 4)
    assert solver.default_steps == 4


def test_a_vector_score_model():
    config = ScoreConfig(kind="score", process={"kind": "ou"}, parametrisation="vector", width=8)
    solver = build(config)
    assert not solver.potential
    assert solver.score(torch.tensor(0.5), torch.zeros(2, 3)).shape == (2, 3)


@pytest.mark.parametrize(
    "config",
    [
        CnfConfig(kind="cnf"),
        OtFlowConfig(kind="otflow"),
        ScoreConfig(kind="score", process={"kind": "vp"}),
    ],
    ids=lambda config: config.kind,
)
def test_weights_come_from_the_generator_alone(config):
    first = build(config).state_dict()
    torch.manual_seed(999)
    again, other = build(config).state_dict(), build(config, seed=1).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
