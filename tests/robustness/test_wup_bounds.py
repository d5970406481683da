"""Bounds against cases in which they are sharp or known."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.games.dynamics import HeatFlow, OrnsteinUhlenbeck
from mfglab.robustness import bounds
from mfglab.robustness.circle import circle_points
from mfglab.robustness.distances import w1_cdf, w1_circle
from mfglab.robustness.fokker_planck import backward_gradient
from mfglab.robustness.growth import TwoModes, flow_slope
from mfglab.robustness.line import LineMixture, two_modes
from mfglab.robustness.schedule import Schedule

HEAT, OU = Schedule(HeatFlow(2**0.5)), Schedule(OrnsteinUhlenbeck())


def test_bernstein_factor_is_one_without_drift_and_grows_like_the_root():
    assert bounds.bernstein_factor(0.0, 1.0) == 1.0
    assert bounds.bernstein_factor(1e-9, 1.0) == pytest.approx(1, abs=1e-2)
    assert bounds.bernstein_factor(1e6, 1.0) == pytest.approx(2.217 * 1e3, rel=1e-3)
    assert bounds.bernstein_factor(5.0, 2.0) == pytest.approx(bounds.bernstein_factor(20.0, 1.0))
    with pytest.raises(ValueError, match="lipschitz"):
        bounds.bernstein_factor(-1.0, 1.0)


@pytest.mark.parametrize("end", [0.01, 0.1, 0.5])
def test_bernstein_bounds_the_gradient_of_the_backward_equation(end):
    # The constant does not depend on the time, while exp(L T) explodes.
    x = circle_points(128)
    drift = lambda t, y: 6 * np.sin(4 * np.pi * y)  # noqa: E731
    path = backward_gradient(
        np.where(x < 0.5, 1.0, -1.0), drift, list(np.linspace(0, end, 201)), 1.0
    )
    lipschitz = 24 * np.pi
    assert np.abs(path[0]).max() <= bounds.bernstein_factor(lipschitz, 0.5)
    assert bounds.gronwall_factor([lipschitz] * 2, [0.0, 10.0]) == np.inf


def test_total_variation_constant_and_the_sharp_heat_bound():
    K = bounds.total_variation_constant()
    assert pytest.approx(3.134, abs=1e-3) == K
    # Two close Gaussians: L1 = 2 (2 Phi(d/(2 sqrt(2T))) - 1), tends to d/sqrt(pi T).
    T, shift = 0.3, 1e-3
    x = np.linspace(-6, 6, 20001)
    p, q = (np.exp(-((x - m) ** 2) / (4 * T)) / np.sqrt(4 * np.pi * T) for m in (0.0, shift))
    measured = np.abs(p - q).sum() * (x[1] - x[0])
    assert measured == pytest.approx(bounds.heat_l1(shift, T), rel=1e-5)
    assert bounds.heat_l1(shift, T) < bounds.l1_bound(0.0, T, shift, 0.0)
    with pytest.raises(ValueError, match="horizon"):
        bounds.l1_bound(1.0, 0.0, 1.0, 0.0)


@pytest.mark.parametrize("eps", [1e-4, 1e-2])
def test_early_stopping_is_an_equality_for_one_atom(eps):
    atom = LineMixture(np.array([1.0]), np.array([0.0]), 0.0)
    nodes = np.linspace(-8, 8, 4001) * (2 * eps) ** 0.5
    measured = w1_cdf(atom.cdf, atom.noised(HEAT, eps).cdf, nodes)
    assert measured == pytest.approx(bounds.early_stopping_heat(eps), rel=1e-9)
    assert bounds.early_stopping_heat(eps) < bounds.early_stopping_general(atom, HEAT, eps)
    assert bounds.early_stopping_heat(eps, 3) == pytest.approx((2 * eps * 8 / np.pi) ** 0.5)


@pytest.mark.parametrize("schedule", [HEAT, OU])
def test_early_stopping_of_a_smooth_law_is_of_first_order(schedule):
    law = two_modes(1.0, 0.16)
    x = np.linspace(-6, 6, 4001)
    for eps in (1e-3, 1e-2):
        measured = w1_cdf(law.cdf, law.noised(schedule, eps).cdf, x)
        assert measured <= bounds.early_stopping_mixture(law, schedule, eps)
    ratio = [bounds.early_stopping_mixture(law, schedule, eps) for eps in (1e-3, 1e-4)]
    assert ratio[0] / ratio[1] == pytest.approx(10, rel=0.05)


def test_transport_entropy_is_sharp_for_a_shifted_gaussian():
    law = LineMixture(np.array([1.0]), np.array([0.0]), 0.49)
    divergence = 0.3**2 / (2 * 0.49)
    assert bounds.transport_entropy(law, divergence) == pytest.approx(0.3)


def test_girsanov_pinsker_bounds_the_distance_of_close_laws():
    x = circle_points(200)
    p = (1 + 0.1 * np.cos(2 * np.pi * x)) / 200
    q = np.full(200, 1 / 200)
    divergence = float((p * np.log(p / q)).sum())
    assert w1_circle(p, q, 1 / 200) <= bounds.girsanov_pinsker(0.5, divergence)


@pytest.mark.parametrize(("a", "v"), [(4.0, 1.0), (1.2, 0.3), (0.5, 1.0)])
def test_growth_factors_of_two_modes(a, v):
    modes = TwoModes(a, v)
    u = np.linspace(0, 50 * v, 200001)
    values = v / (v + u) + a**2 * u / (v + u) ** 2
    assert modes.sde_max() == pytest.approx(values.max(), rel=1e-6)
    assert modes.sde(modes.sde_worst_variance()) == pytest.approx(modes.sde_max())
    assert flow_slope(modes, 3 * v) == pytest.approx(modes.flow(3 * v), rel=1e-6)
    assert modes.flow(2.0) ** 2 == pytest.approx(modes.gronwall(2.0))


def test_noise_makes_exponential_growth_polynomial():
    modes = TwoModes(4.0, 1.0)
    assert modes.sde_max() == pytest.approx(4.516, abs=1e-3)
    worst = max(modes.flow(u) for u in np.geomspace(0.1, 100, 400))
    assert worst > 100 * modes.sde_max()
    assert max(modes.gronwall(u) for u in np.geomspace(0.1, 100, 400)) > 400 * worst


def test_objective_gap_refuses_negative_distances():
    assert bounds.objective_gap(2.0, 0.1, 0.3) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="distance"):
        bounds.objective_gap(2.0, -0.1, 0.3)
