"""One-step methods of the reverse SDE: what they freeze over a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mfglab.robustness.schedule import Array, Schedule


class Scheme(Protocol):
    """A one-step method of the reverse SDE: what is frozen over a step from s to ``end``."""

    def centres(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """Conditional mean of ``X_end`` given ``X_s = x``."""
        ...

    def variance(self, schedule: Schedule, s: float, end: float) -> float:
        """Conditional variance."""
        ...

    def frozen(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """Part of the drift that is frozen at ``(s, x)``, as it acts at time ``end``."""
        ...

    def moving(self, schedule: Schedule, end: float, x: Array, score: Array) -> Array:
        """The same part of the continuous drift at ``(end, x)``."""
        ...


@dataclass(frozen=True)
class EulerMaruyama:
    """The whole drift ``c x + sigma^2 score`` is frozen."""

    def centres(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """``x + (s - end) drift``."""
        return x + (s - end) * self.frozen(schedule, s, end, x, score)

    def variance(self, schedule: Schedule, s: float, end: float) -> float:
        """``int sigma^2``."""
        return schedule.noise_integral(end, s)

    def frozen(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """Drift at the start of the step."""
        return schedule.drift(s) * x + schedule.noise(s) * score

    def moving(self, schedule: Schedule, end: float, x: Array, score: Array) -> Array:
        """Drift now."""
        return schedule.drift(end) * x + schedule.noise(end) * score


@dataclass(frozen=True)
class ExponentialIntegrator:
    """Only the score is frozen; the linear drift is exact."""

    def centres(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """``(a_end/a_s) x + int (a_end/a_r) sigma_r^2 dr score``."""
        grow = schedule.scale(end) / schedule.scale(s)
        return grow * x + schedule.frozen_gain(end, s) * score

    def variance(self, schedule: Schedule, s: float, end: float) -> float:
        """``int (a_end/a_r)^2 sigma_r^2 dr``."""
        return schedule.reverse_variance(end, s)

    def frozen(self, schedule: Schedule, s: float, end: float, x: Array, score: Array) -> Array:
        """``sigma_end^2`` times the score at the start of the step."""
        return schedule.noise(end) * score

    def moving(self, schedule: Schedule, end: float, x: Array, score: Array) -> Array:
        """``sigma_end^2`` times the score now."""
        return schedule.noise(end) * score
