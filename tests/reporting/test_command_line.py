from __future__ import annotations

from pathlib import Path

import pytest

from mfglab.__main__ import main
from mfglab.cli import COMMANDS
from mfglab.cli import audit as audit_command

TABLE = "results/mini/tables/cnf.csv"


@pytest.fixture
def configured(pipeline, monkeypatch):
    """The pipeline with its own configuration in place of the laboratory's."""
    monkeypatch.setattr(audit_command, "load", lambda files, profile: pipeline.config)
    return pipeline


def test_audit_succeeds_and_fails_by_exit_code(configured, capsys):
    assert main(["audit", "--results", "results/mini"]) == 0
    assert "ok 7, stale 0" in capsys.readouterr().out
    Path(TABLE).write_text("changed")
    assert main(["audit", "--results", "results/mini"]) == 1
    assert "TAMPERED" in capsys.readouterr().out


def test_lineage_of_one_result(configured, capsys):
    assert main(["audit", TABLE]) == 0
    assert capsys.readouterr().out.startswith(f"{TABLE}\n  made by rule table")


def test_rerun_of_one_result(configured, capsys):
    assert main(["audit", "results/mini/data.npz", "--rerun"]) == 0
    assert "same: results/mini/data.npz" in capsys.readouterr().out
    script = Path("workflow/scripts/draw.py")
    script.write_text(script.read_text().replace("job.param", "1 + job.param"))
    assert main(["audit", "results/mini/data.npz", "--rerun"]) == 1
    assert "DIFFERENT" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["audit", "--rerun"], "--rerun needs the PATH"),
        (["audit", "results/mini/no.csv"], "no record lists results/mini/no.csv"),
        (["audit", "--results", "results/none"], "results/none does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(configured, capsys, words, message):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("mfglab audit: ")
    assert message in err
    assert err.count("\n") == 1


def test_overlay_is_chosen_by_the_name_of_the_folder(pipeline, capsys):
    assert main(["audit", "--results", "results/mini"]) == 2
    assert "config/default.yaml" in capsys.readouterr().err


def test_overlays_of_the_audit_overlay_the_default(tmp_path, monkeypatch, capsys):
    default = Path("config/default.yaml").read_text()
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/default.yaml").write_text(default)
    assert main(["audit", "--results", "results/mini", "--configfile", "config/no.yaml"]) == 2
    assert "config/no.yaml" in capsys.readouterr().err


def test_unknown_command_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["nothing"])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert all(command.name in err for command in COMMANDS)
