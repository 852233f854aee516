"""The Python API: plain functions over files, which the command line and users call alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.image import Image, read
from acpublish.image import stamp as stamp_bytes
from acpublish.publishing import (
    Publication,
    PublishOptions,
    open_catalog,
    publish_image,
    read_file,
    resolve,
)
from acpublish.release import ImageKind, Version, names
from acpublish.settings import Settings, flags

__all__ = ["publish", "publish_with", "read_image", "stamp"]

_Path = str | Path


def read_image(path: _Path) -> Image:
    """Tells what a file is.

    Args:
        path: Any readable file.

    Returns:
        All that its bytes tell; of kind ``unknown`` where nothing fits.

    Raises:
        NotAnImageError: The file cannot be read at all.
    """
    return read(read_file(Path(path)))


def stamp(path: _Path, *, product: str, version: str, output: _Path) -> Image:
    """Writes an image with product and version stamped into it; the file itself stays as it is.

    Args:
        path: The image.
        product: At most 31 characters, lower case.
        version: SemVer 2.0.0, at most 31 characters, lower case.
        output: The file to write, whole or not at all.

    Returns:
        What the stamped image is.

    Raises:
        ImageError: There is no image, it is damaged or signed, or has no place for a stamp.
        BadNameError: The product is no valid name.
        VersionError: The version is no SemVer, or too long.
        SettingsError: The output cannot be written.
    """
    from acpublish.catalog import atomic

    data = read_file(Path(path))
    stamped = stamp_bytes(data, names.product(product), str(Version.parse(version)))
    target = Path(output)
    try:
        atomic.write(target, stamped, target.parent)
    except OSError as fault:
        raise SettingsError(
            f"{target} cannot be written: {(fault.strerror or 'unknown reason').lower()}",
            hint="Give another file with -o.",
        ) from fault
    return read(stamped)


def publish(
    path: _Path,
    *,
    to: _Path,
    product: str,
    version: str,
    board: str,
    channel: str | None = None,
    kind: ImageKind = "firmware",
    chip: str | None = None,
    token: str | None = None,
    insecure_http: bool = False,
    provenance: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Publication:
    """Publishes an image to a catalog directory or an update server.

    Args:
        path: The image; the file stays as it is, what is published is its stamped copy.
        to: A directory, or an http(s) URL of a server.
        product: The product that it belongs to.
        version: SemVer 2.0.0; or ``git`` or ``file:PATH``, seen from the current directory.
        board: The board that it is made for.
        channel: The channel that shall point at it; by default ``stable``.
        kind: ``firmware`` or ``filesystem``.
        chip: The chip that the board is known to have, as esptool spells it.
        token: What the server asks for.
        insecure_http: Send the token over plain http to another machine, too.
        provenance: Where the image comes from; public.
        dry_run: Do all but the write.

    Returns:
        What stands in the catalog, and its receipt. Publishing the same bytes again is a success.

    Raises:
        AcpublishError: It cannot be published; nothing was changed.
    """
    given = {
        "to": str(to),
        "product": product,
        "version": version,
        "board": board,
        "channel": channel,
        "kind": kind,
        "chip": chip,
        "token": token,
        "insecure_http": "yes" if insecure_http else None,
    }
    options = Settings(flags(given)).publish_options(provenance=provenance)
    return publish_with(Path(path), options, dry_run=dry_run)


def publish_with(path: Path, options: PublishOptions, *, dry_run: bool = False) -> Publication:
    """Publishes an image by options that are already checked; see :func:`publish`."""
    data = read_file(path)
    source = resolve(options.version, Path.cwd())
    catalog = open_catalog(options.destination)
    return publish_image(data, options, source, catalog, dry_run=dry_run)
