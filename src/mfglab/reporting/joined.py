"""Tables of all generative models of which a run has evaluated a few.

A profile of many hours need not be run again for one model. The rows of what a run has evaluated
take the place of those of the same model and data set in the tables of an older reference; all
others stay as they are, to the byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from mfglab.config import ADVERSARIAL_TITLES
from mfglab.files import write_text
from mfglab.reporting.cost import cost_table
from mfglab.reporting.csvio import FLOAT_FORMAT, TableError
from mfglab.reporting.tables import (
    RUN_KEYS,
    concatenate,
    readable_table,
    run_table,
    step_table,
    summary_table,
)

#: Columns of keys that are sorted as numbers.
_NUMBERS = ("seed", "steps", "s")


@dataclass(frozen=True)
class _Table:
    # One table of the reference: its columns that name a run, those it is sorted by, separator.
    pair: tuple[str, str]
    order: tuple[str, ...]
    separator: str = ","
    float_format: str = FLOAT_FORMAT


#: Name in the reference folder to how it is put together.
JOINED = {
    "tables/generative_runs.csv": _Table(("model", "dataset"), RUN_KEYS),
    "tables/generative_summary.csv": _Table(("model", "dataset"), ("model", "dataset", "metric")),
    "tables/generative.csv": _Table(("Model", "Data"), ("Data", "Model")),
    "tables/steps_runs.csv": _Table(("model", "dataset"), (*RUN_KEYS, "steps")),
    "tables/score_residuals.csv": _Table(("model", "dataset"), (*RUN_KEYS, "s")),
    "cost.tsv": _Table(("model", "dataset"), ("model", "dataset"), "\t", "%.4g"),
}


def evaluated(results: Path) -> list[Path]:
    """Folders of the pairs of model and data set that a run has evaluated, sorted."""
    return sorted(path.parent for path in results.glob("evaluations/*/*/metrics.csv"))


def sources_of_rows(results: Path) -> list[Path]:
    """Files of a run that :func:`join_models` takes its rows from."""
    folders = evaluated(results)
    tables = ("metrics.csv", "steps.csv", "residuals.csv")
    files = [folder / name for folder in folders for name in tables]
    return sorted([*files, *_floors(results, folders), *_timings(results, folders)])


def join_models(
    results: Path, older: Path, config: Mapping[str, Any], target: Path
) -> dict[str, Path]:
    """Write the tables of ``older`` with the rows of what ``results`` has evaluated.

    Args:
        results: Folder of a run, such as ``results/full``.
        older: Folder of the older reference, which has all of :data:`JOINED`.
        config: The configuration of the run as nested plain data.
        target: Folder to write to.

    Returns:
        Files written, by their name in the reference.

    Raises:
        TableError: A file is missing, or a table of the older reference has other columns.
    """
    rows = rows_of(results, config)
    written = {}
    for name, kind in JOINED.items():
        form: dict[str, Any] = {"index": False, "sep": kind.separator, "lineterminator": "\n"}
        text = rows[name].to_csv(float_format=kind.float_format, **form)
        new, old = _as_text(StringIO(text), kind), _as_text(older / name, kind)
        if list(new.columns) != list(old.columns):
            other = ", ".join(sorted(set(new.columns) ^ set(old.columns))) or "and their order"
            raise TableError(
                f"{older / name} and the rows of {results} differ in columns {other}: run all "
                "models again"
            )
        written[name] = target / name
        write_text(written[name], _replace(old, new, kind).to_csv(**form))
    return written


def rows_of(results: Path, config: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """The tables of :data:`JOINED` of the evaluated pairs alone, as the workflow makes them."""
    folders = evaluated(results)
    titles = {name: entry["title"] for name, entry in config["models"].items()}
    references = {name: entry.get("reference_nll") for name, entry in config["datasets"].items()}
    metrics = [folder / "metrics.csv" for folder in folders]
    runs = run_table(metrics, _floors(results, folders), references)
    summary = summary_table(runs)
    residuals = [folder / "residuals.csv" for folder in folders]
    return {
        "tables/generative_runs.csv": runs,
        "tables/generative_summary.csv": summary,
        "tables/generative.csv": readable_table(summary, titles | dict(ADVERSARIAL_TITLES)),
        "tables/steps_runs.csv": step_table([folder / "steps.csv" for folder in folders]),
        "tables/score_residuals.csv": concatenate(residuals, [*RUN_KEYS, "s"]),
        "cost.tsv": cost_table(_timings(results, folders)),
    }


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
    pair = list(kind.pair)
    again = pd.MultiIndex.from_frame(old[pair]).isin(pd.MultiIndex.from_frame(new[pair]))
    whole = pd.concat([old[~again], new], ignore_index=True)
    return whole.sort_values(
        list(kind.order),
        key=lambda column: column.astype(float) if column.name in _NUMBERS else column,
        kind="stable",
        ignore_index=True,
    )
