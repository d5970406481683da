"""Files: written whole or not at all, hashed, named relative to the working folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Temporary name beside ``path`` that becomes ``path`` when the body succeeds.

    The suffix is kept, because many writers (``numpy.savez``, ``savefig``) read the format from
    it. Missing parent folders are made. When the body fails the temporary file is removed and an
    older ``path`` stays as it was.

    Args:
        path: Where the file shall be.

    Yields:
        The name to write to, in the same folder.

    Raises:
        FileNotFoundError: The body finished without writing the file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"nothing was written for {target}")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8 with Unix line ends, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sha256_file(path: str | Path) -> str:
    """Hexadecimal sha256 of the bytes of one file.

    Raises:
        FileNotFoundError: There is no such file.
        IsADirectoryError: The path is a folder; stages declare files.
    """
    return file_digest(path, "sha256")


def file_digest(path: str | Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of the bytes of one file; errors as for :func:`sha256_file`."""
    if Path(path).is_dir():
        raise IsADirectoryError(f"{path} is a folder; a stage must name its files one by one")
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def relative_name(path: str | Path, root: Path | None = None) -> str:
    """``path`` relative to ``root`` (default: the working folder), with ``/`` on every system.

    Records hold such names only, so that a record does not depend on where the folder lies.
    """
    base = Path.cwd() if root is None else root.absolute()
    return Path(os.path.relpath(base / path, base)).as_posix()
