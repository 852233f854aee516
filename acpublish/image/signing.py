"""Signs an ESP8266 image for the updater's own verifier, and verifies such a signature.

The file is the image, its signature (RSA, PKCS#1 v1.5, SHA-256) and the signature's length as a
little-endian word (``tools/signing.py``; read from the end by ``Updater.cpp``: ``end``). The order
is stamp, gzip, sign: what is signed is what is sent, and a stamp later on would void it.
"""

from __future__ import annotations

import struct

from acpublish.errors import DamagedImageError, NotAnImageError, SettingsError, WrongKindError
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.keys import PrivateKey, PublicKey

__all__ = ["sign", "split_signed", "verify"]

_LENGTH_BYTES = 4
#: RSA keys of 2048 to 4096 bits (:data:`acpublish.keys.RSA_BITS`).
_SIGNATURE_BYTES = range(256, 513)

_WRONG_KINDS = {
    Kind.FILESYSTEM: (
        "the file is a filesystem image, and firmware is what is signed this way",
        "Publish it as it is; a release's signature (publish --key) covers filesystems too.",
    ),
    Kind.MERGED: (
        "the file is a merged factory image with boot loader and partition table",
        "Sign the application image alone.",
    ),
    Kind.BOOTLOADER: ("the file is a boot loader", "Sign the application image."),
    Kind.SIGNED: (
        "the image is signed already",
        "Sign the unsigned image; 'acpublish verify' tells whether a key fits the signature.",
    ),
}


def sign(data: bytes, key: PrivateKey) -> bytes:
    """Returns an ESP8266 image with its signature and the signature's length behind it.

    Args:
        data: A sound application image, or a gzip of one.
        key: An RSA key.

    Raises:
        NotAnImageError: The bytes are no ESP image.
        WrongKindError: An image for another family or of another kind, or a signed one.
        DamagedImageError: The image is truncated, or one of its sums does not hold.
        SettingsError: The key is no RSA key.
    """
    _refuse_unsuitable(read(data))
    _need_rsa(key.public)
    signature = key.sign(data)
    return data + signature + struct.pack("<I", len(signature))


def verify(data: bytes, key: PublicKey) -> bool:
    """Tells whether a signed ESP8266 image, or signed gzip of one, was signed with this key.

    Raises:
        WrongKindError: It carries no such signature.
        SettingsError: The key is no RSA key.
    """
    _need_rsa(key)
    body, signature = split_signed(data)
    return key.verifies(signature, body)


def split_signed(data: bytes) -> tuple[bytes, bytes]:
    """Returns the bytes that are signed, and their signature.

    Raises:
        WrongKindError: There is none at the end of the file.
    """
    image = read(data)
    length = int.from_bytes(data[-_LENGTH_BYTES:], "little")
    end = len(data) - _LENGTH_BYTES - length
    if image.family == "esp32":
        raise _of_esp32()
    if image.kind is not Kind.SIGNED or length not in _SIGNATURE_BYTES or end <= 0:
        raise WrongKindError(
            "the file carries no signature of an ESP8266 image",
            hint="Sign it: acpublish sign FILE --key RSA.pem -o OUT.",
        )
    return data[:end], data[end:-_LENGTH_BYTES]


def _refuse_unsuitable(image: Image) -> None:
    if image.family == "esp32":
        raise _of_esp32()
    if image.kind in _WRONG_KINDS:
        problem, hint = _WRONG_KINDS[image.kind]
        raise WrongKindError(problem, hint=hint)
    if image.damaged:
        raise DamagedImageError(
            "the image is damaged: " + "; ".join(image.problems),
            hint="Build it again, or copy it again.",
        )
    if image.family is None or image.kind not in (Kind.APPLICATION, Kind.GZIP):
        raise NotAnImageError(
            "the file is no ESP8266 image",
            hint="Give the image that a device flashes, such as PlatformIO's firmware.bin.",
        )


def _of_esp32() -> WrongKindError:
    return WrongKindError(
        "the image is for the ESP32 family, whose signatures are those of Secure Boot v2",
        hint="Stamp it, then sign it with Espressif's tool: espsecure sign-data --version 2.",
    )


def _need_rsa(key: PublicKey) -> None:
    if key.algorithm != "rsa":
        raise SettingsError(
            "an ESP8266 verifies RSA signatures, and this is an ECDSA key",
            hint="Give an RSA key: acpublish key create --rsa -o rsa.pem.",
        )
