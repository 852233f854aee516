"""The Python API: plain functions over files, which the command line and users call alike.

The Python API of keys: plain functions over files, for the command line and users alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.errors import PartitionError, reason_of
from acpublish.image import signing
from acpublish.image.model import Image
from acpublish.image.partition_table import PartitionTable, read_partitions
from acpublish.image.reader import read
from acpublish.image.stamper import stamp as stamp_bytes
from acpublish.keys import Algorithm, PublicKey, is_key_id
from acpublish.keys import create_key as make_key
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.image_files import read_file, write_file, write_secret
from acpublish.publishing.keyfiles import any_key, private_key, public_key
from acpublish.publishing.options import CheckOptions, PublishOptions
from acpublish.publishing.publish import preflight, publish_image
from acpublish.publishing.result import Publication
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.checks.facts import Result
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.settings.layers import arguments
from acpublish.settings.values import Settings

if TYPE_CHECKING:
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.trusted_keys import Resigned

__all__ = [
    "check_with",
    "create_key",
    "publish",
    "publish_with",
    "read_image",
    "read_partition_table",
    "resign",
    "show_key",
    "sign",
    "stamp",
    "trust_keys",
    "verify",
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
            f"{path} cannot be read: {reason_of(fault)}",
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


def sign(path: _Path, *, key: _Path, output: _Path) -> tuple[Image, str]:
    """Writes a signed copy of an ESP8266 image, for the device's own verifier.

    Args:
        path: The image, or a gzip of one; stamped already.
        key: The PEM file of an RSA key.
        output: The file to write, whole or not at all.

    Returns:
        What the signed image is, and the key's id.

    Raises:
        ImageError: The image is damaged, signed already, or not for the ESP8266.
        SettingsError: The key cannot be used, or the output not be written.
    """
    data = read_file(Path(path))
    signer = private_key(Path(key))
    signed = signing.sign(data, signer)
    write_file(Path(output), signed)
    return read(signed), signer.public.id


def verify(path: _Path, *, key: _Path) -> tuple[bool, str]:
    """Tells whether an ESP8266 image was signed with a key, and that key's id.

    Args:
        path: The signed image.
        key: The PEM file of the public key.

    Raises:
        ImageError: The file carries no signature of an ESP8266 image.
        SettingsError: The key cannot be used.
    """
    data = read_file(Path(path))
    verifier = public_key(Path(key))
    return signing.verify(data, verifier), verifier.id


def create_key(path: _Path, algorithm: Algorithm = "ecdsa-p256") -> PublicKey:
    """Makes a private key's file, which its owner alone may read; returns the public half.

    Args:
        path: The file; one that exists is never overwritten.
        algorithm: ``ecdsa-p256`` for releases, ``rsa`` for ESP8266 images.

    Raises:
        SettingsError: The file exists already, or cannot be written.
        MissingExtraError: cryptography is not installed.
    """
    made = make_key(algorithm)
    write_secret(Path(path), made.to_pem())
    return made.public


def show_key(path: _Path) -> PublicKey:
    """Returns the public half of the private or public key in a PEM file.

    Raises:
        SettingsError: The file cannot be read, or holds no key that is used here.
        MissingExtraError: cryptography is not installed.
    """
    return any_key(Path(path))


def trust_keys(
    catalog: _Path,
    *,
    product: str,
    add: _Path | None = None,
    remove: _Path | None = None,
    force: bool = False,
) -> tuple[tuple[PublicKey, ...], tuple[str, ...]]:
    """Changes which keys a product trusts, or only tells.

    Args:
        catalog: The catalog's directory.
        product: The product.
        add: The PEM file of a public key to trust from now on.
        remove: The id, or the PEM file, of a public key to trust no longer.
        force: Remove it also where releases are valid by it alone.

    Returns:
        The keys that are trusted now, and what is withheld by the change, one phrase each.

    Raises:
        AcpublishError: The keys cannot be changed; nothing was.
    """
    opened = _directory(catalog)
    withheld: tuple[str, ...] = ()
    if add is not None:
        withheld = opened.trust.trust(product, public_key(Path(add)))
    if remove is not None:
        key_id = remove if is_key_id(remove) else public_key(Path(remove)).id
        withheld = opened.trust.distrust(product, str(key_id), force=force)
    return opened.trusted_keys(product), withheld


def resign(catalog: _Path, *, product: str, key: _Path) -> Resigned:
    """Signs a product's valid releases with another key, too.

    Args:
        catalog: The catalog's directory.
        product: The product.
        key: The PEM file of the private key.

    Raises:
        AcpublishError: The product trusts no key, or the key or the catalog cannot be used.
    """
    return _directory(catalog).trust.resign(product, private_key(Path(key)))


def _directory(catalog: _Path) -> DirectoryCatalog:
    from acpublish.catalog.directory import DirectoryCatalog

    # Path.expanduser raises a RuntimeError for a user that there is not.
    return DirectoryCatalog(Path(os.path.expanduser(catalog)))  # noqa: PTH111
