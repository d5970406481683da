"""Readers of shapes and tables, on files made here and, where there is a mirror, on real ones."""

from __future__ import annotations

import io

import numpy as np
import pytest
from dataset_files import (
    SOURCES,
    TETRAHEDRON,
    miniboone_array,
    modelnet_arrays,
    npy,
    paths_of,
    tar_gz,
    write_all,
    zipped,
)
from scipy.stats import kstest

from mfglab.datasets.errors import MalformedFileError
from mfglab.datasets.readers.clouds import read_modelnet_archive, read_modelnet_clouds
from mfglab.datasets.readers.off import Mesh, parse_off
from mfglab.datasets.readers.tables import (
    read_keystrokes,
    read_miniboone,
    read_miniboone_archive,
)

both = pytest.mark.parametrize("source", SOURCES)


@both
def test_repacked_clouds_fill_their_boxes(source, tmp_path):
    data = read_modelnet_clouds(paths_of(source, "modelnet10", "clouds-1024", tmp_path))
    n, classes = {"synthetic": (4, 2), "mirror": (4899, 10)}[source]
    assert data.points.shape == (n, 1024, 3)
    assert data.points.dtype == np.float32
    assert len(data.class_names) == classes
    np.testing.assert_allclose(np.abs(data.points).max(axis=(1, 2)), 1.0, atol=1e-4)
    labels = [data.class_names.index(name.rpartition("_")[0]) for name in data.names]
    assert np.array_equal(labels, data.labels)
    if source == "mirror":
        assert np.bincount(data.labels[~data.test]).tolist() == [
            *(106, 515, 889, 200, 200, 465, 200, 680, 392, 344)
        ]
        assert int(data.test.sum()) == 908


def test_resampled_clouds_are_subsets_without_repetition(tmp_path):
    data = read_modelnet_clouds(paths_of("synthetic", "modelnet10", "clouds-1024", tmp_path))
    fewer = data.clouds(100, np.random.default_rng(0))
    assert fewer.points.shape == (4, 100, 3)
    for cloud, whole in zip(fewer.points, data.points, strict=True):
        known = {tuple(point) for point in whole.tolist()}
        drawn = {tuple(point) for point in cloud.tolist()}
        assert len(drawn) == 100
        assert drawn <= known
    again = data.clouds(100, np.random.default_rng(0))
    assert np.array_equal(again.points, fewer.points)
    with pytest.raises(ValueError, match=r"1\.\.1024, got 1025"):
        data.clouds(1025, np.random.default_rng(0))


def test_meshes_are_listed_and_sampled(tmp_path):
    archive = read_modelnet_archive(paths_of("synthetic", "modelnet10", "off-meshes", tmp_path))
    assert archive.class_names == ("bathtub", "bed")
    assert [member.rpartition("/")[2] for member in archive.members] == [
        "bathtub_0001.off",
        "bed_0007.off",
        "bed_0002.off",
    ]
    assert archive.labels.tolist() == [0, 1, 1]
    assert archive.test.tolist() == [False, True, False]
    glued, plain = archive.mesh(0), archive.mesh(1)
    assert np.array_equal(glued.vertices, plain.vertices)
    assert np.array_equal(glued.faces, plain.faces)
    data = archive.clouds(4000, np.random.default_rng(0))
    assert data.points.shape == (3, 4000, 3)
    assert data.names == ("bathtub_0001", "bed_0007", "bed_0002")
    np.testing.assert_allclose(data.scale, [1, 1, 2], rtol=0.01)
    np.testing.assert_allclose(data.center[2], [2, 1, 0], atol=0.01)
    np.testing.assert_allclose(np.abs(data.points).max(axis=(1, 2)), 1.0, atol=1e-6)
    only = archive.clouds(5, np.random.default_rng(0), indices=[2])
    assert only.names == ("bed_0002",)


def test_surface_samples_are_uniform_by_area(tmp_path):
    archive = read_modelnet_archive(paths_of("synthetic", "modelnet10", "off-meshes", tmp_path))
    # The rectangle [0, 4] x [0, 2], two triangles: uniform in each coordinate.
    points = archive.mesh(2).sample(20_000, np.random.default_rng(1))
    assert kstest(points[:, 0] / 4, "uniform").pvalue > 1e-3
    assert kstest(points[:, 1] / 2, "uniform").pvalue > 1e-3
    assert (points[:, 2] == 0).all()
    # Areas 1 : 9 in the same plane.
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [10, 0, 0], [13, 0, 0], [10, 3, 0.0]])
    mesh = Mesh(corners, np.array([[0, 1, 2], [3, 4, 5]]))
    far = mesh.sample(20_000, np.random.default_rng(1))[:, 0] > 5
    assert far.mean() == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected the keyword OFF"),
        ("PLY\n1 2 3\n", "line 1: expected the keyword OFF"),
        (f"{TETRAHEDRON}", "line 1: expected the keyword OFF"),
        ("OFF\n", "line 1: the counts are missing"),
        ("OFF\nfour 4 0\n", "line 2: expected numbers of vertices"),
        ("OFF9 9 0\n0 0 0\n", "line 2: 9 vertices and 9 faces announced, 1 lines found"),
        (f"OFF\n{TETRAHEDRON}".replace("0 2 0\n", "0 x 0\n"), "line 5: expected x y z"),
        (f"OFF\n{TETRAHEDRON}".replace("0 2 0\n", "0 nan 0\n"), "line 5: expected x y z"),
        (f"OFF\n{TETRAHEDRON}".replace("3 0 1 3", "3 0 1 4"), "line 8: .* indices below 4"),
        (f"OFF\n# c\n\n{TETRAHEDRON}".replace("3 0 1 3", "2 0 1"), "line 10: expected a corner"),
        (f"OFF\n{TETRAHEDRON}".replace("3 1 2 3", "3 1 -2 3"), "line 10: expected a corner"),
    ],
)
def test_malformed_mesh_is_refused_with_its_line(content, message):
    with pytest.raises(MalformedFileError, match=rf"chair\.off: {message}"):
        parse_off(content.encode(), "chair.off")


@pytest.mark.parametrize(
    "unusual",
    ["OFF # by hand\n{body}", "OFF\n\n{body}", "OFF {body}", "OFF\n{body}\n\n", "\nOFF\n{body}"],
)
def test_unusual_writings_of_a_mesh_are_the_same_mesh(unusual):
    rng = np.random.default_rng(0)
    vertices, faces = rng.normal(size=(9, 3)), rng.integers(0, 9, (12, 3))
    rows = [" ".join(map(repr, row)) for row in vertices.tolist()]
    rows += [" ".join(map(str, [3, *row])) for row in faces.tolist()]
    body = "\n".join(["9 12 0", *rows])
    for text in (f"OFF\n{body}\n", unusual.format(body=body)):
        mesh = parse_off(text.encode(), "chair.off")
        assert np.array_equal(mesh.vertices, vertices)
        assert np.array_equal(mesh.faces, faces)


def test_malformed_shape_files_are_refused(tmp_path):
    name = "ModelNet10.zip"
    with pytest.raises(MalformedFileError, match="no <class>/<split>/<name>"):
        read_modelnet_archive(write_all(tmp_path, {name: zipped({"a.off": b"OFF"})}))
    flat = b"OFF\n3 1 0\n0 0 0\n1 1 1\n2 2 2\n3 0 1 2\n"
    paths = write_all(tmp_path, {name: zipped({"ModelNet10/bed/test/bed_1.off": flat})})
    with pytest.raises(MalformedFileError, match=r"bed_1\.off: faces: the surface has no area"):
        read_modelnet_archive(paths).mesh(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((4, 8, 3))}, r"points: expected int16 \(n, m, 3\), got float64"),
        ({"scale": np.zeros(3)}, r"scale: expected \(4,\), got \(3,\)"),
        ({"label": np.array([0, 0, 1, 9])}, "label row 3: no class 9"),
        ({"split": None}, r"members: missing arrays \['split'\]"),
    ],
)
def test_malformed_clouds_are_refused(tmp_path, change, message):
    arrays = {k: v for k, v in {**modelnet_arrays(), **change}.items() if v is not None}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    paths = write_all(tmp_path, {"clouds.npz": buffer.getvalue()})
    with pytest.raises(MalformedFileError, match=rf"clouds\.npz: {message}"):
        read_modelnet_clouds(paths)
    with pytest.raises(MalformedFileError, match=r"clouds\.npz: file: not an"):
        read_modelnet_clouds(write_all(tmp_path, {"clouds.npz": buffer.getvalue()[:-50]}))


def test_miniboone_has_the_standard_split_and_scale(tmp_path):
    splits = read_miniboone(paths_of("synthetic", "miniboone", "npy", tmp_path))
    data = miniboone_array()
    assert (len(splits.train), len(splits.val), len(splits.test)) == (193, 21, 23)
    together = np.concatenate([splits.train, splits.val])
    np.testing.assert_allclose(together.mean(0), 0, atol=1e-10)
    np.testing.assert_allclose(together.std(0), 1, rtol=1e-10)
    raw = splits.raw(np.concatenate([together, splits.test]))
    np.testing.assert_allclose(raw, data, rtol=1e-9, atol=1e-9)
    archive = read_miniboone_archive(paths_of("synthetic", "miniboone", "maf-archive", tmp_path))
    assert np.array_equal(archive.train, splits.train)


def test_miniboone_of_published_size_has_the_published_split(tmp_path):
    array = np.random.default_rng(0).normal(size=(36_488, 43)).astype(np.float32)
    splits = read_miniboone(write_all(tmp_path, {"data.npy": npy(array)}))
    assert (len(splits.train), len(splits.val), len(splits.test)) == (29_556, 3_284, 3_648)


def spoilt(row: int, column: int, value: float) -> np.ndarray:
    array = miniboone_array()
    array[row, column] = value
    return array


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"plain", r"byte 0: not an \.npy array"),
        (b"", r"byte 0: not an \.npy array"),
        (npy(np.zeros((50, 42))), r"header: expected floats \(n, 43\), got float64 \(50, 42\)"),
        (npy(np.zeros((50, 43), int)), "header: expected floats"),
        (npy(miniboone_array()[:9]), "header: 9 rows are too few"),
        (npy(spoilt(17, 3, np.nan)), "row 17: a number is not finite"),
        (npy(miniboone_array() * (np.arange(43) != 5)), "column 5: the column is constant"),
    ],
)
def test_malformed_miniboone_is_refused(tmp_path, content, message):
    with pytest.raises(MalformedFileError, match=rf"data\.npy: {message}"):
        read_miniboone(write_all(tmp_path, {"data.npy": content}))


def test_archive_without_miniboone_is_refused(tmp_path):
    paths = write_all(tmp_path, {"data.tar.gz": tar_gz({"data/power/data.npy": b""})})
    with pytest.raises(MalformedFileError, match="is not in the archive"):
        read_miniboone_archive(paths)


def test_keystrokes_are_numbers_of_either_sign(tmp_path):
    data = read_keystrokes(paths_of("synthetic", "keystrokes", "inter-stroke-times", tmp_path))
    assert data.milliseconds.tolist() == [120.0, -35.5, 800.0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1\n2\n3,4\n", "line 3: expected a number, got '3,4'"),
        (b"1\n\xff\n", "line 2: expected a number"),
        (b"1\nnan\n", "line 2: expected a number, got 'nan'"),
        (b"\n\n", "line 1: the file holds no number"),
    ],
)
def test_malformed_keystrokes_are_refused_with_the_line(tmp_path, content, message):
    with pytest.raises(MalformedFileError, match=rf"times\.txt: {message}"):
        read_keystrokes(write_all(tmp_path, {"times.txt": content}))
