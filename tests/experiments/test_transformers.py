"""Small Transformers through the one training loop: every task, exact resumption of weights."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from mfglab.config import DepthRunConfig, TransformersConfig, TransformerTaskConfig
from mfglab.config.tasks import TaskDataConfig
from mfglab.datasets.tasks.factory import build_task
from mfglab.experiments.transformers.build import build_network
from mfglab.experiments.transformers.hidden import hidden_motion, is_discrete, projected_paths
from mfglab.experiments.transformers.quality import (
    expected_calibration_error,
    flops_per_iteration,
    parameters,
    quality,
)
from mfglab.experiments.transformers.seen import training_data
from mfglab.experiments.transformers.train import save_arm, train_arm
from mfglab.experiments.transformers.trained import load_arm
from mfglab.training.checkpoints import CheckpointError
from mfglab.training.seeds import stream

SMALL = {"layers": 2, "heads": 2, "width": 16}
NETWORKS = {
    "pydoc_text": {"kind": "gpt", **SMALL},
    "digits_images": {"kind": "vit", "mlp": 32, **SMALL},
    "shapes": {"kind": "set", "inducing": 4, "norm": "none", **SMALL},
    "grammar": {"kind": "text_encoder", "mlp": 32, **SMALL},
}
DATA = {
    "pydoc_text": {"length": 16},
    "digits_images": {},
    "shapes": {"n_train": 64, "n_val": 32, "n_test": 32, "points": 24},
    "grammar": {"n_train": 128, "n_val": 32, "n_test": 32},
}
OT = {"velocity": "output", "steps": 3}


@pytest.fixture(scope="module")
def tasks():
    read = TypeAdapter(TaskDataConfig).validate_python
    return {kind: build_task(read({"kind": kind, **more})) for kind, more in DATA.items()}


def arm(kind, **changes):
    tree = {
        "title": "An arm",
        "network": NETWORKS[kind],
        "depth": OT,
        "weight": 0.1,
        "training": {"iterations": 4, "val_every": 2, "batch_size": 16, "optimizer": "adamw"},
    }
    return DepthRunConfig.model_validate({**tree, **changes})


@pytest.mark.parametrize("kind", list(DATA))
def test_every_task_is_trained_measured_and_restored(kind, tasks, tmp_path):
    task, run = tasks[kind], arm(kind)
    result = train_arm(task, run, 0, tmp_path / "work")
    assert [row["step"] for row in result.history] == [2.0, 4.0]
    assert all(math.isfinite(value) for row in result.history for value in row.values())
    path = tmp_path / "arm.safetensors"
    save_arm(path, {0: result}, run)
    pair = load_arm(path, task).pairs[0]
    few = task.test[:16]
    assert quality(pair.best, few) == quality(result.solver.network, few)
    assert (pair.steps, pair.best_step) == (4, result.best_step)
    motion = hidden_motion(pair.final, few.inputs[:4], stream("t", 0), stretched=2)
    assert 0 < motion.straightness <= 1
    assert motion.displacement > 0
    paths = projected_paths(pair.final, few.inputs[:4], [0, 1, 2, 3])
    assert paths["paths"].shape == (17, 4, 2)


def test_training_is_the_same_twice_with_dropout_and_leaves_the_global_stream_alone(
    tasks, tmp_path
):
    run = arm("grammar", network=NETWORKS["grammar"] | {"dropout": 0.2})
    before = torch.random.get_rng_state()
    first = train_arm(tasks["grammar"], run, 0, tmp_path / "a")
    second = train_arm(tasks["grammar"], run, 0, tmp_path / "b")
    other = train_arm(tasks["grammar"], run, 1, tmp_path / "c")
    assert first.history == second.history
    assert first.history != other.history
    assert torch.equal(before, torch.random.get_rng_state())


def test_accumulated_batches_are_one_large_batch(tasks, tmp_path):
    training = {"iterations": 3, "val_every": 3, "learning_rate": 1e-2}
    whole = arm("grammar", training={**training, "batch_size": 32})
    parts = arm("grammar", training={**training, "batch_size": 8, "accumulate": 4})
    one = train_arm(tasks["grammar"], whole, 0, tmp_path / "a").history[-1]["val_loss"]
    four = train_arm(tasks["grammar"], parts, 0, tmp_path / "b").history[-1]["val_loss"]
    assert one == pytest.approx(four, rel=1e-4)


def test_shares_of_the_data_are_nested_and_label_noise_has_its_share(tasks):
    task = tasks["shapes"]
    small = training_data(task, arm("shapes", fraction=0.25), 0)
    large = training_data(task, arm("shapes", fraction=0.5), 0)
    assert (len(small), len(large)) == (16, 32)
    assert torch.equal(small.inputs, large.inputs[:16])
    noisy = training_data(task, arm("shapes", label_noise=0.25), 0)
    assert int((noisy.labels != task.train.labels).sum()) == 16
    text = tasks["pydoc_text"]
    half = training_data(text, arm("pydoc_text", fraction=0.5), 0)
    assert half.inputs.data_ptr() == text.train.inputs.data_ptr()


def test_weights_of_other_sizes_are_refused(tasks, tmp_path):
    task, run = tasks["shapes"], arm("shapes")
    path = tmp_path / "arm.safetensors"
    wider = arm("shapes", network=NETWORKS["shapes"] | {"width": 32})
    save_arm(path, {0: train_arm(task, run, 0, tmp_path / "work")}, wider)
    with pytest.raises(CheckpointError, match="do not fit"):
        load_arm(path, task)


def test_a_perfectly_calibrated_prediction_has_no_error():
    confidence = torch.tensor([0.75] * 4 + [0.5] * 2)
    hits = torch.tensor([True, True, True, False, True, False])
    assert expected_calibration_error(confidence, hits) == 0.0
    assert expected_calibration_error(torch.ones(4), torch.zeros(4, dtype=torch.bool)) == 1.0


def test_cost_grows_with_the_steps_and_weights_do_not(tasks):
    task = tasks["grammar"]
    few = task.train[:4]
    costs, sizes = [], []
    for steps in (1, 2, 4):
        run = arm("grammar", depth={"velocity": "output", "steps": steps})
        network = build_network(run.network, run.depth, task, stream("weights", 0))
        costs.append(flops_per_iteration(network, few.inputs, few.labels))
        sizes.append(parameters(network))
    assert len(set(sizes)) == 1
    assert costs[2] - costs[1] == 2 * (costs[1] - costs[0])


def test_an_untrained_discrete_network_is_seen_block_by_block(tasks):
    run = arm("grammar", depth={"velocity": "increment", "steps": 1})
    network = build_network(run.network, run.depth, tasks["grammar"], stream("weights", 0)).eval()
    assert is_discrete(network.depth)
    paths = projected_paths(network, tasks["grammar"].test.inputs[:3], [0, 1, 0])
    assert paths["paths"].shape == (3, 3, 2)
    assert not network.depth.per_block


def test_arms_are_overlays_and_wrong_ones_are_named():
    base = arm("shapes").model_dump(mode="json")
    task = {
        "title": "Shapes",
        "data": {"kind": "shapes"},
        "base": base,
        "arms": {"ot": {}, "plain": {"weight": 0, "title": "Plain"}},
        "sweeps": {"lambda": {"arms": ["ot"], "key": "weight", "values": [0.1, 1]}},
    }
    config = TransformerTaskConfig.model_validate(task)
    assert config.arm("plain").weight == 0
    assert config.arm("ot", {"weight": 2}).weight == 2
    with pytest.raises(ValidationError, match=r"arms\.ot\.network.*heads 3"):
        TransformerTaskConfig.model_validate(task | {"arms": {"ot": {"network": {"heads": 3}}}})
    sweep = {"arms": ["other"], "key": "weight", "values": [1]}
    with pytest.raises(ValidationError, match="'other' is no arm"):
        TransformerTaskConfig.model_validate(task | {"sweeps": {"lambda": sweep}})
    whole = {
        "evaluation": {"examples": 90, "attacked": 9},
        "tasks": {"a": task, "b": task | {"evaluation": {"attacked": 3}}},
    }
    transformers = TransformersConfig.model_validate(whole)
    found = {name: transformers.evaluation_of(name) for name in "ab"}
    assert [(e.examples, e.attacked) for e in found.values()] == [(90, 9), (90, 3)]
    whole["tasks"]["b"] = task | {"evaluation": {"attackd": 3}}
    with pytest.raises(ValidationError, match=r"tasks\.b\.evaluation\.attackd: unknown key"):
        TransformersConfig.model_validate(whole)
