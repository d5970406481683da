"""What is measured of Transformers: hardness, steps, the optimum of the game, sweeps."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from mfglab.config import (
    DepthRunConfig,
    SweepConfig,
    TransformerEvaluationConfig,
    TransformersConfig,
)
from mfglab.config.tasks import TaskDataConfig
from mfglab.datasets.tasks.base import Examples
from mfglab.datasets.tasks.factory import build_task
from mfglab.experiments.transformers.evaluate import (
    drawn_paths,
    metric_rows,
    motion_rows,
    robustness_rows,
    transfer_rows,
)
from mfglab.experiments.transformers.hardness import Hardness, corruption
from mfglab.experiments.transformers.optimum import optimality, stretch
from mfglab.experiments.transformers.sweep import sweep_rows
from mfglab.experiments.transformers.train import save_arm, train_seeds
from mfglab.experiments.transformers.trained import TrainedArm, TrainedPair, load_arm
from mfglab.games.closed_forms.convex_heads import LogSumExpHead
from mfglab.games.closed_forms.proximal_map import ProximalGame
from mfglab.solvers.continuous_depth import ContinuousDepth, DepthTransformer, Penalty

EVALUATION = TransformerEvaluationConfig(
    examples=12, attacked=6, attack_steps=2, observed=6, transfer_steps=[1, 2], tolerances=[0.1]
)
SMALL = {"layers": 1, "heads": 1, "width": 8}
KINDS = {
    "text": ({"kind": "pydoc_text", "length": 8}, {"kind": "gpt", "norm": "none"}),
    "images": ({"kind": "digits_images"}, {"kind": "vit", "patch": 4}),
    "clouds": (
        {"kind": "shapes", "n_train": 32, "n_val": 16, "n_test": 16, "points": 8},
        {"kind": "set", "inducing": 2, "norm": "none"},
    ),
    "sentences": (
        {"kind": "grammar", "n_train": 32, "n_val": 16, "n_test": 16},
        {"kind": "text_encoder", "mlp": 8, "norm": "post"},
    ),
}
HARD = {
    "text": {"replace_characters": [0.5]},
    "images": {"gaussian": [0.5], "blur": [1.0]},
    "clouds": {"drop_points": [0.5], "jitter": [0.1]},
    "sentences": {"drop_words": [0.5], "synonyms": [1.0]},
}


def run_of(kind, **changes):
    tree = {
        "title": "An arm",
        "network": {**SMALL, **KINDS[kind][1]},
        "depth": {"steps": 2, "velocity": "output"},
        "weight": 0.1,
        "training": {"iterations": 4, "val_every": 2, "batch_size": 8},
    }
    return DepthRunConfig.model_validate({**tree, **changes})


@pytest.fixture(scope="module", params=list(KINDS))
def trained(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    task = build_task(TypeAdapter(TaskDataConfig).validate_python(KINDS[request.param][0]))
    run = run_of(request.param)
    results = train_seeds(task, run, [0, 1], folder / "work")
    path = folder / "ot" / "model.safetensors"
    save_arm(path, results, run)
    return request.param, task, load_arm(path, task)


def test_every_measurement_has_a_row_a_seed(trained):
    _, task, arm = trained
    rows = metric_rows(arm, task, [0, 1])
    assert [(r["seed"], r["checkpoint"]) for r in rows] == [
        (0, "best"), (0, "final"), (1, "best"), (1, "final")
    ]  # fmt: skip
    assert all(r["gap"] == pytest.approx(r["loss"] - r["train_loss"]) for r in rows)
    motion = motion_rows(arm, task, EVALUATION)
    assert [r["seed"] for r in motion] == [0, 1]
    assert all(r["stretch_w1_states"] > 0 for r in motion)
    paths = drawn_paths(arm, task)
    assert set(paths) == {"paths", "labels", "explained"}


def test_a_seed_that_diverged_has_rows_that_say_so(trained):
    _, task, arm = trained
    lost = [row for row in metric_rows(arm, task, [0, 1, 7]) if row["seed"] == 7]
    assert [row["diverged"] for row in lost] == [1.0, 1.0]
    assert all("loss" not in row for row in lost)


def test_harder_data_are_the_same_for_every_arm_and_compared_with_clean_ones(trained):
    kind, task, arm = trained
    hardness = Hardness(HARD[kind], [0.1])
    rows = robustness_rows(arm, task, hardness, EVALUATION)
    assert rows == robustness_rows(arm, task, hardness, EVALUATION)
    clean = next(row for row in rows if row["kind"] == "clean" and row["seed"] == 0)
    for row in rows:
        if row["kind"] == "corruption" and row["seed"] == 0:
            assert row["loss_rise"] == pytest.approx(row["loss"] - clean["loss"])
            assert row["accuracy_drop"] == pytest.approx(clean["accuracy"] - row["accuracy"])
    attacks = [row for row in rows if row["kind"] == "attack"]
    assert {row["name"] for row in attacks} == {"fgsm", "pgd"}
    assert all(row["loss_rise"] > -1e-6 for row in attacks if row["name"] == "fgsm")
    assert all(0 <= row["kept"] <= 1 for row in attacks)
    assert {row["name"] for row in rows if row["kind"] == "shifted"} == set(task.shifted)


def test_the_steps_of_training_change_nothing_and_others_are_counted(trained):
    _, task, arm = trained
    rows = transfer_rows(arm, task, EVALUATION)
    fixed = [row for row in rows if row["mode"] == "fixed"]
    assert all(row["change"] == 0 for row in fixed if row["steps"] == 2)
    assert any(row["change"] != 0 for row in fixed if row["steps"] == 1)
    adaptive = [row for row in rows if row["mode"] == "adaptive"]
    assert all(row["evaluations"] > 6 for row in adaptive)


class Straight(nn.Module):
    """The optimal velocity of each example, known from the closed form."""

    def __init__(self, velocity):
        super().__init__()
        self.velocity = velocity

    def forward(self, x):
        return self.velocity.to(x).unsqueeze(1)


class First(nn.Module):
    """A linear head on the only token."""

    def __init__(self, psi):
        super().__init__()
        self.weight = nn.Parameter(psi)

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


def test_the_optimal_flow_is_found_optimal():
    generator = torch.Generator().manual_seed(0)
    psi = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    start = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (5, 1), generator=generator)
    weight, horizon = 0.7, 1.0
    game = ProximalGame(LogSumExpHead(psi), weight=weight, horizon=horizon)
    one_hot = nn.functional.one_hot(labels[:, 0], 4).double()
    velocity = game.velocity(start, one_hot)
    depth = ContinuousDepth(Straight(velocity), steps=3, penalty=Penalty.HALF_SUM)
    network = DepthTransformer(nn.Identity(), depth, First(psi.float())).eval()
    found = optimality(network, Examples(start[:, None].float(), labels), weight)
    assert found.terminal_cosine == pytest.approx(1, abs=1e-5)
    assert found.terminal_residual < 1e-5
    assert found.end_distance < 1e-3
    assert found.objective == pytest.approx(found.objective_optimal, abs=1e-6)
    assert found.objective < found.objective_still
    assert found.head_norm == pytest.approx(float(torch.linalg.matrix_norm(psi, 2)))
    assert found.theorem_2_ratio == pytest.approx(found.head_norm**2 / weight)


def test_a_network_that_doubles_its_state_stretches_by_two():
    class Whole(nn.Module):
        def forward(self, x):
            return x

    depth = ContinuousDepth(Whole(), steps=1)
    network = DepthTransformer(nn.Identity(), depth, First(torch.eye(3))).eval()
    x = torch.randn(4, 1, 3, generator=torch.Generator().manual_seed(1))
    found = stretch(network, x, x + 0.1)
    assert found.states == pytest.approx(2, abs=1e-5)
    assert found.w1_states == pytest.approx(2, abs=1e-5)
    assert 0 < found.outputs < 2
    with pytest.raises(ValueError, match="must differ"):
        stretch(network, x, x)


def test_a_sweep_trains_every_value_and_keeps_what_diverges(tmp_path):
    task = build_task(TypeAdapter(TaskDataConfig).validate_python(KINDS["images"][0]))
    arms = {"ot": run_of("images")}
    sweep = SweepConfig(arms=["ot"], key="training.learning_rate", values=[0.01, 1e30])
    rows = sweep_rows(task, arms, sweep, EVALUATION, [0], tmp_path)
    assert [(row["value"], row["checkpoint"]) for row in rows] == [
        ("0.01", "best"), ("0.01", "final"), ("1e+30", "best"), ("1e+30", "final")
    ]  # fmt: skip
    assert [row["diverged"] for row in rows] == [0, 0, 1, 1]
    assert math.isfinite(float(rows[0]["loss"]))


def test_corruptions_that_do_not_fit_are_refused():
    base = run_of("images").model_dump(mode="json")
    task = {"title": "T", "data": {"kind": "digits_images"}, "base": base, "arms": {"ot": {}}}
    with pytest.raises(ValidationError, match="'jitter' does not fit data 'digits_images'"):
        TransformersConfig.model_validate({"tasks": {"t": task | {"corruptions": {"jitter": [1]}}}})
    with pytest.raises(ValidationError, match="'x' is no arm"):
        TransformersConfig.model_validate({"tasks": {"t": task | {"run": ["x"]}}})
    left = TransformersConfig.model_validate({"tasks": {"t": task, "other": None}})
    assert list(left.tasks) == ["t"]
    task = build_task(TypeAdapter(TaskDataConfig).validate_python(KINDS["images"][0]))
    with pytest.raises(ValueError, match="no synonyms"):
        corruption("synonyms", 0.1, task)


class Pixels(nn.Module):
    """All pixels as one token, large."""

    def forward(self, x):
        return 10 * x.flatten(1)[:, None].abs() + 1


class Square(nn.Module):
    """dX/dt = X^2 is infinite at a finite time."""

    def forward(self, x):
        return x.square()


class Ten(nn.Module):
    def forward(self, x):
        return x[:, 0, :10]


def test_a_network_whose_states_explode_has_rows_without_results():
    task = build_task(TypeAdapter(TaskDataConfig).validate_python(KINDS["images"][0]))
    wild = DepthTransformer(Pixels(), ContinuousDepth(Square(), steps=1), Ten()).eval()
    arm = TrainedArm("wild", run_of("images"), {0: TrainedPair(wild, wild, 1, 1)})
    many = EVALUATION.model_copy(update={"transfer_steps": [1, 64]})
    rows = transfer_rows(arm, task, many)
    adaptive = [row for row in rows if row["mode"] == "adaptive"]
    assert len(adaptive) == 1
    assert all("loss" not in row for row in adaptive)
    one, exploded = [row for row in rows if row["mode"] == "fixed"]
    assert math.isfinite(one["loss"])
    assert math.isnan(exploded["loss"])
