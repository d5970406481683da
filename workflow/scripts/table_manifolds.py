"""All laws of the manifold study in one table of runs, and the table that people read."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.figures.manifolds import ARM_TITLES, COLUMNS
from mfglab.reporting.tables import concatenate, study_table

with stage(snakemake) as job:
    keys = ["manifold", "arm", "seed"]
    runs = concatenate(job.inputs_of("runs"), keys)
    write_csv(runs, job.output("runs"), keys)
    titled = runs.assign(arm=runs["arm"].map(ARM_TITLES))
    table = study_table(titled, {"manifold": "Data", "arm": "Model"}, COLUMNS)
    write_csv(table, job.output("table"), ["Data", "Model"])
