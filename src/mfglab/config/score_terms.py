"""What a score model is trained on: the objective, and the equation that is penalised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mfglab.config.base import Section


class DenoisingConfig(Section):
    """Denoising score matching: the score of the noising kernel is the target."""

    kind: Literal["denoising"]


class ImplicitConfig(Section):
    """Implicit score matching at noised points: |s|^2 + 2 div s, exact divergence."""

    kind: Literal["implicit"]


class ExplicitConfig(Section):
    """Explicit score matching: the exact score is the target; for Gaussian mixtures only."""

    kind: Literal["explicit"]


ObjectiveConfig = Annotated[
    DenoisingConfig | ImplicitConfig | ExplicitConfig, Field(discriminator="kind")
]


class NoRegulariserConfig(Section):
    """No regulariser."""

    kind: Literal["none"]


class ResidualConfig(Section):
    """Residual of the HJB equation of the potential, with exact Laplacian by default."""

    kind: Literal["residual"]
    weight: float = Field(0.1, gt=0, description="Weight of the penalty.")
    norm: Literal["squared", "l1"] = Field(
        "squared", description="Mean square of v r, or mean modulus."
    )
    probes: int = Field(
        0, ge=0, description="Random directions for the Laplacian; 0 for the exact one."
    )
    reference: float = Field(
        0.0,
        ge=0,
        description="Weight, over that of the residual, of the distance to the score of the "
        "reference law at the horizon.",
    )


class ScorePdeConfig(Section):
    """Residual of the equation of the score, the gradient of the HJB equation."""

    kind: Literal["score_pde"]
    weight: float = Field(0.1, gt=0, description="Weight of the penalty.")
    norm: Literal["squared", "l1"] = Field(
        "squared", description="Mean square of an entry of v^(3/2) e, or mean length."
    )
    probes: int = Field(
        0, ge=0, description="Random directions for the divergence; 0 for the exact one."
    )


class IncrementConfig(Section):
    """Mismatch of Ito's formula along denoising paths; needs no Laplacian."""

    kind: Literal["increment"]
    weight: float = Field(0.1, gt=0, description="Weight of the penalty.")
    step: float = Field(
        0.05, gt=0, lt=1, description="Variance of the noise of a step over that of the noising."
    )


RegulariserConfig = Annotated[
    NoRegulariserConfig | ResidualConfig | ScorePdeConfig | IncrementConfig,
    Field(discriminator="kind"),
]
