"""Iterative fitting on a grid against the closed form and against its own constraints."""

from __future__ import annotations

import math

import pytest
import torch

from mfglab.games.closed_forms.gaussian_prox import Gaussian
from mfglab.games.closed_forms.schroedinger import soft_bridge_gaussian
from mfglab.solvers.soft_bridge import solve_soft_bridge

GRID = torch.linspace(-9, 9, 301, dtype=torch.float64)


def log_normal(mean, variance):
    return -((GRID - mean) ** 2) / (2 * variance)


def law(mean, variance):
    kind = torch.float64
    return Gaussian(torch.tensor([mean], dtype=kind), torch.tensor([[variance]], dtype=kind))


@pytest.mark.parametrize("weight", [0.3, 4.0, math.inf])
def test_gaussians_have_the_closed_form(weight):
    exact = soft_bridge_gaussian(law(-1.0, 0.5), law(1.5, 0.3), 0.8, weight)
    found = solve_soft_bridge(
        GRID, log_normal(-1.0, 0.5), log_normal(1.5, 0.3), eps=0.8, weight=weight
    )
    mean = (found.end * GRID).sum()
    start = found.coupling.sum(1)
    cross = ((GRID - (start * GRID).sum()) @ found.coupling) @ (GRID - mean)
    assert mean.item() == pytest.approx(exact.end.mean.item(), abs=1e-5)
    variance = (found.end * (GRID - mean) ** 2).sum().item()
    assert variance == pytest.approx(exact.end.covariance.item(), abs=1e-5)
    assert cross.item() == pytest.approx(exact.cross_covariance().item(), abs=1e-5)


def test_the_start_law_is_kept_and_the_hard_bridge_reaches_its_target():
    start = torch.softmax(log_normal(0.0, 1.0), 0)
    log_target = torch.logaddexp(log_normal(-2.0, 0.2), log_normal(2.0, 0.4))
    soft = solve_soft_bridge(GRID, start.log(), log_target, eps=0.5, weight=2.0)
    hard = solve_soft_bridge(GRID, start.log(), log_target, eps=0.5, weight=math.inf)
    target = torch.softmax(log_target, 0)
    for found in (soft, hard):
        torch.testing.assert_close(found.coupling.sum(1), start, atol=1e-10, rtol=0)
    torch.testing.assert_close(hard.end, target, atol=1e-10, rtol=0)
    assert (soft.end - target).abs().sum() > 0.1


def test_failure_and_bad_numbers_are_reported():
    with pytest.raises(RuntimeError, match="within 2 iterations"):
        solve_soft_bridge(
            GRID, log_normal(-1, 0.5), log_normal(2, 0.1), eps=0.3, weight=9.0, limit=2
        )
    with pytest.raises(ValueError, match="eps must be positive"):
        solve_soft_bridge(GRID, log_normal(0, 1), log_normal(0, 1), eps=-1.0, weight=1.0)
