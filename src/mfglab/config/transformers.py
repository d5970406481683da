"""Transformers with depth as time: networks, depth, arms and sweeps."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from mfglab.config.base import Checkpoint, Section
from mfglab.config.tasks import FORMS, TaskDataConfig
from mfglab.config.training import TrainingConfig
from mfglab.config.tree import explain, merge

Norm = Literal["pre", "post", "peri", "none"]
Positive = Annotated[int, Field(ge=1)]


class NetworkConfig(Section):
    """Sizes of a network; what the data fix (vocabulary, classes, pixels) is not named here."""

    layers: int = Field(2, ge=1, description="Blocks D in the stack.")
    heads: int = Field(2, ge=1, description="Attention heads.")
    width: int = Field(64, ge=1, description="Width d of the hidden state of a token.")
    norm: Norm = Field("pre", description="Where layer norms stand in a block.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout.")


class GptConfig(NetworkConfig):
    """Causal decoder for text, nanoGPT's."""

    kind: Literal["gpt"]
    bias: bool = Field(False, description="Biases in linear maps and norms.")

    @model_validator(mode="after")
    def _heads_fit(self) -> GptConfig:
        _require_split(self.width, self.heads)
        return self


class VitConfig(NetworkConfig):
    """Vision Transformer with a class token."""

    kind: Literal["vit"]
    patch: int = Field(2, ge=1, description="Side of a patch in pixels.")
    head_width: int | None = Field(
        None, ge=1, description="Width of a head; width / heads if none."
    )
    mlp: int | None = Field(
        None, ge=1, description="Hidden width of the feed-forward part; none: attention alone."
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> VitConfig:
        if self.head_width is None:
            _require_split(self.width, self.heads)
        return self


class SetConfig(NetworkConfig):
    """Set Transformer: induced attention blocks, pooling by attention."""

    kind: Literal["set"]
    inducing: int = Field(16, ge=1, description="Inducing points of a block.")
    lift: bool = Field(
        True, description="A linear layer first, so that all blocks keep the state's shape."
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> SetConfig:
        _require_split(self.width, self.heads)
        return self


class TextEncoderConfig(NetworkConfig):
    """Encoder for sentences, max-pooled over the tokens."""

    kind: Literal["text_encoder"]
    mlp: int = Field(128, ge=1, description="Hidden width of the feed-forward part.")

    @model_validator(mode="after")
    def _heads_fit(self) -> TextEncoderConfig:
        _require_split(self.width, self.heads)
        return self


TransformerConfig = Annotated[
    GptConfig | VitConfig | SetConfig | TextEncoderConfig, Field(discriminator="kind")
]


class DepthConfig(Section):
    """How the stack is run: one step of its increment is the discrete Transformer."""

    horizon: float = Field(1.0, gt=0, description="T: the depth in units of time.")
    steps: int = Field(1, ge=1, description="M: integration steps in training.")
    method: Literal["euler", "heun", "rk4"] = Field("euler", description="Integration scheme.")
    velocity: Literal["output", "increment"] = Field(
        "increment",
        description="dX/dt = stack(X), as in the released code, or stack(X) - X, of which one step "
        "is the discrete Transformer.",
    )
    per_block: bool = Field(
        False, description="Each block is an ODE of its own, in series (N-ODE Transformer)."
    )
    penalty: Literal["mean", "half_sum"] = Field(
        "mean",
        description="Running cost: mean of the squared velocity (released code) or half its sum "
        "(paper).",
    )
    checkpoint: Checkpoint = False


class DepthRunConfig(Section):
    """One arm: everything that a training stage reads but the data."""

    title: str = Field(min_length=1, description="Name in tables and figures.")
    network: TransformerConfig = Field(description="Sizes of the network.")
    depth: DepthConfig = Field(description="How the stack is run.")
    weight: float = Field(0.0, ge=0, description="Weight lambda of the running cost.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing in training.")
    training: TrainingConfig = Field(description="Optimisation.")
    fraction: float = Field(1.0, gt=0, le=1, description="Share of the training data used.")
    label_noise: float = Field(
        0.0, ge=0, lt=1, description="Share of training labels drawn anew at random."
    )


class SweepConfig(Section):
    """One value of one key is changed at a time; arms are trained anew for each value."""

    arms: list[str] = Field(min_length=1, description="Arms that are varied.")
    key: str = Field(description="Dotted key inside an arm, such as `depth.steps`.")
    values: list[float | str] = Field(min_length=1, description="Its values.")


class ContrastConfig(Section):
    """What one change from an arm to another is worth."""

    title: str = Field(min_length=1, description="The change in words.")
    before: str = Field(description="Arm without it.")
    after: str = Field(description="Arm with it.")


CorruptionName = Literal[
    "replace_characters",
    "drop_words",
    "replace_words",
    "synonyms",
    "drop_points",
    "jitter",
    "gaussian",
    "uniform",
    "blur",
    "occlusion",
    "rotation",
]

#: Corruptions that fit the form of a task's inputs.
CORRUPTIONS: dict[str, frozenset[str]] = {
    "text": frozenset({"replace_characters"}),
    "images": frozenset({"gaussian", "uniform", "blur", "occlusion", "rotation"}),
    "clouds": frozenset({"drop_points", "jitter"}),
    "sentences": frozenset({"drop_words", "replace_words", "synonyms"}),
}


class TransformerEvaluationConfig(Section):
    """What is measured of every trained arm, on test data."""

    examples: int = Field(
        300, ge=2, description="Test examples that are corrupted, the first ones."
    )
    attacked: int = Field(100, ge=2, description="Test examples that are attacked, the first ones.")
    attack_steps: int = Field(10, ge=1, description="Steps of projected gradient descent.")
    observed: int = Field(64, ge=4, description="Test examples whose hidden states are followed.")
    transfer_steps: list[Positive] = Field(
        [1, 2, 4, 8, 16], min_length=1, description="Numbers of steps M' in testing."
    )
    tolerances: list[Annotated[float, Field(gt=0)]] = Field(
        [0.1, 0.01, 0.001], description="Relative tolerances of the adaptive solver in testing."
    )


class TransformerTaskConfig(Section):
    """One task, the arms that are compared on it, the sweeps of single settings."""

    title: str = Field(min_length=1, description="Name in tables and figures.")
    protocol: str = Field(
        "",
        description="What of data, networks and training differs from the paper, for the table of "
        "published numbers.",
    )
    data: TaskDataConfig = Field(description="The data.")
    base: dict[str, Any] = Field(
        description="What the arms share: `network`, `depth`, `weight`, `training`, ..."
    )
    arms: dict[str, dict[str, Any]] = Field(
        min_length=1, description="Overlays of `base` by arm; each has a `title`."
    )
    run: list[str] | None = Field(
        None, min_length=1, description="Arms that are trained; all if none."
    )
    sweeps: dict[str, SweepConfig] = Field(
        default_factory=dict, description="Sweeps by name: one key, several values."
    )
    run_sweeps: list[str] | None = Field(None, description="Sweeps that are trained; all if none.")
    contrasts: list[ContrastConfig] = Field(
        default_factory=list, description="Changes from arm to arm, for the table of the ablation."
    )
    corruptions: dict[CorruptionName, list[Annotated[float, Field(gt=0)]]] = Field(
        default_factory=dict,
        description="Levels by corruption: shares of characters, words or points; deviation or "
        "amplitude of noise in units of the pixels' range or of the cloud's radius; pixels (blur); "
        "share (occlusion); degrees.",
    )
    attacks: list[Annotated[float, Field(gt=0)]] = Field(
        default_factory=list,
        description="Radii of FGSM and PGD in the maximum norm: in units of the pixels' range or "
        "of the cloud's radius; for words and characters in deviations of the embedded state.",
    )

    evaluation: dict[str, Any] = Field(
        default_factory=dict,
        description="Overlay of `transformers.evaluation` for this task: an example of text holds "
        "many predictions, so fewer of them do.",
    )

    @property
    def trained(self) -> list[str]:
        """Arms that are trained."""
        return list(self.arms) if self.run is None else self.run

    @property
    def swept(self) -> list[str]:
        """Sweeps that are trained."""
        return list(self.sweeps) if self.run_sweeps is None else self.run_sweeps

    def arm(self, name: str, changes: dict[str, Any] | None = None) -> DepthRunConfig:
        """The resolved configuration of an arm, ``changes`` laid over it.

        Raises:
            ValueError: The overlay does not fit; names each offending key.
        """
        tree = merge(merge(self.base, self.arms[name]), changes or {})
        try:
            return DepthRunConfig.model_validate(tree)
        except ValidationError as error:
            raise ValueError("\n  ".join(explain(error, tree, ("arms", name)))) from error

    @model_validator(mode="after")
    def _arms_are_valid(self) -> TransformerTaskConfig:
        for name in self.arms:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"arms: {name!r} becomes a folder; expected letters, digits, '_'")
            self.arm(name)
        for name in self.run or ():
            if name not in self.arms:
                raise ValueError(f"run: {name!r} is no arm; known: {', '.join(self.arms)}")
        for name in self.run_sweeps or ():
            if name not in self.sweeps:
                known = ", ".join(self.sweeps) or "none"
                raise ValueError(f"run_sweeps: {name!r} is no sweep; known: {known}")
        for contrast in self.contrasts:
            for name in (contrast.before, contrast.after):
                if name not in self.arms:
                    raise ValueError(
                        f"contrasts: {name!r} is no arm; known: {', '.join(self.arms)}"
                    )
        for title, sweep in self.sweeps.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", title):
                raise ValueError(f"sweeps: {title!r} becomes a folder; expected letters, '_'")
            for name in sweep.arms:
                if name not in self.arms:
                    raise ValueError(
                        f"sweeps.{title}.arms: {name!r} is no arm; known: {', '.join(self.arms)}"
                    )
                for value in sweep.values:
                    self.arm(name, change(sweep.key, value))
        return self

    @model_validator(mode="after")
    def _corruptions_fit(self) -> TransformerTaskConfig:
        form = FORMS[self.data.kind]
        for name in self.corruptions:
            if name not in CORRUPTIONS[form]:
                raise ValueError(
                    f"corruptions: {name!r} does not fit data {self.data.kind!r} ({form}); "
                    f"known: {', '.join(sorted(CORRUPTIONS[form]))}"
                )
        return self


class TransformersConfig(Section):
    """Transformers as optimal control: tasks with their arms, and what is measured."""

    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, min_length=1, description="Seeds of the Transformers; null for those of all models."
    )
    evaluation: TransformerEvaluationConfig = Field(
        default_factory=lambda: TransformerEvaluationConfig.model_validate({}),
        description="What is measured of every arm.",
    )
    tasks: dict[str, TransformerTaskConfig] = Field(
        default_factory=dict, description="Tasks by name; an overlay leaves one out by `null`."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_left_out(cls, tree: Any) -> Any:
        if not isinstance(tree, dict) or not isinstance(tree.get("tasks"), dict):
            return tree
        kept = {name: task for name, task in tree["tasks"].items() if task is not None}
        return tree | {"tasks": kept}

    def evaluation_of(self, task: str) -> TransformerEvaluationConfig:
        """What is measured on a task: its overlay laid over ``evaluation``.

        Raises:
            ValueError: The overlay does not fit; names each offending key.
        """
        tree = merge(self.evaluation.model_dump(mode="json"), self.tasks[task].evaluation)
        try:
            return TransformerEvaluationConfig.model_validate(tree)
        except ValidationError as error:
            found = explain(error, tree, ("tasks", task, "evaluation"))
            raise ValueError("\n  ".join(found)) from error

    @model_validator(mode="after")
    def _evaluations_are_valid(self) -> TransformersConfig:
        for name in self.tasks:
            self.evaluation_of(name)
        return self

    @model_validator(mode="after")
    def _names_are_folders(self) -> TransformersConfig:
        for name in self.tasks:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"tasks: {name!r} becomes a folder; expected letters, digits, '_'")
        return self


def change(key: str, value: float | str) -> dict[str, Any]:
    """The overlay that sets one dotted key; whole numbers become integers.

    Example:
        >>> change("depth.steps", 4.0)
        {'depth': {'steps': 4}}
    """
    whole = not isinstance(value, str) and float(value).is_integer()
    tree: Any = int(value) if whole else value
    for part in reversed(key.split(".")):
        tree = {part: tree}
    result: dict[str, Any] = tree
    return result


def _require_split(width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"width must be a multiple of heads, got width {width}, heads {heads}")
