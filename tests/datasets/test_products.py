"""Laws made of planar ones: coordinates, covariances, refused shapes."""

from __future__ import annotations

import pytest
import torch

from mfglab.config import ComposedToyData
from mfglab.datasets.factory import COMPOSED, build_law
from mfglab.datasets.products import LinearImages, ProductLaw, moons_and_spirals, swissroll_6d
from mfglab.datasets.toys import Moons, TwoSpirals


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_product_is_its_factors_side_by_side_and_independent():
    law = moons_and_spirals()
    assert law == ProductLaw(Moons(), TwoSpirals())
    x = law.sample(20_000, rng())
    assert x.shape == (20_000, law.dim) == (20_000, 4)
    generator = rng()
    assert torch.equal(x[:, :2], Moons().sample(20_000, generator))
    assert torch.equal(x[:, 2:], TwoSpirals().sample(20_000, generator))
    cross = torch.corrcoef(x.T)[:2, 2:]
    assert cross.abs().max() < 0.03


def test_images_are_linear_up_to_their_noise():
    law = swissroll_6d()
    x = law.sample(20_000, rng())
    assert x.shape == (20_000, law.dim) == (20_000, 6)
    rest = x[:, 2:5] - x[:, :2] @ torch.tensor([[2.0, 0], [1, 1], [1, -2]]).double().T
    assert torch.allclose(rest.std(0), torch.full((3,), 0.1).double(), rtol=0.03)
    assert x[:, 5].std() == pytest.approx(1.0, rel=0.03)
    noise = torch.cat([rest, x[:, 5:]], 1)
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 0.03


def test_images_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="rows of \\[3\\]"):
        LinearImages(Moons(), ((1.0, 0.0, 0.0),), (0.1,))
    with pytest.raises(ValueError, match="2 for 1 rows"):
        LinearImages(Moons(), ((1.0, 0.0),), (0.1, 0.1))


@pytest.mark.parametrize("name", COMPOSED)
def test_the_factory_knows_them(name):
    assert build_law(ComposedToyData(kind="composed_toy", law=name)) == COMPOSED[name]()
