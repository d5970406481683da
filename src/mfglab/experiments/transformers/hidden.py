"""How hidden states move: straight or not, how fast, how much they stretch, where they cross."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mfglab.solvers.continuous_depth import (
    ContinuousDepth,
    DepthRun,
    DepthTransformer,
    Velocity,
)
from mfglab.trajectories.diagnostics import crossing, speed_variation, straightness
from mfglab.trajectories.integrate import Trajectory
from mfglab.trajectories.regularity import local_lipschitz

#: Steps with which a continuous network is run to look at its paths.
_FINE = 16


@dataclass(frozen=True)
class HiddenMotion:
    """Diagnostics of hidden trajectories, means over the inputs.

    Args:
        straightness: Displacement over path length, at most 1.
        speed_variation: Standard deviation over mean of the speed along a path.
        displacement: ``|X(T) - X(0)| / |X(0)|``.
        crossing: Fraction of pairs of states that exchange places; zero for optimal transport.
        lipschitz: 95% quantile of the largest singular value of the Jacobian of X(0) -> X(T).
        field_lipschitz: The same of the velocity at X(0): how stiff the system is.
    """

    straightness: float
    speed_variation: float
    displacement: float
    crossing: float
    lipschitz: float
    field_lipschitz: float


def hidden_motion(
    network: DepthTransformer, inputs: Tensor, generator: torch.Generator, stretched: int = 16
) -> HiddenMotion:
    """Measure the hidden trajectories of ``inputs`` (n, ...).

    A continuous network is run with 16 steps or its own number, if that is larger; a discrete one
    is looked at block by block.

    Args:
        network: The network, in evaluation mode.
        inputs: Inputs.
        generator: Source of the start vectors of power iterations.
        stretched: Rows for which Lipschitz constants are measured.
    """
    with torch.no_grad():
        state, context = network.encode(inputs)
        with by_block(network.depth):
            run = network.depth(
                state, steps=_viewing_steps(network.depth), keep_path=True, **context
            )
    path, times = _path(run), _trajectory(run).times
    few = {name: value[:stretched] for name, value in context.items()}
    start = state[:stretched]

    def flow(x: Tensor) -> Tensor:
        end: Tensor = network.depth(x, **few).x
        return end

    def field(x: Tensor) -> Tensor:
        velocity: Tensor = network.depth.fields(**few)[0](x.new_zeros(()), x).velocity
        return velocity

    # The fused attention of the CPU has no second derivative.
    with sdpa_kernel(SDPBackend.MATH):
        stretch = local_lipschitz(flow, start, generator, iterations=10)
        stiff = local_lipschitz(field, start, generator, iterations=10)
    moved = (path[-1] - path[0]).flatten(1).norm(dim=1)
    return HiddenMotion(
        straightness=float(straightness(path).mean()),
        speed_variation=float(speed_variation(times, path).mean()),
        displacement=float((moved / path[0].flatten(1).norm(dim=1)).mean()),
        crossing=crossing(path[0], path[-1]).monotonicity_violation,
        lipschitz=float(stretch.quantile(0.95)),
        field_lipschitz=float(stiff.quantile(0.95)),
    )


@contextmanager
def by_block(depth: ContinuousDepth) -> Iterator[None]:
    """Look at a discrete network block by block; a continuous one is left alone.

    A discrete Transformer is one step of all its blocks; taken one by one, as systems of their
    own, each with one step, they give the same end and show the way.
    """
    if not is_discrete(depth) or depth.per_block:
        yield
        return
    depth.per_block = True
    try:
        yield
    finally:
        depth.per_block = False


def is_discrete(depth: ContinuousDepth) -> bool:
    """Whether the network is an ordinary Transformer: one Euler step of its increment."""
    one = depth.steps == 1 and depth.horizon == 1 and depth.method.stages == 1
    return one and depth.velocity is Velocity.INCREMENT


def projected_paths(
    network: DepthTransformer, inputs: Tensor, labels: Sequence[int]
) -> dict[str, NDArray[np.generic]]:
    """Mean hidden state of each input along its way, in the plane of largest spread.

    Returns:
        ``paths`` (points in depth, n, 2), ``labels`` (n,), ``explained`` (2,): shares of the
        variance that the two axes show.
    """
    with torch.no_grad():
        state, context = network.encode(inputs)
        with by_block(network.depth):
            run = network.depth(
                state, steps=_viewing_steps(network.depth), keep_path=True, **context
            )
    path = _path(run).double()
    means = path.mean(2) if path.ndim == 4 else path
    flat = means.reshape(-1, means.shape[-1])
    _, sizes, axes = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    # The sign of a singular vector is arbitrary: the largest entry is made positive.
    lead = axes[:2].gather(1, axes[:2].abs().argmax(1, keepdim=True)).sign()
    plane = (means - flat.mean(0)) @ (axes[:2] * lead).T
    shares = sizes.square() / sizes.square().sum()
    return {
        "paths": plane.float().numpy(),
        "labels": np.asarray(labels),
        "explained": shares[:2].numpy(),
    }


def _viewing_steps(depth: ContinuousDepth) -> int | None:
    return None if is_discrete(depth) or depth.per_block else max(_FINE, depth.steps)


def _trajectory(run: DepthRun) -> Trajectory:
    assert run.trajectory is not None  # keep_path was asked for
    return run.trajectory


def _path(run: DepthRun) -> Tensor:
    path = _trajectory(run).path
    assert path is not None
    return path
