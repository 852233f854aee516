"""Keys as a user has them: a PEM, the path of its file, or a key that is already read.

A string is taken for a PEM if it contains the first line of one, and for a path otherwise. Errors
name the file and never show any of its content.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from acpublish.errors import AcpublishError, SettingsError, reason_of
from acpublish.keys import (
    PrivateKey,
    PublicKey,
    is_private,
    read_private_key,
    read_public_key,
    refuse_key_itself,
)

#: A path, or the content of a PEM file.
KeySource = str | bytes | Path

_PEM_BEGINS = "-----BEGIN "
_Key = TypeVar("_Key", PrivateKey, PublicKey)


def private_key(source: KeySource | PrivateKey) -> PrivateKey:
    """Reads a private key.

    Args:
        source: Its PEM, the path of the PEM file, or the key itself.

    Raises:
        SettingsError: The file cannot be read, or there is no private key in it.
        MissingExtraError: cryptography is not installed.
    """
    return source if isinstance(source, PrivateKey) else _read(source, read_private_key)


def public_key(source: KeySource | PublicKey) -> PublicKey:
    """Reads a public key; takes and raises the same as :func:`private_key`."""
    return source if isinstance(source, PublicKey) else _read(source, read_public_key)


def any_key(source: KeySource) -> PublicKey:
    """Reads the public half of a private or public key; raises as :func:`private_key` does."""
    return _read(source, _public_half)


def is_pem(source: object) -> bool:
    """Returns whether this is the content of a PEM file, not the path of one."""
    return isinstance(source, bytes) or (isinstance(source, str) and _PEM_BEGINS in source)


def _public_half(pem: bytes) -> PublicKey:
    return read_private_key(pem).public if is_private(pem) else read_public_key(pem)


def _read(source: KeySource, reader: Callable[[bytes], _Key]) -> _Key:
    if isinstance(source, bytes):
        return reader(source)
    if isinstance(source, str) and is_pem(source):
        return reader(source.encode())
    path = Path(source)
    data = _content(path)
    try:
        return reader(data)
    except AcpublishError as error:
        raise type(error)(f"{path}: {error.problem}", hint=error.hint) from error


def _content(path: Path) -> bytes:
    refuse_key_itself(str(path))
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"the key {path} cannot be read: {reason_of(error)}",
            hint="Use the PEM file of a key; 'acpublish key create' creates one.",
        ) from error
