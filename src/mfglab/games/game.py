"""The mean-field game that every model of this package plays.

A population of players starts with law rho_0 and chooses a velocity field v to solve

    inf over (v, rho)   M(rho_T) + int_0^T I(t, rho_t) dt + int_0^T E_rho[ L(t, x, v) ] dt
    subject to          dX = f(t, X) dt + g(t) v dt + sigma(t) dW,    X_0 ~ rho_0.

Five parts describe a game: the dynamics (f, g, sigma), the running cost L, the interaction I, the
terminal cost M and the horizon T. Whatever solves it is characterised by one optimality system

    HJB, backward            -d_t U + H(t, x, grad U) - (sigma^2/2) Lap U = dI/drho,   U_T = dM/drho
    Fokker-Planck, forward   d_t rho + div( (f + g v*) rho ) = (sigma^2/2) Lap rho
    optimal control          v* = argmax_v [ -grad U.(f + g v) - L ]

whose residuals are in :mod:`mfglab.games.optimality`; :mod:`mfglab.games.catalogue` lists which
five parts make a normalising flow, a score-based model, a Transformer, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from mfglab.games.costs import Optimum, RunningCost
from mfglab.games.dynamics import Dynamics
from mfglab.games.interactions import Interaction, NoInteraction
from mfglab.games.terminal import TerminalCost
from mfglab.games.times import Time, per_sample


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a game prescribes at momentum ``p = grad U``.

    Attributes:
        velocity: Optimal control velocity ``v*``, shape (n, d).
        running_cost: ``L(t, x, v*)``, shape (n,).
        hamiltonian: ``H(t, x, p)``, shape (n,).
    """

    velocity: Tensor
    running_cost: Tensor
    hamiltonian: Tensor


@dataclass(frozen=True)
class MeanFieldGame:
    """One game: who moves how, what moving costs, and what is wanted at the end.

    Args:
        dynamics: f, g and sigma on the generating clock t in [0, horizon].
        running: Cost L of one player's control velocity, with its Legendre transform.
        terminal: Cost M of the law at the end.
        interaction: Running cost I of the law; none by default.
        horizon: T > 0.

    Times have shape () or (n,); points, momenta and velocities (n, d).

    Example:
        >>> import torch
        >>> from mfglab.games.costs import Kinetic
        >>> from mfglab.games.densities import standard_normal
        >>> from mfglab.games.dynamics import Deterministic
        >>> from mfglab.games.terminal import KullbackLeibler
        >>> game = MeanFieldGame(Deterministic(), Kinetic(), KullbackLeibler(standard_normal(2)))
        >>> p = torch.tensor([[3.0, 4.0]])
        >>> game.hamiltonian(0.0, torch.zeros(1, 2), p)
        tensor([12.5000])
        >>> game.optimal_velocity(0.0, torch.zeros(1, 2), p)
        tensor([[-3., -4.]])

    Raises:
        ValueError: The horizon is not positive.
    """

    dynamics: Dynamics
    running: RunningCost
    terminal: TerminalCost
    interaction: Interaction = field(default_factory=NoInteraction)
    horizon: float = 1.0

    def __post_init__(self) -> None:
        if not self.horizon > 0:
            raise ValueError(f"the horizon of a game must be positive, got {self.horizon!r}")

    def hamiltonian(self, t: Time, x: Tensor, p: Tensor) -> Tensor:
        """``H(t, x, p) = sup_v [ -p.(f + g v) - L ] = -p.f + L*(t, x, -g p)``, shape (n,)."""
        conjugate = self.running.conjugate(t, x, self._costate(t, p))
        return self._less_transport(conjugate, t, x, p)

    def optimal_velocity(self, t: Time, x: Tensor, p: Tensor) -> Tensor:
        """The control that attains the Hamiltonian at momentum p = grad U, shape (n, d).

        Raises:
            IllPosedGameError: The running cost singles out no velocity (L = 0).
        """
        return self.running.optimal_velocity(t, x, self._costate(t, p))

    def feedback(self, t: Time, x: Tensor, p: Tensor) -> Feedback:
        """Optimal velocity, its running cost and the Hamiltonian at momentum p = grad U.

        Raises:
            IllPosedGameError: The running cost singles out no velocity (L = 0).
        """
        best: Optimum = self.running.optimum(t, x, self._costate(t, p))
        H = self._less_transport(best.conjugate, t, x, p)
        return Feedback(best.velocity, best.cost, H)

    def drift_of(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """``f + g v``: how a player with control v moves; equals -d_p H at the optimal v."""
        return self.dynamics.drift(t, x) + per_sample(self.dynamics.gain(t), v) * v

    def running_cost(self, t: Time, x: Tensor, v: Tensor) -> Tensor:
        """``L(t, x, v)``, shape (n,)."""
        return self.running.value(t, x, v)

    def _costate(self, t: Time, p: Tensor) -> Tensor:
        if self.dynamics.unit_gain:
            return -p
        return -per_sample(self.dynamics.gain(t), p) * p

    def _less_transport(self, conjugate: Tensor, t: Time, x: Tensor, p: Tensor) -> Tensor:
        if self.dynamics.drift_free:
            return conjugate
        return conjugate - (p * self.dynamics.drift(t, x)).sum(-1)
