"""HJB residual of trained models and its correlation with fit, curvature and step error."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.optimality import (
    optimality_runs,
    residual_correlations,
    seed_correlations,
)
from mfglab.reporting.settings import solver_kinds

with stage(snakemake) as job:
    kinds = solver_kinds({"models": job.config_value("models")})
    tables = (read_csv(job.input(name)) for name in ("runs", "steps", "ablation"))
    frame = optimality_runs(*tables, kinds)
    write_csv(frame, job.output("runs"), ["source", "dataset", "model", "seed"])
    table = residual_correlations(frame)
    write_csv(table, job.output("table"), ["models", "quantity", "seed"])
    write_csv(seed_correlations(frame), job.output("seeds"), ["source", "dataset", "model"])
