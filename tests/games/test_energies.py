"""The double well: energy, normalisation and exact samples."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.energies import DoubleWell


def test_wells_and_barrier():
    well = DoubleWell(height=3.0, distance=2.0)
    x = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    assert well(x).tolist() == pytest.approx([0.0, 0.0, 3.0, 0.5])


def test_a_narrow_well_is_two_gaussians():
    # Near a well V = (4h/a^2) (x - a)^2, so Z tends to 2 sqrt(pi a^2 / (4 h)).
    well = DoubleWell(height=400.0, distance=2.0)
    exact = math.log(2 * math.sqrt(math.pi * 4 / 1600))
    assert well.log_partition(1) == pytest.approx(exact, abs=2e-3)
    assert well.log_partition(3) - well.log_partition(1) == pytest.approx(math.log(2 * math.pi))


def test_samples_have_the_moments_of_the_density():
    well = DoubleWell(height=2.0, distance=1.5)
    x = well.sample(100_000, 2, torch.Generator().manual_seed(0))
    grid = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    density = torch.exp(-well(grid[:, None]))
    second = (torch.trapezoid(grid**2 * density, grid) / torch.trapezoid(density, grid)).item()
    assert x[:, 0].mean().item() == pytest.approx(0, abs=0.02)
    assert x[:, 0].square().mean().item() == pytest.approx(second, rel=0.01)
    assert x[:, 1].std().item() == pytest.approx(1, abs=0.01)


def test_a_bad_number_is_named():
    with pytest.raises(ValueError, match="height of a double well must be positive"):
        DoubleWell(height=0.0)
