import math

import pytest
import torch

from mfglab.trajectories.diagnostics import kinetic_energy
from mfglab.trajectories.length import least_kinetic_energy


def rotation(clock):
    """Points on circles of radii 1 and 2, a quarter of a turn at times of a clock on [0, 1]."""
    angle = clock[:, None] * math.pi / 2
    radius = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)


def test_it_is_the_energy_at_constant_speed_whatever_the_clock():
    even = torch.linspace(0, 1, 2001, dtype=torch.float64)
    for clock in (even, even**3):
        energy = float(least_kinetic_energy(rotation(clock)))
        assert energy == pytest.approx((math.pi / 2) ** 2 * 2.5 / 2, rel=1e-5)
        own = float(kinetic_energy(even, rotation(clock)).mean())
        assert own > energy * (1 - 1e-9)
    assert own > 1.5 * energy


def test_it_is_at_least_half_the_squared_distance_of_the_ends():
    path = rotation(torch.linspace(0, 1, 50, dtype=torch.float64))
    chord = float((path[-1] - path[0]).square().sum(-1).mean()) / 2
    assert float(least_kinetic_energy(path)) > chord
    assert float(least_kinetic_energy(path[[0, -1]])) == pytest.approx(chord)


def test_a_path_needs_a_step():
    with pytest.raises(ValueError, match=r"at least one step, got \(1, 2, 2\)"):
        least_kinetic_energy(torch.zeros(1, 2, 2))
