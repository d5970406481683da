"""Stability bounds of optimal flows in depth: published, proximal, cocoercive."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mfglab.games.closed_forms.convex_heads import LogSumExpHead, QuadraticHead
from mfglab.games.closed_forms.proximal_map import ProximalGame
from mfglab.metrics.wasserstein import transport_distances
from mfglab.robustness import depth_bounds as bounds

ALL = (bounds.published_bound, bounds.proximal_bound, bounds.cocoercive_bound)
RATIOS = [10.0, 2.0, 1.1, 0.5, 0.01]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def labels(n, seed):
    return torch.softmax(2 * draw(n, 4, seed=seed), 1)


@pytest.fixture(params=[LogSumExpHead, QuadraticHead], ids=lambda kind: kind.__name__)
def head(request):
    return request.param(draw(4, 6, seed=7))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_every_bound_holds_for_the_exact_flow(head, ratio, size):
    L, horizon = head.lipschitz, 1.3
    game = ProximalGame(head, ratio * horizon * L**2, horizon)
    x1, y1 = draw(300, 6), labels(300, 1)
    x2, y2 = x1 + size * draw(300, 6, seed=2), y1 + size * (labels(300, 3) - y1)
    outputs = [head.output(game.end(x, y)) for x, y in ((x1, y1), (x2, y2))]
    measured = (outputs[0] - outputs[1]).norm(dim=1).numpy()
    inputs, targets = (x1 - x2).norm(dim=1).numpy(), (y1 - y2).norm(dim=1).numpy()
    for bound in ALL:
        assert (measured <= bound(L, game.weight, horizon, inputs, targets) + 1e-12).all()
    states = (game.end(x1, y1) - game.end(x2, y2)).norm(dim=1).numpy()
    allowed = bounds.proximal_state_bound(L, game.weight, horizon, inputs, targets)
    assert (states <= allowed + 1e-12).all()


def test_the_state_bound_is_attained_where_the_loss_is_flat():
    # psi has singular values 2 and 0.
    head = QuadraticHead(torch.tensor([[2.0, 0.0], [0.0, 0.0]], dtype=torch.float64))
    game, zero = ProximalGame(head, weight=0.5), torch.zeros(1, 2, dtype=torch.float64)
    flat = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    assert float((game.end(flat, zero) - game.end(zero, zero)).norm()) == pytest.approx(1.0)
    # Along the other direction k = 8, and outputs differ by L / (1 + k).
    steep = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    found = float((head.output(game.end(steep, zero)) - head.output(game.end(zero, zero))).norm())
    assert found == pytest.approx(2 / 9)
    assert bounds.cocoercive_bound(2.0, 0.5, 1.0, 1.0, 0.0) == pytest.approx(2 / 3)


def test_theorem_2_is_the_stated_formula_and_vacuous_outside_its_range():
    # k = 1 * 4 / 8 = 1/2: 2 * 2 * (0.1 + 0.25 * 0.2)
    assert bounds.published_bound(2.0, 8.0, 1.0, 0.1, 0.2) == pytest.approx(0.6)
    for weight in (4.0, 1.0, 0.0):
        assert bounds.published_bound(2.0, weight, 1.0, 0.0, 0.0) == math.inf
        assert bounds.published_factor(2.0, weight, 1.0) == math.inf


@pytest.mark.parametrize("k", [0.01, 0.5, 0.9, 3.0, 1000.0])
def test_the_bounds_are_ordered(k):
    for dx, dy in ((1.0, 0.0), (0.0, 1.0), (0.3, 2.0)):
        published, proximal, sharp = (bound(1.0, 1 / k, 1.0, dx, dy) for bound in ALL)
        assert sharp < proximal < published


def test_less_penalty_makes_outputs_depend_less_on_inputs():
    slopes = [bounds.cocoercive_bound(2.0, weight, 1.0, 1.0, 0.0) for weight in (0.01, 1.0, 100.0)]
    assert slopes == sorted(slopes)
    assert slopes[0] == pytest.approx(0.1, rel=0.01)  # sqrt(lambda / T)
    assert slopes[-1] == pytest.approx(2.0, rel=0.03)


def test_arrays_and_numbers_agree():
    dx, dy = np.array([0.0, 0.5]), np.array([1.0, 0.2])
    for bound in ALL:
        for weight in (0.1, 9.0):
            whole = bound(2.0, weight, 1.5, dx, dy)
            single = [
                bound(2.0, weight, 1.5, float(a), float(b)) for a, b in zip(dx, dy, strict=True)
            ]
            np.testing.assert_allclose(whole, single)


@pytest.mark.parametrize("ratio", RATIOS)
def test_laws_of_outputs_are_as_close_as_theorem_3_says(head, ratio):
    L = head.lipschitz
    game = ProximalGame(head, ratio * L**2)
    x1, x2 = draw(40, 6), 0.7 * draw(40, 6, seed=5) + 0.3
    y = labels(1, 1).expand(40, -1)
    before = transport_distances(x1.numpy(), x2.numpy())
    outputs = [head.output(game.end(x, y)).numpy() for x in (x1, x2)]
    after = transport_distances(*outputs)
    for start, end in ((before.w1, after.w1), (before.w2, after.w2)):
        known = [
            bounds.published_wasserstein_bound(L, game.weight, 1.0, start),
            bounds.proximal_wasserstein_bound(L, game.weight, 1.0, start),
            bounds.cocoercive_wasserstein_bound(L, game.weight, 1.0, start),
        ]
        assert end <= min(known)
        assert known == sorted(known, reverse=True)
        assert bounds.published_wasserstein_bound(L, game.weight, 1.0, start, 3.0) == 3 * known[0]


def test_weights_of_the_released_code_are_converted():
    # (lambda/2) |f|^2 = weight |f|^2 / 12 for the loss of 3 tokens summed: times 3.
    assert bounds.paper_weight(6.0, entries=12) == pytest.approx(1.0)
    assert bounds.paper_weight(6.0, entries=12, tokens=3) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [((-1.0, 1.0, 1.0), "lipschitz"), ((1.0, -1.0, 1.0), "weight"), ((1.0, 1.0, 0.0), "horizon")],
)
def test_wrong_numbers_are_refused(arguments, name):
    for bound in (*ALL, bounds.proximal_state_bound):
        with pytest.raises(ValueError, match=name):
            bound(*arguments, 1.0, 1.0)
