"""Decomposition of a score model: columns, the control, determinism."""

from __future__ import annotations

import pytest

from mfglab.config import RobustnessConfig, ToyData
from mfglab.datasets.factory import build_law
from mfglab.datasets.mixtures import mixture_2d
from mfglab.experiments.robustness_models import decompose_models, scored_model
from mfglab.games.dynamics import OrnsteinUhlenbeck
from mfglab.solvers.score import ScoreModel
from mfglab.training.seeds import stream

CONFIG = RobustnessConfig.model_validate(
    {"model_steps": [20], "model_particles": 200, "model_batches": 3}
)


def untrained():
    return ScoreModel(2, OrnsteinUhlenbeck(), width=8, depth=1, generator=stream("weights", 0))


def test_an_untrained_score_is_told_from_the_true_one():
    models = [scored_model("A model", "mixture_2d", 0, untrained(), mixture_2d())]
    learned, true = rows = decompose_models(CONFIG, models)
    assert (true["score_of"], learned["score_of"]) == ("true score", "A model")
    assert true["part_score"] < 1e-4
    assert learned["part_score"] > 0.5
    assert true["part_early"] == learned["part_early"] < 0.01
    for row in rows:
        assert row["w1"] <= row["bound"] + 3 * row["standard_error"]
        assert row["part_unsplit"] <= row["part_score"] + row["part_steps"]
    assert rows == decompose_models(CONFIG, models)


def test_two_models_on_the_same_data_share_the_control():
    models = [
        scored_model(title, "mixture_2d", 0, untrained(), mixture_2d()) for title in ("A", "B")
    ]
    rows = decompose_models(CONFIG.model_copy(update={"model_particles": 20}), models)
    assert [row["score_of"] for row in rows] == ["A", "true score", "B"]
    assert rows[0] == {**rows[2], "score_of": "A"}  # equal nets, equal noise


def test_a_law_without_known_score_is_refused():
    with pytest.raises(ValueError, match="score model of a mixture"):
        scored_model(
            "A model",
            "moons",
            0,
            untrained(),
            build_law(ToyData.model_validate({"kind": "toy", "law": "moons"})),
        )
