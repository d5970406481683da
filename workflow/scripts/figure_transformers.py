"""Robustness, transfer of steps, sweeps, ablation and hidden paths of the Transformers."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.figures.transformers import (
    ablation_bars,
    path_panels,
    robustness_curves,
    sweep_curves,
    transfer_curves,
)
from mfglab.reporting.transformers import in_order

#: Arms whose hidden paths are drawn.
SHOWN = ("baseline", "unregularised", "node", "ot")

with stage(snakemake) as job, figure_style():
    tasks = in_order(job.config_value("transformers.tasks"), job.param("order"))
    draw = {
        "robustness": robustness_curves,
        "transfer": transfer_curves,
        "sweeps": sweep_curves,
        "ablation": ablation_bars,
    }
    for name, panels in draw.items():
        save(panels(read_csv(job.input(name)), tasks), job.output(name))
    loaded = [dict(np.load(path)) for path in job.inputs_of("paths")]
    paths = dict(zip(tasks, loaded, strict=True))
    save(path_panels(paths, tasks, SHOWN), job.output("paths"))
