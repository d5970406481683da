"""Laws on a subspace: isometry, projection, exact distance."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfglab.datasets.embedding import EmbeddedLaw
from mfglab.datasets.mixtures import random_mixture
from mfglab.datasets.toys import Moons

few = settings(max_examples=25, deadline=None)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@few
@given(
    d=st.integers(1, 4),
    extra=st.integers(1, 12),
    seed=st.integers(0, 10_000),
    offset=st.floats(-5.0, 5.0),
)
def test_embedding_is_an_isometry_onto_the_subspace(d, extra, seed, offset):
    base = random_mixture(d, 3, seed=0)
    law = EmbeddedLaw.random(base, d + extra, seed, offset)
    z = base.sample(20, seeded(seed))
    x = law.sample(20, seeded(seed))
    assert x.shape == (20, d + extra)
    torch.testing.assert_close(torch.pdist(x), torch.pdist(z), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.coordinates(x), z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.project(x), x, rtol=1e-9, atol=1e-9)
    assert float(law.off_manifold_distance(x).max()) < 1e-9
    origin = torch.zeros(1, d + extra, dtype=torch.float64)
    assert float(law.off_manifold_distance(origin)) == pytest.approx(abs(offset), abs=1e-9)


@few
@given(seed=st.integers(0, 10_000), distance=st.floats(0.0, 100.0))
def test_distance_is_the_length_of_a_step_along_the_normal(seed, distance):
    law = EmbeddedLaw.random(Moons(), 7, seed, offset=1.5)
    x = law.sample(5, seeded())
    step = torch.randn(5, 7, dtype=torch.float64, generator=seeded(seed))
    step = step - step @ law.basis @ law.basis.mT
    step = distance * step / step.norm(dim=1, keepdim=True)
    moved = x + step
    measured = law.off_manifold_distance(moved)
    torch.testing.assert_close(measured, torch.full_like(measured, distance), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.project(moved), x, rtol=1e-8, atol=1e-8)


def test_subspace_depends_on_the_seed_alone():
    one, again, other = (EmbeddedLaw.random(Moons(), 6, seed) for seed in (3, 3, 4))
    shifted = EmbeddedLaw.random(Moons(), 6, 3, offset=2.0)
    assert torch.equal(one.basis, again.basis)
    assert torch.equal(one.basis, shifted.basis)
    assert not torch.allclose(one.basis, other.basis)
    assert (one.basis.mT @ shifted.origin).abs().max() < 1e-12


def test_basis_is_the_one_factor_with_a_positive_diagonal():
    law = EmbeddedLaw.random(Moons(), 6, seed=3)
    gaussian = torch.randn(6, 3, dtype=torch.float64, generator=seeded(3))
    triangle = law.basis.mT @ gaussian[:, :2]
    assert (triangle.diagonal() > 0).all()
    assert abs(float(triangle[1, 0])) < 1e-12


def test_full_dimension_is_a_rotation():
    law = EmbeddedLaw.random(Moons(), 2, seed=1)
    x = torch.randn(10, 2, dtype=torch.float64, generator=seeded())
    assert float(law.off_manifold_distance(x).max()) < 1e-12


@pytest.mark.parametrize(("ambient", "offset", "smallest"), [(1, 0.0, 2), (2, 0.5, 3)])
def test_too_small_a_space_is_refused(ambient, offset, smallest):
    with pytest.raises(ValueError, match=f"ambient_dim >= {smallest}, got {ambient}"):
        EmbeddedLaw.random(Moons(), ambient, seed=0, offset=offset)


def test_wrong_frames_are_refused():
    origin = torch.zeros(3, dtype=torch.float64)
    skew = torch.tensor([[1.0, 0.5], [0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="not orthonormal"):
        EmbeddedLaw(Moons(), skew, origin)
    straight = torch.eye(3, dtype=torch.float64)[:, :2]
    with pytest.raises(ValueError, match="not orthogonal"):
        EmbeddedLaw(Moons(), straight, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
    with pytest.raises(ValueError, match="needs a basis"):
        EmbeddedLaw(Moons(), torch.eye(3, dtype=torch.float64), origin)
