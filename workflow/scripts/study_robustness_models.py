"""Trained score models: early stopping, reference law, score error and steps, in one bound."""

import pandas as pd
from pydantic import TypeAdapter

from mfglab.config import DatasetConfig, RobustnessConfig
from mfglab.datasets.factory import build_law
from mfglab.experiments.robustness_models import decompose_models, scored_model
from mfglab.experiments.train import load_trained
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.stage import stage

with stage(snakemake) as job:
    config = RobustnessConfig.model_validate(job.config_value("studies.robustness"))
    datasets = TypeAdapter(dict[str, DatasetConfig]).validate_python(job.config_value("datasets"))
    models = []
    for dataset, path in zip(job.param("data"), job.inputs_of("weights"), strict=True):
        trained = load_trained(path)
        law = build_law(datasets[dataset])
        models.append(scored_model(dataset, trained.meta["seed"], trained.solver, law))
    rows = pd.DataFrame(decompose_models(config, models))
    write_csv(rows, job.output("runs"), ["dataset", "score_of", "steps", "seed"])
