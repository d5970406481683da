"""Archives of arrays with reproducible bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mfglab.files import atomic_path

# The earliest date that a zip archive can hold: the same in every archive, whenever written.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays to an uncompressed ``.npz`` whose bytes depend on the arrays alone.

    numpy's own writer stamps the present time on each member, so equal arrays would give
    different files; provenance by digest needs equal files.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            contiguous = np.asarray(array, order="C")
            np.lib.format.write_array(buffer, contiguous, version=(1, 0), allow_pickle=False)
            member = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, buffer.getvalue())
