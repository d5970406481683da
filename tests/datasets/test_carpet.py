"""The Sierpinski carpet: its cells, its density, its holes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare

from mfglab.datasets.factory import TOYS
from mfglab.datasets.toys import SierpinskiCarpet


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cells(x, law):
    """Row and column of each point on the grid of the finest cells."""
    return torch.floor((x / law.side + 0.5) * 3**law.level).long()


@pytest.mark.parametrize("level", [1, 2, 4])
def test_density_integrates_to_one_over_the_cells_that_are_left(level):
    law = SierpinskiCarpet(level=level)
    n = 3**level
    axis = law.side * ((torch.arange(n, dtype=torch.float64) + 0.5) / n - 0.5)
    centres = torch.cartesian_prod(axis, axis)
    density = law.log_prob(centres).exp()
    assert int((density > 0).sum()) == 8**level
    assert float(density.sum()) * (law.side / n) ** 2 == pytest.approx(1, rel=1e-12)


def test_points_fill_the_cells_evenly_and_miss_the_holes():
    law = SierpinskiCarpet(level=2, side=3.0)
    x = law.sample(40_000, seeded())
    assert torch.isfinite(law.log_prob(x)).all()
    index = cells(x, law)
    counts = torch.bincount(9 * index[:, 0] + index[:, 1], minlength=81)
    assert int((counts > 0).sum()) == 64
    assert chisquare(counts[counts > 0].numpy()).pvalue > 1e-3
    inside = (x / law.side + 0.5) * 9
    within = inside - torch.floor(inside)
    assert float(within.mean()) == pytest.approx(0.5, abs=0.01)


def test_moments_are_those_of_independent_digits():
    # A coordinate has digits 0, 1, 2 with weights 3/8, 2/8, 3/8 at every level.
    law = SierpinskiCarpet()
    x = law.sample(100_000, seeded(1))
    n = law.level
    variance = law.side**2 * (0.75 * sum(9.0**-k for k in range(1, n + 1)) + 9.0**-n / 12)
    torch.testing.assert_close(x.mean(0), torch.zeros(2).double(), atol=0.02, rtol=0)
    torch.testing.assert_close(x.var(0), torch.full((2,), variance).double(), rtol=0.02, atol=0)


def test_off_the_carpet_there_is_no_density_and_no_score():
    law = SierpinskiCarpet()
    x = torch.tensor([[0.0, 0.0], [2.0, 0.0], [-1.66, -1.66]], dtype=torch.float64)
    assert law.log_prob(x).tolist()[:2] == [-math.inf, -math.inf]
    assert torch.isnan(law.score(x)[:2]).all()
    assert law.score(x)[2].tolist() == [0.0, 0.0]


def test_it_is_one_of_the_configured_laws():
    assert isinstance(TOYS["carpet"](), SierpinskiCarpet)
