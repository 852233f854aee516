"""What programs that watch a server ask: ``/healthz``, ``/readyz`` and ``/metrics``.

1. A file of the catalog with one of these names takes precedence, because it was there before.
2. ``/healthz`` and ``/readyz`` are for everyone, and show nothing but a line.
3. ``/metrics`` needs a token with the scope ``read``. Without a token it is for this machine only:
   for a request from loopback to ``localhost`` or a loopback address that has not come through a
   proxy. A web page whose name points at loopback sends another Host, as a proxy does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding, Route, answered
from acpublish.server.cache import AnswerCache
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.hosts import OF_PROXIES, host_of, is_loopback
from acpublish.server.measured import Measured
from acpublish.server.metrics import CONTENT_TYPE, Metrics
from acpublish.server.response_head import Headers, response_head
from acpublish.server.token_file import Token, TokensError
from acpublish.server.tokens import Refusal, Scope, Tokens, bearer

_NOT_STORED = (b"cache-control", b"no-store")
#: How long the catalog has to answer; a network's file system may never do.
_PATIENCE_S = 2.0
#: How long it has to say what takes precedence. Whoever asks whether the process answers waits less
#: than a second.
_GLANCE_S = 0.5
#: The catalog is not looked at more often than this, however many requests there are.
_LOOK_EVERY_S = 1.0
_REFUSALS: Mapping[Refusal, tuple[int, str]] = {
    Refusal.NO_TOKENS: (401, "Metrics need a token: acpublish token create --read."),
    Refusal.MISSING: (401, "Metrics need a token: acpublish token create --read."),
    Refusal.WRONG: (401, "The server does not know this token."),
    Refusal.EXPIRED: (401, "The token has expired."),
}
_WRONG_SCOPE = (403, "Metrics need a token with the scope read: acpublish token create --read.")


class _Seen(NamedTuple):
    """What was seen of the catalog.

    Attributes:
        is_readable: Whether it can be read.
        files: The addresses that it has files for.
    """

    is_readable: bool
    files: frozenset[bytes] = frozenset()


class StatusRoutes:
    """Answers the programs that watch a server.

    Attributes:
        measured: What is counted while serving.
    """

    def __init__(
        self,
        root: Path,
        measured: Measured,
        metrics: Metrics,
        tokens: Tokens,
        answers: AnswerCache,
        fleet: FleetUpdates | None = None,
        *,
        proxied: bool = False,
    ) -> None:
        """Prepares to answer.

        Args:
            root: The catalog's directory.
            measured: What is counted while serving.
            metrics: Writes the metrics.
            tokens: Who may read them.
            answers: Lets all who ask at the same time wait for one thread.
            fleet: Knows the store; None for a server without one.
            proxied: Whether the server is told of a proxy, so that loopback may be anyone.
        """
        self.measured = measured
        self._root = root
        self._metrics = metrics
        self._tokens = tokens
        self._answers = answers
        self._fleet = fleet
        self._proxied = proxied
        self._looking: asyncio.Future[_Seen] | None = None
        self._look_again = 0.0
        self._files: frozenset[bytes] = frozenset()
        self._routes: Mapping[bytes, Route] = {
            b"/healthz": lambda _: _line(200, "ok"),
            b"/readyz": lambda _: self._ready(),
            b"/metrics": self._of_metrics,
        }

    def of(self, path: bytes, files: Route) -> Route | None:
        """Returns the route of an address.

        Args:
            path: The address.
            files: Answers if the catalog has a file of that name.

        Returns:
            None if it is none of these addresses.
        """
        own = self._routes.get(path)
        return None if own is None else partial(self._route, path, own, files)

    async def _route(self, path: bytes, own: Route, files: Route, request: Request) -> Answer:
        seen = await self._seen(_GLANCE_S)
        if seen is not None:
            self._files = seen.files
        return await answered((files if path in self._files else own)(request))

    async def _seen(self, patience_s: float) -> _Seen | None:
        """Returns what the catalog is like; None if it does not answer."""
        loop = asyncio.get_running_loop()
        if self._looking is None or (self._looking.done() and loop.time() >= self._look_again):
            self._look_again = loop.time() + _LOOK_EVERY_S
            self._looking = loop.run_in_executor(None, _look, self._root, frozenset(self._routes))
        await asyncio.wait({self._looking}, timeout=patience_s)
        return self._looking.result() if self._looking.done() else None

    async def _ready(self) -> Answer:
        if self._fleet is not None and self._fleet.store_trouble:
            why = self._fleet.store_trouble
            return _line(503, "The fleet's store cannot be read or written.", note=why)
        seen = await self._seen(_PATIENCE_S)
        if seen is None:
            return _line(503, "The catalog does not answer.")
        return (
            _line(200, "ready") if seen.is_readable else _line(503, "The catalog cannot be read.")
        )

    def _of_metrics(self, request: Request) -> Responding:
        text = bearer((request.header(b"authorization") or b"").decode("latin-1"))
        if text is None and self._is_here(request):
            return self._written()
        try:
            token = self._tokens.allowed(text, scope=Scope.READ)
        except TokensError as error:
            return _line(503, "The server cannot read its tokens.", note=str(error))
        if isinstance(token, Token):
            self._tokens.note_use(token)
            return self._written(f"token {token.id}")
        status, line = _REFUSALS.get(token, _WRONG_SCOPE)
        return _line(status, line)

    def _is_here(self, request: Request) -> bool:
        """Returns whether a request comes from this machine, and from no proxy on it."""
        if self._proxied or not is_loopback(request.address):
            return False
        if any(name in OF_PROXIES for name, _ in request.headers):
            return False
        value = (request.header(b"host") or b"").decode("latin-1")
        host = host_of(value)
        return not value or is_loopback(host)

    async def _written(self, note: str = "") -> Answer:
        body = await self._answers.get("metrics", None, self._metrics.text)
        headers = [(b"content-type", CONTENT_TYPE), (b"content-length", b"%d" % len(body))]
        return Answer(200, response_head(200, [*headers, _NOT_STORED]), body, note=note)


def _look(root: Path, addresses: frozenset[bytes]) -> _Seen:
    """Looks at the catalog; for a thread."""
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError:
        return _Seen(is_readable=False)
    # A folder has no bytes to send, so its name is free.
    files = (path for path in addresses if os.path.isfile(os.path.join(root, path[1:].decode())))
    return _Seen(is_readable=True, files=frozenset(files))


def _line(status: int, line: str, *, note: str = "") -> Answer:
    more: Headers = [_NOT_STORED]
    if status == 401:
        more.append((b"www-authenticate", b"Bearer"))
    return answer.text(status, line, more, note=note)
