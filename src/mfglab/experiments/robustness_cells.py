"""Cells of the robustness study: one measured distance against one bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

#: Relative error of the quadratures: a bound that is sharp may be missed by that much.
QUADRATURE = 1e-6

Row = dict[str, float | str | bool]


@dataclass(frozen=True)
class Cell:
    """One condition with one measured quantity and all bounds of it.

    Args:
        sweep: Letter and name of the sweep.
        space: ``line`` or ``circle``.
        law: Law of the data.
        arm: Kind of sampler, error or process.
        parameter: Name of the swept parameter.
        x: Its value.
        quantity: ``w1``, ``l1``, ``mmd`` or ``objective``.
        measured: The measured quantity.
        trivial: Its largest possible or uninformed value; bounds above it are vacuous.
        bounds: Kind of bound to its value.
        y: Value of the second parameter, where there is one.
        repeat: Number of the finite sample, else 0.
        standard_error: Monte-Carlo error of ``measured``, 0 where it is exact.
    """

    sweep: str
    space: str
    law: str
    arm: str
    parameter: str
    x: float
    quantity: str
    measured: float
    trivial: float
    bounds: Mapping[str, float]
    y: float = 0.0
    repeat: int = 0
    standard_error: float = 0.0

    def rows(self) -> list[Row]:
        """One row a bound."""
        condition: Row = {
            name: getattr(self, name)
            for name in ("sweep", "space", "law", "arm", "parameter", "x", "y", "repeat")
        }
        return [
            condition
            | {
                "quantity": self.quantity,
                "kind": kind,
                "measured": self.measured,
                "standard_error": self.standard_error,
                "bound": bound,
                "ratio": bound / self.measured if self.measured > 0 else math.inf,
                "vacuous": not bound < self.trivial,
                "holds": self.measured - 3 * self.standard_error
                <= bound * (1 + QUADRATURE) + 1e-12,
            }
            for kind, bound in self.bounds.items()
        ]


#: Columns that sort the table of all cells.
SORTED_BY = ("sweep", "space", "law", "arm", "quantity", "x", "y", "repeat", "kind")
