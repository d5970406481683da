"""``python -m mfglab readme``: refresh the table of claims in the README, or check it."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from mfglab.cli.command import Command
from mfglab.reporting.readme import CLAIMS, is_fresh, refresh_readme
from mfglab.reporting.reference import README, README_LEDGER


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when the table is out of date"
    )
    parser.add_argument("--readme", type=Path, default=README, metavar="FILE", help="the README")
    parser.add_argument(
        "--ledger",
        type=Path,
        default=README_LEDGER,
        metavar="FILE",
        help=f"ledger of a reference run (default: {README_LEDGER.as_posix()})",
    )
    parser.add_argument(
        "--claims", type=Path, default=CLAIMS, metavar="FILE", help="the claim file"
    )


def run(arguments: Namespace) -> int:
    """Write the table; with ``--check`` only compare: 0 when it is up to date, 1 when not."""
    files = (arguments.readme, arguments.ledger, arguments.claims)
    if arguments.check:
        if is_fresh(*files):
            print(f"{arguments.readme} is up to date")
            return 0
        print(f"{arguments.readme} is out of date: run `python -m mfglab readme`", file=sys.stderr)
        return 1
    changed = refresh_readme(*files)
    print(f"{'written' if changed else 'up to date'}: {arguments.readme}")
    return 0


README_COMMAND = Command("readme", "refresh the table of claims in the README", configure, run)
