"""Registry entries of the data sets of images, shapes and numbers."""

from __future__ import annotations

from mfglab.datasets.readers import clouds, images, tables
from mfglab.datasets.remote import RemoteDataset, RemoteFile, Variant


def _mnist_file(name: str, sha256: str, size: int, *mirrors: str) -> RemoteFile:
    hosts = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        *mirrors,
    )
    return RemoteFile(name, sha256, size, tuple(host + name for host in hosts))


_MILA = "https://github.com/datasets-mila/datasets--mnist/raw/7ec3e57/"

MNIST = RemoteDataset(
    name="mnist",
    title="MNIST handwritten digits, 60,000 + 10,000 images of 28 x 28",
    licence="CC BY-SA 3.0",
    citation="Y. LeCun, C. Cortes, C. J. C. Burges, The MNIST database, 1998",
    variants=(
        Variant(
            "idx",
            (
                _mnist_file(
                    "train-images-idx3-ubyte.gz",
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    9_912_422,
                ),
                _mnist_file(
                    "train-labels-idx1-ubyte.gz",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    28_881,
                    _MILA,
                ),
                _mnist_file(
                    "t10k-images-idx3-ubyte.gz",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    1_648_877,
                    "https://github.com/pmallari/MNIST/raw/cffbed2/",
                ),
                _mnist_file(
                    "t10k-labels-idx1-ubyte.gz",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                    4_542,
                    _MILA,
                ),
            ),
            images.read_mnist,
        ),
    ),
)

MODELNET10 = RemoteDataset(
    name="modelnet10",
    title="ModelNet10: 4,899 CAD models of 10 classes",
    licence="academic use; copyright of the models with their makers",
    citation="Z. Wu et al., 3D ShapeNets: a deep representation for volumetric shapes, CVPR 2015",
    variants=(
        Variant(
            "off-meshes",
            (
                RemoteFile(
                    "ModelNet10.zip",
                    "9d8679435fc07d1d26f13009878db164a7aa8ea5e7ea3c8880e42794b7307d51",
                    None,
                    (
                        "http://3dvision.princeton.edu/projects/2014/3DShapeNets/ModelNet10.zip",
                        "https://3dshapenets.cs.princeton.edu/ModelNet10.zip",
                    ),
                ),
            ),
            clouds.read_modelnet_archive,
        ),
        Variant(
            "clouds-1024",
            (
                RemoteFile(
                    "modelnet10_pcd1024_int16.npz",
                    "81a4adb8ed57750418e2a1108074ce2ef31eccb286f568d1ba91d59132be3a3b",
                    28_885_467,
                    (),
                ),
            ),
            clouds.read_modelnet_clouds,
        ),
    ),
)

MODELNET40 = RemoteDataset(
    name="modelnet40",
    title="ModelNet40: 12,311 CAD models of 40 classes",
    licence=MODELNET10.licence,
    citation=MODELNET10.citation,
    variants=(
        Variant(
            "off-meshes",
            (
                RemoteFile(
                    "ModelNet40.zip",
                    "42dc3e656932e387f554e25a4eb2cc0e1a1bd3ab54606e2a9eae444c60e536ac",
                    None,
                    (
                        "http://modelnet.cs.princeton.edu/ModelNet40.zip",
                        "https://modelnet.cs.princeton.edu/ModelNet40.zip",
                    ),
                ),
            ),
            clouds.read_modelnet_archive,
        ),
    ),
)

CATS_VS_DOGS = RemoteDataset(
    name="cats-vs-dogs",
    title="Cats and dogs (Asirra): 25,000 photographs; the alternative has 2,400 of them",
    licence="research and competition use; not for redistribution without a check",
    citation="J. Elson et al., Asirra: a CAPTCHA that exploits image categorization, CCS 2007",
    variants=(
        Variant(
            "microsoft",
            (
                RemoteFile(
                    "kagglecatsanddogs_5340.zip",
                    "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
                    824_887_076,
                    (
                        "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip",
                    ),
                ),
            ),
            images.read_pets,
        ),
        Variant(
            "200px-2400",
            (
                RemoteFile(
                    "cats_dogs_200px_2400.zip",
                    "bde1316193fe2353f1c8f1ab9e200d5b650c858f7b2c6bca778866b04c35bb7f",
                    19_503_235,
                    (),
                ),
            ),
            images.read_pets,
        ),
    ),
)

MINIBOONE = RemoteDataset(
    name="miniboone",
    title="MiniBooNE particle identification, preprocessed: 36,488 rows of 43 numbers",
    licence="CC BY 4.0 (raw data: UCI, B. Roe; preprocessing: Papamakarios et al.)",
    citation="G. Papamakarios et al., Masked autoregressive flow for density estimation, 2017",
    variants=(
        Variant(
            "npy",
            (
                RemoteFile(
                    "data.npy",
                    None,
                    12_551_952,
                    (
                        "https://github.com/EmoryMLIP/OT-Flow/raw/master/data/miniboone/data.npy",
                        "https://raw.githubusercontent.com/EmoryMLIP/OT-Flow/master/data/miniboone/data.npy",
                    ),
                ),
            ),
            tables.read_miniboone,
        ),
        Variant(
            "maf-archive",
            (
                RemoteFile(
                    "data.tar.gz",
                    None,
                    None,
                    ("https://zenodo.org/record/1161203/files/data.tar.gz",),
                    md5="9b9c9b0375315ad270eba4ce80c093ab",
                ),
            ),
            tables.read_miniboone_archive,
        ),
    ),
)

_STROKES = "https://github.com/HyeminGu/Proximal_generative_models/raw/"

KEYSTROKES = RemoteDataset(
    name="keystrokes",
    title="Times between keystrokes, milliseconds, derived from the 136M keystrokes study",
    licence="free for research, citation wanted",
    citation="V. Dhakal et al., Observations on typing from 136 million keystrokes, CHI 2018",
    variants=(
        Variant(
            "inter-stroke-times",
            (
                RemoteFile(
                    "inter_stroke_time.txt",
                    None,
                    None,
                    (
                        _STROKES + "main/pn4874/inter_stroke_time.txt",
                        _STROKES + "5140754/pn4874/inter_stroke_time.txt",
                    ),
                ),
            ),
            tables.read_keystrokes,
        ),
    ),
)
