"""Fetch a registered data set: from its folder, from a local mirror, or from its addresses."""

from __future__ import annotations

import os
import shutil
import urllib.request
from pathlib import Path
from types import MappingProxyType
from typing import cast

from mfglab.datasets.errors import DatasetUnavailableError, DigestMismatchError
from mfglab.datasets.integrity import mismatch, record_path, verify
from mfglab.datasets.registry import REGISTRY
from mfglab.datasets.remote import FetchedDataset, RemoteDataset, RemoteFile, Variant
from mfglab.datasets.transfer import Opener, Response, TransferError, download
from mfglab.files import atomic_path

_REPACKED = "a copy repacked for this project, no address"

MIRROR_VARIABLE = "MFGLAB_DATA_MIRROR"
"""Environment variable that names the local mirror when none is given."""


def fetch(
    name: str,
    folder: Path,
    *,
    mirror: Path | None = None,
    timeout: float = 30.0,
    opener: Opener | None = None,
) -> FetchedDataset:
    """Make the files of a data set available in ``folder/<name>/``.

    In this order, and within each step the canonical variant before its alternatives: files
    already in the folder; files of the mirror, which is laid out as ``<mirror>/<name>/<file>``,
    copied; files downloaded from the registered addresses. Every file is verified on every call.
    One call at a time for one folder: two would write to the same partial file.

    Args:
        name: Name in the registry.
        folder: Folder of all data sets; made when missing.
        mirror: Folder of the mirror; default: the environment variable ``MFGLAB_DATA_MIRROR``,
            and without that no mirror.
        timeout: Seconds to wait for a server.
        opener: Sends the requests, default ``urllib.request.urlopen``.

    Raises:
        ValueError: Unknown name, or a mirror that is no folder.
        DigestMismatchError: A file in the folder or the mirror is not the published one; it is
            left as it is.
        DatasetUnavailableError: No source has the files; the message says what to put where.
    """
    if name not in REGISTRY:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(sorted(REGISTRY))}")
    dataset = REGISTRY[name]
    home = folder / name
    shelf = _mirror_folder(mirror, name)
    for source in (None, shelf):
        for variant in dataset.variants:
            if all(_at_hand(file, home, source) for file in variant.files):
                return _collect(dataset, variant, home, source)
    failures: list[str] = []
    for variant in dataset.variants:
        if _download_missing(variant, home, shelf, timeout, opener or _urlopen, failures):
            return _collect(dataset, variant, home, shelf)
    raise DatasetUnavailableError(_instructions(dataset, home, failures))


def _urlopen(request: urllib.request.Request, *, timeout: float) -> Response:
    return cast(Response, urllib.request.urlopen(request, timeout=timeout))


def _mirror_folder(mirror: Path | None, name: str) -> Path | None:
    """Folder of one data set in the mirror, or none without a mirror."""
    if mirror is None:
        named = os.environ.get(MIRROR_VARIABLE, "")
        if not named:
            return None
        mirror = Path(named)
    if not mirror.is_dir():
        raise ValueError(f"the mirror {mirror} is not a folder")
    return mirror / name


def _at_hand(file: RemoteFile, home: Path, shelf: Path | None) -> bool:
    """Whether the file lies in the folder or in the mirror, verified or not."""
    return (home / file.filename).exists() or (
        shelf is not None and (shelf / file.filename).exists()
    )


def _collect(
    dataset: RemoteDataset, variant: Variant, home: Path, shelf: Path | None
) -> FetchedDataset:
    """Verify what the folder has and copy the rest from the mirror."""
    paths = {}
    for file in variant.files:
        path = home / file.filename
        if not path.exists() and shelf is not None:
            _copy(file, shelf / file.filename, path)
        verify(file, path)
        paths[file.filename] = path
    return FetchedDataset(dataset.name, variant, MappingProxyType(paths))


def _copy(file: RemoteFile, source: Path, target: Path) -> None:
    """Copy from the mirror, checking the copy before it takes its name."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)
        for record in (record_path(source), record_path(target)):
            problem = mismatch(file, temporary, record)
            if problem is not None:
                raise DigestMismatchError(f"{source} is not the expected file: {problem}")


def _download_missing(
    variant: Variant,
    home: Path,
    shelf: Path | None,
    timeout: float,
    opener: Opener,
    failures: list[str],
) -> bool:
    """Download the files of a variant that are nowhere at hand; false when one fails."""
    for file in variant.files:
        if _at_hand(file, home, shelf):
            continue
        target = home / file.filename
        if not _download_file(file, target, timeout, opener, failures):
            return False
    return True


def _download_file(
    file: RemoteFile, target: Path, timeout: float, opener: Opener, failures: list[str]
) -> bool:
    """Try the addresses of a file in turn; note why each failed."""
    for url in file.urls:
        try:
            download(file, url, target, timeout, opener)
        except TransferError as error:
            failures.append(f"{url}: {error}")
        else:
            return True
    return False


def _instructions(dataset: RemoteDataset, home: Path, failures: list[str]) -> str:
    """What was tried, and what to put where by hand."""
    lines = [f"data set {dataset.name!r} is not at hand and could not be downloaded."]
    lines += [f"  tried {failure}" for failure in failures]
    for number, variant in enumerate(dataset.variants):
        lines.append(f"{'or' if number else 'Put'} into {home} ({variant.name}):")
        for file in variant.files:
            algorithm, digest = file.digest or ("sha256", "not known: it cannot be verified")
            where = " or ".join(file.urls) or variant.recipe or _REPACKED
            lines.append(f"  {file.filename} ({algorithm} {digest}) from {where}")
    lines.append(f"or name a folder that has {dataset.name}/ as {MIRROR_VARIABLE}.")
    return "\n".join(lines)
