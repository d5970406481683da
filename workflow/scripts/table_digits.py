"""All samples of digits in one table of runs, and the table that people read."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.tables import concatenate, digits_table

with stage(snakemake) as job:
    keys = ["arm", "seed"]
    runs = concatenate(job.inputs_of("runs"), keys)
    write_csv(runs, job.output("runs"), keys)
    write_csv(digits_table(runs), job.output("table"))
