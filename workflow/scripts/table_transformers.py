"""Tables of all Transformers: arms, ablation, tuning, robustness, motion, published numbers."""

import numpy as np

from mfglab.reporting.script import stage
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.published import published_table
from mfglab.reporting.transformers import (
    ablation_runs,
    ablation_table,
    arm_table,
    hard_table,
    in_order,
    motion_table,
    stacked,
    swept,
    tuned_runs,
    tuned_table,
)

with stage(snakemake) as job:
    tasks = in_order(job.config_value("transformers.tasks"), job.param("order"))
    names = ("metrics", "robustness", "transfer", "motion")
    runs, hard, transfer, motion = (stacked(job.inputs_of(n), list(tasks)) for n in names)
    hard["exp_loss"] = np.exp(hard["loss"])
    sweeps = swept(
        job.inputs_of("sweeps"),
        job.param("sweeps"),
        runs,
        tasks,
        job.config_value("depth_runs"),
    )
    differences = ablation_runs(runs, tasks)
    tuned = tuned_runs(sweeps, runs, tasks)
    write_csv(runs, job.output("runs"))
    write_csv(hard, job.output("robustness_runs"))
    write_csv(transfer, job.output("transfer_runs"))
    write_csv(motion, job.output("motion_runs"))
    write_csv(sweeps, job.output("sweep_runs"))
    write_csv(differences, job.output("ablation_runs"))
    write_csv(tuned, job.output("tuned_runs"))
    write_csv(arm_table(runs, tasks), job.output("table"))
    write_csv(ablation_table(differences, tasks), job.output("ablation"))
    write_csv(tuned_table(tuned, tasks), job.output("tuned"))
    write_csv(hard_table(hard, tasks), job.output("robustness"))
    write_csv(motion_table(motion, tasks), job.output("motion"))
    tables = {"runs": runs, "robustness": hard, "sweep": sweeps}
    protocols = {name: task["protocol"] for name, task in tasks.items()}
    write_csv(published_table(tables, protocols), job.output("published"))
