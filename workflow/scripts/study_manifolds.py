"""Proximal flows and others on one law that lies on a plane, all seeds."""

from pathlib import Path

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ManifoldsConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.manifolds import manifold_study
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = ManifoldsConfig.model_validate(job.config_value("studies.manifolds"))
    (manifold,) = (law for law in config.manifolds if law.name == job.wildcards["manifold"])
    outcome = manifold_study(manifold, config, job.config_value("seeds"), Path(job.param("work")))
    write_csv(pd.DataFrame(outcome.rows), job.output("runs"), ["arm", "seed"])
    write_npz(job.output("arrays"), outcome.arrays)
