"""Geometry of trajectories with known values."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from mfglab.trajectories.diagnostics import (
    continuity_residual,
    crossing,
    kinetic_energy,
    least_kinetic_energy,
    path_length,
    speed_variation,
    straightness,
)
from mfglab.trajectories.integrate import Rates, integrate
from mfglab.trajectories.methods import EULER, RK4

TIMES = torch.linspace(0, 1, 2001, dtype=torch.float64)


def semicircle(radius=1.0):
    angle = math.pi * TIMES
    return radius * torch.stack([angle.cos(), angle.sin()], dim=1)[:, None, :]


def test_semicircle():
    path = semicircle(2.0)
    assert straightness(path).item() == pytest.approx(2 / math.pi, abs=1e-6)
    assert path_length(path).item() == pytest.approx(2 * math.pi, abs=1e-5)
    assert kinetic_energy(TIMES, path).item() == pytest.approx(2 * math.pi**2, abs=1e-4)
    assert speed_variation(TIMES, path).item() == pytest.approx(0, abs=1e-6)


def test_straight_lines_points_at_rest_and_direction_of_time():
    ends = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64)
    path = TIMES[:, None, None] ** 2 * ends
    torch.testing.assert_close(straightness(path), torch.ones(2, dtype=torch.float64))
    # Speed 2 t |end|: mean 1, standard deviation 1/sqrt(3) relative to it.
    variation = speed_variation(TIMES, path)
    assert variation.tolist() == pytest.approx([1 / math.sqrt(3), 0.0], abs=1e-6)
    assert kinetic_energy(TIMES, path)[0].item() == pytest.approx(25 * 2 / 3, abs=1e-4)
    back = kinetic_energy(TIMES.flip(0), path.flip(0))
    torch.testing.assert_close(back, kinetic_energy(TIMES, path))


def test_speed_variation_weighs_by_time_on_uneven_grids():
    uneven = TIMES**2
    path = uneven[:, None, None] * torch.ones(1, 2, dtype=torch.float64)
    assert speed_variation(uneven, path).item() == pytest.approx(0, abs=1e-9)


def rotation(clock):
    """Points on circles of radii 1 and 2, a quarter of a turn at times of a clock on [0, 1]."""
    angle = clock[:, None] * math.pi / 2
    radius = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)


def test_the_least_energy_is_that_at_constant_speed_whatever_the_clock():
    for clock in (TIMES, TIMES**3):
        energy = float(least_kinetic_energy(rotation(clock)))
        assert energy == pytest.approx((math.pi / 2) ** 2 * 2.5 / 2, rel=1e-5)
        own = float(kinetic_energy(TIMES, rotation(clock)).mean())
        assert own > energy * (1 - 1e-9)
    assert own > 1.5 * energy


def test_the_least_energy_is_at_least_half_the_squared_distance_of_the_ends():
    path = rotation(torch.linspace(0, 1, 50, dtype=torch.float64))
    chord = float((path[-1] - path[0]).square().sum(-1).mean()) / 2
    assert float(least_kinetic_energy(path)) > chord
    assert float(least_kinetic_energy(path[[0, -1]])) == pytest.approx(chord)


def test_token_states_are_one_vector():
    path = TIMES[:, None, None, None] * torch.ones(1, 3, 2, dtype=torch.float64)
    assert path_length(path).item() == pytest.approx(math.sqrt(6))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_straightness_lies_between_zero_and_one(seed):
    generator = torch.Generator().manual_seed(seed)
    path = torch.randn(5, 4, 3, generator=generator).cumsum(0)
    value = straightness(path)
    assert bool(((value >= 0) & (value <= 1)).all())


def cloud(n=60, d=3):
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def test_gradients_of_convex_functions_do_not_cross():
    x = cloud()
    root = torch.tensor([[2.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 0.7]], dtype=torch.float64)
    maps = [lambda x: x @ (root @ root.T), lambda x: x**3, torch.exp, lambda x: x + 5.0]
    for convex_gradient in maps:
        result = crossing(x, convex_gradient(x))
        assert result.monotonicity_violation == 0
        assert result.near_collision == 0
        assert result.pairs == 60 * 59 // 2


def test_reflections_cross():
    x = cloud()
    full = crossing(x, -x)
    assert full.monotonicity_violation == 1
    assert full.near_collision == 1
    mirror = x * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    part = crossing(x, mirror)
    # Mirrored pairs violate monotonicity when the first coordinate dominates their difference.
    d = x[:, None] - x[None, :]
    violating = (-(d[..., 0] ** 2) + d[..., 1] ** 2 + d[..., 2] ** 2 < 0).double()
    expected = violating.sum() / (60 * 59)
    assert part.monotonicity_violation == pytest.approx(expected.item())
    assert 0 < part.near_collision < part.monotonicity_violation


def test_near_collision_against_a_fine_scan_of_the_chords():
    x, y = cloud(), cloud().roll(7, 0)
    i, j = torch.triu_indices(60, 60, offset=1)
    d0, d1 = x[i] - x[j], y[i] - y[j]
    u = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None, None]
    gap = torch.cat([((1 - c) * d0 + c * d1).norm(dim=-1) for c in u.split(200)]).amin(0)
    ratio = gap / torch.minimum(d0.norm(dim=1), d1.norm(dim=1))
    tolerance = 0.3
    assert crossing(x, y, tolerance).near_collision == pytest.approx(
        (ratio < tolerance).double().mean().item(), abs=2e-3
    )


def test_merging_points_collide():
    start = torch.tensor([[0.0], [1.0]])
    end = torch.tensor([[2.0], [2.0]])
    assert crossing(start, end).near_collision == 1
    assert crossing(end, end + 1).near_collision == 0


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"at least one step, got \(1, 2, 3\)"):
        straightness(torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match="3 points of a path need as many times, got 2"):
        kinetic_energy(torch.zeros(2), torch.zeros(3, 1, 1))
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 2\)"):
        crossing(torch.zeros(1, 2), torch.zeros(1, 2))


def swirl(t, x):
    turned = torch.stack([-x[:, 1], x[:, 0]], dim=1)
    return Rates(torch.sin(x) + (1 + t) * turned)


def paths(field, steps, method=RK4, start=0.0, end=1.0):
    x = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return integrate(field, x, start, end, steps, method, keep_path=True)


def test_the_continuity_residual_of_a_cubic_speed_is_known():
    # One step of x' = t^3 ends right; the Hermite curve leaves u (u - 1/2) (u - 1) of the speed,
    # whose square has the integral 1/840 beside 1/7.
    run = paths(lambda t, x: Rates(torch.full_like(x, float(t) ** 3)), 1)
    assert continuity_residual(run).item() == pytest.approx(math.sqrt(7 / 840), rel=1e-12)


def test_straight_motion_and_rest_leave_no_continuity_residual():
    # Euler is exact there too; the map of the quadratic motion is exact under RK4 alone.
    steady = lambda t, x: Rates(torch.ones_like(x))  # noqa: E731
    for run in (paths(steady, 3, EULER), paths(lambda t, x: Rates(2 * t * torch.ones_like(x)), 2)):
        assert continuity_residual(run).item() < 1e-14
    assert continuity_residual(paths(lambda t, x: Rates(0 * x), 2)).item() == 0


@pytest.mark.parametrize(("method", "order"), [(RK4, 3), (EULER, 1)])
def test_the_continuity_residual_has_its_order(method, order):
    errors = [continuity_residual(paths(swirl, steps, method)).item() for steps in (16, 32)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (1.0, 0.0)])
def test_the_continuity_residual_bounds_the_weak_one(start, end):
    run = paths(swirl, 2, EULER, start, end)
    order = slice(None) if end > start else slice(None, None, -1)
    slopes = torch.stack([swirl(t, x).velocity for t, x in zip(run.times, run.path, strict=True)])
    X = CubicHermiteSpline(run.times.numpy()[order], run.path.numpy()[order], slopes.numpy()[order])
    t = torch.linspace(0, 1, 4001, dtype=torch.float64)
    x, motion = torch.from_numpy(X(t)), torch.from_numpy(X.derivative()(t))
    v = torch.stack([swirl(s, y).velocity for s, y in zip(t, x, strict=True)])
    defect, size = (torch.trapezoid(a.square().sum((1, 2)), t) for a in (motion - v, v))
    found = continuity_residual(run).item()
    assert found == pytest.approx(math.sqrt(defect / size), rel=1e-3)
    # phi = sin(x_1) cos(x_2): d/dt E phi - E[grad phi . v], integrated
    sin, cos = torch.sin(x), torch.cos(x)
    phi = (sin[..., 0] * cos[..., 1]).mean(1)
    gradient = torch.stack([cos[..., 0] * cos[..., 1], -sin[..., 0] * sin[..., 1]], dim=-1)
    weak = phi[-1] - phi[0] - torch.trapezoid((gradient * v).sum(-1).mean(1), t)
    norm = torch.trapezoid(gradient.square().sum(-1).mean(1), t).sqrt()
    bound = found * (size / 6).sqrt() * norm
    assert 0.05 * bound < weak.abs() <= bound


def test_a_continuity_residual_needs_the_field():
    with pytest.raises(ValueError, match="its path and its field"):
        continuity_residual(integrate(swirl, torch.ones(1, 2), 0.0, 1.0, 1))
