"""Certified radii and the further robustness sweeps at smoke sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mfglab.config import load_config
from mfglab.experiments import robustness_ring as ring
from mfglab.experiments.certificate import binomial_interval, certificate_runs, coverage_table
from mfglab.experiments.circle_nets import Fit, train_ensemble, wrapped_score
from mfglab.experiments.robustness_rates import rates
from mfglab.experiments.robustness_wide import clocks, wide_slopes, widths
from mfglab.reporting.figures.certificate import certificate_panels
from mfglab.reporting.figures.robustness_wide import wide_panels
from mfglab.reporting.figures.style import figure_style
from mfglab.robustness.circle import theta

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def studies():
    return load_config([ROOT / "config/default.yaml", ROOT / "config/smoke.yaml"]).studies


@pytest.fixture(scope="module")
def runs(studies):
    return pd.DataFrame(certificate_runs(studies.certificate))


@pytest.fixture(scope="module")
def wide(studies):
    config = studies.robustness_wide.model_copy(update={"clock_steps": [10, 20]})
    sweeps = (rates, ring.ring_early_stopping, ring.ring_reference, widths, clocks)
    return pd.DataFrame([r for f in sweeps for cell in f(config) for r in cell.rows()])


def test_certified_radii_cover_and_runs_repeat(runs, studies):
    certified = runs[runs["kind"].eq("certified, held-out")]
    assert certified["covers"].all()
    assert certified["covers_error"].all()
    assert np.isfinite(runs[["w1", "radius", "ratio"]]).all(axis=None)
    again = pd.DataFrame(certificate_runs(studies.certificate))
    pd.testing.assert_frame_equal(runs, again)


def test_coverage_counts_every_network_of_a_kind(runs, studies):
    table = coverage_table(runs, studies.certificate.level)
    assert (table["models"] == runs["model"].nunique()).all()
    assert ((table["low"] <= table["coverage"]) & (table["coverage"] <= table["high"])).all()


def test_exact_binomial_interval():
    assert binomial_interval(0, 10)[1] == pytest.approx(1 - 0.025**0.1)
    assert binomial_interval(10, 10)[0] == pytest.approx(0.025**0.1)


def test_every_bound_of_the_further_sweeps_holds(wide):
    assert wide["holds"].all()
    assert {sweep[0] for sweep in wide["sweep"]} == set("abdef")
    slopes = wide_slopes(wide).set_index("name")["deviation"]
    assert slopes.loc[["early stopping, ring"]].max() < 0.1
    assert slopes.loc[["reference, ring"]].max() < 0.1


def test_figures_can_be_drawn(runs, wide, studies):
    with figure_style():
        panels = certificate_panels(runs, coverage_table(runs, studies.certificate.level))
        assert len(panels.axes) == 3
        assert len(wide_panels(wide).axes) == 6


def test_reversal_of_the_ring_from_its_own_law_ends_in_its_law():
    n, horizon = 16, 0.05
    law, end = ring._ring_masses(horizon, n), ring._ring_masses(0.01, n)
    kernel = ring._reverse(law, end, horizon - 0.01)
    assert kernel.sum() == pytest.approx(1)
    # Started in the noised law itself the weights u/p_T are constant, and nothing changes.
    same = ring._reverse(np.ones_like(law), end, horizon - 0.01)
    np.testing.assert_allclose(same, end, atol=1e-12)


def test_wrapped_score_is_that_of_the_theta_series():
    z, variance = torch.linspace(-0.9, 1.3, 23, dtype=torch.float64), 0.07
    expected = theta(z.numpy(), variance, 1.0)
    found = wrapped_score(z, torch.full_like(z, variance))
    np.testing.assert_allclose(found.numpy(), expected.first / expected.value, atol=1e-8)


def test_members_of_an_ensemble_learn_apart():
    fit = Fit(0.001, 0.1, 150, 64)
    centres = (0.2, 0.7)
    data = [np.full(10, centre) for centre in centres]
    ensemble = train_ensemble(16, data, fit, 0)
    for member, centre in enumerate(centres):
        x = np.array([centre - 0.05, centre + 0.05])
        score = ensemble.score(member)(np.full(2, 0.005), x)
        assert score[0] > 0 > score[1]
