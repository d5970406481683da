"""Bounds of propagated velocity errors, counted; slopes in the size of the error."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import read_csv, write_csv
from mfglab.reporting.flow_robustness import propagation_table, size_slopes

with stage(snakemake) as job:
    runs = read_csv(job.input("runs"))
    write_csv(size_slopes(runs), job.output("slopes"), ["law", "sampler", "error"])
    write_csv(propagation_table(runs), job.output("table"))
