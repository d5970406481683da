"""Likelihood error against the number of integration steps."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.curves import step_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    models = job.config_value("models")
    titles = {name: models[name]["title"] for name in job.param("models")}
    steps = read_csv(job.input("steps"))
    steps = steps[steps["model"].isin(list(titles))]
    save(step_curves(steps, titles, job.param("datasets")), job.output("figure"))
