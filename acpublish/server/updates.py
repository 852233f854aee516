"""Images for devices and everyone else: by a file's name, or from a product's update URL.

Every request of an updater is reported as a check-in, and what became of an offer as delivered
(:mod:`acpublish.server.checkins`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from acpublish.bounded import BoundedDict
from acpublish.catalog.contents import LooseFile, ReleaseFile
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError
from acpublish.release import names
from acpublish.release.decision import (
    Decision,
    Target,
    Verdict,
    choose,
    decide_file,
    decide_update,
    kind_wanted,
)
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.server import http
from acpublish.server.cache import LocationCache
from acpublish.server.checkins import CheckIn, CheckIns, Delivered
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.http import Request, Send
from acpublish.server.images import ImageSender, Served, Transfer
from acpublish.wire import UPDATE_PREFIX, Mode, Report

_log = logging.getLogger(__name__)

_PREFIX = UPDATE_PREFIX.encode()
_CHECKSUMS = ((b".md5", "md5"), (b".sha256", "sha256"))


class Updates:
    """Responds to requests for images."""

    def __init__(
        self,
        catalog: DirectoryCatalog,
        locations: LocationCache,
        images: ImageSender,
        check_ins: CheckIns,
        memory: DeviceMemory,
    ) -> None:
        """Prepares to respond.

        Args:
            catalog: Where releases are.
            locations: What file names lead to.
            images: Sends files.
            check_ins: Gets every check-in, and what became of each offer.
            memory: Knows what devices have received; it is one of the listeners.
        """
        self._catalog = catalog
        self._locations = locations
        self._images = images
        self._check_ins = check_ins
        self._memory = memory
        self._decisions = DecisionCache()

    async def file(self, request: Request, send: Send) -> int:
        """Responds to a request for a file by its name, or for its checksum file."""
        location = self._locations.locate(request.target)
        if isinstance(location, (ReleaseFile, LooseFile)):
            return await self._named(request, location, send)
        if location is None:
            for suffix, digest in _CHECKSUMS:
                for target in dict.fromkeys((request.target, request.path)):
                    if target.endswith(suffix):
                        image = self._locations.locate(target[: -len(suffix)])
                        if isinstance(image, (ReleaseFile, LooseFile)):
                            return await self._checksum(image, digest, send)
        return await http.missing(send)

    async def automatic(self, request: Request, send: Send) -> int:
        """Responds to ``/update/<product>/<board>[?channel=...]``.

        A folder of the catalog may also have that name, so what is not a product's is a file's.
        """
        parts = _update_parts(request.path, request.query)
        if parts is None:
            return await self.file(request, send)
        product, board, channel = parts
        releases = self._catalog.releases(product)
        decision = self._decisions.decide(request.report, releases, product, board, channel)
        if decision.verdict is Verdict.NOTHING and not self._catalog.owns(product):
            return await self.file(request, send)
        if decision.verdict is Verdict.OFFER and request.report.updater:
            decision = self._memory.reconsider(
                decision, request.report, request.address, releases, time.time()
            )
        check_in = self._check_in(request, decision, product, board, channel)
        if decision.verdict is Verdict.UP_TO_DATE:
            return await http.not_modified(send)
        if decision.release is None or decision.image is None:
            return await _without_image(decision, send)
        forms = [self._images.of_release(decision.release, decision.image)]
        if decision.compressed is not None:
            forms.insert(0, self._images.of_compressed(decision.image, decision.compressed))
        return await self._respond(request, decision, check_in, forms, send)

    async def _named(self, request: Request, location: ReleaseFile | LooseFile, send: Send) -> int:
        served = await self._served(location)
        if served.unmarked and request.report.mode is not Mode.FILESYSTEM:
            return await http.missing(send)
        decision = decide_file(
            request.report,
            family=served.family,
            kind=served.kind,
            running=served.running,
            version=served.version,
            flashable=served.flashable,
            size_bytes=served.size,
            flash_size=served.flash_size,
            compressed=served.compressed,
        )
        if isinstance(location, ReleaseFile):
            product, board = location.release.product, location.image.board
            check_in = self._check_in(request, decision, product, board)
        else:
            check_in = self._check_in(request, decision)
        return await self._respond(request, decision, check_in, [served], send)

    def _check_in(
        self,
        request: Request,
        decision: Decision,
        product: str | None = None,
        board: str | None = None,
        channel: str | None = None,
    ) -> CheckIn | None:
        """Reports a check-in, unless the client is not an updater."""
        request.note = decision.reason
        report = request.report
        if not report.updater:
            return None
        check_in = CheckIn(
            time.time(), request.address, request.method, report, product, board, channel, decision
        )
        self._check_ins.publish(check_in)
        return check_in

    async def _respond(
        self,
        request: Request,
        decision: Decision,
        check_in: CheckIn | None,
        forms: Sequence[Served],
        send: Send,
    ) -> int:
        """Responds as decided; an offer is the first of the forms that can be sent."""
        if decision.verdict is Verdict.UP_TO_DATE:
            return await http.not_modified(send)
        if decision.verdict is not Verdict.OFFER:
            return await _without_image(decision, send)
        transfer = Transfer(file_bytes=forms[0].size, file_sha256=forms[0].sha256)
        try:
            if request.report.mode is Mode.VERSION:
                transfer.status = await _version(forms[-1], send)
                transfer.drained = True
                return transfer.status
            return await self._send_first(request, forms, send, transfer)
        finally:
            if check_in is not None:
                self._check_ins.publish(_delivered(check_in, transfer))

    async def _send_first(
        self, request: Request, forms: Sequence[Served], send: Send, transfer: Transfer
    ) -> int:
        *compressed, plain = forms
        for served in compressed:
            try:
                return await self._images.send(request, served, send, transfer)
            except AcpublishError as error:
                # Nothing has been sent yet, and the plain image does as well.
                _log.error("%s is sent uncompressed: %s", plain.name, error)
        return await self._images.send(request, plain, send, transfer)

    async def _served(self, location: ReleaseFile | LooseFile) -> Served:
        if isinstance(location, ReleaseFile):
            return self._images.of_release(location.release, location.image)
        return await self._images.of_loose(location.path)

    async def _checksum(self, location: ReleaseFile | LooseFile, digest: str, send: Send) -> int:
        served = await self._served(location)
        if served.unmarked:
            return await http.missing(send)
        value = served.md5 if digest == "md5" else served.sha256
        if value is None:
            return await http.missing(send)
        # The format of md5sum and sha256sum, so that their --check can read it.
        name = served.name.encode("utf-8", "replace").replace(b"\n", b"?")
        body = value.encode() + b"  " + name + b"\n"
        return await http.whole(send, 200, http.length_and_type(body, b"text/plain"), body)


async def _version(served: Served, send: Send) -> int:
    if served.version is None:
        return await http.text(send, 404, "The version of this file is not known.")
    headers = [(b"x-version", served.version.encode()), (b"content-length", b"0")]
    return await http.whole(send, 200, headers)


async def _without_image(decision: Decision, send: Send) -> int:
    if decision.verdict is Verdict.REFUSE:
        return await http.text(send, 403, f"Refused: {decision.reason}.")
    return await http.missing(send)


def _delivered(check_in: CheckIn, transfer: Transfer) -> Delivered:
    return Delivered(
        check_in=check_in,
        status=transfer.status,
        file_bytes=transfer.file_bytes,
        file_sha256=transfer.file_sha256,
        sent_bytes=transfer.sent_bytes,
        drained=transfer.drained,
    )


_MAX_URLS = 1024


@lru_cache(_MAX_URLS)
def _update_parts(path: bytes, query: bytes) -> tuple[str, str, str] | None:
    """Returns product, board and channel of an update URL; None if it is not one."""
    parts = unquote_to_bytes(path[len(_PREFIX) :]).decode("latin-1").split("/")
    parts.append(_channel(query))
    if len(parts) != 3 or not all(map(names.is_name, parts)):
        return None
    product, board, channel = parts
    return product, board, channel


def _channel(query: bytes) -> str:
    # A sketch may append a query to a path that already has one, and then means its own.
    for appended in reversed(query.split(b"?")):
        for part in appended.split(b"&"):
            key, _, value = part.partition(b"=")
            if key == b"channel":
                return unquote_to_bytes(value).decode("latin-1")
    return names.STABLE


_MAX_PRODUCTS = 1024
#: For each product, because what strangers send must not push out another product's decisions.
_MAX_DECISIONS = 1024
#: For all products. A decision has less than 1.5 KB with its key, as names have at most 32
#: characters and a version :data:`~acpublish.wire.MAX_REPORTED_BYTES`, so this is 12 MB at most.
_MAX_DECISIONS_IN_ALL = 8192
#: The decisions in all are counted only now and then, because that looks at every product.
_COUNT_EVERY = 64


class DecisionCache:
    """Decisions about automatic updates: most devices of a fleet send the same report.

    1. All that is remembered of a product belongs to one snapshot of its releases.
    2. A device has one target (:meth:`_Snapshot.target`). What has none is not remembered.
    3. A decision belongs to its target, and also depends on the report's family, mode, version and
       digests, and on whether the client is an updater. So devices that send the same report and
       have different targets get different decisions.
    4. In an offer of firmware the device's flash and the space in it count as well. They would keep
       up-to-date checks of one release apart, so such an offer is decided each time: a device that
       gets an image can wait for this.
    5. What a single device has received is not known here (:mod:`acpublish.server.device_memory`).
    """

    def __init__(self) -> None:
        self._snapshots: BoundedDict[str, _Snapshot] = BoundedDict(_MAX_PRODUCTS)
        self._added = 0

    def decide(
        self, report: Report, releases: tuple[Release, ...], product: str, board: str, channel: str
    ) -> Decision:
        """Does what :func:`~acpublish.release.decision.decide_update` does, from memory if it can.

        Args:
            report: What the device sent about itself.
            releases: The current releases of the product; a change makes a different tuple.
            product: The product.
            board: The board in the URL.
            channel: The channel in the URL.
        """
        snapshot = self._snapshots.get(product)
        if snapshot is None or snapshot.releases is not releases:
            snapshot = _Snapshot(releases)
            if releases:
                self._snapshots[product] = snapshot
        device = (
            report.family,
            report.updater,
            report.mode,
            report.version,
            report.sketch_md5,
            report.sketch_sha256,
        )
        target = snapshot.target(report, board, channel)
        # A target lives as long as its snapshot, so its id stands for it, at no cost of hashing.
        key = (id(target), device)
        decision = snapshot.decisions.get(key) if target is not None else None
        if decision is None or _depends_on_space(decision, report):
            relevant = snapshot.relevant(report)
            decision = decide_update(report, relevant, target, board=board, channel=channel)
            if target is not None and not _depends_on_space(decision, report):
                snapshot.decisions[key] = decision
                self._limit_all()
        return decision

    def _limit_all(self) -> None:
        """Drops the decisions of the products with the most, if there are too many in all."""
        self._added += 1
        if self._added % _COUNT_EVERY:
            return
        decisions = [snapshot.decisions for snapshot in self._snapshots.values()]
        while sum(map(len, decisions)) > _MAX_DECISIONS_IN_ALL:
            max(decisions, key=len).clear()


def _depends_on_space(decision: Decision, report: Report) -> bool:
    if decision.verdict is not Verdict.OFFER or report.mode is not Mode.SKETCH:
        return False
    space = (report.free_space, report.sketch_size, report.chip_size)
    return any(value is not None for value in space)


class _Snapshot:
    """What is remembered about a product while its releases stay the same."""

    def __init__(self, releases: tuple[Release, ...]) -> None:
        self.releases = releases
        self.decisions: BoundedDict[Hashable, Decision] = BoundedDict(_MAX_DECISIONS)
        #: None for what has not been chosen yet; strangers cannot add keys.
        self._targets: dict[tuple[str, str, ImageKind], Target | None] = {
            (image.board, channel, image.kind): None
            for release in releases
            for image in release.images
            for channel in image.channels
        }
        #: The positions of the releases whose images have a digest.
        self._by_digest: dict[str, list[int]] = {}
        for position, release in enumerate(releases):
            for image in release.images:
                for digest in (*image.running.md5s, *image.running.sha256s):
                    self._by_digest.setdefault(digest, []).append(position)
        positions = range(len(releases))
        highest = max(positions, key=lambda at: releases[at].version.precedence, default=None)
        self._highest = () if highest is None else (highest,)

    def relevant(self, report: Report) -> tuple[Release, ...]:
        """Returns the releases that count for a device: those that it may run, and the highest.

        Searching thousands of releases for each device would let forged ones stop the server.
        """
        digests = (report.sketch_md5 or "", report.sketch_sha256 or "")
        positions = {at for digest in digests for at in self._by_digest.get(digest, ())}
        return tuple(self.releases[at] for at in sorted(positions.union(self._highest)))

    def target(self, report: Report, board: str, channel: str) -> Target | None:
        """Returns what a device is to run: for every device, what its channel points at."""
        key = (board, channel, kind_wanted(report))
        if key not in self._targets:
            return None
        target = self._targets[key]
        if target is None:
            target = self._targets[key] = choose(self.releases, *key)
        return target
