"""What devices say and what they need: header names, modes, statuses and the 256-byte rule.

Facts only, for both sides of the wire: the server reads a :class:`Report` out of the headers, the
software device writes the same headers. Nothing here does I/O.

Sources: ``ESP8266httpUpdate.cpp`` (ESP8266 Arduino core 2.4.2 to 3.1.2), ``HTTPUpdate.cpp``
(arduino-esp32 1.0.0 to 2026 master) and ``AutoConnectUpdate.cpp`` (AutoConnect 1.4.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Family = Literal["esp8266", "esp32"]

CATALOG_PATH = "/_catalog"
UPDATE_PREFIX = "/update/"
#: What an upload says beside its address: JSON objects, and a list of signatures.
PROVENANCE_HEADER = "X-Acpublish-Provenance"
PRIVATE_HEADER = "X-Acpublish-Private"
DECLARED_HEADER = "X-Acpublish-Declared"
SKIP_CHECKS_HEADER = "X-Acpublish-Skip-Checks"
SIGNATURE_HEADER = "X-Acpublish-Signature"
SECRETS_HEADER = "X-Acpublish-Secrets"
#: What AutoConnect and HTTPUpdate give as their User-Agent, by the family of the chip.
USER_AGENTS: Mapping[str, Family] = {
    "ESP8266HTTPClient": "esp8266",
    "ESP8266-http-Update": "esp8266",
    "ESP32HTTPClient": "esp32",
    "ESP32-http-Update": "esp32",
}
HEADER_PREFIXES: Mapping[Family, str] = {"esp8266": "x-ESP8266-", "esp32": "x-ESP32-"}
#: Values of ``x-…-mode`` that ask for a filesystem image (``HTTPUpdate.cpp``: ``setModeString``).
FILESYSTEM_MODES = frozenset({"spiffs", "littlefs", "fatfs", "flashfs"})

#: One catalog entry is parsed into ``DynamicJsonDocument(256)`` (``AutoConnectUpdate.cpp``).
ENTRY_DOCUMENT_BYTES = 256
#: More bins than this end the heap of a device that shows the list.
DEVICE_LIST_BINS = 25
#: ESP flash chips hold at most 32 MiB; no image can be larger.
MAX_IMAGE_BYTES = 32 * 1024 * 1024
#: Sizes are parsed into a signed 32-bit number.
MAX_SIZE_BYTES = 2**31 - 1
#: One TCP segment of a device holds 536 bytes; a header must not leave 1 to 3 body bytes in it.
MAX_IMAGE_HEADER_BYTES = 500

#: How the agents of updaters end; HTTPClient is what any sketch may use.
_UPDATER = "-http-Update"
_PREFIXES: Mapping[Family, bytes] = {
    family: prefix.lower().encode() for family, prefix in HEADER_PREFIXES.items()
}
#: What is read of a report, in the order in which :func:`read_report` takes it.
_FIELDS: Mapping[Family, tuple[bytes, ...]] = {
    family: tuple(
        prefix + name
        for name in (
            *(b"mode", b"version", b"sketch-md5", b"sketch-sha256"),
            *(b"sketch-size", b"free-space", b"sta-mac", b"base-mac"),
        )
    )
    for family, prefix in _PREFIXES.items()
}
_MD5 = re.compile(r"[0-9a-fA-F]{32}\Z")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")


class Mode(str, Enum):
    """What a device asks for."""

    SKETCH = "sketch"
    FILESYSTEM = "filesystem"
    VERSION = "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a client says of itself; every field that it did not send, or garbled, is None.

    Attributes:
        family: The chip family by the device headers, by the User-Agent otherwise.
        updater: Whether an updater speaks (device headers or its User-Agent), not just any client.
        mode: What it asks for; ``sketch`` where nothing else is said.
        version: The version that it claims to run, as it was sent.
        sketch_md5: MD5 of the image that runs, 32 lower-case hex digits.
        sketch_sha256: SHA-256 of the image that runs, 64 lower-case hex digits.
        sketch_size: Bytes of the image that runs.
        free_space: Bytes that an update may have.
        mac: The station's address, as it was sent.
    """

    family: Family | None = None
    updater: bool = False
    mode: Mode = Mode.SKETCH
    version: str | None = None
    sketch_md5: str | None = None
    sketch_sha256: str | None = None
    sketch_size: int | None = None
    free_space: int | None = None
    mac: str | None = None


NO_REPORT = Report()
#: What a tool says that asks as devices do and is none.
NO_MAC = "00:00:00:00:00:00"


def read_report(headers: Iterable[tuple[bytes, bytes]]) -> Report:
    """Reads what a client says of itself out of its request headers.

    Args:
        headers: Names in lower case and values, as ASGI gives them.

    Returns:
        The report. No header is demanded and no value is an error.
    """
    said = dict(headers)
    family = _family(said)
    if family is None:
        named = _text(said.get(b"user-agent"))
        agent = USER_AGENTS.get(named.split("/")[0].strip())
        # A sketch that reads a file with HTTPClient is no updater, but is of that chip.
        return NO_REPORT if agent is None else Report(family=agent, updater=_UPDATER in named)
    # Each up-to-date check waits for this, so that only what is wanted is decoded.
    mode, version, md5, sha256, size, free_space, mac, base_mac = [
        _text(said.get(name)) for name in _FIELDS[family]
    ]
    return Report(
        family=family,
        updater=True,
        mode=_mode(mode),
        version=version or None,
        sketch_md5=_digest(_MD5, md5),
        sketch_sha256=_digest(_SHA256, sha256),
        sketch_size=_number(size),
        free_space=_number(free_space),
        mac=mac or base_mac or None,
    )


def _family(names: Iterable[bytes]) -> Family | None:
    for name in names:
        if name.startswith(b"x-esp"):
            for family, prefix in _PREFIXES.items():
                if name.startswith(prefix):
                    return family
    return None


def _text(value: bytes | None) -> str:
    return value.decode("latin-1").strip() if value else ""


def _mode(text: str) -> Mode:
    text = text.lower()
    if text in FILESYSTEM_MODES:
        return Mode.FILESYSTEM
    return Mode.VERSION if text == "version" else Mode.SKETCH


def _digest(shape: re.Pattern[str], text: str) -> str | None:
    return text.lower() if text and shape.match(text) else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def entry_cost(entry: Mapping[str, str | int]) -> int:
    """Returns how many bytes of its document a device needs for one catalog entry.

    The rule fits all measurements with ArduinoJson 6: 16 for each key, and each key and string
    value with its final NUL, in UTF-8.
    """
    cost = 0
    for key, value in entry.items():
        cost += 16 + len(key) + 1
        if isinstance(value, str):
            cost += len(value.encode("utf-8", "surrogateescape")) + 1
    return cost
