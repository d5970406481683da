"""Trained score models: early stopping, reference law, score error and steps, in one bound."""

import pandas as pd
from pydantic import TypeAdapter

from mfglab.reporting.script import stage
from mfglab.config import DatasetConfig, RobustnessConfig
from mfglab.datasets.factory import build_law
from mfglab.experiments.robustness_models import decompose_models, scored_model
from mfglab.experiments.trained import load_trained
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RobustnessConfig.model_validate(job.config_value("studies.robustness"))
    datasets = TypeAdapter(dict[str, DatasetConfig]).validate_python(job.config_value("datasets"))
    titles = {name: entry["title"] for name, entry in job.config_value("models").items()}
    models = []
    for (model, dataset), path in zip(job.param("runs"), job.inputs_of("weights"), strict=True):
        trained = load_trained(path)
        law, seed = build_law(datasets[dataset]), trained.meta["seed"]
        models.append(scored_model(titles[model], dataset, seed, trained.solver, law))
    rows = pd.DataFrame(decompose_models(config, models))
    write_csv(rows, job.output("runs"), ["dataset", "score_of", "steps", "seed"])
