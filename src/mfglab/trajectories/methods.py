"""Explicit Runge-Kutta methods as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RungeKutta:
    """Butcher tableau of an explicit method.

    Stage i is evaluated at time ``t + c_i h`` and point ``x + h sum_j a_ij k_j``; the step adds
    ``h sum_i b_i k_i``.

    Args:
        name: Name for tables.
        a: Strictly lower triangle by rows; row i has i entries.
        b: Weights, one per stage.
        c: Nodes, one per stage.
        order: Order of convergence.

    Raises:
        ValueError: The tableau is not consistent: wrong lengths, weights that do not sum to one,
            or a node that differs from the sum of its row.
    """

    name: str
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    order: int

    def __post_init__(self) -> None:
        lengths = [len(row) for row in self.a]
        if lengths != list(range(len(self.b))) or len(self.c) != len(self.b):
            raise ValueError(
                f"tableau {self.name!r} with {len(self.b)} weights needs rows of lengths "
                f"0, 1, ... and as many nodes, got rows {lengths} and {len(self.c)} nodes"
            )
        gaps = [abs(sum(row) - node) for row, node in zip(self.a, self.c, strict=True)]
        if max([*gaps, abs(sum(self.b) - 1)]) > 1e-12:
            raise ValueError(
                f"tableau {self.name!r} needs weights that sum to 1 and nodes that are the row "
                f"sums, got b = {self.b} and c = {self.c}"
            )

    @property
    def stages(self) -> int:
        """Evaluations of the field in one step."""
        return len(self.b)


EULER = RungeKutta("euler", ((),), (1.0,), (0.0,), order=1)
MIDPOINT = RungeKutta("midpoint", ((), (0.5,)), (0.0, 1.0), (0.0, 0.5), order=2)
HEUN = RungeKutta("heun", ((), (1.0,)), (0.5, 0.5), (0.0, 1.0), order=2)
RK4 = RungeKutta(
    "rk4",
    ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)),
    (1 / 6, 1 / 3, 1 / 3, 1 / 6),
    (0.0, 0.5, 0.5, 1.0),
    order=4,
)
