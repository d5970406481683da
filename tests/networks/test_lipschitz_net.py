"""The Lipschitz net: its bound, how tight it is, its gradient."""

from __future__ import annotations

import pytest
import torch

from mfglab.networks.lipschitz import LipschitzNet


def net(lipschitz, seed=0, dim=3):
    return LipschitzNet(dim, 32, 3, lipschitz, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("lipschitz", [0.1, 1.0, 10.0])
def test_the_bound_holds_on_random_pairs_after_wild_steps(lipschitz):
    phi, generator = net(lipschitz), torch.Generator().manual_seed(1)
    for parameter in phi.parameters():
        parameter.data.add_(2 * torch.randn(parameter.shape, generator=generator))
    phi.project(exact=True)
    x, y = 5 * torch.randn(2, 4000, 3, generator=generator)
    slope = (phi(x) - phi(y)).abs() / (x - y).norm(dim=1)
    assert float(slope.detach().max()) <= lipschitz * (1 + 1e-5)
    assert float(phi.gradient(x).norm(dim=1).max()) <= lipschitz


def test_power_iteration_finds_the_largest_singular_values():
    phi = net(None)
    exact = [float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in phi.layers]
    assert phi.operator_norms(iterations=200) == pytest.approx(exact, rel=1e-3)
    assert all(a <= b * (1 + 1e-6) for a, b in zip(phi.operator_norms(), exact, strict=True))


def test_projection_scales_down_and_never_up():
    phi = net(1.0)
    before = [layer.weight.clone() for layer in phi.layers]
    phi.layers[1].weight.data.mul_(50)
    phi.project(exact=True)
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach(), 2)) for layer in phi.layers]
    assert norms[1] == pytest.approx(1, rel=1e-5)
    for k in (0, 2, 3):
        torch.testing.assert_close(phi.layers[k].weight, before[k])


def test_the_bound_is_nearly_attained_by_a_trained_net():
    # The dual of W1 between two far clouds is attained by slope L between them.
    phi, generator = net(2.0), torch.Generator().manual_seed(2)
    x = torch.randn(100, 3, generator=generator) + torch.tensor([8.0, 0.0, 0.0])
    y = torch.randn(100, 3, generator=generator)
    adam = torch.optim.Adam(phi.parameters(), lr=0.01, fused=True)
    for _ in range(300):
        adam.zero_grad()
        (phi(y).mean() - phi(x).mean()).backward()
        phi.restrain_gradients()
        adam.step()
        phi.project()
    phi.project(exact=True)
    distance = float((x.mean(0) - y.mean(0)).norm())
    assert float((phi(x).mean() - phi(y).mean()).detach()) == pytest.approx(2 * distance, rel=0.02)


def test_gradients_lose_only_what_points_through_the_bound():
    phi = net(1.0)
    phi.layers[1].weight.data.mul_(50)
    phi.project(exact=True)
    for _ in range(200):
        phi.project()
    weights = [layer.weight for layer in phi.layers]
    for outward in (1, -1):
        for weight in weights:
            weight.grad = -outward * weight.detach().clone()  # descent scales the weight up or down
        before = [weight.grad.clone() for weight in weights]
        phi.restrain_gradients()
        changed = [not torch.equal(w.grad, g) for w, g in zip(weights, before, strict=True)]
        at_bound = [float(torch.linalg.matrix_norm(w.detach(), 2)) > 0.999 for w in weights]
        assert changed == (at_bound if outward == 1 else [False] * 4)
        assert at_bound[1]
    u, _, v = torch.linalg.svd(weights[1].detach())
    weights[1].grad = -weights[1].detach().clone()
    phi.restrain_gradients()
    assert abs(float(u[:, 0] @ weights[1].grad @ v[0])) < 1e-3


def test_the_gradient_is_that_of_automatic_differentiation():
    phi = net(1.0)
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(3), requires_grad=True)
    (gradient,) = torch.autograd.grad(phi(x).sum(), x)
    torch.testing.assert_close(phi.gradient(x.detach()), gradient)


def test_without_a_bound_nothing_is_scaled():
    phi = net(None)
    before = [layer.weight.clone() for layer in phi.layers]
    phi.project(exact=True)
    assert all(torch.equal(layer.weight, w) for layer, w in zip(phi.layers, before, strict=True))


def test_the_bound_must_be_positive():
    with pytest.raises(ValueError, match=r"Lipschitz constant must be positive or None, got 0\.0"):
        net(0.0)
