"""Gradient attacks in the maximum norm, by captum: one step (FGSM) and many (PGD).

An attack knows a function from continuous inputs to logits. Images and points are such inputs;
tokens are not, there the attacked input is the embedded state X(0):
``forward = lambda state: model.decode(model.depth(state, **context).x)``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional

Forward = Callable[[Tensor], Tensor]
"""Continuous inputs (n, ...) to logits (n, ..., classes), classes last."""


@dataclass(frozen=True)
class Fgsm:
    """Fast gradient sign method: ``x + radius sign(grad_x loss)``.

    Args:
        radius: Largest change of an entry of the input.
        bounds: Least and largest allowed entry.

    Raises:
        ValueError: A negative radius.
    """

    radius: float
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        _check_radius(self.radius)

    def __call__(self, forward: Forward, inputs: Tensor, labels: Tensor) -> Tensor:
        """Perturbed inputs, detached.

        Args:
            forward: Inputs to logits; independent of the random state (no dropout).
            inputs: Shape (n, ...), floating point.
            labels: True labels, int64 of the shape of the logits without classes.
        """
        # Here and not at the top: captum takes seconds to import.
        from captum.robust import FGSM

        attack = FGSM(forward, loss_func=_loss, lower_bound=self.bounds[0],
                      upper_bound=self.bounds[1])  # fmt: skip
        with _no_warning():
            found = attack.perturb(inputs.detach(), self.radius, labels)
        return _detached(found, inputs)


@dataclass(frozen=True)
class Pgd:
    """Projected gradient descent: steps of the sign of the gradient within the ball.

    It starts at the input itself, so it needs no randomness.

    Args:
        radius: Largest change of an entry of the input.
        steps: Number of steps, at least 1.
        stride: Step in radii.
        bounds: Least and largest allowed entry.

    Raises:
        ValueError: A negative radius, no step, or a stride that is not positive.
    """

    radius: float
    steps: int = 10
    stride: float = 0.25
    bounds: tuple[float, float] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        _check_radius(self.radius)
        if self.steps < 1 or not self.stride > 0:
            raise ValueError(
                f"PGD needs steps >= 1 and stride > 0, got {self.steps}, {self.stride}"
            )

    def __call__(self, forward: Forward, inputs: Tensor, labels: Tensor) -> Tensor:
        """Perturbed inputs, detached; arguments as for :class:`Fgsm`."""
        from captum.robust import PGD

        attack = PGD(forward, loss_func=_loss, lower_bound=self.bounds[0],
                     upper_bound=self.bounds[1])  # fmt: skip
        with _no_warning():
            found = attack.perturb(
                inputs.detach(),
                radius=self.radius,
                step_size=self.stride * self.radius,
                step_num=self.steps,
                target=labels,
                targeted=False,
                random_start=False,
                norm="Linf",
            )
        return _detached(found, inputs)


@contextmanager
def _no_warning() -> Iterator[None]:
    """Without captum's remark, at each step, that it asks for gradients of the inputs."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Input Tensor", category=UserWarning)
        yield


def _loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy summed over everything, so that examples do not scale each other."""
    loss = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum")
    return loss[None]  # captum wants one axis


def _detached(found: Any, inputs: Tensor) -> Tensor:
    if not isinstance(found, Tensor):
        raise TypeError(f"expected one tensor of captum, got {type(found).__name__}")
    out: Tensor = found.detach().to(inputs.dtype)
    return out


def _check_radius(radius: float) -> None:
    if not (radius >= 0 and math.isfinite(radius)):
        raise ValueError(f"the radius of an attack must be >= 0, got {radius!r}")
