from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mfglab.files import sha256_file
from mfglab.reporting.audit import AuditReport, Status, audit, dotted
from mfglab.reporting.provenance import canonical_json, read_record, write_record

DATA = "results/mini/data.npz"
MODEL = "results/mini/models/cnf.safetensors"
FIGURE = "results/mini/figures/cnf.png"
TABLE = "results/mini/tables/cnf.csv"


def flip(path: str | Path, position: int = -1) -> None:
    data = bytearray(Path(path).read_bytes())
    data[position] ^= 1
    Path(path).write_bytes(data)


def problems(report: AuditReport) -> dict[str, Status]:
    return {row.path: row.status for row in report.rows if row.status is not Status.OK}


def details(report: AuditReport) -> str:
    return "\n".join(row.detail for row in report.rows)


def test_fresh_results_are_ok(pipeline):
    report = audit(pipeline.results, pipeline.config)
    assert report.ok
    assert report.counts[Status.OK] == 7  # four outputs and three records
    assert {row.path for row in report.rows} >= {DATA, MODEL, FIGURE, TABLE}


@pytest.mark.parametrize("path", [DATA, MODEL, FIGURE, TABLE])
@pytest.mark.parametrize("position", [0, -1])
def test_one_flipped_byte_of_an_output_is_tampering(pipeline, path, position):
    flip(path, position)
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {path: Status.TAMPERED}
    assert not report.ok


@pytest.mark.parametrize("rule", ["draw", "train", "table"])
@pytest.mark.parametrize("position", [0, 40, 400, -1])
def test_one_flipped_byte_of_a_record_is_tampering(pipeline, rule, position):
    flip(pipeline.record(rule), position)
    found = problems(audit(pipeline.results, pipeline.config))
    assert found[pipeline.record(rule).as_posix()] is Status.TAMPERED


def test_record_with_repaired_hash_still_fails(pipeline):
    """Hiding a changed result by rewriting its record breaks the chain downstream."""
    flip(MODEL)
    path = pipeline.record("train")
    record = read_record(path)
    forged = record.model_copy(update={"outputs": record.outputs | {MODEL: sha256_file(MODEL)}})
    write_record(forged, path)
    found = problems(audit(pipeline.results, pipeline.config))
    assert found == {pipeline.record("table").as_posix(): Status.STALE}


def test_moved_record_is_tampering(pipeline):
    copy = pipeline.record("draw").with_name("copy.json")
    shutil.copy(pipeline.record("draw"), copy)
    found = problems(audit(pipeline.results, pipeline.config))
    assert found == {copy.as_posix(): Status.TAMPERED}


@pytest.mark.parametrize("rule", ["draw", "train", "table"])
def test_changed_script_is_stale(pipeline, rule):
    flip(f"workflow/scripts/{rule}.py")
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {pipeline.record(rule).as_posix(): Status.STALE}
    assert f"script workflow/scripts/{rule}.py has changed" in details(report)


def test_changed_original_input_is_stale(pipeline):
    flip("config/claims.yaml", 0)
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {pipeline.record("table").as_posix(): Status.STALE}
    assert "input config/claims.yaml has changed" in details(report)


def test_changed_configuration_is_stale_where_it_is_read(pipeline):
    report = audit(pipeline.results, {"data": {"n": 8}, "train": {"rate": 0.25}})
    assert problems(report) == {pipeline.record("train").as_posix(): Status.STALE}
    assert "configuration train was {'rate': 0.5}, is {'rate': 0.25}" in details(report)


def test_vanished_configuration_is_stale(pipeline):
    report = audit(pipeline.results, {"data": {}, "train": {"rate": 0.5}})
    assert problems(report) == {pipeline.record("draw").as_posix(): Status.STALE}
    assert "configuration data.n no longer exists" in details(report)


def test_configuration_that_no_stage_reads_does_not_matter(pipeline):
    assert audit(pipeline.results, pipeline.config | {"other": 1}).ok


def test_changed_code_is_stale_everywhere_it_is_used(pipeline):
    with (pipeline.package / "files.py").open("a") as stream:
        stream.write("EXTRA = 1\n")
    found = problems(audit(pipeline.results, pipeline.config))
    assert found == {pipeline.record(rule).as_posix(): Status.STALE for rule in pipeline.jobs}


def test_changed_comment_is_not_stale(pipeline):
    with (pipeline.package / "files.py").open("a") as stream:
        stream.write("# a remark\n")
    assert audit(pipeline.results, pipeline.config).ok


def test_vanished_module_is_stale(pipeline):
    (pipeline.package / "reporting/csvio.py").unlink()
    report = audit(pipeline.results, pipeline.config)
    assert set(problems(report).values()) == {Status.STALE}
    assert "'mfglab.reporting.csvio'" in details(report)


def test_input_made_again_is_stale_downstream(pipeline):
    job = pipeline.jobs["draw"]
    pipeline.change("draw", params=job.params | {"seed": 4})
    pipeline.run("draw")
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {pipeline.record("train").as_posix(): Status.STALE}
    pipeline.run("train", "table")
    assert audit(pipeline.results, pipeline.config).ok


@pytest.mark.parametrize("path", [DATA, MODEL, FIGURE, TABLE])
def test_missing_output(pipeline, path):
    Path(path).unlink()
    assert problems(audit(pipeline.results, pipeline.config)) == {path: Status.MISSING}


def test_missing_original_input_and_script(pipeline):
    Path("config/claims.yaml").unlink()
    Path("workflow/scripts/draw.py").unlink()
    assert problems(audit(pipeline.results, pipeline.config)) == {
        pipeline.record("table").as_posix(): Status.MISSING,
        pipeline.record("draw").as_posix(): Status.MISSING,
    }


def test_stage_removed_with_its_record_is_missing_downstream(pipeline):
    Path(DATA).unlink()
    pipeline.record("draw").unlink()
    assert problems(audit(pipeline.results, pipeline.config)) == {
        pipeline.record("train").as_posix(): Status.MISSING
    }


@pytest.mark.parametrize("name", ["stray.csv", "tables/old.csv", "provenance/draw/notes.txt"])
def test_unrecorded_file(pipeline, name):
    (pipeline.results / name).write_text("x")
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {f"results/mini/{name}": Status.UNRECORDED}
    assert not report.ok


@pytest.mark.parametrize(
    "name",
    ["logs/deep/a.log", "benchmarks/a.tsv", "report.html", "models/a.part", "models/a.1.part.npz"],
)
def test_files_that_need_no_record(pipeline, name):
    path = pipeline.results / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert audit(pipeline.results, pipeline.config).ok


def test_two_records_for_one_file_are_stale(pipeline):
    """The record of a renamed rule that nobody removed."""
    record = read_record(pipeline.record("table"))
    old = "results/mini/provenance/old/cnf.json"
    names = record.output_names | {"record": old}
    write_record(record.model_copy(update={"rule": "old", "output_names": names}), old)
    report = audit(pipeline.results, pipeline.config)
    assert problems(report) == {TABLE: Status.STALE}
    assert "remove the old record" in details(report)


def test_several_problems_of_one_record_are_all_told(pipeline):
    flip("workflow/scripts/train.py")
    rows = audit(pipeline.results, {"data": {"n": 8}}).rows
    found = [row.detail for row in rows if row.status is Status.STALE]
    assert len(found) == 2


def test_table_is_text_with_counts(pipeline):
    flip(TABLE)
    text = audit(pipeline.results, pipeline.config).table()
    assert f"TAMPERED    {TABLE}" in text
    assert text.endswith("ok 6, stale 0, tampered 1, missing 0, unrecorded 0")


def test_nothing_recorded_is_not_ok(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results/empty").mkdir(parents=True)
    report = audit("results/empty", {})
    assert not report.ok
    assert report.table() == "no provenance record found"
    with pytest.raises(FileNotFoundError, match="results/nowhere does not exist"):
        audit("results/nowhere", {})


def test_dotted_names_the_path():
    with pytest.raises(KeyError, match=r"a\.b\.c"):
        dotted({"a": {"b": 1}}, "a.b.c")


def test_records_are_checked_in_their_canonical_form(pipeline):
    path = pipeline.record("draw")
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert problems(audit(pipeline.results, pipeline.config))[path.as_posix()] is Status.TAMPERED
    path.write_text(canonical_json(json.loads(path.read_text())))
    assert audit(pipeline.results, pipeline.config).ok
