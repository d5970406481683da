"""Generated digits against a classifier's features and their nearest training images."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DigitsStudyConfig
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
    splits = Splits.load(job.input("data"))
    study = digit_study(splits, config, models, job.config_value("seeds"))
    write_csv(pd.DataFrame(study.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), study.arrays)
