"""Files that are generated and committed: schemas, parameter manual, lock and environment."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from snakemake_tree import ROOT

from mfglab.__main__ import main
from mfglab.cli.manual import CLAIMS_SCHEMA, CONFIG_SCHEMA, MANUAL, generated_files
from mfglab.config import load_config, profile_paths

LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(line.split("==") for line in LOCK.split())
ENVIRONMENT = (ROOT / "environment.yml").read_text()


# ------------------------------------------------------------------------- schemas and manual


def test_schemas_and_manual_are_those_of_the_code(capsys):
    assert main(["schema", "--check", "--root", str(ROOT)]) == 0, capsys.readouterr().err


@pytest.fixture
def copy(tmp_path):
    """A folder with the generated files and what marks the root of a repository."""
    for path in [*generated_files(), "config/default.yaml"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


@pytest.mark.parametrize("path", [CONFIG_SCHEMA, CLAIMS_SCHEMA, MANUAL], ids=str)
def test_drift_is_found_named_and_mended(copy, capsys, path):
    changed = (copy / path).read_bytes().replace(b"number", b"Number", 1)
    assert changed != (copy / path).read_bytes()
    (copy / path).write_bytes(changed)
    words = ["schema", "--root", str(copy)]
    assert main([*words, "--check"]) == 1
    assert f"{path} is out of date" in capsys.readouterr().err
    assert (copy / path).read_bytes() == changed
    assert main(words) == 0
    assert main([*words, "--check"]) == 0


def test_a_missing_file_is_drift(copy):
    (copy / MANUAL).unlink()
    assert main(["schema", "--check", "--root", str(copy)]) == 1


def test_a_folder_that_is_no_repository_is_refused(tmp_path, capsys):
    assert main(["schema", "--root", str(tmp_path)]) == 2
    assert "root of the repository" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def schema(path):
    tree = json.loads((ROOT / path).read_text())
    jsonschema.Draft202012Validator.check_schema(tree)
    return jsonschema.Draft202012Validator(tree)


@pytest.mark.parametrize("profile", ["default", "smoke", "paper"])
def test_the_schema_accepts_the_profiles(profile):
    config = load_config(profile_paths(profile, ROOT / "config"))
    schema(CONFIG_SCHEMA).validate(config.model_dump(mode="json"))


def test_the_schema_refuses_what_the_models_refuse():
    validator = schema(CONFIG_SCHEMA)
    tree = yaml.safe_load((ROOT / "config" / "default.yaml").read_text())
    validator.validate(tree)
    assert not validator.is_valid(tree | {"devise": "cpu"})
    assert not validator.is_valid(tree | {"device": "abacus"})
    assert not validator.is_valid(tree | {"evaluation": {"nll_points": 1}})


def test_the_schema_accepts_the_claims():
    validator = schema(CLAIMS_SCHEMA)
    tree = yaml.safe_load((ROOT / "config" / "claims.yaml").read_text())
    validator.validate(tree)
    assert not validator.is_valid({"claims": [tree["claims"][0] | {"verdict": "reproduced"}]})


def keys_of(schema_tree):
    """All keys of all parts of a schema."""
    parts = [schema_tree, *schema_tree["$defs"].values()]
    return {key for part in parts for key in part.get("properties", {})}


@pytest.mark.parametrize("path", [CONFIG_SCHEMA, CLAIMS_SCHEMA], ids=str)
def test_the_manual_explains_every_key(path):
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (ROOT / MANUAL).read_text(), re.M)
    assert keys_of(json.loads((ROOT / path).read_text())) <= {key for key, _ in rows}


def test_every_row_of_the_manual_has_five_cells_and_a_meaning():
    text = (ROOT / MANUAL).read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    for row in rows:
        cells = re.split(r"(?<!\\)\|", row)[1:-1]
        assert len(cells) == 5, row
        assert cells[1].strip(), row
        assert cells[2].strip(), row


@pytest.mark.parametrize(
    "row",
    [
        "| `iterations` | integer | `1000` | ≥ 1 | Optimiser steps at most. |",
        '| `device` | `cpu` or `cuda` or `auto` | `"auto"` |  | Where models are trained; `auto` '
        "takes a GPU where there is one. |",
        "| `ema_decay` | number | `0.0` | ≥ 0, < 1 | Decay of the weight average used in testing; "
        "0 is off. |",
        "| `seeds` | list of integer | required | at least 1, each ≥ 0 | Seeds of every trained "
        "model. |",
    ],
)
def test_a_row_tells_type_default_range_and_meaning(row):
    assert row in (ROOT / MANUAL).read_text().splitlines()


def test_commands_of_the_manual_exist():
    text = (ROOT / MANUAL).read_text()
    named = set(re.findall(r"config/\w+\.yaml", text))
    assert {"config/default.yaml", "config/smoke.yaml", "config/paper.yaml"} <= named
    assert all((ROOT / name).is_file() for name in named)


# ------------------------------------------------------------------------ lock and environment


@pytest.fixture(scope="module")
def lock_script():
    return runpy.run_path(str(ROOT / "workflow" / "lock.py"))


def dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["dev"], *extras["huggingface"]]
    return [Requirement(line) for line in lines]


def test_the_lock_holds_pins_only():
    lines = LOCK.splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[^\s+;@#]+", line)] == []
    assert lines == sorted(set(lines))
    assert LOCK.endswith("\n")


def test_the_lock_covers_all_direct_dependencies():
    for requirement in dependencies():
        version = PINS[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement
    assert "setuptools" in PINS


def test_the_lock_has_the_torch_of_the_makefile(lock_script):
    pin = lock_script["torch_pin"](ROOT / "Makefile")
    assert pin == f"torch=={PINS['torch']}"


def test_the_environment_is_that_of_the_lock(lock_script):
    names = lock_script["direct_dependencies"](ROOT / "pyproject.toml")
    assert {canonicalize_name(name) for name in names} == {
        canonicalize_name(requirement.name) for requirement in dependencies()
    }
    assert lock_script["environment_text"](LOCK.split(), names) == ENVIRONMENT


def test_the_environment_pins_every_direct_dependency():
    tree = yaml.safe_load(ENVIRONMENT)
    python, _, pip = tree["dependencies"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert python.removeprefix("python=") + ".0" in _specifier(project["requires-python"])
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in pip["pip"]}
    assert pinned == {
        canonicalize_name(requirement.name): PINS[canonicalize_name(requirement.name)]
        for requirement in dependencies()
    }


def _specifier(text):
    return Requirement(f"python{text}").specifier


def test_what_pip_compile_prints_becomes_pins(lock_script):
    printed = """
--find-links somewhere
# via nothing
torch==2.13.0+cu130
nvidia-cublas==13.1.0 ; platform_system == "Linux"
triton==3.5.0
POT==0.9.7
types-PyYAML==6.0
POT==0.9.7
"""
    assert lock_script["lock_lines"](printed) == [
        "pot==0.9.7",
        "torch==2.13.0",
        "types-pyyaml==6.0",
    ]


def test_a_line_that_is_no_pin_is_refused(lock_script):
    with pytest.raises(ValueError, match=r"expected name==version, got 'torch>=2'"):
        lock_script["lock_lines"]("torch>=2\n")


def test_a_dependency_that_the_lock_lacks_is_named(lock_script):
    with pytest.raises(ValueError, match="lacks numpy"):
        lock_script["environment_text"](["torch==2.13.0"], ["numpy", "torch"])


def test_a_makefile_without_torch_is_refused(lock_script, tmp_path):
    (tmp_path / "Makefile").write_text("TORCH ?= \n")
    with pytest.raises(ValueError, match="has no line such as"):
        lock_script["torch_pin"](tmp_path / "Makefile")


# ------------------------------------------------------------------------------- environment


def make_plan(target, folder):
    """Commands of a target of the Makefile where nothing is installed yet."""
    words = ["make", "--dry-run", target, f"VENV={folder / 'none'}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.replace("\\\n", "")


def test_a_run_installs_nothing_that_only_tests_need(tmp_path):
    for target in ("reproduce", "test"):
        plan = make_plan(target, tmp_path)
        installs = [line for line in plan.splitlines() if " pip install " in line]
        assert all("--constraint requirements.lock" in line for line in installs)
        extras = [line for line in installs if '".[dev,huggingface]"' in line]
        assert len(extras) == (target == "test")
        assert len(installs) == 2 + len(extras)


def test_what_runs_imports_declared_packages_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    distributions = packages_distributions()
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "workflow" / "scripts").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            for name in (name.split(".")[0] for name in names):
                if name in sys.stdlib_module_names or name == "mfglab":
                    continue
                found = {canonicalize_name(one) for one in distributions.get(name, [name])}
                assert found & declared, f"{path.name} imports {name}"
