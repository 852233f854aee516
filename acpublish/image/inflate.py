"""Opens a gzip in bounded memory, and finds a signature behind it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from acpublish.image.model import Signature
from acpublish.image.signatures import describe_esp8266

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
