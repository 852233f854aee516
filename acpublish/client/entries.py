"""Reads the list of a catalog directory, as a server sends it, strictly into typed entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

from acpublish.errors import VerificationError

EntryType = Literal["bin", "directory", "file"]

_DATES = ("%Y-%m-%d", "%m/%d/%y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y")
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a catalog.

    Attributes:
        name: As the server lists it.
        type: An image, a directory, or a different file.
        size: Bytes; 0 if the server does not say.
        modified: By the server's own clock and time zone; None if it does not say.
        path: The path below the server's base URL.
    """

    name: str
    type: EntryType
    size: int
    modified: datetime | None
    path: str


def read_list(document: Any, path: str, where: str) -> Iterator[Entry]:
    """Reads the list that a server sent.

    Args:
        document: The list, as JSON types.
        path: The requested directory.
        where: The server's URL, for the message.

    Raises:
        VerificationError: The list is malformed.
    """
    if not isinstance(document, list):
        raise VerificationError(
            f"{where} sent a catalog that is not a list",
            hint="Check that the URL is that of an update server.",
        )
    below = "/".join(part for part in path.split("/") if part not in ("", "."))
    for number, item in enumerate(document):
        entry = _entry(item, below)
        if entry is None:
            raise VerificationError(
                f"{where} sent a catalog whose entry [{number}] is malformed",
                hint="Check that the URL is that of an update server.",
            )
        # A device gets "." if there is nothing for it; that is not an entry.
        if entry.name != ".":
            yield entry


def _entry(item: Any, below: str) -> Entry | None:
    if not isinstance(item, dict):
        return None
    name, kind, size = item.get("name"), item.get("type"), item.get("size", 0)
    if not isinstance(name, str) or kind not in get_args(EntryType) or not _is_safe(name):
        return None
    if type(size) is not int or size < 0:
        return None
    return Entry(
        name=name,
        type=cast(EntryType, kind),
        size=size,
        modified=_modified(item.get("date"), item.get("time")),
        path=f"{below}/{name}" if below else name,
    )


def _is_safe(name: str) -> bool:
    """Returns whether a listed name can neither lead elsewhere nor hide anything."""
    parts = name.split("/")
    return name == "." or (
        "\0" not in name and "\\" not in name and not set(parts) & {"", ".", ".."}
    )


def _modified(date: Any, time: Any) -> datetime | None:
    """Returns the time of an entry; servers write it in their locale, so this is a guess."""
    if not isinstance(date, str) or not isinstance(time, str):
        return None
    for day in _DATES:
        for hour in _TIMES:
            try:
                return datetime.strptime(f"{date} {time}", f"{day} {hour}")
            except ValueError:
                continue
    return None
