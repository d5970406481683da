"""Certified radii of small score networks on the circle, beside radii that are not certified."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import CertificateConfig
from mfglab.experiments.certificate import certificate_runs, coverage_table
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = CertificateConfig.model_validate(job.config_value("studies.certificate"))
    runs = pd.DataFrame(certificate_runs(config))
    write_csv(runs, job.output("runs"), ["kind", "model"])
    write_csv(coverage_table(runs, config.level), job.output("table"), ["kind"])
