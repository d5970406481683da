import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from mfglab.reporting.claims import load_claims
from mfglab.reporting.figures.curves import residual_curves, step_curves
from mfglab.reporting.figures.planar import RunArrays, sample_grid, trajectory_grid, value_grid
from mfglab.reporting.figures.style import figure_style, save
from mfglab.reporting.figures.verdicts import draw_verdicts, verdict_figure
from mfglab.reporting.judge import Outcome, Verdict

CLAIMS = Path(__file__).parents[2] / "config" / "claims.yaml"


def run_arrays(model="A", dataset="moons", dim=2):
    rng = np.random.default_rng(0)
    arrays = {
        "data": rng.standard_normal((50, dim)),
        "samples": rng.standard_normal((50, dim)),
        "path": rng.standard_normal((5, 20, dim)),
        "grid": np.linspace(-1, 1, 27),
        "times": np.array([0.0, 0.5, 1.0]),
        "value": rng.random((3, 27, 27)),
        "velocity": rng.standard_normal((3, 27, 27, 2)),
    }
    return RunArrays(model, dataset, arrays)


def test_figures_are_equal_byte_for_byte(tmp_path):
    digests = set()
    for name in ("a.png", "b.png"):
        with figure_style():
            save(sample_grid([run_arrays(), run_arrays("B")]), tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_sample_grid_has_the_data_before_the_models_and_fills_rows():
    runs = [
        *(run_arrays(model, "moons") for model in "ABC"),
        *(run_arrays("A", dataset) for dataset in ("rings", "eight_gaussians", "rolls")),
        run_arrays("C", "digits", dim=64),
    ]
    with figure_style():
        figure = sample_grid(runs)
    titles = [axes.get_title() for axes in figure.axes]
    first = ["moons\ntest data", "A", "B", "C"]
    second = ["rings\ntest data", "A", "eight gaussians\ntest data", "A"]
    assert titles == [*first, *second, "rolls\ntest data", "A", "", ""]
    assert [axes.axison for axes in figure.axes[-2:]] == [False, False]


def test_trajectories_mark_start_and_end():
    with figure_style():
        figure = trajectory_grid([run_arrays(), run_arrays("B")])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "data, t = 0",
        "normal, t = 1",
    ]


def test_value_grid_leaves_out_models_without_value_function():
    bare = RunArrays("C", "moons", {"data": np.zeros((5, 2))})
    with figure_style():
        figure = value_grid([run_arrays(), bare], {"A": "t", "C": "t"})
    assert sum(axes.get_title().startswith("t = ") for axes in figure.axes) == 3


def test_curves_draw_one_line_a_model():
    steps = pd.DataFrame(
        [
            {"model": m, "dataset": "moons", "seed": s, "steps": n, "abs_nll_gap": 1.0 / n}
            for m in ("a", "b")
            for s in (0, 1)
            for n in (1, 2, 4)
        ]
    )
    with figure_style():
        figure = step_curves(steps, {"a": "A", "b": "B"}, ["moons"])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["A", "B"]
    history = pd.DataFrame({"seed": [0, 0], "step": [1, 2], "hjb": [1.0, 0.5]})
    residuals = pd.DataFrame(
        {"model": ["s"], "dataset": ["mix"], "seed": [0], "s": [0.1], "relative_residual": [0.2]}
    )
    with figure_style():
        figure = residual_curves({("a", "moons"): history}, residuals, {"a": "A", "s": "S"})
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "A, moons"
    assert figure.axes[1].get_title() == "mix"
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["S"]


def test_residuals_of_many_models_and_laws_have_a_panel_a_law_and_one_name_a_model():
    laws, models = [f"law_{k}" for k in range(5)], {"a": "A", "b": "B"}
    rows = [
        {"model": m, "dataset": d, "seed": 0, "s": s, "relative_residual": s}
        for m in models
        for d in laws
        for s in (0.1, 0.2)
        if (m, d) != ("a", "law_0")
    ]
    with figure_style():
        figure = residual_curves({}, pd.DataFrame(rows), models)
    _, *panels = figure.axes
    named = [axes.get_title() for axes in panels if axes.axison]
    assert sorted(named) == [law.replace("_", " ") for law in laws]
    assert sorted(t.get_text() for t in figure.legends[0].get_texts()) == ["A", "B"]
    assert len(next(axes for axes in panels if axes.get_title() == "law 0").lines) == 1


def test_verdict_figure_names_every_claim():
    claims = load_claims(CLAIMS)
    verdicts = [
        Verdict(claim.id, Outcome.REPRODUCED, 1.0, 0.5, 1.5, 3, "Because.") for claim in claims
    ]
    with figure_style():
        figure = verdict_figure(claims, verdicts)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("reproduced") == len(claims)
    assert texts.count("1  [0.5, 1.5]") == len(claims)


def test_a_flat_picture_has_the_same_colours_in_fewer_bytes(tmp_path):
    claims = load_claims(CLAIMS)[:12]
    verdicts = [
        Verdict(claim.id, list(Outcome)[i % 4], 1.5, 1.25, 1.75, 3, "")
        for i, claim in enumerate(claims)
    ]
    draw_verdicts(claims, verdicts, tmp_path / "flat.png")
    with figure_style():
        save(verdict_figure(claims, verdicts), tmp_path / "full.png", dpi=110)
    with Image.open(tmp_path / "flat.png") as flat, Image.open(tmp_path / "full.png") as full:
        assert flat.mode == "P"
        a, b = (np.asarray(x.convert("RGB"), dtype=int) for x in (flat, full))
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= 16
    plain = (b == b[0, 0]).all(2)
    assert plain.mean() > 0.3
    np.testing.assert_array_equal(a[plain], b[plain])
    assert (tmp_path / "flat.png").stat().st_size < 0.5 * (tmp_path / "full.png").stat().st_size
