"""Tables of all generative models, when a run has evaluated a few of them.

A profile of many hours need not be run again for one model. The rows of what a run has evaluated
take the place of those of the same model and data set in the tables of an older reference; all
others stay as they are, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from mfglab.files import write_text
from mfglab.reporting.cost import cost_table
from mfglab.reporting.csvio import FLOAT_FORMAT, TableError, read_csv, write_csv
from mfglab.reporting.optimality import optimality_runs, residual_correlations, seed_correlations
from mfglab.reporting.settings import model_titles, reference_likelihoods, solver_kinds
from mfglab.reporting.tables import (
    RUN_KEYS,
    concatenate,
    digits_table,
    readable_table,
    run_table,
    step_table,
    summary_table,
)

#: Columns of keys that are sorted as numbers.
_NUMBERS = ("seed", "steps", "s")


@dataclass(frozen=True)
class _Table:
    # One table of the reference: columns that name a model on a data set, columns of the order.
    run: tuple[str, ...]
    order: tuple[str, ...]
    separator: str = ","
    float_format: str = FLOAT_FORMAT


#: Tables of evaluations: name in the reference folder to how each is put together.
EVALUATIONS = {
    "tables/generative_runs.csv": _Table(("model", "dataset"), RUN_KEYS),
    "tables/generative_summary.csv": _Table(("model", "dataset"), ("model", "dataset", "metric")),
    "tables/generative.csv": _Table(("Model", "Data"), ("Data", "Model")),
    "tables/steps_runs.csv": _Table(("model", "dataset"), (*RUN_KEYS, "steps")),
    "tables/score_residuals.csv": _Table(("model", "dataset"), (*RUN_KEYS, "s")),
    "cost.tsv": _Table(("model", "dataset"), ("model", "dataset"), "\t", "%.4g"),
}
#: The same of generated digits, whose rows have the title of their model.
DIGITS = {
    "tables/digits_runs.csv": _Table(("arm",), ("arm", "seed")),
    "tables/digits.csv": _Table(("Sample",), ("Sample",)),
}
JOINED = EVALUATIONS | DIGITS
#: What models with a residual have in common, made anew from the tables of all models.
OPTIMALITY = (
    "tables/optimality_runs.csv",
    "tables/optimality.csv",
    "tables/optimality_seeds.csv",
    "optimality.png",
)


def has_rows(results: Path) -> bool:
    """Whether a run has evaluated or judged a model."""
    return bool(_evaluated(results) or _judged(results))


def joinable(results: Path, older: Path, made: Set[str] = frozenset()) -> set[str]:
    """Names of the files of a reference that rows of a run change.

    Args:
        results: Folder of a run, such as ``results/full``.
        older: Folder of the older reference.
        made: Names of the files that the run has made of all models.
    """
    found = set()
    for tables, files in ((EVALUATIONS, _evaluated(results)), (DIGITS, _judged(results))):
        if files and made.isdisjoint(tables):
            found |= set(tables)
    if found & EVALUATIONS.keys() and made.isdisjoint(OPTIMALITY):
        found |= {name for name in OPTIMALITY if (older / name).is_file()}
    return found


def sources_of_rows(results: Path, names: Set[str]) -> list[Path]:
    """Files of a run from which :func:`join_models` takes rows for the tables ``names``."""
    files = list(_judged(results)) if names & DIGITS.keys() else []
    if names & EVALUATIONS.keys():
        folders = _evaluated(results)
        tables = ("metrics.csv", "steps.csv", "residuals.csv")
        files += [folder / name for folder in folders for name in tables]
        files += [*_floors(results, folders), *_timings(results, folders)]
    return sorted(files)


def join_models(
    results: Path, older: Path, config: Mapping[str, Any], target: Path, names: Set[str]
) -> dict[str, Path]:
    """Write tables of ``older`` with the rows of what ``results`` has evaluated, and what follows.

    Args:
        results: Folder of a run, such as ``results/full``.
        older: Folder of the older reference, which has these tables.
        config: The configuration of the run as nested plain data.
        target: Folder to write to; it has the other tables, those of the ablation study with them.
        names: Which files, all those that are :func:`joinable`.

    Returns:
        Files written, by their name in the reference.

    Raises:
        TableError: A file is missing, or a table of the older reference has other columns.
    """
    written = {}
    for name, frame in rows_of(results, config, names).items():
        kind = JOINED[name]
        form: dict[str, Any] = {"index": False, "sep": kind.separator, "lineterminator": "\n"}
        text = frame.to_csv(float_format=kind.float_format, **form)
        new, old = _as_text(StringIO(text), kind), _as_text(older / name, kind)
        if list(new.columns) != list(old.columns):
            other = ", ".join(sorted(set(new.columns) ^ set(old.columns))) or "and their order"
            raise TableError(
                f"{older / name} and the rows of {results} differ in columns {other}: run all "
                "models again"
            )
        written[name] = target / name
        write_text(written[name], _replace(old, new, kind).to_csv(**form))
    if names & set(OPTIMALITY):
        written |= _write_optimality(target, config)
    return written


def rows_of(results: Path, config: Mapping[str, Any], names: Set[str]) -> dict[str, pd.DataFrame]:
    """Tables of the evaluated models alone, as the workflow makes them: the groups of ``names``."""
    tables: dict[str, pd.DataFrame] = {}
    if names & EVALUATIONS.keys():
        tables |= _evaluations(results, config)
    if names & DIGITS.keys():
        runs = concatenate(_judged(results), ["arm", "seed"])
        tables |= {"tables/digits_runs.csv": runs, "tables/digits.csv": digits_table(runs)}
    return tables


def _evaluations(results: Path, config: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    folders = _evaluated(results)
    metrics = [folder / "metrics.csv" for folder in folders]
    runs = run_table(metrics, _floors(results, folders), reference_likelihoods(config))
    summary = summary_table(runs)
    residuals = [folder / "residuals.csv" for folder in folders]
    return {
        "tables/generative_runs.csv": runs,
        "tables/generative_summary.csv": summary,
        "tables/generative.csv": readable_table(summary, model_titles(config)),
        "tables/steps_runs.csv": step_table([folder / "steps.csv" for folder in folders]),
        "tables/score_residuals.csv": concatenate(residuals, [*RUN_KEYS, "s"]),
        "cost.tsv": cost_table(_timings(results, folders)),
    }


def _write_optimality(target: Path, config: Mapping[str, Any]) -> dict[str, Path]:
    # No other command draws.
    from mfglab.reporting.figures.optimality import optimality_figure
    from mfglab.reporting.figures.style import figure_style, save

    tables = target / "tables"
    names = ("generative_runs.csv", "steps_runs.csv", "flow_ablation_runs.csv")
    runs, steps, ablation = (read_csv(tables / name) for name in names)
    frame = optimality_runs(runs, steps, ablation, solver_kinds(config))
    written = {name: target / name for name in OPTIMALITY}
    runs_path, table, seeds, figure = written.values()
    write_csv(frame, runs_path, ["source", "dataset", "model", "seed"])
    write_csv(residual_correlations(frame), table, ["models", "quantity", "seed"])
    write_csv(seed_correlations(frame), seeds, ["source", "dataset", "model"])
    with figure_style():
        save(optimality_figure(read_csv(runs_path)), figure)
    return written


def _evaluated(results: Path) -> list[Path]:
    # Folders of the pairs of model and data set that a run has evaluated.
    return sorted(path.parent for path in results.glob("evaluations/*/*/metrics.csv"))


def _judged(results: Path) -> list[Path]:
    # Rows of the models whose digits a run has judged.
    return sorted(results.glob("evaluations/*/*/digits.csv"))


def _floors(results: Path, folders: Sequence[Path]) -> list[Path]:
    names = sorted({folder.name for folder in folders})
    return [results / "floors" / f"{name}.csv" for name in names]


def _timings(results: Path, folders: Sequence[Path]) -> list[Path]:
    found = []
    for folder in folders:
        model = results / "models" / folder.parent.name / folder.name
        found += sorted(model.glob("*/timing.json"))
    return found


def _as_text(source: Path | StringIO, kind: _Table) -> pd.DataFrame:
    # Cells as they are written: those of older rows must not be rounded again.
    try:
        return pd.read_csv(source, sep=kind.separator, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise TableError(f"table {source} does not exist: there are no rows to join to") from None


def _replace(old: pd.DataFrame, new: pd.DataFrame, kind: _Table) -> pd.DataFrame:
    run = list(kind.run)
    again = pd.MultiIndex.from_frame(old[run]).isin(pd.MultiIndex.from_frame(new[run]))
    whole = pd.concat([old[~again], new], ignore_index=True)
    return whole.sort_values(
        list(kind.order),
        key=lambda column: column.astype(float) if column.name in _NUMBERS else column,
        kind="stable",
        ignore_index=True,
    )
