"""Training times of the Transformers' arms, with their operations and weights."""

from mfglab.reporting.script import stage
from mfglab.files import write_text
from mfglab.reporting.cost import depth_cost_table
from mfglab.reporting.csvio import read_csv

with stage(snakemake) as job:
    table = depth_cost_table(job.inputs_of("timing"), read_csv(job.input("runs")))
    text = table.to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")
    write_text(job.output("table"), text)
