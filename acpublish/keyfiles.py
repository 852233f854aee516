"""Keys as a user has them: a PEM, the path of its file, or a key that is already read.

A string is taken for a PEM if it contains the first line of one, and for a path otherwise. Errors
name the file and never show any of its content.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from acpublish.errors import AcpublishError, SettingsError
from acpublish.input_files import read_bounded
from acpublish.keys import (
    PrivateKey,
    PublicKey,
    is_private,
    read_private_key,
    read_public_key,
)
from acpublish.redact import may_be_key

#: A path, or the content of a PEM file.
KeySource = str | bytes | Path

#: Many times the longest RSA key, with the lines that openssl may write above a key.
_MAX_KEY_BYTES = 64 * 1024
_OTHER_KEY = "Use the PEM file of a key; 'acpublish key create' creates one."
_OTHER_PUBLIC_KEY = "Use the PEM file of a public key; 'acpublish key show KEY.pem' prints one."
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
    if isinstance(source, PublicKey):
        return source
    return _read(source, read_public_key, hint=_OTHER_PUBLIC_KEY)


def any_key(source: KeySource) -> PublicKey:
    """Reads the public half of a private or public key; raises as :func:`private_key` does."""
    return _read(source, _public_half)


def is_key_itself(path: str) -> bool:
    """Returns whether the path of a key's file may be a key, so that it must not be shown."""
    return may_be_key(path) and not os.path.isfile(path)  # noqa: PTH113 - it never raises an error


def refuse_key_itself(path: str) -> None:
    """Refuses a key that was passed instead of the path of its file, and shows nothing of it.

    Raises:
        SettingsError: The path may be a key.
    """
    if is_key_itself(path):
        raise SettingsError(
            "there is no such key file, and this may be a key itself, not the path of its file",
            hint="Write the key to a file that only you can read (chmod 600), and use its path.",
        )


def is_pem(source: object) -> bool:
    """Returns whether this is the content of a PEM file, not the path of one."""
    return isinstance(source, bytes) or (isinstance(source, str) and _PEM_BEGINS in source)


def refuse_overwriting(source: KeySource, output: Path) -> None:
    """Refuses an output that is the file of a key, even under another name.

    Raises:
        SettingsError: It is.
    """
    same = False
    # The output need not exist, and a PEM is not a file.
    with contextlib.suppress(OSError, ValueError):
        same = not isinstance(source, bytes) and Path(source).samefile(output)
    if same:
        raise SettingsError(
            f"{output} is the file of the key, which would be lost", hint="Write to another file."
        )


def _public_half(pem: bytes) -> PublicKey:
    return read_private_key(pem).public if is_private(pem) else read_public_key(pem)


def _read(source: KeySource, reader: Callable[[bytes], _Key], *, hint: str = _OTHER_KEY) -> _Key:
    if isinstance(source, bytes):
        return reader(source)
    if isinstance(source, str) and is_pem(source):
        return reader(source.encode())
    path = Path(source)
    data = content(path, hint=hint)
    try:
        return reader(data)
    except AcpublishError as error:
        raise type(error)(f"{path}: {error.problem}", hint=error.hint) from error


def content(path: Path, *, hint: str = _OTHER_KEY) -> bytes:
    """Returns the bytes of a key's file.

    Raises:
        SettingsError: It cannot be read, is too large, or the path may be a key itself.
    """
    refuse_key_itself(str(path))
    return read_bounded(path, _MAX_KEY_BYTES, SettingsError, hint=hint, name=f"the key {path}")
