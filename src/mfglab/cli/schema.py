"""``python -m mfglab schema``: write the JSON schemas and the parameter manual, or check them."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from mfglab.cli.command import Command
from mfglab.files import write_text


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is out of date"
    )
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="FOLDER", help="root of the repository"
    )


def run(arguments: Namespace) -> int:
    """Write the files; with ``--check`` only compare: 0 when all are up to date, 1 when not.

    Raises:
        FileNotFoundError: The folder is not the root of the repository.
    """
    if not (arguments.root / "config" / "default.yaml").is_file():
        raise FileNotFoundError(
            f"config/default.yaml is not in {arguments.root.absolute().name!r}; run this in the "
            "root of the repository"
        )
    changed = drifted(arguments.root)
    for path, text in changed.items():
        if arguments.check:
            print(f"{path} is out of date: run `python -m mfglab schema`", file=sys.stderr)
        else:
            write_text(arguments.root / path, text)
            print(f"written: {path}")
    if not changed:
        print("schemas and manual are up to date")
    return 1 if arguments.check and changed else 0


def drifted(root: Path) -> dict[Path, str]:
    """Generated files that are missing below ``root`` or differ: path to what they should hold."""
    from mfglab.cli.manual import generated_files  # not needed by the other commands

    return {
        path: text
        for path, text in generated_files().items()
        if not (root / path).is_file() or (root / path).read_bytes() != text.encode("utf-8")
    }


SCHEMA = Command("schema", "write JSON schemas and parameter manual from the code", configure, run)
