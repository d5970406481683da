"""How a model is trained: optimiser, schedule, validation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mfglab.config.base import Section


class TrainingConfig(Section):
    """How a model is trained; one ``fit`` serves all."""

    iterations: int = Field(1000, ge=1, description="Optimiser steps at most.")
    batch_size: int = Field(512, ge=1, description="Points a step, drawn with replacement.")
    accumulate: int = Field(
        1, ge=1, description="Batches whose gradients are averaged in one optimiser step."
    )
    optimizer: Literal["adam", "adamw"] = Field(
        "adam", description="Adam, or AdamW, whose weight decay acts on matrices alone."
    )
    learning_rate: float = Field(1e-3, gt=0, description="Initial learning rate.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay (`adamw` only).")
    beta2: float = Field(0.999, gt=0, lt=1, description="Decay of the second moment.")
    warmup: int = Field(0, ge=0, description="Steps over which the learning rate rises linearly.")
    schedule: Literal["constant", "cosine", "halving", "drops"] = Field(
        "cosine", description="Learning-rate schedule."
    )
    final_factor: float = Field(
        0.0, ge=0, le=1, description="Share of the learning rate left at the end (`cosine` only)."
    )
    halve_every: int = Field(1000, ge=1, description="Steps between halvings (`halving` only).")
    drop_at: list[Annotated[float, Field(gt=0, lt=1)]] = Field(
        [],
        description="Fractions of the run at which the learning rate falls to a tenth (`drops` "
        "only).",
    )
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
    precision: Literal["32-true", "bf16-mixed"] = Field(
        "32-true", description="Single precision, or bfloat16 where it is safe (for a GPU)."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> TrainingConfig:
        if self.val_every > self.iterations:
            raise ValueError(
                f"val_every must not exceed iterations, got {self.val_every} > {self.iterations}: "
                "the best weights are chosen on validation data"
            )
        if self.weight_decay > 0 and self.optimizer != "adamw":
            raise ValueError(
                f"weight_decay {self.weight_decay} needs optimizer adamw, got {self.optimizer}"
            )
        if (self.schedule == "drops") != bool(self.drop_at):
            raise ValueError(
                "drop_at must be given with schedule drops and with no other, got "
                f"{self.drop_at} with {self.schedule}"
            )
        if self.warmup >= self.iterations:
            raise ValueError(
                f"warmup must be shorter than the run, got {self.warmup} of {self.iterations} steps"
            )
        return self
