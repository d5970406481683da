"""What Snakemake plans for every profile, and what stops it before the first job."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from snakemake_tree import ROOT

from mfglab.config import load_config, profile_paths

pytestmark = pytest.mark.workflow

PROFILES = ["default", "smoke", "paper"]
#: Only where a data set has to be fetched; and rules that no target needs.
SOMETIMES = {"download_dataset"}
ON_DEMAND = {"audit", "tables", "figures"}


def overlay(profile):
    return [] if profile == "default" else ["--configfile", f"config/{profile}.yaml"]


@pytest.fixture(scope="module", params=PROFILES)
def plan(request, tree):
    done = tree.snakemake("--dry-run", *overlay(request.param)).ok()
    return load_config(profile_paths(request.param, ROOT / "config")), done


def test_a_profile_runs_every_kind_of_stage(plan, workflow):
    config, done = plan
    kinds = {rule.name for rule in workflow.rules} - ON_DEMAND
    tasks = [task.data for task in config.transformers.tasks.values()]
    fetched = any(hasattr(data, "source") for data in [*config.datasets.values(), *tasks])
    assert set(done.jobs) == kinds - (set() if fetched else SOMETIMES)


def test_a_profile_trains_every_model_on_its_data_with_every_seed(plan):
    config, done = plan
    pairs = sum(len(model.datasets) for model in config.models.values())
    used = {name for model in config.models.values() for name in model.datasets}
    assert done.jobs["train_model"] == done.jobs["evaluate_model"] == pairs
    for seed in config.seeds:
        assert f"results/{config.profile}/models/cnf/moons/{seed}/model.safetensors" in done.output
    assert done.jobs["prepare_dataset"] == done.jobs["measure_floor"] == len(used)


def test_a_profile_trains_every_arm_of_its_tasks_and_every_sweep(plan):
    config, done = plan
    tasks = config.transformers.tasks
    assert done.jobs["train_transformer"] == sum(len(task.trained) for task in tasks.values())
    assert done.jobs["sweep_transformer"] == sum(len(task.swept) for task in tasks.values())
    assert done.jobs["evaluate_transformer"] == len(tasks) == 4


def test_a_profile_writes_into_its_own_folder(plan):
    config, done = plan
    assert f"results/{config.profile}/claims/ledger.csv" in done.output
    others = set(PROFILES) - {config.profile}
    assert not [name for name in others if f"results/{name}/" in done.output]


def test_a_dry_run_makes_nothing(plan, tree):
    assert not tree.profiles_run


def test_gpt2_is_planned_from_its_tokens_to_its_curves(tree):
    figure = "results/gpt2/figures/transformer_training.png"
    done = tree.snakemake("--dry-run", figure, "--configfile", "config/gpt2.yaml").ok()
    stages = {"download_dataset": 1, "train_transformer": 3, "figure_transformer_training": 1}
    assert dict(done.jobs) == stages
    assert "results/gpt2/downloads/openwebtext.json" in done.output


def test_the_paper_profile_has_the_sizes_of_the_papers():
    config = load_config(profile_paths("paper", ROOT / "config"))
    assert len(config.seeds) == 5
    official = {  # steps, steps_val, alpha_C, alpha_R, batch, iterations, rate, halving
        "eight_gaussians": (8, 12, 30, 1, 5000, 5000, 0.1, 500),
        "checkerboard": (12, 16, 15, 2, 10000, 20000, 0.05, 1000),
        "swissroll": (8, 16, 30, 15, 5000, 5000, 0.05, 1000),
        "circles": (8, 12, 5, 1, 5000, 5000, 0.05, 1000),
        "moons": (8, 12, 8, 1, 5000, 5000, 0.05, 1000),
        "pinwheel": (8, 12, 30, 15, 5000, 5000, 0.05, 1000),
        "two_spirals": (8, 12, 10, 1, 5000, 5000, 0.05, 1000),
    }
    for dataset, expected in official.items():
        run = config.run_config("otflow", dataset)
        solver, training = run.solver, run.training
        found = (
            *(solver.steps, solver.steps_val, solver.terminal_weight, solver.hjb_weight),
            *(training.batch_size, training.iterations),
            *(training.learning_rate, training.halve_every),
        )
        assert found == expected, dataset
        assert training.schedule == "halving"
        assert (solver.width, solver.depth, training.val_every) == (32, 2, 50)
    table = config.run_config("otflow", "miniboone")
    assert (table.solver.steps, table.solver.steps_val, table.solver.width) == (6, 10, 256)
    assert (table.solver.terminal_weight, table.solver.hjb_weight) == (100, 15)
    assert (table.training.batch_size, table.training.iterations) == (2000, 8000)
    assert table.training.learning_rate == 0.02


@pytest.mark.parametrize("model", ["cnf", "otflow_nohjb"])
def test_rivals_of_ot_flow_get_its_budget_in_the_paper_profile(model):
    config = load_config(profile_paths("paper", ROOT / "config"))
    for dataset in config.models[model].datasets:
        ours, theirs = (config.run_config(name, dataset) for name in ("otflow", model))
        same = ("iterations", "batch_size", "schedule", "halve_every", "val_every", "patience")
        for key in same:
            assert getattr(ours.training, key) == getattr(theirs.training, key), (dataset, key)
        assert ours.solver.steps == theirs.solver.steps
        assert ours.solver.steps_val == theirs.solver.steps_val


def test_overlays_are_laid_over_each_other_and_values_over_them(tree, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        yaml.safe_dump({"profile": "mine", "models": {"otflow": {"datasets": ["moons"]}}})
    )
    words = ["--dry-run", "--configfile", "config/smoke.yaml", str(mine), "--config", "seeds=[7]"]
    done = tree.snakemake(*words).ok()
    assert done.jobs["train_model"] == 8  # eight models on one data set
    assert "results/mine/models/otflow/moons/7/model.safetensors" in done.output
    assert "results/mine/models/otflow/moons/0/" not in done.output
    assert "results/mine/models/otflow/swissroll" not in done.output


@pytest.mark.parametrize(
    ("tree_of_values", "message"),
    [
        ({"evaluation": {"transport_pts": 5}}, "evaluation.transport_pts: unknown key (got 5)"),
        ({"models": {"cnf": {"solver": {"steps": 0}}}}, "models.cnf.solver.steps: Input should be"),
        ({"models": {"cnf": {"datasets": ["nowhere"]}}}, "'nowhere' is not defined"),
    ],
    ids=["unknown key", "bad value", "bad reference"],
)
def test_a_wrong_configuration_is_one_clear_error_before_any_job(
    tree, tmp_path, tree_of_values, message
):
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(tree_of_values))
    done = tree.snakemake("--cores", "1", "--configfile", str(path))
    assert done.code != 0
    assert message in done.output
    assert done.output.count("invalid configuration") == 1
    assert "Traceback" not in done.output
    assert not tree.profiles_run


def test_a_profile_is_not_named_in_any_rule():
    for path in sorted(Path(ROOT, "workflow", "rules").glob("*.smk")):
        assert not any(f'"{profile}"' in path.read_text() for profile in PROFILES), path.name
