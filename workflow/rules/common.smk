# What all rules share: the typed configuration, its branches, and code digests. No rule here.
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError

from mfglab.config import ConfigError, lookup, parse_config
from mfglab.reporting.code_digest import code_digest

try:
    SETTINGS = parse_config(config)
except ConfigError as error:
    raise WorkflowError(str(error))

CONFIG = SETTINGS.expanded()
RESULTS = f"results/{SETTINGS.profile}"
SEEDS = SETTINGS.seeds
TASKS = SETTINGS.transformers.tasks
RUNS = [
    (model, dataset)
    for model, entry in SETTINGS.models.items()
    for dataset in entry.datasets
]


wildcard_constraints:
    dataset="|".join(SETTINGS.datasets),
    model="|".join(SETTINGS.models),
    source=r"[a-z0-9-]+",


def branches(*paths):
    """Configuration slice of a rule: {dotted path: value}, wildcards filled in."""

    def choose(wildcards):
        filled = [path.format(**dict(wildcards.items())) for path in paths]
        return {path: lookup(CONFIG, path) for path in filled}

    return choose


def sweep_branches(wildcards):
    """Configuration of a sweep: of the arms, those alone that it varies."""
    sweep = TASKS[wildcards.task].sweeps[wildcards.sweep]
    return branches(
        *(f"depth_runs.{{task}}.{arm}" for arm in sweep.arms),
        "transformers.tasks.{task}.data",
        "transformers.tasks.{task}.sweeps.{sweep}",
        "depth_evaluations.{task}",
        "depth_seeds",
        "device",
    )(wildcards)


def used_by(rule):
    """Package modules that the script of a rule imports, the frame of every stage apart."""
    script = Path(workflow.basedir) / "workflow" / "scripts" / f"{rule}.py"
    imports = re.findall(r"^from (mfglab[.\w]+) import", script.read_text(), re.M)
    return sorted(set(imports) - {"mfglab.reporting.script"})


def digest(rule):
    """Digest of the package code that a stage uses: imports are not tracked by Snakemake."""
    return code_digest(*used_by(rule))


def of_pairs(pattern, pairs):
    """``pattern`` for each pair of model and data set."""
    return [pattern.format(model=model, dataset=dataset) for model, dataset in pairs]


def runs(pattern):
    """``pattern`` for every pair of model and data set."""
    return of_pairs(pattern, RUNS)


def each_seed(pattern):
    """``pattern`` with every seed filled in, other wildcards kept."""
    return expand(pattern, seed=SEEDS, allow_missing=True)


def trained(output, pairs):
    """Files of an output of ``train_model``: pair by pair of model and data set, seed by seed."""
    patterns = getattr(rules.train_model.output, output)
    return [
        pattern.format(model=model, dataset=dataset)
        for model, dataset in pairs
        for pattern in patterns
    ]


def fetched(wildcards):
    """Manifest of the download that a data set needs, if any."""
    source = getattr(SETTINGS.datasets[wildcards.dataset], "source", None)
    return [f"{RESULTS}/downloads/{source}.json"] if source else []


def fetched_task(wildcards):
    """Manifest of the download that a task needs, if any."""
    source = getattr(TASKS[wildcards.task].data, "source", None)
    return [f"{RESULTS}/downloads/{source}.json"] if source else []


def arms_of(pattern):
    """``pattern`` for every trained arm of a task."""
    return lambda wildcards: expand(
        pattern, arm=TASKS[wildcards.task].trained, task=wildcards.task
    )
