"""Score model of a law with a symmetry: the score is averaged over the group.

If the data law is unchanged by a group of orthogonal maps g, so is the noised law, and its score is
equivariant, ``s(g x) = g s(x)``. The average ``S s(x) = (1/G) sum_g g^T s(g x)`` of any field is
equivariant, and an orthogonal projection (arXiv:2410.01244):

    E |s - grad log eta|^2 = E |S s - grad log eta|^2 + E |s - S s|^2

so averaging never raises the error, and what a plain net pays is its distance from symmetry.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mfglab.games.dynamics import NoisingProcess
from mfglab.networks.symmetry import average_field, orbit
from mfglab.solvers.score import ScoreModel


class EquivariantScore(ScoreModel):
    """A score model whose score is the group average of a plain net's.

    Args:
        dim: Space dimension d.
        process: The noising process; linear noising keeps every orthogonal symmetry.
        group: Orthogonal matrices, shape (G, d, d).
        settings: As for :class:`~mfglab.solvers.score.ScoreModel`.
    """

    def __init__(
        self, dim: int, process: NoisingProcess, *, group: Tensor, **settings: Any
    ) -> None:
        super().__init__(dim, process, **settings)
        # Kept in float64 and rounded where it is used: the average is as exact as the points.
        self.register_buffer("group", group.double(), persistent=False)
        self.group: Tensor

    def plain_score(self, s: Tensor, x: Tensor) -> Tensor:
        """The net's score before the average, shape (n, d)."""
        return super().score(s, x)

    def score(self, s: Tensor, x: Tensor) -> Tensor:
        """Average of the net's score over the group, at one sweep over the whole orbit."""
        n = x.shape[0]
        points = orbit(self.group, x)
        times = s.expand(n).repeat(len(self.group))
        values = super().score(times, points.flatten(0, 1)).view_as(points)
        return average_field(self.group, values)
