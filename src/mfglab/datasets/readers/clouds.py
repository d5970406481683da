"""Point clouds of ModelNet: repacked clouds, or points sampled from the published meshes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.archives import open_zip, zip_names
from mfglab.datasets.readers.off import Mesh, parse_off

FloatArray = NDArray[np.float32]

_INT16_MAX = 32767
_MODEL = re.compile(r"(?:.*/)?(\w+)/(train|test)/(\w+)\.off$")
_REPACKED = ("points", "center", "scale", "label", "split", "name", "class_names")


@dataclass(frozen=True, eq=False)
class PointClouds:
    """Clouds centred on their bounding boxes and scaled so that the longest half-side is 1.

    Args:
        points: float32 of shape (n, m, 3), in [-1, 1].
        center: Centre of each bounding box in the units of the model, shape (n, 3).
        scale: Longest half-side of each bounding box, shape (n,).
        labels: Index into ``class_names``, int64 of shape (n,).
        test: Whether a cloud belongs to the published test split, bool of shape (n,).
        names: Name of each model, e.g. ``chair_0001``.
        class_names: Class names in alphabetic order.
    """

    points: FloatArray
    center: FloatArray
    scale: FloatArray
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    names: tuple[str, ...]
    class_names: tuple[str, ...]

    def clouds(self, n_points: int, rng: np.random.Generator) -> PointClouds:
        """``n_points`` points of each cloud, drawn without replacement.

        Raises:
            ValueError: More points wanted than there are.
        """
        n, m = self.points.shape[:2]
        if not 1 <= n_points <= m:
            raise ValueError(f"n_points must lie in 1..{m}, got {n_points}")
        order = rng.random((n, m)).argsort(axis=1)[:, :n_points]
        chosen = np.take_along_axis(self.points, order[:, :, None], axis=1)
        return PointClouds(
            chosen, self.center, self.scale, self.labels, self.test, self.names, self.class_names
        )


@dataclass(frozen=True, eq=False)
class MeshArchive:
    """The triangle meshes of an archive, not parsed yet.

    Args:
        path: The zip archive.
        members: Names in the archive, sorted by class, then test before train, then name.
        labels: Index into ``class_names``, int64 of shape (n,).
        test: Whether a mesh belongs to the published test split, bool of shape (n,).
        class_names: Class names in alphabetic order.
    """

    path: Path
    members: tuple[str, ...]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]
    class_names: tuple[str, ...]

    def mesh(self, index: int) -> Mesh:
        """One mesh.

        Raises:
            MalformedFileError: Damaged archive or a malformed mesh.
        """
        with open_zip(self.path) as archive:
            return self._parse(archive, index)

    def clouds(
        self, n_points: int, rng: np.random.Generator, indices: Sequence[int] | None = None
    ) -> PointClouds:
        """Sample every surface uniformly by area, then centre and scale by the bounding box.

        Args:
            n_points: Points of each cloud.
            rng: The only source of randomness.
            indices: Which meshes, default all.

        Raises:
            MalformedFileError: Damaged archive, a malformed mesh, or one without area.
        """
        chosen = np.arange(len(self.members)) if indices is None else np.asarray(indices)
        points, centers, scales = [], [], []
        with open_zip(self.path) as archive:
            for index in chosen:
                cloud = self._parse(archive, int(index)).sample(n_points, rng)
                low, high = cloud.min(axis=0), cloud.max(axis=0)
                center, scale = (low + high) / 2, max(float((high - low).max()) / 2, 1e-300)
                points.append(((cloud - center) / scale).astype(np.float32))
                centers.append(center.astype(np.float32))
                scales.append(scale)
        return PointClouds(
            points=np.stack(points),
            center=np.stack(centers),
            scale=np.array(scales, dtype=np.float32),
            labels=self.labels[chosen],
            test=self.test[chosen],
            names=tuple(Path(self.members[index]).stem for index in chosen),
            class_names=self.class_names,
        )

    def _parse(self, archive: zipfile.ZipFile, index: int) -> Mesh:
        member = self.members[index]
        mesh = parse_off(archive.read(member), f"{self.path}!{member}")
        if not mesh.areas().sum() > 0:
            raise MalformedFileError(f"{self.path}!{member}", "faces", "the surface has no area")
        return mesh


def read_modelnet_archive(paths: Mapping[str, Path]) -> MeshArchive:
    """List the meshes of ``ModelNet10.zip`` or ``ModelNet40.zip`` (Wu et al. 2015).

    Raises:
        MalformedFileError: Damaged archive, or no ``<class>/<split>/<name>.off`` in it.
    """
    (path,) = paths.values()
    with open_zip(path) as archive:
        matches = [match for name in zip_names(archive) if (match := _MODEL.match(name))]
    if not matches:
        raise MalformedFileError(path, "members", "no <class>/<split>/<name>.off in the archive")
    class_names = tuple(sorted({match[1] for match in matches}))
    matches.sort(key=lambda match: (match[1], match[2], match[3]))
    return MeshArchive(
        path=path,
        members=tuple(match[0] for match in matches),
        labels=np.array([class_names.index(match[1]) for match in matches], dtype=np.int64),
        test=np.array([match[2] == "test" for match in matches]),
        class_names=class_names,
    )


def read_modelnet_clouds(paths: Mapping[str, Path]) -> PointClouds:
    """Read the repacked clouds: int16 points of 1,024 Poisson-disk samples a mesh.

    Raises:
        MalformedFileError: An array missing or of another shape or type.
    """
    (path,) = paths.values()
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = sorted(set(_REPACKED) - set(archive.files))
            if missing:
                raise MalformedFileError(path, "members", f"missing arrays {missing}")
            arrays = {name: archive[name] for name in _REPACKED}
    except (zipfile.BadZipFile, EOFError, AttributeError, TypeError) as error:
        raise MalformedFileError(path, "file", f"not an .npz of arrays ({error})") from error
    points = arrays["points"]
    if points.dtype != np.int16 or points.ndim != 3 or points.shape[2] != 3:
        raise MalformedFileError(
            path, "points", f"expected int16 (n, m, 3), got {points.dtype} {points.shape}"
        )
    n = len(points)
    shapes = {"center": (n, 3), "scale": (n,), "label": (n,), "split": (n,), "name": (n,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise MalformedFileError(path, name, f"expected {shape}, got {arrays[name].shape}")
    classes = tuple(str(name) for name in arrays["class_names"])
    if n and int(arrays["label"].max()) >= len(classes):
        row = int(arrays["label"].argmax())
        raise MalformedFileError(path, f"label row {row}", f"no class {arrays['label'][row]}")
    return PointClouds(
        points=points.astype(np.float32) / np.float32(_INT16_MAX),
        center=arrays["center"].astype(np.float32),
        scale=arrays["scale"].astype(np.float32),
        labels=arrays["label"].astype(np.int64),
        test=arrays["split"] == 1,
        names=tuple(str(name) for name in arrays["name"]),
        class_names=classes,
    )
