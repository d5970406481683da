"""Robustness: noise against no noise, trade-offs, and whether the parts add up."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RobustnessConfig
from mfglab.datasets.files import write_npz
from mfglab.experiments.robustness_cells import SORTED_BY
from mfglab.experiments.robustness_noise import growth_table, stochasticity
from mfglab.experiments.robustness_trade import additivity, eps_and_sample, horizon_and_error
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    config = RobustnessConfig.model_validate(job.config_value("studies.robustness"))
    maps = eps_and_sample(config), horizon_and_error(config)
    cells = [*stochasticity(config), *maps[0].cells, *maps[1].cells]
    rows = [row for cell in cells for row in cell.rows()]
    write_csv(pd.DataFrame(rows), job.output("runs"), SORTED_BY)
    write_csv(pd.DataFrame(growth_table(config)), job.output("growth"), ["factor", "ratio"])
    write_csv(pd.DataFrame(additivity(config)), job.output("additivity"), ["T", "size", "steps"])
    write_npz(job.output("arrays"), maps[0].arrays | maps[1].arrays)
