"""Samples of the four proximal flows on the plane of the data, and W2 against the time step."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.config import ManifoldsConfig
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.manifolds import manifold_figure
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    config = ManifoldsConfig.model_validate(job.config_value("studies.manifolds"))
    name = config.manifolds[0].name
    runs = read_csv(job.input("runs"))
    with np.load(job.input("arrays")) as file:
        arrays = {key: file[key] for key in file.files}
    figure = manifold_figure(
        runs[runs["manifold"] == name], arrays, config.refinements, config.proximal.steps
    )
    save(figure, job.output("figure"))
