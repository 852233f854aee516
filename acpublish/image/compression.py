"""Makes the gzip of an image that eboot inflates: the same bytes for the same image, always.

Header and trailer are written here (RFC 1952, section 2.3), because zlib's own header names the
operating system; there is no time and no file name in it.
"""

from __future__ import annotations

import struct
import zlib

from acpublish.errors import WrongKindError
from acpublish.image.model import Image, Kind

__all__ = ["compress"]

#: Deflate, no further fields, no time, smallest size asked for (2), unknown system (255).
_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\xff"
#: eboot keeps a window of 32 KiB (``eboot.c``: ``uzlib_init``), which is all that deflate needs.
_RAW_DEFLATE = -zlib.MAX_WBITS
_LEVEL, _MEMORY = 9, 9


def compress(data: bytes, image: Image) -> bytes:
    """Returns the gzip of an image.

    Args:
        data: The very bytes that eboot is to write.
        image: What :func:`acpublish.image.read` says of them.

    Raises:
        WrongKindError: No device could inflate it, or it must not be compressed.
    """
    _refuse_others(image)
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY)
    body = squeeze.compress(data) + squeeze.flush()
    return _HEADER + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _refuse_others(image: Image) -> None:
    if image.family == "esp32":
        # HTTPUpdate.cpp (arduino-esp32), handleUpdate: "Verify Bin Header Failed" otherwise.
        raise WrongKindError(
            f"an image for {image.chip} cannot be compressed: HTTPUpdate on an ESP32 takes only "
            "what begins with 0xE9",
            hint="Publish it without compression.",
        )
    if image.kind is Kind.SIGNED:
        raise WrongKindError(
            "a signed image cannot be compressed: a device looks for the signature behind the gzip",
            hint="Publish it without compression.",
        )
    if image.kind is not Kind.APPLICATION or image.family is None:
        raise WrongKindError(
            f"only firmware of an ESP8266 can be compressed, and this is of kind "
            f"{image.kind.value}",
            hint="Publish it without compression.",
        )
