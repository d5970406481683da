"""Validation loss of all arms over training."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.figures.transformers import training_curves
from mfglab.reporting.transformers import in_order

with stage(snakemake) as job, figure_style():
    pairs = zip(job.param("runs"), job.inputs_of("history"), strict=True)
    frames = [read_csv(path).assign(task=task, arm=arm) for (task, arm), path in pairs]
    histories = pd.concat(frames, ignore_index=True)
    tasks = in_order(job.config_value("transformers.tasks"), job.param("order"))
    figure = training_curves(histories, tasks)
    save(figure, job.output("figure"))
