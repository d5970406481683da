"""Velocity errors through samplers, regularity: columns, bounds, determinism."""

import pandas as pd
import pytest
import torch

from mfglab.config import RegularityConfig, RobustnessFlowsConfig
from mfglab.experiments.regularity import (
    blow_up,
    regularity_slopes,
    value_functions,
)
from mfglab.experiments.robustness_flow_models import propagate, samplers, train_proximal
from mfglab.experiments.robustness_flows import exact_flows
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.reporting.flow_robustness import estimate_table, propagation_table, size_slopes
from mfglab.solvers.cnf import Cnf
from mfglab.solvers.score import ScoreModel
from mfglab.solvers.wpo import KernelScoreModel
from mfglab.training.seeds import stream

CONFIG = RobustnessFlowsConfig.model_validate(
    {
        "error_sizes": [0.05, 0.1],
        "frequencies": [0, 4],
        "ratios": [2.0],
        "particles": 100,
        "steps": 50,
        "model_points": 30,
        "model_steps": 10,
    }
)


def test_bounds_of_exact_samplers_hold_and_sizes_count_linearly():
    rows = exact_flows(CONFIG)
    runs = pd.DataFrame(rows)
    assert runs["holds"].all()
    assert set(runs["sampler"]) == {"straight flow", "probability flow", "reverse SDE"}
    constant = size_slopes(runs).query("error == 'constant' and law == 'Gaussian'")
    assert constant["deviation"].max() < 0.01
    table = propagation_table(runs)
    assert table["Cells"].sum() == len(runs)
    assert (table["Cells"] == table["Hold"]).all()
    sharp = runs.query("law == 'Gaussian' and error == 'constant' and kind == 'Hamilton-Jacobi'")
    assert sharp["ratio"].to_numpy() == pytest.approx(1, abs=0.02)


def untrained(kind):
    weights = stream("weights", 0)
    if kind == "cnf":
        return Cnf(2, width=8, generator=weights)
    if kind == "score":
        return ScoreModel(2, OrnsteinUhlenbeck(), width=8, depth=1, generator=weights)
    data = torch.randn(64, 2, generator=stream("data", 0))
    return train_proximal(data, 0, iterations=2)


@pytest.mark.parametrize(("kind", "count"), [("cnf", 1), ("score", 2), ("proximal", 1)])
def test_bounds_of_learned_samplers_hold(kind, count):
    found = [propagate(CONFIG, s) for s in samplers(kind, 0, untrained(kind), CONFIG)]
    assert len(found) == count
    for rows, regularity in found:
        assert all(row["holds"] and row["measured"] > 0 for row in rows)
        assert regularity["one_sided"] <= regularity["lipschitz"] + 1e-9
    again = [propagate(CONFIG, s) for s in samplers(kind, 0, untrained(kind), CONFIG)]
    assert [rows for rows, _ in found] == [rows for rows, _ in again]


def test_a_model_without_velocity_is_refused():
    model = KernelScoreModel(2, centres=4, generator=stream("weights", 0))
    with pytest.raises(ValueError, match="flow or a score model"):
        samplers("kernels", 0, model, CONFIG)


def test_regularity_estimates_hold():
    config = RegularityConfig.model_validate({"points": 101, "times": 4})
    values, scores = pd.DataFrame(value_functions(config)), pd.DataFrame(blow_up(config))
    assert values["holds"].all()
    assert regularity_slopes(values, scores)["deviation"].max() < 0.1
    assert estimate_table(values)["Cells"].sum() == len(values)
