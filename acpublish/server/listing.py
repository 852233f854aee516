"""``/_catalog?op=list&path=...``: the list that AutoConnect shows, and that clients read.

A device parses each entry into 256 bytes, shows few bins before its memory ends, and asks only for
the root; so its list is shortened, filtered by its chip, and in the root it also has the newest
image of each product. Everyone else gets every entry as it is.

A list is kept while its directory's time stands still, at least 50 ms and at most 2 s: a file that
grows does not change its directory, and reading a large directory must not become a full-time job.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from acpublish.catalog.files import CatalogFiles, Directory, Entry
from acpublish.release import names
from acpublish.release.decision import Target, choose
from acpublish.release.manifest import Release
from acpublish.server import http
from acpublish.server.cache import Places
from acpublish.server.http import Request, Send
from acpublish.wire import (
    DEVICE_LIST_BINS,
    ENTRY_DOCUMENT_BYTES,
    MAX_SIZE_BYTES,
    Family,
    entry_cost,
)

_log = logging.getLogger(__name__)

_SHORTEST_LIFE_S = 0.05
_LONGEST_LIFE_S = 2.0
#: Listing may take a tenth of the time at most.
_LIFE_PER_COST = 10
_KEPT = 256
#: 9999-12-31, the last day that :mod:`datetime` knows.
_LAST_TIME_S = 253_402_214_400.0

Row = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A list, what it was made from, and until when it holds."""

    stamp: object
    until: float
    body: bytes
    headers: list[tuple[bytes, bytes]]


class Listing:
    """Answers the catalog's one operation."""

    def __init__(self, files: CatalogFiles, places: Places) -> None:
        self._files = files
        self._places = places
        self._kept: dict[tuple[str, Family | None], _Kept] = {}
        self._making: dict[tuple[str, Family | None], asyncio.Task[_Kept]] = {}

    async def answer(self, request: Request, send: Send) -> int:
        """Answers a request for a list."""
        wanted = _wanted(request.query)
        if wanted is None:
            return await http.text(send, 400, "The only operation is op=list.")
        directory = self._directory(wanted)
        if directory is None:
            return await http.missing(send)
        kept = await self._list(directory, request.report.family)
        body = b"" if request.method == "HEAD" else kept.body
        return await http.whole(send, 200, kept.headers, body)

    def _directory(self, attempts: Iterable[bytes]) -> Directory | None:
        for attempt in attempts:
            found = self._places.locate(attempt)
            if isinstance(found, Directory):
                return found
        return None

    async def _list(self, directory: Directory, family: Family | None) -> _Kept:
        key = (str(directory.path), family)
        stamp = self._stamp(directory, family)
        kept = self._kept.get(key)
        if kept is not None and kept.stamp == stamp and kept.until > time.monotonic():
            return kept
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(self._make, directory, family, stamp))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        # One client that leaves must not end the listing for the others.
        return await asyncio.shield(task)

    def _made(self, key: tuple[str, Family | None], task: asyncio.Task[_Kept]) -> None:
        self._making.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[key] = task.result()

    def _stamp(self, directory: Directory, family: Family | None) -> object:
        """Returns what a list is made from, as far as that can be told without making it."""
        catalog = self._files.catalog
        if directory.product:
            return catalog.releases(directory.product)
        try:
            changed = os.stat(directory.path).st_mtime_ns
        except OSError:
            changed = 0
        if family is None or directory.path != catalog.root:
            return changed
        return changed, tuple(catalog.releases(product) for product in catalog.products())

    def _make(self, directory: Directory, family: Family | None, stamp: object) -> _Kept:
        began = time.monotonic()
        entries = self._files.entries(directory)
        if family is None:
            rows = [_row(entry) for entry in entries]
        else:
            rows = list(self._for_device(directory, entries, family))
        body = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
        now = time.monotonic()
        life_s = min(max(_SHORTEST_LIFE_S, _LIFE_PER_COST * (now - began)), _LONGEST_LIFE_S)
        headers = http.length_and_type(body, b"application/json")
        return _Kept(stamp=stamp, until=now + life_s, body=body, headers=headers)

    def _for_device(
        self, directory: Directory, entries: Iterable[Entry], family: Family
    ) -> Iterator[Row]:
        if directory.path == self._files.catalog.root:
            entries = sorted(
                [*entries, *self._of_products(family)],
                key=lambda entry: (-entry.modified, entry.name),
            )
        bins = rows = 0
        for entry in entries:
            row = _row(entry)
            # The device cuts the seconds off, and each byte of its document counts.
            row["time"] = str(row["time"])[:5]
            if not _fits(entry, row, family):
                continue
            if entry.type == "bin":
                bins += 1
                if bins > DEVICE_LIST_BINS:
                    continue
            rows += 1
            yield row
        if not rows:
            # An empty array is shown as an error, an entry that is no bin as "no firmware".
            yield _row(Entry(name=".", type="directory", size=0, modified=time.time()))

    def _of_products(self, family: Family) -> Iterator[Entry]:
        """Returns the newest image of each product and board that fits a device."""
        for product in self._files.catalog.products():
            releases = self._files.catalog.releases(product)
            own = Directory(path=self._files.catalog.root / product, product=product)
            shown = {entry.name: entry for entry in self._files.entries(own)}
            boards = {image.board for release in releases for image in release.images}
            for board in sorted(boards):
                target = choose(releases, board, names.STABLE) or _newest_at_all(releases, board)
                if target is None:
                    continue
                entry = shown.get(target.image.file)
                if entry is not None:
                    yield replace(entry, name=f"{product}/{entry.name}")


def _newest_at_all(releases: Iterable[Release], board: str) -> Target | None:
    targets = [
        (max(image.channels.values()), Target(release, image))
        for release in releases
        if (image := release.image_for(board, "firmware")) is not None and image.channels
    ]
    return max(targets, key=lambda entry: entry[0])[1] if targets else None


def _fits(entry: Entry, row: Row, family: Family) -> bool:
    if entry.type == "bin" and entry.family not in (None, family):
        return False
    if entry.size > MAX_SIZE_BYTES:
        return False
    if entry_cost(row) > ENTRY_DOCUMENT_BYTES:
        _log.warning("left out of a device's list, its name is too long: %s", ascii(entry.name))
        return False
    return True


def _row(entry: Entry) -> Row:
    # A file can have any time; one year is as good as another where none can be shown.
    when = datetime.fromtimestamp(min(max(entry.modified, 0.0), _LAST_TIME_S), timezone.utc)
    return {
        "name": entry.name,
        "type": entry.type,
        "date": when.strftime("%Y-%m-%d"),
        "time": when.strftime("%H:%M:%S"),
        "size": entry.size,
    }


@lru_cache(_KEPT)
def _wanted(query: bytes) -> tuple[bytes, ...] | None:
    """Returns the directories that a query may mean, most literal first; None for another op.

    The path comes raw, so ``&`` and ``+`` may be characters of it.
    """
    keys: dict[bytes, bytes] = {}
    for part in query.split(b"&"):
        key, _, value = part.partition(b"=")
        keys.setdefault(key, value)
    if keys.get(b"op") != b"list":
        return None
    path = keys.get(b"path", b"")
    attempts = [path, unquote_to_bytes(path.replace(b"+", b" "))]
    if query.startswith(b"op=list&path="):
        attempts.insert(0, query[len(b"op=list&path=") :])
    return tuple(attempts)
