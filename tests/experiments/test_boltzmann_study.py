"""The study of Boltzmann generators on tiny sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mfglab.config import BoltzmannStudyConfig
from mfglab.experiments.boltzmann import ARMS, base_samples, boltzmann
from mfglab.reporting.figures.boltzmann import TITLES

TINY = BoltzmannStudyConfig.model_validate(
    {
        "n_train": 64,
        "n_val": 32,
        "n_test": 32,
        "iterations": 1,
        "batch_size": 16,
        "validations": 1,
        "transport_points": 16,
        "weighted_points": 32,
    }
)


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(boltzmann(TINY, [0]))


def test_every_arm_is_measured(runs):
    assert runs["arm"].to_list() == list(ARMS) == list(TITLES)
    assert np.isfinite(runs.drop(columns="arm").to_numpy()).all()
    assert runs["effective_share"].between(1 / 32, 1).all()
    assert runs["mode_imbalance"].between(0, 0.5).all()


def test_training_points_are_normal_and_test_points_lie_in_both_wells():
    splits = base_samples(TINY.model_copy(update={"n_train": 4000, "n_test": 4000}), 0)
    assert splits.train.std(0) == pytest.approx([1.0, 1.0], abs=0.05)
    assert (np.abs(splits.test[:, 0]) < 0.5).mean() < 0.05
    assert (splits.test[:, 0] > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_the_same_seed_gives_the_same_rows(runs):
    pd.testing.assert_frame_equal(runs, pd.DataFrame(boltzmann(TINY, [0])), check_exact=True)
