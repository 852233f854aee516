"""Keys out of files, for signing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from acpublish.errors import AcpublishError, SettingsError
from acpublish.keys import (
    PrivateKey,
    PublicKey,
    is_private,
    read_private_key,
    read_public_key,
)

__all__ = ["any_key", "private_key", "public_key"]

T = TypeVar("T")


def private_key(path: Path) -> PrivateKey:
    """Reads a private key's file.

    Raises:
        SettingsError: It cannot be read, or holds none; the message names the file alone.
        MissingExtraError: cryptography is not installed.
    """
    return _of(path, read_private_key)


def public_key(path: Path) -> PublicKey:
    """Reads a public key's file; raises as :func:`private_key` does."""
    return _of(path, read_public_key)


def any_key(path: Path) -> PublicKey:
    """Reads the public half of either sort of file; raises as :func:`private_key` does."""
    return _of(path, _either)


def _either(pem: bytes) -> PublicKey:
    return read_private_key(pem).public if is_private(pem) else read_public_key(pem)


def _of(path: Path, reader: Callable[[bytes], T]) -> T:
    data = _read(path)
    try:
        return reader(data)
    except AcpublishError as fault:
        raise type(fault)(f"{path}: {fault.problem}", hint=fault.hint) from fault


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SettingsError(
            f"the key {path} cannot be read: {(fault.strerror or 'unknown reason').lower()}",
            hint="Give the PEM file of a key, such as 'acpublish key create' makes.",
        ) from fault
