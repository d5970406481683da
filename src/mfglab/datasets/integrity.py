"""Is this the file that is meant? Published digests, and digests remembered from first use."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from mfglab.datasets.errors import DigestMismatchError, UnverifiedFileWarning
from mfglab.datasets.remote import RemoteFile
from mfglab.files import atomic_path, file_digest


def record_path(path: Path) -> Path:
    """Where the digest of a file without a published one is remembered: ``<file>.sha256``."""
    return path.with_name(f"{path.name}.sha256")


def mismatch(file: RemoteFile, path: Path, record: Path) -> str | None:
    """Why the content at ``path`` is not ``file``, or none.

    Args:
        file: What is expected: its size and digest are compared where they are known.
        path: The content, under whatever name.
        record: Digest remembered from first use; compared where it exists and no published digest
            is known.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"expected {file.size} bytes, found {size}"
    if file.digest is not None:
        algorithm, expected = file.digest
        source = "published"
    elif record.exists():
        algorithm, expected = "sha256", _recorded(record)
        source = f"recorded in {record}"
    else:
        return None
    actual = file_digest(path, algorithm)
    if actual == expected:
        return None
    return f"expected {algorithm} {expected} ({source}), found {actual}"


def verify(file: RemoteFile, path: Path) -> None:
    """Check a file at hand; nothing is changed but the record of a first use.

    A file without a published digest is compared with the digest in ``<file>.sha256``; on first
    use that record is written, with a warning that the content is taken on trust.

    Raises:
        DigestMismatchError: The content differs; the message has both digests.
    """
    record = record_path(path)
    problem = mismatch(file, path, record)
    if problem is not None:
        raise DigestMismatchError(
            f"{path} is not the expected file: {problem}. It was left as it is: remove it or put "
            "the right one in its place."
        )
    if file.digest is None and not record.exists():
        _trust(path, record)


def _trust(path: Path, record: Path) -> None:
    """Remember the digest of a file that cannot be verified, with a warning that says so."""
    digest = file_digest(path)
    warnings.warn(
        f"{path} cannot be verified: no digest of it was published. Its sha256 {digest} is now "
        f"recorded in {record.name}, and later uses are checked against that.",
        UnverifiedFileWarning,
        stacklevel=3,
    )
    with atomic_path(record) as temporary:
        temporary.write_text(f"{digest}  {path.name}\n", encoding="ascii")


def _recorded(record: Path) -> str:
    """The digest in a record, in the form of ``sha256sum``."""
    fields = record.read_text(encoding="utf-8", errors="replace").split()
    digest = fields[0] if fields else ""
    if not re.fullmatch("[0-9a-f]{64}", digest):
        raise DigestMismatchError(f"{record} holds no sha256: remove it to trust the file anew")
    return digest
