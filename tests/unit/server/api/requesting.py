"""Requests to ``/api/v1`` without a socket, on a catalog with two releases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.api.authority import NOTE
from acpublish.server.api.publisher import Publisher
from acpublish.server.api.routes import App, create_api
from acpublish.server.checkins import DeviceCounts
from acpublish.server.product_reader import ProductReader
from acpublish.server.tokens import Tokens
from tests.support.tokens import create_token
from tests.unit.catalog.holding import put

PROMOTION = {"action": "promote", "version": "1.0.0", "channel": "beta"}
WITHDRAWAL = {"action": "withdraw", "version": "1.1.0", "why": "it hangs"}


class Client:
    """Sends requests to the application, without a socket."""

    def __init__(self, folder: Path) -> None:
        (folder / "catalog").mkdir()
        self.catalog = DirectoryCatalog(folder / "catalog")
        for version in ("1.0.0", "1.1.0"):
            put(self.catalog, version)
        self.state = folder / "state"
        self.manage = create_token(self.state, "*", manage=True)
        self.counts = DeviceCounts(ProductReader(self.catalog).has_board)
        self.note = ""
        self.parts: list[bytes] = []

    def app(self) -> App:
        """Returns an application, whose semaphores belong to one event loop."""
        return create_api(
            self.catalog, Tokens(self.state), self.counts, Publisher(self.catalog, 1 << 20)
        )

    async def send(
        self,
        app: App,
        path: str,
        body: Any = None,
        token: str | None = None,
        parts: AsyncIterator[bytes] | None = None,
        method: str = "",
    ) -> tuple[int, Any, dict[str, str]]:
        """Returns status, document and headers of a response; without a body it is a GET."""
        messages: list[Any] = []
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        waiting = [text]

        async def receive() -> dict[str, Any]:
            if parts is None and waiting:
                return {"type": "http.request", "body": waiting.pop()}
            if parts is None:
                # The client only listens from here on.
                await asyncio.Event().wait()
                raise AssertionError
            part = await anext(parts, None)
            if part is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": part, "more_body": True}

        async def keep(message: Any) -> None:
            messages.append(message)

        headers = [(b"host", b"x")]
        if token is not None:
            headers.append((b"authorization", b"Bearer " + token.encode()))
        path, _, query = path.partition("?")
        scope: dict[str, Any] = {
            "type": "http",
            "method": method or ("GET" if body is None and parts is None else "POST"),
            "path": f"/api/v1{path}",
            "raw_path": b"",
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "server": ("x", 1),
            "headers": headers,
        }
        await app(scope, receive, keep)
        self.note = scope.get(NOTE, "")
        self.parts = [message["body"] for message in messages[1:] if message["body"]]
        sent = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        raw = b"".join(self.parts)
        document = json.loads(raw) if sent["content-type"] == "application/json" else raw
        return messages[0]["status"], document, sent

    def change(
        self, body: Any, token: str | None = None, **more: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Makes one change with a token that may do everything, unless another is given."""
        path = "/products/lamp/changes"
        return asyncio.run(self.send(self.app(), path, body, token or self.manage, **more))

    def policy(
        self, method: str, body: Any = None, token: str | None = None, *, query: str = ""
    ) -> tuple[int, Any, dict[str, str]]:
        """Sends a request about the policy of stable; without a token it sends none."""
        path = f"/products/lamp/channels/stable/policy{query}"
        return asyncio.run(self.send(self.app(), path, body, token, method=method))

    def get(self, path: str, token: str | None = None) -> tuple[int, Any, dict[str, str]]:
        """Reads one document."""
        return asyncio.run(self.send(self.app(), path, token=token))

    @property
    def document(self) -> bytes:
        return layout.channels(self.catalog.root, "lamp").read_bytes()
