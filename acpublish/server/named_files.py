"""Files by their names, for devices and everyone else: images, and their checksum files."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from acpublish.catalog.contents import LooseFile, ReleaseFile
from acpublish.release.decision import Decision, Verdict, decide_file
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.cache import LocationCache
from acpublish.server.device_access import AccessRules, DeviceAccess
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.images import Images
from acpublish.server.offer import Offers
from acpublish.server.product_reader import ProductReader
from acpublish.server.served import Served
from acpublish.wire import Mode

_CHECKSUMS = ((b".md5", "md5"), (b".sha256", "sha256"))


class _UpToDateFile(NamedTuple):
    """What is remembered with the head of a request: devices that send it again are up to date."""

    rules: AccessRules | None
    location: ReleaseFile | LooseFile
    served: Served
    product: str | None
    board: str | None
    decision: Decision
    answer: Answer


class NamedFiles:
    """Responds to requests for files by their names."""

    def __init__(
        self,
        reader: ProductReader,
        locations: LocationCache,
        images: Images,
        offers: Offers,
        access: DeviceAccess,
        fleet: FleetUpdates | None = None,
    ) -> None:
        """Prepares to respond.

        Args:
            reader: Looks at products.
            locations: What file names lead to.
            images: Answers with files.
            offers: Reports check-ins, and answers them as decided.
            access: Knows which products need credentials.
            fleet: Hears which devices are there; None if nobody has to.
        """
        self._reader = reader
        self._locations = locations
        self._images = images
        self._offers = offers
        self._access = access
        self._fleet = fleet

    def file(self, request: Request) -> Responding:
        """Answers a request for a file by its name, or for its checksum file."""
        memo = request.head.memo
        if type(memo) is _UpToDateFile:
            if memo.rules is self._access.rules and self._still_applies(memo, request.target):
                self._seen(request, memo.product, memo.board)
                self._offers.check_in(request, memo.decision, memo.product, memo.board)
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
            return self.named(request, location)
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

    def named(self, request: Request, location: ReleaseFile | LooseFile) -> Responding:
        """Answers with the file that a name leads to."""

        def respond(rules: AccessRules | None) -> Responding:
            served = self._known(location)
            if served is None:
                return self._named_later(request, location, rules)
            return self._file_as_decided(request, location, served, rules)

        return self._access.guard(request, self._locations.product_of(location), respond)

    async def _named_later(
        self, request: Request, location: ReleaseFile | LooseFile, rules: AccessRules | None
    ) -> Answer:
        served = await self.served(location)
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
        self._seen(request, product, board)
        check_in = self._offers.check_in(request, decision, product, board)
        responding = self._offers.respond(request, decision, check_in, [served])
        if decision.verdict is Verdict.UP_TO_DATE and isinstance(responding, Answer):
            request.head.memo = _UpToDateFile(
                rules, location, served, product, board, decision, responding
            )
        return responding

    def _seen(self, request: Request, product: str | None, board: str | None) -> None:
        """Tells the fleet which device has requested an image of a release by its name."""
        if self._fleet is None or product is None or board is None or not request.report.updater:
            return
        snapshot = self._reader.current(product)
        if snapshot is not None:
            self._fleet.seen(request, product, board, snapshot.releases)

    def _known(self, location: ReleaseFile | LooseFile) -> Served | None:
        if isinstance(location, ReleaseFile):
            return self._images.of_release(location.release, location.image)
        return self._images.known_loose(location.path)

    async def served(self, location: ReleaseFile | LooseFile) -> Served:
        """Returns a file as it can be sent.

        Raises:
            NotFoundError: There is no such file, or it is not for updates.
        """
        if isinstance(location, ReleaseFile):
            return self._images.of_release(location.release, location.image)
        return self._images.known_loose(location.path) or await self._images.of_loose(location.path)

    async def _checksum_of(
        self, location: ReleaseFile | LooseFile, digest: str, _: AccessRules | None
    ) -> Answer:
        served = await self.served(location)
        value = served.md5 if digest == "md5" else served.sha256
        if served.unmarked or value is None:
            return answer.missing()
        return answer.checksum(value, served.name)
