"""Transformers with depth as time: networks, depth, arms and sweeps."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from mfglab.config.base import Section
from mfglab.config.tasks import TaskDataConfig
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
    checkpoint: bool = Field(False, description="Recompute steps in the backward pass.")


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
    values: list[float] = Field(min_length=1, description="Its values.")


class TransformerTaskConfig(Section):
    """One task, the arms that are compared on it, the sweeps of single settings."""

    title: str = Field(min_length=1, description="Name in tables and figures.")
    data: TaskDataConfig = Field(description="The data.")
    base: dict[str, Any] = Field(
        description="What the arms share: `network`, `depth`, `weight`, `training`, ..."
    )
    arms: dict[str, dict[str, Any]] = Field(
        min_length=1, description="Overlays of `base` by arm; each has a `title`."
    )
    sweeps: dict[str, SweepConfig] = Field(
        default_factory=dict, description="Sweeps by name: one key, several values."
    )

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
        for title, sweep in self.sweeps.items():
            for name in sweep.arms:
                if name not in self.arms:
                    raise ValueError(
                        f"sweeps.{title}.arms: {name!r} is no arm; known: {', '.join(self.arms)}"
                    )
                for value in sweep.values:
                    self.arm(name, change(sweep.key, value))
        return self


def change(key: str, value: float) -> dict[str, Any]:
    """The overlay that sets one dotted key; whole numbers become integers.

    Example:
        >>> change("depth.steps", 4.0)
        {'depth': {'steps': 4}}
    """
    tree: Any = int(value) if float(value).is_integer() else value
    for part in reversed(key.split(".")):
        tree = {part: tree}
    result: dict[str, Any] = tree
    return result


def _require_split(width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"width must be a multiple of heads, got width {width}, heads {heads}")
