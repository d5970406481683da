from __future__ import annotations

from pathlib import Path

import pytest

from mfglab.reporting.audit import audit
from mfglab.reporting.lineage import describe, rerun
from mfglab.reporting.provenance import RecordError
from mfglab.reporting.runner import read_job, run_job, write_job

TABLE = "results/mini/tables/cnf.csv"
FIGURE = "results/mini/figures/cnf.png"


def test_lineage_reaches_the_original_files(pipeline):
    lines = describe(TABLE).splitlines()
    assert lines[0] == TABLE
    assert "  made by rule table (model = cnf), script workflow/scripts/table.py" in lines
    text = "\n".join(lines)
    assert "    config/claims.yaml: no stage made it; an original file, sha256 " in text
    assert "        results/mini/data.npz" in lines
    assert "          made by rule draw, script workflow/scripts/draw.py" in lines
    assert "          configuration data.n = 8" in lines
    assert "          has no inputs" in lines


def test_shared_stage_is_told_once(pipeline):
    job = pipeline.jobs["table"]
    pipeline.change("table", inputs=job.inputs | {"figure": [FIGURE]})
    pipeline.run("table")
    text = describe(TABLE)
    assert text.count("made by rule train") == 1
    assert "made by train, told above" in text


def test_record_itself_can_be_described(pipeline):
    assert "made by rule draw" in describe(pipeline.record("draw"))


def test_unknown_path_is_named(pipeline):
    Path("results/mini/stray.csv").write_text("x")
    with pytest.raises(FileNotFoundError, match=r"no record lists results/mini/stray\.csv"):
        describe("results/mini/stray.csv")
    with pytest.raises(FileNotFoundError, match="lies in no results folder"):
        describe("config/claims.yaml")


def test_corrupt_record_is_named(pipeline):
    pipeline.record("draw").write_text("{")
    with pytest.raises(RecordError, match=r"draw/all\.json"):
        describe(TABLE)


def test_rerun_reproduces_every_output_and_changes_nothing(pipeline):
    report = rerun(FIGURE)
    assert report.ok
    assert not report.notes
    assert [output.path for output in report.outputs] == [
        FIGURE,
        "results/mini/models/cnf.safetensors",
    ]
    assert report.text().count("same: ") == 2
    assert audit(pipeline.results, pipeline.config).ok


def test_rerun_finds_a_result_that_its_script_does_not_make(pipeline):
    script = Path("workflow/scripts/train.py")
    script.write_text(script.read_text().replace("mean))", "mean + 1))", 1))
    report = rerun(FIGURE)
    assert not report.ok
    assert [output.same for output in report.outputs] == [True, False]
    assert "DIFFERENT: results/mini/models/cnf.safetensors" in report.text()
    assert report.notes == ("the script workflow/scripts/train.py has changed since",)


def test_rerun_tells_that_the_input_changed(pipeline):
    job = pipeline.jobs["draw"]
    pipeline.change("draw", params=job.params | {"seed": 5})
    pipeline.run("draw")
    report = rerun(FIGURE)
    assert not report.ok
    assert report.notes == ("the input results/mini/data.npz has changed since",)


def test_rerun_that_fails_says_why(pipeline):
    Path("workflow/scripts/draw.py").write_text("raise ArithmeticError('no luck')\n")
    with pytest.raises(RuntimeError, match="rerun of draw failed: ArithmeticError: no luck"):
        rerun("results/mini/data.npz")


def test_job_survives_its_file(pipeline, tmp_path):
    for job in pipeline.jobs.values():
        write_job(job, tmp_path / "job.json")
        assert read_job(tmp_path / "job.json") == job
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(ValueError, match="holds no job"):
        read_job(tmp_path / "job.json")


def test_run_names_the_missing_input(pipeline):
    Path("results/mini/data.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"train\.cnf needs results/mini/data\.npz"):
        run_job(pipeline.jobs["train"])


def test_scripts_share_a_helper_of_their_folder(pipeline):
    Path("workflow/scripts/mini_helper.py").write_text("N = 8\n")
    script = Path("workflow/scripts/draw.py")
    script.write_text("import mini_helper\n" + script.read_text())
    report = rerun("results/mini/data.npz")
    assert report.ok
