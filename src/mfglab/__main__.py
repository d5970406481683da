"""Command line of the package: ``python -m mfglab COMMAND``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mfglab.cli import COMMANDS


def build_parser() -> argparse.ArgumentParser:
    """Parser with one subparser for each command."""
    parser = argparse.ArgumentParser(prog="mfglab", description="Mean-field-game laboratory.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        subparser = commands.add_parser(command.name, help=command.help, description=command.help)
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Words after the program's name; those of the process when not given.

    Returns:
        Exit code: 0 success, 1 the command found something wrong, 2 bad input.
    """
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"mfglab {arguments.command}: {error}", file=sys.stderr)
        return 2
    return code


if __name__ == "__main__":
    sys.exit(main())
