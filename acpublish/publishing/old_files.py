"""The files of a folder from before acpublish, and what each of them is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acpublish.errors import (
    AcpublishError,
    ImageError,
    NotAnImageError,
    SettingsError,
    reason_of,
)
from acpublish.image.model import Image
from acpublish.image.reader import read
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import ImportOptions
from acpublish.release.filenames import SUFFIXES, Named, hardware_in
from acpublish.release.identifying import Identified, identified, unpacked
from acpublish.release.version import Version

_NOTHING = Identified()


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """A file, and what is known of it.

    Attributes:
        name: Its name, with the folders below the imported one and ``/`` between them.
        path: Where it is.
        image: What its bytes are; for a gzip, those of the image in it. None if that is not known.
        known: What is known of the image.
        error: Why it cannot be imported.
    """

    name: str
    path: Path
    image: Image | None = None
    known: Identified = _NOTHING
    error: AcpublishError | None = None

    @property
    def chip(self) -> str | None:
        """The chip that it is for, if the image says."""
        return self.image.chip if self.image else None


def old_files(directory: Path, options: ImportOptions) -> tuple[OldFile, ...]:
    """Returns the images of a folder, the oldest version of each product first.

    Raises:
        SettingsError: There are no such files, or the folder cannot be read.
    """
    try:
        paths = sorted(directory.glob("/".join(["*"] * (options.pattern.depth + 1))))
        found = [path for path in paths if _is_wanted(path, directory)]
        if not found and not directory.is_dir():
            why = "it is not a folder" if directory.exists() else "there is no such folder"
            raise NotADirectoryError(0, why)
    except OSError as error:
        raise SettingsError(
            f"{directory} cannot be read: {reason_of(error)}",
            hint="Use the folder of the old .bin files.",
        ) from error
    if not found:
        raise SettingsError(
            f"there are no {SUFFIXES[0]} files in {directory.resolve()}",
            hint="Use the folder of the old .bin files; --pattern '{product}/{version}.bin' looks "
            "into the folders below it.",
        )
    files = [_identified(path, directory, options) for path in found]
    if options.board:
        files = _one_hardware(files)
    return tuple(sorted(files, key=_order))


def read_old_file(path: Path) -> bytes:
    """Returns the bytes of a file; of a gzip, those in it, because devices report their digest.

    Raises:
        NotAnImageError: It cannot be read, or is larger than any flash chip.
    """
    return unpacked(read_file(path))


def version_order(version: Version) -> tuple[object, ...]:
    """Returns the key that orders versions, a fourth number included.

    By SemVer, build metadata orders nothing; in many old schemes it is a fourth number.
    """
    numbers = tuple(int(part) if part.isdigit() else 0 for part in version.build.split("."))
    return (version.precedence, numbers, version.build)


def _is_wanted(path: Path, directory: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
    return path.name.lower().endswith(SUFFIXES) and not hidden and not path.is_dir()


def _identified(path: Path, directory: Path, options: ImportOptions) -> OldFile:
    name = path.relative_to(directory).as_posix()
    if not path.is_file():
        broken = NotAnImageError(
            "it is not a readable file, or it is a broken link",
            hint="Remove it from the folder, or replace it with the image.",
        )
        return OldFile(name=name, path=path, error=broken)
    try:
        image = read(read_old_file(path))
    except ImageError as error:
        return OldFile(name=name, path=path, error=error)
    known = Named(product=options.product, board=options.board)
    found = identified(image, name, known, options.pattern)
    return OldFile(name=name, path=path, image=image, known=found)


def _one_hardware(files: Sequence[OldFile]) -> list[OldFile]:
    """Leaves out files that ``--board`` would mix, although their names tell hardware apart."""
    hardware: dict[tuple[str | None, str], set[str]] = {}
    for file in files:
        if version := hardware_in(file.name):
            hardware.setdefault((file.known.product, file.known.kind), set()).add(version)
    return [
        replace(file, error=_mixed(versions))
        if len(versions := hardware.get((file.known.product, file.known.kind), set())) > 1
        else file
        for file in files
    ]


def _mixed(hardware: Collection[str]) -> SettingsError:
    return SettingsError(
        f"the files of this product are for different hardware ({', '.join(sorted(hardware))}), "
        "but --board names one board for all of them",
        hint="Leave out --board, so that each gets the board in its name, or import each "
        "hardware's files from a folder of their own.",
    )


def _order(file: OldFile) -> tuple[object, ...]:
    order = version_order(file.known.version) if file.known.version else ()
    return (file.known.version is None, file.known.product or "", order, file.name)
