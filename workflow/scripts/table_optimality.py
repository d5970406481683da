"""HJB residual of potential flows and its correlation with fit, curvature and step error."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.optimality import optimality_runs, residual_correlations

with stage(snakemake) as job:
    frame = optimality_runs(*(read_csv(job.input(name)) for name in ("runs", "steps", "ablation")))
    write_csv(frame, job.output("runs"), ["source", "dataset", "model", "seed"])
    write_csv(residual_correlations(frame), job.output("table"), ["quantity", "seed"])
