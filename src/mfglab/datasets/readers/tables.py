"""Tables of numbers: MiniBooNE and the times between keystrokes."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.archives import tar_members
from mfglab.datasets.splits import Splits

_MINIBOONE_COLUMNS = 43


@dataclass(frozen=True, eq=False)
class Keystrokes:
    """Times between keystrokes.

    Args:
        milliseconds: float64 of shape (n,), in the order of the file; negative where a key was
            pressed before the last was released.
    """

    milliseconds: NDArray[np.float64]


def read_miniboone(paths: Mapping[str, Path]) -> Splits:
    """Read ``data.npy`` and split it as the flow literature does (Papamakarios et al. 2017).

    The last tenth is the test set, the last tenth of the rest the validation set (both rounded
    down), and all are standardised by the statistics of training and validation together.

    Returns:
        Splits of 43 columns, without labels.

    Raises:
        MalformedFileError: Not an array of finite numbers with 43 columns, or one that varies not.
    """
    (path,) = paths.values()
    return _miniboone(path, path.read_bytes())


def read_miniboone_archive(paths: Mapping[str, Path]) -> Splits:
    """The same from the archive of all tables of that paper, which holds the file.

    Raises:
        MalformedFileError: Damaged archive, file missing in it, or malformed content.
    """
    (path,) = paths.values()
    for _, content in tar_members(path, lambda name: name.endswith("miniboone/data.npy")):
        return _miniboone(path, content)
    raise MalformedFileError(path, "members", "miniboone/data.npy is not in the archive")


def read_keystrokes(paths: Mapping[str, Path]) -> Keystrokes:
    """Read one number (milliseconds) a line.

    Raises:
        MalformedFileError: A line that is no finite number, or no line at all.
    """
    (path,) = paths.values()
    values = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        field = line.strip()
        if not field:
            continue
        try:
            value = float(field)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            text = field.decode("utf-8", "replace")
            raise MalformedFileError(path, f"line {number}", f"expected a number, got {text!r}")
        values.append(value)
    if not values:
        raise MalformedFileError(path, "line 1", "the file holds no number")
    return Keystrokes(np.array(values, dtype=np.float64))


def _miniboone(path: Path, content: bytes) -> Splits:
    try:
        data: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise MalformedFileError(path, "byte 0", f"not an .npy array ({error})") from error
    if data.dtype.kind != "f" or data.ndim != 2 or data.shape[1] != _MINIBOONE_COLUMNS:
        raise MalformedFileError(
            path,
            "header",
            f"expected floats (n, {_MINIBOONE_COLUMNS}), got {data.dtype} {data.shape}",
        )
    n_test = len(data) // 10
    n_val = (len(data) - n_test) // 10
    fitted = data[: len(data) - n_test]
    if n_val < 1:
        raise MalformedFileError(path, "header", f"{len(data)} rows are too few to split")
    bad = ~np.isfinite(data).all(axis=1)
    if bad.any():
        raise MalformedFileError(path, f"row {int(bad.argmax())}", "a number is not finite")
    mean, std = fitted.mean(axis=0), fitted.std(axis=0)
    if not (std > 0).all():
        raise MalformedFileError(path, f"column {int(std.argmin())}", "the column is constant")
    scaled = (data - mean) / std
    train, val, test = np.split(scaled, [len(fitted) - n_val, len(fitted)])
    return Splits(train, val, test, mean, std)
