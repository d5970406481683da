"""Measure one model on one data set, all seeds."""

from dataclasses import asdict

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import EvaluationConfig
from mfglab.datasets.files import write_npz
from mfglab.datasets.splits import Splits
from mfglab.experiments.evaluate import evaluate_run, step_sweep
from mfglab.experiments.fields import figure_arrays
from mfglab.experiments.residuals import residual_rows
from mfglab.experiments.trained import load_trained
from mfglab.reporting.csvio import write_csv

with stage(snakemake) as job:
    model, dataset = job.wildcards["model"], job.wildcards["dataset"]
    config = EvaluationConfig.model_validate(job.config_value("evaluation"))
    likelihood = job.param("has_density")
    test = Splits.load(job.input("data")).test
    metrics, steps, residuals = [], [], []
    for index, path in enumerate(job.inputs_of("weights")):
        trained = load_trained(path)
        solver, seed = trained.solver, trained.meta["seed"]
        key = {"model": model, "dataset": dataset, "seed": seed}
        print("evaluating", key, flush=True)
        run = evaluate_run(solver, test, config, seed, likelihood=likelihood)
        training = {name: trained.meta[name] for name in ("best_step", "best_val_loss")}
        metrics.append(key | run.row() | training)
        sweep = step_sweep(solver, test, config, likelihood=likelihood)
        steps += [key | asdict(row) for row in sweep]
        residuals += [key | row for row in residual_rows(solver, test, config, seed)]
        if index == 0:
            write_npz(job.output("arrays"), figure_arrays(solver, test, config, seed))
    columns = ["model", "dataset", "seed", "s", "relative_residual"]
    write_csv(pd.DataFrame(metrics), job.output("metrics"), ["seed"])
    write_csv(pd.DataFrame(steps), job.output("steps"), ["seed", "steps"])
    write_csv(pd.DataFrame(residuals, columns=columns), job.output("residuals"), ["seed", "s"])
