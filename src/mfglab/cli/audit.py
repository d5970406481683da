"""``python -m mfglab audit``: check a results folder, or tell the lineage of one result."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfglab.cli.command import Command
from mfglab.reporting.audit import audit
from mfglab.reporting.lineage import describe, rerun


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
    parser.add_argument(
        "--configfile",
        type=Path,
        action="append",
        help="configuration, later files overlay earlier ones (default: config/default.yaml and "
        "the overlay named like the results folder)",
    )


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


def load(files: Sequence[Path] | None, profile: str) -> Mapping[str, Any]:
    """The typed configuration as nested plain data; files of ``profile`` when none are given."""
    from mfglab.config import load_config, profile_paths  # not needed to tell a lineage

    config: dict[str, Any] = load_config(files or profile_paths(profile)).expanded()
    return config


def _one_result(path: Path, again: bool) -> int:
    print(describe(path))
    if not again:
        return 0
    report = rerun(path)
    print(report.text())
    return 0 if report.ok else 1


AUDIT = Command("audit", "check recorded results, or tell how one was made", configure, run)
