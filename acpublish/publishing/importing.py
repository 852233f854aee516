"""Brings old images in: a folder of files becomes releases, each with the very bytes that it has.

An old image is never stamped: devices run it as it is, and its digest is what they are known by.

1. What an image is comes from the options, then from what the image says of itself, then from the
   file's name.
2. The oldest version comes first, so that a channel points at the newest afterwards.
3. What is older than what the channel points at already goes to a channel of its own, ``archive``:
   no device is offered it, and those that run it are recognised.
4. All files are tried before the first one is published; what cannot be imported is left out.
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

__all__ = ["ARCHIVE", "Imported", "carry_out", "plan_import"]

#: Where images go that are older than what is offered.
ARCHIVE = ChannelName("archive")
_REASON = "imported as it was built, so that devices which run it are recognised"
#: What is wrong with one file; any other error is about the catalog or the way to it.
_FAULTS = (ImageError, VersionError, BadNameError, SettingsError, CheckError, ConflictError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A file, and what becomes of it.

    Attributes:
        file: What it is.
        publication: What it came to, or would come to; None where it cannot be imported.
        fault: Why it cannot be imported.
        options: How it is published; None where it cannot be.
    """

    file: OldFile
    publication: Publication | None = None
    fault: AcpublishError | None = None
    options: PublishOptions | None = None


def plan_import(directory: Path, options: ImportOptions, catalog: Catalog) -> tuple[Imported, ...]:
    """Finds out what importing a folder would come to; nothing is written.

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
    """Publishes what can be imported, one after the other, and returns each when it is done.

    What was published stays when one cannot be; doing all of it again completes it.

    Raises:
        AcpublishError: An image cannot be published, though the plan said so; its file is named.
    """
    for one in plan:
        if one.options is None:
            continue
        try:
            publication = _published(one.file, one.options, catalog)
        except AcpublishError as fault:
            raise type(fault)(f"{one.file.name}: {fault.problem}", hint=fault.hint) from fault
        yield replace(one, publication=publication)


def _rehearsed(file: OldFile, options: ImportOptions, rehearsal: Rehearsal) -> Imported:
    if file.fault:
        return Imported(file=file, fault=file.fault)
    try:
        wanted = _options(file, options, rehearsal)
        publication = _published(file, wanted, rehearsal)
    except _FAULTS as fault:
        return Imported(file=file, fault=fault)
    return Imported(file=file, options=wanted, publication=replace(publication, dry_run=True))


def _published(file: OldFile, options: PublishOptions, catalog: Catalog) -> Publication:
    source = resolve(options.version, file.path.parent)
    return publish_image(read_file(file.path), options, source, catalog)


def _options(file: OldFile, options: ImportOptions, catalog: Catalog) -> PublishOptions:
    if file.product is None or file.version is None or file.board is None:
        raise _missing(file)
    product, board = names.product(file.product), names.board(file.board)
    stamp = file.image.stamp if file.image else None
    stamped = stamp == Stamp(product=product, version=str(file.version))
    skipped = (
        {} if stamped or file.image is None or not file.image.stampable else {"stamp": _REASON}
    )
    return PublishOptions(
        destination=options.destination,
        product=product,
        version=str(file.version),
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
    """Returns the channel on which an image is no step back for any device."""
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
        "Give --pattern, such as '{product}_v{version}_{board}.bin', or --product and --board for "
        "all files."
    )
    if file.version is None:
        hint += " A version can only stand in the name: rename the file."
    return SettingsError(f"neither the image nor its name tells {what}", hint=hint)
