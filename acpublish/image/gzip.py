"""The gzip of an image, which the ESP8266's bootloader eboot inflates.

- :func:`compress` makes it: always the same bytes for the same image. Header and trailer are
  written here (RFC 1952, section 2.3), without a time or file name, because zlib's own header names
  the operating system.
- :func:`inflate` opens it in bounded memory, and finds a signature that follows it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from acpublish.errors import WrongKindError
from acpublish.image.model import Image, Kind, Signature
from acpublish.image.signature_blocks import describe_esp8266

#: The largest flash that either family maps for one image; a gzip of more bytes is refused.
MAX_INFLATED_BYTES = 16 * 1024 * 1024
#: Tells zlib to expect a gzip header and trailer.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
#: Deflate, no further fields, no time, smallest size requested (2), unknown system (255).
_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x02\xff"
#: eboot keeps a window of 32 KiB (``eboot.c``: ``uzlib_init``), which is all that deflate needs.
_RAW_DEFLATE = -zlib.MAX_WBITS
_LEVEL, _MEMORY = 9, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflated:
    """The content of a gzip.

    Attributes:
        data: The inflated bytes; empty if the gzip cannot be inflated.
        signature: The signature that follows the gzip (``tools/signing.py``).
        problems: What is wrong with the gzip, one phrase each.
    """

    data: bytes = b""
    signature: Signature | None = None
    problems: tuple[str, ...] = ()


def inflate(data: bytes) -> Inflated:
    """Inflates one gzip member, as eboot does.

    A wrong checksum, a missing end, bytes that follow, and a content of more than
    ``MAX_INFLATED_BYTES`` are problems.
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
    trailing = stream.unused_data
    signed = len(trailing) > 4 and int.from_bytes(trailing[-4:], "little") == len(trailing) - 4
    if trailing and not signed:
        return Inflated(data=inner, problems=(f"{len(trailing)} bytes follow the gzip",))
    signature = describe_esp8266(len(trailing) - 4) if signed else None
    return Inflated(data=inner, signature=signature)


def compress(data: bytes, image: Image) -> bytes:
    """Returns the gzip of an image.

    Args:
        data: Exactly the bytes that eboot is to write.
        image: The image that :func:`acpublish.image.reader.read` returned for them.

    Raises:
        WrongKindError: No device could inflate it, or it must not be compressed.
    """
    _refuse_unsuitable(image)
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW_DEFLATE, _MEMORY)
    body = compressor.compress(data) + compressor.flush()
    return _HEADER + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def _refuse_unsuitable(image: Image) -> None:
    if image.family == "esp32":
        # HTTPUpdate.cpp (arduino-esp32), handleUpdate: "Verify Bin Header Failed" otherwise.
        raise WrongKindError(
            f"an image for {image.chip} cannot be compressed: HTTPUpdate on an ESP32 accepts only "
            "files that begin with 0xE9",
            hint="Publish it without compression.",
        )
    if image.kind is Kind.SIGNED:
        raise WrongKindError(
            "a signed image cannot be compressed: a device looks for the signature after the gzip",
            hint="Publish it without compression.",
        )
    if image.kind is not Kind.APPLICATION or image.family is None:
        raise WrongKindError(
            f"only ESP8266 firmware can be compressed, but the kind of this file is "
            f"{image.kind.value}",
            hint="Publish it without compression.",
        )
