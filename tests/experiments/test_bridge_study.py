"""The study of soft bridges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.config import BridgeConfig
from mfglab.experiments.bridge import DRAWN, bridge

CONFIG = BridgeConfig.model_validate({"weights": [30.0, 300.0], "grid_points": 200})


@pytest.fixture(scope="module")
def outcome():
    return bridge(CONFIG)


def test_every_case_comes_nearer_like_one_over_the_weight(outcome):
    table = pd.DataFrame(outcome.rows).pivot_table(
        index="weight", columns="case", values="distance"
    )
    assert list(table.columns) == ["gaussian_1d", "gaussian_2d", "mixture_1d"]
    ratio = table.loc[30.0] / table.loc[300.0]
    assert ratio.to_list() == pytest.approx([10.0] * 3, rel=0.1)


def test_the_grid_agrees_with_the_closed_form(outcome):
    errors = [r["numerical_error"] for r in outcome.rows if r["case"] == "gaussian_1d"]
    assert len(errors) == 2
    assert max(errors) < 1e-4


def test_end_laws_of_the_figure_are_densities(outcome):
    arrays = outcome.arrays
    step = arrays["grid"][1] - arrays["grid"][0]
    assert arrays["ends"].shape == (len(DRAWN), CONFIG.grid_points)
    assert arrays["ends"].sum(1) * step == pytest.approx(np.ones(len(DRAWN)), abs=1e-9)
    assert np.abs(arrays["ends"][-1] - arrays["target"]).max() < 1e-4
