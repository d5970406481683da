"""The whole pipeline on the smallest sizes, twice, in two folders: complete, equal, audited."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from pipeline_results import (
    OTHER,
    RESULTS,
    TIMES,
    flip,
    put_back,
    records,
    results,
    without_times,
    words,
)
from snakemake_tree import ROOT, Tree

from mfglab.config import ADVERSARIAL_TITLES

pytestmark = pytest.mark.e2e

CONFIGS = ["config/smoke.yaml", "tests/e2e/tiny.yaml"]
OVERLAY = ["--configfile", *CONFIGS]
AUDIT = ["audit", "--results", RESULTS]
AUDIT += [word for path in ["config/default.yaml", *CONFIGS] for word in ("--configfile", path)]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two copies of the repository in which all stages ran: by Snakemake, and from its records."""
    trees = [Tree.make(tmp_path_factory.mktemp(name) / name) for name in ("one", "another")]
    trees[0].snakemake("--cores", "1", *OVERLAY).ok()
    trees[1].run(str(Path(__file__).with_name("replay.py")), str(trees[0].root / RESULTS)).ok()
    return trees


@pytest.fixture(scope="module")
def done(pair):
    return pair[0]


# ----------------------------------------------------------------------------------- complete


def test_every_target_is_there(done):
    names = set(results(done))
    for name in (
        *("claims/ledger.csv", "claims/ledger.md", "claims/claims.png"),
        *("tables/generative.csv", "tables/steps_runs.csv", "tables/illposedness.csv"),
        *("figures/samples.png", "figures/trajectories.png", "figures/values.png"),
        *("figures/steps.png", "figures/residuals.png"),
    ):
        assert f"{RESULTS}/{name}" in names
    assert (done.root / RESULTS / "benchmarks" / "cost.tsv").is_file()


def test_no_result_is_empty(done):
    assert [name for name, path in results(done).items() if path.stat().st_size == 0] == []


def test_every_model_was_trained_with_every_seed(done):
    runs = pd.read_csv(done.root / RESULTS / "tables" / "generative_runs.csv")
    models = set(yaml.safe_load((ROOT / "config" / "default.yaml").read_text())["models"])
    models |= set(ADVERSARIAL_TITLES)
    assert set(runs["model"]) == models
    assert set(runs.groupby(["model", "dataset"]).size()) == {2}
    assert set(runs["seed"]) == {0, 1}


def test_a_likelihood_is_measured_where_the_data_have_a_density(done):
    tables = done.root / RESULTS / "tables"
    runs = pd.read_csv(tables / "generative_runs.csv")
    runs = runs[runs["model"] != "particles"]  # these have no density themselves
    steps = pd.read_csv(tables / "steps_runs.csv")
    for frame in (runs, steps):
        digits = frame["dataset"] == "digits"
        assert digits.any()
        assert frame.loc[digits, "nll"].isna().all()
        assert frame.loc[~digits, "nll"].notna().all()


def test_every_claim_has_a_verdict(done):
    ledger = pd.read_csv(done.root / RESULTS / "claims" / "ledger.csv")
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text())["claims"]
    assert list(ledger["claim"]) == [claim["id"] for claim in claims]
    judged = {claim["id"] for claim in claims if "smoke" in claim["profiles"]}
    verdicts = dict(zip(ledger["claim"], ledger["verdict"], strict=True))
    assert judged
    assert {name for name, verdict in verdicts.items() if verdict != "not run"} == judged
    exact = [
        claim["id"] for claim in claims if claim.get("deterministic") and claim["id"] in judged
    ]
    assert {verdicts[name] for name in exact} == {"reproduced"}


def test_nothing_is_left_behind(done):
    left = [path for path in (done.root / RESULTS).rglob("*") if ".part" in path.name]
    left += list((done.root / RESULTS).rglob(".*.tmp"))
    left += [path for path in (done.root / RESULTS / "unfinished").rglob("*") if path.is_file()]
    assert left == []


def test_every_stage_left_a_log_a_benchmark_and_a_record(done):
    for name, record in records(done).items():
        assert (done.root / record["log"]).is_file(), name
        assert name == f"{RESULTS}/provenance/{record['rule']}/{Path(name).name}"
        benchmark = done.root / RESULTS / "benchmarks" / record["rule"]
        if record["rule"] not in {"table_cost", "table_transformer_cost"}:
            assert (benchmark / f"{Path(name).stem}.tsv").is_file(), name


# -------------------------------------------------------------------------------- reproducible


def test_both_folders_hold_the_same_files(pair):
    assert set(results(pair[0])) == set(results(pair[1]))


def test_both_folders_hold_the_same_bytes(pair):
    one, another = (results(tree) for tree in pair)
    kinds = {Path(name).suffix for name in one}
    assert {".csv", ".png", ".npz", ".safetensors", ".md", ".json"} <= kinds
    compared = [name for name in one if not TIMES.search(name)]
    assert len(compared) > 50
    assert [name for name in compared if one[name].read_bytes() != another[name].read_bytes()] == []


def test_records_differ_in_nothing_but_wall_times(pair):
    one, another = (records(tree) for tree in pair)
    for name, record in one.items():
        assert without_times(record) == without_times(another[name]), name


def test_no_result_holds_the_folder_in_which_it_was_made(pair):
    for tree in pair:
        for name, path in results(tree).items():
            assert str(tree.root).encode() not in path.read_bytes(), name


def test_a_second_call_has_nothing_to_do(done):
    before = {name: path.stat().st_mtime_ns for name, path in results(done).items()}
    assert done.snakemake("--cores", "1", *OVERLAY).ok().nothing_to_do
    assert {name: path.stat().st_mtime_ns for name, path in results(done).items()} == before


# ---------------------------------------------------------------------------------- provenance


def test_every_result_is_listed_by_exactly_one_record(done):
    listed = [path for record in records(done).values() for path in record["outputs"]]
    assert len(listed) == len(set(listed))
    recorded = {path for path in listed if not OTHER.search(path)} | set(records(done))
    assert recorded == set(results(done))


def test_every_input_is_a_recorded_output_or_a_file_of_the_repository(done):
    outputs = {path for record in records(done).values() for path in record["outputs"]}
    for name, record in records(done).items():
        for path in record["inputs"]:
            assert path in outputs or (ROOT / path).is_file(), (name, path)


def test_the_audit_rule_finds_all_in_order(done):
    output = done.snakemake("--cores", "1", "audit", *OVERLAY).ok().output
    assert re.search(r"^ok \d+, stale 0, tampered 0, missing 0, unrecorded 0$", output, re.M)


KINDS = {
    "npz": f"{RESULTS}/data/moons.npz",
    "csv": f"{RESULTS}/tables/generative_runs.csv",
    "safetensors": f"{RESULTS}/models/cnf/moons/0/model.safetensors",
    "json": f"{RESULTS}/models/cnf/moons/0/model.json",
    "png": f"{RESULTS}/figures/samples.png",
    "md": f"{RESULTS}/claims/ledger.md",
    "record": f"{RESULTS}/provenance/train_model/cnf.moons.json",
}


@pytest.mark.parametrize("name", KINDS.values(), ids=KINDS.keys())
def test_one_flipped_bit_is_found(done, name):
    with put_back([done.root / name]):
        flip(done.root / name)
        found = done.mfglab(*AUDIT)
    assert found.code == 1
    assert re.search(rf"^TAMPERED +{re.escape(name)} ", found.output, re.M)
    assert "tampered 1," in found.output


def test_the_audit_rule_fails_on_tampering(done):
    names = [name for kind, name in KINDS.items() if kind != "record"]
    with put_back([done.root / name for name in names]):
        for name in names:
            flip(done.root / name)
        failed = done.snakemake("--cores", "1", "audit", *OVERLAY)
    assert failed.code != 0
    for name in names:
        assert re.search(rf"^TAMPERED +{re.escape(name)} ", failed.output, re.M), name


def test_after_the_files_are_put_back_the_audit_is_ok_again(done):
    assert ", tampered 0," in done.mfglab(*AUDIT).ok().output


def test_another_configuration_makes_results_stale(done):
    found = done.mfglab(*AUDIT[:-2])  # without the last overlay
    assert found.code == 1
    assert "STALE" in found.output
    assert "configuration datasets.moons was" in found.output


def test_the_lineage_of_a_figure_goes_down_to_the_data(done):
    text = done.mfglab("audit", f"{RESULTS}/figures/samples.png").ok().output
    lines = text.splitlines()
    assert lines[0] == f"{RESULTS}/figures/samples.png"
    made = [re.match(r"( *)made by rule (\w+)", line) for line in lines]
    depth = {found[2]: len(found[1]) for found in made if found}
    assert set(depth) == {"figure_samples", "evaluate_model", "train_model", "prepare_dataset"}
    assert depth["figure_samples"] < depth["evaluate_model"] < depth["train_model"]
    assert depth["evaluate_model"] < depth["prepare_dataset"]
    assert "made by rule train_model (dataset = moons, model = cnf)" in text.replace(
        "model = cnf, dataset = moons", "dataset = moons, model = cnf"
    )
    for seed in (0, 1):
        assert f"{RESULTS}/models/cnf/moons/{seed}/model.safetensors" in text


# ------------------------------------------------------------------------- recomputing a stage


@pytest.mark.parametrize(
    "name",
    ["tables/generative.csv", "evaluations/otflow/moons/metrics.csv", "figures/values.png"],
)
def test_a_stage_is_recomputed_to_the_same_bytes(done, name):
    text = done.mfglab("audit", f"{RESULTS}/{name}", "--rerun").ok().output
    assert f"same: {RESULTS}/{name}" in text
    assert "DIFFERENT" not in text
    assert "note:" not in text


def test_a_training_is_recomputed_to_the_same_weights(done):
    weights = f"{RESULTS}/models/otflow/moons/1/model.safetensors"
    text = done.mfglab("audit", weights, "--rerun").ok().output
    for kept in (weights, weights.replace("model.safetensors", "history.csv")):
        assert f"same: {kept}" in text


def test_a_stage_run_by_itself_writes_the_same_bytes(done):
    record = records(done)[f"{RESULTS}/provenance/train_model/score.mixture_2d.json"]
    own = done.root / record["output_names"]["record"]
    names = [name for name in record["outputs"] if not TIMES.search(name)]
    before = {name: (done.root / name).read_bytes() for name in names}
    with put_back([*(done.root / name for name in record["outputs"]), own]):
        for name in names:
            (done.root / name).unlink()
        done.mfglab("run", "train_model", "model=score", "dataset=mixture_2d", *OVERLAY).ok()
        assert {name: (done.root / name).read_bytes() for name in names} == before
        assert without_times(json.loads(own.read_text())) == without_times(record)


# -------------------------------------------------------------------------------------- report


@pytest.fixture(scope="module")
def report(done):
    path = f"{RESULTS}/report.html"
    done.snakemake("--cores", "1", "--report", path, *OVERLAY).ok()
    return (done.root / path).read_text(encoding="utf-8")


def test_the_report_opens_with_the_counts_by_paper(done, report):
    claims = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text())["claims"]
    ledger = pd.read_csv(done.root / RESULTS / "claims" / "ledger.csv")
    count = sum(ledger["verdict"] == "reproduced")
    text = words(report)
    assert f"{len(claims)} claims" in text
    assert f"{count} reproduced" in text
    for paper in {claim["source"]["paper"] for claim in claims}:
        assert words(paper) in text, paper


def test_the_report_starts_beside_its_menu(report):
    assert (ROOT / "workflow" / "report" / "report.css").read_text().strip() in report


def test_the_report_has_all_captions(report):
    text = words(report)
    captions = list((ROOT / "workflow" / "report").glob("*.rst"))
    assert len(captions) > 8
    for path in captions:
        if path.stem != "workflow":
            assert words(path.read_text()) in text, path.name


def test_the_report_holds_tables_and_figures(report):
    for name in ("generative.csv", "illposedness.csv", "samples.png", "claims.png"):
        assert name in report
