"""A linear noising process as plain float64 functions of the noising time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mfglab.games.dynamics import NoisingProcess

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


@dataclass(frozen=True)
class Schedule:
    """``Y_s = a(s) Y_0 + sqrt(V(s)) Z`` with ``dY = -c Y ds + sigma dW``, in numpy.

    Args:
        process: The noising process.
    """

    process: NoisingProcess

    def scale(self, s: float) -> float:
        """``a(s)``."""
        return float(self.process.scale(_double(s)))

    def variance(self, s: float) -> float:
        """``V(s)``."""
        return float(self.process.variance(_double(s)))

    def drift(self, s: float) -> float:
        """``c(s)``, the reversal's linear drift."""
        return float(self.process.drift_coefficient(_double(s)))

    def noise(self, s: float) -> float:
        """``sigma(s)^2``: the factor of the score in the drift of the reversal."""
        return float(self.process.diffusion(_double(s)).square())

    def bridge(self, early: float, late: float) -> tuple[float, float]:
        """``(al, tau^2)`` of ``Y_late = al Y_early + tau Z``.

        Raises:
            ValueError: The times are not ordered.
        """
        if not 0 <= early <= late:
            raise ValueError(f"times must satisfy 0 <= early <= late, got {early!r} and {late!r}")
        al = self.scale(late) / self.scale(early)
        return al, max(self.variance(late) - al**2 * self.variance(early), 0.0)

    def noise_integral(self, early: float, late: float) -> float:
        """``int sigma^2 ds`` over [early, late]."""
        return self._integral(early, late, lambda r: self.process.diffusion(r).square())

    def frozen_gain(self, early: float, late: float) -> float:
        """``int (a(early)/a(r)) sigma(r)^2 dr``: what a frozen score adds in the reversal."""
        return self.scale(early) * self._integral(
            early, late, lambda r: self.process.diffusion(r).square() / self.process.scale(r)
        )

    def reverse_variance(self, early: float, late: float) -> float:
        """``int (a(early)/a(r))^2 sigma(r)^2 dr``: noise of the reversal with exact linear part."""
        al, tau2 = self.bridge(early, late)
        return tau2 / al**2

    def _integral(self, early: float, late: float, f: object) -> float:
        half, middle = 0.5 * (late - early), 0.5 * (late + early)
        values = f(torch.from_numpy(middle + half * _NODES)).numpy()  # type: ignore[operator]
        return half * float(_WEIGHTS @ values)


def _double(s: float) -> torch.Tensor:
    return torch.tensor(s, dtype=torch.float64)
