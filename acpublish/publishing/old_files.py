"""The files of a folder from before acpublish, and what each of them is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from acpublish.errors import ImageError, NotAnImageError, SettingsError, reason_of
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import ImportOptions
from acpublish.release import names
from acpublish.release.filenames import Named
from acpublish.release.names import ImageKind
from acpublish.release.version import Version

__all__ = ["OldFile", "old_files"]

_SUFFIX = ".bin"
#: ESP-IDF gives a project without a version "1" (``project.cmake``): a version has two numbers.
_TWO_NUMBERS = re.compile(r"[0-9]+\.[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """A file, and what is known of it; each None means not known.

    Attributes:
        name: Its name, with the folders below the imported one and ``/`` between them.
        path: Where it is.
        image: What its bytes are.
        product: The product.
        version: The version.
        board: The board, as it is written.
        error: Why it cannot be read.
    """

    name: str
    path: Path
    image: Image | None = None
    product: str | None = None
    version: Version | None = None
    board: str | None = None
    error: ImageError | None = None

    @property
    def kind(self) -> ImageKind:
        """The kind that it is published as."""
        filesystem = self.image is not None and self.image.kind is Kind.FILESYSTEM
        return "filesystem" if filesystem else "firmware"

    @property
    def chip(self) -> str | None:
        """The chip that it is for, if the image says."""
        return self.image.chip if self.image else None


def old_files(directory: Path, options: ImportOptions) -> tuple[OldFile, ...]:
    """Returns the .bin files of a folder, the oldest version of each product first.

    Raises:
        SettingsError: There are no such files, or the folder cannot be read.
    """
    try:
        paths = sorted(directory.glob("/".join(["*"] * (options.pattern.depth + 1))))
        files = [path for path in paths if _is_wanted(path, directory)]
        if not files and not directory.is_dir():
            raise NotADirectoryError(0, "there is no such folder")
    except OSError as error:
        raise SettingsError(
            f"{directory} cannot be read: {reason_of(error)}",
            hint="Use the folder of the old .bin files.",
        ) from error
    if not files:
        raise SettingsError(
            f"there are no {_SUFFIX} files in {directory.resolve()}",
            hint="Use the folder of the old .bin files; --pattern '{product}/{version}.bin' looks "
            "into the folders below it.",
        )
    return tuple(sorted((_identified(path, directory, options) for path in files), key=_order))


def _is_wanted(path: Path, directory: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
    return path.suffix.lower() == _SUFFIX and not hidden and not path.is_dir()


def _identified(path: Path, directory: Path, options: ImportOptions) -> OldFile:
    name = path.relative_to(directory).as_posix()
    named = options.pattern.read(name) or Named()
    if not path.is_file():
        broken = NotAnImageError(
            "it is not a readable file, or it is a broken link",
            hint="Remove it from the folder, or replace it with the image.",
        )
        return OldFile(name=name, path=path, error=broken)
    try:
        image = read(read_file(path))
    except ImageError as error:
        return OldFile(name=name, path=path, error=error)
    product = image.stamp.product if image.stamp else named.product
    board = options.board or (named.board and named.board.lower())
    return OldFile(
        name=name,
        path=path,
        image=image,
        product=options.product or (product and names.product_from(product)),
        version=_version(image, named),
        board=board,
    )


def _version(image: Image, named: Named) -> Version | None:
    if image.stamp and _TWO_NUMBERS.search(image.stamp.version):
        stamped = Version.guess(image.stamp.version)
        if stamped is not None:
            return stamped
    return Version.guess(named.version) if named.version else None


def _order(file: OldFile) -> tuple[object, ...]:
    precedence = file.version.precedence if file.version else (0,)
    build = file.version.build if file.version else ""
    # By SemVer, build metadata orders nothing; in many old schemes it is a fourth number.
    numbers = tuple(int(part) if part.isdigit() else 0 for part in build.split("."))
    return (file.version is None, file.product or "", precedence, numbers, build, file.name)
