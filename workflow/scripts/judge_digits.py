"""Digits of one trained model against a classifier's features and their nearest training images."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import DigitsStudyConfig
from mfglab.datasets.files import write_npz
from mfglab.datasets.splits import Splits
from mfglab.experiments.digits import digit_study, model_samples
from mfglab.experiments.trained import load_trained
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = DigitsStudyConfig.model_validate(job.config_value("studies.digits"))
    title = job.config_value(f"models.{job.wildcards['model']}.title")
    trained = [load_trained(path) for path in job.inputs_of("weights")]
    solvers = {one.meta["seed"]: one.solver for one in trained}
    splits = Splits.load(job.input("data"))
    study = digit_study(splits, config, model_samples(title, solvers, splits))
    write_csv(pd.DataFrame(study.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), study.arrays)
