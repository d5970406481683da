"""``python -m mfglab reference``: keep the small results of a finished run in the repository."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mfglab.cli import audit
from mfglab.cli.command import Command, add_overlays
from mfglab.reporting.readme import refresh_readme
from mfglab.reporting.reference import README, README_LEDGER, REFERENCE, make_reference


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        default=Path("results/default"),
        help="results of a complete run (default: results/default)",
    )
    add_overlays(parser, audit.OVERLAYS)
    some = parser.add_mutually_exclusive_group()
    some.add_argument(
        "--partial",
        action="store_true",
        help="some targets alone were run: keep their tables and judge what they allow",
    )
    some.add_argument(
        "--update",
        action="store_true",
        help="the same, and keep the files of the older reference that were not run",
    )


def run(arguments: Namespace) -> int:
    """Copy what is worth keeping, name it, and refresh the README.

    Raises:
        ReferenceRunError: The run is incomplete, fails its audit, or a file is too large.
    """
    config = audit.load(arguments.configfile, arguments.results.name)
    folder = REFERENCE / arguments.results.name
    options = {"partial": arguments.partial, "update": arguments.update}
    for path in make_reference(arguments.results, folder, config, **options):
        print(path.as_posix())
    if refresh_readme(README, README_LEDGER):
        print(README.as_posix())
    return 0


REFERENCE_COMMAND = Command(
    "reference", "copy the small results of a run into results/reference", configure, run
)
