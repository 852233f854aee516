"""The Python API: plain functions over files and keys, for the command line and users alike.

What is public is named in :mod:`acpublish`; the functions with ``_with`` take options that
``acpublish.settings`` has checked already, and serve the command line alone. A key is the path of
its PEM file, or the PEM itself, wherever one is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.image import signing
from acpublish.image.model import Image
from acpublish.image.partition_table import PartitionTable
from acpublish.image.reader import read
from acpublish.image.stamper import stamp as stamp_bytes
from acpublish.input_files import expanded
from acpublish.keyfiles import KeySource, any_key, private_key, public_key, refuse_overwriting
from acpublish.keys import Algorithm, PublicKey, is_key_id
from acpublish.keys import create_key as new_key
from acpublish.output_files import write_file, write_secret
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.image_files import read_file
from acpublish.publishing.options import CheckOptions, PublishOptions
from acpublish.publishing.partitions import read_table
from acpublish.publishing.publish import preflight, publish_image
from acpublish.publishing.result import Publication
from acpublish.publishing.versions import resolve
from acpublish.release import names
from acpublish.release.checks.facts import Result
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.settings import arguments

if TYPE_CHECKING:
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.trusted_keys import Resigned

_Path = str | Path


def read_image(path: _Path) -> Image:
    """Returns what a file is.

    Args:
        path: Any readable file.

    Returns:
        Everything that can be learned from its bytes; of kind ``unknown`` if it is not an image.

    Raises:
        NotAnImageError: The file cannot be read at all.

    Example:
        >>> import acpublish
        >>> image = acpublish.read_image("firmware.bin")
        >>> print(image.kind.value, image.chip, image.stamp)
        application esp8266 None
    """
    return read(read_file(Path(path)))


def read_partition_table(path: _Path) -> PartitionTable:
    """Reads the partition table of an ESP32.

    Args:
        path: ESP-IDF's CSV, or the binary that is flashed.

    Raises:
        PartitionError: The file cannot be read, or is not a partition table.
    """
    return read_table(Path(path))


def stamp(path: _Path, *, product: str, version: str | Version, output: _Path) -> Image:
    """Writes a copy of an image with product and version stamped into it.

    Args:
        path: The image. It is not changed unless it is the output as well.
        product: At most 31 characters, lower case.
        version: SemVer 2.0.0, at most 31 characters, lower case.
        output: The file to write, completely or not at all.

    Returns:
        What the stamped image is.

    Raises:
        ImageError: The file is not an image, is damaged or signed, or has no place for a stamp.
        BadNameError: The product name is not valid.
        VersionError: The version is not valid SemVer, or too long.
        SettingsError: The output cannot be written.

    Example:
        >>> import acpublish
        >>> image = acpublish.stamp(
        ...     "firmware.bin", product="lamp", version="1.2.3", output="stamped.bin"
        ... )
        >>> print(image.stamp.product, image.stamp.version)
        lamp 1.2.3
    """
    data = read_file(Path(path))
    stamped = stamp_bytes(data, names.product(product), str(Version.parse(str(version))))
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
    no_downgrade_below: str | None = None,
    requires: str | None = None,
    by: str = "",
    token: str | None = None,
    insecure_http: bool = False,
    ca: _Path | None = None,
    signing_key: KeySource | None = None,
    partitions: _Path | None = None,
    skip_checks: Mapping[str, str] | None = None,
    secret_scan: str | None = None,
    accept_secrets: str | Iterable[str] = (),
    provenance: Mapping[str, str] | None = None,
    dry_run: bool = False,
) -> Publication:
    """Publishes an image to a catalog directory or an update server.

    Args:
        path: The image. The file is not changed; its stamped copy is published.
        to: A directory, or the http(s) URL of a server.
        product: The product that it belongs to.
        version: SemVer 2.0.0; or ``git`` or ``file:PATH``, relative to the current directory.
        board: The board that it is built for.
        channel: The channel to publish to; by default ``stable``.
        kind: ``firmware`` or ``filesystem``.
        chip: The chip that the board is known to have, as esptool spells it.
        core: The ESP8266 Arduino core that it was built with, such as ``3.1.2``.
        no_downgrade_below: Devices that run it never go back to a lower release.
        requires: What a device must run before it is offered it, such as ``>=1.4.0``.
        by: Who publishes it, for a directory; shown to everyone.
        compress: Also publish a gzip of it, for the ESP8266 devices that can inflate it.
        token: The token that the server requires.
        insecure_http: Allow the token to be sent over plain http to another machine.
        ca: The PEM file of the only CAs to trust for the TLS of the server.
        signing_key: The private key that signs the release: its PEM, or the path of the PEM file.
        partitions: The file of the board's partition table, CSV or binary.
        skip_checks: The checks to switch off, each with the reason, which is public.
        secret_scan: How to treat a secret in the image: ``warning``, ``error`` or ``off``.
        accept_secrets: Digests of secrets that are meant to be there; a string is one digest.
        provenance: Where the image comes from; public.
        dry_run: Do everything except write.

    Returns:
        What was published. Publishing the same bytes again is a success.

    Raises:
        AcpublishError: It cannot be published; nothing was changed.

    Example:
        >>> import acpublish
        >>> publication = acpublish.publish(
        ...     "firmware.bin", to="catalog", product="lamp", version="1.2.3", board="d1_mini"
        ... )
        >>> print(publication.outcome.value, publication.file)
        published lamp/lamp-1.2.3_d1_mini.bin
    """
    options = arguments.publish_options(
        to=to, product=product, version=version, board=board, channel=channel, kind=kind,
        chip=chip, core=core, compress=compress, no_downgrade_below=no_downgrade_below,
        requires=requires, by=by, token=token, insecure_http=insecure_http, ca=ca,
        signing_key=signing_key, partitions=partitions, skip_checks=skip_checks or {},
        secret_scan=secret_scan, accept_secrets=accept_secrets, provenance=provenance or {},
    )  # fmt: skip
    return publish_with(Path(path), options, dry_run=dry_run)


def publish_with(
    path: Path,
    options: PublishOptions,
    *,
    dry_run: bool = False,
    sent: Callable[[int, int], None] | None = None,
) -> Publication:
    """Publishes an image with options that are already checked; see :func:`publish`.

    Args:
        path: The image.
        options: What is to be published where.
        dry_run: Do everything except write.
        sent: Called with how many bytes of the image were sent to a server, and how many there are.
    """
    data = read_file(path)
    source = resolve(options.version_source, Path.cwd())
    catalog = open_catalog(options.destination, publishing=True, sent=sent)
    return publish_image(data, options, source, catalog, dry_run=dry_run)


def check_with(path: Path, options: CheckOptions) -> tuple[Result, ...]:
    """Runs the pre-flight checks on an image with the information available."""
    data = read_file(path)
    source = resolve(options.version_source, Path.cwd()) if options.version_source else None
    releases = keys = None
    if options.destination and options.product:
        catalog = open_catalog(options.destination)
        releases, keys = catalog.releases(options.product), catalog.trusted_keys(options.product)
    return preflight(data, options, source, releases, keys)


def sign(path: _Path, *, key: KeySource, output: _Path) -> tuple[Image, str]:
    """Writes a signed copy of an ESP8266 image, for the verifier on the device itself.

    Args:
        path: The image, or a gzip of one; already stamped.
        key: The private RSA key: its PEM, or the path of the PEM file.
        output: The file to write, completely or not at all.

    Returns:
        What the signed image is, and the key's id.

    Raises:
        ImageError: The image is damaged, already signed, or not for the ESP8266.
        SettingsError: The key cannot be used, or the output cannot be written.

    Example:
        >>> import acpublish
        >>> key = acpublish.create_key("rsa.pem", algorithm="rsa")
        >>> image, key_id = acpublish.sign("firmware.bin", key="rsa.pem", output="signed.bin")
        >>> print(image.kind.value, key_id == key.id)
        signed True
    """
    data = read_file(Path(path))
    signer = private_key(key)
    refuse_overwriting(key, Path(output))
    signed = signing.sign(data, signer)
    write_file(Path(output), signed)
    return read(signed), signer.public.id


def verify(path: _Path, *, key: KeySource) -> tuple[bool, str]:
    """Returns whether an ESP8266 image was signed with a key, and that key's id.

    Args:
        path: The signed image.
        key: The public key: its PEM, or the path of the PEM file.

    Raises:
        ImageError: The file has no signature of an ESP8266 image.
        SettingsError: The key cannot be used.

    Example:
        >>> import acpublish
        >>> key = acpublish.create_key("verified.pem", algorithm="rsa")
        >>> image, key_id = acpublish.sign("firmware.bin", key="verified.pem", output="signed.bin")
        >>> valid, key_id = acpublish.verify("signed.bin", key=key.pem)
        >>> valid
        True
    """
    data = read_file(Path(path))
    verifier = public_key(key)
    return signing.verify(data, verifier), verifier.id


def create_key(path: _Path, algorithm: Algorithm = "ecdsa-p256") -> PublicKey:
    """Creates the file of a private key that only its owner can read; returns the public half.

    Args:
        path: The file; an existing one is never overwritten.
        algorithm: ``ecdsa-p256`` for releases, ``rsa`` for ESP8266 images.

    Raises:
        SettingsError: The file already exists, or cannot be written.
        MissingExtraError: cryptography is not installed.

    Example:
        >>> import acpublish
        >>> key = acpublish.create_key("signing-key.pem")
        >>> print(key.algorithm, len(key.id))
        ecdsa-p256 16
    """
    key = new_key(algorithm)
    write_secret(Path(path), key.to_pem())
    return key.public


def show_key(key: KeySource) -> PublicKey:
    """Returns the public half of a private or public key.

    Args:
        key: Its PEM, or the path of the PEM file.

    Raises:
        SettingsError: The file cannot be read, or does not contain a key that is used here.
        MissingExtraError: cryptography is not installed.

    Example:
        >>> import acpublish
        >>> created = acpublish.create_key("shown.pem")
        >>> acpublish.show_key("shown.pem").id == created.id
        True
    """
    return any_key(key)


def trust_keys(
    catalog: _Path,
    *,
    product: str,
    add: KeySource | None = None,
    remove: KeySource | None = None,
    force: bool = False,
    confirmed: bool = False,
) -> tuple[tuple[PublicKey, ...], tuple[str, ...]]:
    """Changes which keys a product trusts; without a key, only returns them.

    Args:
        catalog: The catalog's directory.
        product: The product.
        add: The public key to trust from now on: its PEM, or the path of the PEM file.
        remove: The public key to stop trusting: its id, its PEM, or the path of the PEM file.
        force: Remove it even if releases are valid only because of it.
        confirmed: Add a first key even if that withholds releases, or remove the last key.

    Returns:
        The keys that are trusted now, and what is withheld as a result, one phrase each.

    Raises:
        UnconfirmedError: The consequences need ``confirmed``; the message names them.
        AcpublishError: The keys cannot be changed; nothing was.

    Example:
        >>> import acpublish
        >>> key = acpublish.create_key("trusted.pem")
        >>> keys, withheld = acpublish.trust_keys("catalog", product="bell", add=key.pem)
        >>> [trusted.id for trusted in keys] == [key.id], withheld
        (True, ())
    """
    opened = _directory(catalog)
    if add is None and remove is None:
        return opened.trusted_keys(product), ()
    added = None if add is None else public_key(add)
    removed = None
    if remove is not None:
        removed = str(remove) if is_key_id(remove) else public_key(remove).id
    withheld = opened.trust.change(
        product, add=added, remove=removed, force=force, confirmed=confirmed
    )
    return opened.trusted_keys(product), withheld


def resign(catalog: _Path, *, product: str, key: KeySource) -> Resigned:
    """Signs a product's valid releases with another key as well.

    If the product trusts no key yet, all its releases are valid.

    Args:
        catalog: The catalog's directory.
        product: The product.
        key: The private key: its PEM, or the path of the PEM file.

    Raises:
        AcpublishError: The key or the catalog cannot be used.

    Example:
        >>> import acpublish
        >>> old, new = acpublish.create_key("old.pem"), acpublish.create_key("new.pem")
        >>> keys, withheld = acpublish.trust_keys("catalog", product="bell", add=old.pem)
        >>> publication = acpublish.publish(
        ...     "firmware.bin", to="catalog", product="bell", version="1.0.0", board="d1_mini",
        ...     signing_key="old.pem",
        ... )
        >>> acpublish.resign("catalog", product="bell", key="new.pem").signed
        ('bell/bell-1.0.0_d1_mini.bin',)
    """
    return _directory(catalog).trust.resign(product, private_key(key))


def _directory(catalog: _Path) -> DirectoryCatalog:
    from acpublish.catalog.directory import DirectoryCatalog

    return DirectoryCatalog(expanded(catalog))
