"""Generated digits against a classifier's features and their nearest training images."""

import numpy as np
import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ADVERSARIAL_TITLES, DigitsStudyConfig
from mfglab.datasets.files import write_npz
from mfglab.datasets.splits import Splits
from mfglab.experiments.digits import digit_study
from mfglab.experiments.trained import load_trained
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = DigitsStudyConfig.model_validate(job.config_value("studies.digits"))
    titles = {name: entry["title"] for name, entry in job.config_value("models").items()}
    models = {}
    for model, path in zip(job.param("models"), job.inputs_of("weights"), strict=True):
        trained = load_trained(path)
        models.setdefault(titles[model], {})[trained.meta["seed"]] = trained.solver
    seeds = job.config_value("seeds")
    drawn = {}
    for path in job.inputs_of("samples"):  # none where these models are not run on digits
        with np.load(path) as file:
            for model, title in ADVERSARIAL_TITLES.items():
                found = {seed: file[f"{model}/{job.param('dataset')}/{seed}"] for seed in seeds}
                drawn[title] = found
    splits = Splits.load(job.input("data"))
    study = digit_study(splits, config, models, seeds, drawn)
    write_csv(pd.DataFrame(study.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), study.arrays)
