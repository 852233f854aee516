"""Webhooks over HTTP, with a token of the scope ``manage``.

=====================================  ===================================================
``GET /api/v1/webhooks``               every webhook, without its secret
``POST /api/v1/webhooks``              adds one
``DELETE /api/v1/webhooks/<id>``       removes one
``POST /api/v1/webhooks/<id>/test``    sends a test, and returns whether it was delivered
``POST /api/v1/webhooks/<id>/retry``   tries again what could not be delivered
``GET /api/v1/undelivered``            lists what could not be delivered
=====================================  ===================================================
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from acpublish.notices.webhook_file import Webhook, new_webhook
from acpublish.notices.webhook_orders import WebhookOrders
from acpublish.release.documents import Fields
from acpublish.server.api.authority import Authority
from acpublish.server.api.bodies import json_of, read_sent
from acpublish.server.tokens import Scope

_log = logging.getLogger(__name__)

_PRIVATE = {"cache-control": "no-store"}
_HINT = 'Send an object such as {"url": "https://example.com/hook", "events": ["halted"]}.'


class WebhookRoutes:
    """Shows and changes the webhooks of this server."""

    def __init__(self, state: Path, authority: Authority) -> None:
        """Prepares the routes.

        Args:
            state: The state folder.
            authority: Who may change them.
        """
        self._orders = WebhookOrders(state)
        self._authority = authority
        # A test may take as long as a receiver wants, and other requests need the threads.
        self._testing = asyncio.Semaphore(1)

    async def all(self, request: Request) -> Response:
        """Lists the webhooks, and how deliveries to them go.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be read.
        """
        self._authority.need(request, Scope.MANAGE)
        webhooks = await asyncio.to_thread(self._orders.all)
        return JSONResponse({"webhooks": webhooks}, headers=_PRIVATE)

    async def add(self, request: Request) -> Response:
        """Adds a webhook, whose secret only this response shows.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be written.
        """
        by = self._authority.need(request, Scope.MANAGE).id
        document = await json_of(request)
        webhook = read_sent(lambda: _webhook(document))
        check = self._still_allowed(request)
        added = await asyncio.to_thread(partial(self._orders.add, webhook, before_commit=check))
        _log.info("token %s added webhook %s (%s)", by, webhook.id, webhook.host)
        return JSONResponse(added, 201, headers=_PRIVATE)

    async def remove(self, request: Request) -> Response:
        """Removes a webhook, and what waits for it.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be written.
        """
        by = self._authority.need(request, Scope.MANAGE).id
        remove = partial(self._orders.remove, request.path_params["id"])
        removed = await asyncio.to_thread(remove, before_commit=self._still_allowed(request))
        _log.info("token %s removed webhook %s", by, removed["id"])
        return JSONResponse(removed, headers=_PRIVATE)

    async def test(self, request: Request) -> Response:
        """Sends a test to a webhook; if it is delivered, one that was disabled is enabled.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be read.
        """
        self._authority.need(request, Scope.MANAGE)
        async with self._testing:
            result = await asyncio.to_thread(self._orders.test, request.path_params["id"])
        return JSONResponse(result, headers=_PRIVATE)

    async def retry(self, request: Request) -> Response:
        """Tries again what could not be delivered to a webhook, also if it was disabled.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be written.
        """
        self._authority.need(request, Scope.MANAGE)
        retry = partial(self._orders.try_again, request.path_params["id"])
        webhook = await asyncio.to_thread(retry, before_commit=self._still_allowed(request))
        return JSONResponse(webhook, headers=_PRIVATE)

    async def undelivered(self, request: Request) -> Response:
        """Lists what could not be delivered, the oldest first.

        Raises:
            AcpublishError: The request is refused, or the webhooks cannot be read.
        """
        self._authority.need(request, Scope.MANAGE)
        lost = await asyncio.to_thread(self._orders.undelivered)
        return JSONResponse({"undelivered": lost}, headers=_PRIVATE)

    def _still_allowed(self, request: Request) -> Callable[[], object]:
        """Returns the check to repeat with the lock: the token may be revoked until then."""
        return partial(self._authority.check, request, Scope.MANAGE)


def _webhook(document: Any) -> Webhook:
    fields = Fields(document, "request", _HINT)
    events = fields.get("events", list, [])
    webhook = new_webhook(
        fields.get("url", str),
        format_=fields.get("format", str, "standard"),
        events=[str(kind) for kind in events],
        token=fields.get("token", str, ""),
    )
    fields.need_no_more()
    return webhook
