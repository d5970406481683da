"""Particles over training points, for each Lipschitz constant."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.figures.particles import mixture_grid
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    config = job.config_value("studies.gpa")
    with np.load(job.input("arrays")) as arrays:
        save(mixture_grid(arrays, config["lipschitz"], config["multiples"]), job.output("figure"))
