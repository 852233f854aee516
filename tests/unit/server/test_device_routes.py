"""Which route answers which address, and what becomes of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from acpublish.catalog.contents import CatalogFiles
from acpublish.errors import CatalogError, NotFoundError, SettingsError
from acpublish.server import answer
from acpublish.server.answer import Answer, Request, Responding
from acpublish.server.bounds import RETRY_AFTER_S, BusyError
from acpublish.server.device_routes import DeviceRoutes, busy
from acpublish.server.measured import Measured
from tests.unit.server.conversing import converse
from tests.unit.server.in_memory import lamp_catalog, make
from tests.unit.server.requests_made import request


def answered(routes: DeviceRoutes, made: Request) -> Answer:
    async def main() -> Answer:
        responding = routes.answer(made)
        return responding if isinstance(responding, Answer) else await responding

    return asyncio.run(main())


#: No address is for programs that watch the server.
NO_STATUS = cast(Any, SimpleNamespace(of=lambda path, files: None, measured=Measured()))


def routes_to(give: Any) -> DeviceRoutes:
    """Returns routes that all lead to one function."""
    everything = SimpleNamespace(answer=give, automatic=give, file=give)
    return DeviceRoutes(*(cast(Any, everything) for _ in range(5)), NO_STATUS)


@pytest.mark.parametrize(
    ("target", "route"),
    [
        (b"/_catalog", "answer"),
        (b"/_catalog?op=list&path=.", "answer"),
        (b"/_catalog/", "file"),
        (b"/update/lamp/c3", "automatic"),
        (b"/update/", "automatic"),
        (b"/update", "file"),
        (b"/lamp/lamp-1.0.0_c3.bin", "file"),
        (b"/", "file"),
        (b"/u/lamp.bin", "file"),
        (b"/u/" + b"0" * 32 + b"/update/lamp/c3", "file"),
        (b"/u", "file"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_which_route_answers(target: bytes, route: str, method: str) -> None:
    def named(name: str) -> Any:
        return lambda made: answer.text(200, name)

    routes = DeviceRoutes(
        cast(Any, None),
        cast(Any, SimpleNamespace(answer=named("answer"))),
        cast(Any, SimpleNamespace(file=named("file"))),
        cast(Any, SimpleNamespace(automatic=named("automatic"))),
        cast(Any, SimpleNamespace(rules=None)),
        NO_STATUS,
    )
    assert answered(routes, request(target, method=method)).body == route.encode() + b"\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"])
def test_only_get_and_head(method: str) -> None:
    routes = routes_to(lambda made: pytest.fail("it was passed on"))
    given = answered(routes, request(b"/x", method=method))
    assert given.status == 405
    assert b"\r\nAllow: GET, HEAD\r\n" in given.head


ERRORS = [
    (BusyError("too much", hint="x"), 503, b"The server is busy.\n", "too much"),
    (NotFoundError("the file is gone", hint="x"), 404, b"There is nothing at", "is gone"),
    (CatalogError("/srv/lamp is damaged", hint="x"), 500, b"The catalog cannot be read", "damaged"),
    (SettingsError("/srv is wrong", hint="x"), 500, b"The catalog cannot be read", "is wrong"),
    (OSError(5, "Input/output error", "/srv/x"), 503, b"The catalog cannot be read", ""),
    (PermissionError(13, "no", "/srv/x"), 503, b"The catalog cannot be read", ""),
    (ValueError("/srv/secret"), 500, b"Internal server error", ""),
    (RecursionError("deep"), 500, b"Internal server error", ""),
]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "body", "note"), ERRORS, ids=lambda value: type(value).__name__
)
def test_an_error_is_an_answer_without_a_path(
    error: Exception, status: int, body: bytes, note: str, later: bool
) -> None:
    def fail(made: Request) -> Responding:
        if later:
            return fail_later()
        raise error

    async def fail_later() -> Answer:
        raise error

    given = answered(routes_to(fail), request(b"/x"))
    assert given.status == status
    assert cast(bytes, given.body).startswith(body)
    assert b"/srv" not in cast(bytes, given.body)
    assert note in given.note


def test_whoever_leaves_ends_only_its_own_answer() -> None:
    async def never(made: Request) -> Answer:
        return await asyncio.Future()

    async def main() -> None:
        responding = routes_to(never).answer(request(b"/x"))
        task = asyncio.ensure_future(cast(Awaitable[Answer], responding))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_busy_says_when_to_try_again() -> None:
    given = busy("why")
    assert (given.status, given.note) == (503, "why")
    assert b"\r\nRetry-After: %d\r\n" % RETRY_AFTER_S in given.head


def test_forgetting_reaches_products_and_lists() -> None:
    forgotten: list[str] = []
    DeviceRoutes(
        cast(Any, SimpleNamespace(forget=lambda: forgotten.append("products"))),
        cast(Any, SimpleNamespace(forget=lambda: forgotten.append("lists"))),
        cast(Any, None),
        cast(Any, None),
        cast(Any, None),
        NO_STATUS,
    ).forget()
    assert sorted(forgotten) == ["lists", "products"]


@pytest.mark.parametrize(
    "target", [b"/_catalog?op=list", b"/lamp/lamp-1.0.0_c3.bin", b"/update/lamp/c3", b"/none"]
)
def test_a_head_is_that_of_the_whole_response(tmp_path: Path, target: bytes) -> None:
    app = make(lamp_catalog(tmp_path))

    def ask(method: bytes) -> bytes:
        async def settle(wire: Any, connections: Any) -> None:
            for _ in range(500):
                if wire.closed:
                    return
                await asyncio.sleep(0.01)

        sent = method + b" " + target + b" HTTP/1.0\r\n\r\n"
        return asyncio.run(converse([sent], settle, routes=app.routes))[1].written

    head, _, body = ask(b"GET").partition(b"\r\n\r\n")
    assert body
    only, _, nothing = ask(b"HEAD").partition(b"\r\n\r\n")
    lines = [[text for text in one.split(b"\r\n") if text[:5] != b"Date:"] for one in (head, only)]
    assert lines[0] == lines[1]
    assert nothing == b""


def test_a_disk_that_fails_is_answered_by_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make(lamp_catalog(tmp_path))

    def fail(self: CatalogFiles, target: bytes) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(CatalogFiles, "locate", fail)
    _, wire = asyncio.run(converse([b"GET /x.bin HTTP/1.1\r\n\r\n"], routes=app.routes))
    assert wire.written.startswith(b"HTTP/1.1 503 ")
    assert not wire.closed
