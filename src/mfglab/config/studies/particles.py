"""Generative particles: the mixture of four Gaussians, heavy tails, the gradient-flow limit."""

from __future__ import annotations

from pydantic import Field

from mfglab.config.base import Section


class ParticleTraining(Section):
    """How particles and their discriminator move; the same in all arms of a study."""

    steps: int = Field(300, ge=1, description="Particle steps.")
    step: float = Field(0.5, gt=0, description="Time step at the start.")
    final_step: float = Field(
        0.05, gt=0, description="Time step at the end, reached geometrically."
    )
    ascent_steps: int = Field(3, ge=1, description="Adam steps of the discriminator a step.")
    learning_rate: float = Field(1e-3, gt=0, description="Step size of Adam.")


class TailTraining(ParticleTraining):
    """The same for heavy tails; time steps in units of the 0.99 quantile of the training radii."""

    steps: int = Field(300, ge=1, description="Particle steps.")
    step: float = Field(0.3, gt=0, description="Time step at the start, in that unit.")
    final_step: float = Field(
        0.005, gt=0, description="Time step at the end, in that unit, reached geometrically."
    )
    ascent_steps: int = Field(2, ge=1, description="Adam steps of the discriminator a step.")
    learning_rate: float = Field(5e-3, gt=0, description="Step size of Adam.")


class GpaConfig(Section):
    """Four Gaussians in the plane from few points, for several Lipschitz constants."""

    points: int = Field(200, ge=8, description="Training points N.")
    multiples: list[int] = Field(
        [1, 3], min_length=1, description="Particles over training points, M / N."
    )
    lipschitz: list[float | None] = Field(
        [None, 0.1, 1.0, 10.0],
        min_length=1,
        description="Lipschitz constants L; null for no constraint.",
    )
    training: ParticleTraining = Field(
        default_factory=lambda: ParticleTraining.model_validate({}),
        description="Particle flow.",
    )
    limit_eps: list[float] = Field(
        [0.016, 0.008, 0.004, 0.002, 0.001],
        min_length=2,
        description="Discount times of the game that tends to the gradient flow.",
    )


class HeavyTailsConfig(Section):
    """Student laws and keystrokes: KL or alpha-divergence, with or without Lipschitz constraint."""

    dofs: list[float] = Field(
        [1.0, 3.0], min_length=1, description="Degrees of freedom of the Student laws."
    )
    keystrokes: bool = Field(
        False,
        description="Follow the times between keystrokes too; they have to be downloaded.",
    )
    points: int = Field(1000, ge=40, description="Training points, and particles.")
    lipschitz: float = Field(1.0, gt=0, description="Lipschitz constant of the arms with one.")
    alpha: float = Field(2.0, gt=1, description="Order of the alpha-divergence.")
    training: TailTraining = Field(
        default_factory=lambda: TailTraining.model_validate({}),
        description="Particle flow.",
    )
    cvar_level: float = Field(
        0.99, gt=0, lt=1, description="Probability beyond which radii belong to the tail."
    )
    cvar_weight: float = Field(1e-4, gt=0, description="Weight of the squared gap of tail means.")
