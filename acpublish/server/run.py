"""Runs the server: from options to an exit status.

What the server says while it runs: plain lines on stderr, one for each request.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.state import state_dir
from acpublish.errors import AcpublishError, MissingExtraError, SettingsError
from acpublish.server.config import ServerOptions
from acpublish.server.sockets import listen, own_address, raise_open_files, reaches_others, url_of

__all__ = ["ServerOptions", "serve"]

try:
    import uvicorn

    from acpublish.server.accesslog import AccessLog
    from acpublish.server.app import create_app
    from acpublish.server.protocol import DeviceProtocol
    from acpublish.server.tokens import Tokens
except ImportError as fault:
    raise MissingExtraError(
        f"the server needs {fault.name}, which is not installed",
        hint="Install it: pip install 'acpublish[server]'.",
    ) from fault


_log = logging.getLogger("acpublish.server")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_KEEP_ALIVE_S = 5
_TICK_S = 0.05
#: What handlers need to notice that their connection is gone.
_AFTER_ABORT_S = 1.0


def serve(options: ServerOptions) -> int:
    """Serves a catalog until a signal ends it.

    Prints one line on stdout as soon as it listens.

    Args:
        options: How to serve.

    Returns:
        The exit status.

    Raises:
        SettingsError: The address, the level of the log or the state folder is at fault.
        CatalogError: The catalog's directory is.
    """
    configure(level_of(options.log))
    state = options.state or state_dir(options.catalog, os.environ)
    catalog = DirectoryCatalog(options.catalog, state)
    _repair(catalog)
    tokens = Tokens(state)
    listener = listen(options.bind or own_address(), options.port)
    raise_open_files()
    access = AccessLog(sys.stderr if _log.isEnabledFor(logging.INFO) else None)
    config = uvicorn.Config(
        create_app(replace(options, state=state), catalog, tokens, log=access),
        http=DeviceProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        workers=1,
    )
    server = _Server(config, options, listener)
    # What is there now stays; the collector need not look at it again and again.
    gc.freeze()
    try:
        _run(server.serve(sockets=[listener]))
    finally:
        access.flush()
    return 0


def _repair(catalog: DirectoryCatalog) -> None:
    try:
        made = catalog.repair()
    except AcpublishError as fault:
        # A catalog that only can be read is served all the same.
        _log.warning("the catalog could not be repaired: %s", fault)
        return
    for file in made:
        _log.info("made again: %s", file)


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine in uvloop where it is installed, in asyncio otherwise."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
        return
    loop = uvloop.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(main)
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class _Server(uvicorn.Server):
    """uvicorn's server, with an end of its own: running downloads first, within the grace time."""

    def __init__(
        self, config: uvicorn.Config, options: ServerOptions, listener: socket.socket
    ) -> None:
        super().__init__(config)
        self._options = options
        self._listener = listener

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to accept, and says so."""
        await super().startup(sockets=sockets)
        catalog, url = self._options.catalog.absolute(), url_of(self._listener)
        sys.stdout.write(f"acpublish: serving {catalog} at {url}\n")
        sys.stdout.flush()
        if reaches_others(self._listener):
            _log.warning(
                "anyone who reaches this address can read the images, "
                "which may hold Wi-Fi passwords"
            )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes the signals; unlike uvicorn it does not raise them again, as the end is clean."""
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
        """The first signal ends gracefully, a second one at once."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops accepting, lets running answers finish, then breaks the rest off."""
        _log.info("stopping; running downloads have %g s", self._options.grace_s)
        for server in self.servers:
            server.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._options.grace_s
        while (state.connections or state.tasks) and not self.force_exit and loop.time() < ends:
            await asyncio.sleep(_TICK_S)
        if state.connections:
            _log.warning("broke off %d connections", len(state.connections))
        for connection in list(state.connections):
            connection.transport.abort()
        ends = loop.time() + _AFTER_ABORT_S
        while state.tasks and loop.time() < ends:
            await asyncio.sleep(_TICK_S)
        for task in list(state.tasks):
            task.cancel()


_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


def level_of(name: str) -> int:
    """Returns the level of a name of :mod:`logging`, in either case.

    Raises:
        SettingsError: There is no such level.
    """
    upper = name.upper()
    if upper not in (*_LEVELS, "WARN", "FATAL", "NOTSET"):
        raise SettingsError(f"there is no log level {name!a}", hint=f"One of {', '.join(_LEVELS)}.")
    level: int = getattr(logging, upper)
    return level


def configure(level: int) -> None:
    """Sends the records of the server and of uvicorn to stderr, and no one else's."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("acpublish", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)
        logger.propagate = False
    # What uvicorn tells of its own start and end is told here in other words.
    logging.getLogger("uvicorn.error").setLevel(max(level, logging.WARNING))
