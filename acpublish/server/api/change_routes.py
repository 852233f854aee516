"""Changes of what is offered, and what the channels point at, over HTTP.

``POST /api/v1/products/<product>/changes`` takes a
:class:`~acpublish.release.change_request.ChangeRequest`, and returns a
:class:`~acpublish.release.change_request.Changed`. A promotion needs a token that may publish to
the channel, everything else the scope ``manage``; a plan (``"apply": false``) needs the same.

A change waits for other writers no longer than its client waits for it: what the client was told
has failed must not be changed a minute later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import (
    ConflictError,
    ManifestError,
    NotFoundError,
    RequestError,
    SettingsError,
)
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.channel_document import change_to_dict
from acpublish.release.manifest import ReleaseImage
from acpublish.release.names import IMAGE_KINDS
from acpublish.release.rollout_changes import RolloutChange
from acpublish.release.version import Version
from acpublish.server.answer import json_body
from acpublish.server.api.authority import NOTE, Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.bounds import BusyError
from acpublish.server.cache import AnswerCache
from acpublish.server.checkins import Counts, adoptions
from acpublish.server.image_headers import image_headers
from acpublish.server.sending import CHUNK_BYTES
from acpublish.server.tokens import Scope

#: The catalog has one writer at a time anyway, and downloads need the other threads.
PARALLEL_CHANGES = 2
#: How long a change may take, less than the 20 s that a client waits.
CHANGE_S = 15.0
#: What became of an image whose bytes are gone.
_CLEARED = ("retired", "deleted")


class ChangeRoutes:
    """Changes what is offered."""

    def __init__(
        self,
        catalog: DirectoryCatalog,
        authority: Authority,
        counts: Counts,
        answers: AnswerCache,
    ) -> None:
        """Prepares the routes.

        Args:
            catalog: Where releases are.
            authority: Who may change what.
            counts: What devices run.
            answers: Keeps the documents that everyone may read.
        """
        self._catalog = catalog
        self._authority = authority
        self._counts = counts
        self._answers = answers
        self._changes = asyncio.Semaphore(PARALLEL_CHANGES)

    async def change(self, request: Request) -> Response:
        """Makes a change, or plans it.

        Raises:
            AcpublishError: The request is refused, or the catalog is.
        """
        self._authority.need_changer(request)
        names.product(request.path_params["product"])
        document = await json_of(request)
        wanted = read_sent(lambda: ChangeRequest.from_dict(document))
        promotes = wanted.action == "promote"
        scope = Scope.PUBLISH if promotes else Scope.MANAGE
        needs = (request, scope, wanted.channel if promotes else None)
        wanted = replace(wanted, by=self._authority.need(*needs).id)
        changed = await self.made(request, wanted, *needs[1:])
        request.scope[NOTE] += f"; {_note(wanted, changed)}"
        return JSONResponse(changed.to_dict())

    async def made(
        self,
        request: Request,
        wanted: ChangeRequest | RolloutChange,
        scope: Scope,
        channel: str | None = None,
    ) -> Changed:
        """Makes a change of the product in a request's path, in turn and in time.

        Args:
            request: The request, which was already allowed to do that.
            wanted: The change.
            scope: What its token needs; it may be revoked while the change waits for its turn.
            channel: The channel that the token has to allow, None for any.

        Raises:
            AcpublishError: The change cannot be made; nothing was changed.
        """
        product = names.product(request.path_params["product"])
        check = partial(self._authority.check, request, scope, channel)
        return await self._in_time(partial(self._make, product, wanted, check))

    async def _in_time(self, make: Callable[[Callable[[], None]], Changed]) -> Changed:
        """Calls a function in a thread; if that takes too long, it changes nothing any more."""
        # Taken once, by the change before its commit or by the end of the time, and never released.
        decided = threading.Lock()

        def decide() -> None:
            if not decided.acquire(blocking=False):
                raise _busy()

        async def in_turn() -> Changed:
            async with self._changes:
                return await asyncio.to_thread(make, decide)

        # The thread goes on after a timeout, with its place, until it hears of it.
        task = asyncio.ensure_future(in_turn())
        done, _ = await asyncio.wait([task], timeout=CHANGE_S)
        if not done and decided.acquire(blocking=False):
            task.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise _busy()
        return await task

    def _make(
        self,
        product: str,
        wanted: ChangeRequest | RolloutChange,
        check: Callable[[], object],
        decide: Callable[[], None],
    ) -> Changed:
        def before_commit() -> None:
            check()
            decide()

        with _as_answers():
            changed = self._catalog.changes.make(product, wanted, before_commit=before_commit)
        return replace(changed, devices=self._devices(product, changed))

    def _devices(self, product: str, changed: Changed) -> int | None:
        """Returns how many devices are known to run what is taken back."""
        change = changed.change
        if change is None or change.action not in ("rollback", "withdraw", "delete"):
            return None
        taken = {
            (place.board, str(version))
            for place, versions in changed.ordered_back.items()
            for version in versions
        }
        if change.action == "rollback":
            # After a withdrawal, a channel that has moved already stays where it is.
            taken |= {
                (move.place.board, str(move.before))
                for move in change.moves
                if move.before != move.after
            }
        else:
            taken |= {(place.board, str(change.version)) for place in change.places}
        rows = adoptions(self._counts.running(product), self._catalog.releases(product))
        return sum(
            row.count for row in rows if not row.unverified and (row.board, row.version) in taken
        )

    async def channels(self, request: Request) -> Response:
        """Says what the channels of a product point at, since when, by whom and why.

        Raises:
            NotFoundError: There is no such product.
        """

        def rows(product: str) -> dict[str, Any]:
            changes = self._catalog.changes
            return {
                "channels": [row.to_dict() for row in changes.rows(product)],
                "policies": dict(changes.policies(product)),
            }

        return await self._document(request, "channels", rows)

    async def history(self, request: Request) -> Response:
        """Lists the changes of a product, the oldest first.

        Raises:
            NotFoundError: There is no such product.
        """

        def lines(product: str) -> dict[str, Any]:
            return {"history": list(map(change_to_dict, self._catalog.changes.history(product)))}

        return await self._document(request, "history", lines)

    async def _document(
        self, request: Request, name: str, make: Callable[[str], dict[str, Any]]
    ) -> Response:
        product = self._known(request)
        snapshot = self._catalog.snapshots.product(product)
        # A policy changes no release, and a document that was restored may have any number.
        stamp = snapshot.channels.serial, snapshot.releases

        def document() -> bytes:
            with _as_answers():
                return json_body({"product": product, **make(product)})

        body = await self._answers.get((name, product), stamp, document)
        return Response(body, media_type="application/json")

    async def image(self, request: Request) -> Response:
        """Sends the bytes of an image, also of one that was withdrawn.

        Raises:
            AcpublishError: The token does not allow it, or there is no such image, or its bytes are
                gone.
        """
        self._authority.need(request, Scope.READ)
        product = self._known(request)
        version = Version.parse(request.path_params["version"])
        board = names.board(request.path_params["board"])
        kind = request.query_params.get("kind", "firmware")
        if kind not in IMAGE_KINDS:
            raise RequestError("there is no such kind", hint="Use firmware or filesystem.")
        image = next(
            (
                image
                for release in self._catalog.releases(product)
                for image in release.images
                if (release.version, image.board, image.kind) == (version, board, kind)
            ),
            None,
        )
        if image is None:
            raise NotFoundError(
                f"{product} {version} has no {kind} for {board}",
                hint=f"See /api/v1/products/{product}.",
            )
        if image.withdrawn in _CLEARED or not await self._answers.run(
            partial(self._is_there, image)
        ):
            raise NotFoundError(
                f"the bytes of {image.file} are gone", hint="Publish it as a newer version."
            )
        response = StreamingResponse(self._parts(image))
        response.raw_headers = [
            *image_headers(image.file, image.size, image.md5, image.sha256),
            (b"cache-control", b"no-store"),
        ]
        return response

    def _is_there(self, image: ReleaseImage) -> bool:
        try:
            os.close(self._catalog.open_object(image.sha256))
        except OSError:
            return False
        return True

    async def _parts(self, image: ReleaseImage) -> AsyncIterator[bytes]:
        """Yields the bytes of an image, little by little: many slow clients take little memory."""
        descriptor = await asyncio.to_thread(self._catalog.open_object, image.sha256)
        with os.fdopen(descriptor, "rb") as file:
            while part := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield part

    def _known(self, request: Request) -> str:
        product = names.product(request.path_params["product"])
        if not self._catalog.owns(product):
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        return product


def _note(wanted: ChangeRequest, changed: Changed) -> str:
    """Returns what the log says of a change."""
    about = " ".join(str(word) for word in (wanted.action, wanted.version, wanted.channel) if word)
    if changed.change is None:
        return f"{about}: nothing to do"
    return f"{about}: {f'change {changed.serial}' if changed.applied else 'planned'}"


def _busy() -> BusyError:
    return BusyError(
        f"other writers have kept the catalog locked for {CHANGE_S:.0f} s, so nothing was changed",
        hint="Try again in a moment.",
    )


@contextlib.contextmanager
def _as_answers() -> Iterator[None]:
    """Turns what only the caller or whoever runs the catalog can mend into what the caller hears.

    Raises:
        RequestError: A text or a number of the request is invalid.
        ConflictError: What the channels point at cannot be read, as it may be of a newer version.
    """
    try:
        yield
    except SettingsError as error:
        raise RequestError(error.problem, hint=error.hint) from error
    except ManifestError as error:
        raise ConflictError(error.problem, hint=error.hint) from error
