"""Table of all generative models."""

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.settings import model_titles, reference_likelihoods
from mfglab.reporting.tables import RUN_KEYS, readable_table, run_table, summary_table

with stage(snakemake) as job:
    config = {name: job.config_value(name) for name in ("models", "datasets")}
    references = reference_likelihoods(config)
    runs = run_table(job.inputs_of("metrics"), job.inputs_of("floors"), references)
    summary = summary_table(runs)
    write_csv(runs, job.output("runs"), RUN_KEYS)
    write_csv(summary, job.output("summary"), ["model", "dataset", "metric"])
    write_csv(readable_table(summary, model_titles(config)), job.output("table"))
