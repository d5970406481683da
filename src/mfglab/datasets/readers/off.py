"""The Object File Format of triangle meshes, and uniform sampling of a surface."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh.

    Args:
        vertices: float64 of shape (V, 3).
        faces: Three vertex indices a triangle, int64 of shape (F, 3).
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]

    def areas(self) -> NDArray[np.float64]:
        """Area of each triangle, shape (F,)."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        out: NDArray[np.float64] = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        return out

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """``n`` independent points, uniform on the surface by area, shape (n, 3)."""
        areas = self.areas()
        corners = self.vertices[self.faces[rng.choice(len(areas), n, p=areas / areas.sum())]]
        # sqrt(U) makes the distance from the first corner grow as the area does.
        root, along = np.sqrt(rng.random((n, 1))), rng.random((n, 1))
        out: NDArray[np.float64] = (
            (1 - root) * corners[:, 0]
            + root * (1 - along) * corners[:, 1]
            + root * along * corners[:, 2]
        )
        return out


def parse_off(content: bytes, where: str) -> Mesh:
    """Parse the text of an ``.off`` file; a polygon becomes a fan of triangles.

    Some ModelNet files lack the line break after the keyword (``OFF490 518 0``); that is read as
    meant. Comments (``#``) and blank lines are skipped.

    Args:
        content: The bytes of the file.
        where: Name of the file for error messages.

    Raises:
        MalformedFileError: With the line at fault.
    """
    plain = _parse_plain(content)
    return _parse_lines(content, where) if plain is None else plain


def _parse_plain(content: bytes) -> Mesh | None:
    """A file of triangles without comments, ten times faster; none where anything is unusual."""
    keyword, body = content.lstrip()[:3], content.lstrip()[3:]
    header, _, rest = body.lstrip().partition(b"\n")
    counts = header.split()
    if (
        keyword != b"OFF"
        or b"#" in content
        or len(counts) < 2
        or not all(field.isdigit() for field in counts)
    ):
        return None
    n_vertices, n_faces = int(counts[0]), int(counts[1])
    if rest.rstrip().count(b"\n") + 1 != n_vertices + n_faces:
        return None
    try:
        with warnings.catch_warnings(action="error"):  # what is no number ends it
            numbers = np.fromstring(rest, sep=" ")
    except (DeprecationWarning, ValueError):
        return None
    split = 3 * n_vertices
    if len(numbers) != split + 4 * n_faces or not np.isfinite(numbers).all():
        return None
    corners = numbers[split:].reshape(n_faces, 4)
    faces = corners[:, 1:].astype(np.int64)
    usual = (corners[:, 0] == 3) & (faces == corners[:, 1:]).all(axis=1)
    if not usual.all() or not ((faces >= 0) & (faces < n_vertices)).all():
        return None
    return Mesh(numbers[:split].reshape(n_vertices, 3), faces)


def _parse_lines(content: bytes, where: str) -> Mesh:
    lines = _content_lines(content)
    if not lines or not lines[0][1].startswith("OFF"):
        raise MalformedFileError(where, "line 1", "expected the keyword OFF")
    number, first = lines.pop(0)
    if first != "OFF":
        lines.insert(0, (number, first[3:].strip()))
    if not lines:
        raise MalformedFileError(where, f"line {number}", "the counts are missing")
    number, counts = lines.pop(0)
    fields = counts.split()
    if len(fields) < 2 or not all(field.isdecimal() for field in fields):
        raise MalformedFileError(
            where, f"line {number}", f"expected numbers of vertices, faces, edges; got {counts!r}"
        )
    n_vertices, n_faces = int(fields[0]), int(fields[1])
    if len(lines) < n_vertices + n_faces:
        raise MalformedFileError(
            where,
            f"line {lines[-1][0] if lines else number}",
            f"{n_vertices} vertices and {n_faces} faces announced, {len(lines)} lines found",
        )
    vertices = _vertices(lines[:n_vertices], where)
    return Mesh(vertices, _faces(lines[n_vertices : n_vertices + n_faces], n_vertices, where))


def _content_lines(content: bytes) -> list[tuple[int, str]]:
    """Numbered lines without comments and blanks."""
    text = content.decode("latin-1")
    numbered = enumerate(text.split("\n"), start=1)
    stripped = ((number, line.split("#")[0].strip()) for number, line in numbered)
    return [(number, line) for number, line in stripped if line]


def _vertices(lines: list[tuple[int, str]], where: str) -> NDArray[np.float64]:
    """Coordinates, the first three numbers of each line; shape (V, 3)."""
    rows = []
    for number, line in lines:
        try:
            row = [float(field) for field in line.split()[:3]]
        except ValueError:
            row = []
        if len(row) != 3 or not all(map(math.isfinite, row)):
            raise MalformedFileError(where, f"line {number}", f"expected x y z, got {line!r}")
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _faces(lines: list[tuple[int, str]], n_vertices: int, where: str) -> NDArray[np.int64]:
    """Triangles of all polygons, shape (F, 3)."""
    triangles = []
    for number, line in lines:
        fields = line.split()
        count = int(fields[0]) if fields[0].isdecimal() else 0
        corners = [int(field) for field in fields[1 : count + 1] if field.isdecimal()]
        if count < 3 or len(corners) != count or max(corners) >= n_vertices:
            raise MalformedFileError(
                where,
                f"line {number}",
                f"expected a corner count >= 3 and that many indices below {n_vertices}, "
                f"got {line!r}",
            )
        triangles += [[corners[0], *corners[i : i + 2]] for i in range(1, count - 1)]
    return np.array(triangles, dtype=np.int64).reshape(-1, 3)
