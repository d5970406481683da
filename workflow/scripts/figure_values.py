"""Value functions and optimal velocities."""

from mfglab.reporting.script import stage
from mfglab.reporting.figures.planar import RunArrays, value_grid
from mfglab.reporting.figures.style import figure_style, save

with stage(snakemake) as job, figure_style():
    models = job.config_value("models")
    runs = [
        RunArrays.load(path, models[model]["title"], dataset)
        for (model, dataset), path in zip(job.param("runs"), job.inputs_of("arrays"), strict=True)
    ]
    kinds = {entry["title"]: entry["solver"]["kind"] for entry in models.values()}
    times = {title: "noising time s" if kind == "score" else "t" for title, kind in kinds.items()}
    save(value_grid(runs, times), job.output("figure"))
