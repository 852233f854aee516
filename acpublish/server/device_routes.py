"""Which route answers which address: plain functions from a request to an answer.

=============================  ==================================================================
``/_catalog``                  the list of a directory, for AutoConnect and for clients
``/update/<product>/<board>``  the newest image of a channel, and ``.md5``, ``.sha256``, ``.json``
``/u/<secret>/…``              each of these, without the credentials of a product
``/metrics`` and two others    for the programs that watch a server (``status_routes.py``)
everything else                a file of the catalog, or its ``.md5`` or ``.sha256``
=============================  ==================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from time import perf_counter
from typing import NamedTuple

from acpublish.errors import AcpublishError, reason_of
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding, Route
from acpublish.server.api.routes import status_of
from acpublish.server.bounds import RETRY_AFTER_S, BusyError
from acpublish.server.device_access import AccessRules, DeviceAccess, is_hidden, unknown_path
from acpublish.server.listing import Listing
from acpublish.server.named_files import NamedFiles
from acpublish.server.product_reader import ProductReader
from acpublish.server.request_head import RequestHead
from acpublish.server.status_routes import StatusRoutes
from acpublish.server.updates import Updates
from acpublish.wire import CATALOG_PATH, UPDATE_PREFIX

_log = logging.getLogger("acpublish.server")

#: What is not answered here, but by the API, and by the pages for people.
API = b"/api/v1/"
PAGES = b"/_/"
_HANDED_OVER = (API, PAGES)
_CATALOG = CATALOG_PATH.encode()
_UPDATE = UPDATE_PREFIX.encode()


def is_handed_over(head: RequestHead) -> bool:
    """Returns whether a request is for the API or the pages, which uvicorn's protocol serves."""
    return head.path.startswith(_HANDED_OVER) or (head.path == b"/" and _is_of_browser(head))


def _is_of_browser(head: RequestHead) -> bool:
    """Returns whether a request without a body is one of a browser that opens a page."""
    if head.method not in ("GET", "HEAD") or head.report.family is not None:
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in head.headers)


class _Below(NamedTuple):
    """What is remembered with the head of a request for an address below a secret path."""

    rules: AccessRules
    head: RequestHead
    route: Route


class DeviceRoutes:
    """Passes each request to its route, and turns errors into answers.

    Attributes:
        measured: What is counted while serving.
    """

    def __init__(
        self,
        reader: ProductReader,
        listing: Listing,
        files: NamedFiles,
        updates: Updates,
        access: DeviceAccess,
        status: StatusRoutes,
    ) -> None:
        """Prepares to answer.

        Args:
            reader: Looks at products.
            listing: Answers with lists.
            files: Answers with files by their names.
            updates: Answers automatic updates.
            access: Knows the secret paths.
            status: Answers the programs that watch the server.
        """
        self._reader = reader
        self._listing = listing
        self._files = files
        self._updates = updates
        self._access = access
        self._status = status
        self.measured = status.measured
        self._took = status.measured.took

    def forget(self) -> None:
        """Makes the next request see what has just been changed."""
        self._reader.forget()
        self._listing.forget()

    def answer(self, request: Request) -> Responding:
        """Answers a request; neither this nor awaiting it raises an error."""
        begun = perf_counter()
        head = request.head
        route = head.route
        if route is None:
            route = head.route = self._route_of(head)
        try:
            responding = route(request)
        except Exception as error:
            return _of_error(error)
        updater = request.report.updater
        if isinstance(responding, Answer):
            if updater:
                self._took(perf_counter() - begun)
            return responding
        return self._awaited(responding, begun if updater else None)

    async def _awaited(self, responding: Awaitable[Answer], begun: float | None) -> Answer:
        try:
            return await responding
        except Exception as error:
            return _of_error(error)
        finally:
            if begun is not None:
                self._took(perf_counter() - begun)

    def _route_of(self, head: RequestHead) -> Route:
        if head.method not in ("GET", "HEAD"):
            return _wrong_method
        if head.path.startswith(_UPDATE):
            return self._updates.automatic
        if is_hidden(head.path) and head.opened is None:
            return self._below
        if head.path == _CATALOG:
            return self._listing.answer
        return self._status.of(head.path, self._files.file) or self._files.file

    def _below(self, request: Request) -> Responding:
        """Answers a request below ``/u/``: the catalog's own folder, while there are no rules."""
        rules, memo = self._access.rules, request.head.memo
        if rules is None:
            return self._files.file(request)
        if type(memo) is not _Below or memo.rules is not rules:
            head = self._access.below(request.head, rules)
            if head is None:
                return unknown_path()
            memo = request.head.memo = _Below(rules, head, self._route_of(head))
        return memo.route(request.with_head(memo.head))


def _wrong_method(_: Request) -> Answer:
    allowed = [(b"allow", b"GET, HEAD")]
    return answer.text(405, "Only GET and HEAD are accepted here.", allowed)


def busy(reason: str, *, closes: bool = False) -> Answer:
    """Answers that the server has too much to do, and when to try again.

    Args:
        reason: What there is too much of, for the log.
        closes: Whether the connection ends after the response.
    """
    later = [(b"retry-after", b"%d" % RETRY_AFTER_S)]
    given = answer.text(503, "The server is busy.", later, note=reason)
    given.closes, given.counted = closes, True
    return given


def _of_error(error: Exception) -> Answer:
    # All of them are raised before the first byte of a response.
    if isinstance(error, BusyError):
        return busy(error.problem)
    if isinstance(error, AcpublishError):
        status, _ = status_of(error)
        if status == 404:
            return answer.missing(str(error))
        _log.error("%s", error)
        return answer.text(status, "The catalog cannot be read.", note=str(error))
    if isinstance(error, OSError):
        _log.error("the catalog cannot be read: %s", reason_of(error))
        return answer.text(503, "The catalog cannot be read.")
    _log.error("a request could not be answered", exc_info=error)
    return answer.text(500, "Internal server error.")
