"""The document ``channels.json`` and the lines of its history, as JSON.

Layout of format 2, with every list flat::

    {"format": 2, "product": P, "serial": N,
     "pointers": [{"channel", "board", "kind", "version", "serial", "at", "by", "why",
                   "taken_back"?, "orders"?, "ordered_back"?}],   the oldest first
     "images": [{"version", "board", "kind"}],         whose publish is complete
     "marks": [{"version", "board", "kind", "state", "serial", "at", "by", "why"}],
     "waiting": [{"version", "serial"}]?,              whose manifests the upgrade could not read
     "history": [{"serial", "action", "at", "by", "why", "version", "channel", "images", "moves",
                  "ordered_back"}]}

Format 1 was in the manifests (:func:`acpublish.release.channels.from_manifests`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from acpublish.errors import ManifestError, VersionError
from acpublish.release import names
from acpublish.release.channels import (
    Action,
    Author,
    Change,
    Channels,
    Mark,
    Move,
    Place,
    Pointer,
    Pointers,
)
from acpublish.release.documents import Fields, loads
from acpublish.release.manifest import STATES
from acpublish.release.names import IMAGE_KINDS
from acpublish.release.version import Version

FORMAT = 2
#: More steps back than anyone looks at; a channel for development gets thousands of releases.
_MAX_BEFORE = 50
_FIX = "Restore it from a backup; nothing of this product is offered until then."


def to_dict(channels: Channels, product: str) -> dict[str, Any]:
    """Returns a document as JSON types."""
    return {
        **channels.extra,
        "format": FORMAT,
        "product": product,
        "serial": channels.serial,
        "pointers": [
            {"channel": channel, **_place(place), **_pointer(pointer)}
            for channel, of_channel in sorted(channels.pointers.items())
            for place, pointers in sorted(of_channel.items())
            for pointer in pointers
        ],
        "images": [
            {"version": str(version), **_place(place)}
            for version, places in channels.images.items()
            for place in sorted(places)
        ],
        "marks": [
            {
                "version": str(version),
                **_place(place),
                "state": mark.state,
                "serial": mark.serial,
                **_author(mark.author),
            }
            for (version, place), mark in channels.marks.items()
        ],
        "history": [change_to_dict(change) for change in channels.history],
        **(
            {
                "waiting": [
                    {"version": str(version), "serial": serial}
                    for version, serial in channels.waiting.items()
                ]
            }
            if channels.waiting
            else {}
        ),
    }


def to_json(channels: Channels, product: str) -> bytes:
    """Returns the bytes of a document."""
    text = json.dumps(to_dict(channels, product), indent=1, sort_keys=True, ensure_ascii=False)
    return text.encode() + b"\n"


def from_json(text: bytes, path: str, product: str) -> Channels:
    """Reads the document of a product.

    Raises:
        NewerFormatError: It is of a newer format.
        ManifestError: It is something else, or of another product; ``path`` leads to it.
    """
    try:
        document = loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path} is not valid JSON", hint=_FIX) from error
    fields = Fields(document, path, _FIX)
    fields.need_format(FORMAT)
    if (other := fields.checked("product", names.product)) != product:
        raise ManifestError(f"{path} is of a different product, {other}", hint=_FIX)
    channels = Channels(
        serial=fields.get("serial", int),
        pointers=_read_pointers(fields),
        images=_read_images(fields),
        marks=dict(_read_marks(fields)),
        history=tuple(change_from_fields(line) for line in fields.objects("history")),
        waiting={
            item.checked("version", Version.parse): item.get("serial", int)
            for item in fields.objects("waiting")
        },
        stored=True,
    )
    return replace(channels, extra=fields.rest())


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """What a channel points at for a board and a kind of image.

    Attributes:
        channel: The channel.
        place: The board and the kind.
        current: What it points at, None for nothing.
        before: What it pointed at before, the newest first; also what was taken back.
    """

    channel: str
    place: Place
    current: Pointer | None
    before: tuple[Pointer, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "channel": self.channel,
            **_place(self.place),
            "current": None if self.current is None else _pointer(self.current),
            "before": [_pointer(pointer) for pointer in self.before],
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> ChannelRow:
        """Reads it.

        Raises:
            ManifestError: A field is missing or invalid.
        """
        current = fields.get("current", dict, None)
        path = f"{fields.path}.current"
        return cls(
            channel=fields.get("channel", str),
            place=_read_place(fields),
            current=None if current is None else _read_pointer(Fields(current, path, _FIX)),
            before=tuple(map(_read_pointer, fields.objects("before"))),
        )


def rows_of(channels: Channels) -> tuple[ChannelRow, ...]:
    """Returns what each channel points at for each board and kind, sorted."""
    rows = []
    for channel in sorted(channels.pointers):
        for place in channels.places(channel):
            current = channels.current(channel, place)
            pointers = reversed(channels.pointers[channel][place])
            before = tuple(pointer for pointer in pointers if pointer is not current)[:_MAX_BEFORE]
            rows.append(ChannelRow(channel=channel, place=place, current=current, before=before))
    return tuple(rows)


def change_to_dict(change: Change) -> dict[str, Any]:
    """Returns a line of the history as JSON types."""
    return {
        "serial": change.serial,
        "action": change.action,
        **_author(change.author),
        "version": str(change.version) if change.version else None,
        "channel": change.channel,
        "images": [_place(place) for place in change.places],
        "moves": [
            {
                "channel": move.channel,
                **_place(move.place),
                "from": str(move.before) if move.before else None,
                "to": str(move.after) if move.after else None,
            }
            for move in change.moves
        ],
        "ordered_back": ordered_to_list(change.ordered_back),
    }


def ordered_to_list(ordered: Mapping[Place, Iterable[Version]]) -> list[dict[str, Any]]:
    """Returns the releases whose devices are ordered back as JSON types."""
    return [
        {**_place(place), "versions": list(map(str, versions))}
        for place, versions in ordered.items()
    ]


def ordered_from_fields(fields: Fields) -> dict[Place, tuple[Version, ...]]:
    """Reads the releases whose devices are ordered back, none if the field is missing.

    Raises:
        ManifestError: It is something else.
    """
    return {
        _read_place(item): tuple(map(_version, item.strings("versions")))
        for item in fields.objects("ordered_back")
    }


def change_from_fields(fields: Fields) -> Change:
    """Reads a line of the history.

    Raises:
        ManifestError: A field is missing or invalid.
    """
    return Change(
        serial=fields.get("serial", int),
        action=fields.one_of("action", get_args(Action)),
        author=_read_author(fields),
        version=_version_or_none(fields, "version"),
        channel=fields.get("channel", str, None),
        places=tuple(_read_place(item) for item in fields.objects("images")),
        moves=tuple(
            Move(
                channel=item.get("channel", str),
                place=_read_place(item),
                before=_version_or_none(item, "from"),
                after=_version_or_none(item, "to"),
            )
            for item in fields.objects("moves")
        ),
        ordered_back=ordered_from_fields(fields),
    )


def _place(place: Place) -> dict[str, str]:
    return {"board": place.board, "kind": place.kind}


def _author(author: Author) -> dict[str, str]:
    return {"at": author.at, "by": author.by, "why": author.why}


def _pointer(pointer: Pointer) -> dict[str, Any]:
    return {
        "version": str(pointer.version),
        "serial": pointer.serial,
        **_author(pointer.author),
        **({"taken_back": True} if pointer.taken_back else {}),
        **({"orders": list(map(str, pointer.orders))} if pointer.orders else {}),
        **({"ordered_back": list(map(str, pointer.ordered_back))} if pointer.ordered_back else {}),
    }


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except VersionError as error:
        raise ManifestError(error.problem, hint=_FIX) from error


def _read_author(fields: Fields) -> Author:
    return Author(
        at=fields.get("at", str), by=fields.get("by", str, ""), why=fields.get("why", str, "")
    )


def _read_place(fields: Fields) -> Place:
    return Place(fields.checked("board", names.board), fields.one_of("kind", IMAGE_KINDS))


def _version_or_none(fields: Fields, key: str) -> Version | None:
    text = fields.get(key, str, None)
    return None if text is None else fields.checked(key, Version.parse)


def _read_pointers(fields: Fields) -> Pointers:
    pointers: dict[str, dict[Place, list[Pointer]]] = {}
    for item in fields.objects("pointers"):
        of_channel = pointers.setdefault(item.checked("channel", names.channel), {})
        of_channel.setdefault(_read_place(item), []).append(_read_pointer(item))
    return {
        channel: {place: tuple(own) for place, own in of_channel.items()}
        for channel, of_channel in pointers.items()
    }


def _read_pointer(fields: Fields) -> Pointer:
    ordered_back = tuple(map(_version, fields.strings("ordered_back")))
    return Pointer(
        version=fields.checked("version", Version.parse),
        serial=fields.get("serial", int),
        author=_read_author(fields),
        taken_back=fields.get("taken_back", bool, False),
        orders=tuple(map(_version, fields.strings("orders"))) or ordered_back,
        ordered_back=ordered_back,
    )


def _read_images(fields: Fields) -> dict[Version, frozenset[Place]]:
    images: dict[Version, frozenset[Place]] = {}
    for item in fields.objects("images"):
        version = item.checked("version", Version.parse)
        images[version] = images.get(version, frozenset()) | {_read_place(item)}
    return images


def _read_marks(fields: Fields) -> Iterator[tuple[tuple[Version, Place], Mark]]:
    for item in fields.objects("marks"):
        mark = Mark(
            state=item.one_of("state", STATES),
            serial=item.get("serial", int),
            author=_read_author(item),
        )
        yield (item.checked("version", Version.parse), _read_place(item)), mark
