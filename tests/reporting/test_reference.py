"""Reference results from a small run with real records."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mfglab.__main__ import main
from mfglab.cli import audit as audit_command
from mfglab.files import sha256_file, write_text
from mfglab.reporting import reference as reference_module
from mfglab.reporting.code_digest import code_digest
from mfglab.reporting.job import Job
from mfglab.reporting.provenance import read_record, write_record
from mfglab.reporting.readme import BEGIN, END
from mfglab.reporting.reference import (
    LARGEST,
    ReferenceRunError,
    collect,
    keep_older,
    make_reference,
    summarise,
)
from mfglab.reporting.runner import run_job

RESULTS = Path("results/default")
TARGET = Path("results/reference/default")
MODULES = ["mfglab.reporting.csvio"]
CONFIG = {"profile": "default", "seeds": [7], "models": {"n": 2}}
KEPT = {
    "claims.png",
    "cost.tsv",
    "ledger.csv",
    "ledger.md",
    "samples.png",
    "tables/runs.csv",
    "tables/steps.csv",
    "trajectories.png",
}
LEDGER = (
    "claim,verdict,estimate,low,high,n,published,statement,paper,locator,comparison,explanation,"
    "confounds,control\n"
    "fast,reproduced,0.5,0.25,0.75,3,,It is fast.,a paper,Table 1,less_than,x,,\n"
)
CLAIMS = """
claims:
  - id: fast
    source: {paper: "a paper", locator: "Table 1"}
    statement: It is fast.
    measurement: {table: runs.csv, column: seconds}
    comparison: {kind: less_than, value: 1.0}
    profiles: [default]
"""
SCRIPT = """
from pathlib import Path
from mfglab.reporting.stage import atomic_path, stage

with stage(snakemake) as job:
    for target in job.files():
        source = Path("sources") / target.name
        with atomic_path(target) as path:
            path.write_bytes(source.read_bytes())
"""


def job(rule, outputs, inputs, config):
    paths = {Path(path).stem: f"{RESULTS}/{path}" for path in outputs}
    return Job(
        rule=rule,
        wildcards={},
        inputs=inputs,
        outputs=paths | {"record": f"{RESULTS}/provenance/{rule}/all.json"},
        params={"config": config, "code": code_digest(*MODULES), "modules": MODULES},
        threads=1,
        script=f"workflow/scripts/{rule}.py",
    )


RUNS = [f"{RESULTS}/tables/runs.csv"]


def table():
    outputs = ["tables/runs.csv", "tables/steps.csv", "benchmarks/cost.tsv"]
    return job("table", outputs, {}, {"models.n": 2, "seeds": [7]})


def figure():
    outputs = ["figures/samples.png", "figures/trajectories.png"]
    return job("figure", outputs, {"runs": RUNS}, {"models": {"n": 2}})


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A working folder with the results of a complete run."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    monkeypatch.chdir(tmp_path)
    for folder in ("sources", "config", "workflow/scripts"):
        Path(folder).mkdir(parents=True)
    for path in KEPT:
        (Path("sources") / Path(path).name).write_text(f"content of {path}")
    Path("sources/ledger.csv").write_text(LEDGER)
    Path("sources/front_page.rst").write_text("first page")
    Path("config/claims.yaml").write_text(CLAIMS)
    Path("README.md").write_text(f"{BEGIN}\n{END}\n")
    claims = [f"claims/{n}" for n in ("ledger.csv", "ledger.md", "claims.png", "front_page.rst")]
    inputs = {"runs": RUNS, "claims": ["config/claims.yaml"]}
    jobs = (
        table(),
        figure(),
        job("judge", [path for path in claims if "md" not in path], inputs, {"profile": "default"}),
        job("words", ["claims/ledger.md"], {}, {}),
    )
    for one in jobs:
        Path(one.script).write_text(SCRIPT)
        run_job(one)
    return tmp_path


def change_record(rule, **fields):
    path = RESULTS / "provenance" / rule / "all.json"
    write_record(read_record(path).model_copy(update=fields), path)


def inside(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_small_results_are_copied(finished):
    written = make_reference(RESULTS, TARGET, CONFIG)
    assert inside(TARGET) == KEPT | {"provenance.json"}
    assert set(written) == {TARGET / name for name in inside(TARGET)}
    assert (TARGET / "ledger.csv").read_text() == LEDGER
    assert (TARGET / "trajectories.png").read_text() == "content of trajectories.png"


def test_summary_names_code_versions_and_origin(finished):
    make_reference(RESULTS, TARGET, CONFIG)
    summary = json.loads((TARGET / "provenance.json").read_text())
    assert set(summary["files"]) == KEPT
    for name, origin in summary["files"].items():
        assert origin["sha256"] == sha256_file(TARGET / name) == sha256_file(origin["source"])
    assert summary["files"]["claims.png"]["rule"] == "judge"
    assert summary["rules"]["table"]["code"] == code_digest(*MODULES)
    assert summary["inputs"] == {"config/claims.yaml": sha256_file("config/claims.yaml")}
    assert summary["seeds"] == [7]
    assert summary["records"] == 4
    assert {"python", "platform", "torch", "numpy"} <= set(summary["environment"])
    text = (TARGET / "provenance.json").read_text()
    assert str(finished) not in text


def test_digests_follow_configuration_and_code(finished):
    copies = collect(RESULTS)
    records = [read_record(p) for p in sorted((RESULTS / "provenance").rglob("*.json"))]
    first = summarise(records, copies)
    assert summarise(reversed(records), copies) == first
    other = [r.model_copy(update={"config": {"profile": "x"}}) for r in records]
    assert summarise(other, copies)["config_sha256"] != first["config_sha256"]
    assert summarise(other, copies)["code_sha256"] == first["code_sha256"]
    code = [r.model_copy(update={"script_sha256": "0"}) for r in records]
    assert summarise(code, copies)["code_sha256"] != first["code_sha256"]


def test_an_older_reference_is_replaced_as_a_whole(finished):
    TARGET.mkdir(parents=True)
    (TARGET / "old.csv").write_text("old")
    make_reference(RESULTS, TARGET, CONFIG)
    assert "old.csv" not in inside(TARGET)
    assert [path.name for path in TARGET.parent.iterdir()] == ["default"]


def test_a_failed_replacement_keeps_the_older_reference(finished, monkeypatch):
    TARGET.mkdir(parents=True)
    (TARGET / "old.csv").write_text("old")
    rename = Path.rename

    def failing(path, target):
        if path.suffix == ".part":
            raise OSError("no space")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no space"):
        make_reference(RESULTS, TARGET, CONFIG)
    assert inside(TARGET.parent) == {"default/old.csv"}


def refused(message, config=CONFIG):
    """The run is refused and an older reference stays as it was."""
    TARGET.mkdir(parents=True)
    (TARGET / "old.csv").write_text("old")
    with pytest.raises(ReferenceRunError, match=message):
        make_reference(RESULTS, TARGET, config)
    assert inside(TARGET.parent) == {"default/old.csv"}


def test_a_large_file_is_refused(finished):
    Path("sources/trajectories.png").write_bytes(b"x" * (LARGEST + 1))
    figures = ["figures/samples.png", "figures/trajectories.png"]
    runs = {"runs": [f"{RESULTS}/tables/runs.csv"]}
    run_job(job("figure", figures, runs, {"models": {"n": 2}}))
    refused("trajectories.png has 1000001 bytes, more than the 1000000")


def test_a_file_of_just_the_limit_is_taken(finished):
    longest = max(copy.source.stat().st_size for copy in collect(RESULTS))
    assert len(collect(RESULTS, longest)) == len(KEPT)
    with pytest.raises(ReferenceRunError, match=f"more than the {longest - 1}"):
        collect(RESULTS, longest - 1)


def test_a_changed_result_is_refused(finished):
    (RESULTS / "tables/runs.csv").write_text("changed")
    refused("fails its audit with .*tables/runs.csv is tampered")


def test_another_configuration_is_refused(finished):
    refused(
        "configuration models was {'n': 2}, is {'n': 3}", {"profile": "default", "models": {"n": 3}}
    )


def test_a_missing_file_is_refused(finished):
    (RESULTS / "provenance/words/all.json").unlink()
    (RESULTS / "claims/ledger.md").unlink()
    refused("claims/ledger.md does not exist")


def test_a_partial_run_is_kept_without_its_ledger(finished):
    (RESULTS / "provenance/words/all.json").unlink()
    (RESULTS / "claims/ledger.md").unlink()
    paths = make_reference(RESULTS, TARGET, CONFIG, partial=True)
    kept = {path.relative_to(TARGET).as_posix() for path in paths}
    assert kept == KEPT - {"ledger.md"} | {"provenance.json"}


def test_of_a_partial_run_the_claims_are_judged_whose_table_there_is(finished):
    shutil.rmtree(RESULTS)
    Path("sources/runs.csv").write_text("seed,seconds\n0,0.5\n1,0.6\n2,0.7\n")
    run_job(table())
    run_job(figure())
    other = CLAIMS.replace("claims:", "").replace("fast", "slow").replace("runs.csv", "no.csv")
    Path("config/claims.yaml").write_text(CLAIMS + other)
    make_reference(RESULTS, TARGET, CONFIG, partial=True)
    rows = (TARGET / "ledger.csv").read_text().splitlines()[1:]
    assert [row.split(",")[:3] for row in rows] == [
        ["fast", "reproduced", "0.6"],
        ["slow", "not run", ""],
    ]
    assert "there is no no.csv" in rows[1]
    assert "no.csv" in (TARGET / "ledger.md").read_text()


def test_an_update_keeps_what_was_not_run(finished):
    shutil.rmtree(RESULTS)
    Path("sources/runs.csv").write_text("seed,seconds\n0,0.5\n1,0.6\n2,0.7\n")
    run_job(table())
    run_job(figure())
    make_reference(RESULTS, TARGET, CONFIG, partial=True)
    before = json.loads((TARGET / "provenance.json").read_text())
    # Of the second run there is the figure alone; its claims are judged by the older table.
    shutil.rmtree(RESULTS)
    Path("sources/samples.png").write_text("newer")
    Path(RUNS[0]).parent.mkdir(parents=True)
    shutil.copyfile(TARGET / "tables/runs.csv", "sources/input.csv")
    Path("sources/other.csv").write_text("seed\n0\n")
    other = job("other", ["tables/other.csv"], {}, {})
    Path(other.script).write_text(SCRIPT)
    run_job(replace(figure(), inputs={"runs": ["sources/input.csv"]}))
    run_job(other)
    paths = make_reference(RESULTS, TARGET, CONFIG, update=True)
    assert {path.relative_to(TARGET).as_posix() for path in paths} == inside(TARGET)
    assert inside(TARGET) == KEPT | {"tables/other.csv", "provenance.json"}
    assert (TARGET / "samples.png").read_text() == "newer"
    assert (TARGET / "ledger.csv").read_text().splitlines()[1].startswith("fast,reproduced,0.6")
    after = json.loads((TARGET / "provenance.json").read_text())
    assert set(after["files"]) == {"samples.png", "trajectories.png", "tables/other.csv"}
    (earlier,) = after["earlier"]
    assert set(earlier["files"]) == {"tables/runs.csv", "tables/steps.csv", "cost.tsv"}
    assert earlier | {"files": before["files"]} == before
    # Updated again, the runs before stay in the list as long as a file of theirs does.
    make_reference(RESULTS, TARGET, CONFIG, update=True)
    assert json.loads((TARGET / "provenance.json").read_text()) == after


@pytest.fixture
def joining(finished, monkeypatch):
    """A reference whose table takes a row of each pair of model and data that is evaluated."""
    name = "tables/runs.csv"

    def found(results):
        return sorted(results.glob("evaluations/*/*/metrics.csv"))

    def join(results, older, config, target, names):
        models = [path.parts[-3] for path in found(results)]
        lines = (older / name).read_text().splitlines()
        kept = [line for line in lines if line.split(",")[0] not in models]
        write_text(target / name, "\n".join([*kept, *(f"{model},0.9" for model in models)]) + "\n")
        assert names == {name}
        return {name: target / name}

    def joinable(results, older, made):
        assert older == TARGET
        return {name} - made if found(results) else set()

    def sources(results, names):
        return found(results) if names else []

    monkeypatch.setattr(reference_module, "joinable", joinable)
    monkeypatch.setattr(reference_module, "join_models", join)
    monkeypatch.setattr(reference_module, "sources_of_rows", sources)
    shutil.rmtree(RESULTS)
    Path("sources/runs.csv").write_text("seed,seconds\n0,0.5\n1,0.6\n2,0.7\n")
    run_job(table())
    run_job(figure())
    make_reference(RESULTS, TARGET, CONFIG, partial=True)
    shutil.rmtree(RESULTS)
    return evaluation


def evaluation(model):
    """Run the evaluation of one model alone, and update the reference with it."""
    Path("sources/metrics.csv").write_text(f"evaluation of {model}\n")
    one = job("evaluate", [f"evaluations/{model}/moons/metrics.csv"], {}, {})
    Path(one.script).write_text(SCRIPT)
    run_job(one)
    make_reference(RESULTS, TARGET, CONFIG, update=True)
    return json.loads((TARGET / "provenance.json").read_text())


def test_rows_of_an_evaluated_model_enter_the_older_table(joining):
    before = json.loads((TARGET / "provenance.json").read_text())
    summary = joining("a")
    assert (TARGET / "tables/runs.csv").read_text().splitlines()[1:] == [
        "0,0.5",
        "1,0.6",
        "2,0.7",
        "a,0.9",
    ]
    assert (TARGET / "ledger.csv").read_text().splitlines()[1].startswith("fast,reproduced,0.675")
    path = "results/default/evaluations/a/moons/metrics.csv"
    origin = summary["files"]["tables/runs.csv"]
    assert origin == {"joined": True, "sha256": sha256_file(TARGET / "tables/runs.csv")}
    assert summary["rows"] == {path: sha256_file(path)}
    (earlier,) = summary["earlier"]
    assert earlier["base"] == {"tables/runs.csv": before["files"]["tables/runs.csv"]}
    assert "tables/runs.csv" not in earlier["files"]
    # The same again changes nothing: the rows of the first time are no base of the second.
    make_reference(RESULTS, TARGET, CONFIG, update=True)
    assert json.loads((TARGET / "provenance.json").read_text()) == summary


def test_rows_of_several_updates_are_all_in_the_summary(joining):
    first = joining("a")
    shutil.rmtree(RESULTS)
    second = joining("b")
    assert "a,0.9" in (TARGET / "tables/runs.csv").read_text()
    newer, oldest = second["earlier"]
    assert newer["files"] == {}
    assert newer["base"] == {"tables/runs.csv": first["files"]["tables/runs.csv"]}
    assert newer["rows"] == first["rows"] != second["rows"]
    assert oldest == first["earlier"][0]


def test_a_table_made_anew_has_no_base(joining):
    joining("a")
    shutil.rmtree(RESULTS)
    run_job(table())
    run_job(figure())
    make_reference(RESULTS, TARGET, CONFIG, update=True)
    summary = json.loads((TARGET / "provenance.json").read_text())
    assert "joined" not in summary["files"]["tables/runs.csv"]
    assert not any({"base", "rows"} & set(earlier) for earlier in summary["earlier"])
    assert (TARGET / "tables/runs.csv").read_text().endswith("2,0.7\n")


def test_a_table_that_rows_made_large_is_refused(joining):
    joining("a")
    before = (TARGET / "provenance.json").read_bytes()
    size = (TARGET / "tables/runs.csv").stat().st_size
    with pytest.raises(ReferenceRunError, match=rf"runs\.csv has {size} bytes, more than the"):
        make_reference(RESULTS, TARGET, CONFIG, size - 1, update=True)
    assert (TARGET / "provenance.json").read_bytes() == before


def test_rows_without_a_record_are_refused(joining):
    joining("a")
    Path(f"{RESULTS}/evaluations/b/moons").mkdir(parents=True)
    Path(f"{RESULTS}/evaluations/b/moons/metrics.csv").write_text("stray")
    before = (TARGET / "provenance.json").read_bytes()
    with pytest.raises(ReferenceRunError, match=r"evaluations/b/moons/metrics\.csv"):
        make_reference(RESULTS, TARGET, CONFIG, update=True)
    assert (TARGET / "provenance.json").read_bytes() == before


def test_an_update_needs_a_reference_as_it_was_written(finished):
    with pytest.raises(ReferenceRunError, match="there is no reference to update"):
        make_reference(RESULTS, TARGET, CONFIG, update=True)
    make_reference(RESULTS, TARGET, CONFIG)
    (TARGET / "tables/steps.csv").write_text("by hand")
    assert len(keep_older(TARGET, {"tables/steps.csv"})[0]) == len(KEPT) - 4
    with pytest.raises(ReferenceRunError, match=r"steps\.csv is not the file that .*provenance"):
        keep_older(TARGET, {"tables/runs.csv"})


def test_a_run_without_figures_is_refused(finished):
    (RESULTS / "provenance/figure/all.json").unlink()
    for path in (RESULTS / "figures").iterdir():
        path.unlink()
    refused("no figures/")


def test_mixed_versions_are_refused(finished):
    record = read_record(RESULTS / "provenance/table/all.json")
    change_record("table", packages=record.packages | {"numpy": "0.1"})
    refused("disagree on the version of numpy.*'0.1'")


def test_code_of_one_rule_must_agree(finished):
    records = [read_record(p) for p in (RESULTS / "provenance").rglob("*.json")]
    code = records[0].model_copy(update={"script_sha256": "0"})
    with pytest.raises(ReferenceRunError, match="disagree on the code of rule"):
        summarise([*records, code], collect(RESULTS))


def test_a_copy_without_a_record_is_refused(finished):
    stray = replace(collect(RESULTS)[0], source=RESULTS / "stray.csv")
    with pytest.raises(ReferenceRunError, match=r"no record lists results/default/stray\.csv"):
        summarise([], [stray])


def test_command_copies_and_refreshes_the_readme(finished, monkeypatch, capsys):
    monkeypatch.setattr(audit_command, "load", lambda files, profile: CONFIG)
    assert main(["reference", "results/default"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert "results/reference/default/ledger.csv" in out
    assert out[-1] == "README.md"
    assert "| It is fast. | a paper, Table 1 | reproduced | 0.5 [0.25, 0.75] | 3 |" in (
        Path("README.md").read_text()
    )
    assert main(["reference", "results/default"]) == 0
    assert "README.md" not in capsys.readouterr().out.splitlines()


def test_command_refuses_in_one_line(finished, monkeypatch, capsys):
    monkeypatch.setattr(audit_command, "load", lambda files, profile: CONFIG)
    (RESULTS / "claims/claims.png").unlink()
    assert main(["reference"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mfglab reference: results/default fails its audit with 1 finding")
    assert err.count("\n") == 1
    assert not TARGET.exists()
