"""What a supervised task holds: labelled examples of three splits, and shifted test sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch
from torch import Tensor

TaskKind = Literal["text", "images", "clouds", "sentences"]

PADDING, UNKNOWN = 0, 1


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs with their labels.

    Args:
        inputs: Shape (n, ...): tokens int64, or pixels and points float32.
        labels: int64 of shape (n,), or (n, L) for next characters.

    Raises:
        ValueError: No example, as many labels as there are not inputs, or other types.
    """

    inputs: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.inputs.ndim < 2 or len(self.inputs) < 1 or len(self.inputs) != len(self.labels):
            raise ValueError(
                "examples need inputs (n >= 1, ...) and as many labels, got shapes "
                f"{tuple(self.inputs.shape)} and {tuple(self.labels.shape)}"
            )
        if self.labels.dtype != torch.int64 or self.inputs.dtype not in (
            torch.int64,
            torch.float32,
        ):
            raise ValueError(
                "examples need int64 or float32 inputs and int64 labels, got "
                f"{self.inputs.dtype} and {self.labels.dtype}"
            )

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: Tensor | slice) -> Examples:
        """Examples at an index, mask (n,) or slice."""
        return Examples(self.inputs[index], self.labels[index])

    @property
    def overlapping(self) -> bool:
        """Whether neighbours share memory: windows of one stream at stride 1."""
        return _overlap(self.inputs)

    def subset(self, n: int, generator: torch.Generator) -> Examples:
        """``n`` examples drawn without replacement.

        Of overlapping windows a contiguous run from a random start is taken: single windows drawn
        at random would together show almost the whole stream, however few they are.

        Raises:
            ValueError: More examples wanted than there are, or none.
        """
        if not 1 <= n <= len(self):
            raise ValueError(f"the size of a subset must lie in 1..{len(self)}, got {n}")
        if self.overlapping:
            start = int(torch.randint(len(self) - n + 1, (1,), generator=generator))
            return self[start : start + n]
        return self[torch.randperm(len(self), generator=generator)[:n]]

    def to(self, device: torch.device | str) -> Examples:
        """The same examples on another device; views of a stream stay views."""
        return Examples(_moved(self.inputs, device), _moved(self.labels, device))


@dataclass(frozen=True, eq=False)
class Task:
    """A supervised task.

    Args:
        kind: Form of the inputs: next characters of texts (n, L), images (n, c, h, w), point
            clouds (n, p, 3) or sentences (n, L) with 0 = padding and 1 = unknown word.
        train: Training examples.
        val: Validation examples, for tuning and early stopping.
        test: Test examples, used once.
        classes: Number of classes; of a text, its vocabulary's size.
        vocabulary: What each token stands for; empty where inputs are no tokens.
        shifted: Further test sets from another law, by name.
        synonyms: For each token, tokens of the same meaning, int64 of shape (vocabulary, k); none
            where there are none.

    Raises:
        ValueError: A label or token out of range; the message names split and value.
    """

    kind: TaskKind
    train: Examples
    val: Examples
    test: Examples
    classes: int
    vocabulary: tuple[str, ...] = ()
    shifted: Mapping[str, Examples] = field(default_factory=dict)
    synonyms: Tensor | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shifted", MappingProxyType(dict(self.shifted)))
        for name, part in self.parts().items():
            _check_range(f"{name} labels", part.labels, self.classes)
            if self.vocabulary:
                _check_range(f"{name} tokens", part.inputs, len(self.vocabulary))

    def parts(self) -> dict[str, Examples]:
        """All example sets by name: train, val, test, then the shifted ones."""
        return {"train": self.train, "val": self.val, "test": self.test, **self.shifted}


def windows(stream: Tensor, length: int, stride: int) -> Examples:
    """Windows of a stream of tokens, labelled by the tokens that follow; views, no copy.

    Args:
        stream: int64 of shape (m,).
        length: Tokens of a window, L.
        stride: Distance of neighbouring windows.

    Raises:
        ValueError: The stream is shorter than L + 1.
    """
    if len(stream) <= length:
        raise ValueError(f"windows of {length} need more tokens than the {len(stream)} there are")
    return Examples(
        stream[:-1].unfold(0, length, stride),
        stream[1:].unfold(0, length, stride),
    )


def generator_of(seed: int, *key: int) -> torch.Generator:
    """A random stream of a task: independent for each seed and key."""
    words = np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(words[0]))


def _overlap(tensor: Tensor) -> bool:
    return tensor.ndim == 2 and tensor.stride() == (1, 1) and tensor.shape[1] > 1


def _moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    if tensor.is_contiguous():
        return tensor.to(device)
    # A strided view would be written out in full: its stream is moved instead.
    span = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
    if span >= tensor.numel():
        return tensor.to(device)
    stream = tensor.as_strided((span,), (1,)).to(device)
    return stream.as_strided(tensor.shape, tensor.stride(), stream.storage_offset())


def _check_range(name: str, values: Tensor, bound: int) -> None:
    # Windows of a stream have each token many times: first tokens and the last row are all.
    flat = torch.cat([values[:, 0], values[-1]]) if _overlap(values) else values
    low, high = int(flat.min()), int(flat.max())
    if low < 0 or high >= bound:
        raise ValueError(f"{name} must lie in 0..{bound - 1}, got {low}..{high}")
