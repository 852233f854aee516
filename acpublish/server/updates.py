"""Images for devices and everyone else: by a file's name, or from a product's update URL.

Every request of an updater is reported as a check-in, and what became of an offer as delivered
(:mod:`acpublish.server.checkins`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from acpublish.catalog.contents import LooseFile, ReleaseFile
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.errors import NotFoundError
from acpublish.release.decision import Decision, Verdict, decide_file
from acpublish.release.manifest import Release
from acpublish.release.update_manifest import update_manifest
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.cache import LocationCache
from acpublish.server.checkins import CheckIn, CheckIns
from acpublish.server.decision_cache import DecisionCache
from acpublish.server.device_access import AccessRules, DeviceAccess
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.hosts import OwnHosts
from acpublish.server.images import Images
from acpublish.server.offer import Offer
from acpublish.server.partial_downloads import PartialDownloads
from acpublish.server.product_reader import ProductReader
from acpublish.server.response_head import response_head
from acpublish.server.served import Served
from acpublish.server.update_address import Form, UpdateAddress, update_address
from acpublish.wire import Mode

_CHECKSUMS = ((b".md5", "md5"), (b".sha256", "sha256"))


class _UpToDate(NamedTuple):
    """What is remembered with the head of a request: devices that send it again are up to date."""

    rules: AccessRules | None
    releases: tuple[Release, ...]
    product: str
    board: str
    channel: str
    decision: Decision
    answer: Answer


class _UpToDateFile(NamedTuple):
    """The same for a file that is requested by its name."""

    rules: AccessRules | None
    location: ReleaseFile | LooseFile
    served: Served
    product: str | None
    board: str | None
    decision: Decision
    answer: Answer


class Updates:
    """Responds to requests for images."""

    def __init__(
        self,
        reader: ProductReader,
        locations: LocationCache,
        images: Images,
        check_ins: CheckIns,
        memory: DeviceMemory,
        hosts: OwnHosts,
        access: DeviceAccess,
    ) -> None:
        """Prepares to respond.

        Args:
            reader: Looks at products.
            locations: What file names lead to.
            images: Answers with files.
            check_ins: Gets every check-in, and what became of each offer.
            memory: Knows what devices have received; it is one of the listeners.
            hosts: The server's own names, for the URLs in update manifests.
            access: Knows which products need credentials.
        """
        self._reader = reader
        self._locations = locations
        self._images = images
        self._check_ins = check_ins
        self._memory = memory
        self._hosts = hosts
        self._access = access
        self._partial = PartialDownloads()
        self._decisions = DecisionCache()

    def file(self, request: Request) -> Responding:
        """Answers a request for a file by its name, or for its checksum file."""
        memo = request.head.memo
        if type(memo) is _UpToDateFile:
            if memo.rules is self._access.rules and self._still_applies(memo, request.target):
                self._check_in(request, memo.decision, memo.product, memo.board)
                return memo.answer
            request.head.memo = None
        product = self._reader.must_read(request.path)
        return self._file(request) if product is None else self._file_of(product, request)

    def _still_applies(self, memo: _UpToDateFile, target: bytes) -> bool:
        if memo.product is not None:
            current = self._reader.current(memo.product) is not None
            return current and self._locations.locate(target) is memo.location
        location = self._locations.locate(target)
        return location is memo.location and self._known(location) is memo.served

    async def _file_of(self, product: str, request: Request) -> Answer:
        await self._reader.read(product)
        return await answer.answered(self._file(request))

    def _file(self, request: Request) -> Responding:
        location = self._locations.locate(request.target)
        if isinstance(location, (ReleaseFile, LooseFile)):
            return self._named(request, location)
        if location is None:
            for suffix, digest in _CHECKSUMS:
                for target in dict.fromkeys((request.target, request.path)):
                    if target.endswith(suffix):
                        image = self._locations.locate(target[: -len(suffix)])
                        if isinstance(image, (ReleaseFile, LooseFile)):
                            product = self._locations.product_of(image)
                            respond = partial(self._checksum_of, image, digest)
                            return self._access.guard(request, product, respond)
        return answer.missing()

    def automatic(self, request: Request) -> Responding:
        """Answers a request for an address below ``/update/``.

        A folder of the catalog may also have that name, so what is not a product's is a file's
        (:mod:`acpublish.server.update_address`).
        """
        memo = request.head.memo
        if type(memo) is _UpToDate and memo.rules is self._access.rules:
            snapshot = self._reader.current(memo.product)
            if snapshot is not None and snapshot.releases is memo.releases:
                self._check_in(request, memo.decision, memo.product, memo.board, memo.channel)
                return memo.answer
            request.head.memo = None
        address = update_address(request.path, request.query)
        if address is None:
            return self._file_instead(request, "it is not /update/PRODUCT/BOARD")
        if not address.literal:
            return self._file_or_product(request, address)
        return self._of_product(request, address)

    async def _file_or_product(self, request: Request, address: UpdateAddress) -> Answer:
        location = self._locations.locate(request.target)
        if isinstance(location, (ReleaseFile, LooseFile)):
            try:
                await self._served(location)
            except NotFoundError:
                pass
            else:
                return await answer.answered(self._named(request, location))
        return await answer.answered(self._of_product(request, address))

    def _of_product(self, request: Request, address: UpdateAddress) -> Responding:
        def respond(rules: AccessRules | None) -> Responding:
            snapshot = self._reader.current(address.product)
            if snapshot is None:
                return self._of_product_read(request, address, rules)
            return self._decided(request, address, snapshot, rules)

        return self._access.guard(request, address.product, respond)

    async def _of_product_read(
        self, request: Request, address: UpdateAddress, rules: AccessRules | None
    ) -> Answer:
        snapshot = await self._reader.read(address.product)
        return await answer.answered(self._decided(request, address, snapshot, rules))

    def _decided(
        self,
        request: Request,
        address: UpdateAddress,
        snapshot: ProductSnapshot,
        rules: AccessRules | None,
    ) -> Responding:
        product, channel = address.product, address.channel
        board, form = _reading(address, snapshot)
        releases = snapshot.releases
        report = request.report
        decision = self._decisions.decide(report, releases, product, board, channel)
        if decision.verdict is Verdict.NOTHING and not snapshot.owned:
            return self._file_instead(request, f"there is no product {product}")
        if form is not Form.IMAGE:
            return self._about(request, decision, snapshot, product, board, form)
        # What a single device has received is not the same for all that send this head.
        single = decision.verdict is Verdict.OFFER and report.updater
        if single:
            decision = self._memory.reconsider(
                decision, report, request.address, releases, time.time()
            )
        check_in = self._check_in(request, decision, product, board, channel)
        running = str(self._decisions.running(product, report) or "")
        if decision.verdict is Verdict.UP_TO_DATE:
            up_to_date = answer.not_modified(decision.reason, running)
            if not single and address.literal:
                request.head.memo = _UpToDate(
                    rules, releases, product, board, channel, decision, up_to_date
                )
            return up_to_date
        if decision.release is None or decision.image is None:
            return _nothing(decision, snapshot, product, board).of_device(running)
        forms = [self._images.of_release(decision.release, decision.image)]
        if decision.compressed is not None:
            forms.insert(0, self._images.of_compressed(decision.image, decision.compressed))
        if not report.updater and self._partial.mixes(
            request, product, board, channel, forms[0].sha256, time.monotonic()
        ):
            outside = [(b"content-range", b"bytes */%d" % forms[0].size)]
            line = "Another release was published meanwhile. Start the download again."
            note = "the download began with another release"
            return answer.text(416, line, outside, note=note)
        return self._respond(request, decision, check_in, forms, running)

    def _file_instead(self, request: Request, reason: str) -> Responding:
        """Answers with a file of the catalog's own folder ``update``; without one, logs why."""
        responding = self.file(request)
        if isinstance(responding, Answer):
            return answer.explained(responding, reason)

        async def explained() -> Answer:
            return answer.explained(await responding, reason)

        return explained()

    def _about(
        self,
        request: Request,
        decision: Decision,
        snapshot: ProductSnapshot,
        product: str,
        board: str,
        form: Form,
    ) -> Answer:
        """Answers with a digest or the update manifest of the image that would be offered.

        That is no check-in, because the device asks for the image afterwards.
        """
        release, image = decision.release, decision.image
        if release is None or image is None:
            return _nothing(decision, snapshot, product, board)
        note = f"{release.version}"
        if form is not Form.MANIFEST:
            digest = image.md5 if form is Form.MD5 else image.sha256
            return answer.checksum(digest, image.file, note)
        base_url = self._hosts.url_for(request)
        if base_url is None:
            note += ", without a URL: the Host is not a name of this server; see --host"
        opened = request.head.opened
        prefix = opened.prefix.decode() if opened else ""
        manifest = update_manifest(release, image, base_url, prefix)
        body = json.dumps(manifest, separators=(",", ":")).encode()
        headers = answer.length_and_type(body, b"application/json")
        # The URL is the client's own, so a cache must not hand it to others.
        headers.append((b"cache-control", b"no-store"))
        return Answer(200, response_head(200, headers), body, note=note)

    def _named(self, request: Request, location: ReleaseFile | LooseFile) -> Responding:
        def respond(rules: AccessRules | None) -> Responding:
            served = self._known(location)
            if served is None:
                return self._named_later(request, location, rules)
            return self._file_as_decided(request, location, served, rules)

        return self._access.guard(request, self._locations.product_of(location), respond)

    async def _named_later(
        self, request: Request, location: ReleaseFile | LooseFile, rules: AccessRules | None
    ) -> Answer:
        served = await self._served(location)
        return await answer.answered(self._file_as_decided(request, location, served, rules))

    def _file_as_decided(
        self,
        request: Request,
        location: ReleaseFile | LooseFile,
        served: Served,
        rules: AccessRules | None,
    ) -> Responding:
        if served.unmarked and request.report.mode is not Mode.FILESYSTEM:
            return answer.missing("it is not firmware; only updaters get what may be a filesystem")
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
        product = board = None
        if isinstance(location, ReleaseFile):
            product, board = location.release.product, location.image.board
        check_in = self._check_in(request, decision, product, board)
        responding = self._respond(request, decision, check_in, [served])
        if decision.verdict is Verdict.UP_TO_DATE and isinstance(responding, Answer):
            request.head.memo = _UpToDateFile(
                rules, location, served, product, board, decision, responding
            )
        return responding

    def _check_in(
        self,
        request: Request,
        decision: Decision,
        product: str | None = None,
        board: str | None = None,
        channel: str | None = None,
    ) -> CheckIn | None:
        """Reports a check-in, unless the client is not an updater."""
        report = request.report
        if not report.updater:
            return None
        check_in = CheckIn(
            time.time(), request.address, request.method, report, product, board, channel, decision
        )
        self._check_ins.publish(check_in)
        return check_in

    def _respond(
        self,
        request: Request,
        decision: Decision,
        check_in: CheckIn | None,
        forms: Sequence[Served],
        running: str = "",
    ) -> Responding:
        """Answers as decided; an offer is the first of the forms that can be sent."""
        if decision.verdict is Verdict.UP_TO_DATE:
            return answer.not_modified(decision.reason, running)
        if decision.verdict is not Verdict.OFFER:
            return _without_image(decision, decision.reason)
        if request.report.mode is Mode.VERSION:
            responding: Responding = self._images.version(forms[-1])
        else:
            responding = self._images.answer(request, forms)
        offer = Offer(self._check_ins, check_in, forms[0], decision.reason, running)
        if isinstance(responding, Answer):
            return offer.made(responding)
        return offer.made_later(responding)

    def _known(self, location: ReleaseFile | LooseFile) -> Served | None:
        if isinstance(location, ReleaseFile):
            return self._images.of_release(location.release, location.image)
        return self._images.known_loose(location.path)

    async def _served(self, location: ReleaseFile | LooseFile) -> Served:
        if isinstance(location, ReleaseFile):
            return self._images.of_release(location.release, location.image)
        return self._images.known_loose(location.path) or await self._images.of_loose(location.path)

    async def _checksum_of(
        self, location: ReleaseFile | LooseFile, digest: str, _: AccessRules | None
    ) -> Answer:
        served = await self._served(location)
        value = served.md5 if digest == "md5" else served.sha256
        if served.unmarked or value is None:
            return answer.missing()
        return answer.checksum(value, served.name)


def _reading(address: UpdateAddress, snapshot: ProductSnapshot) -> tuple[str, Form]:
    """Returns what an address asks for: of several readings, the first whose board there is."""
    for board, form in address.readings:
        if board in snapshot.boards:
            return board, form
    return address.readings[-1]


def _nothing(decision: Decision, snapshot: ProductSnapshot, product: str, board: str) -> Answer:
    """Answers that there is no image, or that it is refused; logs why there is none."""
    note = decision.reason
    if not snapshot.releases:
        note = f"no release of {product} may be offered: each is unsigned or damaged"
    elif board not in snapshot.boards:
        note = f"{product} has no release for the board {board}"
    return _without_image(decision, note)


def _without_image(decision: Decision, note: str) -> Answer:
    if decision.verdict is Verdict.REFUSE:
        return answer.text(403, f"Refused: {decision.reason}.", note=note)
    return answer.missing(note)
