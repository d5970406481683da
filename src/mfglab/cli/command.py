"""What a command is: a name, its arguments and a function that returns an exit code."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    Args:
        name: Word on the command line.
        help: One sentence for the list of commands.
        configure: Adds the command's arguments to its parser.
        run: Does the work; returns the exit code.
    """

    name: str
    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]


def add_overlays(
    parser: ArgumentParser, text: str = "overlays on config/default.yaml, later ones win"
) -> None:
    """The argument ``--configfile`` of all commands that read a configuration.

    Args:
        parser: Parser of the command.
        text: What the help says.
    """
    parser.add_argument(
        "--configfile",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help=text,
    )
