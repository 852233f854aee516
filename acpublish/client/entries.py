"""The list of a catalog's directory, as a server answers it: read strictly, into typed entries."""

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
        type: An image, a directory, or another file.
        size: Bytes; 0 where the server does not say.
        modified: By the server's own clock and time zone; None where it does not say.
        path: What to ask for below the server's address.
    """

    name: str
    type: EntryType
    size: int
    modified: datetime | None
    path: str


def read_list(document: Any, path: str, where: str) -> Iterator[Entry]:
    """Reads the list that a server answered.

    Args:
        document: The list, as JSON types.
        path: The directory that was asked for.
        where: The server's address, for the message.

    Raises:
        VerificationError: The list is garbled.
    """
    if not isinstance(document, list):
        raise VerificationError(
            f"{where} answers with a catalog that is no list",
            hint="Check that the address is that of an update server.",
        )
    below = "/".join(part for part in path.split("/") if part not in ("", "."))
    for number, item in enumerate(document):
        entry = _entry(item, below)
        if entry is None:
            raise VerificationError(
                f"{where} answers with a catalog whose entry [{number}] is garbled",
                hint="Check that the address is that of an update server.",
            )
        # A device is given "." where nothing is left for it; it is no entry.
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
    """Tells whether a name that a server lists can neither lead elsewhere nor hide anything."""
    parts = name.split("/")
    return name == "." or (
        "\0" not in name and "\\" not in name and not set(parts) & {"", ".", ".."}
    )


def _modified(date: Any, time: Any) -> datetime | None:
    """Returns the time of an entry; servers write it by their locale, so this is a guess."""
    if not isinstance(date, str) or not isinstance(time, str):
        return None
    for day in _DATES:
        for hour in _TIMES:
            try:
                return datetime.strptime(f"{date} {time}", f"{day} {hour}")
            except ValueError:
                continue
    return None
