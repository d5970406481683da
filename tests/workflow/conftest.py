from __future__ import annotations

import contextlib
import runpy

import pytest
from snakemake_tree import Tree


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A copy of the repository in which nothing is run: for planning and reading."""
    return Tree.make(tmp_path_factory.mktemp("tree") / "repository")


@pytest.fixture(scope="session")
def stage_runner(tree):
    """Names of ``workflow/run_stage.py``."""
    return runpy.run_path(str(tree.root / "workflow" / "run_stage.py"))


@pytest.fixture(scope="session")
def workflow(tree, stage_runner):
    """Snakemake's workflow object of the default profile."""
    with contextlib.chdir(tree.root), stage_runner["open_workflow"]() as parsed:
        yield parsed
