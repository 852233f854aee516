"""The application: the routes for devices, and everything behind uvicorn's protocol.

Whatever is not a device route is given only under the server's own names
(:mod:`acpublish.server.hosts`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, cast

from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.notices.webhook_orders import WebhookOrders
from acpublish.server import hosts
from acpublish.server.accesslog import AccessLog
from acpublish.server.answer import Answer, FileBody, Request, answered, text
from acpublish.server.api.authority import NOTE
from acpublish.server.api.routes import App, create_api
from acpublish.server.cache import AnswerCache, LocationCache
from acpublish.server.checkins import CheckIns, Counts, DeviceCounts, Listener
from acpublish.server.config import ServerOptions
from acpublish.server.device_access import DeviceAccess
from acpublish.server.device_memory import DeviceMemory
from acpublish.server.device_routes import API, DeviceRoutes, is_handed_over
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.fleet_updates import FleetCounts, FleetUpdates
from acpublish.server.handover import TARGET_KEY
from acpublish.server.hosts import HostGuard, OwnHosts
from acpublish.server.images import Images
from acpublish.server.listing import Listing
from acpublish.server.measured import Measured
from acpublish.server.metrics import Metrics
from acpublish.server.named_files import NamedFiles
from acpublish.server.offer import Offers
from acpublish.server.pages.page_app import FOREIGN_KEY, create_pages
from acpublish.server.pages.page_site import PageSite
from acpublish.server.product_reader import ProductReader
from acpublish.server.proxy_header import Proxies
from acpublish.server.request_head import RequestHead
from acpublish.server.status_routes import StatusRoutes
from acpublish.server.tokens import Tokens
from acpublish.server.updates import Updates

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def create_app(
    options: ServerOptions,
    catalog: DirectoryCatalog,
    tokens: Tokens,
    listeners: Sequence[Listener] = (),
    log: AccessLog | None = None,
    access: DeviceAccess | None = None,
    fleet: FleetUpdates | None = None,
) -> Application:
    """Creates the application.

    Args:
        options: The server's options.
        catalog: What to serve.
        tokens: Who may publish.
        listeners: Called with every check-in, and with what became of every offer.
        log: Where each response is logged; None for nowhere.
        access: Which devices may have which images; by default what the state folder says.
        fleet: Knows every device, and decides what it gets; None to decide by each request alone.

    Raises:
        SettingsError: The device credentials cannot be read, or one of the server's hosts is
            neither a name nor an address.
    """
    access = access or DeviceAccess(tokens.state)
    reader = ProductReader(catalog)
    files = CatalogFiles(catalog, hidden=options.state)
    locations = LocationCache(files)
    answers = AnswerCache()
    images = Images(files, options.cache_bytes)
    memory = DeviceMemory(reports=fleet is None)
    counts, knows = _counts(reader, fleet)
    measured = Measured()
    own_hosts = OwnHosts(options.hosts, options.bind)
    undelivered = WebhookOrders(tokens.state).all
    metrics = Metrics(measured, partial(counts.versions, catalog), fleet, undelivered)
    proxied = bool(options.hosts or options.proxies)
    people = FleetPeople(fleet.state, catalog, fleet.need_store) if fleet else None
    state = fleet.state if fleet else None
    site = PageSite(options, catalog, tokens, own_hosts, people, state, counts)
    check_ins = CheckIns([knows, memory, measured, site.check_ins.append, *listeners])
    offers = Offers(images, check_ins)
    named = NamedFiles(reader, locations, images, offers, access, fleet)
    return Application(
        routes=DeviceRoutes(
            reader,
            Listing(files, locations, answers, reader, access),
            named,
            Updates(reader, locations, images, offers, named, memory, own_hosts, access, fleet),
            access,
            StatusRoutes(catalog.root, measured, metrics, tokens, answers, fleet, proxied=proxied),
        ),
        api=_api(site, counts, answers, Proxies(options.proxies)),
        pages=create_pages(site),
        site=site,
        guard=HostGuard(own_hosts, tokens),
        log=log or AccessLog(None),
    )


def _counts(reader: ProductReader, fleet: FleetUpdates | None) -> tuple[Counts, Listener]:
    """Returns what knows which versions devices run, and the listener that it learns from."""
    if fleet is not None:
        return FleetCounts(fleet.state), fleet
    counts = DeviceCounts(reader.has_board)
    return counts, counts


def _api(site: PageSite, counts: Counts, answers: AnswerCache, proxies: Proxies) -> App:
    return create_api(
        site.catalog,
        site.tokens,
        counts,
        site.publisher,
        answers,
        proxies,
        site.people,
        site.links,
        site.changes,
    )


class Application:
    """All that a server answers.

    Attributes:
        routes: Answer requests of devices, and all others for files and lists.
        log: Where each response is logged.
        site: What the pages have to do with.
    """

    def __init__(
        self,
        *,
        routes: DeviceRoutes,
        api: App,
        pages: App,
        site: PageSite,
        guard: HostGuard,
        log: AccessLog,
    ) -> None:
        """Puts the parts together.

        Args:
            routes: Answer requests of devices.
            api: Answers those for the API.
            pages: Answers those for the pages.
            site: What the pages have to do with.
            guard: Finds requests for the API of another host.
            log: Where each response is logged.
        """
        self.routes = routes
        self.log = log
        self.site = site
        self._api = api
        self._pages = pages
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Responds to one request that was handed over to uvicorn's protocol (ASGI 3)."""
        if scope["type"] != "http":
            return
        request = _request(scope)
        if not is_handed_over(request.head):
            answer = _without_file(await answered(self.routes.answer(request)))
            await _send(send, answer, head_only=request.method == "HEAD")
        else:
            foreign, is_api = self._guard.foreign_host(request), request.path.startswith(API)
            if foreign is not None and is_api:
                answer = hosts.refusal(foreign)
                await _send(send, answer)
            else:
                scope[FOREIGN_KEY] = foreign
                app = self._api if is_api else self._pages
                changes = is_api or request.method not in ("GET", "HEAD")
                status = await self._call(app, scope, receive, send, changes=changes)
                answer = Answer(status, b"", note=scope.get(NOTE, ""))
        self.log.note(request, answer)

    async def _call(
        self, app: App, scope: Scope, receive: Receive, send: Send, *, changes: bool
    ) -> int:
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if changes:
                    # Whoever hears of a change sees it.
                    self.routes.forget()
            await send(message)

        await app(scope, receive, send_and_note)
        return status


def _request(scope: Scope) -> Request:
    target = scope.get(TARGET_KEY)
    if target is None:
        query = scope.get("query_string", b"")
        raw = scope.get("raw_path") or scope["path"].encode()
        target = raw + b"?" + query if query else raw
    client, server = scope.get("client"), scope.get("server")
    head = RequestHead(scope["method"], target, scope["headers"])
    scheme = scope.get("scheme")
    connection = _Scope(server, secure=scheme == "https")
    return Request(head, client[0] if client else None, connection=connection)


class _Scope:
    def __init__(self, server: tuple[str, int] | None, *, secure: bool) -> None:
        self._server = server
        self.secure = secure

    def server(self) -> tuple[str, int] | None:
        return self._server if self._server and self._server[1] else None


def _without_file(given: Answer) -> Answer:
    """Refuses a file that is too large for the memory: nobody who sends a body needs it."""
    if not isinstance(given.body, FileBody):
        return given
    given.body.close()
    refused = text(400, "A request for a large file has no body.", note=given.note)
    refused.running, refused.ended = given.running, given.ended
    return refused


async def _send(send: Send, answer: Answer, *, head_only: bool = False) -> None:
    """Sends an answer by ASGI: to a request with a body, or of another method."""
    _, *lines = answer.head.split(b"\r\n")[:-1]
    headers = [
        (name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if head_only else bytes(cast("bytes | memoryview", answer.body))
    await send({"type": "http.response.body", "body": body, "more_body": False})
    if answer.ended is not None:
        answer.ended(False, None)
