"""What all sections of the configuration share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names key, value and what was expected."""


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _states(value: object) -> object:
    # Before the union is tried: its own error would be a line for each member.
    if isinstance(value, bool) or (isinstance(value, int) and value >= 2):
        return value
    raise ValueError(f"expected true, false or a number of states from 2 (got {value!r})")


Checkpoint = Annotated[
    bool | Annotated[int, Field(ge=2)],
    BeforeValidator(_states),
    Field(
        description="Recompute steps in the backward pass: memory of one step and a state a step, "
        "or, with a number, so many states whatever the steps, at more recomputation."
    ),
]
"""What an integrator keeps for the gradient, see :func:`mfglab.trajectories.integrate`."""
