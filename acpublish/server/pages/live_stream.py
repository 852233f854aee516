"""``/_/live?topic=…``: the stream of a page that is open, until the browser leaves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from acpublish.errors import AcpublishError, NotFoundError
from acpublish.server.handover import ABORT_KEY
from acpublish.server.pages.page_routes import shows
from acpublish.server.pages.page_site import PageSite
from acpublish.server.pages.visits import Visit

PATH = "/_/live"
_HEAD = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    # nginx would collect the events otherwise.
    "x-accel-buffering": "no",
}
_MAX_TOPIC = 200


def live_routes(site: PageSite) -> list[Route]:
    """Returns the route of the stream."""
    return [shows(PATH, _watch, site)]


async def _watch(visit: Visit) -> Response:
    """Responds with the events of a topic.

    Raises:
        NotFoundError: There is no such topic.
        BusyError: Too many watch.
    """
    live, watched = visit.site.live, visit.request.query_params.get("topic", "")[:_MAX_TOPIC]
    topic, is_stranger = live.find(watched), visit.token is None
    if topic is None:
        raise NotFoundError("there is no such topic", hint="Load the page again.")
    if topic.needs is not None:
        visit.need(topic.needs)
    if visit.request.method == "HEAD":
        live.need_room(is_stranger=is_stranger)
        return Response(headers=_HEAD)
    needs = topic.needs

    def goes_on() -> bool:
        if needs is None:
            return True
        try:
            visit.check(needs)
        except AcpublishError:
            return False
        return True

    abort = visit.request.scope.get(ABORT_KEY, lambda: None)
    events = live.stream(watched, abort, goes_on, is_stranger=is_stranger)
    # Whoever is one too many has to hear that before the head of the response is out.
    return _Stream(await anext(events), events)


class _Stream(Response):
    """A response that ends with its connection, without an error in the log."""

    def __init__(self, first: bytes, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(headers=_HEAD)
        del self.headers["content-length"]
        self._first, self._events = first, events

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with aclosing(self._events):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            sending = asyncio.create_task(self._send(send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                sending.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, send: Any) -> None:
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for event in self._events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
