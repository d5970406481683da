"""One file over HTTP: resumed where it stopped, checked before it takes its name."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from mfglab.datasets.integrity import mismatch, record_path
from mfglab.datasets.remote import RemoteFile

_CHUNK = 1 << 20
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


class Response(Protocol):
    """What an opener returns: the part of ``http.client.HTTPResponse`` that is used."""

    status: int
    headers: http.client.HTTPMessage

    def read(self, amt: int, /) -> bytes:
        """At most ``amt`` bytes; empty at the end."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class Opener(Protocol):
    """Opens a request; ``urllib.request.urlopen`` is one."""

    def __call__(self, request: urllib.request.Request, *, timeout: float) -> Response:
        """Send ``request``; ``timeout`` in seconds bounds each wait for the network."""
        ...


class TransferError(Exception):
    """One address did not give the file; the message says why."""


def download(file: RemoteFile, url: str, target: Path, timeout: float, opener: Opener) -> None:
    """Download ``file`` from ``url`` to ``target``, by way of ``<target>.part``.

    A partial file left by an interrupted call is continued with an HTTP range when a digest is
    known that can prove the joined file right; a server that ignores the range or refuses it
    gives the whole file instead. A complete download that is not the expected file is deleted.

    Args:
        file: What is expected.
        url: Where from.
        target: Final name; must not exist.
        timeout: Seconds without an answer before giving up.
        opener: Sends the requests.

    Raises:
        TransferError: No connection, an HTTP error, a transfer cut off (the partial file stays),
            or wrong content (expected and actual digest are in the message).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part, record = target.with_name(f"{target.name}.part"), record_path(target)
    if file.digest is None:
        part.unlink(missing_ok=True)
    resumed = part.exists()
    try:
        _transfer(url, part, timeout, opener)
        problem = mismatch(file, part, record)
        if problem is not None and resumed:
            # The beginning may have been of another file: once more, from the start.
            part.unlink()
            _transfer(url, part, timeout, opener)
            problem = mismatch(file, part, record)
    except (OSError, http.client.HTTPException) as error:
        raise TransferError(_reason(error)) from error
    if problem is not None:
        part.unlink()
        raise TransferError(f"downloaded, but {problem}; deleted")
    part.replace(target)


def _transfer(url: str, part: Path, timeout: float, opener: Opener) -> None:
    """Bring ``part`` to the full length that the server announces."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "mfglab", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        response = opener(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE or not have:
            raise
        # Nothing after our last byte: either all is here, or this is part of another file. The
        # digest tells, so leave the file to the caller.
        error.close()
        return
    try:
        _receive(response, part, have)
    finally:
        response.close()


def _receive(response: Response, part: Path, have: int) -> None:
    """Append a range, or write the whole file when the server sends that."""
    span = str(response.headers.get("Content-Range", ""))
    continues = response.status == _PARTIAL_CONTENT and span.startswith(f"bytes {have}-")
    if response.status == _PARTIAL_CONTENT and not continues:
        raise OSError(f"the server answered with the wrong range {span!r}")
    announced = response.headers.get("Content-Length")
    received = 0
    with part.open("ab" if continues else "wb") as stream:
        while chunk := response.read(_CHUNK):
            stream.write(chunk)
            received += len(chunk)
    if announced is not None and received != int(announced):
        raise OSError(f"the connection closed after {received} of {announced} bytes")


def _reason(error: Exception) -> str:
    """The error in a few words, with its kind where the words alone say little."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return f"{type(error).__name__}: {error}"
