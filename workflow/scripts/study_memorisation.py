"""Memorisation of the training set: score models, empirical and learned kernels."""

from pathlib import Path

from mfglab.reporting.script import stage
from mfglab.config import MemorisationConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.memorisation import KERNEL_KEYS, KEYS, memorisation
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = MemorisationConfig.model_validate(job.config_value("studies.memorisation"))
    study = memorisation(config, job.config_value("seeds"), Path(job.param("work")))
    write_csv(study.runs, job.output("runs"), KEYS)
    write_csv(study.kernels, job.output("kernels"), KERNEL_KEYS)
    write_npz(job.output("arrays"), study.arrays)
