"""Proximal flows and others on data that lie on a plane in a larger space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section

Arm = Literal["none", "w1", "w2", "both", "released", "otflow", "score"]


class ManifoldLaw(Section):
    """A planar law, placed isometrically on a random plane through the origin."""

    law: Literal["moons", "pinwheel", "carpet"] = Field(description="The planar law.")
    dim: int = Field(ge=3, le=128, description="Dimension of the surrounding space.")

    @property
    def name(self) -> str:
        """Name in tables and files."""
        return f"{self.law}_{self.dim}"


class ProximalConfig(Section):
    """W1+W2 proximal flow: nets, game and how its two players are trained."""

    width: int = Field(32, ge=1, description="Hidden width of the potential net.")
    depth: int = Field(2, ge=2, description="Layers of the potential net.")
    critic_width: int = Field(48, ge=1, description="Hidden width of the discriminator.")
    critic_depth: int = Field(3, ge=1, description="Hidden layers of the discriminator.")
    kinetic_weight: float = Field(0.05, gt=0, description="Weight lambda of the kinetic cost (W2).")
    lipschitz: float = Field(1.0, gt=0, description="Bound L on the discriminator's slope (W1).")
    penalty: float = Field(10.0, gt=0, description="Weight of the one-sided slope penalty.")
    steps: int = Field(5, ge=1, description="Euler steps in training.")
    ascent_steps: int = Field(2, ge=1, description="Discriminator steps before a flow step.")
    flow_rate: float = Field(2e-3, gt=0, description="Learning rate of the flow, cosine decay.")
    discriminator_rate: float = Field(
        5e-3, gt=0, description="Learning rate of the discriminator, cosine decay."
    )


class ManifoldsConfig(Section):
    """Flows, with and without their two regularisers, towards data on a plane."""

    manifolds: list[ManifoldLaw] = Field(
        [ManifoldLaw(law="moons", dim=12)],
        min_length=1,
        description="Laws; one job each.",
    )
    arms: list[Arm] = Field(
        ["none", "w1", "w2", "both", "otflow", "score"],
        min_length=1,
        description="Models compared; the first five are proximal flows that differ in their loss.",
    )
    seed: int = Field(2407, ge=0, description="Seed of the plane, the data and the test noise.")
    n_train: int = Field(5_000, ge=16, description="Training points.")
    n_val: int = Field(500, ge=16, description="Validation points (OT-Flow and score model).")
    n_test: int = Field(1_000, ge=16, description="Test points and samples of each model.")
    iterations: int = Field(300, ge=10, description="Steps of every model.")
    batch_size: int = Field(200, ge=1, description="Points of a step.")
    refinements: list[int] = Field(
        [1, 2, 8], min_length=2, description="Sampling uses dt, dt/2, ...: divisors of dt."
    )
    proximal: ProximalConfig = Field(
        default_factory=lambda: ProximalConfig.model_validate({}),
        description="The proximal flows.",
    )
    otflow_rate: float = Field(0.05, gt=0, description="Learning rate of OT-Flow.")
    otflow_weight: float = Field(8.0, gt=0, description="Terminal weight of OT-Flow.")
    score_rate: float = Field(2e-3, gt=0, description="Learning rate of the score model.")
    score_width: int = Field(64, ge=1, description="Hidden width of the score model.")

    @model_validator(mode="after")
    def _consistent(self) -> ManifoldsConfig:
        names = [law.name for law in self.manifolds]
        if len(set(names)) != len(names):
            raise ValueError(f"manifolds must differ, got {', '.join(names)}")
        if sorted(set(self.refinements)) != self.refinements or self.refinements[0] != 1:
            raise ValueError(f"refinements must increase from 1, got {self.refinements}")
        return self
