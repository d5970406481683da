"""CSV tables that are equal byte for byte when their content is equal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mfglab.files import atomic_path

#: Six digits: more than any Monte-Carlo error here, fewer than differ between processors.
FLOAT_FORMAT = "%.6g"


class TableError(ValueError):
    """A table is missing, unreadable or lacks a column."""


def write_csv(
    frame: pd.DataFrame,
    path: str | Path,
    sort_by: Sequence[str] = (),
    float_format: str = FLOAT_FORMAT,
) -> None:
    """Write ``frame`` without its index: sorted rows, fixed floats, Unix line ends, atomic.

    Args:
        frame: The table.
        path: Where to write.
        sort_by: Columns to sort by, first the most significant; none keeps the order.
        float_format: Format of floating-point columns.

    Raises:
        TableError: A sort column does not exist.
    """
    _require(frame, sort_by, str(path))
    ordered = frame.sort_values(list(sort_by), kind="stable") if sort_by else frame
    with atomic_path(path) as temporary:
        ordered.to_csv(temporary, index=False, float_format=float_format, lineterminator="\n")


def read_csv(path: str | Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table and check that ``columns`` are there.

    Only an empty cell is a missing value: words such as ``None`` stay what they are.

    Raises:
        TableError: The file is missing, empty or no CSV, or a column is missing.
    """
    try:
        frame = pd.read_csv(path, keep_default_na=False, na_values=["", "nan", "NaN"])
    except FileNotFoundError:
        raise TableError(f"table {path} does not exist") from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise TableError(f"table {path} is no CSV table: {error}") from None
    _require(frame, columns, str(path))
    return frame


def _require(frame: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    for column in columns:
        if column not in frame.columns:
            raise TableError(
                f"table {where} has no column {column!r}; it has {', '.join(frame.columns)}"
            )
