"""Run one stage of the workflow in the present process, without Snakemake's scheduler.

Snakemake reads the workflow and fills in the rule; the script then runs here, so breakpoints and
a debugger work in it. ``python -m mfglab run`` is the way in.
"""

from __future__ import annotations

import ast
import os
import pdb
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from snakemake.api import SnakemakeApi
from snakemake.exceptions import InputFunctionException, RuleException, WorkflowError
from snakemake.iocontainers import Wildcards
from snakemake.settings.enums import Quietness
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from mfglab.config import ConfigError, lookup
from mfglab.reporting.job import Job
from mfglab.reporting.provenance import read_record, write_record
from mfglab.reporting.runner import run_job

SNAKEFILE = Path("Snakefile")


class StageError(ValueError):
    """A stage that cannot be run; the message says why and what there is."""


@dataclass(frozen=True)
class Stage:
    """A rule of the workflow that runs a script.

    Args:
        name: Name of the rule.
        wildcards: Names of its wildcards, in the order of their place in the outputs.
        writes: Whether it writes recorded files; the others only check or collect.
    """

    name: str
    wildcards: tuple[str, ...]
    writes: bool

    def usage(self) -> str:
        """Words on the command line, such as ``train_model model=... dataset=...``."""
        return " ".join([self.name, *(f"{name}=..." for name in self.wildcards)])


@contextmanager
def open_workflow(configfiles: Sequence[Path] = ()) -> Iterator[Any]:
    """Snakemake's workflow object of the ``Snakefile`` in the working folder.

    Args:
        configfiles: Overlays on the configuration that the Snakefile names.

    Raises:
        StageError: There is no Snakefile, or it or the configuration is wrong.
    """
    for path in (SNAKEFILE, *configfiles):
        if not path.is_file():
            raise StageError(f"{path} does not exist; run this in the root of the repository")
    quiet = OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(quiet) as api:
        try:
            overview = api.workflow(
                resource_settings=ResourceSettings(cores=os.cpu_count() or 1),
                config_settings=ConfigSettings(configfiles=list(configfiles)),
                snakefile=SNAKEFILE,
            )
            # the one private name: the public interface can only plan or execute a whole graph
            workflow = overview._workflow
        except (WorkflowError, RuleException) as error:
            raise StageError(str(error)) from None
        yield workflow


def stages(workflow: Any) -> dict[str, Stage]:
    """Rules that run a script, by name, in the order of the workflow."""
    return {
        rule.name: Stage(rule.name, _wildcard_names(rule), "record" in dict(rule.output.items()))
        for rule in workflow.rules
        if rule.is_script
    }


def _wildcard_names(rule: Any) -> tuple[str, ...]:
    places = {
        name: str(product).find(f"{{{name}")
        for product in rule.output
        for name in product.get_wildcard_names()
    }
    return tuple(sorted(places, key=places.__getitem__))


def resolve_job(workflow: Any, name: str, wildcards: Mapping[str, str]) -> Job:
    """The job that Snakemake would run for rule ``name`` with ``wildcards``.

    Raises:
        StageError: No such rule, or wildcards that are missing, superfluous or unknown.
    """
    known = stages(workflow)
    if name not in known:
        listed = "\n  ".join(stage.usage() for stage in known.values() if stage.writes)
        raise StageError(f"no rule {name!r} that runs a script; there are\n  {listed}")
    if not known[name].writes:
        raise StageError(f"rule {name!r} writes no results; run: snakemake --cores 1 {name}")
    rule = workflow.get_rule(name)
    _check_wildcards(workflow, known[name], wildcards)
    try:
        return Job.from_snakemake(_script_object(rule, Wildcards(fromdict=dict(wildcards))))
    except InputFunctionException as error:
        chosen = " ".join(f"{key}={value}" for key, value in wildcards.items())
        reason = _reason(error, workflow.globals["CONFIG"])
        raise StageError(f"{name} {chosen}: {reason}") from None
    except (WorkflowError, RuleException) as error:
        raise StageError(f"rule {name!r}: {error}") from None


def _script_object(rule: Any, wildcards: Wildcards) -> SimpleNamespace:
    """What Snakemake passes to a script, from the parts of a rule."""
    inputs, _, _, _ = rule.expand_input(wildcards)
    output, _ = rule.expand_output(wildcards)
    resources = rule.expand_resources(wildcards, inputs, attempt=1)
    # params may depend on resources, which Snakemake reads from its job
    params, _ = rule.expand_params(wildcards, inputs, output, SimpleNamespace(resources=resources))
    script = Path(rule.basedir.join(rule.script).get_path_or_uri(secret_free=True))
    return SimpleNamespace(
        rule=rule.name,
        wildcards=wildcards,
        input=inputs,
        output=output,
        params=params,
        threads=resources._cores,
        log=rule.expand_log(wildcards),
        scriptdir=script.parent,
    )


def _check_wildcards(workflow: Any, stage: Stage, wildcards: Mapping[str, str]) -> None:
    missing = [name for name in stage.wildcards if name not in wildcards]
    extra = [name for name in wildcards if name not in stage.wildcards]
    if missing or extra:
        words = [f"missing {', '.join(missing)}"] if missing else []
        words += [f"it has no wildcard {', '.join(extra)}"] if extra else []
        raise StageError(f"rule {stage.name!r}: {'; '.join(words)}; expected: {stage.usage()}")
    for product in workflow.get_rule(stage.name).output:
        for name, pattern in product.wildcard_constraints().items():
            if name in wildcards and not pattern.fullmatch(wildcards[name]):
                listed = re.fullmatch(r"[\w|-]+", pattern.pattern)
                expected = f"one of {pattern.pattern.replace('|', ', ')}"
                raise StageError(
                    f"rule {stage.name!r}: {name}={wildcards[name]} is unknown; "
                    f"expected {expected if listed else f'a match of {pattern.pattern}'}"
                )


def _reason(error: BaseException, config: Mapping[str, Any]) -> str:
    """The first error behind ``error``, with what there is in place of an unknown branch."""
    while (behind := error.__cause__ or error.__context__) is not None:
        error = behind
    if not isinstance(error, ConfigError):
        return f"{type(error).__name__}: {error}"
    stopped = re.search(r"branch '([^']*)' \(stopped at '([^']*)'\)", str(error))
    if stopped is None:
        return str(error)
    parts = stopped[1].split(".")
    above = ".".join(parts[: parts.index(stopped[2])])
    return f"{error}; {above} has {', '.join(lookup(config, above))}"


def missing_inputs(workflow: Any, job: Job, configfiles: Sequence[Path]) -> str | None:
    """What is missing and what makes it, in words; None when all inputs exist."""
    wanted = (path for paths in job.inputs.values() for path in paths)
    missing = [path for path in wanted if not Path(path).is_file()]
    if not missing:
        return None
    lines = []
    for path in missing:
        makers = [rule for rule in workflow.rules if rule.is_producer(path)]
        if not makers:
            lines.append(f"{path}: no rule makes it; it is an original file")
            continue
        found = makers[0].get_wildcards(path)
        order = stages(workflow)[makers[0].name].wildcards
        words = [makers[0].name, *(f"{key}={found[key]}" for key in order)]
        command = _command(["python", "-m", "mfglab", "run", *words], configfiles)
        lines.append(f"{path}: made by {makers[0].name}: {command}")
    record = job.output("record").as_posix()
    everything = _command(["snakemake", "--cores", "all", record], configfiles)
    return "\n  ".join(
        [f"{job.name} lacks inputs:", *lines, f"or this stage and all before it: {everything}"]
    )


def _command(words: Sequence[str], configfiles: Sequence[Path]) -> str:
    files = [path.as_posix() for path in configfiles]
    # the files last: Snakemake takes all words after --configfile for files
    return shlex.join([*words, *(["--configfile", *files] if files else [])])


def execute(job: Job, debug: bool = False) -> int:
    """Run the script of ``job`` on this terminal; 0 when it succeeds, 1 when not.

    The script gets no log file, so that standard input and output are those of the terminal and
    a debugger can use them. The record names the log all the same: it must not depend on who ran
    the stage.

    Args:
        job: Its inputs exist.
        debug: Enter the post-mortem debugger when the script fails.
    """
    try:
        run_job(replace(job, log=None))
    except Exception as error:
        if not _told(error, Path(job.script)):
            traceback.print_exc()
        if debug:
            pdb.post_mortem(error.__traceback__)
        return 1
    record = job.output("record")
    write_record(read_record(record).model_copy(update={"log": job.log}), record)
    return 0


def _told(error: Exception, script: Path) -> bool:
    """Whether the frame of the stage has printed ``error``: it was raised in the frame's body."""
    frame = next(node for node in ast.parse(script.read_text()).body if isinstance(node, ast.With))
    places = traceback.extract_tb(error.__traceback__)
    lines = [place.lineno for place in places if place.filename == script.as_posix()]
    return bool(lines) and (lines[0] or 0) > frame.lineno


def main(
    rule: str | None,
    wildcards: Mapping[str, str],
    configfiles: Sequence[Path] = (),
    debug: bool = False,
) -> int:
    """Run one stage, or list all of them when ``rule`` is None.

    Raises:
        StageError: The stage cannot be run: see :func:`resolve_job`; or inputs are missing.
    """
    with open_workflow(configfiles) as workflow:
        if rule is None:
            print("\n".join(stage.usage() for stage in stages(workflow).values() if stage.writes))
            return 0
        job = resolve_job(workflow, rule, wildcards)
        lacking = missing_inputs(workflow, job, configfiles)
    if lacking is not None:
        raise StageError(lacking)
    code = execute(job, debug)
    if code == 0:
        written = [path.as_posix() for path in [*job.files(), job.output("record")]]
        print("\n".join(["written:", *(f"  {path}" for path in written)]), file=sys.stderr)
    return code
