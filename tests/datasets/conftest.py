"""Fixtures of the download tests."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from local_server import CONTENT, OTHER, Server, handler_of, read_bytes

from mfglab.datasets import download as module
from mfglab.datasets.remote import RemoteDataset, RemoteFile, Variant


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server(contents={"a.bin": CONTENT, "b.bin": OTHER})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler_of(state)) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_address[1]}/"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        httpd.shutdown()
        thread.join()


@pytest.fixture
def register(monkeypatch):
    """Put a data set called ``toy`` in place of the registry."""
    monkeypatch.delenv(module.MIRROR_VARIABLE, raising=False)

    def put(*variants: tuple[RemoteFile, ...]) -> None:
        named = tuple(
            Variant(f"form{number}", files, read_bytes) for number, files in enumerate(variants)
        )
        toy = RemoteDataset("toy", "Toy", "none", "nobody", named)
        monkeypatch.setattr(module, "REGISTRY", {"toy": toy})

    return put
