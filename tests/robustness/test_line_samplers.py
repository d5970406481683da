"""Grid samplers: exact steps, orders of convergence, and the Version-A bound."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding, VariancePreserving
from mfglab.robustness.distances import w1_masses
from mfglab.robustness.line import LineMixture, Reversal
from mfglab.robustness.samplers import (
    Grid,
    Transition,
    exact_step,
    kicked_run,
    stepped_run,
    time_grid,
)
from mfglab.robustness.schedule import Schedule
from mfglab.robustness.schemes import EulerMaruyama, ExponentialIntegrator

LAW = LineMixture(np.array([0.35, 0.65]), np.array([-1.0, 1.4]), 0.16)
NORMAL = LineMixture(np.array([1.0]), np.array([0.7]), 0.3)
OU = Schedule(OrnsteinUhlenbeck())
GRID = Grid.around(6.0, 0.03)


def law_at(reversal, s):
    return GRID.masses(reversal.law.noised(reversal.schedule, s).pdf(GRID.points))


def test_transition_moves_mean_and_variance():
    push = Transition(GRID, 0.5 * GRID.points + 0.013, 0.2).push(law_at(Reversal(LAW, OU, 0.1), 1))
    start = LAW.noised(OU, 1.0)
    assert push.sum() == pytest.approx(1, abs=1e-12)
    assert push @ GRID.points == pytest.approx(0.5 * start.mean + 0.013, abs=1e-7)
    assert push @ GRID.points**2 == pytest.approx(
        0.25 * start.second_moment + 0.013 * start.mean + 0.013**2 + 0.04, abs=1e-6
    )


@pytest.mark.parametrize(
    "schedule", [OU, Schedule(VariancePreserving()), Schedule(VarianceExploding(0.1, 1.0))]
)
def test_the_exact_step_reverses_the_noising(schedule):
    reversal = Reversal(LAW, schedule, 0.1)
    out = exact_step(reversal, GRID, law_at(reversal, 0.8), GRID.points, 0.8, 0.1)
    assert w1_masses(out, law_at(reversal, 0.1), GRID.step) < 1e-6


@pytest.mark.parametrize("scheme", [EulerMaruyama(), ExponentialIntegrator()])
def test_discretisation_is_of_first_order_and_its_bounds_hold(scheme):
    reversal = Reversal(LAW, OU, 0.05)
    measured, steps, plain = [], [], []
    for n in (20, 80):
        run = stepped_run(
            reversal, GRID, law_at(reversal, 2.0), time_grid(0.05, 2.0, n, True), scheme
        )
        measured.append(w1_masses(run.masses, law_at(reversal, 0.05), GRID.step))
        steps.append(run.steps)
        plain.append(run.steps_plain)
        assert measured[-1] <= run.unsplit <= run.steps + run.score + 1e-12
        assert run.steps <= plain[-1]
        assert run.score == 0
    assert np.log(measured[0] / measured[1]) / np.log(4) == pytest.approx(1, abs=0.1)
    assert np.log(steps[0] / steps[1]) / np.log(4) == pytest.approx(1, abs=0.2)
    assert np.log(plain[0] / plain[1]) / np.log(4) == pytest.approx(0.5, abs=0.15)


def test_version_a_is_sharp_for_a_gaussian_and_a_constant_error():
    # The growth factor does not depend on x, and all kicks have one sign: nothing cancels.
    reversal = Reversal(NORMAL, OU, 0.05)
    times = time_grid(0.05, 2.0, 30, True)
    run = kicked_run(reversal, GRID, law_at(reversal, 2.0), times, lambda x: 0 * x + 0.1)
    measured = w1_masses(run.masses, law_at(reversal, 0.05), GRID.step)
    assert measured == pytest.approx(run.bound, rel=1e-6)


def test_kicks_converge_to_the_continuous_error_term():
    reversal = Reversal(LAW, OU, 0.05)
    error = lambda x: 0.2 * np.sin(2 * x)  # noqa: E731
    runs = [
        kicked_run(reversal, GRID, law_at(reversal, 2.0), time_grid(0.05, 2.0, n, True), error)
        for n in (40, 160)
    ]
    stepped = stepped_run(
        reversal,
        GRID,
        law_at(reversal, 2.0),
        time_grid(0.05, 2.0, 160, True),
        ExponentialIntegrator(),
        error,
    )
    assert runs[1].bound == pytest.approx(stepped.score, rel=0.03)
    assert abs(runs[1].bound - runs[0].bound) < 0.1 * runs[1].bound
    assert w1_masses(runs[1].masses, law_at(reversal, 0.05), GRID.step) <= runs[1].bound
    assert stepped.girsanov > 0


def test_time_grid_refuses_wrong_ends():
    assert time_grid(0.1, 1.0, 2, False) == pytest.approx([1.0, 0.55, 0.1])
    with pytest.raises(ValueError, match="steps >= 1"):
        time_grid(0.1, 1.0, 0, False)
