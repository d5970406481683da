"""Depth as time: a stack of Transformer blocks as the velocity of hidden states.

The player is the hidden state ``X(t)`` of one input. It moves by ``dX/dt = f(X)``, with f the whole
stack, pays ``lambda L(f)`` on the way, and the loss of the head at the end (arXiv:2505.13499). The
weights are those of every moment, so the number of steps can be changed after training.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import torch
from torch import Tensor, nn

from mfglab.solvers.transport import Penalty, convert_weight
from mfglab.trajectories.adaptive import integrate_adaptive
from mfglab.trajectories.integrate import (
    Checkpointing,
    Field,
    Rates,
    Trajectory,
    concatenate,
    integrate,
)
from mfglab.trajectories.methods import EULER, RungeKutta

__all__ = [
    "ContinuousDepth",
    "DepthRun",
    "DepthTransformer",
    "Penalty",
    "Prediction",
    "Velocity",
    "convert_weight",
]

PADDING_MASKS = ("key_padding_mask", "src_key_padding_mask")
"""Names of a context entry (n, tokens) that is True where a token is padding."""


class Velocity(StrEnum):
    """How a stack of blocks becomes a velocity.

    OUTPUT is ``f(X) = stack(X)`` (the released code). INCREMENT is ``f(X) = stack(X) - X``: one
    Euler step over T = 1 then is the discrete Transformer.
    """

    OUTPUT = "output"
    INCREMENT = "increment"


@dataclass(frozen=True)
class DepthRun:
    """Hidden states that have moved.

    Args:
        x: States X(T), shape (n, ...).
        transport: Accumulated running cost of each, shape (n,), without lambda.
        trajectory: How they moved; None unless asked for. Its path is None after adaptive steps.
    """

    x: Tensor
    transport: Tensor
    trajectory: Trajectory | None


class ContinuousDepth(nn.Module):
    """Any stack of shape-preserving modules as a dynamical system in depth.

    A block is called as ``block(x, **context)``; of a tuple that it returns the first element
    counts. Tokens that the context names as padding (see :data:`PADDING_MASKS`) stand still and pay
    nothing. Random layers such as dropout draw anew in every step.

    Special cases: INCREMENT with one Euler step and T = 1 is the discrete Transformer;
    ``per_block=True`` is the N-ODE Transformer, in which each block is a system of its own.

    Args:
        blocks: A list of blocks (``nn.ModuleList`` and ``nn.Sequential`` are lists), or one module.
        horizon: T.
        steps: Number of equal steps M; may be changed later.
        method: Runge-Kutta method; may be changed later.
        velocity: How the stack becomes a velocity.
        penalty: The running cost.
        per_block: Each block moves the state from 0 to T, one after the other; the transport is
            the sum.
        norm: Closes the stack within the velocity; for ``per_block``, that of the last block.
        checkpoint: What is kept for the backward pass, see :func:`integrate`.

    Raises:
        ValueError: There is no block, or ``horizon`` is not positive.

    Example:
        >>> depth = ContinuousDepth([nn.Linear(4, 4), nn.Tanh()], horizon=1.0, steps=8)
        >>> run = depth(torch.randn(5, 3, 4))
        >>> run.x.shape, run.transport.shape
        (torch.Size([5, 3, 4]), torch.Size([5]))
        >>> depth(torch.randn(5, 3, 4), steps=2, keep_path=True).trajectory.path.shape
        torch.Size([3, 5, 3, 4])
    """

    def __init__(
        self,
        blocks: nn.Module | Sequence[nn.Module],
        *,
        horizon: float = 1.0,
        steps: int = 1,
        method: RungeKutta = EULER,
        velocity: Velocity = Velocity.OUTPUT,
        penalty: Penalty = Penalty.MEAN,
        per_block: bool = False,
        norm: nn.Module | None = None,
        checkpoint: Checkpointing = False,
    ) -> None:
        super().__init__()
        single = isinstance(blocks, nn.Module) and not isinstance(
            blocks, nn.ModuleList | nn.Sequential
        )
        self.blocks = nn.ModuleList([blocks] if single else blocks)  # type: ignore[arg-type, list-item]
        if len(self.blocks) == 0:
            raise ValueError("continuous depth needs at least one block, got none")
        if not horizon > 0:
            raise ValueError(f"the horizon must be positive, got {horizon!r}")
        self.horizon, self.steps, self.method = horizon, steps, method
        self.velocity, self.penalty = Velocity(velocity), Penalty(penalty)
        self.per_block, self.norm, self.checkpoint = per_block, norm, checkpoint

    def fields(self, **context: object) -> list[Field]:
        """The systems that act one after the other, each over a time T: one, or one a block."""
        blocks = list(self.blocks)
        last = [] if self.norm is None else [self.norm]
        if not self.per_block:
            stacks = [(blocks, last)]
        else:
            stacks = [([b], last if b is blocks[-1] else []) for b in blocks]
        return [partial(self._rates, stack, closing, context) for stack, closing in stacks]

    def forward(
        self, x: Tensor, *, steps: int | None = None, keep_path: bool = False, **context: object
    ) -> DepthRun:
        """Move the states ``x`` (n, ...) from depth 0 to T.

        Args:
            x: States X(0).
            steps: Number of steps, for this call.
            keep_path: Return the trajectory with its path.
            **context: Goes to every block.
        """

        def advance(field: Field, x: Tensor, t0: float, t1: float) -> Trajectory:
            return integrate(
                field,
                x,
                t0,
                t1,
                self.steps if steps is None else steps,
                self.method,
                checkpoint=self.checkpoint,
                keep_path=keep_path,
            )

        return self._run(advance, x, context, keep_trajectory=keep_path)

    def adaptive(
        self,
        x: Tensor,
        *,
        rtol: float = 1e-4,
        atol: float = 1e-4,
        max_steps: int = 500,
        **context: object,
    ) -> DepthRun:
        """Move the states with step-size control, without gradients.

        Args:
            x: States X(0), shape (n, ...).
            rtol: Relative tolerance.
            atol: Absolute tolerance.
            max_steps: Steps of each system after which it is given up as stiff.
            **context: Goes to every block.

        Returns:
            The run; ``trajectory.evaluations`` says how deep the network was.

        Raises:
            RuntimeError: The module is in training mode, in which dropout makes errors random.
            FloatingPointError: States explode, or ``max_steps`` do not suffice.
        """
        if self.training:
            raise RuntimeError("adaptive depth needs a deterministic velocity: call eval() first")

        def advance(field: Field, x: Tensor, t0: float, t1: float) -> Trajectory:
            return integrate_adaptive(field, x, t0, t1, rtol=rtol, atol=atol, max_steps=max_steps)

        return self._run(advance, x, context, keep_trajectory=True)

    def _run(
        self,
        advance: Callable[[Field, Tensor, float, float], Trajectory],
        x: Tensor,
        context: Mapping[str, object],
        *,
        keep_trajectory: bool,
    ) -> DepthRun:
        T = self.horizon
        parts: list[Trajectory] = []
        for i, field in enumerate(self.fields(**context)):
            parts.append(advance(field, x, i * T, (i + 1) * T))
            x = parts[-1].x
        whole = parts[0] if len(parts) == 1 else concatenate(parts)
        assert whole.costs is not None  # _rates() always returns costs
        return DepthRun(x, whole.costs[:, 0], whole if keep_trajectory else None)

    def _rates(
        self,
        blocks: Sequence[nn.Module],
        closing: Sequence[nn.Module],
        context: Mapping[str, object],
        t: Tensor,
        x: Tensor,
    ) -> Rates:
        # Autonomous: the time t does not enter.
        v = x
        for block in blocks:
            out = block(v, **context)
            v = out[0] if isinstance(out, tuple) else out
        for norm in closing:
            v = norm(v)
        if v.shape != x.shape:
            raise ValueError(
                f"blocks must keep the shape of the state, got {tuple(v.shape)} from "
                f"{tuple(x.shape)}"
            )
        if self.velocity is Velocity.INCREMENT:
            v = v - x
        padding = next((context[name] for name in PADDING_MASKS if name in context), None)
        entries: float | Tensor = x[0].numel()
        if isinstance(padding, Tensor):
            v = v.masked_fill(padding[:, :, None], 0.0)
            entries = (~padding).sum(1) * x.shape[2]
        return Rates(v, self._running_cost(v, entries)[:, None])

    def _running_cost(self, v: Tensor, entries: float | Tensor) -> Tensor:
        # Sums in single precision at least: under autocast velocities may be shorter.
        flat = v.flatten(1)
        flat = flat.to(torch.promote_types(flat.dtype, torch.float32))
        size = flat.square().sum(1)
        return size / 2 if self.penalty is Penalty.HALF_SUM else size / entries


@dataclass(frozen=True)
class Prediction:
    """What a network says about a batch.

    Args:
        logits: Scores of the classes, shape (n, classes) or (n, tokens, vocabulary).
        transport: Accumulated running cost of each hidden state, shape (n,), without lambda.
        run: The hidden states' way.
    """

    logits: Tensor
    transport: Tensor
    run: DepthRun


class DepthTransformer(nn.Module):
    """Embedding, continuous depth, head; the two ends lie outside the dynamical system.

    Args:
        embedding: Inputs to the state, or to (state, context). The context, a dictionary, goes to
            every block and, as far as its ``forward`` takes it, to the head.
        depth: The dynamical system.
        head: State to logits.

    Example:
        >>> from mfglab.networks.transformers.gpt import GptSize, gpt
        >>> parts = gpt(GptSize(vocabulary=65, context=16, layers=2, heads=2, width=32))
        >>> depth = ContinuousDepth(parts.blocks, steps=4, norm=parts.norm)
        >>> net = DepthTransformer(parts.embedding, depth, parts.head)
        >>> net(torch.zeros(3, 16, dtype=torch.int64)).logits.shape
        torch.Size([3, 16, 65])
    """

    def __init__(self, embedding: nn.Module, depth: ContinuousDepth, head: nn.Module) -> None:
        super().__init__()
        self.embedding, self.depth, self.head = embedding, depth, head
        parameters = inspect.signature(head.forward).parameters
        named = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        self._head_takes = None if named else frozenset(parameters)

    def encode(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """State X(0) of ``inputs`` and the context of blocks and head."""
        out = self.embedding(inputs)
        if isinstance(out, tuple):
            state, context = out
            return state, dict(context)
        return out, {}

    def decode(self, state: Tensor, **context: object) -> Tensor:
        """Logits of the state X(T)."""
        takes = self._head_takes
        known = {k: v for k, v in context.items() if takes is None or k in takes}
        out: Tensor = self.head(state, **known)
        return out

    def forward(
        self, inputs: Tensor, *, steps: int | None = None, keep_path: bool = False
    ) -> Prediction:
        """Logits and transport of ``inputs``; arguments as for :class:`ContinuousDepth`."""
        state, context = self.encode(inputs)
        run = self.depth(state, steps=steps, keep_path=keep_path, **context)
        return Prediction(self.decode(run.x, **context), run.transport, run)
