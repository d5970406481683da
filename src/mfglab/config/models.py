"""Models: the game, its networks, and how they are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section


class FlowBase(Section):
    """Continuous flows on [0, 1] from the data to N(0, I)."""

    steps: int = Field(8, ge=1, description="Runge-Kutta 4 steps in training.")
    steps_val: int = Field(12, ge=1, description="Runge-Kutta 4 steps in validation and testing.")
    terminal_weight: float = Field(
        1.0, gt=0, description="Weight alpha_C of the terminal cost KL(rho_1 || N(0, I))."
    )
    checkpoint: bool = Field(
        False, description="Recompute each step in the backward pass: memory free of `steps`."
    )


class CnfConfig(FlowBase):
    """Plain continuous normalizing flow: a free velocity field, running cost `kinetic_weight`."""

    kind: Literal["cnf"]
    width: int = Field(64, ge=1, description="Hidden width of the velocity net.")
    depth: int = Field(2, ge=1, description="Hidden layers of the velocity net.")
    kinetic_weight: float = Field(
        0.0, ge=0, description="Weight of |v|^2/2; 0 is the ill-posed plain flow."
    )
    jacobian_weight: float = Field(
        0.0, ge=0, description="Weight of the squared Frobenius norm of grad v (RNODE); 0 is off."
    )


class FlowMatchingConfig(Section):
    """Flow matching: regression of a free velocity field on straight paths between pairs."""

    kind: Literal["flow_matching"]
    coupling: Literal["optimal", "independent"] = Field(
        "optimal",
        description="How data and noise are paired: optimal transport in a batch, or at random.",
    )
    width: int = Field(64, ge=1, description="Hidden width of the velocity net.")
    depth: int = Field(2, ge=1, description="Hidden layers of the velocity net.")
    steps_val: int = Field(12, ge=1, description="Runge-Kutta 4 steps in testing.")


class OtFlowConfig(FlowBase):
    """OT-Flow: potential net, kinetic running cost, Hamilton-Jacobi-Bellman regulariser."""

    kind: Literal["otflow"]
    width: int = Field(32, ge=1, description="Hidden width m of the potential net.")
    depth: int = Field(2, ge=2, description="Layers of the potential net.")
    rank: int = Field(10, ge=1, description="Rank of the quadratic part, capped at d + 1.")
    kinetic_weight: float = Field(1.0, gt=0, description="Weight of |v|^2/2.")
    running_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of the running cost in the objective (ablation); 1 is the game.",
    )
    hjb_weight: float = Field(1.0, ge=0, description="Weight alpha_R of the HJB residual.")
    hjb_form: Literal["absolute", "squared"] = Field(
        "absolute", description="The residual is penalised in modulus, as published, or squared."
    )


class BoltzmannConfig(OtFlowConfig):
    """Boltzmann generator of a double well: OT-Flow's net in the generating direction."""

    kind: Literal["boltzmann"]  # type: ignore[assignment]
    terminal_weight: float = Field(
        10.0, gt=0, description="Weight alpha of the terminal cost E[log rho_1 + V]."
    )
    height: float = Field(3.0, gt=0, description="Barrier of the double well.")
    distance: float = Field(2.0, gt=0, description="Distance of the wells from the origin.")


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


class ScoreConfig(Section):
    """Score-based model trained by denoising score matching."""

    kind: Literal["score"]
    process: ProcessConfig = Field(description="The noising process.")
    parametrisation: Literal["potential", "vector"] = Field(
        "potential", description="Learn log-density psi with score grad psi, or the score itself."
    )
    width: int = Field(128, ge=1, description="Hidden width.")
    depth: int = Field(3, ge=1, description="Hidden layers.")
    frequencies: int = Field(
        3, ge=0, description="Fourier features sin, cos(2^k x), k < frequencies; 0 for none."
    )
    s_min: float = Field(1e-3, gt=0, description="Early-stopping time of the reverse process.")
    steps: int = Field(200, ge=1, description="Exponential-integrator steps of the reverse SDE.")
    ode_steps: int = Field(50, ge=1, description="Runge-Kutta 4 steps of the probability flow.")
    rotations: int = Field(
        1,
        ge=1,
        description="Average the score over that many rotations of the first two coordinates.",
    )

    @model_validator(mode="after")
    def _early_stop(self) -> ScoreConfig:
        if self.s_min >= self.process.horizon:
            raise ValueError(
                f"s_min must lie below the horizon, got {self.s_min} >= {self.process.horizon}"
            )
        return self


SolverConfig = Annotated[
    CnfConfig | OtFlowConfig | FlowMatchingConfig | BoltzmannConfig | ScoreConfig,
    Field(discriminator="kind"),
]


class TrainingConfig(Section):
    """How a model is trained; one ``fit`` serves all."""

    iterations: int = Field(1000, ge=1, description="Optimiser steps at most.")
    batch_size: int = Field(512, ge=1, description="Points a step, drawn with replacement.")
    learning_rate: float = Field(1e-3, gt=0, description="Initial learning rate of Adam.")
    schedule: Literal["constant", "cosine", "halving"] = Field(
        "cosine", description="Learning-rate schedule."
    )
    halve_every: int = Field(1000, ge=1, description="Steps between halvings (`halving` only).")
    val_every: int = Field(100, ge=1, description="Steps between validations.")
    patience: int = Field(
        20, ge=1, description="Validations without improvement before training stops."
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="Decay of the weight average used in testing; 0 is off."
    )
    gradient_clip: float = Field(
        0.0, ge=0, description="Clip the gradient's norm to this value; 0 is off."
    )

    @model_validator(mode="after")
    def _reaches_validation(self) -> TrainingConfig:
        if self.val_every > self.iterations:
            raise ValueError(
                f"val_every must not exceed iterations, got {self.val_every} > {self.iterations}: "
                "the best weights are chosen on validation data"
            )
        return self


class RunConfig(Section):
    """One trained model on one data set: what the training stage reads."""

    solver: SolverConfig = Field(description="The game and how it is solved.")
    training: TrainingConfig = Field(description="Optimisation.")


class ModelConfig(RunConfig):
    """A model, the data sets it is trained on, and what differs by data set."""

    title: str = Field(min_length=1, description="Name in tables and figures.")
    datasets: list[str] = Field(min_length=1, description="Data sets to train on.")
    per_dataset: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Overlay of `solver` and `training` for one data set.",
    )
    likelihood: bool = Field(
        True, description="Report the negative log-likelihood; needs data that have a density."
    )
