"""Everything that may go wrong between a publish and its destination, each with a name."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.proxy import Way, between, changed, cut_after, echoing
from tests.support.server import RunningServer

#: More than what any run asks for.
_ALWAYS = 60
_SAID = '{"error": "not with @secret@, said in @head@", "hint": "Look at @secret@."}'
_LONG = f'{{"error": "{"so it is said " * 21}@secret@"}}'
_PAGE = "<html><body><h1>It broke</h1><pre>@head@ @secret@</pre></body></html>"
_RECEIPT = (
    '{"outcome": "published", "file": "@secret@", "size": 1, "md5": "@secret@", '
    '"sha256": "@secret@", "warnings": ["@secret@"]}'
)
_JSON = "Content-Type: application/json"

_ANSWERS: Mapping[str, Way] = {
    "401": echoing("401 Unauthorized", _SAID, _JSON),
    "403": echoing("403 Forbidden", _SAID, _JSON),
    "404": echoing("404 Not Found", _SAID, _JSON),
    "409": echoing("409 Conflict", _SAID, _JSON),
    "413": echoing("413 Too Large", _PAGE, "Content-Type: text/html"),
    "422": echoing("422 Unprocessable", _LONG, _JSON),
    "429": echoing("429 Slow Down", _SAID, _JSON, "Retry-After: 1"),
    "500": echoing("500 Broken @secret@", _SAID, _JSON),
    "redirect": echoing("307 Temporary", "", "Location: http://other.invalid/@secret@?@secret@"),
    "page": echoing("200 OK", _PAGE, "Content-Type: text/html"),
    "receipt": echoing("200 OK", _RECEIPT, _JSON),
    "garbled": changed(lambda answer: b"HTP@\0\xff" + answer),
    "cut": cut_after(9000),
}
#: Troubles without an answer, of a destination that is a server.
_NO_ANSWER = ("refused", "no such host", "no TLS", "proxy", "address", "hidden query", "no scheme")
NAMES = (*_ANSWERS, *_NO_ANSWER, "unwritable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A destination that fails.

    Attributes:
        to: Where to publish.
        env: Further environment variables.
    """

    to: str
    env: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def trouble(
    name: str, server: RunningServer, folder: Path, secrets: Mapping[str, str], *, every: bool
) -> Iterator[Trouble]:
    """Runs what makes a trouble.

    Args:
        name: One of ``NAMES``.
        server: A server that works.
        folder: A folder of the trouble's own.
        secrets: ``password`` and ``query``, for addresses that hold one.
        every: Whether each request meets it, and not only an upload.
    """
    if name in _ANSWERS:
        with between(server, *[_ANSWERS[name]] * _ALWAYS, every=every) as proxy:
            yield Trouble(to=proxy.url)
        return
    with _closed_port() as closed:
        yield _MAKE[name](server, closed, folder, secrets)


@contextlib.contextmanager
def _closed_port() -> Iterator[str]:
    # Bound, so that nobody else gets it, and not listening.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def _through_proxy(closed: str, password: str) -> Trouble:
    proxy = f"http://seeded:{password}@{closed}"
    allowed = {"ACPUBLISH_INSECURE_HTTP": "yes", "http_proxy": proxy, "https_proxy": proxy}
    return Trouble(to="http://updates.invalid", env=allowed)


def _unwritable(folder: Path) -> Trouble:
    folder.mkdir(parents=True, exist_ok=True)
    # Root may write everywhere, but not below a file.
    (folder / ".acpublish").write_text("no folder")
    return Trouble(to=str(folder))


_Make = Callable[[RunningServer, str, Path, Mapping[str, str]], Trouble]
_MAKE: Mapping[str, _Make] = {
    "refused": lambda server, closed, folder, said: Trouble(to=f"http://{closed}"),
    "no such host": lambda server, closed, folder, said: Trouble(to="https://updates.invalid"),
    "no TLS": lambda server, closed, folder, said: Trouble(to=f"https://127.0.0.1:{server.port}"),
    "proxy": lambda server, closed, folder, said: _through_proxy(closed, said["password"]),
    "address": lambda server, closed, folder, said: Trouble(
        to=f"http://seeded:{said['password']}@127.0.0.1:{server.port}"
    ),
    "hidden query": lambda server, closed, folder, said: Trouble(
        to=f"{server.url}/?token={said['query']}"
    ),
    "no scheme": lambda server, closed, folder, said: Trouble(
        to=f"seeded:{said['password']}@127.0.0.1:{server.port}"
    ),
    "unwritable": lambda server, closed, folder, said: _unwritable(folder),
}
