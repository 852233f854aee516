"""Keys out of files, and releases signed with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from acpublish.errors import AcpublishError, SettingsError, reason_of
from acpublish.image.model import Image
from acpublish.keys import (
    PrivateKey,
    PublicKey,
    is_private,
    read_private_key,
    read_public_key,
    refuse_key_itself,
)
from acpublish.release.signatures import sign, submitted_statement
from acpublish.release.submission import Submission

__all__ = ["any_key", "private_key", "public_key", "signed"]

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


def signed(submission: Submission, image: Image, key: PrivateKey | None) -> Submission:
    """Returns the submission with the key's signature; without a key, as it is.

    Args:
        submission: Where the image is to stand.
        image: What is said of the very bytes that are published.
        key: An ECDSA P-256 key.

    Raises:
        SettingsError: The key is not of the sort that signs releases.
    """
    if key is None:
        return submission
    signature = sign(submitted_statement(image, submission), key)
    return replace(submission, signatures=(*submission.signatures, signature))


def _either(pem: bytes) -> PublicKey:
    return read_private_key(pem).public if is_private(pem) else read_public_key(pem)


def _of(path: Path, reader: Callable[[bytes], T]) -> T:
    data = _read(path)
    try:
        return reader(data)
    except AcpublishError as fault:
        raise type(fault)(f"{path}: {fault.problem}", hint=fault.hint) from fault


def _read(path: Path) -> bytes:
    refuse_key_itself(str(path))
    try:
        return path.read_bytes()
    except OSError as fault:
        raise SettingsError(
            f"the key {path} cannot be read: {reason_of(fault)}",
            hint="Give the PEM file of a key, such as 'acpublish key create' makes.",
        ) from fault
