"""``python -m mfglab validate`` and ``python -m mfglab download``."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from snakemake_tree import ROOT

from mfglab.__main__ import main
from mfglab.config.loading import load_config
from mfglab.datasets import download as download_module
from mfglab.datasets.registry import REGISTRY, RemoteDataset, RemoteFile, Variant

CONTENT = b"1 2 3\n"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ([], "ok: profile default, "),
        (["--configfile", "config/smoke.yaml"], "ok: profile smoke, "),
        (["--configfile", "config/paper.yaml"], "ok: profile paper, "),
        (["--configfile", "config/smoke.yaml", "tests/e2e/tiny.yaml"], "ok: profile smoke, 16 "),
    ],
)
def test_what_is_shipped_is_valid(capsys, words, start):
    assert main(["validate", *words]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.startswith(start)


def test_the_answer_counts_trainings_and_claims(capsys):
    assert main(["validate", "--configfile", "config/paper.yaml"]) == 0
    out = capsys.readouterr().out
    assert "180 trainings (36 pairs of model and data set, 5 seeds)" in out


def test_every_wrong_key_is_named(capsys, tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text("evaluation: {nll_points: 1}\nseedz: [1]\n")
    assert main(["validate", "--configfile", str(path)]) == 1
    err = capsys.readouterr().err
    assert "evaluation.nll_points: Input should be greater than or equal to 16 (got 1)" in err
    assert "seedz: unknown key" in err


def test_wrong_configuration_and_wrong_claims_are_told_together(capsys, tmp_path):
    config, claims = tmp_path / "wrong.yaml", tmp_path / "claims.yaml"
    config.write_text("device: abacus\n")
    claims.write_text("claims: [{id: A B}]\n")
    assert main(["validate", "--configfile", str(config), "--claims", str(claims)]) == 1
    err = capsys.readouterr().err
    assert "abacus" in err
    assert "claim 'A B': id" in err


@pytest.mark.parametrize(
    ("measurement", "message"),
    [
        ({"filter": {"model": "unknown_flow"}}, "measures model 'unknown_flow', which"),
        ({"filter": {"dataset": ["moons", "mars"]}}, "measures dataset 'mars', which"),
        ({"versus": {"model": "none"}}, "measures model 'none', which"),
    ],
)
def test_a_claim_about_what_nothing_trains_is_found_before_the_run(
    capsys, tmp_path, measurement, message
):
    claim = {
        "id": "a",
        "source": {"paper": "p", "locator": "l"},
        "statement": "s",
        "measurement": {"table": "t.csv", "column": "c"} | measurement,
        "comparison": {"kind": "less_than", "value": 1},
        "profiles": ["default"],
    }
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump({"claims": [claim]}))
    assert main(["validate", "--claims", str(path)]) == 1
    assert message in capsys.readouterr().err
    # the smoke profile does not judge it
    words = ["--configfile", "config/smoke.yaml", "--claims", str(path)]
    assert main(["validate", *words]) == 0


def test_data_sets_are_listed_with_title_and_terms(capsys):
    assert main(["download"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(REGISTRY)
    assert all(REGISTRY[line.split()[0]].licence in line for line in lines)


def test_an_unknown_data_set_is_answered_with_the_known(capsys, tmp_path):
    assert main(["download", "mars", "--folder", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "unknown data set 'mars'; known are" in err
    assert "miniboone" in err


@pytest.fixture
def registered(monkeypatch, tmp_path):
    """A registry of one data set whose only source is a mirror."""
    file = RemoteFile("numbers.txt", None, len(CONTENT), ())
    variant = Variant("text", (file,), lambda paths: paths)
    dataset = RemoteDataset("numbers", "Three numbers", "none", "nobody", (variant,))
    monkeypatch.setattr(download_module, "REGISTRY", {"numbers": dataset})
    mirror = tmp_path / "mirror"
    (mirror / "numbers").mkdir(parents=True)
    (mirror / "numbers" / "numbers.txt").write_bytes(CONTENT)
    return mirror


@pytest.mark.filterwarnings("ignore::mfglab.datasets.errors.UnverifiedFileWarning")
def test_files_are_fetched_and_named(registered, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(download_module.MIRROR_VARIABLE, str(registered))
    folder = tmp_path / "data"
    assert main(["download", "numbers", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.split() == [(folder / "numbers" / "numbers.txt").as_posix()]
    assert (folder / "numbers" / "numbers.txt").read_bytes() == CONTENT


def test_what_cannot_be_had_is_explained(registered, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(download_module.MIRROR_VARIABLE, raising=False)
    assert main(["download", "numbers", "--folder", str(tmp_path / "data")]) == 2
    err = capsys.readouterr().err
    assert "could not be downloaded" in err
    assert "numbers.txt" in err


@pytest.mark.parametrize("profile", ["gpt2", "paper", "real"])
def test_a_profile_with_other_data_names_its_own_protocol(profile):
    default = load_config([Path("config/default.yaml")]).transformers.tasks
    overlay = Path(f"config/{profile}.yaml")
    other = load_config([Path("config/default.yaml"), overlay]).transformers.tasks
    changed = [name for name, task in other.items() if task.data.kind != default[name].data.kind]
    assert changed
    for name in changed:
        # Inherited, the words of the default's data would stand beside numbers of these.
        assert other[name].protocol != default[name].protocol
