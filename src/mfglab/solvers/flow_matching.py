"""Flow matching: the velocity of straight paths between paired data and noise, by regression.

A pair (x0, z) of data and noise moves as ``x_t = (1 - t) x0 + t z``; the net regresses ``z - x0``
on (t, x_t), so it learns ``v(t, x) = E[z - x0 | x_t = x]`` without simulation, and the law of its
flow is that of the interpolation, from the data at t = 0 to N(0, I) at t = 1 (arXiv:2210.02747).

That flow is the optimum of a game only for one coupling. With the optimal transport plan,
conditional and individual velocities agree and the path is the geodesic that minimises the kinetic
cost between two fixed ends (Benamou-Brenier). With independent pairs it is not: the straight paths
cross, their average velocity bends. Optimal pairs within a batch (arXiv:2302.00482) lie in between
and tend to the optimum as the batch grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from mfglab.solvers.base import PointLosses
from mfglab.solvers.cnf import Cnf

#: Validation couples blocks of this size: the price of an exact assignment is cubic.
VALIDATION_BLOCK = 256


class FlowMatching(Cnf):
    """Flow-matching model; likelihood, sampling and trajectories are those of a flow.

    Args:
        dim: Space dimension d.
        coupling: ``optimal`` transport within the batch, or ``independent`` pairs.
        width: Hidden width of the velocity net.
        depth: Hidden layers of the velocity net.
        steps_val: Runge-Kutta 4 steps in testing; training takes none.
        generator: Source of the initial weights.
    """

    def __init__(
        self,
        dim: int,
        *,
        coupling: Literal["optimal", "independent"] = "optimal",
        width: int = 64,
        depth: int = 2,
        steps_val: int = 12,
        generator: torch.Generator | None = None,
    ) -> None:
        # The game: kinetic cost and, in place of a finite terminal weight, the end law itself.
        super().__init__(
            dim,
            width=width,
            depth=depth,
            kinetic_weight=1.0,
            steps=steps_val,
            steps_val=steps_val,
            generator=generator,
        )
        self.coupled = coupling == "optimal"

    def pairs(self, x: Tensor, z: Tensor) -> Tensor:
        """Noise ``z`` (n, d) in the order in which it is paired with the data ``x`` (n, d)."""
        return z[optimal_assignment(x, z)] if self.coupled else z

    def matching_losses(self, x: Tensor, z: Tensor, t: Tensor) -> Tensor:
        """``|v(t, x_t) - (z - x)|^2``, shape (n,), of pairs x, z (n, d) at times t (n,)."""
        point = torch.lerp(x, z, t[:, None])
        return (self.velocity(t, point) - (z - x)).square().sum(1)

    def training_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> PointLosses:
        """Regression with fresh noise and uniform times."""
        z, t = (torch.cat(part) for part in zip(*map(self._draw, x, generators), strict=True))
        total = self.matching_losses(x.flatten(0, 1), z, t)
        return PointLosses(total, {"regression": total})

    def validation_losses(self, x: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """The same loss with stratified times, pairs made block by block."""
        draws = map(self._draw_stratified, x, generators)
        z, t = (torch.cat(part) for part in zip(*draws, strict=True))
        return self.matching_losses(x.flatten(0, 1), z, t)

    def _draw(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        z = torch.randn(x.shape, generator=generator).to(x)
        return self.pairs(x, z), torch.rand(x.shape[0], generator=generator).to(x)

    def _draw_stratified(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        n = x.shape[0]
        z = torch.randn(x.shape, generator=generator).to(x)
        order = torch.randperm(n, generator=generator).to(x.device)
        blocks = [slice(i, i + VALIDATION_BLOCK) for i in range(0, n, VALIDATION_BLOCK)]
        return torch.cat([self.pairs(x[b], z[b]) for b in blocks]), ((order + 0.5) / n).to(x)


def optimal_assignment(x: Tensor, z: Tensor) -> Tensor:
    """Permutation ``p`` that minimises ``sum_i |x_i - z_p(i)|^2``, shape (n,), int64.

    Args:
        x: Points (n, d).
        z: As many points.
    """
    cost = torch.cdist(x.detach().double(), z.detach().double()).square()
    _, columns = linear_sum_assignment(cost.cpu().numpy())
    return torch.from_numpy(columns).to(x.device)
