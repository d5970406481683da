"""The equivariance study on tiny sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from mfglab.config import EquivarianceConfig
from mfglab.datasets.symmetric import turning_mixture
from mfglab.experiments.equivariance import ARMS, equivariance, score_errors
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.networks.symmetry import plane_rotations
from mfglab.solvers.score import ScoreModel

TINY = EquivarianceConfig.model_validate(
    {
        "n_val": 32,
        "n_test": 64,
        "iterations": 1,
        "batch_size": 16,
        "validations": 1,
        "transport_points": 16,
        "train_sizes": [32],
        "order": 3,
        "score_points": 24,
    }
)


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(equivariance(TINY, [0]))


def test_only_the_average_is_symmetric(runs):
    assert runs["arm"].to_list() == list(ARMS)
    assert np.isfinite(runs[["w1", "w2", "score_error", "asymmetry"]].to_numpy()).all()
    asymmetry = runs.set_index("arm")["asymmetry"]
    assert asymmetry["equivariant"] < 1e-20
    assert asymmetry[["plain", "augmented"]].min() > 1e-12


def test_the_score_error_of_the_exact_score_is_zero():
    law = turning_mixture(plane_rotations(TINY.order, 2)).density()

    class Exact(ScoreModel):
        def score(self, s, x):
            variance = self.process.variance(s.double())
            return law.noised(self.process.scale(s.double()), variance).score(x)

    solver = Exact(2, OrnsteinUhlenbeck(), width=4, depth=1).double()
    error, asymmetry = score_errors(solver, law, TINY, torch.Generator().manual_seed(0))
    assert error == pytest.approx(0, abs=1e-20)
    assert asymmetry == pytest.approx(0, abs=1e-20)


def test_the_same_seed_gives_the_same_rows(runs):
    pd.testing.assert_frame_equal(runs, pd.DataFrame(equivariance(TINY, [0])), check_exact=True)
