"""Keeps Lightning's remarks about clusters and cloud loggers off the screen."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Harmless here: loaders slice a tensor in this process, and the working folder is meant to exist.
REMARKS = (
    r".*does not have many workers.*",
    r".*Checkpoint directory.*",
    r".*smaller than the logging interval.*",
    r".*IterableDataset. has .__len__. defined.*",
    r".*isinstance\(treespec, LeafSpec\). is deprecated.*",
    r".*GPU available but not used.*",
)
LOGGERS = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence :data:`REMARKS` and Lightning's logs below ERROR; other warnings are shown."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        for message in REMARKS:
            warnings.filterwarnings("ignore", message=message)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
