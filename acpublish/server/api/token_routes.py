"""Tokens over HTTP: list, create, revoke and rotate them, with a token of the scope ``manage``.

===========================================  =============================================
``GET /api/v1/tokens``                       every token, without its text and its digest
``POST /api/v1/tokens``                      creates one
``DELETE /api/v1/tokens/<id>``               revokes one
``POST /api/v1/tokens/<id>/rotate``          replaces one by another that allows the same
``POST /api/v1/login-links``                 creates a link that signs in to the page, once
===========================================  =============================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.release.documents import Fields
from acpublish.release.durations import of_seconds
from acpublish.release.grants import NewToken, TokenRequest
from acpublish.server.api.authority import Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.login_links import LASTS_S, LoginLinks
from acpublish.server.tokens import Scope, Tokens

_log = logging.getLogger(__name__)

#: What has a token, or the names of tokens, is in no cache.
_PRIVATE = {"cache-control": "no-store"}


class TokenRoutes:
    """Shows and changes the tokens of this server."""

    def __init__(self, tokens: Tokens, authority: Authority, links: LoginLinks) -> None:
        """Prepares the routes.

        Args:
            tokens: The tokens.
            authority: Who may change them.
            links: Links that sign in to the page.
        """
        self._links = links
        self._tokens = tokens
        self._authority = authority

    async def all(self, request: Request) -> Response:
        """Lists the tokens, also those that have expired.

        Raises:
            AcpublishError: The request is refused, or the tokens cannot be read.
        """
        self._authority.need(request, Scope.MANAGE)
        tokens = await asyncio.to_thread(self._tokens.all)
        return JSONResponse({"tokens": [info.to_dict() for info in tokens]}, headers=_PRIVATE)

    async def create(self, request: Request) -> Response:
        """Creates a token, which only this response shows.

        Raises:
            AcpublishError: The request is refused, or the tokens cannot be written.
        """
        by = self._authority.need(request, Scope.MANAGE).id
        document = await json_of(request)
        wanted = read_sent(lambda: TokenRequest.from_dict(document))
        check = self._still_allowed(request)
        create = partial(self._tokens.store.create, wanted, before_commit=check)
        return self._created(await asyncio.to_thread(create), by)

    async def revoke(self, request: Request) -> Response:
        """Revokes a token.

        Raises:
            AcpublishError: The request is refused, or the tokens cannot be written.
        """
        by = self._authority.need(request, Scope.MANAGE).id
        id_ = request.path_params["id"]
        check = self._still_allowed(request)
        revoke = partial(self._tokens.store.revoke, id_, before_commit=check)
        info = await asyncio.to_thread(revoke)
        _log.info("token %s revoked token %s", by, info.id)
        return JSONResponse(info.to_dict(), headers=_PRIVATE)

    async def rotate(self, request: Request) -> Response:
        """Replaces a token, which ends after a grace time.

        Raises:
            AcpublishError: The request is refused, or the tokens cannot be written.
        """
        by = self._authority.need(request, Scope.MANAGE).id
        document = await json_of(request)
        grace = read_sent(lambda: _grace(document))
        id_, check = request.path_params["id"], self._still_allowed(request)
        rotate = partial(self._tokens.store.rotate, id_, grace, before_commit=check)
        return self._created(await asyncio.to_thread(rotate), by)

    async def login_link(self, request: Request) -> Response:
        """Creates a link that signs in to the page, once, with the rights of this machine.

        Raises:
            AcpublishError: The request is refused.
        """
        by = self._authority.need(request, Scope.MANAGE)
        _log.info("token %s created a link to sign in", by.id)
        # What commands on this machine send is in no file, and ends with the server.
        path = self._links.new(by if by.sha256 else None)
        document = {"path": path, "seconds": int(LASTS_S)}
        return JSONResponse(document, 201, headers=_PRIVATE)

    def _still_allowed(self, request: Request) -> Callable[[], object]:
        """Returns the check to repeat with the lock: the token may be revoked until then."""
        return partial(self._authority.check, request, Scope.MANAGE)

    def _created(self, token: NewToken, by: str) -> Response:
        old = f" in place of {token.replaces.id}" if token.replaces else ""
        _log.info("token %s created token %s%s", by, token.info.id, old)
        return JSONResponse(token.to_dict(), 201, headers=_PRIVATE)


def _grace(document: object) -> timedelta:
    fields = Fields(document, "request", 'Send an object such as {"grace_s": 86400}.')
    grace = of_seconds(fields.get("grace_s", int))
    fields.need_no_more()
    return grace
