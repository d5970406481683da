"""The ablation of flows on tiny sizes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mfglab.config import FlowAblationConfig
from mfglab.experiments.flow_ablation import ARMS, DRAWN, flow_ablation
from mfglab.reporting.figures.flow_ablation import TITLES

TINY = FlowAblationConfig.model_validate(
    {
        "n_train": 64,
        "n_val": 32,
        "n_test": 64,
        "iterations": 1,
        "batch_size": 16,
        "validations": 1,
        "transport_points": 16,
        "path_points": 16,
        "drawn_paths": 5,
    }
)


@pytest.fixture(scope="module")
def outcome():
    return flow_ablation(TINY, [0])


def test_every_arm_is_measured_and_named(outcome):
    assert [row["arm"] for row in outcome.rows] == list(ARMS) == list(TITLES)
    for row in outcome.rows:
        finite = {key for key, value in row.items() if key != "arm" and math.isfinite(value)}
        undefined = set(row) - finite - {"arm"}
        assert undefined == (set() if row["arm"].startswith("otflow") else {"hjb_residual"})
        assert 0 < row["straightness"] <= 1


def test_trajectories_of_the_figure(outcome):
    assert set(outcome.arrays) == {f"path_{arm}" for arm in DRAWN}
    assert all(array.shape == (33, 5, 2) for array in outcome.arrays.values())


def test_the_same_seed_gives_the_same_rows(outcome):
    again = flow_ablation(TINY, [0])
    pd.testing.assert_frame_equal(
        pd.DataFrame(outcome.rows), pd.DataFrame(again.rows), check_exact=True
    )
    assert all(np.array_equal(outcome.arrays[k], again.arrays[k]) for k in outcome.arrays)
