"""Generative particles on laws with heavy tails."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import HeavyTailsConfig
from mfglab.datasets.factory import from_manifest
from mfglab.datasets.files import write_npz
from mfglab.experiments.heavy_tails import heavy_tails_study
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = HeavyTailsConfig.model_validate(job.config_value("studies.heavy_tails"))
    manifests = job.inputs_of("manifest") if "manifest" in job.inputs else []
    strokes = from_manifest(manifests[0]).read().milliseconds if manifests else None
    result = heavy_tails_study(config, job.config_value("seeds"), strokes)
    frame = pd.DataFrame([row.row() for row in result.rows])
    write_csv(frame, job.output("runs"), ["arm", "law", "seed"])
    write_npz(job.output("arrays"), result.arrays)
