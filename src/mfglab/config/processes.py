"""Noising processes of score-based models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section


class OrnsteinUhlenbeckConfig(Section):
    """Noising dY = -rate Y ds + sqrt(sigma2) dW."""

    kind: Literal["ou"]
    rate: float = Field(1.0, gt=0, description="Rate a.")
    sigma2: float = Field(2.0, gt=0, description="Squared diffusion coefficient.")
    horizon: float = Field(3.0, gt=0, description="Noising time T.")


class VariancePreservingConfig(Section):
    """Noising with beta(s) linear from beta_min to beta_max on [0, horizon]."""

    kind: Literal["vp"]
    beta_min: float = Field(0.1, gt=0, description="beta(0).")
    beta_max: float = Field(20.0, gt=0, description="beta(T).")
    horizon: float = Field(1.0, gt=0, description="Noising time T.")


class VarianceExplodingConfig(Section):
    """Noising without drift; the standard deviation grows geometrically."""

    kind: Literal["ve"]
    sigma_min: float = Field(0.01, gt=0, description="Standard deviation at s = 0.")
    sigma_max: float = Field(10.0, gt=0, description="Standard deviation at s = T.")
    horizon: float = Field(1.0, gt=0, description="Noising time T.")

    @model_validator(mode="after")
    def _ordered(self) -> VarianceExplodingConfig:
        if self.sigma_max <= self.sigma_min:
            raise ValueError(
                f"sigma_max must exceed sigma_min, got {self.sigma_max} <= {self.sigma_min}"
            )
        return self


ProcessConfig = Annotated[
    OrnsteinUhlenbeckConfig | VariancePreservingConfig | VarianceExplodingConfig,
    Field(discriminator="kind"),
]
