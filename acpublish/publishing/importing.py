"""Imports old images: a folder of files becomes releases, each with exactly the bytes of its file.

An old image is never stamped: devices run it as it is, and are recognised by its digest.

1. What an image is comes from the options, then from the image itself, then from the file's name.
2. The oldest version comes first, so that a channel points at the newest afterwards.
3. An image that is older than the one that the channel points at goes to a separate channel,
   ``archive``: it is not offered to any device, but the devices that run it are recognised.
4. All files are tried before the first one is published; those that cannot be imported are left
   out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acpublish.errors import (
    AcpublishError,
    BadNameError,
    CheckError,
    ConflictError,
    ImageError,
    SettingsError,
    VersionError,
)
from acpublish.image.model import Stamp
from acpublish.publishing.destinations import Catalog
from acpublish.publishing.image_files import read_file
from acpublish.publishing.old_files import OldFile, old_files
from acpublish.publishing.options import ImportOptions, PublishOptions
from acpublish.publishing.publish import publish_image
from acpublish.publishing.rehearsal import Rehearsal
from acpublish.publishing.result import Publication
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.decision import choose
from acpublish.release.manifest import Release
from acpublish.release.names import BoardName, ChannelName
from acpublish.release.text import text_fault

__all__ = ["ARCHIVE", "Imported", "carry_out", "plan_import"]

#: Where images go that are older than the one that is offered.
ARCHIVE = ChannelName("archive")
_REASON = "imported as it was built, so that devices that run it are recognised"
#: Errors of a single file; any other error is about the catalog or the connection to it.
_FILE_ERRORS = (ImageError, VersionError, BadNameError, SettingsError, CheckError, ConflictError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A file, and what becomes of it.

    Attributes:
        file: The file.
        publication: What it came to, or would come to; None if it cannot be imported.
        error: Why it cannot be imported.
        options: How it is published; None if it cannot be.
    """

    file: OldFile
    publication: Publication | None = None
    error: AcpublishError | None = None
    options: PublishOptions | None = None


def plan_import(directory: Path, options: ImportOptions, catalog: Catalog) -> tuple[Imported, ...]:
    """Returns what importing a folder would come to; nothing is written.

    Args:
        directory: Where the files are.
        options: Where they are to go, and what is known of all of them.
        catalog: The same, opened.

    Returns:
        Every file, in the order of publishing.

    Raises:
        AcpublishError: There are no files, or the catalog cannot be read.
    """
    rehearsal = Rehearsal(catalog)
    files = old_files(directory, options)
    return tuple(_rehearsed(file, options, rehearsal) for file in files)


def carry_out(plan: Iterable[Imported], catalog: Catalog) -> Iterator[Imported]:
    """Publishes the files that can be imported, one after the other, and yields each when done.

    If one cannot be published, those before it are kept; running the import again completes it.

    Raises:
        AcpublishError: An image of the plan cannot be published after all; its file is named.
    """
    for entry in plan:
        if entry.options is None:
            continue
        try:
            publication = _published(entry.file, entry.options, catalog)
        except AcpublishError as error:
            raise type(error)(f"{entry.file.name}: {error.problem}", hint=error.hint) from error
        yield replace(entry, publication=publication)


def _rehearsed(file: OldFile, options: ImportOptions, rehearsal: Rehearsal) -> Imported:
    if file.error:
        return Imported(file=file, error=file.error)
    try:
        publish_options = _options(file, options, rehearsal)
        publication = _published(file, publish_options, rehearsal)
    except _FILE_ERRORS as error:
        return Imported(file=file, error=error)
    publication = replace(publication, dry_run=True)
    return Imported(file=file, options=publish_options, publication=publication)


def _published(file: OldFile, options: PublishOptions, catalog: Catalog) -> Publication:
    source = resolve(options.version_source, file.path.parent)
    return publish_image(read_file(file.path), options, source, catalog)


def _options(file: OldFile, options: ImportOptions, catalog: Catalog) -> PublishOptions:
    if file.product is None or file.version is None or file.board is None:
        raise _missing(file)
    fault = text_fault(file.name)
    if fault:
        raise SettingsError(
            f"the name of the file, which is stored with the release, {fault}",
            hint="Rename the file, with short names in UTF-8.",
        )
    product, board = names.product(file.product), names.board(file.board)
    stamp = file.image.stamp if file.image else None
    stamped = stamp == Stamp(product=product, version=str(file.version))
    skipped = (
        {} if stamped or file.image is None or not file.image.stampable else {"stamp": _REASON}
    )
    return PublishOptions(
        destination=options.destination,
        product=product,
        version_source=str(file.version),
        board=board,
        channel=options.channel or _channel(file, board, catalog.releases(product)),
        kind=file.kind,
        provenance={"imported_from": file.name},
        secrets=options.secrets,
        secret_values=options.secret_values,
        skipped_checks={**options.skipped_checks, **skipped},
        signing_key=options.signing_key,
        stamp=False,
    )


def _channel(file: OldFile, board: BoardName, releases: Sequence[Release]) -> ChannelName:
    """Returns the channel on which an image is not a downgrade for any device."""
    target = choose(releases, board, names.STABLE, file.kind)
    if target is None or file.version is None:
        return names.STABLE
    for release in releases:
        image = release.image_for(board, file.kind)
        if release.version == file.version and image and names.STABLE in image.channels:
            return names.STABLE
    older = file.version.precedence < target.release.version.precedence
    return ARCHIVE if older else names.STABLE


def _missing(file: OldFile) -> SettingsError:
    known = {"product": file.product, "version": file.version, "board": file.board}
    missing = [name for name, value in known.items() if value is None]
    what = f"the {missing[0]}" if len(missing) == 1 else " and ".join(missing)
    hint = (
        "Use --pattern, such as '{product}_v{version}_{board}.bin', or --product and --board for "
        "all files."
    )
    if file.version is None:
        hint += " The version must be in the file's name: rename the file."
    return SettingsError(f"neither the image nor its file name contains {what}", hint=hint)
