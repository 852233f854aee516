"""``/_catalog?op=list&path=...``: the list that AutoConnect shows, and that clients read.

A device parses each entry into 256 bytes, runs out of memory after a few bins, and requests only
the root. So its list is shortened and filtered by its chip, and its root list also has the newest
image of each product. Everyone else gets every entry as it is.

A list is cached while its directory's time does not change, and for 2 s at most, because a file
that grows does not change its directory (:class:`acpublish.server.cache.AnswerCache`).
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from acpublish.catalog.contents import CatalogFiles, Directory, Entry
from acpublish.release import names
from acpublish.release.decision import Target, choose
from acpublish.release.manifest import Release
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.cache import AnswerCache, LocationCache
from acpublish.server.device_access import DeviceAccess, unknown_path
from acpublish.server.lately import FRESH_S
from acpublish.server.product_reader import ProductReader
from acpublish.server.response_head import response_head
from acpublish.wire import (
    DEVICE_LIST_BINS,
    ENTRY_DOCUMENT_BYTES,
    MAX_SIZE_BYTES,
    Family,
    entry_cost,
    is_requestable,
)

_log = logging.getLogger(__name__)

#: How many queries are remembered.
_MAX_QUERIES = 256
#: If it took longer to find out whether a list has changed, a thread does it from then on.
_SLOW_STAMP_S = 0.001
#: Nobody knows how long it takes to read all products, so the first time a thread does it.
_UNKNOWN_S = 1.0
#: How long a list may read files that the server does not know yet: a device waits 5 s for the
#: first byte, and lists for others must not keep the server busy. Once read, a file is remembered.
_DEVICE_READING_S = 2.0
_READING_S = 0.2
#: 9999-12-31, the last day that :mod:`datetime` knows.
_LAST_TIME_S = 253_402_214_400.0

Row = dict[str, str | int]


class _Listed(NamedTuple):
    """What is remembered with the head of a request, and used again for a moment."""

    answer: Answer
    until: float
    changes: int

    def applies(self, changes: int) -> bool:
        """Returns whether nothing needs to be looked at."""
        return changes == self.changes and time.monotonic() < self.until


class Listing:
    """Answers with the lists of directories."""

    def __init__(
        self,
        files: CatalogFiles,
        locations: LocationCache,
        answers: AnswerCache,
        reader: ProductReader,
        access: DeviceAccess,
    ) -> None:
        """Prepares to list.

        Args:
            files: The catalog.
            locations: What paths lead to.
            answers: Keeps the lists.
            reader: Looks at products.
            access: Knows the secret paths.
        """
        self._files = files
        self._locations = locations
        self._answers = answers
        self._reader = reader
        self._access = access
        #: How often this server has changed something itself.
        self._changes = 0
        #: How long it last took to stamp the root list of devices, and any other directory.
        self._stamp_s = {True: _UNKNOWN_S, False: 0.0}

    def forget(self) -> None:
        """Makes the next request see what has just been changed."""
        self._changes += 1

    def answer(self, request: Request) -> Responding:
        """Answers a request for a list."""
        memo = request.head.memo
        if type(memo) is _Listed and memo.applies(self._changes):
            return memo.answer
        paths = _paths(request.query)
        if paths is None:
            return answer.text(400, "The only operation is op=list.")
        paths = self._access.listed(paths)
        if not paths:
            return unknown_path()
        product = self._reader.must_read(paths[-1])
        return (
            self._list(request, paths) if product is None else self._read(product, request, paths)
        )

    async def _read(self, product: str, request: Request, paths: tuple[bytes, ...]) -> Answer:
        await self._reader.read(product)
        return await answer.answered(self._list(request, paths))

    def _list(self, request: Request, paths: tuple[bytes, ...]) -> Responding:
        directory = self._directory(paths)
        if directory is None:
            return answer.missing()
        family = request.report.family
        stamp = None
        if self._stamp_s[self._of_all(directory, family)] <= _SLOW_STAMP_S:
            stamp = self._timed(directory, family)
            body = self._answers.known(_key(directory, family), stamp)
            if body is not None:
                return self._with_list(request, body)
        return self._make_later(request, directory, family, stamp)

    def _with_list(self, request: Request, body: bytes) -> Answer:
        """Answers with a list; the answer is made once for as long as the list stays the same."""
        memo = request.head.memo
        if type(memo) is _Listed and memo.answer.body is body:
            listed = memo.answer
        else:
            head = response_head(200, answer.length_and_type(body, b"application/json"))
            listed = Answer(200, head, body)
        request.head.memo = _Listed(listed, time.monotonic() + FRESH_S, self._changes)
        return listed

    def _directory(self, paths: Iterable[bytes]) -> Directory | None:
        for path in paths:
            location = self._locations.locate(path)
            if isinstance(location, Directory):
                return location
        return None

    async def _make_later(
        self, request: Request, directory: Directory, family: Family | None, stamp: object
    ) -> Answer:
        if stamp is None:
            # Finding it out is slow: many products, or a slow disk.
            stamp = await self._answers.run(lambda: self._timed(directory, family))
        body = await self._answers.get(
            _key(directory, family), stamp, lambda: self._make(directory, family)
        )
        return self._with_list(request, body)

    def _of_all(self, directory: Directory, family: Family | None) -> bool:
        """Returns whether a list has the images of all products."""
        return family is not None and directory.path == self._files.catalog.root

    def _timed(self, directory: Directory, family: Family | None) -> object:
        begin = time.monotonic()
        value = self._stamp(directory, family)
        self._stamp_s[self._of_all(directory, family)] = time.monotonic() - begin
        return value

    def _stamp(self, directory: Directory, family: Family | None) -> object:
        """Returns what a list is made from, as far as that is known without making it."""
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

    def _make(self, directory: Directory, family: Family | None) -> bytes:
        entries = self._files.entries(directory)
        if family is None:
            until = time.monotonic() + _READING_S
            rows = [_row(self._examined(directory, entry, until) or entry) for entry in entries]
        else:
            rows = list(self._for_device(directory, entries, family))
        return answer.json_body(rows)

    def _for_device(
        self, directory: Directory, entries: Iterable[Entry], family: Family
    ) -> Iterator[Row]:
        if directory.path == self._files.catalog.root:
            entries = sorted(
                [*entries, *self._of_products(family)],
                key=lambda entry: (-entry.modified, entry.name),
            )
        bins = rows = cut = unread = 0
        until = time.monotonic() + _DEVICE_READING_S
        for listed in entries:
            if listed.type == "bin" and bins >= DEVICE_LIST_BINS:
                cut += listed.family in (None, family)
                continue
            entry = self._examined(directory, listed, until)
            if entry is None:
                unread += 1
                continue
            row = _row(entry)
            # The device cuts the seconds off, and each byte of its document counts.
            row["time"] = str(row["time"])[:5]
            if not _fits(entry, row, family):
                continue
            if entry.type == "bin":
                bins += 1
            rows += 1
            yield row
        if cut:
            _log.warning(
                "a list for devices shows the newest %d images and omits %d older ones, because a "
                "device cannot hold more",
                DEVICE_LIST_BINS,
                cut,
            )
        if unread:
            _log.warning("a list for devices omits %d images that are not read yet", unread)
        if not rows:
            # A device shows an empty array as an error, and an entry that is not a bin as
            # "No available firmwares".
            yield _row(Entry(name=".", type="directory", size=0, modified=time.time()))

    def _examined(self, directory: Directory, entry: Entry, until: float) -> Entry | None:
        """Reads a file that looks like firmware, so that a damaged one is none.

        Returns:
            The entry as it is to be listed, None if there is no time left to read its file.
        """
        if "/" in entry.name or not self._files.is_unread(directory, entry):
            return entry
        return self._files.examined(directory, entry) if time.monotonic() < until else None

    def _of_products(self, family: Family) -> Iterator[Entry]:
        """Returns the newest image for each product and board."""
        for product in self._files.catalog.products():
            releases = self._files.catalog.releases(product)
            own = Directory(path=self._files.catalog.root / product, product=product)
            shown = {entry.name: entry for entry in self._files.entries(own)}
            boards = {image.board for release in releases for image in release.images}
            for board in sorted(boards):
                target = choose(releases, board, names.STABLE) or _without_stable(releases, board)
                if target is None:
                    continue
                entry = shown.get(target.image.file)
                if entry is not None:
                    yield replace(entry, name=f"{product}/{entry.name}")


def _key(directory: Directory, family: Family | None) -> tuple[str, Family | None]:
    return str(directory.path), family


def _without_stable(releases: Iterable[Release], board: str) -> Target | None:
    """Returns the newest image for a board that was never on the stable channel.

    A stable channel whose release was taken back is empty: a development build must not take its
    place.
    """
    images = [(release, release.image_for(board, "firmware")) for release in releases]
    if any(image and names.STABLE in image.left_channels for _, image in images):
        return None
    targets = [
        (max(image.channels.values()), Target(release, image))
        for release, image in images
        if image and image.channels
    ]
    return max(targets, key=lambda entry: entry[0])[1] if targets else None


def _fits(entry: Entry, row: Row, family: Family) -> bool:
    if entry.type == "bin" and entry.family not in (None, family):
        return False
    if entry.size > MAX_SIZE_BYTES:
        return False
    if not is_requestable(entry.name):
        _log.warning("omitted from a device's list, no device can request it: %a", entry.name)
        return False
    # Nobody knows the version of ArduinoJson on the device, and 5 needs most.
    if entry_cost(row, 5) > ENTRY_DOCUMENT_BYTES:
        _log.warning("omitted from a device's list, its name is too long: %s", ascii(entry.name))
        return False
    return True


def _row(entry: Entry) -> Row:
    # A file can have any time, and not every time is one that datetime can show.
    when = datetime.fromtimestamp(min(max(entry.modified, 0.0), _LAST_TIME_S), timezone.utc)
    return {
        "name": entry.name,
        "type": entry.type,
        "date": when.strftime("%Y-%m-%d"),
        "time": when.strftime("%H:%M:%S"),
        "size": entry.size,
    }


@lru_cache(_MAX_QUERIES)
def _paths(query: bytes) -> tuple[bytes, ...] | None:
    """Returns the paths that a query may mean, most literal first; None for another op.

    The path arrives raw, so ``&`` and ``+`` may be characters of it.
    """
    keys: dict[bytes, bytes] = {}
    for part in query.split(b"&"):
        key, _, value = part.partition(b"=")
        keys.setdefault(key, value)
    if keys.get(b"op") != b"list":
        return None
    path = keys.get(b"path", b"")
    paths = [path, unquote_to_bytes(path.replace(b"+", b" "))]
    if query.startswith(b"op=list&path="):
        paths.insert(0, query[len(b"op=list&path=") :])
    return tuple(paths)
