import numpy as np
import pandas as pd
import pytest

from mfglab.reporting.cost import cost_table
from mfglab.reporting.csvio import write_csv
from mfglab.reporting.tables import (
    markdown_table,
    readable_table,
    run_table,
    step_table,
    study_table,
    summary_table,
)


def metrics(path, model="a", dataset="d", w2=(1.0, 2.0, 3.0), optimum=np.nan):
    rows = [
        {"model": model, "dataset": dataset, "seed": seed, "w1": 0.5, "w2": value, "mmd2": 1e-3}
        | {"nll": 2.0, "kinetic": 1.0, "w2_ode": np.nan, "w2_sde_ode": np.nan, "evaluations": 8}
        | {"reference_optimum": optimum}
        for seed, value in enumerate(w2)
    ]
    write_csv(pd.DataFrame(rows), path)
    return path


def floors(path, dataset="d"):
    row = {"dataset": dataset, "n": 10, "w1_floor": 0.5, "w2_floor": 0.5, "kinetic_optimum": 0.8}
    write_csv(pd.DataFrame([row]), path)
    return path


def runs(tmp_path, reference=1.9):
    return run_table([metrics(tmp_path / "m.csv")], [floors(tmp_path / "f.csv")], {"d": reference})


def test_runs_are_joined_with_floor_and_reference(tmp_path):
    frame = runs(tmp_path)
    assert list(frame["w2_ratio"]) == [2.0, 4.0, 6.0]
    assert frame["nll_excess"].to_numpy() == pytest.approx([0.1] * 3)
    assert frame["kinetic_ratio"].to_numpy() == pytest.approx([1.25] * 3)


def test_energy_is_compared_with_the_way_to_the_reference_law_of_the_model(tmp_path):
    own = metrics(tmp_path / "m.csv", optimum=4.0)
    frame = run_table([own], [floors(tmp_path / "f.csv")], {})
    assert frame["kinetic_ratio"].to_numpy() == pytest.approx([0.25] * 3)


def test_without_reference_the_excess_is_missing(tmp_path):
    assert runs(tmp_path, reference=None)["nll_excess"].isna().all()


def test_summary_has_the_t_interval(tmp_path):
    summary = summary_table(runs(tmp_path)).set_index("metric")
    row = summary.loc["w2"]
    assert row["mean"] == pytest.approx(2.0)
    # t quantile with 2 degrees of freedom, standard error 1 / sqrt(3)
    assert row["high"] - row["mean"] == pytest.approx(4.302653 / 3**0.5, rel=1e-5)
    assert "w2_ode" not in summary.index


def test_readable_table_shows_mean_and_half_width(tmp_path):
    table = readable_table(summary_table(runs(tmp_path)), {"a": "Model A"})
    assert table.loc[0, "Model"] == "Model A"
    assert table.loc[0, "W2"] == "2.000 ± 2.484"
    assert table.loc[0, "NLL (nats)"] == "2.000"
    assert table.loc[0, "Straightness"] == "-"
    assert markdown_table(table).startswith("| Data | Model |")


def test_step_gap_is_measured_from_the_finest_number_of_steps(tmp_path):
    rows = [
        {"model": "a", "dataset": "d", "seed": seed, "steps": steps, "nll": nll + seed}
        for seed in (0, 1)
        for steps, nll in ((1, 3.0), (4, 2.5), (32, 2.0))
    ]
    write_csv(pd.DataFrame(rows), tmp_path / "s.csv")
    frame = step_table([tmp_path / "s.csv"])
    assert list(frame["nll_gap"]) == [1.0, 0.5, 0.0] * 2


def test_cost_is_averaged_over_seeds(tmp_path):
    paths = []
    for seed, seconds in ((0, 1.0), (1, 3.0)):
        path = tmp_path / f"{seed}.json"
        path.write_text(
            f'{{"model": "a", "dataset": "d", "seed": {seed}, "seconds": {seconds}, "steps": 100, '
            f'"peak_mb": {300 + seed}}}'
        )
        paths.append(path)
    row = cost_table(paths).loc[0]
    assert (row["seeds"], row["seconds_mean"], row["seconds_max"]) == (2, 2.0, 3.0)
    assert row["ms_per_step"] == pytest.approx(20.0)
    assert row["peak_mb"] == 301


def test_a_group_must_not_be_named_like_a_column_of_the_summary():
    runs = pd.DataFrame({"n": [50, 100], "seed": [0, 0], "error": [1.0, 2.0]})
    with pytest.raises(ValueError, match="named by 'n'"):
        study_table(runs, {"n": "N"}, [("Error", "error", "{:.1f}")])


def test_a_study_table_has_a_row_a_group_and_the_interval_over_seeds():
    runs = pd.DataFrame(
        {
            "arm": ["b", "b", "a", "a"],
            "points": [50, 50, 50, 50],
            "seed": [0, 1, 0, 1],
            "error": [1.0, 3.0, 5.0, 5.0],
            "unused": ["x", "y", "z", "w"],
        }
    )
    table = study_table(runs, {"arm": "Arm", "points": "N"}, [("Error", "error", "{:.1f}")])
    assert list(table.columns) == ["Arm", "N", "Error"]
    assert list(table["Arm"]) == ["a", "b"]
    assert table.loc[0, "Error"] == "5.0"
    # half-width of the t-interval of 1 and 3: 12.706 * sqrt(2) / sqrt(2)
    assert table.loc[1, "Error"] == "2.0 ± 12.7"
    signed = study_table(runs, {"arm": "Arm"}, [("Change", "error", "{:+.1f}")])
    assert signed.loc[1, "Change"] == "+2.0 ± 12.7"  # a width has no sign
