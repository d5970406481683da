"""What is known of a published data set: files, addresses, digests, terms and reader.

A data set has a canonical variant, the files as their authors publish them, and possibly
alternatives with the same content (or the stated part of it) in other files. Digests are of the
published files; where none was found the field is empty and the download says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Reader = Callable[[Mapping[str, Path]], object]
"""From file name -> path, for all files of a variant, to a frozen dataclass of arrays or texts."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Args:
        filename: Name in the data folder.
        sha256: Digest of the content, 64 hexadecimal digits; none when not known.
        size: Bytes; none when not known.
        urls: Addresses in the order to try, the canonical one first; empty for a file that only
            a local mirror has.
        md5: Published digest of the older kind, used where ``sha256`` is none.

    Raises:
        ValueError: A digest of the wrong form or a file name with a folder in it.
    """

    filename: str
    sha256: str | None
    size: int | None
    urls: tuple[str, ...]
    md5: str | None = None

    def __post_init__(self) -> None:
        if self.filename != Path(self.filename).name:
            raise ValueError(f"a file name without folder is needed, got {self.filename!r}")
        for name, value, digits in (("sha256", self.sha256, 64), ("md5", self.md5, 32)):
            if value is not None and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
                raise ValueError(
                    f"{self.filename}: {name} needs {digits} lower-case hexadecimal digits, "
                    f"got {value!r}"
                )

    @property
    def digest(self) -> tuple[str, str] | None:
        """Algorithm and digest that the content must have; none when not known."""
        if self.sha256 is not None:
            return "sha256", self.sha256
        return ("md5", self.md5) if self.md5 is not None else None


@dataclass(frozen=True)
class Variant:
    """One form in which a data set is published.

    Args:
        name: Name of the form.
        files: All files that it takes.
        reader: Reads them.
        recipe: How the files are made, where no address has them.
    """

    name: str
    files: tuple[RemoteFile, ...]
    reader: Reader
    recipe: str = ""


@dataclass(frozen=True)
class RemoteDataset:
    """A data set that has to be downloaded.

    Args:
        name: Key in the registry and name of its folder.
        title: Full name.
        licence: Terms of use as published; to be checked before redistributing.
        citation: Authors, title, year.
        variants: The canonical form first, then the alternatives.
    """

    name: str
    title: str
    licence: str
    citation: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class FetchedDataset:
    """A data set whose files are all at hand and verified.

    Args:
        name: Name in the registry.
        variant: The form that was found.
        paths: Path of each file of the variant, by file name.
    """

    name: str
    variant: Variant
    paths: Mapping[str, Path]

    def read(self) -> object:
        """What the variant's reader makes of the files: a frozen dataclass.

        Raises:
            MalformedFileError: A file is not what its format says.
        """
        return self.variant.reader(self.paths)
