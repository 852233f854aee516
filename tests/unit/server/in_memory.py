"""The application without a socket, for the tests of its parts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.app import create_app
from acpublish.server.config import ServerOptions
from acpublish.server.tokens import Tokens
from tests.support.images import esp32_image


def lamp_catalog(folder: Path) -> Path:
    """Publishes one release of a lamp, and returns its catalog."""
    catalog = folder / "catalog"
    catalog.mkdir(exist_ok=True)
    image = folder / "image.bin"
    image.write_bytes(esp32_image())
    acpublish.publish(image, to=str(catalog), product="lamp", version="1.0.0", board="c3")
    return catalog


async def ask(
    app: Any,
    target: bytes,
    headers: list[tuple[bytes, bytes]] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
) -> tuple[int, bytes]:
    """Asks the application as uvicorn's protocol would."""
    messages: list[Any] = []
    requests = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        request = next(requests, None)
        # The client stays until it has the whole response.
        return request or await asyncio.Event().wait() or {}

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": target.partition(b"?")[0].decode("latin-1"),
        "query_string": target.partition(b"?")[2],
        "acpublish.target": target,
        "headers": headers or [],
        "client": ("192.0.2.7", 1),
        "server": ("192.0.2.1", 80),
        "scheme": "http",
        "root_path": "",
    }
    await app(scope, receive, send)
    return messages[0]["status"], b"".join(part["body"] for part in messages[1:])


def make(catalog: Path, **more: Any) -> Any:
    options = ServerOptions(catalog=catalog)
    return create_app(options, DirectoryCatalog(catalog), Tokens(catalog.parent / "state"), **more)
