"""The typed configuration: every key of ``config/*.yaml``, its type, unit, default and meaning.

Three things are generated from this module and never written by hand: the JSON schema in
``workflow/schemas``, the parameter manual ``config/README.md``, and the error a user sees. A
profile (``config/smoke.yaml``, ``config/paper.yaml``) is an overlay of values on
``config/default.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_CONFIG = Path("config/default.yaml")


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names key, value and what was expected."""


class Section(BaseModel):
    """Base of all sections: unknown keys are refused, values cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# --------------------------------------------------------------------------------------- data


class DatasetBase(Section):
    """What all data sets share."""

    n_train: int = Field(20_000, ge=16, description="Training points.")
    n_val: int = Field(2_000, ge=16, description="Validation points (early stopping, tuning).")
    n_test: int = Field(10_000, ge=16, description="Test points; used once, by the evaluation.")
    seed: int = Field(2304, ge=0, description="Seed of the draw; the same for every model.")
    reference_nll: float | None = Field(
        None, description="Negative log-likelihood of the official OT-Flow settings, nats."
    )
    has_density: ClassVar[bool] = True


class ToyData(DatasetBase):
    """A planar toy law with the constants of the FFJORD code base."""

    kind: Literal["toy"]
    law: Literal[
        "moons",
        "checkerboard",
        "pinwheel",
        "swissroll",
        "two_spirals",
        "circles",
        "eight_gaussians",
    ] = Field(description="Which toy law.")


class MixtureData(DatasetBase):
    """A Gaussian mixture with exact density and exact score."""

    kind: Literal["mixture"]
    dim: int = Field(2, ge=1, le=64, description="Dimension d.")


class EmbeddedToyData(DatasetBase):
    """A planar toy law embedded isometrically in a higher dimension: a manifold, no density."""

    kind: Literal["embedded_toy"]
    law: Literal["moons", "pinwheel", "swissroll", "two_spirals"] = Field(
        description="The planar law."
    )
    has_density: ClassVar[bool] = False
    dim: int = Field(ge=3, le=128, description="Dimension of the surrounding space.")


class DigitsData(Section):
    """The 8x8 digits that ship with scikit-learn, standardised; 60/20/20 stratified split."""

    kind: Literal["digits"]
    has_density: ClassVar[bool] = False  # some pixels are constant
    seed: int = Field(2304, ge=0, description="Seed of the split.")


class TabularData(Section):
    """A tabular density-estimation set of the normalizing-flow literature, downloaded."""

    kind: Literal["tabular"]
    has_density: ClassVar[bool] = True
    source: Literal["miniboone"] = Field(description="Name in the data registry.")


DatasetConfig = Annotated[
    ToyData | MixtureData | EmbeddedToyData | DigitsData | TabularData, Field(discriminator="kind")
]

# ------------------------------------------------------------------------------------- models


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


class OtFlowConfig(FlowBase):
    """OT-Flow: potential net, kinetic running cost, Hamilton-Jacobi-Bellman regulariser."""

    kind: Literal["otflow"]
    width: int = Field(32, ge=1, description="Hidden width m of the potential net.")
    depth: int = Field(2, ge=2, description="Layers of the potential net.")
    rank: int = Field(10, ge=1, description="Rank of the quadratic part, capped at d + 1.")
    kinetic_weight: float = Field(1.0, gt=0, description="Weight of |v|^2/2.")
    hjb_weight: float = Field(1.0, ge=0, description="Weight alpha_R of the HJB residual.")


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

    @model_validator(mode="after")
    def _early_stop(self) -> ScoreConfig:
        if self.s_min >= self.process.horizon:
            raise ValueError(
                f"s_min must lie below the horizon, got {self.s_min} >= {self.process.horizon}"
            )
        return self


SolverConfig = Annotated[CnfConfig | OtFlowConfig | ScoreConfig, Field(discriminator="kind")]


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


# --------------------------------------------------------------------------------- evaluation


class EvaluationConfig(Section):
    """What is measured on the test set."""

    transport_points: int = Field(
        1000, ge=16, description="Points on each side of the exact optimal-transport problem."
    )
    floor_repeats: int = Field(
        4, ge=2, description="Pairs of independent target samples behind the sampling floor."
    )
    mmd_bandwidth: float = Field(
        1.0, gt=0, description="h in the kernel exp(-|x-y|^2/h^2) of the MMD."
    )
    nll_points: int = Field(2000, ge=16, description="Test points of the likelihood.")
    path_points: int = Field(
        512, ge=16, description="Trajectories of the diagnostics and points of the step sweep."
    )
    step_sweep: list[int] = Field(
        [1, 2, 4, 8, 16, 32], min_length=2, description="Numbers of integration steps compared."
    )
    seed: int = Field(4242, ge=0, description="Seed of samples and noise in the evaluation.")

    @model_validator(mode="after")
    def _increasing(self) -> EvaluationConfig:
        if sorted(set(self.step_sweep)) != self.step_sweep or self.step_sweep[0] < 1:
            raise ValueError(f"step_sweep must increase from at least 1, got {self.step_sweep}")
        return self


class StudyConfig(Section):
    """Closed-form studies that train nothing."""

    illposed_angles: list[float] = Field(
        [0.0, 0.5, 1.0, 2.0, 4.0],
        min_length=2,
        description="Rotation angles (radians) of the exact flows of the ill-posedness study.",
    )
    identity_paths: int = Field(
        4_000, ge=100, description="Paths of the Monte-Carlo check of the value identity."
    )
    identity_steps: int = Field(400, ge=10, description="Time steps of that check.")
    identity_controls: list[float] = Field(
        [0.8, 0.9, 1.0, 1.1],
        min_length=1,
        description="Multiples of the optimal control that are compared.",
    )


class Config(Section):
    """Everything the pipeline reads."""

    profile: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="Name of the folder under `results`."
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="Seeds of every trained model."
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        "auto", description="Where models are trained; `auto` takes a GPU where there is one."
    )
    data_folder: str = Field("data", description="Where downloaded files are kept.")
    datasets: dict[str, DatasetConfig] = Field(min_length=1, description="Data sets by name.")
    models: dict[str, ModelConfig] = Field(min_length=1, description="Models by name.")
    evaluation: EvaluationConfig = Field(description="Evaluation.")
    studies: StudyConfig = Field(description="Closed-form studies.")

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds must differ from each other, got {self.seeds}")
        for section, names in {
            "datasets": list(self.datasets),
            "models": list(self.models),
        }.items():
            for name in names:
                if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
                    raise ValueError(
                        f"{section}: the name {name!r} becomes a folder and part of dotted keys; "
                        "expected letters, digits, '_' and '-' only"
                    )
        for name, model in self.models.items():
            self._check_model(name, model)
        return self

    def _check_model(self, name: str, model: ModelConfig) -> None:
        named = {"datasets": model.datasets, "per_dataset": list(model.per_dataset)}
        for key, used in named.items():
            for dataset in used:
                if dataset not in self.datasets:
                    raise ValueError(
                        f"models.{name}.{key}: {dataset!r} is not defined; "
                        f"known: {', '.join(self.datasets)}"
                    )
        if len(set(model.datasets)) != len(model.datasets):
            raise ValueError(f"models.{name}.datasets must differ, got {model.datasets}")
        # Overlays of data sets that this profile leaves out are checked all the same.
        for dataset in {**dict.fromkeys(model.datasets), **model.per_dataset}:
            self.run_config(name, dataset)
        for dataset in model.datasets:
            if model.likelihood and not self.datasets[dataset].has_density:
                raise ValueError(
                    f"models.{name}.likelihood: true, but data set {dataset!r} "
                    "lies on a manifold and has no density; expected likelihood: false"
                )

    def run_config(self, model: str, dataset: str) -> RunConfig:
        """The configuration of one training run, overlays of the data set applied.

        Raises:
            ValueError: The overlay does not fit; names each offending key.
        """
        entry = self.models[model]
        base = {
            "solver": entry.solver.model_dump(mode="json"),
            "training": entry.training.model_dump(mode="json"),
        }
        tree = merge(base, entry.per_dataset.get(dataset, {}))
        try:
            return RunConfig.model_validate(tree)
        except ValidationError as error:
            lines = _explain(error, tree, ("models", model, "per_dataset", dataset))
            raise ValueError("\n  ".join(lines)) from error

    def expanded(self) -> dict[str, Any]:
        """Plain data with all defaults filled in, and one branch ``runs.<model>.<dataset>`` a run.

        Rules name branches of this tree; the audit compares them with what a stage recorded.
        """
        tree = self.model_dump(mode="json")
        tree["runs"] = {
            name: {
                dataset: self.run_config(name, dataset).model_dump(mode="json")
                for dataset in model.datasets
            }
            for name, model in self.models.items()
        }
        return tree


# ------------------------------------------------------------------------------------- loading


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Overlay ``overlay`` on ``base``, mappings key by key, anything else as a whole."""
    result = dict(base)
    for key, value in overlay.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return result


def parse_config(tree: Mapping[str, Any]) -> Config:
    """Validate plain data.

    Raises:
        ConfigError: Names each offending key, its value and what was expected.
    """
    try:
        return Config.model_validate(dict(tree))
    except ValidationError as error:
        lines = _explain(error, tree)
        raise ConfigError("\n  ".join(["invalid configuration:", *lines])) from error


def load_config(paths: Sequence[Path]) -> Config:
    """Read ``paths`` in order, each an overlay on those before, and validate.

    Raises:
        ConfigError: A file is missing, is not YAML or does not validate.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        try:
            loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(f"configuration file {path} does not exist") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"configuration file {path} cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"configuration file {path} is not valid YAML: {error}") from error
        if not isinstance(loaded, dict):
            raise ConfigError(f"configuration file {path} must hold a mapping, got {loaded!r}")
        tree = merge(tree, loaded)
    return parse_config(tree)


def profile_paths(profile: str, folder: Path = DEFAULT_CONFIG.parent) -> list[Path]:
    """Files of a profile: the default, and its overlay unless it is the default."""
    paths = [folder / "default.yaml"]
    return paths if profile == "default" else [*paths, folder / f"{profile}.yaml"]


def lookup(tree: Mapping[str, Any], path: str) -> Any:
    """Value at a dotted path such as ``datasets.moons``.

    Raises:
        ConfigError: The path does not exist.
    """
    node: Any = tree
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            raise ConfigError(f"configuration has no branch {path!r} (stopped at {part!r})")
        node = node[part]
    return node


def _explain(error: ValidationError, tree: Any, prefix: tuple[str, ...] = ()) -> list[str]:
    lines = []
    for item in error.errors():
        key = ".".join([*prefix, *_keys(item["loc"], tree)])
        if item["type"] == "value_error":  # one of this module's checks: names its values itself
            text = item["msg"].removeprefix("Value error, ")
        elif item["type"] == "missing":
            text = "required, but missing"
        else:
            unknown = item["type"] == "extra_forbidden"
            shown = repr(item["input"])
            shown = shown if len(shown) <= 80 else shown[:77] + "..."
            text = f"{'unknown key' if unknown else item['msg']} (got {shown})"
        lines.append(f"{key}: {text}" if key else text)
    return lines


def _keys(loc: Sequence[int | str], tree: Any) -> list[str]:
    # Pydantic puts the chosen variant of a union among the keys, where the user has no such key.
    keys: list[str] = []
    node = tree
    for part in loc:
        if isinstance(node, Mapping):
            if part not in node and node.get("kind") == part:
                continue
            node = node.get(part)
        elif isinstance(node, Sequence) and isinstance(part, int):
            node = node[part]
        keys.append(str(part))
    return keys
