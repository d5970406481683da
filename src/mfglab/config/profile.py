"""The whole configuration and the checks that cross its sections."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from mfglab.config.base import Section
from mfglab.config.data import DatasetConfig, is_mixture
from mfglab.config.evaluation import EvaluationConfig
from mfglab.config.models import ModelConfig, RunConfig, ScoreConfig
from mfglab.config.studies import ADVERSARIAL_TITLES, StudiesConfig
from mfglab.config.transformers import TransformersConfig
from mfglab.config.tree import explain, merge


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
    studies: StudiesConfig = Field(description="Studies.")
    transformers: TransformersConfig = Field(
        default_factory=lambda: TransformersConfig.model_validate({}),
        description="Transformers as optimal control.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        for name, seeds in {
            "seeds": self.seeds,
            "transformers.seeds": self.transformers.seeds,
        }.items():
            if seeds and len(set(seeds)) != len(seeds):
                raise ValueError(f"{name} must differ from each other, got {seeds}")
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
            if name in ADVERSARIAL_TITLES:
                raise ValueError(f"models: the name {name!r} is that of a study's model")
            self._check_model(name, model)
        self._require_defined("studies.adversarial.datasets", self.studies.adversarial.datasets)
        return self

    def _require_defined(self, key: str, used: list[str]) -> None:
        for dataset in used:
            if dataset not in self.datasets:
                raise ValueError(
                    f"{key}: {dataset!r} is not defined; known: {', '.join(self.datasets)}"
                )
        if len(set(used)) != len(used):
            raise ValueError(f"{key} must differ, got {used}")

    def _check_model(self, name: str, model: ModelConfig) -> None:
        self._require_defined(f"models.{name}.datasets", model.datasets)
        self._require_defined(f"models.{name}.per_dataset", list(model.per_dataset))
        # Overlays of data sets that this profile leaves out are checked all the same.
        for dataset in {**dict.fromkeys(model.datasets), **model.per_dataset}:
            self.run_config(name, dataset)
        for dataset in model.datasets:
            solver = self.run_config(name, dataset).solver
            if isinstance(solver, ScoreConfig) and solver.objective.kind == "explicit":
                self._check_exact_score(name, dataset)

    def _check_exact_score(self, model: str, dataset: str) -> None:
        known = [name for name, data in self.datasets.items() if is_mixture(data)]
        if dataset not in known:
            raise ValueError(
                f"models.{model}.solver.objective: 'explicit' needs data with an exact score, and "
                f"{dataset!r} is no Gaussian mixture; known: {', '.join(known) or 'none'}"
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
            lines = explain(error, tree, ("models", model, "per_dataset", dataset))
            raise ValueError("\n  ".join(lines)) from error

    def expanded(self) -> dict[str, Any]:
        """Plain data with all defaults filled in, and one branch for each training run.

        The branches are ``runs.<model>.<dataset>``, ``depth_runs.<task>.<arm>`` with
        ``depth_seeds`` and, with what is measured on a task, ``depth_evaluations.<task>``.

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
        tree["depth_runs"] = {
            name: {arm: task.arm(arm).model_dump(mode="json") for arm in task.arms}
            for name, task in self.transformers.tasks.items()
        }
        tree["depth_seeds"] = self.transformers.seeds or self.seeds
        tree["depth_evaluations"] = {
            name: self.transformers.evaluation_of(name).model_dump(mode="json")
            for name in self.transformers.tasks
        }
        return tree
