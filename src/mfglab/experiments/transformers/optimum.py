"""How far a trained network is from the optimal control of its own game.

Given the label y, the optimal hidden state moves on a straight line to the proximal point
``argmin_X G(X, y) + lambda / (2 T) |X - X(0)|^2`` with velocity ``-grad G(X(T), y) / lambda``. A
network does not see the label, so it cannot reach that optimum; how far it is says how much of the
theory for fixed labels carries over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mfglab.datasets.tasks.base import Examples
from mfglab.metrics.wasserstein import w1_distance
from mfglab.robustness.depth_bounds import strength
from mfglab.solvers.continuous_depth import DepthTransformer
from mfglab.solvers.transport import Penalty, convert_weight

_ITERATIONS = 60


@dataclass(frozen=True)
class Optimality:
    """A network against the optimum of its game, means over examples.

    Args:
        terminal_cosine: Cosine of the velocity at X(T) and ``-grad G``; 1 if optimal.
        terminal_residual: ``|lambda f + grad G| / |grad G|`` at X(T), median; 0 if optimal. Without
            penalty it is 1.
        objective: ``G(X(T), y) + lambda/2 int |f|^2`` of the network.
        objective_still: The same for a state that stays: ``G(X(0), y)``.
        objective_optimal: The least value; the proximal point is found by L-BFGS.
        end_distance: ``|X(T) - X_opt| / |X_opt - X(0)|``, median. NaN without penalty.
        head_norm: L, the spectral norm of the head; NaN unless it is linear.
        theorem_2_ratio: ``T L^2 / lambda``, to be below 1 in Theorem 2; NaN unless the head is
            linear and there is a penalty.
    """

    terminal_cosine: float
    terminal_residual: float
    objective: float
    objective_still: float
    objective_optimal: float
    end_distance: float
    head_norm: float
    theorem_2_ratio: float


def optimality(network: DepthTransformer, examples: Examples, weight: float) -> Optimality:
    """Measure ``network``, in evaluation mode, on labelled examples.

    Args:
        network: Embedding, depth, head.
        examples: Test examples.
        weight: lambda in the network's own convention of the penalty.
    """
    labels, depth = examples.labels, network.depth
    with torch.no_grad():
        start, context = network.encode(examples.inputs)
        run = depth(start, **context)
        velocity = depth.fields(**context)[-1](start.new_zeros(()), run.x).velocity
    entries = start[0].numel()
    lam = convert_weight(weight, depth.penalty, Penalty.HALF_SUM, entries)

    def cost(x: Tensor) -> Tensor:
        return _terminal(network.decode(x, **context), labels)

    with torch.enable_grad():
        end = run.x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(cost(end).sum(), end)
    flat_v, flat_g = velocity.flatten(1), gradient.flatten(1)
    size_g = flat_g.norm(dim=1).clamp(min=1e-30)
    residual = (lam * flat_v + flat_g).norm(dim=1) / size_g
    with torch.no_grad():
        ended, still = cost(run.x), cost(start)
    best_value, distance = _optimum(cost, start, run.x, lam / depth.horizon)
    linear = is_linear_head(network)
    head = _head_norm(network) if linear else float("nan")
    return Optimality(
        terminal_cosine=float(functional.cosine_similarity(flat_v, -flat_g).mean()),
        terminal_residual=float(residual.median()),
        objective=float((ended + weight * run.transport).mean()),
        objective_still=float(still.mean()),
        objective_optimal=best_value,
        end_distance=distance,
        head_norm=head,
        theorem_2_ratio=(
            # The head acts on each token, and the terminal cost is their mean.
            strength(head, lam * start.shape[1], depth.horizon)
            if linear and lam > 0
            else float("nan")
        ),
    )


@dataclass(frozen=True)
class Stretch:
    """How differences of inputs grow on their way through a network; labels are the same.

    For the optimal flow of a convex head hidden states do not grow apart (1), and outputs at most
    by L, the norm of the head. Laws are empirical with equal weights, their distances exact.

    Args:
        states: Largest ``|X1(T) - X2(T)| / |X1(0) - X2(0)|`` over pairs.
        outputs: Largest ``|y1 - y2| / |X1(0) - X2(0)|``, y the probabilities.
        w1_states: W1 of the laws of X(T) over that of the laws of X(0).
        w1_outputs: W1 of the laws of y over that of the laws of X(0).
    """

    states: float
    outputs: float
    w1_states: float
    w1_outputs: float


def stretch(network: DepthTransformer, clean: Tensor, changed: Tensor) -> Stretch:
    """Compare the ways of ``clean`` and ``changed`` inputs, both (n, ...), pair by pair.

    Raises:
        ValueError: No pair differs.
    """
    ways = []
    with torch.no_grad():
        for inputs in (clean, changed):
            state, context = network.encode(inputs)
            end = network.depth(state, **context).x
            y = network.decode(end, **context).softmax(-1)
            ways.append([z.flatten(1).double() for z in (state, end, y)])
    gaps = [(one - two).norm(dim=1) for one, two in zip(*ways, strict=True)]
    differ = gaps[0] > 0
    if not bool(differ.any()):
        raise ValueError("inputs must differ for their stretch to be measured, got equal ones")
    w1 = [w1_distance(a.numpy(), b.numpy()) for a, b in zip(*ways, strict=True)]
    return Stretch(
        states=float((gaps[1][differ] / gaps[0][differ]).max()),
        outputs=float((gaps[2][differ] / gaps[0][differ]).max()),
        w1_states=w1[1] / w1[0],
        w1_outputs=w1[2] / w1[0],
    )


def is_linear_head(network: DepthTransformer) -> bool:
    """Whether the head is one matrix on every token, so that the terminal cost is convex."""
    weights = list(network.head.parameters())
    return len(weights) == 1 and weights[0].ndim == 2


def _head_norm(network: DepthTransformer) -> float:
    (weight,) = network.head.parameters()
    return float(torch.linalg.matrix_norm(weight.detach(), ord=2))


def _terminal(logits: Tensor, labels: Tensor) -> Tensor:
    """G of each example: its cross-entropy, mean over tokens; shape (n,)."""
    losses = functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none")
    return losses.reshape(len(labels), -1).mean(1)


def _optimum(
    cost: Callable[[Tensor], Tensor], start: Tensor, end: Tensor, stiffness: float
) -> tuple[float, float]:
    """Least objective, and how far ``end`` is from where it is reached."""
    if not stiffness > 0:
        # Without a running cost the infimum is that of G alone: no end state is the optimal one.
        return float("nan"), float("nan")
    x = start.detach().clone().requires_grad_()
    search = torch.optim.LBFGS(
        [x], lr=1.0, max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        moved = (x - start).flatten(1).square().sum(1)
        value: Tensor = cost(x) + stiffness / 2 * moved
        return value

    def closure() -> Tensor:
        search.zero_grad()
        loss = objective().sum()
        torch.autograd.backward(loss)
        return loss

    with torch.enable_grad():
        search.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        best = float(objective().mean())
        way = (x - start).flatten(1).norm(dim=1).clamp(min=1e-30)
        gap = (end - x).flatten(1).norm(dim=1) / way
    return best, float(gap.median())
