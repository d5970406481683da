"""Circle: theta series, heat contraction, finite volumes, backward equation."""

from __future__ import annotations

import numpy as np
import pytest

from mfglab.robustness.circle import (
    CircleLaw,
    _series,
    circle_points,
    exact_reversal,
    heat_contraction,
    theta,
)
from mfglab.robustness.distances import l1, mmd_gaussian, w1_cdf, w1_circle, w1_masses
from mfglab.robustness.fokker_planck import backward_gradient, evolve, gradient_bound
from mfglab.robustness.line import LineMixture

LAW = CircleLaw(np.array([0.4, 0.6]), np.array([0.3, 0.65]), 0.06**2)
N = 128
X = circle_points(N)


@pytest.mark.parametrize(("variance", "length"), [(0.04, 1.0), (0.02, 1.0), (0.3, 3.0)])
def test_images_and_fourier_series_of_the_wrapped_gaussian_agree(variance, length):
    x = np.linspace(-1, 4, 23)
    images, series = theta(x, variance, length), _series(x, variance, length)
    for a, b in zip(vars(images).values(), vars(series).values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_score_and_slope_are_derivatives():
    h = 1e-6
    up, down = np.log(LAW.pdf(X + h)), np.log(LAW.pdf(X - h))
    np.testing.assert_allclose(LAW.score(X), (up - down) / (2 * h), rtol=1e-5, atol=1e-4)
    slope = (LAW.score(X + h) - LAW.score(X - h)) / (2 * h)
    np.testing.assert_allclose(LAW.score_slope(X), slope, rtol=1e-5, atol=1e-2)


def test_heat_contraction_bounds_the_worst_pair_and_has_the_rate_of_the_spectral_gap():
    for t in (0.02, 0.05, 0.1):
        for shift in (0.05, 0.25, 0.5):
            far = [theta(X - m, 2 * t, 1.0).value / N for m in (0.0, shift)]
            assert w1_circle(*far, 1 / N) <= heat_contraction(t, 1.0) * shift
    assert heat_contraction(1e-5, 1.0) == 1.0
    assert heat_contraction(0.2, 1.0) == pytest.approx(4 / np.pi * np.exp(-0.8 * np.pi**2), 1e-3)


def test_w1_on_line_and_circle_against_known_values():
    atoms = np.eye(10)
    assert w1_masses(atoms[1], atoms[8], 0.1) == pytest.approx(0.7)
    assert w1_circle(atoms[1], atoms[8], 0.1) == pytest.approx(0.3)
    first, second = (LineMixture.empirical(np.array(p)) for p in ([0.0, 1.0], [0.5, 2.0]))
    nodes = np.array([-1, 0, 0.5, 1, 2, 3.0])
    assert w1_cdf(first.cdf, second.cdf, nodes) == pytest.approx(0.75)


def test_mmd_of_two_atoms_and_its_bounds():
    x = np.array([0.0, 0.3])
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    value = mmd_gaussian(p, q, x, 0.5)
    assert value == pytest.approx(np.sqrt(2 - 2 * np.exp(-0.5 * 0.36)))
    assert value <= min(l1(p, q), 0.3 / 0.5)


def test_finite_volumes_solve_the_heat_equation_and_converge():
    errors = []
    for steps in (50, 200):
        times = list(np.linspace(0, 0.02, steps + 1))
        end = evolve(LAW.pdf(X) / N, lambda t, y: 0 * y, times, 1.0)[-1]
        errors.append(w1_circle(end, LAW.heated(0.02).pdf(X) / N, 1 / N))
    assert errors[1] < 2e-4
    assert errors[1] < 0.35 * errors[0]


def test_finite_volumes_reverse_the_noising_like_the_exact_kernel():
    T, eps = 0.1, 0.001
    times = list(T - np.geomspace(T, eps, 301))
    start = theta(X - 0.2, 0.1, 1.0).value / N
    end = evolve(start, lambda t, y: 2 * LAW.heated(T - t).score(y), times, 1.0)[-1]
    exact = exact_reversal(LAW, start, eps, T, X)
    assert end.sum() == pytest.approx(1)
    assert w1_circle(end, exact, 1 / N) < 4e-4
    true = exact_reversal(LAW, LAW.heated(T).pdf(X) / N, eps, T, X)
    assert w1_circle(true, LAW.heated(eps).pdf(X) / N, 1 / N) < 1e-12


def test_feynman_kac_bounds_the_gradient_of_the_backward_equation():
    drift = lambda t, y: 6 * np.sin(4 * np.pi * y)  # noqa: E731
    times = list(np.linspace(0, 0.1, 101))
    slope = np.where(X < 0.5, 1.0, -1.0)
    exact = backward_gradient(slope, drift, times, 1.0)
    bound = gradient_bound(drift, times, N, 1.0)
    assert all((np.abs(p) <= g + 1e-12).all() for p, g in zip(exact, bound, strict=True))
    assert abs(exact[0].sum()) < 1e-9
    assert bound[0].max() == pytest.approx(1.52, abs=0.05)
