"""Training times."""

from mfglab.reporting.script import stage
from mfglab.files import write_text
from mfglab.reporting.cost import cost_table

with stage(snakemake) as job:
    table = cost_table(job.inputs_of("timing"))
    text = table.to_csv(sep="\t", index=False, float_format="%.4g", lineterminator="\n")
    write_text(job.output("table"), text)
