"""What can go wrong between a data set's address and its arrays."""

from __future__ import annotations

from pathlib import Path


class DatasetError(RuntimeError):
    """A data set could not be had."""


class DatasetUnavailableError(DatasetError):
    """No file, no mirror and no address answered; the message says what to put where."""


class DigestMismatchError(DatasetError):
    """A file present is not the file that is meant; it was left as it is."""


class MalformedFileError(ValueError):
    """A file's content is not what its format says.

    Args:
        path: The file, or the archive that it lies in.
        where: Line, byte offset, row or member at fault.
        problem: What is wrong there and what was expected.
    """

    def __init__(self, path: Path | str, where: str, problem: str) -> None:
        super().__init__(f"{path}: {where}: {problem}")


class UnverifiedFileWarning(UserWarning):
    """No published digest is known for a file: its content is taken on trust, once."""
