"""Velocity errors through exact and trained samplers, and the regularity of the latter."""

import pandas as pd

from mfglab.reporting.script import stage
from mfglab.config import RobustnessFlowsConfig
from mfglab.datasets.factory import TOYS
from mfglab.experiments.robustness_flow_models import propagate, samplers, train_proximal
from mfglab.experiments.robustness_flows import exact_flows
from mfglab.experiments.trained import load_trained
from mfglab.reporting.csvio import write_csv
from mfglab.training.seeds import stream

with stage(snakemake) as job:
    config = RobustnessFlowsConfig.model_validate(job.config_value("studies.robustness_flows"))
    titles = {name: entry["title"] for name, entry in job.config_value("models").items()}
    solvers = []
    for (model, _), path in zip(job.param("runs"), job.inputs_of("weights"), strict=True):
        trained = load_trained(path)
        solvers.append((titles[model], trained.meta["seed"], trained.solver))
    data = TOYS["moons"]().sample(5000, stream("proximal data", config.seed)).float()
    for seed in job.config_value("seeds"):
        solvers.append(("W1+W2 flow", seed, train_proximal(data, seed, config.proximal_iterations)))
    rows, learned = exact_flows(config), []
    for title, seed, solver in solvers:
        for sampler in samplers(title, seed, solver, config):
            found, regularity = propagate(config, sampler)
            rows += found
            learned.append(regularity)
    order = ["law", "sampler", "error", "size", "seed", "kind"]
    write_csv(pd.DataFrame(rows), job.output("runs"), order)
    write_csv(pd.DataFrame(learned), job.output("models"), ["sampler", "seed"])
