"""Opens a gzip in bounded memory, and finds a signature behind it.

Makes the gzip of an image that eboot inflates: the same bytes for the same image, always.

Header and trailer are written here (RFC 1952, section 2.3), because zlib's own header names the
operating system; there is no time and no file name in it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from acpublish.errors import WrongKindError
from acpublish.image.model import Image, Kind, Signature
from acpublish.image.signature_blocks import describe_esp8266

__all__ = ["compress"]

#: The largest flash that either family maps for one image; what inflates to more is refused.
MAX_INFLATED_BYTES = 16 * 1024 * 1024
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflated:
    """What is inside a gzip.

    Attributes:
        data: The inflated bytes, empty where there is a problem.
        signature: The signature that follows the gzip (``tools/signing.py``).
        problems: What is wrong with the gzip, one phrase each.
    """

    data: bytes = b""
    signature: Signature | None = None
    problems: tuple[str, ...] = ()


def inflate(data: bytes) -> Inflated:
    """Inflates one gzip member, as eboot does.

    A sum that does not hold, an end that is missing and bytes that follow are problems; so is
    more than ``MAX_INFLATED_BYTES``.
    """
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        inner = stream.decompress(data, MAX_INFLATED_BYTES + 1)
    except zlib.error as error:
        return Inflated(problems=(f"the gzip is damaged ({error})",))
    if len(inner) > MAX_INFLATED_BYTES:
        return Inflated(problems=(f"the gzip inflates to more than {MAX_INFLATED_BYTES} bytes",))
    if not stream.eof:
        return Inflated(problems=("truncated: the end of the gzip is missing",))
    behind = stream.unused_data
    signed = len(behind) > 4 and int.from_bytes(behind[-4:], "little") == len(behind) - 4
    if behind and not signed:
        return Inflated(data=inner, problems=(f"{len(behind)} bytes follow the gzip",))
    signature = describe_esp8266(len(behind) - 4) if signed else None
    return Inflated(data=inner, signature=signature)


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
