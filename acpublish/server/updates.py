"""Images for devices and everyone else: by a file's name, or from a product's update URL.

Every request of an updater is reported as a check-in, and what became of an offer as delivered
(:mod:`acpublish.server.checkins`).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence

from acpublish.catalog.contents import LooseFile, ReleaseFile
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, NotFoundError
from acpublish.release.decision import Decision, Verdict, decide_file
from acpublish.release.update_manifest import update_manifest
from acpublish.server import http
from acpublish.server.cache import LocationCache
from acpublish.server.checkins import CheckIn, CheckIns, Delivered
from acpublish.server.decision_cache import DecisionCache
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.hosts import OwnHosts
from acpublish.server.http import Request, Send
from acpublish.server.images import ImageSender, Transfer
from acpublish.server.partial_downloads import PartialDownloads
from acpublish.server.served import Served
from acpublish.server.update_address import Form, UpdateAddress, update_address
from acpublish.wire import Mode

_log = logging.getLogger(__name__)

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
        hosts: OwnHosts,
    ) -> None:
        """Prepares to respond.

        Args:
            catalog: Where releases are.
            locations: What file names lead to.
            images: Sends files.
            check_ins: Gets every check-in, and what became of each offer.
            memory: Knows what devices have received; it is one of the listeners.
            hosts: The server's own names, for the URLs in update manifests.
        """
        self._catalog = catalog
        self._locations = locations
        self._images = images
        self._check_ins = check_ins
        self._memory = memory
        self._hosts = hosts
        self._partial = PartialDownloads()
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
                            return await self._checksum_of(image, digest, send)
        return await http.missing(send)

    async def automatic(self, request: Request, send: Send) -> int:
        """Responds to an address below ``/update/`` (:mod:`acpublish.server.update_address`).

        A folder of the catalog may also have that name, so what is not a product's is a file's.
        """
        address = update_address(request.path, request.query)
        if address is None:
            return await self._file_instead(request, send, "it is not /update/PRODUCT/BOARD")
        if not address.literal and await self._is_file(request.target):
            return await self.file(request, send)
        product, channel = address.product, address.channel
        board, form = self._reading(address)
        releases = self._catalog.releases(product)
        decision = self._decisions.decide(request.report, releases, product, board, channel)
        request.running = self._decisions.running(product, request.report)
        if decision.verdict is Verdict.NOTHING and not self._catalog.owns(product):
            return await self._file_instead(request, send, f"there is no product {product}")
        if form is not Form.IMAGE:
            return await self._about(request, decision, product, board, form, send)
        if decision.verdict is Verdict.OFFER and request.report.updater:
            decision = self._memory.reconsider(
                decision, request.report, request.address, releases, time.time()
            )
        check_in = self._check_in(request, decision, product, board, channel)
        if decision.verdict is Verdict.UP_TO_DATE:
            return await http.not_modified(send)
        if decision.release is None or decision.image is None:
            return await self._nothing(request, decision, product, board, send)
        forms = [self._images.of_release(decision.release, decision.image)]
        if decision.compressed is not None:
            forms.insert(0, self._images.of_compressed(decision.image, decision.compressed))
        if not request.report.updater and self._partial.mixes(
            request, product, board, channel, forms[0].sha256, time.monotonic()
        ):
            request.note = "the download began with another release"
            outside = [(b"content-range", b"bytes */%d" % forms[0].size)]
            line = "Another release was published meanwhile. Start the download again."
            return await http.text(send, 416, line, outside)
        return await self._respond(request, decision, check_in, forms, send)

    def _reading(self, address: UpdateAddress) -> tuple[str, Form]:
        """Returns what an address asks for: of several readings, the first whose board there is."""
        if len(address.readings) > 1:
            for board, form in address.readings:
                if self._catalog.has_board(address.product, board):
                    return board, form
        return address.readings[-1]

    async def _is_file(self, target: bytes) -> bool:
        location = self._locations.locate(target)
        if not isinstance(location, (ReleaseFile, LooseFile)):
            return False
        try:
            await self._served(location)
        except NotFoundError:
            return False
        return True

    async def _file_instead(self, request: Request, send: Send, reason: str) -> int:
        """Responds with a file of the catalog's own folder ``update``; without one, logs why."""
        status = await self.file(request, send)
        if status == 404 and not request.note:
            request.note = reason
        return status

    async def _nothing(
        self, request: Request, decision: Decision, product: str, board: str, send: Send
    ) -> int:
        """Responds that there is no image, or that it is refused; logs why there is none."""
        request.note = decision.reason
        if not self._catalog.releases(product):
            request.note = f"no release of {product} may be offered: each is unsigned or damaged"
        elif not self._catalog.has_board(product, board):
            request.note = f"{product} has no release for the board {board}"
        return await _without_image(decision, send)

    async def _about(
        self,
        request: Request,
        decision: Decision,
        product: str,
        board: str,
        form: Form,
        send: Send,
    ) -> int:
        """Responds with a digest or the update manifest of the image that would be offered.

        That is no check-in, because the device asks for the image afterwards.
        """
        release, image = decision.release, decision.image
        if release is None or image is None:
            return await self._nothing(request, decision, product, board, send)
        request.note = f"{release.version}"
        if form is not Form.MANIFEST:
            digest = image.md5 if form is Form.MD5 else image.sha256
            return await _checksum(digest, image.file, send)
        base_url = self._hosts.url_for(request)
        if base_url is None:
            request.note += ", without a URL: the Host is not a name of this server; see --host"
        body = json.dumps(update_manifest(release, image, base_url), separators=(",", ":"))
        headers = http.length_and_type(body.encode(), b"application/json")
        # The URL is the client's own, so a cache must not hand it to others.
        headers.append((b"cache-control", b"no-store"))
        return await http.whole(send, 200, headers, body.encode())

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

    async def _checksum_of(self, location: ReleaseFile | LooseFile, digest: str, send: Send) -> int:
        served = await self._served(location)
        value = served.md5 if digest == "md5" else served.sha256
        if served.unmarked or value is None:
            return await http.missing(send)
        return await _checksum(value, served.name, send)


async def _checksum(digest: str, file: str, send: Send) -> int:
    # The format of md5sum and sha256sum, so that their --check can read it.
    name = file.encode("utf-8", "replace").replace(b"\n", b"?")
    body = digest.encode() + b"  " + name + b"\n"
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
