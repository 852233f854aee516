"""``/_/upload``: drop image files, see what they are, and publish them.

1. A form with files is read as it arrives, with the limits of an upload to the API. Each file is
   looked at and waits (:mod:`acpublish.server.pages.waiting_files`).
2. What is typed is kept with the files, so all of this works with plain forms. A script sends them
   when something is dropped or typed.
3. All files are checked before the first one is published, as ``acpublish publish`` does with
   several. Each goes through what publishes for the API.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import AcpublishError, RequestError
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Submission
from acpublish.server.api.authority import refused
from acpublish.server.api.routes import shown
from acpublish.server.api.uploads import Upload
from acpublish.server.hosts import is_loopback
from acpublish.server.pages.copied_commands import destination
from acpublish.server.pages.multipart import MultipartReader, SentPart
from acpublish.server.pages.page_routes import changes, shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.page_texts import printable
from acpublish.server.pages.sessions import Session
from acpublish.server.pages.upload_obstacles import signing_command, typed_skips
from acpublish.server.pages.upload_preview import TYPED, Previewer, final_of, received, source_of
from acpublish.server.pages.visits import CSRF_FIELD, SignInError, Visit
from acpublish.server.pages.waiting_files import (
    MAX_ALL_BYTES,
    MAX_BYTES,
    MAX_FILES,
    MAX_NAME,
    Batch,
    WaitingFile,
)
from acpublish.server.tokens import Refusal, Scope

PATH = "/_/upload"
FILES, CHECK, PUBLISH, REMOVE = (
    f"{PATH}/{what}" for what in ("files", "check", "publish", "remove")
)
#: What is sent beyond what may wait is read and dropped, so that the browser hears why.
_MAX_BODY = MAX_ALL_BYTES
#: Parts of one form: whoever drops a folder hears why, and each costs time and memory.
_MAX_PARTS = 200
#: What the catalog offers to choose from is read again after this time, for all visitors.
_FRESH_S = 2.0
#: A list of suggestions is for reading.
_MAX_SUGGESTIONS = 500
_CHANNELS = (names.STABLE, "beta", names.DEVELOPMENT)


class Suggestions(NamedTuple):
    """What the catalog has, to choose from."""

    products: Sequence[str]
    boards: Sequence[str]
    channels: Sequence[str]


def upload_routes(site: PageSite) -> list[Route]:
    """Returns the routes."""
    page = UploadPage(site)
    return [
        shows(PATH, page.show, site),
        changes(FILES, page.receive, site, None, reads_form=False),
        changes(CHECK, page.check, site, None),
        changes(PUBLISH, page.publish, site, None),
        changes(REMOVE, page.remove, site, None),
    ]


class UploadPage:
    """The page of a server."""

    def __init__(self, site: PageSite) -> None:
        """Prepares the page.

        Args:
            site: The server.
        """
        self._site = site
        self._suggested: tuple[float, Suggestions] = (-_FRESH_S, Suggestions((), (), ()))

    async def show(self, visit: Visit) -> Response:
        """Shows the files that wait, and those that have just been published."""
        session = _publisher(visit)
        batch = self._site.waiting.of(session)
        async with batch.lock:
            files = await self._look(visit, batch)
            return await visit.page(
                "upload.html",
                batch=batch,
                files=files,
                published=batch.published,
                suggestions=await self._suggestions(visit),
                sources={file.id: _sources(file) for file in files},
                signing=_signing(visit, batch),
                reach=_reach(visit),
                max_files=MAX_FILES,
                max_mib=MAX_BYTES // 1024 // 1024,
            )

    async def receive(self, visit: Visit) -> Response:
        """Receives files, which then wait."""
        publisher = self._site.publisher
        try:
            session = _publisher(visit)
            self._site.waiting.need_room(session)
            batch, channels = self._site.waiting.of(session), session.token.grant.channels
            if channels and not batch.waiting and batch.channel not in channels:
                batch.channel = channels[0]
            with publisher.uploads.place(session.token.id) as upload:
                refusals = await upload.receive(self._receive(visit, session, upload))
        except AcpublishError:
            await publisher.drop_body(visit.request)
            raise
        for name, error in refusals:
            session.note("bad", visit.t("upload.not_kept", name=name, why=_sentences(error)))
        return visit.redirect(PATH)

    async def _receive(
        self, visit: Visit, session: Session, upload: Upload
    ) -> list[tuple[str, AcpublishError]]:
        """Reads the form; returns the files that cannot wait, each with the reason."""
        request, limit = visit.request, self._site.options.upload_bytes
        reader = MultipartReader(request.headers.get("content-type", ""), limit)
        refusals: list[tuple[str, AcpublishError]] = []
        allowed, size, parts = False, 0, 0
        async for data in self._site.publisher.parts(request, upload):
            size += len(data)
            if size > _MAX_BODY:
                raise RequestError("the files are too large", hint="Drop fewer at a time.")
            for part in reader.feed(data):
                parts += 1
                if parts > _MAX_PARTS:
                    raise RequestError("there are too many files", hint="Drop fewer at a time.")
                if part.filename is None:
                    if part.name == CSRF_FIELD:
                        visit.need_csrf(part.data.decode("utf-8", "replace"))
                        allowed = True
                    continue
                # The token of the form comes before its files, so none is kept without it.
                if not allowed:
                    visit.need_csrf("")
                if part.filename:
                    name = _base_name(part.filename)
                    try:
                        await self._keep(session, name, part, limit)
                    except AcpublishError as error:
                        refusals.append((name, error))
        reader.end()
        return refusals

    async def _keep(self, session: Session, name: str, part: SentPart, limit: int) -> None:
        if part.size > limit:
            raise RequestError(
                f"the file is larger than {limit // 1024 // 1024} MiB",
                hint="ESP flash chips hold at most 32 MiB.",
            )
        waiting = self._site.waiting
        waiting.need_room(session, part.size)
        work = partial(received, name, part.data, waiting, self._site.catalog)
        waiting.add(session, await self._site.publisher.run(work))

    async def check(self, visit: Visit) -> Response:
        """Keeps what was typed, and shows what the checks say to it."""
        batch = self._typed(visit)
        if not visit.by_htmx:
            return visit.redirect(PATH)
        async with batch.lock:
            files = await self._look(visit, batch)
            signing = _signing(visit, batch)
            return await visit.page("upload_checks.html", files=files, batch=batch, signing=signing)

    async def remove(self, visit: Visit) -> Response:
        """Takes a file away."""
        session = _publisher(visit)
        batch = self._typed(visit)
        for file in batch.waiting:
            if file.id == visit.form.get("remove"):
                self._site.waiting.remove(session, file)
        return visit.redirect(PATH)

    async def publish(self, visit: Visit) -> Response:
        """Publishes all files that wait, or none if one of them would be refused."""
        session = _publisher(visit)
        batch = self._typed(visit)
        async with batch.lock:
            waiting = await self._look(visit, batch)
            if not waiting:
                # Whoever presses the button twice has published already.
                text = "" if batch.published else visit.t("upload.nothing")
                return visit.redirect(PATH, text, "bad")
            if any(file.preview is None or file.preview.receipt is None for file in waiting):
                return visit.redirect(PATH, visit.t("upload.not_published"), "bad")
            for file in waiting:
                await self._publish(visit, file)
        count = len(batch.published)
        if count == len(waiting):
            # They are said of these files; the channel is often that of the next ones, too.
            batch.requires = batch.why = ""
            session.note("good", visit.t("upload.published", n=count))
        return visit.redirect(PATH)

    async def _publish(self, visit: Visit, file: WaitingFile) -> None:
        submission = file.preview.submission if file.preview else None
        if submission is None:
            return
        wanted: Submission = submission
        token = visit.need(Scope.PUBLISH, wanted.product, wanted.channel)
        check = partial(visit.check, Scope.PUBLISH, wanted.product, wanted.channel)
        publisher = self._site.publisher
        try:
            with publisher.uploads.place(token.id):
                file.receipt = await publisher.publish(
                    lambda: final_of(Candidate.of(file.read()), wanted), wanted, check
                )
        except AcpublishError as error:
            if visit.session is not None:
                text = visit.t("upload.failed", name=file.name, why=_sentences(error))
                visit.session.note("bad", text)
            return
        file.published = wanted
        file.close()

    def _typed(self, visit: Visit) -> Batch:
        """Keeps what was typed."""
        batch, form = self._site.waiting.of(_publisher(visit)), visit.form
        for file in batch.waiting:
            for what in TYPED:
                value = form.get(f"{what}.{file.id}")
                if value is not None:
                    setattr(file, what, value.strip())
            file.skips = typed_skips(form, file.id, file.skips)
        batch.channel = form.get("channel", batch.channel).strip() or names.STABLE
        batch.requires = form.get("requires", batch.requires).strip()
        batch.why = form.get("why", batch.why).strip()
        # What else decides, such as the keys that a product trusts, may have changed as well.
        batch.typed = ()
        return batch

    async def _look(self, visit: Visit, batch: Batch) -> list[WaitingFile]:
        """Makes the previews, and returns the files that have one."""
        if batch.waiting and visit.token is not None:
            allowed = partial(visit.check, Scope.PUBLISH)
            previewer = Previewer(batch, self._site.catalog, visit.token.id, allowed)
            await self._site.publisher.run(previewer.refresh)
        return [file for file in batch.waiting if file.preview is not None]

    async def _suggestions(self, visit: Visit) -> Suggestions:
        at, suggestions = self._suggested
        if time.monotonic() - at >= _FRESH_S:
            suggestions = await asyncio.to_thread(_suggestions, self._site)
            self._suggested = (time.monotonic(), suggestions)
        channels = visit.token.grant.channels if visit.token else ()
        products = [
            product for product in suggestions.products if visit.may(Scope.PUBLISH, product)
        ]
        return suggestions._replace(
            products=products[:_MAX_SUGGESTIONS], channels=channels or suggestions.channels
        )


def _publisher(visit: Visit) -> Session:
    """Returns the session of whoever asks, who may publish something.

    Raises:
        SignInError: Nobody is signed in.
        ForbiddenError: They may not publish anything.
    """
    if visit.session is None or visit.token is None:
        raise SignInError("this is only for who is signed in", hint="Sign in first.")
    if not visit.publishes:
        raise refused(Refusal.OTHER_SCOPE, Scope.PUBLISH, "")
    return visit.session


def _sentences(error: AcpublishError) -> str:
    _, _, problem, hint = shown(error)
    return f"{problem}. {hint}"


def _base_name(name: str) -> str:
    """Returns the name of a file without folders, and not longer than is shown."""
    return str(printable(name.replace("\\", "/").rpartition("/")[2][-MAX_NAME:]))


def _sources(file: WaitingFile) -> Mapping[str, str]:
    return {what: source_of(file, what) for what in TYPED}


def _signing(visit: Visit, batch: Batch) -> Mapping[str, str]:
    """Returns the commands that publish the files that have to be signed."""
    return {
        file.id: signing_command(
            destination(visit),
            file.name,
            {what: getattr(file, what) for what in TYPED},
            batch.channel,
        )
        for file in batch.waiting
        if file.preview is not None and file.preview.needs_signature
    }


def _suggestions(site: PageSite) -> Suggestions:
    catalog = site.catalog
    boards: set[str] = set()
    channels: set[str] = set(_CHANNELS)
    products = catalog.products()
    for product in products:
        snapshot = catalog.snapshots.product(product)
        boards |= snapshot.boards
        channels |= snapshot.channels.pointers.keys()
    first = [channel for channel in _CHANNELS if channel in channels]
    others = sorted(channels.difference(_CHANNELS))
    return Suggestions(
        products, sorted(boards)[:_MAX_SUGGESTIONS], [*first, *others][:_MAX_SUGGESTIONS]
    )


class Reach(NamedTuple):
    """Where devices find what was published.

    Attributes:
        url: The server, as this browser knows it.
        is_loopback: Whether only this machine knows it so.
    """

    url: str
    is_loopback: bool

    def address(self, submission: Submission) -> str:
        """Returns the URL that a sketch asks."""
        path = names.update_path(submission.product, submission.board, submission.channel)
        return f"{self.url}{path}"


def _reach(visit: Visit) -> Reach:
    return Reach(visit.url, is_loopback(urlsplit(visit.url).hostname))
