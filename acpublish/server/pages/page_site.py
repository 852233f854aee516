"""What the pages of a server have to do with, and what all of them share."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_state import FleetState
from acpublish.errors import ConflictError
from acpublish.server.api.publisher import Publisher
from acpublish.server.catalog_changes import CatalogChanges
from acpublish.server.checkins import Counts, Event
from acpublish.server.config import ServerOptions
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.hosts import OwnHosts
from acpublish.server.login_links import Guesses, LoginLinks
from acpublish.server.pages.live import Live
from acpublish.server.pages.product_views import ProductViews
from acpublish.server.pages.rendering import Rendering, shared_rendering
from acpublish.server.pages.sessions import Sessions
from acpublish.server.pages.shared_results import SharedResults
from acpublish.server.pages.waiting_files import WaitingFiles
from acpublish.server.recent_problems import RecentProblems
from acpublish.server.tokens import Tokens

if TYPE_CHECKING:
    from acpublish.server.connections import Connections

_T = TypeVar("_T")
#: Pages that are made at a time, each in a thread: the device path needs the other threads.
PARALLEL_PAGES = 2
#: How many of the last check-ins pages have; each offer is two of them.
MAX_CHECK_INS = 60
#: How long what the devices of a product run is the same for all visitors. Counting very many of
#: them takes longer than a page may, so meanwhile visitors get an older result.
_COUNTED_S, _STALE_S = 10.0, 120.0
_MAX_COUNTED = 1000


class NavEntry(NamedTuple):
    """An entry at the top of each page.

    Attributes:
        path: Where it leads.
        key: The key of its text.
        needs: The scope without which it is not shown; empty for everyone.
    """

    path: str
    key: str
    needs: str = ""


@dataclass(slots=True)
class PageSite:
    """A server, for its pages.

    Attributes:
        options: How it serves.
        catalog: Where releases are.
        tokens: Who may do what.
        hosts: Its names.
        people: The fleet, as people see and change it; None for a server without one.
        state: The fleet itself, to look at in the event loop; None likewise.
        counts: What devices run.
        check_ins: The last check-ins and what became of offers, the oldest first.
        links: What ``acpublish login-link`` prints.
        changes: Makes one change of the catalog after the other.
        publisher: Publishes what is sent, for the API as well.
        sessions: Who is signed in.
        waiting: Files that their browsers have sent, and that are not published yet.
        guesses: Counts wrong secrets.
        rendering: Makes HTML of templates.
        live: What changes on pages that are open.
        products: Products and releases as pages show them.
        navigation: The entries at the top of each page.
        threads: Limits what is made at a time.
        strangers: For how many who are not signed in a page is being made.
        problems: What the log has said of problems.
        connections: Those of the server; None before it listens.
        started: When it began, in seconds since 1970.
    """

    options: ServerOptions
    catalog: DirectoryCatalog
    tokens: Tokens
    hosts: OwnHosts
    people: FleetPeople | None
    state: FleetState | None
    counts: Counts
    check_ins: deque[Event] = field(default_factory=lambda: deque(maxlen=MAX_CHECK_INS))
    links: LoginLinks = field(default_factory=LoginLinks)
    changes: CatalogChanges = field(init=False)
    publisher: Publisher = field(init=False)
    sessions: Sessions = field(init=False)
    waiting: WaitingFiles = field(init=False)
    guesses: Guesses = field(default_factory=Guesses)
    rendering: Rendering = field(default_factory=shared_rendering)
    live: Live = field(default_factory=Live)
    products: ProductViews = field(init=False)
    navigation: tuple[NavEntry, ...] = ()
    threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL_PAGES))
    strangers: int = 0
    problems: RecentProblems = field(default_factory=RecentProblems)
    connections: Connections | None = None
    started: float = field(default_factory=time.time)

    _running: SharedResults[Mapping[str, int]] = field(
        init=False, default_factory=lambda: SharedResults(_COUNTED_S, _MAX_COUNTED, _STALE_S)
    )

    def __post_init__(self) -> None:
        """Begins without sessions."""
        self.changes = CatalogChanges(self.catalog, self.counts)
        self.sessions = Sessions(self.tokens.current)
        self.products = ProductViews(self.catalog, self.counts)
        self.publisher = Publisher(self.catalog, self.options.upload_bytes)
        self.waiting = WaitingFiles(self.tokens.state)
        self.sessions.on_end.append(self.waiting.drop)

    async def parts(self, templates: Mapping[str, str], **values: Any) -> dict[str, str]:
        """Returns the HTML of several templates that are not for a certain visit, by their names.

        Args:
            templates: The names of their files.
            values: What they show.
        """

        def rendered() -> dict[str, str]:
            render = self.rendering.render
            return {name: render(template, **values) for name, template in templates.items()}

        async with self.threads:
            return await asyncio.to_thread(rendered)

    async def part(self, template: str, **values: Any) -> str:
        """Returns the HTML of a template that is not for a certain visit.

        Args:
            template: The name of its file.
            values: What it shows.
        """
        return await self.run(partial(self.rendering.render, template, **values))

    async def run(self, function: Callable[[], _T]) -> _T:
        """Calls a function in one of few threads.

        Args:
            function: What takes a while.
        """
        async with self.threads:
            return await asyncio.to_thread(function)

    async def running(self, product: str) -> Mapping[str, int]:
        """Returns how many devices of a product are known to run each version.

        Args:
            product: A product that there is.
        """
        count = partial(self.products.devices, product)
        return await self._running.get(product, lambda: self.run(count))

    def fleet(self) -> FleetPeople:
        """Returns the fleet.

        Raises:
            ConflictError: The server has none.
        """
        if self.people is None:
            raise ConflictError(
                "this server does not know its devices, because it runs with --no-fleet",
                hint="Start it without --no-fleet.",
            )
        return self.people
