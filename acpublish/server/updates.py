"""The two ways to an update: a file by its name, and the automatic address of product and board."""

from __future__ import annotations

import logging
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.files import LooseFile, ReleaseFile
from acpublish.errors import AcpublishError
from acpublish.release import names
from acpublish.release.decision import (
    Decision,
    Verdict,
    choose,
    decide_file,
    decide_update,
    kind_wanted,
)
from acpublish.release.manifest import Release
from acpublish.server import http
from acpublish.server.cache import Places
from acpublish.server.checkins import CheckIns
from acpublish.server.http import Request, Send
from acpublish.server.images import ImageSender, Served
from acpublish.wire import UPDATE_PREFIX, Mode, Report

_log = logging.getLogger(__name__)

_KEPT_DECISIONS = 1024
_KEPT_ADDRESSES = 1024
_PREFIX = UPDATE_PREFIX.encode()
_CHECKSUMS = ((b".md5", "md5"), (b".sha256", "sha256"))


class Updates:
    """Answers for images, to devices and to everyone else."""

    def __init__(
        self, catalog: DirectoryCatalog, places: Places, images: ImageSender, checkins: CheckIns
    ) -> None:
        self._catalog = catalog
        self._places = places
        self._images = images
        self._checkins = checkins
        self._decisions: dict[str, tuple[tuple[Release, ...], dict[object, Decision]]] = {}

    async def file(self, request: Request, send: Send) -> int:
        """Answers for a file that is asked for by its name, or for its checksum file."""
        located = self._places.locate(request.target)
        if isinstance(located, (ReleaseFile, LooseFile)):
            return await self._named(request, located, send)
        if located is None:
            for suffix, digest in _CHECKSUMS:
                for target in (request.target, request.path):
                    if target.endswith(suffix):
                        image = self._places.locate(target[: -len(suffix)])
                        if isinstance(image, (ReleaseFile, LooseFile)):
                            return await self._checksum(image, digest, send)
        return await http.missing(send)

    async def automatic(self, request: Request, send: Send) -> int:
        """Answers for ``/update/<product>/<board>[?channel=...]``.

        A folder of the catalog may have that name, too: what no product answers is a file's name.
        """
        asked = _asked(request.path, request.query)
        if asked is None:
            return await self.file(request, send)
        product, board, channel = asked
        decision = self._decide(request.report, product, board, channel)
        if decision.verdict is Verdict.NOTHING and not self._catalog.owns(product):
            return await self.file(request, send)
        self._note(request, decision, product, board)
        if decision.verdict is Verdict.UP_TO_DATE:
            return await http.not_modified(send)
        if decision.release is None or decision.image is None:
            return await _without_image(decision, send)
        if decision.compressed is not None:
            gzip = self._images.of_compressed(decision.image, decision.compressed)
            try:
                return await self._images.send(request, gzip, send)
            except AcpublishError as fault:
                # Nothing was sent yet, and the plain image does as well.
                _log.error("%s is sent plain: %s", decision.image.file, fault)
        served = self._images.of_release(decision.release, decision.image)
        return await self._answer(request, decision, served, send)

    async def _named(self, request: Request, located: ReleaseFile | LooseFile, send: Send) -> int:
        served = await self._served(located)
        decision = decide_file(
            request.report,
            family=served.family,
            kind=served.kind,
            running=served.running,
            version=served.version,
            flashable=served.flashable,
        )
        if isinstance(located, ReleaseFile):
            self._note(request, decision, located.release.product, located.image.board)
        else:
            self._note(request, decision)
        return await self._answer(request, decision, served, send)

    async def _answer(
        self, request: Request, decision: Decision, served: Served, send: Send
    ) -> int:
        if decision.verdict is Verdict.UP_TO_DATE:
            return await http.not_modified(send)
        if decision.verdict is not Verdict.OFFER:
            return await _without_image(decision, send)
        if request.report.mode is not Mode.VERSION:
            return await self._images.send(request, served, send)
        if served.version is None:
            return await http.text(send, 404, "The version of this file is not known.")
        version = [(b"x-version", served.version.encode()), (b"content-length", b"0")]
        return await http.whole(send, 200, version)

    async def _served(self, located: ReleaseFile | LooseFile) -> Served:
        if isinstance(located, ReleaseFile):
            return self._images.of_release(located.release, located.image)
        return await self._images.of_loose(located.path)

    async def _checksum(self, located: ReleaseFile | LooseFile, digest: str, send: Send) -> int:
        served = await self._served(located)
        value = served.md5 if digest == "md5" else served.sha256
        if value is None:
            return await http.missing(send)
        # As md5sum and sha256sum write it, so that their --check reads it.
        name = served.name.encode("utf-8", "replace").replace(b"\n", b"?")
        body = value.encode() + b"  " + name + b"\n"
        return await http.whole(send, 200, http.length_and_type(body, b"text/plain"), body)

    def _decide(self, report: Report, product: str, board: str, channel: str) -> Decision:
        """Decides, or remembers: most devices of a fleet say the same, until a release is new."""
        releases = self._catalog.releases(product)
        kept = self._decisions.get(product)
        if kept is None or kept[0] is not releases or len(kept[1]) >= _KEPT_DECISIONS:
            kept = (releases, {})
            if len(self._decisions) >= _KEPT_DECISIONS:
                self._decisions.clear()
            if releases:
                self._decisions[product] = kept
        said = (report.family, report.mode, report.version, report.sketch_md5, report.sketch_sha256)
        key = (board, channel, said)
        decision = kept[1].get(key)
        if decision is not None and not decision.has_forms:
            return decision
        target = choose(releases, board, channel, kind_wanted(report))
        if decision is None:
            decision = kept[1][key] = decide_update(
                report, releases, target, board=board, channel=channel
            )
        if decision.has_forms:
            # What space a device has is no part of the key, as it would keep up-to-date checks of
            # one release apart; whoever gets an image can wait for this.
            return decide_update(report, releases, target, board=board, channel=channel)
        return decision

    def _note(
        self,
        request: Request,
        decision: Decision,
        product: str | None = None,
        board: str | None = None,
    ) -> None:
        request.note = decision.reason
        self._checkins.note(
            request.report, decision, address=request.address, product=product, board=board
        )


async def _without_image(decision: Decision, send: Send) -> int:
    if decision.verdict is Verdict.REFUSE:
        return await http.text(send, 403, f"Refused: {decision.reason}.")
    return await http.missing(send)


@lru_cache(_KEPT_ADDRESSES)
def _asked(path: bytes, query: bytes) -> tuple[str, str, str] | None:
    """Returns product, board and channel of an automatic address; None where it has none."""
    parts = unquote_to_bytes(path[len(_PREFIX) :]).decode("latin-1").split("/")
    asked = (*parts, _channel(query))
    if len(asked) != 3 or not all(map(names.is_name, asked)):
        return None
    return asked


def _channel(query: bytes) -> str:
    for part in query.split(b"&"):
        key, _, value = part.partition(b"=")
        if key == b"channel":
            return unquote_to_bytes(value).decode("latin-1")
    return names.STABLE
