"""Independent random streams, each named by its purpose."""

from __future__ import annotations

import hashlib

import torch


def stream(purpose: str, *key: int) -> torch.Generator:
    """A generator for ``purpose``, independent of the streams of other purposes and keys.

    Args:
        purpose: What the numbers are for, such as ``"weights"``.
        *key: Seed, epoch and the like.

    Example:
        >>> a, b = stream("weights", 0), stream("noise", 0)
        >>> bool((torch.rand(3, generator=a) == torch.rand(3, generator=b)).any())
        False
    """
    text = ":".join([purpose, *map(str, key)])
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
