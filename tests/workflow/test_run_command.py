"""``python -m mfglab run``: which job it makes, and what it says to wrong words."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from mfglab.__main__ import main
from mfglab.cli.run import parse_wildcards
from mfglab.reporting.code_digest import code_digest

pytestmark = pytest.mark.workflow

RUN = {"model": "otflow", "dataset": "moons"}


@pytest.fixture
def resolve(workflow, stage_runner, tree):
    def job_of(rule, **wildcards):
        with contextlib.chdir(tree.root):
            return stage_runner["resolve_job"](workflow, rule, wildcards)

    return job_of


@pytest.fixture
def inside(tree, monkeypatch):
    monkeypatch.chdir(tree.root)


def test_wildcards_fill_in_paths_parameters_and_configuration(resolve):
    job = resolve("train_model", **RUN)
    assert job.wildcards == RUN
    assert job.inputs == {"data": ["results/default/data/moons.npz"]}
    weights = "results/default/models/otflow/moons/{}/model.safetensors"
    assert job.outputs["weights"] == [weights.format(seed) for seed in (0, 1, 2)]
    assert job.outputs["record"] == "results/default/provenance/train_model/otflow.moons.json"
    assert job.log == "results/default/logs/train_model/otflow.moons.log"
    assert job.script == "workflow/scripts/train_model.py"
    assert job.threads == 1
    assert job.config_value("seeds") == [0, 1, 2]
    run = job.config_value("runs.otflow.moons")
    assert (run["solver"]["terminal_weight"], run["training"]["learning_rate"]) == (8, 0.05)
    assert job.params["code"] == code_digest(*job.params["modules"])


def test_lists_of_inputs_keep_their_order(resolve):
    job = resolve("evaluate_model", model="cnf", dataset="moons")
    assert [Path(path).parent.name for path in job.inputs["weights"]] == ["0", "1", "2"]
    assert len(resolve("figure_samples").inputs["arrays"]) == len(
        resolve("figure_samples").param("runs")
    )


def test_inputs_that_depend_on_the_data_set_can_be_none(resolve):
    assert resolve("prepare_dataset", dataset="moons").inputs == {"manifest": []}


@pytest.mark.parametrize(
    ("rule", "wildcards", "message"),
    [
        ("train", RUN, r"no rule 'train' that runs a script; there are\n  \w+(.|\n)*train_model"),
        ("all", {}, "no rule 'all' that runs a script"),
        ("audit", {}, "writes no results; run: snakemake --cores 1 audit"),
        ("train_model", {"model": "cnf"}, "missing dataset; expected: train_model model="),
        ("claims", {"seed": "1"}, "it has no wildcard seed; expected: claims$"),
        ("train_model", RUN | {"dataset": "mars"}, "dataset=mars is unknown; expected one of moon"),
        ("train_model", RUN | {"seed": "0"}, "no wildcard seed; expected: train_model model="),
        (
            "train_transformer",
            {"task": "text", "arm": "X"},
            r"arm=X is unknown; expected a match of \[a-z\]\[a-z0-9_\]\*",
        ),
        (
            "train_model",
            {"model": "cnf", "dataset": "digits"},
            r"no branch 'runs.cnf.digits'.*; runs.cnf has moons, swissroll",
        ),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(resolve, rule, wildcards, message):
    with pytest.raises(ValueError, match=message):
        resolve(rule, **wildcards)


def test_without_a_rule_all_stages_are_listed(inside, capsys):
    assert main(["run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "train_model model=... dataset=..." in lines
    assert "claims" in lines
    assert not {"all", "audit", "tables", "figures"} & set(lines)


def test_a_wrong_configuration_is_one_message(inside, capsys, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("device: abacus\n")
    assert main(["run", "claims", "--configfile", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("invalid configuration") == 1
    assert "device: Input should be 'cpu', 'cuda' or 'auto' (got 'abacus')" in err


def test_a_missing_configuration_file_is_named(inside, capsys):
    assert main(["run", "claims", "--configfile", "none.yaml"]) == 2
    assert "none.yaml does not exist" in capsys.readouterr().err


def test_elsewhere_it_says_where_to_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["run", "claims"]) == 2
    assert "root of the repository" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["moons", "dataset=", "=moons"])
def test_a_word_that_is_no_pair_is_refused(word):
    with pytest.raises(ValueError, match=f"expected KEY=VALUE such as dataset=moons, got '{word}'"):
        parse_wildcards([word])


def test_a_wildcard_given_twice_is_refused():
    with pytest.raises(ValueError, match="'model' is given twice"):
        parse_wildcards(["model=cnf", "model=score"])
