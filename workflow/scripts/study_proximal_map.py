"""The OT-Transformer's optimal flow: numerical game, closed form and bounds over lambda."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import ProximalMapConfig
from mfglab.experiments.proximal_map import proximal_map
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = ProximalMapConfig.model_validate(job.config_value("studies.proximal_map"))
    study = proximal_map(config)
    key = ["head", "dim", "ratio", "replicate"]
    write_csv(pd.DataFrame(study.runs), job.output("runs"), key)
    write_csv(pd.DataFrame(study.bounds), job.output("bounds"), [*key, "quantity", "kind"])
    write_csv(pd.DataFrame(study.starts), job.output("starts"), key)
    write_csv(pd.DataFrame(study.paths), job.output("paths"), ["ratio", "player", "step"])
