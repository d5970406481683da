"""Tables of the number of integration steps and of the residuals of score potentials."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.tables import RUN_KEYS, concatenate, step_table

with stage(snakemake) as job:
    write_csv(step_table(job.inputs_of("steps")), job.output("steps"), [*RUN_KEYS, "steps"])
    residuals = concatenate(job.inputs_of("residuals"), [*RUN_KEYS, "s"])
    write_csv(residuals, job.output("residuals"), [*RUN_KEYS, "s"])
