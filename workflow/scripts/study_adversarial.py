"""Train and measure proximal flows and particles on the laws of the generative models."""

import json

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import AdversarialConfig, EvaluationConfig
from mfglab.datasets.files import write_npz
from mfglab.datasets.splits import Splits
from mfglab.experiments.adversarial_models import adversarial_models
from mfglab.files import write_text
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = AdversarialConfig.model_validate(job.config_value("studies.adversarial"))
    evaluation = EvaluationConfig.model_validate(job.config_value("evaluation"))
    files = zip(config.datasets, job.inputs_of("data"), strict=True)
    splits = {dataset: Splits.load(path) for dataset, path in files}
    seeds = job.config_value("seeds")
    study = adversarial_models(splits, config, evaluation, seeds, job.param("without_density"))
    write_csv(pd.DataFrame(study.metrics), job.output("metrics"), ["model", "dataset", "seed"])
    write_text(job.output("timing"), json.dumps(study.times, indent=1, sort_keys=True) + "\n")
    write_npz(job.output("samples"), study.samples)
