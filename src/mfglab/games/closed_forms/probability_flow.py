"""Score game and Fisher-information game of a 1-D Gaussian: equal marginals, equal values.

For data N(mean, variance) and a linear noising process the noised law is N(a m, W) with
``W(s) = a(s)^2 variance + V(s)``. Both the reverse SDE and the probability-flow ODE started from
it at s = T follow these marginals back to s = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mfglab.games.dynamics import NoisingProcess


@dataclass(frozen=True)
class GaussianScoreGame:
    """The score game of N(mean, variance), started from the exact noised law.

    Attributes:
        mean: Mean of the data.
        variance: Variance of the data, positive.
        process: Noising process.
    """

    mean: float
    variance: float
    process: NoisingProcess

    def __post_init__(self) -> None:
        if not self.variance > 0:
            raise ValueError(f"data variance must be positive, got {self.variance!r}")

    def marginal_mean(self, s: float) -> float:
        """Mean of the noised law at noising time s."""
        return float(self.process.scale(s)) * self.mean

    def marginal_variance(self, s: float) -> float:
        """Variance W(s) of the noised law."""
        scale = float(self.process.scale(s))
        return scale**2 * self.variance + float(self.process.variance(s))

    def flow_map(self, x: float, s0: float, s1: float) -> float:
        """Where the probability-flow ODE takes ``x`` from noising time s0 to s1: affine."""
        ratio = math.sqrt(self.marginal_variance(s1) / self.marginal_variance(s0))
        return self.marginal_mean(s1) + ratio * (x - self.marginal_mean(s0))

    def start_entropy(self) -> float:
        """Differential entropy of the start law eta_T, in nats."""
        return 0.5 * math.log(2 * math.pi * math.e * self.marginal_variance(self.process.horizon))

    def score_game_value(self) -> float:
        """Optimal value of the score game: the cross-entropy H(eta_T, eta_T)."""
        return self.start_entropy()

    def score_game_running(self) -> float:
        """``E int (|v*|^2/2 - div f) dt = log(W(T) / W(0)) / 2`` along the optimal SDE."""
        return 0.5 * math.log(self.marginal_variance(self.process.horizon) / self.variance)

    def fisher_game_running(self) -> float:
        """``int E[|v*|^2/2 - div f/2] + sigma^2/8 J(rho) dt = log(W(T) / W(0)) / 4``.

        J is the Fisher information; v* = (sigma/2) grad log eta is the optimal control of the
        deterministic game.
        """
        return 0.5 * self.score_game_running()

    def fisher_game_value(self) -> float:
        """Optimal value of the deterministic game, terminal ``-E log pi + Ent(rho_T)/2``.

        It differs from :meth:`score_game_value` by ``Ent(rho_0)/2`` alone, a constant of the
        problem: minus half of :meth:`start_entropy`.
        """
        data_entropy = 0.5 * math.log(2 * math.pi * math.e * self.variance)
        return self.fisher_game_running() + 0.5 * data_entropy
