"""Models that are trained against a discriminator, on the laws of the generative models."""

from __future__ import annotations

from types import MappingProxyType

from pydantic import Field

from mfglab.config.base import Section
from mfglab.config.studies.manifolds import ProximalConfig

#: Titles of the models by the name that their rows have.
ADVERSARIAL_TITLES = MappingProxyType(
    {"proximal": "W1+W2 proximal flow", "particles": "Generative particles (GPA)"}
)


class AdversarialConfig(Section):
    """Rows of the table of generative models: the W1+W2 proximal flow and generative particles."""

    datasets: list[str] = Field([], description="Data sets by name; none: not run.")
    proximal: ProximalConfig = Field(
        default_factory=lambda: ProximalConfig.model_validate({}),
        description="The proximal flow.",
    )
    iterations: int = Field(400, ge=1, description="Steps of the proximal flow.")
    batch_size: int = Field(200, ge=1, description="Points of a step of the proximal flow.")
    particle_steps: int = Field(230, ge=1, description="Steps of the particles.")
    particle_data: int = Field(
        2000, ge=16, description="Training points that the particles flow to, the first ones."
    )
