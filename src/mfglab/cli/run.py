"""``python -m mfglab run``: one stage in this process, for a debugger."""

from __future__ import annotations

import runpy
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from mfglab.cli.command import Command, add_overlays

#: Reads the workflow; it lies outside the package, which knows no workflow manager.
STAGE_RUNNER = Path("workflow/run_stage.py")


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "rule", nargs="?", metavar="RULE", help="rule to run; without it all rules are listed"
    )
    parser.add_argument(
        "wildcards",
        nargs="*",
        metavar="KEY=VALUE",
        help="value of a wildcard of the rule, such as dataset=moons",
    )
    add_overlays(parser)
    parser.add_argument(
        "--pdb", action="store_true", help="enter the post-mortem debugger when the stage fails"
    )


def run(arguments: Namespace) -> int:
    """Run the stage; 0 when it succeeds, 1 when its script fails.

    Raises:
        FileNotFoundError: This is not the root of the repository.
        ValueError: The stage cannot be run; the message says why and what there is.
    """
    if not STAGE_RUNNER.is_file():
        raise FileNotFoundError(
            f"{STAGE_RUNNER} does not exist; run this in the root of the repository"
        )
    wildcards = parse_wildcards(arguments.wildcards)
    runner = runpy.run_path(str(STAGE_RUNNER))
    code: int = runner["main"](arguments.rule, wildcards, arguments.configfile, arguments.pdb)
    return code


def parse_wildcards(words: Sequence[str]) -> dict[str, str]:
    """Wildcards from words ``key=value``.

    Raises:
        ValueError: A word has no ``=``, an empty side, or a key that occurred before.

    Example:
        >>> parse_wildcards(["model=otflow", "dataset=moons"])
        {'model': 'otflow', 'dataset': 'moons'}
    """
    wildcards: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        if not key or not value:
            raise ValueError(f"expected KEY=VALUE such as dataset=moons, got {word!r}")
        if key in wildcards:
            raise ValueError(f"wildcard {key!r} is given twice")
        wildcards[key] = value
    return wildcards


RUN = Command("run", "run one stage without the scheduler, for a debugger", configure, run)
