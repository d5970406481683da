"""Decomposition in the plane: against the line, against exact cases, and as a bound."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mfglab.games.densities import GaussianMixture
from mfglab.games.dynamics import OrnsteinUhlenbeck, VarianceExploding
from mfglab.metrics.wasserstein import transport_distances
from mfglab.robustness.decompose import decompose, decomposition_row
from mfglab.robustness.line import LineMixture, Reversal
from mfglab.robustness.mixture import MixtureReversal
from mfglab.robustness.schedule import Schedule
from mfglab.training.seeds import stream

OU = OrnsteinUhlenbeck()
MEANS = torch.tensor([[-1.5, 0.0], [1.0, 0.5], [0.0, -1.0]], dtype=torch.float64)
STRETCHED = torch.tensor([[0.3, 0.1], [0.1, 0.2]], dtype=torch.float64)
PLANE = GaussianMixture(
    torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64),
    MEANS,
    torch.stack([STRETCHED, 0.1 * torch.eye(2).double(), 2 * STRETCHED]),
)


def times(steps, eps=0.01):
    return torch.logspace(np.log10(OU.horizon), np.log10(eps), steps + 1, dtype=torch.float64)


@pytest.mark.parametrize("process", [OU, VarianceExploding(0.1, 3.0)])
@pytest.mark.parametrize("s", [0.05, 0.3, 0.9])
def test_growth_in_one_dimension_is_the_sharp_one(process, s):
    means, x = np.array([-1.0, 1.4]), np.linspace(-3, 3, 9)
    line = Reversal(LineMixture(np.array([0.35, 0.65]), means, 0.16), Schedule(process), 0.05)
    law = GaussianMixture.isotropic(
        torch.tensor(means)[:, None], 0.4, torch.tensor([0.35, 0.65]).double()
    )
    found = MixtureReversal(law, process, 0.05).growth(s, torch.tensor(x)[:, None])
    np.testing.assert_allclose(found, line.growth(s, x), rtol=1e-6)


def test_growth_bounds_the_slope_of_posterior_means_and_is_one_at_the_end():
    # Tweedie: E[a_eps... ] by quadrature-free formula; the gradient of <e, E[Y_eps | x]>.
    reversal, s = MixtureReversal(PLANE, OU, 0.05), 0.6
    x = 2 * torch.randn(50, 2, dtype=torch.float64, generator=stream("growth test"))
    al, tau2 = OU.transition_scale(0.05, s), OU.transition_variance(0.05, s)

    def denoised(y):
        return (y + tau2 * reversal.noised(s).score(y)) / al

    jacobian = torch.func.vmap(torch.func.jacrev(lambda p: denoised(p[None])[0]))(x)
    steepest = torch.linalg.matrix_norm(jacobian, ord=2)
    growth = reversal.growth(s, x)
    assert bool((steepest <= growth * (1 + 1e-9)).all())
    assert float((growth / steepest).max()) < 2
    end = reversal.growth(0.05, x)
    assert bool((end >= 1 - 1e-9).all())
    assert bool((end <= 1 + 1e-6).all())


def test_a_gaussian_with_its_own_score_has_no_score_and_no_step_error():
    normal = GaussianMixture.isotropic(torch.zeros(1, 2, dtype=torch.float64), 1.0)

    def score(s, x):
        return -x / (OU.scale(s) ** 2 + OU.variance(s))

    found = decompose(score, OU, normal, times(10), 500, stream("gaussian"))
    # The network is called in single precision, hence the tolerance.
    for part in (found.score, found.steps, found.unsplit, found.reference):
        assert part.value < 1e-5
    assert found.early.value == pytest.approx(0, abs=1e-9)
    assert float(found.samples.std()) == pytest.approx(1, abs=0.1)


def test_parts_find_the_error_that_was_made():
    exact = MixtureReversal(PLANE, OU, 0.01)

    def true(s, x):
        return exact.noised(float(s)).score(x.double())

    def wrong(s, x):
        return true(s, x) + 0.3

    clean = decompose(true, OU, PLANE, times(40), 1000, stream("clean"))
    finer = decompose(true, OU, PLANE, times(160), 1000, stream("finer"))
    biased = decompose(wrong, OU, PLANE, times(40), 1000, stream("biased"))
    assert clean.score.value < 1e-4
    assert biased.score.value > 0.2
    assert finer.steps.value / clean.steps.value == pytest.approx(0.5, abs=0.15)
    target = PLANE.sample(1000, stream("target"))
    for found in (clean, finer, biased):
        measured = transport_distances(found.samples.numpy(), target.numpy()).w1
        assert measured <= found.bound + 3 * found.standard_error
        assert found.unsplit.value <= found.score.value + found.steps.value + 1e-9


def test_equal_seeds_give_equal_parts_and_wrong_times_are_refused():
    def score(s, x):
        return -x

    runs = [decompose(score, OU, PLANE, times(5), 50, stream("same")) for _ in range(2)]
    assert runs[0].bound == runs[1].bound
    with pytest.raises(ValueError, match="decrease from the horizon"):
        decompose(score, OU, PLANE, times(5).flip(0), 50, stream("same"))


def test_a_row_of_the_table_needs_two_batches():
    one = [(torch.Generator().manual_seed(0), torch.Generator().manual_seed(1))]
    law = GaussianMixture.isotropic(torch.zeros(1, 2).double(), 1.0)
    times = torch.tensor([3.0, 0.1])
    with pytest.raises(ValueError, match="at least two batches, got 1"):
        decomposition_row(lambda s, x: -x, OrnsteinUhlenbeck(), law, times, 8, one)
