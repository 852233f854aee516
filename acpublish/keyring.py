"""The Python API of keys: plain functions over files, for the command line and users alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from acpublish.image import Image, read, signing
from acpublish.keys import Algorithm, PublicKey, is_key_id
from acpublish.keys import create_key as make_key
from acpublish.publishing import (
    any_key,
    private_key,
    public_key,
    read_file,
    write_file,
    write_secret,
)

if TYPE_CHECKING:
    from acpublish.catalog import DirectoryCatalog
    from acpublish.catalog.trust import Resigned

__all__ = ["create_key", "resign", "show_key", "sign", "trust_keys", "verify"]

_Path = str | Path


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
    from acpublish.catalog import DirectoryCatalog

    # Path.expanduser raises a RuntimeError for a user that there is not.
    return DirectoryCatalog(Path(os.path.expanduser(catalog)))  # noqa: PTH111
