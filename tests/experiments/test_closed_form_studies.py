import math

import pytest
import torch

from mfglab.config import ClosedFormsConfig
from mfglab.experiments.closed_forms import (
    exact_hjb_residuals,
    illposedness,
    simulate_identity,
    value_identity,
)


def test_exact_flows_share_the_loss_but_not_the_kinetic_cost():
    flows = illposedness(ClosedFormsConfig(illposed_angles=[0.0, 1.0]), points=256, steps=32)
    transport, rotated = flows
    assert abs(transport.terminal) < 1e-6
    assert abs(rotated.terminal) < 1e-6
    assert transport.kinetic_measured == pytest.approx(transport.optimum, rel=1e-6)
    assert rotated.kinetic_measured == pytest.approx(rotated.kinetic, rel=1e-5)
    assert rotated.kinetic_measured > 2 * transport.kinetic_measured


def test_exact_value_functions_solve_their_hjb_equations():
    rows = exact_hjb_residuals(points=64, times=4)
    assert [row["process"] for row in rows] == ["ou", "vp", "ve"]
    assert all(float(row["max_residual"]) < 1e-10 for row in rows)


def test_identity_gap_shrinks_with_the_step():
    coarse = simulate_identity(1.0, 50, 800, torch.Generator().manual_seed(0))
    fine = simulate_identity(1.0, 200, 800, torch.Generator().manual_seed(0))
    assert abs(fine.gap) < 0.5 * abs(coarse.gap)
    assert fine.score_error == 0.0


def test_identity_rows_extrapolate_to_step_zero():
    config = ClosedFormsConfig(identity_paths=800, identity_steps=150, identity_controls=[0.9])
    (row,) = value_identity(config)
    assert row["gap"] == pytest.approx(2 * row["gap_fine"] - row["gap_coarse"])
    assert row["score_error"] > 0
    assert abs(row["gap"]) < 4 * row["standard_error"] + 0.1
    assert math.isfinite(row["objective"])
