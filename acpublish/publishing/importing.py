"""Imports old images: a folder of files becomes releases, each with exactly the bytes of its file.

An old image is never stamped: devices run it as it is, and are recognised by its digest.

1. What an image is comes from the options, then from the image itself, then from the file's name.
2. The oldest version comes first, so that a channel points at the newest afterwards.
3. A pre-release goes to ``beta`` and a development build to ``dev``, so that no device that follows
   ``stable`` is moved to one.
4. An image that is older than the one that its channel points at goes to a separate channel,
   ``archive``: it is not offered to any device, but the devices that run it are recognised.
5. A file whose name can be read in several ways is left out until an option decides.
6. All files are tried before the first one is published; those that cannot be imported are left
   out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from acpublish.catalog.rehearsal import Catalog, Rehearsal
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
from acpublish.publishing.old_files import OldFile, old_files, read_old_file, version_order
from acpublish.publishing.options import ImportOptions, PublishOptions
from acpublish.publishing.publish import publish_image
from acpublish.publishing.result import Publication
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.decision import choose
from acpublish.release.filenames import Named, NamePattern, narrowed
from acpublish.release.manifest import Release
from acpublish.release.names import ChannelName, ImageKind, ProductName
from acpublish.release.text import text_fault
from acpublish.release.version import Version

#: Where images go that are older than the one that is offered.
ARCHIVE = ChannelName("archive")
#: Where pre-releases go.
BETA = ChannelName("beta")
#: The words in a pre-release that mark a build between releases.
_DEVELOPMENT = re.compile(
    r"(?:dev|devel|develop|development|nightly|daily|snapshot|canary|unstable|dirty|main|master)"
    r"(?![a-z])"
)
#: As many readings of a name as an error message lists.
_SHOWN_READINGS = 4
_EXAMPLE = "'{product}_v{version}_{board}.bin'"
#: The newest release of each product, board and kind.
_Newest = dict[tuple[str | None, str | None, ImageKind], Version]
_ARCHIVED = "imported to the archive, which no device is offered"
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
    newest = _newest_releases(files)
    return tuple(_rehearsed(file, options, rehearsal, newest) for file in files)


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
            error.problem = f"{entry.file.name}: {error.problem}"
            raise
        yield replace(entry, publication=publication)


def _rehearsed(
    file: OldFile, options: ImportOptions, rehearsal: Rehearsal, newest: _Newest
) -> Imported:
    if file.error:
        return Imported(file=file, error=file.error)
    try:
        publish_options = _options(file, options, rehearsal, newest)
        publication = _published(file, publish_options, rehearsal)
    except _FILE_ERRORS as error:
        return Imported(file=file, error=error)
    publication = replace(publication, dry_run=True)
    return Imported(file=file, options=publish_options, publication=publication)


def _published(file: OldFile, options: PublishOptions, catalog: Catalog) -> Publication:
    source = resolve(options.version_source, file.path.parent)
    return publish_image(read_old_file(file.path), options, source, catalog)


def _options(
    file: OldFile, options: ImportOptions, catalog: Catalog, newest: _Newest
) -> PublishOptions:
    if file.known.ambiguous:
        raise _ambiguous(file)
    if file.known.product is None or file.known.version is None or file.known.board is None:
        raise _missing(file, options.pattern)
    fault = text_fault(file.name)
    if fault:
        raise SettingsError(
            f"the name of the file, which is stored with the release, {fault}",
            hint="Rename the file: use a short name of printable UTF-8 characters.",
        )
    product, board = names.product(file.known.product), names.board(file.known.board)
    channel = _channel(
        file,
        catalog.releases(product),
        options.channel,
        newest.get((file.known.product, file.known.board, file.known.kind)),
    )
    return PublishOptions(
        destination=options.destination,
        product=product,
        version_source=str(file.known.version),
        board=board,
        channel=channel,
        kind=file.known.kind,
        provenance={"imported_from": file.name},
        secrets=options.secrets,
        secret_values=options.secret_values,
        skipped_checks={**options.skipped_checks, **_skipped(file, product, channel)},
        signing_key=options.signing_key,
        stamp=False,
    )


def _skipped(file: OldFile, product: ProductName, channel: ChannelName) -> dict[str, str]:
    """Returns the checks that do not apply to an old image, each with the reason."""
    skipped = {}
    stamp = Stamp(product=product, version=str(file.known.version))
    if file.image is not None and file.image.stampable and file.image.stamp != stamp:
        skipped["stamp"] = _REASON
    if channel == ARCHIVE:
        skipped["version-order"] = _ARCHIVED
    return skipped


def _newest_releases(files: Iterable[OldFile]) -> _Newest:
    """Returns the newest version of each product, board and kind that is not a pre-release."""
    newest: _Newest = {}
    for file in files:
        if file.known.version and not file.known.version.prerelease and not file.error:
            key = (file.known.product, file.known.board, file.known.kind)
            newest[key] = max(
                newest.get(key, file.known.version), file.known.version, key=version_order
            )
    return newest


def _channel(
    file: OldFile,
    releases: Sequence[Release],
    channel: ChannelName | None,
    newest: Version | None,
) -> ChannelName:
    """Returns the channel on which an image is not a downgrade for any device.

    Args:
        file: The image; its version and board are known.
        releases: What the catalog has of the product.
        channel: The channel that the user wants.
        newest: The newest release of the folder for the same board.
    """
    version, board = file.known.version, file.known.board or ""
    if version is None:
        return ARCHIVE
    wanted = channel or _usual_channel(version)
    # Earlier versions of acpublish imported pre-releases to ``stable`` as well.
    accepted = (wanted,) if channel else (wanted, names.STABLE)
    present = next((release for release in releases if release.version == version), None)
    image = present.image_for(board, file.known.kind) if present else None
    channels = (*image.channels, *image.rolling) if image else ()
    for name in accepted:
        if name in channels:
            return name
    # A pre-release of what has been released meanwhile must not be offered either.
    targets = [choose(releases, board, name, file.known.kind) for name in accepted]
    higher = [target.release.version for target in targets if target]
    if newest and wanted != names.STABLE and not channel:
        higher.append(newest)
    older = any(version_order(version) < version_order(other) for other in higher)
    if not older:
        return wanted
    return ChannelName(channels[0]) if channels else ARCHIVE


def _usual_channel(version: Version) -> ChannelName:
    if not version.prerelease:
        return names.STABLE
    parts = version.prerelease.split(".")
    return names.DEVELOPMENT if any(map(_DEVELOPMENT.match, parts)) else BETA


def _ambiguous(file: OldFile) -> SettingsError:
    shown = [str(reading) for reading in file.known.readings[:_SHOWN_READINGS]]
    if len(file.known.readings) > _SHOWN_READINGS:
        shown.append(f"{len(file.known.readings) - _SHOWN_READINGS} other ways")
    choices = [
        *(Named(product=reading.product) for reading in file.known.readings if reading.product),
        *(
            Named(board=reading.board)
            for reading in file.known.readings
            if names.is_name(reading.board or "")
        ),
    ]
    decisive = [choice for choice in choices if len(narrowed(file.known.readings, choice)) == 1]
    flags = [
        f"--product {choice.product}" if choice.product else f"--board {choice.board}"
        for choice in decisive[:2]
    ]
    hint = f"Use {' or '.join(dict.fromkeys(flags))}, or say" if flags else "Say"
    return SettingsError(
        f"its name can be read as {', or as '.join(shown)}",
        hint=f"{hint} how the files are named: --pattern {_EXAMPLE}.",
    )


def _missing(file: OldFile, pattern: NamePattern) -> SettingsError:
    known = {
        "product": file.known.product,
        "version": file.known.version,
        "board": file.known.board,
    }
    missing = [name for name, value in known.items() if value is None]
    what = f"the {missing[0]}" if len(missing) == 1 else " or ".join(missing)
    flags = " and ".join(f"--{name}" for name in missing if name != "version")
    if pattern.expression and not pattern.read(
        file.name, filesystem=file.known.kind == "filesystem"
    ):
        return SettingsError(
            f"its name does not match the pattern, and the image does not contain {what}",
            hint="Change --pattern, or rename the file.",
        )
    if file.known.version is None:
        hint = f"Rename the file, such as sensor_v1.2.bin, or use --pattern, such as {_EXAMPLE}"
        hint += f", and {flags} for all files." if flags else "."
    else:
        hint = f"Use --pattern, such as {_EXAMPLE}, or {flags} for all files."
    return SettingsError(f"neither the image nor its file name contains {what}", hint=hint)
