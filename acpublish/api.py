"""The Python API: plain functions over files, which the command line and users call alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from acpublish.errors import PartitionError
from acpublish.image import Image, PartitionTable, read, read_partitions
from acpublish.image import stamp as stamp_bytes
from acpublish.publishing import (
    CheckOptions,
    Publication,
    PublishOptions,
    open_catalog,
    preflight,
    publish_image,
    read_file,
    resolve,
    write_file,
)
from acpublish.release import ImageKind, Version, names
from acpublish.release.checks import Result
from acpublish.settings import Settings, arguments

__all__ = [
    "check_with",
    "publish",
    "publish_with",
    "read_image",
    "read_partition_table",
    "stamp",
]

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


def read_partition_table(path: _Path) -> PartitionTable:
    """Reads the partition table of an ESP32.

    Args:
        path: ESP-IDF's CSV, or the binary that is flashed.

    Raises:
        PartitionError: The file cannot be read, or is no partition table.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise PartitionError(
            f"{path} cannot be read: {(fault.strerror or 'unknown reason').lower()}",
            hint="Give the project's partitions.csv, or the partitions.bin of its build.",
        ) from fault
    return read_partitions(data)


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
    data = read_file(Path(path))
    stamped = stamp_bytes(data, names.product(product), str(Version.parse(version)))
    write_file(Path(output), stamped)
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
    core: str | None = None,
    compress: bool = False,
    token: str | None = None,
    insecure_http: bool = False,
    signing_key: _Path | None = None,
    partitions: _Path | None = None,
    skip_checks: Mapping[str, str] | None = None,
    secret_scan: str | None = None,
    accept_secrets: Iterable[str] = (),
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
        core: The ESP8266 Arduino core that it was built with, such as ``3.1.2``.
        compress: Publish it as a gzip, too, for the ESP8266 devices that inflate it.
        token: What the server asks for.
        insecure_http: Send the token over plain http to another machine, too.
        signing_key: The PEM file of the private key that signs the release.
        partitions: The file of the board's partition table, CSV or binary.
        skip_checks: The checks to switch off, each with the reason, which is public.
        secret_scan: What a secret in the image is: ``warning``, ``error`` or ``off``.
        accept_secrets: Digests of secrets that are meant to be there.
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
        "core": core,
        "token": token,
        "signing_key": _text(signing_key),
        **_switches(compress=compress, insecure_http=insecure_http),
        "partitions": _text(partitions),
        "skip_checks": _lines(skip_checks or {}),
        "secret_scan": secret_scan,
        "accept_secrets": " ".join(accept_secrets),
    }
    options = Settings(arguments(given)).publish_options(provenance=provenance)
    return publish_with(Path(path), options, dry_run=dry_run)


def _text(path: _Path | None) -> str | None:
    return None if path is None else str(path)


def _switches(**given: bool) -> dict[str, str | None]:
    return {name: "yes" if on else None for name, on in given.items()}


def _lines(reasons: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={reason}" for name, reason in reasons.items())


def publish_with(
    path: Path,
    options: PublishOptions,
    *,
    dry_run: bool = False,
    sent: Callable[[int, int], None] | None = None,
) -> Publication:
    """Publishes an image by options that are already checked; see :func:`publish`.

    Args:
        path: The image.
        options: What is to be published where.
        dry_run: Do all but the write.
        sent: Told how much of the image was sent to a server, and of how much.
    """
    data = read_file(path)
    source = resolve(options.version, Path.cwd())
    catalog = open_catalog(options.destination, publishing=True, sent=sent)
    return publish_image(data, options, source, catalog, dry_run=dry_run)


def check_with(path: Path, options: CheckOptions) -> tuple[Result, ...]:
    """Makes the pre-flight checks on an image, with what is known of it; nothing is published."""
    data = read_file(path)
    source = resolve(options.version, Path.cwd()) if options.version else None
    releases = keys = None
    if options.destination and options.product:
        catalog = open_catalog(options.destination)
        releases, keys = catalog.releases(options.product), catalog.trusted_keys(options.product)
    return preflight(data, options, source, releases, keys)
