"""Does a flow with a smaller Hamilton-Jacobi residual also fit better and run straighter?

Runs of potential flows from several tables are put on one list, and the logarithm of the HJB
residual is correlated with what it is said to explain. The level of each data set is taken off
first: it says how hard the data are, not how optimal the flow is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mfglab.reporting.csvio import TableError

#: What is correlated with the residual: name in the table to column.
QUANTITIES = {"W2": "w2", "curvature": "curvature", "gap at 2 steps": "abs_gap_2"}
_COLUMNS = ["source", "dataset", "model", "seed", "hjb_residual", "w2", "curvature", "abs_gap_2"]
#: Least value of a quantity in a logarithm: below it is rounding.
TINY = 1e-8


def optimality_runs(
    runs: pd.DataFrame, steps: pd.DataFrame, ablation: pd.DataFrame
) -> pd.DataFrame:
    """One row a trained potential flow: HJB residual, fit, curvature of its paths, step error.

    Args:
        runs: Table of all generative models.
        steps: Their likelihood by number of steps; 2 steps are used.
        ablation: Table of the ablation study.
    """
    flows = runs.dropna(subset=["hjb_residual", "straightness"])
    two = steps[steps["steps"] == 2][["model", "dataset", "seed", "abs_nll_gap"]]
    pipeline = flows.merge(two, on=["model", "dataset", "seed"], validate="one_to_one")
    pipeline = pipeline.rename(columns={"abs_nll_gap": "abs_gap_2"}).assign(source="pipeline")
    study = ablation.dropna(subset=["hjb_residual"]).rename(columns={"arm": "model"})
    study = study.assign(source="ablation", dataset="moons")
    frame = pd.concat([pipeline, study], ignore_index=True)
    frame["curvature"] = 1 - frame["straightness"]
    return frame[_COLUMNS].sort_values(_COLUMNS[:4], ignore_index=True)


def residual_correlations(frame: pd.DataFrame) -> pd.DataFrame:
    """Correlation of log residual and log quantity over the flows of one seed, by seed.

    Args:
        frame: What :func:`optimality_runs` returns.

    Raises:
        TableError: Fewer than four flows share a seed.
    """
    rows = []
    for seed, group in frame.groupby("seed", sort=True):
        if len(group) < 4:
            raise TableError(f"seed {seed} has {len(group)} potential flows, expected at least 4")
        keys = [group["source"], group["dataset"]]
        residual = _centred(group["hjb_residual"], keys)
        for name, column in QUANTITIES.items():
            quantity = _centred(group[column], keys)
            rows.append(
                {
                    "quantity": name,
                    "seed": seed,
                    "correlation": float(np.corrcoef(residual, quantity)[0, 1]),
                    "flows": len(group),
                }
            )
    return pd.DataFrame(rows).sort_values(["quantity", "seed"], ignore_index=True)


def _centred(column: pd.Series, keys: Sequence[pd.Series]) -> pd.Series:
    log = np.log(column.clip(lower=TINY))
    centred: pd.Series = log - log.groupby(list(keys)).transform("mean")
    return centred
