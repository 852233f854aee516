"""The files of a folder from before acpublish, and what each says that it is."""

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
#: ESP-IDF calls a project that nobody gave a version "1" (``project.cmake``): two numbers are one.
_TWO_NUMBERS = re.compile(r"[0-9]+\.[0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """A file, and what is known of it; each None is not known.

    Attributes:
        name: Its name, with the folders below the one that is imported and ``/`` between them.
        path: Where it is.
        image: What its bytes say.
        product: The product.
        version: The version.
        board: The board, as it is written.
        fault: Why it cannot be read.
    """

    name: str
    path: Path
    image: Image | None = None
    product: str | None = None
    version: Version | None = None
    board: str | None = None
    fault: ImageError | None = None

    @property
    def kind(self) -> ImageKind:
        """As what it is published."""
        filesystem = self.image is not None and self.image.kind is Kind.FILESYSTEM
        return "filesystem" if filesystem else "firmware"

    @property
    def chip(self) -> str | None:
        """The chip that it is for, as far as it tells."""
        return self.image.chip if self.image else None


def old_files(directory: Path, options: ImportOptions) -> tuple[OldFile, ...]:
    """Returns the .bin files of a folder, the oldest version of each product first.

    Raises:
        SettingsError: There are none, or the folder cannot be read.
    """
    try:
        paths = sorted(directory.glob("/".join(["*"] * (options.pattern.depth + 1))))
        found = [path for path in paths if _is_wanted(path, directory)]
        if not found and not directory.is_dir():
            raise NotADirectoryError(0, "there is no such folder")
    except OSError as fault:
        raise SettingsError(
            f"{directory} cannot be read: {reason_of(fault)}",
            hint="Give the folder of the old .bin files.",
        ) from fault
    if not found:
        raise SettingsError(
            f"there are no {_SUFFIX} files in {directory.resolve()}",
            hint="Give the folder of the old .bin files; --pattern '{product}/{version}.bin' looks "
            "into the folders below it.",
        )
    return tuple(sorted((_identified(path, directory, options) for path in found), key=_order))


def _is_wanted(path: Path, directory: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
    return path.suffix.lower() == _SUFFIX and not hidden and not path.is_dir()


def _identified(path: Path, directory: Path, options: ImportOptions) -> OldFile:
    name = path.relative_to(directory).as_posix()
    named = options.pattern.read(name) or Named()
    if not path.is_file():
        fault = NotAnImageError(
            "it is no file that can be read, or a link to one that is gone",
            hint="Take it out of the folder, or put the image in its place.",
        )
        return OldFile(name=name, path=path, fault=fault)
    try:
        image = read(read_file(path))
    except ImageError as fault:
        return OldFile(name=name, path=path, fault=fault)
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
    # Build metadata orders nothing by SemVer; here it is the fourth number of many a scheme.
    numbers = tuple(int(part) if part.isdigit() else 0 for part in build.split("."))
    return (file.version is None, file.product or "", precedence, numbers, build, file.name)
