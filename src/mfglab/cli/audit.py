"""``python -m mfglab audit``: check a results folder, or tell the lineage of one result."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfglab.cli.command import Command, add_overlays
from mfglab.reporting.audit import audit
from mfglab.reporting.lineage import describe, rerun

#: Help of ``--configfile`` for commands that are told a folder of results.
OVERLAYS = (
    "overlays on config/default.yaml of the run, later ones win (default: the one that is named "
    "like the results folder)"
)


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "path",
        nargs="?",
        type=Path,
        help="a result, to tell its lineage; without it the whole results folder is checked",
    )
    parser.add_argument(
        "--rerun", action="store_true", help="recompute the stage that made PATH and compare"
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results/default"), help="folder to check"
    )
    add_overlays(parser, OVERLAYS)


def run(arguments: Namespace) -> int:
    """Print the audit or the lineage; 0 when all is ok, 1 when not.

    Raises:
        ValueError: ``--rerun`` without a path.
    """
    if arguments.path is not None:
        return _one_result(arguments.path, arguments.rerun)
    if arguments.rerun:
        raise ValueError("--rerun needs the PATH of a result")
    config = load(arguments.configfile, arguments.results.name)
    report = audit(arguments.results, config)
    print(report.table())
    return 0 if report.ok else 1


def load(overlays: Sequence[Path], profile: str) -> Mapping[str, Any]:
    """The typed configuration as nested plain data; that of ``profile`` without overlays."""
    from mfglab.config import DEFAULT_CONFIG, load_config, profile_paths  # no lineage needs it

    paths = [DEFAULT_CONFIG, *overlays] if overlays else profile_paths(profile)
    config: dict[str, Any] = load_config(paths).expanded()
    return config


def _one_result(path: Path, again: bool) -> int:
    print(describe(path))
    if not again:
        return 0
    report = rerun(path)
    print(report.text())
    return 0 if report.ok else 1


AUDIT = Command("audit", "check recorded results, or tell how one was made", configure, run)
