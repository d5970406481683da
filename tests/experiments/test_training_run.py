import numpy as np
import pytest
import torch

from mfglab.config import RunConfig
from mfglab.datasets.mixtures import mixture_2d
from mfglab.datasets.splits import Splits
from mfglab.experiments.train import save_trained, train_seeds
from mfglab.experiments.trained import load_trained
from mfglab.solvers.otflow import OtFlow
from mfglab.training.checkpoints import CheckpointError

RUN = RunConfig.model_validate(
    {
        "solver": {"kind": "otflow", "width": 8, "steps": 2, "steps_val": 2},
        "training": {"iterations": 4, "val_every": 2, "batch_size": 16},
    }
)


def splits():
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((n, 2)) for n in (64, 32, 32)]
    return Splits(*x, mean=np.zeros(2), std=np.ones(2))


def one(run, seed, work, law=None):
    return train_seeds(splits(), run, [seed], work, "cpu", law)[seed]


def test_a_trained_model_is_rebuilt_from_its_checkpoint(tmp_path):
    result = one(RUN, 3, tmp_path / "work")
    save_trained(tmp_path / "model.safetensors", result, RUN, 3)
    loaded = load_trained(tmp_path / "model.safetensors")
    x = torch.randn(5, 2)
    assert torch.equal(loaded.solver.log_prob(x), result.solver.log_prob(x))
    assert loaded.meta["seed"] == 3
    assert loaded.meta["best_step"] in (2, 4)


def same(a, b):
    left, right = a.solver.state_dict(), b.solver.state_dict()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert a.history == b.history


def test_a_seed_does_not_depend_on_the_seeds_trained_with_it(tmp_path):
    first = train_seeds(splits(), RUN, [4, 1], tmp_path / "first", "cpu")
    second = train_seeds(splits(), RUN, [0, 2, 4], tmp_path / "second", "cpu")
    assert (list(first), list(second)) == ([4, 1], [0, 2, 4])
    state, other = (result[4].solver.state_dict() for result in (first, second))
    for name, value in state.items():
        torch.testing.assert_close(value, other[name], rtol=1e-4, atol=1e-6)
    for row, another in zip(first[4].history, second[4].history, strict=True):
        assert row == pytest.approx(another, rel=1e-4)
    assert first[4].history != first[1].history


DEEP = RUN.model_copy(update={"solver": RUN.solver.model_copy(update={"depth": 3})})
"""Trained one seed after the other: only two layers are stacked."""


def test_a_seed_does_not_depend_on_the_seeds_trained_before_it(tmp_path):
    both = train_seeds(splits(), DEEP, [4, 1], tmp_path / "both", "cpu")
    for seed, result in both.items():
        same(result, one(DEEP, seed, tmp_path / "alone"))


@pytest.fixture
def plug(monkeypatch):
    """Counts the steps of training, and ends the one of its choice."""
    steps, losses = {"done": 0, "last": None}, OtFlow.training_losses

    def counted(self, x, generators):
        if steps["done"] == steps["last"]:
            raise RuntimeError("pulled the plug")
        steps["done"] += 1
        return losses(self, x, generators)

    monkeypatch.setattr(OtFlow, "training_losses", counted)
    return steps


@pytest.mark.parametrize(
    ("run", "steps", "last"),
    [(RUN, 4, 3), (DEEP, 8, 7)],  # in the step after next of a validation
    ids=["together", "one after the other"],
)
def test_an_interruption_costs_no_step_before_the_last_validation(tmp_path, plug, run, steps, last):
    whole = train_seeds(splits(), run, [0, 1], tmp_path / "whole", "cpu")
    assert plug["done"] == steps
    plug |= {"done": 0, "last": last}
    with pytest.raises(RuntimeError, match="pulled the plug"):
        train_seeds(splits(), run, [0, 1], tmp_path / "work", "cpu")
    plug |= {"done": 0, "last": None}
    resumed = train_seeds(splits(), run, [0, 1], tmp_path / "work", "cpu")
    assert plug["done"] == 2
    for seed in (0, 1):
        same(resumed[seed], whole[seed])


def test_weights_that_do_not_fit_are_refused(tmp_path):
    result = one(RUN, 0, tmp_path / "work")
    wider = RUN.model_copy(update={"solver": RUN.solver.model_copy(update={"width": 9})})
    save_trained(tmp_path / "model.safetensors", result, wider, 0)
    with pytest.raises(CheckpointError, match=r"model\.safetensors do not fit"):
        load_trained(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "solver",
    [
        {"kind": "score", "process": {"kind": "ou"}, "objective": {"kind": "explicit"}},
        {"kind": "score", "process": {"kind": "ou"}, "regulariser": {"kind": "residual"}},
        {"kind": "nonlinear_score", "components": 2, "steps": 5},
    ],
    ids=["explicit", "residual", "nonlinear"],
)
def test_score_models_are_rebuilt_without_their_law_or_their_data(tmp_path, solver):
    run = RunConfig.model_validate(
        {
            "solver": solver | {"width": 8, "ode_steps": 2},
            "training": {"iterations": 4, "val_every": 2, "batch_size": 16},
        }
    )
    result = one(run, 3, tmp_path / "work", mixture_2d().density())
    save_trained(tmp_path / "model.safetensors", result, run, 3)
    loaded = load_trained(tmp_path / "model.safetensors")
    x = torch.randn(5, 2)
    assert torch.equal(loaded.solver.log_prob(x), result.solver.log_prob(x))
