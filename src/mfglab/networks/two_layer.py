"""One sweep through a two-layer potential, with its adjoint written by hand.

Every published OT-Flow model has two layers, and its training time is that of this sweep and of
its adjoint. Written out, both need a fraction of the kernels and of the memory of recorded
differentiation of :meth:`~mfglab.networks.potential.PotentialNet.reference_derivatives`, the
readable form that the tests compare with. What makes the difference:

* Arrays are (networks, features, points): every product is a plain matrix product of contiguous
  arrays, and what is constant over the points is constant along the inner loop of each kernel.
* Several networks of one shape go through together, each with points of its own: see
  :mod:`mfglab.networks.members`. A single one is the case of one network.
* Points enter in homogeneous coordinates ``S = (x, t, 1)``: time and bias are columns of the
  weights, and one product gives the gradients of all of them.
* The Jacobian block of the hidden layer is linear in the slope of the opening layer:
  ``K diag(slope0) K0[:, k] = (K diag(K0[:, k])) slope0``. With the d matrices in brackets
  stacked, the block is one product, and the Jacobian of the opening layer is never formed.
* Both ``tanh a = 1 - 2 sigmoid(-2a)`` and ``log(2 cosh a) = a + softplus(-2a)`` want ``-2a``, so
  that is what the layers return. torch's sigmoid is several times faster than its tanh.

With ``a = K0 s + b0``, ``u = log(2 cosh a)``, ``c = K u + b1``, ``slope0 = tanh a``,
``slope1 = tanh c`` and ``z = w + K^T (w slope1)`` (arXiv:2006.00104, two layers):

    grad_s Phi = K0^T (slope0 z) + A^T A s + b
    Lap_x Phi  = w.[(1 - slope1^2) q] + kappa.[(1 - slope0^2) z] + |A_x|^2
    q_i = sum_k (K diag(slope0) K0)_ik^2,    kappa_j = sum_k K0_jk^2,    k over the d coordinates.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import softplus


class TwoLayerWeights(NamedTuple):
    """What the sweep reads of M networks; built once per integration by ordinary operations.

    The adjoint of the sweep ends here; automatic differentiation carries the gradients on to the
    parameters, once per integration instead of once per evaluation. For the same reason all
    arrays with rows of length m travel as one: fewer arrays to save and fewer gradients to add up
    at each evaluation.

    Attributes:
        rows: See :class:`_Rows`, stacked, shape (M, R, m).
        affine: ``[A^T A | b]``, shape (M, d + 1, d + 2).
        trace: ``|A_x|^2``, the Laplacian of the quadratic part, shape (M, 1, 1).
    """

    rows: Tensor
    affine: Tensor
    trace: Tensor

    @classmethod
    def of(
        cls, K0: Tensor, b0: Tensor, K: Tensor, b1: Tensor, w: Tensor, A: Tensor, b: Tensor
    ) -> TwoLayerWeights:
        """Arrange the parameters of M :class:`~mfglab.networks.potential.PotentialNet`.

        Each has a first axis of length M.
        """
        d = K0.shape[2] - 1
        K0x = K0[..., :d]
        rows = _Rows(
            opening=torch.cat([K0.mT, b0[:, None]], dim=1),
            hidden=K,
            pull=w[..., None] * K,
            push=(K0x.mT[:, :, None] * K[:, None]).flatten(1, 2),
            bias=b1[:, None],
            out=w[:, None],
            kappa=K0x.square().sum(2)[:, None],
        )
        affine = torch.cat([A.mT @ A, b[..., None]], dim=2)
        return cls(torch.cat(rows, dim=1), affine, A[..., :d].square().sum((1, 2), keepdim=True))


class _Rows(NamedTuple):
    # Each with a first axis of length M.
    opening: Tensor  # [K0 | b0]^T, (d + 2, m)
    hidden: Tensor  # K, (m, m)
    pull: Tensor  # diag(w) K, (m, m)
    push: Tensor  # K diag(K0[:, k]) stacked over the coordinates k, (d m, m)
    bias: Tensor  # b1, (1, m)
    out: Tensor  # w, (1, m)
    kappa: Tensor  # squared rows of K0 without its time column, (1, m)


class _Parts(NamedTuple):
    # Views of TwoLayerWeights in the forms that the products want.
    opening: Tensor  # [K0 | b0], (M, m, d + 2)
    opening_t: Tensor
    closing: Tensor  # K0, (M, m, d + 1)
    closing_t: Tensor
    hidden: Tensor
    hidden_t: Tensor
    pull: Tensor
    pull_t: Tensor
    push: Tensor
    push_t: Tensor
    bias: Tensor  # column
    out: Tensor  # column
    out_t: Tensor
    kappa: Tensor  # column
    kappa_t: Tensor
    affine: Tensor
    affine_t: Tensor
    trace: Tensor

    @classmethod
    def of(cls, weights: TwoLayerWeights) -> _Parts:
        columns = weights.affine.shape[2]
        d, m = columns - 2, weights.rows.shape[2]
        rows = _Rows(*torch.split(weights.rows, [columns, m, m, d * m, 1, 1, 1], dim=1))
        closing_t = rows.opening[:, : d + 1]
        return cls(
            rows.opening.mT,
            rows.opening,
            closing_t.mT,
            closing_t,
            rows.hidden,
            rows.hidden.mT,
            rows.pull,
            rows.pull.mT,
            rows.push,
            rows.push.mT,
            rows.bias.mT,
            rows.out.mT,
            rows.out,
            rows.kappa.mT,
            rows.kappa,
            weights.affine,
            weights.affine.mT,
            weights.trace,
        )


class _Swept(NamedTuple):
    # What the adjoint reads of a sweep, all (M, features, points).
    S: Tensor
    u: Tensor
    slope0: Tensor
    slope1: Tensor
    block: Tensor  # K diag(slope0) K0, coordinates stacked: (M, d m, n)
    curve0: Tensor  # (1 - slope0^2) z
    curve1: Tensor  # (1 - slope1^2) q
    y: Tensor  # slope0 z


class _Results(NamedTuple):
    gradient: Tensor  # (M n, d)
    time_derivative: Tensor  # (M n,)
    laplacian: Tensor  # (M n,)


class TwoLayerSweep:
    """Derivatives of M networks at any number of points and times.

    Args:
        weights: The networks.
    """

    def __init__(self, weights: TwoLayerWeights) -> None:
        self._weights = weights
        self._parts = _Parts.of(TwoLayerWeights(*(part.detach() for part in weights)))

    def __call__(self, t: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Gradient (M n, d), time derivative (M n,) and Laplacian (M n,) at ``x`` (M n, d).

        Args:
            t: Time, a scalar or of shape (M n,).
            x: Points, those of a network after those of the one before; fastest when stored by
                columns, as the results are.
        """
        out: tuple[Tensor, Tensor, Tensor] = _Sweep.apply(  # type: ignore[no-untyped-call]
            x, t, *self._weights, self._parts
        )
        return out


def _damped(value: Tensor, slope: Tensor) -> Tensor:
    # (1 - slope^2) value in one kernel.
    out: Tensor = torch.ops.aten.tanh_backward(value, slope)
    return out


def _tanh(minus_twice: Tensor) -> Tensor:
    return torch.rsub(torch.sigmoid(minus_twice), 1, alpha=2)


def _blocks(x: Tensor, M: int) -> Tensor:
    # (features, M n) to (M, features, n); a view.
    return x.view(x.shape[0], M, -1).transpose(0, 1)


def _joined(blocks: Tensor) -> Tensor:
    # (M, features, n) to (features, M n); a view where M is 1.
    return blocks.transpose(0, 1).flatten(1)


def _sweep(x: Tensor, t: Tensor, W: _Parts) -> tuple[_Results, _Swept]:
    n, d = x.shape
    M, m, _ = W.hidden.shape
    tail = torch.stack([t, torch.ones_like(t)]).view(2, -1).expand(2, n)
    S = torch.cat([_blocks(x.t(), M), _blocks(tail, M)], dim=1)
    a = torch.baddbmm(W.bias, W.opening, S, beta=0, alpha=-2)  # -2a; beta = 0 ignores the bias
    slope0 = _tanh(a)
    u = softplus(a).sub_(a, alpha=0.5)
    slope1 = _tanh(torch.baddbmm(W.bias, W.hidden, u, beta=-2, alpha=-2))
    block = torch.bmm(W.push, slope0)
    first, *others = block.view(M, d, m, -1).unbind(1)
    q = first.square()
    for one in others:
        q.addcmul_(one, one)
    curve1 = _damped(q, slope1)
    z = torch.baddbmm(W.out, W.pull_t, slope1)
    curve0 = _damped(z, slope0)
    y = slope0 * z
    gradient = _joined(torch.baddbmm(torch.bmm(W.affine, S), W.closing_t, y))
    first_layer = torch.baddbmm(W.trace, W.kappa_t, curve0)
    laplacian = torch.baddbmm(first_layer, W.out_t, curve1)
    return (
        _Results(gradient[:d].t(), gradient[d], laplacian.flatten()),
        _Swept(S, u, slope0, slope1, block, curve0, curve1, y),
    )


def _adjoint(grads: _Results, W: _Parts, kept: _Swept) -> tuple[Tensor, TwoLayerWeights]:
    """Gradients with respect to S and to the weights.

    The derivative of ``1 - slope^2`` is ``-2 slope (1 - slope^2)``. So q and z are met as
    ``curve1 = (1 - slope1^2) q`` and ``curve0 = (1 - slope0^2) z`` only, and are not kept.
    """
    S, u, slope0, slope1, block, curve0, curve1, y = kept
    M, m, n = slope1.shape
    lap = grads.laplacian.view(M, 1, n)
    parts = [_blocks(grads.gradient.t(), M), grads.time_derivative.view(M, 1, n)]
    g = torch.cat(parts, dim=1)
    weighted0 = W.kappa * lap
    weighted1 = W.out * (lap + lap)
    # z: from the gradient through y, and from the Laplacian
    y_bar = torch.bmm(W.closing, g)
    z_bar = _damped(weighted0, slope0).addcmul_(slope0, y_bar)
    # c: through slope1 in z, and through the factor 1 - slope1^2 of the Laplacian
    c_bar = _damped(torch.bmm(W.pull, z_bar), slope1)
    c_bar.addcmul_(curve1 * weighted1, slope1, value=-1)
    block_bar = (block.view(M, -1, m, n) * _damped(weighted1, slope1)[:, None]).flatten(1, 2)
    # a: through the block, through the factors slope0 of y and 1 - slope0^2, and through u
    a_bar = _damped(torch.bmm(W.push_t, block_bar), slope0)
    a_bar.addcmul_(curve0, y_bar.addcmul_(slope0, weighted0, value=-2))
    a_bar.addcmul_(torch.bmm(W.hidden_t, c_bar), slope0)
    opening = torch.bmm(S, a_bar.mT)
    opening[:, :-1].baddbmm_(g, y.mT)
    rows = _Rows(
        opening=opening,
        hidden=torch.bmm(c_bar, u.mT),
        pull=torch.bmm(slope1, z_bar.mT),
        push=torch.bmm(block_bar, slope0.mT),
        bias=c_bar.sum(2)[:, None],
        out=torch.baddbmm(z_bar.sum(2)[:, None], lap, curve1.mT),
        kappa=torch.bmm(lap, curve0.mT),
    )
    S_bar = torch.baddbmm(torch.bmm(W.affine_t, g), W.opening_t, a_bar)
    trace = lap.sum((1, 2), keepdim=True)
    return S_bar, TwoLayerWeights(torch.cat(rows, dim=1), torch.bmm(g, S.mT), trace)


class _Sweep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, t: Tensor, rows: Tensor, affine: Tensor, trace: Tensor, parts: _Parts
    ) -> tuple[Tensor, ...]:
        # ``parts`` are views of the weights without history; nobody writes to either.
        results, kept = _sweep(x, t, parts)
        ctx.parts = parts
        ctx.save_for_backward(x, t, rows, affine, trace, *kept)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, t, rows, affine, trace, *kept = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: the adjoint itself is to be differentiated
            return *_differentiable_adjoint(grads, x, t, rows, affine, trace), None
        S_bar, weights_bar = _adjoint(_Results(*grads), ctx.parts, _Swept(*kept))
        d, joined = x.shape[1], _joined(S_bar)
        t_bar = joined[d].sum_to_size(t.shape) if ctx.needs_input_grad[1] else None
        return joined[:d].t(), t_bar, *weights_bar, None


def _differentiable_adjoint(grads: tuple[Tensor, ...], *inputs: Tensor) -> tuple[Tensor, ...]:
    # The arrays kept by forward carry no history, so the sweep is repeated with recording.
    def results(x: Tensor, t: Tensor, *weights: Tensor) -> tuple[Tensor, ...]:
        return tuple(_sweep(x, t, _Parts.of(TwoLayerWeights(*weights)))[0])

    adjoint = torch.func.vjp(results, *inputs)[1]
    out: tuple[Tensor, ...] = adjoint(grads)
    return out
