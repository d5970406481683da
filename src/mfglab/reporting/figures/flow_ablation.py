"""Trajectories of flows that were trained with different objectives."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mfglab.reporting.figures.style import COLOURS, DATA_COLOUR, bare

#: Arms by name in the tables, with the words that people read.
TITLES = {
    "cnf": "CNF",
    "cnf_kinetic": "CNF + kinetic",
    "cnf_jacobian": "CNF + Jacobian",
    "rnode": "RNODE (both)",
    "otflow": "OT-Flow",
    "otflow_kinetic_only": "OT-Flow, no HJB term",
    "otflow_hjb_only": "OT-Flow, no kinetic term",
    "otflow_squared": "OT-Flow, squared residual",
    "matching_independent": "matching, independent",
    "matching_optimal": "matching, optimal pairs",
}


def flow_paths(paths: Mapping[str, NDArray[np.float64]], runs: pd.DataFrame) -> Figure:
    """Trajectories of test points to the normal law, a panel an arm.

    Args:
        paths: Arm to path, shape (steps + 1, n, 2).
        runs: Rows of the study, for straightness and kinetic cost under each title.
    """
    figure, grid = plt.subplots(
        1, len(paths), figsize=(2.1 * len(paths), 2.7), squeeze=False, layout="constrained"
    )
    means = runs.groupby("arm")[["straightness", "kinetic_ratio"]].mean()
    for axes, (arm, path) in zip(grid[0], paths.items(), strict=True):
        axes.plot(path[:, :, 0], path[:, :, 1], color=COLOURS[0], lw=0.6, alpha=0.7)
        axes.scatter(path[0, :, 0], path[0, :, 1], s=5, color=DATA_COLOUR, zorder=3, label="data")
        axes.scatter(path[-1, :, 0], path[-1, :, 1], s=5, color=COLOURS[1], zorder=3, label="end")
        bare(axes, 2.9)
        straight, kinetic = means.loc[[arm]].to_numpy()[0]
        axes.set_title(
            f"{TITLES[arm]}\nstraightness {straight:.3f}\nkinetic / optimum {kinetic:.2f}",
            fontsize=8,
        )
    grid[0, 0].legend(loc="lower left", fontsize=7)
    return figure
