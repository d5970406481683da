"""From a configured arm to a network whose depth is time."""

from __future__ import annotations

from typing import assert_never

import torch

from mfglab.config import (
    DepthConfig,
    GptConfig,
    SetConfig,
    TextEncoderConfig,
    TransformerConfig,
    VitConfig,
)
from mfglab.datasets.tasks.base import Task
from mfglab.networks.transformers.gpt import GptSize, gpt
from mfglab.networks.transformers.parts import NormPlacement, Parts
from mfglab.networks.transformers.sets import SetSize, set_transformer
from mfglab.networks.transformers.text import TextSize, text_encoder
from mfglab.networks.transformers.vit import VitSize, vit
from mfglab.solvers.continuous_depth import ContinuousDepth, DepthTransformer, Penalty, Velocity
from mfglab.trajectories.methods import EULER, HEUN, RK4

_METHODS = {method.name: method for method in (EULER, HEUN, RK4)}


def build_parts(config: TransformerConfig, task: Task, generator: torch.Generator) -> Parts:
    """Embedding, blocks, norm and head of the sizes that configuration and data ask for.

    Args:
        config: Sizes of the network.
        task: Its data, which fix vocabulary, classes, pixels and coordinates.
        generator: Source of the initial weights.
    """
    norm = NormPlacement(config.norm)
    layers, heads, width, dropout = config.layers, config.heads, config.width, config.dropout
    shape = tuple(task.train.inputs.shape[1:])
    match config:
        case GptConfig(bias=bias):
            tokens = len(task.vocabulary)
            return gpt(
                GptSize(tokens, shape[0], layers, heads, width, dropout, bias, norm), generator
            )
        case VitConfig(patch=patch, mlp=mlp):
            channels, image, _ = shape
            of_head = config.head_width or width // heads
            sizes = (image, channels, patch, task.classes, layers, heads, of_head, width, mlp)
            return vit(VitSize(*sizes, dropout, norm), generator)
        case SetConfig(inducing=inducing, lift=lift):
            points = (task.classes, layers, heads, width, inducing, lift, dropout, norm, shape[1])
            return set_transformer(SetSize(*points), generator)
        case TextEncoderConfig(mlp=mlp):
            words = (len(task.vocabulary), shape[0], task.classes, layers, heads, width, mlp)
            return text_encoder(TextSize(*words, dropout, norm), generator)
        case _:
            assert_never(config)


def build_network(
    network: TransformerConfig, depth: DepthConfig, task: Task, generator: torch.Generator
) -> DepthTransformer:
    """A network with fresh weights whose stack is run as ``depth`` says."""
    # Layers of torch draw weights of their own from the global stream before they are replaced.
    with torch.random.fork_rng():
        parts = build_parts(network, task, generator)
    continuous = ContinuousDepth(
        parts.blocks,
        horizon=depth.horizon,
        steps=depth.steps,
        method=_METHODS[depth.method],
        velocity=Velocity(depth.velocity),
        penalty=Penalty(depth.penalty),
        per_block=depth.per_block,
        norm=parts.norm,
        checkpoint=depth.checkpoint,
    )
    return DepthTransformer(parts.embedding, continuous, parts.head)
