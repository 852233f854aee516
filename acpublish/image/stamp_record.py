"""The strings of a stamp: how long they may be, and the record for them in an ESP8266 image.

Every build links the record in, so this module imports nothing else.
"""

from __future__ import annotations

#: Both the app descriptor and the record have 32 bytes for each string, with a NUL at the end
#: (``esp_app_desc.h``).
STAMP_FIELD_BYTES = 32
#: The record that is linked into an ESP8266 image begins with these bytes; product and version
#: follow, ``STAMP_FIELD_BYTES`` each. The last byte is the version of the record's layout.
ESP8266_RECORD_MAGIC = b"\x7fACPUBLISHSTAMP\x01"


def fits(text: str) -> bool:
    """Returns whether a string fits into a stamp: 1 to 31 printable ASCII characters."""
    return 0 < len(text) < STAMP_FIELD_BYTES and text.isascii() and text.isprintable()


def blank_record() -> bytes:
    """Returns the record that is linked into an ESP8266 image: the magic and two empty strings."""
    return ESP8266_RECORD_MAGIC + bytes(2 * STAMP_FIELD_BYTES)
