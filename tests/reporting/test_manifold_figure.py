"""The picture and the readable table of the manifold study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mfglab.reporting.figures.manifolds import ARM_TITLES, COLUMNS, manifold_figure
from mfglab.reporting.figures.style import figure_style
from mfglab.reporting.tables import study_table

ARMS = ["both", "none", "otflow", "w2"]


def runs():
    rows = []
    for i, arm in enumerate(ARMS):
        for seed in (0, 1):
            row = {"manifold": "moons_12", "arm": arm, "seed": seed}
            row |= {column: 1.0 + i + seed for _, column, _ in COLUMNS}
            row |= {f"w2_half{end}": 2.0 + i + seed for end in ("", "_middle", "_fine")}
            row |= {f"off_manifold{end}": 0.5 for end in ("", "_middle", "_fine")}
            rows.append(row | {"floor": 0.1})
    return pd.DataFrame(rows)


def test_panels_say_which_arm_they_show_and_curves_are_labelled():
    points = np.random.default_rng(0).standard_normal((30, 2))
    arrays = {"data": points} | {f"samples_{arm}": points for arm in ARMS}
    with figure_style():
        figure = manifold_figure(runs(), arrays, [1, 2, 8], steps=5)
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles == [
        ARM_TITLES["none"],
        ARM_TITLES["w2"],
        f"{ARM_TITLES['w1']}: not run",
        ARM_TITLES["both"],
    ]
    right = figure.axes[4]
    _, labels = right.get_legend_handles_labels()
    assert set(labels) >= {ARM_TITLES[arm] for arm in ARMS} | {"two samples of the data"}
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["1/5", "1/10", "1/40"]
    plane = next(line for line in right.lines if "in the plane" in str(line.get_label()))
    np.testing.assert_allclose(plane.get_ydata(), 2.5 - 0.125)


def test_readable_table_has_a_row_a_law_and_arm():
    titled = runs().assign(arm=lambda frame: frame["arm"].map(ARM_TITLES))
    table = study_table(titled, {"manifold": "Data", "arm": "Model"}, COLUMNS)
    assert len(table) == len(ARMS)
    assert "±" in table["Straightness"][0]
