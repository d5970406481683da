"""What the scripts load before they start: seconds of every job."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from snakemake_tree import ROOT

from mfglab.reporting.code_digest import module_closure

pytestmark = pytest.mark.workflow

#: Stages that train with Lightning. All others must do without it: it takes longer to import
#: than torch.
TRAIN = {
    "study_adversarial",
    "study_boltzmann",
    "study_contamination",
    "study_data_efficiency",
    "study_equivariance",
    "study_flow_ablation",
    "study_hjb_score",
    "study_manifolds",
    "study_memorisation",
    "study_time_to_quality",
    "sweep_transformer",
    "train_model",
    "train_transformer",
}
#: Stages that read tables and files, and must do without torch.
READ = ("table_", "figure_", "claims", "audit", "download_")


def imports_of(path):
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    return [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


IMPORTS = {
    path.stem: imports_of(path) for path in sorted((ROOT / "workflow" / "scripts").glob("*.py"))
}


def loaded_by(names):
    """Top-level packages that a process has loaded after the imports of these scripts."""
    lines = [ast.unparse(node) for name in names for node in IMPORTS[name]]
    lines += ["import sys", "print(*sorted({name.split('.')[0] for name in sys.modules}))"]
    words = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    return set(done.stdout.split())


def package_modules(nodes):
    found = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [module for module in found if module.startswith("mfglab.")]


@pytest.mark.parametrize("name", sorted(set(IMPORTS) - {"audit"}))
def test_the_frame_is_the_first_import_of_the_package(name):
    first, *others = package_modules(IMPORTS[name])
    assert first == "mfglab.reporting.script"
    assert "mfglab.reporting.stage" not in others


def test_the_stages_that_train_are_those_that_reach_the_training_loop():
    reached = {name: module_closure(*package_modules(nodes)) for name, nodes in IMPORTS.items()}
    assert {name for name, found in reached.items() if "mfglab.training.fit" in found} == TRAIN


def test_stages_that_train_nothing_load_no_lightning():
    light = [name for name in IMPORTS if name not in TRAIN]
    assert {"evaluate_model", "evaluate_transformer", "prepare_dataset", "study_digits"} <= {*light}
    loaded = loaded_by(light)
    assert "torch" in loaded
    assert not loaded & {"lightning", "pytorch_lightning", "lightning_fabric"}


def test_tables_figures_and_claims_load_no_torch():
    loaded = loaded_by([name for name in IMPORTS if name.startswith(READ)])
    assert {"mfglab", "pandas"} <= loaded
    assert "torch" not in loaded
