"""The length of a curve of laws, as particles follow it: what does not depend on a clock."""

from __future__ import annotations

import torch
from torch import Tensor


def least_kinetic_energy(path: Tensor) -> Tensor:
    """Mean kinetic energy of the bundle in the clock on [0, 1] that makes it least; a scalar.

    One clock for all trajectories: ``(int (E|x'|^2)^(1/2) dr)^2 / 2``, half the squared length of
    the curve of laws as these particles follow it. It does not depend on the clock r of the path,
    and is at least ``W2^2 / 2`` between the two ends.

    Args:
        path: Points of the trajectories, shape (steps + 1, n, ...).

    Raises:
        ValueError: The path has no step.

    Example:
        >>> slow_start = torch.tensor([0.0, 0.1, 1.0])[:, None, None].expand(3, 5, 2)
        >>> round(float(least_kinetic_energy(slow_start)), 6)
        1.0
    """
    if path.ndim < 3 or path.shape[0] < 2:
        raise ValueError(
            f"a path needs shape (steps + 1, n, ...) with at least one step, got "
            f"{tuple(path.shape)}"
        )
    step: Tensor = torch.linalg.vector_norm(path.flatten(2).diff(dim=0), dim=-1)
    return step.square().mean(1).sqrt().sum().square() / 2
