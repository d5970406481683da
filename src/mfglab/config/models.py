"""Models: the game, its networks, and how they are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Checkpoint, Section
from mfglab.config.processes import ProcessConfig
from mfglab.config.score_terms import (
    DenoisingConfig,
    NoRegulariserConfig,
    ObjectiveConfig,
    RegulariserConfig,
)
from mfglab.config.training import TrainingConfig


class FlowBase(Section):
    """Continuous flows on [0, 1] from the data to N(0, I)."""

    steps: int = Field(8, ge=1, description="Runge-Kutta 4 steps in training.")
    steps_val: int = Field(12, ge=1, description="Runge-Kutta 4 steps in validation and testing.")
    terminal_weight: float = Field(
        1.0, gt=0, description="Weight alpha_C of the terminal cost KL(rho_1 || N(0, I))."
    )
    checkpoint: Checkpoint = False


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


class ScoreConfig(Section):
    """Score-based model trained by score matching."""

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
    objective: ObjectiveConfig = Field(
        default_factory=lambda: DenoisingConfig(kind="denoising"),
        description="What the score is matched to; denoising by default.",
    )
    regulariser: RegulariserConfig = Field(
        default_factory=lambda: NoRegulariserConfig(kind="none"),
        description="Equation of the exact score that is penalised; none by default.",
    )
    rotations: int = Field(
        1,
        ge=1,
        description="Average the score over that many rotations of the first two coordinates.",
    )

    @model_validator(mode="after")
    def _potential_for_its_equation(self) -> ScoreConfig:
        if self.parametrisation == "vector" and self.regulariser.kind in ("residual", "increment"):
            raise ValueError(
                f"regulariser {self.regulariser.kind!r} is an equation of the potential; expected "
                "parametrisation 'potential' or regulariser 'score_pde', got 'vector'"
            )
        if self.rotations > 1 and self.regulariser.kind != "none":
            raise ValueError(
                "an averaged score has no regulariser: its equations are those of the net before "
                f"the average; expected rotations 1 or regulariser 'none', got {self.rotations} "
                f"and {self.regulariser.kind!r}"
            )
        return self

    @model_validator(mode="after")
    def _early_stop(self) -> ScoreConfig:
        if self.s_min >= self.process.horizon:
            raise ValueError(
                f"s_min must lie below the horizon, got {self.s_min} >= {self.process.horizon}"
            )
        return self


class WpoConfig(Section):
    """Kernel score model: the terminal law is a mixture of kernels of learned precision."""

    kind: Literal["wpo"]
    centres: int = Field(
        1000, ge=1, description="Kernels; their centres are taken from the training points."
    )
    leave_one_out: bool = Field(
        False, description="Train on the centres too, each without its own kernel."
    )
    width: int = Field(64, ge=1, description="Hidden width of the precision net.")
    depth: int = Field(5, ge=1, description="Hidden layers of the precision net.")
    floor: float = Field(0.01, gt=0, description="Least eigenvalue of a precision.")
    learn_weights: bool = Field(False, description="Learn the weights of the kernels.")
    score_weight: float = Field(1.0, ge=0, description="Weight of implicit score matching.")
    likelihood_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the negative log-likelihood of points that are no centres.",
    )
    beta: float = Field(1.0, gt=0, description="Noise level of the game.")
    horizon: float = Field(100.0, gt=0, description="Horizon T of the game.")
    s_min: float = Field(1e-4, gt=0, description="First noising time of the geometric grids.")
    steps: int = Field(100, ge=1, description="Steps of the reverse SDE.")
    ode_steps: int = Field(50, ge=1, description="Runge-Kutta 4 steps of the probability flow.")

    @model_validator(mode="after")
    def _possible(self) -> WpoConfig:
        if self.score_weight == 0 and self.likelihood_weight == 0:
            raise ValueError("score_weight or likelihood_weight must be positive, got 0.0 and 0.0")
        if self.s_min >= self.horizon:
            raise ValueError(
                f"s_min must lie below the horizon, got {self.s_min} >= {self.horizon}"
            )
        return self


class NonlinearScoreConfig(Section):
    """Score-based model noised by the Langevin dynamics of a mixture fitted to the data."""

    kind: Literal["nonlinear_score"]
    components: int = Field(8, ge=1, description="Components of the reference mixture.")
    width: int = Field(64, ge=1, description="Hidden width.")
    depth: int = Field(3, ge=1, description="Hidden layers.")
    frequencies: int = Field(
        2, ge=0, description="Fourier features sin, cos(2^k x), k < frequencies; 0 for none."
    )
    horizon: float = Field(0.5, gt=0, description="Noising time T, squared noise level 2.")
    steps: int = Field(50, ge=1, description="Euler-Maruyama steps of noising and sampling.")
    ode_steps: int = Field(25, ge=1, description="Runge-Kutta 4 steps of the probability flow.")
    pairs: int = Field(4, ge=1, description="Steps of each noising path that enter a loss.")
    control_variate: bool = Field(
        True, description="Remove the variance of the loss that grows like one over the step."
    )

    @model_validator(mode="after")
    def _pairs_are_steps(self) -> NonlinearScoreConfig:
        if self.pairs > self.steps:
            raise ValueError(f"pairs must not exceed steps, got {self.pairs} > {self.steps}")
        return self


SolverConfig = Annotated[
    CnfConfig
    | OtFlowConfig
    | FlowMatchingConfig
    | BoltzmannConfig
    | ScoreConfig
    | NonlinearScoreConfig
    | WpoConfig,
    Field(discriminator="kind"),
]


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
