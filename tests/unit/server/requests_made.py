"""Requests as the protocol reads them, for the tests of routes."""

from __future__ import annotations

from acpublish.server.answer import Request
from acpublish.server.request_head import RequestHead
from acpublish.wire import Report


def request(
    target: bytes = b"/",
    headers: list[tuple[bytes, bytes]] | None = None,
    *,
    method: str = "GET",
    address: str | None = "192.0.2.7",
    server: tuple[str, int] | None = None,
    report: Report | None = None,
) -> Request:
    """Makes a request."""
    head = RequestHead(method, target, headers or [])
    return Request(head, address, report, _Connected(server))


class _Connected:
    secure = False

    def __init__(self, server: tuple[str, int] | None) -> None:
        self._server = server

    def server(self) -> tuple[str, int] | None:
        return self._server
