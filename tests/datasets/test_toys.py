"""The toy laws against the published formulas, written once more in numpy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp
from sklearn.datasets import make_circles, make_moons, make_swiss_roll

from mfglab.datasets.law import DensityLaw
from mfglab.datasets.toys import (
    Checkerboard,
    Circles,
    EightGaussians,
    Moons,
    Pinwheel,
    SwissRoll,
    TwoSpirals,
)

N = 20_000
LAWS = [Moons(), Checkerboard(), Pinwheel(), SwissRoll(), TwoSpirals(), Circles(), EightGaussians()]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def moons(rng):
    points, _ = make_moons(N, noise=0.1, random_state=3)
    return points * 2 + np.array([-1, -0.2])


def circles(rng):
    points, _ = make_circles(N, factor=0.5, noise=0.08, random_state=3)
    return points * 3


def swissroll(rng):
    points, _ = make_swiss_roll(N, noise=1.0, random_state=3)
    return points[:, [0, 2]] / 5


def checkerboard(rng):
    x = 4 * rng.random(N) - 2
    y = rng.random(N) - 2 * rng.integers(0, 2, N) + np.floor(x) % 2
    return 2 * np.stack([x, y], 1)


def spirals(rng):
    angle = np.sqrt(rng.random(N // 2)) * np.deg2rad(540)
    x = -np.cos(angle) * angle + 0.5 * rng.random(N // 2)
    y = np.sin(angle) * angle + 0.5 * rng.random(N // 2)
    arm = np.stack([x, y], 1)
    return np.concatenate([arm, -arm]) / 3 + 0.1 * rng.normal(size=(N, 2))


def pinwheel(rng):
    features = rng.normal(size=(N, 2)) * [0.3, 0.1] + [1, 0]
    turn = 2 * np.pi / 5 * rng.integers(0, 5, N) + 0.25 * np.exp(features[:, 0])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return 2 * np.einsum("ni,ijn->nj", features, rotation)


def gaussians(rng):
    angle = np.pi / 4 * rng.integers(0, 8, N)
    centre = 4 * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (centre + 0.5 * rng.normal(size=(N, 2))) / 1.414


REFERENCES = {
    Moons: moons,
    Circles: circles,
    SwissRoll: swissroll,
    Checkerboard: checkerboard,
    TwoSpirals: spirals,
    Pinwheel: pinwheel,
    EightGaussians: gaussians,
}


def smallest_p(a: np.ndarray, b: np.ndarray) -> float:
    """Smallest Kolmogorov-Smirnov p-value over some one-dimensional views."""
    views = [
        lambda p: p[:, 0],
        lambda p: p[:, 1],
        lambda p: p[:, 0] + 2 * p[:, 1],
        lambda p: np.hypot(*p.T),
        lambda p: np.arctan2(p[:, 1], p[:, 0]),
    ]
    return min(ks_2samp(view(a), view(b)).pvalue for view in views)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_law_is_that_of_the_published_generator(law):
    points = law.sample(N, seeded(1)).numpy()
    reference = REFERENCES[type(law)](np.random.default_rng(5))
    assert smallest_p(points, reference) > 1e-3


def test_comparison_notices_a_wrong_constant():
    reference = moons(np.random.default_rng(5))
    assert smallest_p(Moons(noise=0.15).sample(N, seeded(1)).numpy(), reference) < 1e-5
    reference = pinwheel(np.random.default_rng(5))
    assert smallest_p(Pinwheel(rate=0.3).sample(N, seeded(1)).numpy(), reference) < 1e-5


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_sample_has_the_right_form_and_follows_the_generator(law):
    first, again, other = (law.sample(50, seeded(seed)) for seed in (7, 7, 8))
    assert first.shape == (50, law.dim) == (50, 2)
    assert first.dtype == torch.float64
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    generator = seeded(7)
    law.sample(50, generator)
    assert not torch.equal(law.sample(50, generator), first)


def test_arms_of_the_spirals_are_interleaved():
    points = TwoSpirals().sample(4000, seeded())
    first, second = points[:2000], points[2000:]
    # Stacked arms would have mirrored means of about (0.2, 0.2) and more each.
    assert (first.mean(0) - second.mean(0)).abs().max() < 0.3
    assert smallest_p(first.numpy(), second.numpy()) > 1e-3


def test_moons_have_the_exact_mean():
    points = Moons().sample(200_000, seeded())
    error = 4 * points.std(0) / math.sqrt(len(points))
    assert ((points.mean(0) - torch.tensor([0.0, 0.3])).abs() < error).all()


def test_checkerboard_density_is_exact():
    law = Checkerboard()
    points = law.sample(N, seeded())
    assert (law.log_prob(points) == -math.log(32)).all()
    # Cell midpoints never lie on an edge of a square.
    axis = -5 + 0.1 * (torch.arange(100, dtype=torch.float64) + 0.5)
    grid = torch.cartesian_prod(axis, axis)
    assert float(law.log_prob(grid).exp().sum()) * 0.01 == pytest.approx(1, abs=1e-9)


def test_checkerboard_fills_its_squares_evenly():
    points = Checkerboard().sample(N, seeded())
    square = torch.floor(points / 2) + 2
    _, counts = np.unique((4 * square[:, 0] + square[:, 1]).numpy(), return_counts=True)
    assert len(counts) == 8
    assert chisquare(counts).pvalue > 1e-3
    within = points / 2 - torch.floor(points / 2)
    assert smallest_p(within.numpy(), np.random.default_rng(0).random((N, 2))) > 1e-3


def test_checkerboard_score_is_zero_on_the_support_and_undefined_off_it():
    law = Checkerboard()
    x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [9.0, 1.0]], dtype=torch.float64)
    assert torch.equal(law.score(x)[0], torch.zeros(2, dtype=torch.float64))
    assert law.score(x)[1:].isnan().all()
    assert torch.equal(law.log_prob(x[1:]), torch.full((2,), -torch.inf, dtype=torch.float64))


def test_eight_gaussians_density_integrates_to_one_and_matches_a_histogram():
    law = EightGaussians()
    axis = torch.linspace(-6, 6, 301, dtype=torch.float64)
    step = float(axis[1] - axis[0])
    mass = law.log_prob(torch.cartesian_prod(axis, axis)).exp().reshape(301, 301) * step**2
    assert float(mass.sum()) == pytest.approx(1, abs=1e-9)
    # A third of the plane by quadrature and by counting.
    points = law.sample(N, seeded(2))
    counted = float((points[:, 0] > 2.0).double().mean())
    inside = float(mass[axis > 2.0 + step / 2].sum() + 0.5 * mass[(axis - 2.0).abs() < 1e-9].sum())
    assert counted == pytest.approx(inside, abs=4 * math.sqrt(0.25 / N))


def test_eight_gaussians_are_shrunk_by_the_published_divisor():
    mixture = EightGaussians().density()
    radius = mixture.means.norm(dim=1)
    torch.testing.assert_close(radius, torch.full_like(radius, 4 / 1.414), rtol=1e-12, atol=0)
    variance = mixture.covariances.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(
        variance, torch.full_like(variance, (0.5 / 1.414) ** 2), rtol=1e-12, atol=0
    )


def test_score_of_eight_gaussians_is_the_derivative():
    law = EightGaussians()
    x = law.sample(100, seeded())
    torch.testing.assert_close(law.score(x), DensityLaw.score(law, x), rtol=1e-9, atol=1e-9)
