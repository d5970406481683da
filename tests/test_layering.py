"""Imports run one way: the layers of the package, read from its syntax trees."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "mfglab"

# Layer: the layers of this package that it may import, itself apart.
ALLOWED = {
    "games": set(),
    "config": set(),
    "files": set(),
    "trajectories": {"games"},
    "networks": set(),
    "metrics": set(),
    "datasets": {"games", "config", "files"},
    "solvers": {"games", "trajectories", "networks", "config"},
    "training": {"solvers", "config"},
    "robustness": {"games", "trajectories", "networks", "metrics", "solvers"},
    "experiments": {
        "games",
        "trajectories",
        "networks",
        "metrics",
        "datasets",
        "solvers",
        "training",
        "robustness",
        "config",
    },
    "reporting": {"config", "files"},
    "cli": {"reporting", "config", "datasets", "files"},
    "__main__": {"cli"},
    "__init__": set(),
}
FORBIDDEN = {"snakemake"}
# Layers that start in a moment: they serve tables, figures, claims and the audit.
LIGHT = {"reporting", "cli", "config", "files", "__main__", "__init__"}
HEAVY = {"torch", "lightning", "torchdiffeq", "pytorch_lightning"}


def modules():
    return sorted(ROOT.rglob("*.py"))


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def layer(name):
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(source, name, top_level_only=False):
    """Full names of all modules, or things in them, that the module ``name`` imports."""
    tree = ast.parse(source)
    nodes = list(_at_import(tree)) if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = name.split(".")[: -node.level]
                base = ".".join([*above, *([base] if base else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def _at_import(tree):
    """Nodes that run when the module is imported: no function bodies, no typing-only blocks."""
    stack = [tree]
    while stack:
        node = stack.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                stack.extend(child.orelse)
                continue
            stack.append(child)


def layers_of(names):
    """Layers of this package among imported names; the bare package has none of its own."""
    return {name.split(".")[1] for name in names if name.startswith("mfglab.")} - {"__version__"}


def owner(dotted, known):
    """The module that ``dotted`` is or is a part of: `from mfglab.cli import audit` names one."""
    parts = dotted.split(".")
    prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in known), None)


@pytest.fixture(scope="module")
def imports():
    return {module_name(path): imported(path.read_text(), module_name(path)) for path in modules()}


def test_the_reader_sees_every_form_of_import():
    source = """
import torch.nn
import mfglab.games.game as g
from mfglab import networks
from mfglab.solvers.base import Solver
from . import batches
from .fit import fit
from ..config import Config
def later():
    import snakemake
"""
    found = imported(source, "mfglab.training.module")
    assert {"torch.nn", "mfglab.games.game", "snakemake"} <= found
    assert layers_of(found) == {"games", "networks", "solvers", "training", "config"}
    at_import = imported(source, "mfglab.training.module", top_level_only=True)
    assert "snakemake" not in at_import
    assert "torch.nn" in at_import


def test_there_is_a_package_to_read(imports):
    assert {"mfglab.games.game", "mfglab.training.fit", "mfglab.config"} <= set(imports)


def test_every_layer_is_known(imports):
    assert {layer(name) for name in imports} <= set(ALLOWED)


@pytest.mark.parametrize("path", modules(), ids=module_name)
def test_a_module_imports_only_from_below(path):
    name = module_name(path)
    found = imported(path.read_text(), name)
    own = layer(name)
    assert layers_of(found) - {own} <= ALLOWED[own]
    assert not {other.split(".")[0] for other in found} & FORBIDDEN


def test_the_layers_have_an_order():
    order = list(graphlib.TopologicalSorter(ALLOWED).static_order())  # raises on a cycle
    assert order.index("games") < order.index("trajectories") < order.index("solvers")
    assert order.index("solvers") < order.index("experiments")


def test_no_module_imports_itself_in_a_circle(imports):
    graph = {
        name: {
            other
            for dotted in imported(path.read_text(), name, top_level_only=True)
            if (other := owner(dotted, imports)) and other != name
        }
        for name, path in ((module_name(path), path) for path in modules())
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(imports) <= set(order)


def test_games_know_no_network_no_file_and_no_configuration(imports):
    banned = {"pathlib", "os", "io", "yaml", "json", "pydantic", "torch.nn"}
    for name, found in imports.items():
        if layer(name) == "games":
            assert not {dotted for dotted in found for b in banned if owner(dotted, {b})}, name


def loaded_by(statement):
    code = f"{statement}; import sys; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_light_layers_load_no_torch():
    names = sorted(
        module_name(path)
        for path in modules()
        if layer(module_name(path)) in LIGHT and path.stem not in {"__main__", "__init__"}
    )
    assert {"mfglab.reporting.stage", "mfglab.reporting.ledger", "mfglab.config.loading"} <= set(
        names
    )
    found = loaded_by(f"import {', '.join(names)}, mfglab.cli, mfglab.__main__")
    assert "mfglab" in found
    assert not found & HEAVY
    assert "snakemake" not in found


def test_the_probe_sees_what_is_loaded():
    assert {"mfglab", "numpy"} <= loaded_by("import mfglab.metrics.samples")
