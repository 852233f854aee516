"""The files with what a product's channels point at, and with its history.

``channels.json`` is written last in every change, and its rename commits the change. It contains
the last :data:`MAX_HISTORY` lines of history; older ones are moved to numbered files before it is
written. A change that was not committed may have left such a file, whose lines the document then
still has, so lines are told apart by their numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from acpublish import atomic
from acpublish.catalog import layout
from acpublish.errors import ManifestError
from acpublish.input_files import read_own
from acpublish.release import channel_document
from acpublish.release.changes import author, moved_from, recorded
from acpublish.release.channels import Change, Channels
from acpublish.release.documents import Fields, loads
from acpublish.release.earlier_channels import from_manifests, joined
from acpublish.release.manifest import Release
from acpublish.release.version import Version

_log = logging.getLogger(__name__)

#: The changes that the document itself contains.
MAX_HISTORY = 1000
#: How many are moved at once, so that few changes have to write a second file.
_MOVED = 500
#: The numbers that are left for what each manifest that cannot be read says of channels: more than
#: a release has images, so that they keep their order.
_ROOM = 1000
_FIX = "Restore it from a backup, or remove it."


def read_channels(root: Path, product: str, releases: Iterable[Release]) -> Channels:
    """Returns what a product's channels point at.

    Args:
        root: The catalog's directory.
        product: The product.
        releases: Its releases, as their manifests have them, which say it where the document
            does not yet.

    Raises:
        ManifestError: The document is damaged, or of a newer format.
        OSError: It cannot be read.
    """
    stored = stored_channels(root, product)
    return joined(stored, releases) if stored else from_manifests(releases)


def stored_channels(root: Path, product: str) -> Channels | None:
    """Returns a product's document as it was written; None if there is none yet.

    Raises:
        ManifestError: It is damaged, or of a newer format.
        OSError: It cannot be read.
    """
    path = layout.channels(root, product)
    try:
        text = read_own(path)
    except FileNotFoundError:
        return None
    return channel_document.from_json(text, _name(path), product)


def upgrade_channels(
    root: Path, product: str, releases: Iterable[Release], unreadable: Iterable[Version] = ()
) -> Channels | None:
    """Writes down what the channels point at, as far as only the manifests say it.

    Args:
        root: The catalog's directory, whose lock the caller has.
        product: The product.
        releases: All of its releases that can be read, as their manifests have them.
        unreadable: The others. Each joins once its manifest can be read
            (:func:`acpublish.release.earlier_channels.joined`).

    Returns:
        What was written; None if there was nothing to do.

    Raises:
        ManifestError: What the channels point at cannot be read.
        OSError: A file cannot be read or written.
    """
    before = stored_channels(root, product)
    channels = joined(before, releases) if before else from_manifests(releases)
    waiting = () if before else tuple(unreadable)
    if channels == before or not (before or channels.images or waiting):
        return None
    if waiting:
        last = channels.serial + _ROOM * len(waiting)
        channels = replace(channels, serial=last, waiting=dict.fromkeys(waiting, last))
    moves = [
        moved_from(channel, place, before.current(channel, place) if before else None, after)
        for channel in channels.pointers
        for place in channels.places(channel)
        if (pointer := channels.current(channel, place))
        for after in [pointer.version]
    ]
    planned = recorded(
        channels,
        channels,
        "upgrade",
        author(datetime.now(timezone.utc)),
        None,
        None,
        (),
        [move for move in moves if move.before != move.after],
    )
    write_channels(root, product, planned.channels)
    if before is None:
        for version in waiting:
            _log.warning("%s %s is not offered until its manifest can be read", product, version)
        _log.warning(
            "the channels of %s are in a document of their own now: stop every server of an older "
            "acpublish on this catalog, because it would still offer what it knew",
            product,
        )
    return planned.channels


def write_channels(root: Path, product: str, channels: Channels) -> None:
    """Commits a change.

    Raises:
        UnflushedError: The change is made, but cannot be flushed to the disk.
        OSError: A file cannot be written; then nothing was changed.
    """
    if len(channels.history) > MAX_HISTORY:
        moved, kept = channels.history[:_MOVED], channels.history[_MOVED:]
        lines = (json.dumps(channel_document.change_to_dict(change)) for change in moved)
        path = layout.history(root, product, moved[0].serial)
        atomic.write(path, "".join(f"{line}\n" for line in lines).encode(), layout.temporary(root))
        channels = replace(channels, history=kept)
    text = channel_document.to_json(channels, product)
    # What could not be read again would stop the whole product.
    channel_document.from_json(text, layout.CHANNELS, product)
    atomic.write(layout.channels(root, product), text, layout.temporary(root))


def read_history(root: Path, product: str, channels: Channels) -> tuple[Change, ...]:
    """Returns every change of a product, the oldest first.

    Raises:
        ManifestError: A file of older history is damaged.
        OSError: A file cannot be read.
    """
    changes = {change.serial: change for change in channels.history}
    for path in sorted(layout.manifests(root, product).glob("history-*.jsonl")):
        for number, line in enumerate(read_own(path).splitlines(), 1):
            where = f"{_name(path)}, line {number}"
            try:
                document = loads(line)
            except (ValueError, RecursionError) as error:
                raise ManifestError(f"{where} is not valid JSON", hint=_FIX) from error
            change = channel_document.change_from_fields(Fields(document, where, _FIX))
            changes.setdefault(change.serial, change)
    return tuple(change for _, change in sorted(changes.items()))


def _name(path: Path) -> str:
    return f"{layout.manifests(Path())}/{path.parent.name}/{path.name}"
