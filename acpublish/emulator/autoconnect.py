"""The list that AutoConnectUpdate shows, parsed within the limits of a device.

Source: ``AutoConnectUpdate.cpp`` (1.4.2): it looks for ``[``, then parses one entry after the
other into a document of 256 bytes each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from acpublish.emulator.connection import Answer
from acpublish.wire import ENTRY_DOCUMENT_BYTES, entry_cost

_MAX_LIST_BYTES = 4 * 1024 * 1024
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """One firmware that the page offers; a text that the server left out is shown as ``null``."""

    name: str
    date: str
    time: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPage:
    """What the update page shows.

    Attributes:
        caption: Its headline: ``Available firmwares``, or what is wrong.
        firmwares: What can be chosen.
    """

    caption: str
    firmwares: tuple[Firmware, ...] = ()


class _ListError(Exception):
    """What ArduinoJson says of an entry (``DeserializationError::c_str``)."""


def read_page(answer: Answer, pause_s: float) -> CatalogPage:
    """Reads the answer to a catalog request.

    Args:
        answer: The answer, its head read.
        pause_s: How long the body may pause before the list counts as complete.
    """
    if answer.status != 200:
        return CatalogPage(caption=f"Update server responds ({answer.status})")
    count = answer.size if answer.size >= 0 else _MAX_LIST_BYTES
    text = answer.read(min(count, _MAX_LIST_BYTES), pause_s).decode("utf-8", "replace")
    try:
        entries = list(_entries(text))
    except _ListError as fault:
        return CatalogPage(caption=f"Invalid catalog list: {fault}")
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


def _entries(text: str) -> Iterator[dict[str, Any]]:
    at = text.find("[") + 1
    if not at:
        raise _ListError("InvalidInput" if text else "EmptyInput")
    while True:
        entry, at = _entry(text, at)
        yield entry
        following = text[at:].lstrip()[:1]
        # After an entry it seeks a comma before a bracket: neither ends the list silently.
        if following != ",":
            return
        at = text.index(",", at) + 1


def _entry(text: str, at: int) -> tuple[dict[str, Any], int]:
    while at < len(text) and text[at].isspace():
        at += 1
    try:
        value, end = _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        whole = "]" in text[at:]
        raise _ListError("InvalidInput" if whole else "IncompleteInput") from None
    if not isinstance(value, dict):
        raise _ListError("InvalidInput")
    flat = {key: one for key, one in value.items() if isinstance(one, str | int)}
    if entry_cost(flat) > ENTRY_DOCUMENT_BYTES:
        raise _ListError("NoMemory")
    return value, end


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else "null"
