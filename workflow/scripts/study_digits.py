"""Digits of known verdict, and those of models that were not kept, against a classifier."""

import itertools

import numpy as np
import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ADVERSARIAL_TITLES, DigitsStudyConfig
from mfglab.datasets.files import write_npz
from mfglab.datasets.splits import Splits
from mfglab.experiments.digits import control_samples, digit_study, drawn_samples
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = DigitsStudyConfig.model_validate(job.config_value("studies.digits"))
    seeds, splits = job.config_value("seeds"), Splits.load(job.input("data"))
    samples = [control_samples(splits, config, seeds)]
    for path in job.inputs_of("samples"):  # none where these models are not run on digits
        with np.load(path) as file:
            for model, title in ADVERSARIAL_TITLES.items():
                images = {seed: file[f"{model}/{job.param('dataset')}/{seed}"] for seed in seeds}
                samples.append(drawn_samples(title, images, splits))
    study = digit_study(splits, config, itertools.chain(*samples))
    write_csv(pd.DataFrame(study.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), study.arrays)
