"""The scripts of the folder ``benchmarks`` as modules."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a script by name; the number of threads that it sets is taken back."""
    monkeypatch.syspath_prepend(FOLDER)
    threads = torch.get_num_threads()

    def by_name(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield by_name
    torch.set_num_threads(threads)
