"""Signs an ESP8266 image for the updater's own verifier, and verifies such a signature.

The file is the image, its signature (RSA, PKCS#1 v1.5, SHA-256) and the signature's length as a
little-endian word (``tools/signing.py``; read from the end by ``Updater.cpp``: ``end``). The order
is stamp, gzip, sign: the signature covers the bytes that are sent, and a later stamp would void it.
"""

from __future__ import annotations

import struct

from acpublish.errors import DamagedImageError, NotAnImageError, SettingsError, WrongKindError
from acpublish.image.model import Image, Kind
from acpublish.image.reader import read
from acpublish.keys import PrivateKey, PublicKey

_LENGTH_BYTES = 4
#: RSA keys of 2048 to 4096 bits (:data:`acpublish.keys.RSA_BITS`).
_SIGNATURE_BYTES = range(256, 513)

_WRONG_KINDS = {
    Kind.FILESYSTEM: (
        "the file is a filesystem image, and only firmware can be signed this way",
        "Publish it as it is; a release signature (publish --key) also covers filesystems.",
    ),
    Kind.MERGED: (
        "the file is a merged factory image with bootloader and partition table",
        "Sign the application image alone.",
    ),
    Kind.BOOTLOADER: ("the file is a bootloader", "Sign the application image."),
    Kind.PART: (
        "the file is one part of a build, which no updater installs",
        "Sign the application image.",
    ),
    Kind.SIGNED: (
        "the image is already signed",
        "Sign the unsigned image; 'acpublish verify' shows whether a key matches the signature.",
    ),
}


def sign(data: bytes, key: PrivateKey) -> bytes:
    """Returns an ESP8266 image followed by its signature and the signature's length.

    Args:
        data: A sound application image, or a gzip of one.
        key: An RSA key.

    Raises:
        NotAnImageError: The bytes are not an ESP image.
        WrongKindError: The image is for another family, of another kind, or already signed.
        DamagedImageError: The image is truncated, or one of its checksums is wrong.
        SettingsError: The key is not an RSA key.
    """
    _refuse_unsuitable(read(data))
    _need_rsa(key.public)
    signature = key.sign(data)
    return data + signature + struct.pack("<I", len(signature))


def verify(data: bytes, key: PublicKey) -> bool:
    """Returns whether this key signed a signed ESP8266 image or the signed gzip of one.

    Raises:
        WrongKindError: The file does not contain such a signature.
        SettingsError: The key is not an RSA key.
    """
    _need_rsa(key)
    body, signature = split_signed(data)
    return key.verifies(signature, body)


def split_signed(data: bytes) -> tuple[bytes, bytes]:
    """Returns the signed bytes and their signature.

    Raises:
        WrongKindError: There is no signature at the end of the file.
    """
    image = read(data)
    length = int.from_bytes(data[-_LENGTH_BYTES:], "little")
    end = len(data) - _LENGTH_BYTES - length
    if image.family == "esp32":
        raise _of_esp32()
    if image.kind is not Kind.SIGNED or length not in _SIGNATURE_BYTES or end <= 0:
        raise WrongKindError(
            "the file does not contain the signature of an ESP8266 image",
            hint="Sign it: acpublish sign FILE --key RSA.pem -o OUT.",
        )
    return data[:end], data[end:-_LENGTH_BYTES]


def _refuse_unsuitable(image: Image) -> None:
    if image.family == "esp32":
        raise _of_esp32()
    kind = image.content if image.kind is Kind.GZIP and image.content else image.kind
    if kind in _WRONG_KINDS:
        problem, hint = _WRONG_KINDS[kind]
        # The description of a signed image says what was changed in it.
        if image.description and kind is not Kind.SIGNED:
            problem = f"the file is {image.description}"
        raise WrongKindError(problem, hint=hint)
    if image.damaged:
        raise DamagedImageError(
            "the image is damaged: " + "; ".join(image.problems),
            hint="Build it again, or copy it again.",
        )
    if image.family is None or image.kind not in (Kind.APPLICATION, Kind.GZIP):
        raise NotAnImageError(
            "the file is not an ESP8266 image",
            hint="Use the image that a device flashes, such as PlatformIO's firmware.bin.",
        )


def _of_esp32() -> WrongKindError:
    return WrongKindError(
        "the image is for the ESP32 family, which uses the signatures of Secure Boot v2",
        hint="Stamp it, then sign it with Espressif's tool: espsecure sign-data --version 2.",
    )


def _need_rsa(key: PublicKey) -> None:
    if key.algorithm != "rsa":
        raise SettingsError(
            "an ESP8266 verifies RSA signatures, but this is an ECDSA key",
            hint="Use an RSA key: acpublish key create --rsa -o rsa.pem.",
        )
