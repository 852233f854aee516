"""Changes of what is offered, and what the channels point at, over HTTP.

``POST /api/v1/products/<product>/changes`` takes a
:class:`~acpublish.release.change_request.ChangeRequest`, and returns a
:class:`~acpublish.release.change_request.Changed`. A promotion needs a token that may publish to
the channel, everything else the scope ``manage``; a plan (``"apply": false``) needs the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotFoundError
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.channel_document import change_to_dict
from acpublish.release.rollout_changes import RolloutChange
from acpublish.release.version import Version
from acpublish.server.answer import json_body
from acpublish.server.api.authority import NOTE, Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.cache import AnswerCache
from acpublish.server.catalog_changes import CatalogChanges, as_answers
from acpublish.server.stored_image import stored_image
from acpublish.server.tokens import Scope


class ChangeRoutes:
    """Changes what is offered."""

    def __init__(
        self,
        catalog: DirectoryCatalog,
        authority: Authority,
        changes: CatalogChanges,
        answers: AnswerCache,
    ) -> None:
        """Prepares the routes.

        Args:
            catalog: Where releases are.
            authority: Who may change what.
            changes: Makes one change after the other.
            answers: Keeps the documents that everyone may read.
        """
        self._catalog = catalog
        self._authority = authority
        self._changes = changes
        self._answers = answers

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
        request.scope[NOTE] += f"; {change_note(wanted, changed)}"
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
        return await self._changes.make(product, wanted, check)

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
            with as_answers():
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
        return await stored_image(self._catalog, product, version, board, kind, self._answers.run)

    def _known(self, request: Request) -> str:
        product = names.product(request.path_params["product"])
        if not self._catalog.owns(product):
            raise NotFoundError("there is no such product", hint="See /api/v1/products.")
        return product


def change_note(wanted: ChangeRequest, changed: Changed) -> str:
    """Returns what the log says of a change."""
    about = " ".join(str(word) for word in (wanted.action, wanted.version, wanted.channel) if word)
    if changed.change is None:
        return f"{about}: nothing to do"
    return f"{about}: {f'change {changed.serial}' if changed.applied else 'planned'}"
