"""The OT-Transformer's closed form: heads, proximal map, value function, optimal velocity."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize

from mfglab.games.closed_forms.convex_heads import LogSumExpHead, QuadraticHead
from mfglab.games.closed_forms.proximal_map import ProximalGame, proximal_point
from mfglab.games.optimality import hjb_residual, terminal_residual, value_and_derivatives
from mfglab.trajectories.diagnostics import crossing

HEADS = [LogSumExpHead, QuadraticHead]
TAUS = [0.0, 0.1, 3.0, 300.0]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def labels(n, classes, seed=1):
    return torch.softmax(2 * draw(n, classes, seed=seed), 1)


@pytest.fixture(params=HEADS, ids=lambda kind: kind.__name__)
def head(request):
    return request.param(1.5 * draw(4, 6, seed=7))


def test_gradient_and_hessian_are_derivatives_of_the_value(head):
    x, y = draw(5, 6).requires_grad_(), labels(5, 4)
    (gradient,) = torch.autograd.grad(head.value(x, y).sum(), x)
    torch.testing.assert_close(head.gradient(x.detach(), y), gradient, rtol=0, atol=1e-12)
    for i in range(5):
        hessian = torch.autograd.functional.hessian(
            lambda p, i=i: head.value(p[None], y[i : i + 1])[0], x[i].detach()
        )
        torch.testing.assert_close(head.hessian(x.detach())[i], hessian, rtol=0, atol=1e-12)


def test_constants_of_lemma_1_bound_the_hessian_and_the_output(head):
    x, dx = draw(200, 6), 0.1 * draw(200, 6, seed=3)
    largest = torch.linalg.eigvalsh(head.hessian(x)).max()
    assert largest <= head.lipschitz**2 * (1 + 1e-12)
    change = (head.output(x + dx) - head.output(x)).norm(dim=1)
    assert (change <= head.lipschitz * dx.norm(dim=1)).all()


def test_the_quadratic_constant_is_attained_and_that_of_softmax_is_half():
    psi = draw(4, 6, seed=7)
    top = torch.linalg.eigvalsh(QuadraticHead(psi).hessian(draw(1, 6))).max()
    assert float(top) == pytest.approx(QuadraticHead(psi).lipschitz ** 2)
    two = LogSumExpHead(torch.tensor([[1.0], [-1.0]], dtype=torch.float64))
    at_zero = two.hessian(torch.zeros(1, 1, dtype=torch.float64))
    assert float(at_zero) == pytest.approx(two.lipschitz**2 / 2)


@pytest.mark.parametrize("tau", TAUS)
def test_the_residual_vanishes(head, tau):
    x, y = 2 * draw(50, 6), labels(50, 4)
    point = proximal_point(head, x, y, tau)
    again = point.x - x + tau * head.gradient(point.x, y)
    assert point.residual.max() <= 1e-12 * (1 + tau)
    torch.testing.assert_close(again.norm(dim=1), point.residual)


def test_the_quadratic_head_has_a_linear_proximal_map():
    head = QuadraticHead(draw(4, 6, seed=7))
    x, y, tau = draw(10, 6), draw(10, 4, seed=2), 0.7
    matrix = torch.eye(6, dtype=torch.float64) + tau * head.psi.T @ head.psi
    expected = torch.linalg.solve(matrix, (x + tau * y @ head.psi).T).T
    torch.testing.assert_close(proximal_point(head, x, y, tau).x, expected, rtol=0, atol=1e-12)


def test_a_general_minimiser_finds_the_same_point():
    head, tau = LogSumExpHead(draw(4, 6, seed=7)), 2.0
    x, y = draw(1, 6), labels(1, 4)

    def objective(point):
        p = torch.from_numpy(point)[None]
        return float(tau * head.value(p, y) + 0.5 * (p - x).square().sum())

    found = minimize(
        objective, x[0].numpy(), method="Powell", options={"xtol": 1e-10, "ftol": 1e-15}
    )
    torch.testing.assert_close(
        proximal_point(head, x, y, tau).x[0], torch.from_numpy(found.x), rtol=0, atol=1e-5
    )


def test_rows_may_have_different_tau(head):
    x, y, tau = draw(4, 6), labels(4, 4), torch.tensor(TAUS, dtype=torch.float64)
    together = proximal_point(head, x, y, tau).x
    for i in range(4):
        alone = proximal_point(head, x[i : i + 1], y[i : i + 1], TAUS[i]).x
        torch.testing.assert_close(together[i : i + 1], alone, rtol=0, atol=1e-11)


def test_saturated_one_hot_labels_converge():
    head = LogSumExpHead(20 * draw(4, 6, seed=7))
    x, y = 10 * draw(50, 6), torch.eye(4, dtype=torch.float64)[torch.arange(50) % 4]
    point = proximal_point(head, x, y, 5.0)
    scale = (1 + x.norm(dim=1)) * (1 + 5 * head.lipschitz**2)
    assert (point.residual <= 1e-14 * scale).all()


def test_no_convergence_is_an_error(head):
    with pytest.raises(RuntimeError, match=r"within 0 Newton steps: relative residual \d"):
        proximal_point(head, draw(3, 6), labels(3, 4), 1.0, limit=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": draw(3, 5)}, r"states \(n, 6\)"),
        ({"x": draw(3, 6).float()}, "float64"),
        ({"y": labels(2, 4)}, r"labels \(n, 4\)"),
        ({"tau": -1.0}, "not negative"),
        ({"tau": float("inf")}, "finite"),
    ],
)
def test_wrong_input_is_refused(head, change, message):
    with pytest.raises(ValueError, match=message):
        proximal_point(head, **({"x": draw(3, 6), "y": labels(3, 4), "tau": 1.0} | change))


@pytest.mark.parametrize("psi", [draw(3), draw(3, 2).float(), draw(2, 2) / 0])
def test_a_wrong_matrix_is_refused(psi):
    with pytest.raises(ValueError, match="finite float64 matrix"):
        LogSumExpHead(psi)


@pytest.mark.parametrize("change", [{"weight": 0.0}, {"horizon": -1.0}])
def test_a_game_needs_positive_weight_and_horizon(head, change):
    with pytest.raises(ValueError, match="must be positive"):
        ProximalGame(head, **({"weight": 1.0} | change))


def test_the_value_function_solves_the_hjb_equation(head):
    game, y = ProximalGame(head, weight=0.4, horizon=1.7), labels(1, 4)[0]
    x, t = draw(30, 6), torch.linspace(0, 1.6, 30, dtype=torch.float64)
    residual = hjb_residual(game.game(y), game.value(y), t, x)
    assert residual.abs().max() < 1e-10
    wrong = ProximalGame(head, weight=0.5, horizon=1.7)
    assert hjb_residual(game.game(y), wrong.value(y), t, x).abs().max() > 1e-3
    end = terminal_residual(game.game(y), game.value(y), x)
    assert end.abs().max() < 1e-12


def test_the_feedback_is_the_constant_velocity_along_the_path(head):
    game, y = ProximalGame(head, weight=0.4, horizon=1.7), labels(1, 4)[0]
    x = draw(20, 6)
    velocity = game.velocity(x, y.expand(20, -1))
    for share in (0.0, 0.5, 0.9):
        t = torch.full((20,), 1.7 * share, dtype=torch.float64)
        now = game.path(x, y.expand(20, -1), t[:1])[0]
        slope = value_and_derivatives(game.value(y), t, now).gradient
        torch.testing.assert_close(-slope / 0.4, velocity, rtol=0, atol=1e-10)


def test_second_derivatives_of_the_value_function_are_exact():
    head, y = QuadraticHead(draw(4, 6, seed=7)), labels(1, 4)[0]
    game = ProximalGame(head, weight=0.4, horizon=1.0)
    d = value_and_derivatives(game.value(y), 0.0, draw(3, 6))
    # Moreau envelope of a quadratic form: its eigenvalues s become s / (1 + tau s).
    s = torch.linalg.eigvalsh(head.psi.T @ head.psi)
    expected = (s / (1 + s / 0.4)).sum()
    torch.testing.assert_close(d.laplacian, expected.expand(3), rtol=0, atol=1e-9)


def test_the_value_is_the_cost_of_the_path_and_no_more_than_others(head):
    game, y = ProximalGame(head, weight=0.4, horizon=1.7), labels(1, 4)
    x, zero = draw(20, 6), torch.zeros(20, dtype=torch.float64)
    velocity, phi = game.velocity(x, y.expand(20, -1)), game.value(y[0])(zero, x)

    def cost(v):
        return head.value(x + 1.7 * v, y.expand(20, -1)) + 0.5 * 0.4 * 1.7 * v.square().sum(1)

    torch.testing.assert_close(phi, cost(velocity), rtol=0, atol=1e-12)
    assert (cost(velocity + 0.1 * draw(20, 6, seed=5)) > phi).all()


def test_times_outside_the_horizon_are_refused(head):
    phi = ProximalGame(head, 0.4).value(labels(1, 4)[0])
    with pytest.raises(ValueError, match=r"lie in \[0, 1\]"):
        phi(torch.tensor([1.1], dtype=torch.float64), draw(1, 6))


def test_paths_of_one_label_do_not_cross_and_end_no_farther_apart(head):
    game, y = ProximalGame(head, weight=0.05), labels(1, 4).expand(40, -1)
    x = draw(40, 6)
    end = game.end(x, y)
    met = crossing(x, end)
    assert met.monotonicity_violation == 0
    assert met.near_collision == 0
    assert (torch.pdist(end) <= torch.pdist(x) * (1 + 1e-12)).all()
    # Firmly non-expansive: <dx, dX> >= |dX|^2.
    i, j = torch.triu_indices(40, 40, 1)
    inner = ((x[i] - x[j]) * (end[i] - end[j])).sum(1)
    assert (inner >= (end[i] - end[j]).square().sum(1) - 1e-10).all()
