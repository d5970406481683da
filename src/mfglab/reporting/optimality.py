"""Does a model with a smaller Hamilton-Jacobi residual also fit better and run straighter?

Trained models from several tables are put on one list, and the logarithm of the HJB residual is
correlated with what it is said to explain. Families of models measure their residuals differently
(:data:`FAMILIES`), so models are compared within a data set and a family alone: the level of each
is taken off first. It says how hard the data are, not how optimal the model is.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mfglab.reporting.csvio import TableError

#: What is correlated with the residual: name in the table to column.
QUANTITIES = {"W2": "w2", "curvature": "curvature", "gap at 2 steps": "abs_gap_2"}
#: Kind of a solver to the family of its residual: along test paths, the median over time of the
#: one relative to the time derivative, or centred at each time. Kernels solve the equation by
#: construction, trained or not, so that theirs is rounding and explains nothing: no family.
#: Solvers of other kinds have no residual.
FAMILIES: dict[str, str | None] = {
    "otflow": "potential flows",
    "score": "score models",
    "proximal": "proximal flows",
    "wpo": None,
}
#: Models that are correlated together, and with what; in the order of the table. There is one
#: proximal flow a data set, so that it has nothing to be compared with.
SCOPES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "potential flows": (["potential flows"], list(QUANTITIES)),
    "score models": (["score models"], ["W2"]),
    "all": (["potential flows", "score models"], ["W2"]),
}
_KEYS = ["source", "dataset", "model", "seed"]
_COLUMNS = [*_KEYS, "family", "hjb_residual", "w2", "curvature", "abs_gap_2"]
#: Least value of a quantity in a logarithm: below it is rounding.
TINY = 1e-8
#: Models of one seed, and seeds of one model, that a correlation needs at least.
LEAST = 4


def optimality_runs(
    runs: pd.DataFrame, steps: pd.DataFrame, ablation: pd.DataFrame, kinds: Mapping[str, str]
) -> pd.DataFrame:
    """One row a trained model with a residual: residual, fit, curvature of its paths, step error.

    Args:
        runs: Table of all generative models.
        steps: Their likelihood by number of steps; 2 steps are used, where the model has them.
        ablation: Table of the ablation study, of potential flows.
        kinds: Kind of the solver of each model, a key of :data:`FAMILIES`.

    Raises:
        TableError: A model has a residual and its kind is not known.
    """
    found = runs.dropna(subset=["hjb_residual"])
    for model in found["model"].unique():
        if kinds.get(model) not in FAMILIES:
            raise TableError(
                f"model {model!r} has a residual, so its solver must be one of "
                f"{', '.join(FAMILIES)}, got {kinds.get(model)!r}"
            )
    found = found.assign(family=found["model"].map(lambda model: FAMILIES[kinds[model]]))
    found = found.dropna(subset=["family"])
    two = steps[steps["steps"] == 2][["model", "dataset", "seed", "abs_nll_gap"]]
    pipeline = found.merge(two, how="left", on=["model", "dataset", "seed"], validate="one_to_one")
    pipeline = pipeline.rename(columns={"abs_nll_gap": "abs_gap_2"})
    pipeline = pipeline.assign(source="pipeline")
    study = ablation.dropna(subset=["hjb_residual"]).rename(columns={"arm": "model"})
    study = study.assign(source="ablation", dataset="moons", family="potential flows")
    frame = pd.concat([pipeline, study], ignore_index=True)
    frame["curvature"] = 1 - frame["straightness"]
    return frame[_COLUMNS].sort_values(_KEYS, ignore_index=True)


def residual_correlations(frame: pd.DataFrame) -> pd.DataFrame:
    """Correlation of log residual and log quantity over the models of one seed, by seed.

    Args:
        frame: What :func:`optimality_runs` returns.

    Returns:
        One row for models (:data:`SCOPES`), quantity and seed, with the number of models that are
        compared: a model without the quantity, or the only one of its family on its data, tells
        nothing. Where fewer than :data:`LEAST` are left there is no row.

    Raises:
        TableError: So few potential flows of a seed can be compared.
    """
    rows = []
    for scope, (families, quantities) in SCOPES.items():
        chosen = frame[frame["family"].isin(families)]
        for (seed, group), name in itertools.product(chosen.groupby("seed"), quantities):
            known = group.dropna(subset=[QUANTITIES[name]])
            several = known.groupby(["source", "dataset", "family"])["model"].transform("size") > 1
            compared = known[several]
            if len(compared) < LEAST:
                if scope == "potential flows":
                    raise TableError(
                        f"seed {seed} has {len(compared)} potential flows on common data with "
                        f"{name}, expected at least {LEAST}"
                    )
                continue
            value = _correlation(compared, QUANTITIES[name], ["source", "dataset", "family"])
            row = {"models": scope, "quantity": name, "seed": seed, "correlation": value}
            rows.append(row | {"compared": len(compared)})
    columns = ["models", "quantity", "seed", "correlation", "compared"]
    return pd.DataFrame(rows, columns=columns)


def seed_correlations(frame: pd.DataFrame) -> pd.DataFrame:
    """Correlation of log residual and log W2 over the seeds of one model on one data set.

    Args:
        frame: What :func:`optimality_runs` returns.

    Returns:
        One row a source, data set and model with at least :data:`LEAST` seeds; none with fewer.
    """
    rows = []
    for (source, dataset, model), group in frame.groupby(_KEYS[:3], sort=True):
        if len(group) >= LEAST:
            row = {"source": source, "dataset": dataset, "model": model}
            row |= {"family": group["family"].iloc[0], "seeds": len(group)}
            rows.append(row | {"correlation": _correlation(group, "w2", ["model"])})
    columns = ["source", "dataset", "model", "family", "seeds", "correlation"]
    return pd.DataFrame(rows, columns=columns)


def _correlation(frame: pd.DataFrame, quantity: str, keys: list[str]) -> float:
    residual, value = (_centred(frame, column, keys) for column in ("hjb_residual", quantity))
    return float(np.corrcoef(residual, value)[0, 1])


def _centred(frame: pd.DataFrame, column: str, keys: list[str]) -> pd.Series:
    log = np.log(frame[column].clip(lower=TINY))
    centred: pd.Series = log - log.groupby([frame[key] for key in keys]).transform("mean")
    return centred
