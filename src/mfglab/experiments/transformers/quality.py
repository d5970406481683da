"""How well a network predicts: loss, accuracy, calibration, transport."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as nnf
from torch.utils.flop_counter import FlopCounterMode

from mfglab.datasets.tasks.base import Examples
from mfglab.solvers.continuous_depth import DepthTransformer

_CHUNK = 250
_BINS = 15


@dataclass(frozen=True)
class Quality:
    """Predictions on a set of examples.

    Args:
        loss: Mean cross-entropy in nats, of a token or of an example.
        accuracy: Share of correct predictions.
        calibration: Expected calibration error, 15 bins of equal width.
        perplexity: Mean over examples of the exponential of an example's mean loss.
        transport: Mean running cost of the hidden states.
    """

    loss: float
    accuracy: float
    calibration: float
    perplexity: float
    transport: float


@torch.no_grad()
def quality(network: DepthTransformer, examples: Examples, steps: int | None = None) -> Quality:
    """Measure ``network`` on ``examples``, run with ``steps`` integration steps."""
    return _summary(*_predict(network, examples.inputs, steps), examples.labels)


@torch.no_grad()
def quality_of(
    network: DepthTransformer, inputs: Tensor, labels: Tensor, steps: int | None = None
) -> Quality:
    """The same for changed inputs (n, ...) with the labels of the clean ones."""
    return _summary(*_predict(network, inputs, steps), labels)


def expected_calibration_error(confidence: Tensor, hits: Tensor) -> float:
    """Mean gap between confidence and accuracy over 15 bins, weighted by their sizes.

    Args:
        confidence: Probability of the predicted class, shape (n,).
        hits: Whether it was right, boolean, shape (n,).
    """
    index = (confidence * _BINS).long().clamp(0, _BINS - 1)
    gap = torch.zeros(_BINS, dtype=torch.float64)
    gap.index_add_(0, index, confidence.double() - hits.double())
    return float(gap.abs().sum() / len(confidence))


def flops_per_iteration(network: DepthTransformer, inputs: Tensor, labels: Tensor) -> int:
    """Floating-point operations of one forward and backward pass on a batch."""
    counter = FlopCounterMode(display=False)
    with counter:
        prediction = network(inputs)
        loss = nnf.cross_entropy(prediction.logits.flatten(0, -2), labels.flatten())
        (loss + prediction.transport.mean()).backward()
    network.zero_grad(set_to_none=True)
    return int(counter.get_total_flops())


def parameters(network: DepthTransformer) -> int:
    """Number of weights, shared ones counted once."""
    return sum(p.numel() for p in network.parameters())


def _predict(network: DepthTransformer, inputs: Tensor, steps: int | None) -> tuple[Tensor, Tensor]:
    logits, transport = [], []
    for start in range(0, len(inputs), _CHUNK):
        prediction = network(inputs[start : start + _CHUNK], steps=steps)
        logits.append(prediction.logits)
        transport.append(prediction.transport)
    return torch.cat(logits), torch.cat(transport)


def _summary(logits: Tensor, transport: Tensor, labels: Tensor) -> Quality:
    probability = logits.double().log_softmax(-1)
    losses = nnf.nll_loss(probability.flatten(0, -2), labels.flatten(), reduction="none")
    by_example = losses.reshape(len(labels), -1).mean(1)
    confidence, predicted = probability.max(-1)
    hits = predicted == labels
    return Quality(
        loss=float(losses.mean()),
        accuracy=float(hits.double().mean()),
        calibration=expected_calibration_error(confidence.exp().flatten(), hits.flatten()),
        # An overflow is a perplexity too large for a table, not an error.
        perplexity=min(float(by_example.exp().mean()), math.exp(700)),
        transport=float(transport.double().mean()),
    )
