"""A server on this machine with two files, and how a data set of them is fetched."""

from __future__ import annotations

import hashlib
import http.server
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from mfglab.datasets.download import fetch
from mfglab.datasets.remote import RemoteFile

CONTENT = bytes(range(256)) * 40
OTHER = b"another content of some length"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Server:
    """What the server has and how it behaves; and what it was asked."""

    url: str = ""
    contents: dict[str, bytes] = field(default_factory=dict)
    ignores_range: bool = False
    wrong_range: bool = False
    cut_after: int | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)


def handler_of(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, span = self.path.lstrip("/"), self.headers.get("Range")
            server.asked.append((name, span))
            content = server.contents.get(name)
            if content is None:
                self.send_error(404)
                return
            start = 0
            if span is not None and not server.ignores_range:
                start = int(span.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
                self.send_response(206)
                told = start + server.wrong_range
                self.send_header("Content-Range", f"bytes {told}-{len(content) - 1}/{len(content)}")
            else:
                self.send_response(200)
            body = content[start:]
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: server.cut_after])

        def log_message(self, *arguments: object) -> None:
            return

    return Handler


def direct(request: urllib.request.Request, *, timeout: float):
    """An opener that no proxy of the environment gets in the way of."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=timeout)


def read_bytes(paths) -> bytes:
    return b"".join(path.read_bytes() for path in paths.values())


def remote(server: Server, name: str = "a.bin", **changes) -> RemoteFile:
    content = {"a.bin": CONTENT, "b.bin": OTHER}[name]
    values = {"sha256": sha256(content), "size": len(content), "urls": (server.url + name,)}
    return RemoteFile(name, **{**values, **changes})


def get(folder: Path, **options):
    return fetch("toy", folder, timeout=5, opener=direct, **options)


def partial(folder: Path, content: bytes) -> Path:
    part = folder / "toy" / "a.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(content)
    return part
