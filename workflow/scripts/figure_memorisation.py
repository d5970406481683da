"""Samples, kernels and distances to the training set."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.memorisation import memorisation_figure
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    with np.load(job.input("arrays")) as file:
        arrays = {name: file[name] for name in file.files}
    runs, kernels = read_csv(job.input("runs")), read_csv(job.input("kernels"))
    save(memorisation_figure(runs, kernels, arrays), job.output("figure"))
