"""Times as numbers or tensors, and how they multiply a batch of points."""

from __future__ import annotations

import torch
from torch import Tensor

Time = float | Tensor


def as_time(t: Time) -> Tensor:
    """``t`` as a tensor; numbers become float64 scalars, which never widen a float32 batch."""
    return t if isinstance(t, Tensor) else torch.tensor(t, dtype=torch.float64)


def per_sample(value: Tensor, x: Tensor) -> Tensor:
    """View a scalar or (n,) ``value`` so that it multiplies ``x`` of shape (n, ...) row by row."""
    return value if value.ndim == 0 else value.reshape(-1, *([1] * (x.ndim - 1)))
