"""Samples of every model beside the data."""

from mfglab.reporting.script import stage
from mfglab.reporting.figures.planar import RunArrays, sample_grid
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    models = job.config_value("models")
    runs = [
        RunArrays.load(path, models[model]["title"], dataset)
        for (model, dataset), path in zip(job.param("runs"), job.inputs_of("arrays"), strict=True)
    ]
    save(sample_grid(runs), job.output("figure"))
