"""Generated digits, each above the training image nearest to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure


def digit_pairs(paths: Sequence[Path]) -> Figure:
    """A row of samples and a row of nearest training images for every arm.

    Args:
        paths: Arrays of the study: ``arms``, ``samples`` and ``neighbours`` (arms, n, 64).
    """
    files = []
    for path in paths:
        with np.load(path) as file:
            files.append(dict(file))
    arms, samples, neighbours = (
        np.concatenate([file[name] for file in files]) for name in ("arms", "samples", "neighbours")
    )
    n = samples.shape[1]
    side = int(samples.shape[2] ** 0.5)
    figure, axes = plt.subplots(
        len(arms), 1, figsize=(0.5 * n + 1.6, 1.25 * len(arms)), squeeze=False
    )
    for axis, arm, own, near in zip(axes[:, 0], arms, samples, neighbours, strict=True):
        rows = [np.concatenate(list(x.reshape(n, side, side)), axis=1) for x in (own, near)]
        axis.imshow(np.concatenate(rows), cmap="gray_r", vmin=0, vmax=16, interpolation="nearest")
        axis.axhline(side - 0.5, color="#0072B2", linewidth=0.8)
        axis.set_yticks([side / 2 - 0.5, 1.5 * side - 0.5], ["sample", "nearest"])
        axis.tick_params(length=0)
        axis.set_xticks([])
        axis.set_title(arm, loc="left")
        for spine in axis.spines.values():
            spine.set_visible(False)
    figure.tight_layout()
    return figure
