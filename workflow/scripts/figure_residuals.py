"""HJB residuals over training and over noising time."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv
from mfglab.reporting.figures.curves import residual_curves
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    models = job.config_value("models")
    titles = {name: entry["title"] for name, entry in models.items()}
    parts = {}
    for (model, dataset, seed), path in zip(
        job.param("runs"), job.inputs_of("history"), strict=True
    ):
        parts.setdefault((model, dataset), []).append(read_csv(path).assign(seed=seed))
    histories = {key: pd.concat(frames) for key, frames in parts.items()}
    residuals = read_csv(job.input("residuals"))
    # Kernels solve the equation up to rounding, ten decades below the learned potentials.
    learned = [name for name, entry in models.items() if entry["solver"]["kind"] == "score"]
    residuals = residuals[residuals["model"].isin(learned)]
    save(residual_curves(histories, residuals, titles), job.output("figure"))
