"""The list that AutoConnectUpdate shows, parsed within the limits of a device.

Source: ``AutoConnectUpdate.cpp`` (1.4.2): it searches for ``[``, then parses one entry after
another, each into a document of 256 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from acpublish.emulator.connection import DeviceResponse
from acpublish.wire import ENTRY_DOCUMENT_BYTES, JsonVersion, entry_cost

_MAX_LIST_BYTES = 4 * 1024 * 1024
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """One firmware image that the page offers; a missing string is shown as ``null``."""

    name: str
    date: str
    time: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPage:
    """What the update page shows.

    Attributes:
        caption: Its headline: ``Available firmwares``, or what is wrong.
        firmwares: The images that can be chosen.
        cause: What the page does not say of a failure, and what to do, as sentences; empty if
            unknown.
    """

    caption: str
    firmwares: tuple[Firmware, ...] = ()
    cause: str = ""


class _ListError(Exception):
    """ArduinoJson's error for an entry, in the words of ``DeserializationError::c_str``."""


def read_page(
    response: DeviceResponse, pause_s: float, json_version: JsonVersion = 6
) -> CatalogPage:
    """Reads the response to a catalog request.

    Args:
        response: The response, its head read already.
        pause_s: How long the body may pause before the list counts as complete, in seconds.
        json_version: The version of ArduinoJson that parses the entries.
    """
    if response.status != 200:
        return CatalogPage(caption=f"Update server responds ({response.status})")
    count = response.size if response.size >= 0 else _MAX_LIST_BYTES
    text = response.read(min(count, _MAX_LIST_BYTES), pause_s).decode("utf-8", "replace")
    try:
        entries = list(_entries(text, json_version))
    except _ListError as error:
        return CatalogPage(caption=f"Invalid catalog list: {error}")
    firmwares = tuple(
        Firmware(
            name=_text(entry, "name"),
            date=_text(entry, "date"),
            time=_text(entry, "time")[:5],
            size=entry["size"] if isinstance(entry.get("size"), int) else 0,
        )
        for entry in entries
        if entry.get("type") == "bin"
    )
    caption = "Available firmwares" if firmwares else "No available firmwares"
    return CatalogPage(caption=caption, firmwares=firmwares)


def _entries(text: str, json_version: JsonVersion = 6) -> Iterator[dict[str, Any]]:
    offset = text.find("[") + 1
    if not offset:
        raise _ListError("InvalidInput" if text else "EmptyInput")
    while True:
        entry, offset = _entry(text, offset, json_version)
        yield entry
        following = text[offset:].lstrip()[:1]
        # After an entry it searches for a comma; without one, the list ends silently.
        if following != ",":
            return
        offset = text.index(",", offset) + 1


def _entry(text: str, offset: int, json_version: JsonVersion) -> tuple[dict[str, Any], int]:
    while offset < len(text) and text[offset].isspace():
        offset += 1
    try:
        entry, end = _DECODER.raw_decode(text, offset)
    except (ValueError, RecursionError):
        complete = "]" in text[offset:]
        raise _ListError("InvalidInput" if complete else "IncompleteInput") from None
    if not isinstance(entry, dict):
        raise _ListError("InvalidInput")
    flat = {key: value for key, value in entry.items() if isinstance(value, str | int)}
    if entry_cost(flat, json_version) > ENTRY_DOCUMENT_BYTES:
        raise _ListError("NoMemory")
    return entry, end


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else "null"
