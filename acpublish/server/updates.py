"""Images for devices and everyone else, from a product's update URL.

Every request of an updater is reported as a check-in, and what became of an offer as delivered
(:mod:`acpublish.server.checkins`).
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import NamedTuple

from acpublish.catalog.contents import LooseFile, ReleaseFile
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.product_targets import ProductTargets
from acpublish.control.serving import Case
from acpublish.errors import NotFoundError
from acpublish.fleet.deciding import decide
from acpublish.fleet.moments import NO_TIME
from acpublish.release.decision import Decision, Verdict
from acpublish.release.manifest import Compressed, Release, ReleaseImage
from acpublish.release.update_manifest import update_manifest
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.cache import LocationCache
from acpublish.server.device_access import AccessRules, DeviceAccess
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.hosts import OwnHosts
from acpublish.server.images import Images
from acpublish.server.named_files import NamedFiles
from acpublish.server.offer import Offers, without_image
from acpublish.server.partial_downloads import PartialDownloads
from acpublish.server.product_reader import ProductReader
from acpublish.server.response_head import response_head
from acpublish.server.served import Served
from acpublish.server.update_address import Form, UpdateAddress, update_address


class _UpToDate(NamedTuple):
    """What is remembered with the head of a request: devices that send it again are up to date."""

    rules: AccessRules | None
    releases: tuple[Release, ...]
    product: str
    board: str
    channel: str
    decision: Decision
    answer: Answer


class Updates:
    """Responds to requests for images."""

    def __init__(
        self,
        reader: ProductReader,
        locations: LocationCache,
        images: Images,
        offers: Offers,
        files: NamedFiles,
        memory: DeviceMemory,
        hosts: OwnHosts,
        access: DeviceAccess,
        fleet: FleetUpdates | None = None,
    ) -> None:
        """Prepares to respond.

        Args:
            reader: Looks at products.
            locations: What file names lead to.
            images: Answers with files.
            offers: Reports check-ins, and answers them as decided.
            files: Answers for files of the catalog's own folder ``update``.
            memory: Knows what devices have received; it is one of the listeners.
            hosts: The server's own names, for the URLs in update manifests.
            access: Knows which products need credentials.
            fleet: Decides by what is known of each device; None to decide by the request alone.
        """
        self._reader = reader
        self._fleet = fleet
        self._locations = locations
        self._images = images
        self._offers = offers
        self._files = files
        self._memory = memory
        self._hosts = hosts
        self._access = access
        self._partial = PartialDownloads()
        self._targets = ProductTargets() if fleet is None else fleet.state.targets

    def automatic(self, request: Request) -> Responding:
        """Answers a request for an address below ``/update/``.

        A folder of the catalog may also have that name, so what is not a product's is a file's
        (:mod:`acpublish.server.update_address`).
        """
        memo = request.head.memo
        if type(memo) is _UpToDate and memo.rules is self._access.rules:
            snapshot = self._reader.current(memo.product)
            if snapshot is None or snapshot.releases is not memo.releases:
                request.head.memo = None
            elif self._fleet is None or self._fleet.again(request, memo.product, memo):
                known = memo.product, memo.board, memo.channel
                self._offers.check_in(request, memo.decision, *known)
                return memo.answer
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
                await self._files.served(location)
            except NotFoundError:
                pass
            else:
                return await answer.answered(self._files.named(request, location))
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
        report, fleet = request.report, self._fleet
        case = None
        if fleet is not None and form is Form.IMAGE:
            case = fleet.check_in(request, product, board, channel, snapshot)
        if case is not None and fleet is not None:
            return self._decided_by_fleet(request, address, snapshot, rules, case, fleet)
        targets = self._targets.of(product, releases)
        decided = decide(None, report, targets, board, channel, (), NO_TIME)
        decision = decided.decision
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
        check_in = self._offers.check_in(request, decision, product, board, channel)
        running = str(targets.running_version(report) or "")
        if decision.verdict is Verdict.UP_TO_DATE:
            up_to_date = answer.not_modified(decision.reason, running)
            if not single and address.literal and fleet is None:
                request.head.memo = _UpToDate(
                    rules, releases, product, board, channel, decision, up_to_date
                )
            return up_to_date
        if decision.release is None or decision.image is None:
            return _nothing(decision, snapshot, product, board).of_device(running)
        forms = self._forms(decision.release, decision.image, decision.compressed)
        if not report.updater and self._partial.mixes(
            request, product, board, channel, forms[0].sha256, time.monotonic()
        ):
            outside = [(b"content-range", b"bytes */%d" % forms[0].size)]
            line = "Another release was published meanwhile. Start the download again."
            note = "the download began with another release"
            return answer.text(416, line, outside, note=note)
        return self._offers.respond(request, decision, check_in, forms, running)

    def _decided_by_fleet(
        self,
        request: Request,
        address: UpdateAddress,
        snapshot: ProductSnapshot,
        rules: AccessRules | None,
        case: Case,
        fleet: FleetUpdates,
    ) -> Responding:
        """Answers a device that is known, as the fleet has decided."""
        decision = case.decision
        product, board, channel = address.product, case.request.board, case.request.channel
        running = case.device.runs or ""
        check_in = self._offers.check_in(request, decision, product, board, channel, case)
        if decision.verdict is Verdict.UP_TO_DATE:
            if not (case.shared and address.literal):
                return answer.not_modified(decision.reason, running)
            memo = request.head.memo
            # Other devices that send this head may be up to date for another reason.
            if type(memo) is not _UpToDate or memo.decision != decision:
                up_to_date = answer.not_modified(decision.reason, running)
                known = rules, snapshot.releases, product, board, channel
                memo = request.head.memo = _UpToDate(*known, decision, up_to_date)
            fleet.remember(case, memo)
            return memo.answer
        if decision.release is None or decision.image is None:
            return _nothing(decision, snapshot, product, board).of_device(running)
        forms = self._forms(decision.release, decision.image, decision.compressed)
        respond = partial(self._offers.respond, request, decision, check_in, forms, running)
        if not case.request.installs:
            return respond()
        return fleet.offer(case, running, respond)

    def _forms(
        self, release: Release, image: ReleaseImage, compressed: Compressed | None
    ) -> list[Served]:
        """Returns the files that an offer can be sent as, the preferred one first."""
        forms = [self._images.of_release(release, image)]
        if compressed is not None:
            forms.insert(0, self._images.of_compressed(image, compressed))
        return forms

    def _file_instead(self, request: Request, reason: str) -> Responding:
        """Answers with a file of the catalog's own folder ``update``; without one, logs why."""
        responding = self._files.file(request)
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
    return without_image(decision, note)
