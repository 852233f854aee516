"""Runs the server: from options to an exit status.

1. The catalog is repaired, and the socket opened, before anything is served.
2. stdout gets one line for each port, once the server listens, and that without TLS comes first;
   everything else is logged on stderr.
3. The first signal stops accepting and lets downloads in progress finish, within the grace time;
   a second one ends them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.state import state_dir
from acpublish.control.fleet_news import FleetNews
from acpublish.control.running_file import Announcement
from acpublish.control.told import Told
from acpublish.errors import MissingExtraError, SettingsError
from acpublish.notices.webhooks import Webhooks
from acpublish.server.catalog_care import prepare, watch_catalog
from acpublish.server.config import ServerOptions
from acpublish.server.logwriter import LogWriter, configure, level_of
from acpublish.server.recent_problems import RecentProblems
from acpublish.server.sockets import (
    raise_open_files,
    reached_by,
    reaches_others,
)

try:
    import uvicorn

    from acpublish.server.accesslog import AccessLog
    from acpublish.server.app import Application, create_app
    from acpublish.server.checkins import Listener as CheckInListener
    from acpublish.server.connections import Connections
    from acpublish.server.device_access import DeviceAccess
    from acpublish.server.fleet_loop import FleetLoop
    from acpublish.server.garbage import watch_garbage
    from acpublish.server.greeting import look_at_tokens, show_login, warn_of_project
    from acpublish.server.listener import Listener
    from acpublish.server.measured import Measured
    from acpublish.server.news_loop import NewsLoop
    from acpublish.server.pages.page_links import PageLinks, root_of_pages
    from acpublish.server.ports import Port, open_ports
    from acpublish.server.protocol import DeviceProtocol
    from acpublish.server.proxied import ProxiedPort, ProxiedProtocol
    from acpublish.server.proxy_header import Proxies
    from acpublish.server.stalled import StalledWatch
    from acpublish.server.tls import Handshake
    from acpublish.server.tokens import Tokens
except ImportError as error:
    raise MissingExtraError(
        f"the server needs {error.name}, which is not installed",
        hint="Install it: pip install 'acpublish[server]'.",
    ) from error

_log = logging.getLogger("acpublish.server")

_Watch = Callable[[], Coroutine[Any, Any, None]]
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TICK_S = 0.05
#: How long a thread that reads products keeps the interpreter from the loop. Each system call of a
#: check gives the interpreter away, so with Python's 5 ms one check may wait for several of these.
_SWITCH_S = 0.0005
#: How long handlers need to notice that their connection is gone.
_AFTER_ABORT_S = 1.0


def serve(options: ServerOptions, listeners: Sequence[CheckInListener] = ()) -> int:
    """Serves a catalog until a signal ends it.

    Prints one line on stdout as soon as it listens, and one more for TLS.

    Args:
        options: How to serve.
        listeners: Called in the event loop with every check-in, and with what became of every
            offer (:mod:`acpublish.server.checkins`).

    Returns:
        The exit status.

    Raises:
        SettingsError: The address, the log level, the state folder, the certificate or a proxy's
            address is invalid, or the device credentials cannot be read.
        CatalogError: The catalog's directory cannot be read.
    """
    level, writer, problems = level_of(options.log), LogWriter(sys.stderr), RecentProblems()
    configure(level, writer, problems)
    try:
        return _serve(options, listeners, writer, problems)
    finally:
        writer.close()


def _serve(
    options: ServerOptions,
    listeners: Sequence[CheckInListener],
    writer: LogWriter,
    problems: RecentProblems,
) -> int:
    state = _state_folder(options)
    catalog = DirectoryCatalog(options.catalog, state)
    warn_of_project(catalog)
    tokens = Tokens(state)
    look_at_tokens(tokens)
    access = DeviceAccess(state)
    proxies = Proxies(options.proxies)
    ports = open_ports(options)
    raise_open_files()
    log = AccessLog(writer if _log.isEnabledFor(logging.INFO) else None)
    here = Announcement(state, ports[0].url)
    tokens.of_commands = here.server.token
    news = FleetNews(Told(state))
    news_loop = NewsLoop(catalog, news)
    links = PageLinks(root_of_pages(options.hosts, ports[-1].url))
    webhooks = Webhooks(state, news.listeners, links.of_events)
    news_loop.keepers.append(webhooks.keep)
    fleet = _fleet(options, catalog, state, here, news)
    if fleet is not None:
        fleet.state.newcomers.shared = proxies.has
    app = create_app(
        replace(options, state=state),
        catalog,
        tokens,
        listeners,
        log,
        access,
        fleet.updates if fleet else None,
    )
    app.site.problems = problems
    care = partial(watch_catalog, options.catalog)
    watches: list[_Watch] = [care, watch_garbage, access.watch, news_loop.run]
    if fleet is not None:
        watches.append(fleet.run)
    watches += _mqtt(options, catalog, news, fleet, links, app.routes.measured)
    ready = partial(prepare, catalog, fleet=options.fleet)
    server = _Server(_config(app), app, options, ports, proxies, watches, ready)
    sys.setswitchinterval(_SWITCH_S)
    # Without a store, there is nothing yet that a command could not see by itself.
    here.make(logging.WARNING if fleet and fleet.state.store else logging.INFO)
    webhooks.start()
    try:
        _run(server.serve(sockets=[port.listener for port in ports]))
    finally:
        here.end()
        if fleet is not None:
            fleet.close()
        news_loop.close()
        webhooks.close()
        log.flush()
        tokens.write_uses()
    return 0


def _fleet(
    options: ServerOptions,
    catalog: DirectoryCatalog,
    state: Path,
    here: Announcement,
    news: FleetNews,
) -> FleetLoop | None:
    """Returns the fleet, with what its store has; None for a server without one."""
    if not options.fleet:
        return None
    fleet = FleetLoop(catalog, state, options.max_offers, here.make, news)
    fleet.open_existing()
    return fleet


def _state_folder(options: ServerOptions) -> Path:
    state = options.state or state_dir(options.catalog, os.environ)
    if state.exists() and not state.is_dir():
        raise SettingsError(
            f"the state folder {state} is a file", hint="Use a folder with --state, or none."
        )
    return state


def _config(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        workers=1,
    )


def _mqtt(
    options: ServerOptions,
    catalog: DirectoryCatalog,
    news: FleetNews,
    fleet: FleetLoop | None,
    links: PageLinks,
    measured: Measured,
) -> list[_Watch]:
    """Returns what tells an MQTT broker what happens; nothing without one."""
    if options.mqtt is None:
        return []
    # Its library is an extra of its own.
    from acpublish.server.mqtt_loop import MqttLoop

    updates = fleet.updates if fleet else None
    mqtt = MqttLoop(options.mqtt, catalog, updates, links, install=options.mqtt_install)
    news.listeners.append(mqtt.note)
    measured.mqtt_connected = mqtt.is_connected
    return [mqtt.run]


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine in uvloop if that is installed, in asyncio otherwise."""
    loop: asyncio.AbstractEventLoop
    try:
        import uvloop
    except ImportError:
        # Windows has another loop by default, which does not watch sockets.
        loop = asyncio.SelectorEventLoop()
    else:
        loop = uvloop.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which ends only after downloads in progress, within the grace time."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: Application,
        options: ServerOptions,
        ports: Sequence[Port],
        proxies: Proxies,
        watches: Sequence[_Watch],
        prepare: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._prepare = prepare
        self._app = app
        self._options = options
        self._ports = ports
        self._proxies = proxies
        self._watches = watches
        self._listeners: list[Listener] = []
        self._watching: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to accept connections, and prints the URL."""
        loop = asyncio.get_running_loop()
        connections = Connections(
            self._app.routes,
            self._app.log,
            self.config,
            self.server_state,
            loop,
            shared=self._proxies.has,
        )
        self._app.routes.measured.connections = connections.open
        self._app.site.connections = connections
        self._listeners = [self._listen(connections, port) for port in self._ports]
        watches = [port.certificate.watch() for port in self._ports if port.certificate]
        self._watching = [
            loop.create_task(watch)
            for watch in (
                StalledWatch(connections).run(),
                *(watch() for watch in self._watches),
                *watches,
            )
        ]
        self.started = True
        catalog = self._options.catalog.resolve()
        for port in self._ports:
            sys.stdout.write(f"acpublish: serving {catalog} at {port.url}\n")
        show_login(self._app.site, self._ports[-1].url)
        sys.stdout.flush()
        listener = self._ports[0].listener
        reached = reached_by(listener)
        if reached:
            _log.info("%s", reached)
        if reaches_others(listener):
            _log.warning(
                "anyone who can reach this address can read the images, "
                "which may contain Wi-Fi passwords"
            )
        # The end of the process does not wait for it: like every change, it may be broken off.
        threading.Thread(target=self._prepare, name="prepare", daemon=True).start()

    def _listen(self, connections: Connections, port: Port) -> Listener:
        certificate = port.certificate
        protocol: Callable[[], asyncio.Protocol]
        if self._proxies:
            # A header comes in the clear, before TLS.
            proxied = ProxiedPort(connections, self._proxies, certificate)
            protocol = partial(ProxiedProtocol, proxied)
        elif certificate is not None:
            protocol = partial(Handshake, connections, certificate)
        else:
            protocol = partial(DeviceProtocol, connections)
        return Listener(connections.loop, port.listener, protocol, connections.excess.note)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handles signals; unlike uvicorn, it does not raise them again, as the end is clean."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: types.FrameType | None) -> None:
        """Ends gracefully at the first signal, immediately at the second."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops accepting, lets responses finish, then breaks the rest off."""
        _log.info("stopping; responses have up to %g s to finish", self._options.grace_s)
        for listener in self._listeners:
            listener.close()
        for task in self._watching:
            task.cancel()
        state = self.server_state
        # What is watched would never end by itself.
        self._app.site.live.close()
        for connection in list(state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.grace_s
        while (state.connections or state.tasks) and not self.force_exit and loop.time() < end:
            await asyncio.sleep(_TICK_S)
        if state.connections:
            _log.warning("broke off connections: %d", len(state.connections))
        for connection in list(state.connections):
            cast(DeviceProtocol, connection).abort()
        end = loop.time() + _AFTER_ABORT_S
        while state.tasks and loop.time() < end:
            await asyncio.sleep(_TICK_S)
        for task in list(state.tasks):
            task.cancel()
        self._app.site.waiting.close()
