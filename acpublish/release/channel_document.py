"""The document ``channels.json`` and the lines of its history, as JSON.

Layout of format 2, with every list flat::

    {"format": 2, "product": P, "serial": N,
     "pointers": [{"channel", "board", "kind", "version", "serial", "at", "by", "why",
                   "taken_back"?, "orders"?, "ordered_back"?, "rolled"?}],   the oldest first
     "policies": {channel: {...}}?,                    opaque
     "rolling": [{"channel", "board", "kind", "version", "serial", "rollout", "at", "by", "why",
                  "policy", "offers_from"?, "halted"?}]?,           on its way there
     "images": [{"version", "board", "kind"}],         whose publish is complete
     "marks": [{"version", "board", "kind", "state", "serial", "at", "by", "why"}],
     "waiting": [{"version", "serial"}]?,              whose manifests the upgrade could not read
     "history": [{"serial", "action", "at", "by", "why", "version", "channel", "images", "moves",
                  "ordered_back", "rolling"?, "policy"?}]}

Format 1 was in the manifests (:func:`acpublish.release.earlier_channels.from_manifests`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from acpublish.errors import AcpublishError, ManifestError, SettingsError, VersionError
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
    Policy,
    Rolling,
)
from acpublish.release.documents import Fields, loads
from acpublish.release.manifest import STATES
from acpublish.release.names import IMAGE_KINDS
from acpublish.release.rolling import need_policy
from acpublish.release.version import Version

FORMAT = 2
_FIX = "Restore it from a backup; nothing of this product is offered until then."


def to_dict(channels: Channels, product: str) -> dict[str, Any]:
    """Returns a document as JSON types."""
    return {
        **channels.extra,
        "format": FORMAT,
        "product": product,
        "serial": channels.serial,
        "pointers": [
            {"channel": channel, **place_to_dict(place), **pointer_to_dict(pointer)}
            for channel, of_channel in sorted(channels.pointers.items())
            for place, pointers in sorted(of_channel.items())
            for pointer in pointers
        ],
        "images": [
            {"version": str(version), **place_to_dict(place)}
            for version, places in channels.images.items()
            for place in sorted(places)
        ],
        "marks": [
            {
                "version": str(version),
                **place_to_dict(place),
                "state": mark.state,
                "serial": mark.serial,
                **_author(mark.author),
            }
            for (version, place), mark in channels.marks.items()
        ],
        "history": [change_to_dict(change) for change in channels.history],
        **({"policies": dict(channels.policies)} if channels.policies else {}),
        **({"rolling": _rolling_to_list(channels)} if channels.rolling else {}),
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
        policies=_read_policies(fields),
        rolling=_read_all_rolling(fields),
        history=tuple(change_from_fields(line) for line in fields.objects("history")),
        waiting={
            item.checked("version", Version.parse): item.get("serial", int)
            for item in fields.objects("waiting")
        },
        stored=True,
    )
    return replace(channels, extra=fields.rest())


def change_to_dict(change: Change) -> dict[str, Any]:
    """Returns a line of the history as JSON types."""
    return {
        "serial": change.serial,
        "action": change.action,
        **_author(change.author),
        "version": str(change.version) if change.version else None,
        "channel": change.channel,
        "images": [place_to_dict(place) for place in change.places],
        "moves": [
            {
                "channel": move.channel,
                **place_to_dict(move.place),
                "from": str(move.before) if move.before else None,
                "to": str(move.after) if move.after else None,
            }
            for move in change.moves
        ],
        "ordered_back": ordered_to_list(change.ordered_back),
        **(
            {"rolling": [place_to_dict(place) for place in change.rolling]}
            if change.rolling
            else {}
        ),
        **({} if change.policy is None else {"policy": dict(change.policy) or None}),
    }


def ordered_to_list(ordered: Mapping[Place, Iterable[Version]]) -> list[dict[str, Any]]:
    """Returns the releases whose devices are ordered back as JSON types."""
    return [
        {**place_to_dict(place), "versions": list(map(str, versions))}
        for place, versions in ordered.items()
    ]


def ordered_from_fields(fields: Fields) -> dict[Place, tuple[Version, ...]]:
    """Reads the releases whose devices are ordered back, none if the field is missing.

    Raises:
        ManifestError: It is something else.
    """
    return {
        place_from_fields(item): tuple(map(_version, item.strings("versions")))
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
        places=tuple(place_from_fields(item) for item in fields.objects("images")),
        moves=tuple(
            Move(
                channel=item.get("channel", str),
                place=place_from_fields(item),
                before=_version_or_none(item, "from"),
                after=_version_or_none(item, "to"),
            )
            for item in fields.objects("moves")
        ),
        ordered_back=ordered_from_fields(fields),
        rolling=tuple(map(place_from_fields, fields.objects("rolling"))),
        policy=_readable(fields.get("policy", dict, None) or {}) if fields.has("policy") else None,
    )


def place_to_dict(place: Place) -> dict[str, str]:
    """Returns a board and kind of image as JSON types."""
    return {"board": place.board, "kind": place.kind}


def _author(author: Author) -> dict[str, str]:
    return {"at": author.at, "by": author.by, "why": author.why}


def pointer_to_dict(pointer: Pointer) -> dict[str, Any]:
    """Returns a pointer as JSON types."""
    return {
        "version": str(pointer.version),
        "serial": pointer.serial,
        **_author(pointer.author),
        **({"taken_back": True} if pointer.taken_back else {}),
        **({"orders": list(map(str, pointer.orders))} if pointer.orders else {}),
        **({"ordered_back": list(map(str, pointer.ordered_back))} if pointer.ordered_back else {}),
        **({"rolled": True} if pointer.rolled else {}),
    }


def rolling_to_dict(entry: Rolling) -> dict[str, Any]:
    """Returns what is on its way to a place of a channel as JSON types."""
    return {
        "version": str(entry.version),
        "serial": entry.serial,
        "rollout": entry.rollout,
        **_author(entry.author),
        "policy": dict(entry.policy),
        **({} if entry.offers_from is None else {"offers_from": entry.offers_from}),
        **({"halted": entry.halted} if entry.halted else {}),
    }


def _rolling_to_list(channels: Channels) -> list[dict[str, Any]]:
    return [
        {"channel": channel, **place_to_dict(place), **rolling_to_dict(entry)}
        for channel, entries in sorted(channels.rolling.items())
        for place, entry in sorted(entries.items())
    ]


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except VersionError as error:
        raise ManifestError(error.problem, hint=_FIX) from error


def _read_author(fields: Fields) -> Author:
    return Author(
        at=fields.get("at", str), by=fields.get("by", str, ""), why=fields.get("why", str, "")
    )


def place_from_fields(fields: Fields) -> Place:
    """Reads a board and kind of image.

    Raises:
        ManifestError: A field is missing or invalid.
    """
    return Place(fields.checked("board", names.board), fields.one_of("kind", IMAGE_KINDS))


def _version_or_none(fields: Fields, key: str) -> Version | None:
    text = fields.get(key, str, None)
    return None if text is None else fields.checked(key, Version.parse)


def _read_pointers(fields: Fields) -> Pointers:
    pointers: dict[str, dict[Place, list[Pointer]]] = {}
    for item in fields.objects("pointers"):
        of_channel = pointers.setdefault(item.checked("channel", names.channel), {})
        of_channel.setdefault(place_from_fields(item), []).append(pointer_from_fields(item))
    return {
        channel: {place: tuple(own) for place, own in of_channel.items()}
        for channel, of_channel in pointers.items()
    }


def pointer_from_fields(fields: Fields) -> Pointer:
    """Reads a pointer.

    Raises:
        ManifestError: A field is missing or invalid.
    """
    ordered_back = tuple(map(_version, fields.strings("ordered_back")))
    return Pointer(
        version=fields.checked("version", Version.parse),
        serial=fields.get("serial", int),
        author=_read_author(fields),
        taken_back=fields.get("taken_back", bool, False),
        orders=tuple(map(_version, fields.strings("orders"))) or ordered_back,
        ordered_back=ordered_back,
        rolled=fields.get("rolled", bool, False),
    )


def _read_all_rolling(fields: Fields) -> dict[str, dict[Place, Rolling]]:
    rolling: dict[str, dict[Place, Rolling]] = {}
    for item in fields.objects("rolling"):
        entries = rolling.setdefault(item.checked("channel", names.channel), {})
        entries[place_from_fields(item)] = rolling_from_fields(item)
    return rolling


def rolling_from_fields(fields: Fields) -> Rolling:
    """Reads what is on its way to a place of a channel.

    Raises:
        ManifestError: A field is missing or invalid.
    """
    return Rolling(
        version=fields.checked("version", Version.parse),
        serial=fields.get("serial", int),
        rollout=fields.get("rollout", int),
        author=_read_author(fields),
        policy=_readable(fields.get("policy", dict)),
        offers_from=fields.get("offers_from", int, None),
        halted=fields.get("halted", str, ""),
    )


def _read_policies(fields: Fields) -> dict[str, Policy]:
    policies = fields.mapping("policies", dict)
    try:
        return {names.channel(channel): _readable(own) for channel, own in policies.items()}
    except AcpublishError as error:
        raise ManifestError(f"{fields.path}.policies: {error.problem}", hint=_FIX) from error


def _readable(policy: Policy) -> Policy:
    try:
        need_policy(policy)
    except SettingsError as error:
        raise ManifestError(error.problem, hint=_FIX) from error
    return policy


def _read_images(fields: Fields) -> dict[Version, frozenset[Place]]:
    images: dict[Version, frozenset[Place]] = {}
    for item in fields.objects("images"):
        version = item.checked("version", Version.parse)
        images[version] = images.get(version, frozenset()) | {place_from_fields(item)}
    return images


def _read_marks(fields: Fields) -> Iterator[tuple[tuple[Version, Place], Mark]]:
    for item in fields.objects("marks"):
        mark = Mark(
            state=item.one_of("state", STATES),
            serial=item.get("serial", int),
            author=_read_author(item),
        )
        yield (item.checked("version", Version.parse), place_from_fields(item)), mark
