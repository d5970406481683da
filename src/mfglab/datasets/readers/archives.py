"""Members of tar and zip archives, read in memory: nothing is ever unpacked to disk."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from mfglab.datasets.errors import MalformedFileError


def tar_members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file of a ``.tar.gz`` whose name is wanted.

    Raises:
        MalformedFileError: The archive is damaged or cut off.
    """
    last = "first member"
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                last = f"after member {member.name!r}"
                stream = archive.extractfile(member) if wanted(member.name) else None
                if stream is not None:
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise MalformedFileError(path, last, f"damaged tar.gz archive ({error})") from error


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """An opened zip archive.

    Raises:
        MalformedFileError: Not a zip archive, or a member read in the block is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise MalformedFileError(path, "archive", f"damaged zip archive ({error})") from error


def zip_names(archive: zipfile.ZipFile) -> list[str]:
    """Names of the files of an archive, without the resource forks that macOS adds."""
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir()
        and not info.filename.startswith("__MACOSX/")
        and not PurePosixPath(info.filename).name.startswith("._")
    ]
