"""What a command is: a name, its arguments and a function that returns an exit code."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


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
