"""Lightning's own checkpoints in the format of this package.

Apart from :mod:`mfglab.training.checkpoints`: importing Lightning takes seconds, which a stage that
only reads weights should not pay.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO

from mfglab.training.checkpoints import load_tree, remove_tree, save_tree


class SafetensorsIO(CheckpointIO):
    """Lets Lightning write and read its own checkpoints in this format."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write ``checkpoint``; the suffix is made ``.safetensors``."""
        save_tree(checkpoint, Path(path).with_suffix(".safetensors"))

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint; tensors go to the CPU and Lightning moves them."""
        return load_tree(Path(path).with_suffix(".safetensors"))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Delete both files of a checkpoint."""
        remove_tree(Path(path).with_suffix(".safetensors"))
