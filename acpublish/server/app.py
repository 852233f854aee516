"""The application: which route responds to which URL. Device routes are plain ASGI.

===========================  ====================================================================
``/_catalog``                the list of a directory, for AutoConnect and for clients
``/update/<product>/<board>``  the newest image of a channel, and ``.md5``, ``.sha256``, ``.json``
``/api/v1/...``              publishing, and what is published, as JSON
everything else              a file of the catalog, or its ``.md5`` or ``.sha256``
===========================  ====================================================================

Whatever is not a device route is given only under the server's own names
(:mod:`acpublish.server.hosts`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import AcpublishError, reason_of
from acpublish.server import hosts, http
from acpublish.server.accesslog import AccessLog
from acpublish.server.api.authority import NOTE
from acpublish.server.api.routes import create_api, status_of
from acpublish.server.cache import AnswerCache, LocationCache
from acpublish.server.checkins import CheckIns, DeviceCounts, Listener
from acpublish.server.config import ServerOptions
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.hosts import HostGuard, OwnHosts
from acpublish.server.http import App, Message, Receive, Request, Scope, Send
from acpublish.server.images import ImageSender
from acpublish.server.listing import Listing
from acpublish.server.tokens import Tokens
from acpublish.server.updates import Updates
from acpublish.wire import CATALOG_PATH, UPDATE_PREFIX

_log = logging.getLogger("acpublish.server")

_CATALOG = CATALOG_PATH.encode()
_UPDATE = UPDATE_PREFIX.encode()
_API = b"/api/v1/"


def create_app(
    options: ServerOptions,
    catalog: DirectoryCatalog,
    tokens: Tokens,
    listeners: Sequence[Listener] = (),
    log: AccessLog | None = None,
) -> App:
    """Creates the ASGI application.

    Args:
        options: The server's options.
        catalog: What to serve.
        tokens: Who may publish.
        listeners: Called with every check-in, and with what became of every offer.
        log: Where each response is logged; None for nowhere.

    Raises:
        SettingsError: One of the server's hosts is neither a name nor an address.
    """
    files = CatalogFiles(catalog, hidden=options.state)
    locations = LocationCache(files)
    answers = AnswerCache()
    images = ImageSender(files, options.cache_bytes)
    counts, memory = DeviceCounts(catalog.has_board), DeviceMemory()
    check_ins = CheckIns([counts, memory, *listeners])
    own_hosts = OwnHosts(options.hosts, options.bind)
    return Application(
        listing=Listing(files, locations, answers),
        updates=Updates(catalog, locations, images, check_ins, memory, own_hosts),
        api=create_api(catalog, tokens, counts, options.upload_bytes, answers),
        guard=HostGuard(own_hosts, tokens),
        log=log or AccessLog(None),
    )


class Application:
    """Passes each request to its route, and turns errors into responses."""

    def __init__(
        self, *, listing: Listing, updates: Updates, api: App, guard: HostGuard, log: AccessLog
    ) -> None:
        self._listing = listing
        self._updates = updates
        self._api = api
        self._guard = guard
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Responds to one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        if request.path.startswith(_API):
            foreign = self._guard.foreign_host(request)
            if foreign is None:
                status = await self._call_api(scope, receive, send)
                request.note = scope.get(NOTE, request.note)
            else:
                request.note = f"{foreign} is not a name of this server; see --host"
                status = await hosts.refuse(send, foreign)
        else:
            status = await self._respond(request, send)
        self._log.note(request, status)

    async def _respond(self, request: Request, send: Send) -> int:
        if request.method not in ("GET", "HEAD"):
            return await http.text(
                send, 405, "Only GET and HEAD are accepted here.", [(b"allow", b"GET, HEAD")]
            )
        try:
            if request.path == _CATALOG:
                return await self._listing.respond(request, send)
            if request.path.startswith(_UPDATE):
                return await self._updates.automatic(request, send)
            return await self._updates.file(request, send)
        except AcpublishError as error:
            # All of them are raised before the first byte of a response.
            status, _ = status_of(error)
            request.note = str(error)
            if status == 404:
                return await http.missing(send)
            _log.error("%s", error)
            return await http.text(send, status, "The catalog cannot be read.")
        except OSError as error:
            _log.error("the catalog cannot be read: %s", reason_of(error))
            return await http.text(send, 503, "The catalog cannot be read.")

    async def _call_api(self, scope: Scope, receive: Receive, send: Send) -> int:
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._api(scope, receive, send_and_note)
        return status
