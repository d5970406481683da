"""The contamination study on tiny sizes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from mfglab.config import ContaminationConfig
from mfglab.datasets.splits import split_law
from mfglab.datasets.toys import Moons
from mfglab.experiments.contamination import (
    ARMS,
    CLEAN,
    DATA,
    PARTICLES,
    against,
    conditions,
    contaminated,
    contamination,
)

TINY = ContaminationConfig.model_validate(
    {
        "n_train": 64,
        "n_val": 32,
        "n_test": 64,
        "iterations": 1,
        "particle_steps": 2,
        "batch_size": 16,
        "validations": 1,
        "transport_points": 16,
        "outlier_shares": [0.5],
        "noise_levels": [0.3],
    }
)


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(contamination(TINY, [0]))


def test_every_arm_meets_every_condition(runs):
    met = list(zip(runs["arm"], runs["kind"], runs["level"], strict=True))
    names = [DATA, PARTICLES, *ARMS]
    expected = {(arm, *condition) for condition in conditions(TINY) for arm in names}
    assert len(met) == len(set(met))
    assert set(met) == expected
    assert np.isfinite(runs[["w1", "w2", "w1_excess", "w2_excess"]].to_numpy()).all()


def test_the_excess_is_over_the_clean_condition_and_the_data_amplify_by_one(runs):
    clean = runs[runs["kind"] == "clean"]
    assert (clean["w2_excess"] == 0).all()
    assert clean["amplification"].map(math.isnan).all()
    data = runs[(runs["arm"] == DATA) & (runs["kind"] != "clean")]
    assert data["amplification"].to_list() == pytest.approx([1.0] * 3)
    assert (data[data["kind"] != "noise"]["w2_excess"] > 0.5).all()


def test_training_and_validation_are_contaminated_and_test_points_are_not():
    clean = split_law(Moons(), 64, 32, 64, seed=1)
    assert contaminated(clean, CLEAN, 0) is clean
    other = contaminated(clean, ("cluster", 0.25), 0)
    assert (other.train[:16] != clean.train[:16]).all()
    assert (other.val[:8] != clean.val[:8]).all()
    assert np.array_equal(other.test, clean.test)


def test_samples_are_taken_evenly():
    x = np.arange(64.0)[:, None]
    assert against(x, x[::2], 16).w1 == 0
    outliers_first = np.where(x < 16, 8.0, 0.0)  # a quarter of the points at distance 8
    assert against(outliers_first, np.zeros((32, 1)), 16).w2 == pytest.approx(4.0)


def test_the_same_seed_gives_the_same_rows(runs):
    again = pd.DataFrame(contamination(TINY, [0]))
    pd.testing.assert_frame_equal(runs, again, check_exact=True)
