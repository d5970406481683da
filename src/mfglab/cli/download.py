"""``python -m mfglab download``: fetch a registered data set by hand."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from mfglab.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="data set to fetch; without it all are listed"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("data"),
        help="folder of all data sets, see `data_folder` in the configuration (default: data)",
    )


def run(arguments: Namespace) -> int:
    """List the registry, or make one data set available and name its files.

    Raises:
        ValueError: Unknown name.
        DatasetUnavailableError: No source has the files; the message says what to put where.
    """
    from mfglab.datasets.download import fetch  # numpy and the readers: not for other commands
    from mfglab.datasets.registry import REGISTRY

    if arguments.name is None:
        for name, dataset in sorted(REGISTRY.items()):
            print(f"{name:30} {dataset.title} ({dataset.licence})")
        return 0
    for path in fetch(arguments.name, arguments.folder).paths.values():
        print(path.as_posix())
    return 0


DOWNLOAD = Command("download", "fetch a data set, or list those that there are", configure, run)
