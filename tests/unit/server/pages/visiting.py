"""A browser without a socket: keeps cookies, fills in the CSRF token, and asks the application."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.server.app import Application, create_app
from acpublish.server.config import ServerOptions
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.tokens import Tokens
from tests.unit.control.asking import Asking

HERE, ELSEWHERE = "127.0.0.1", "192.0.2.7"
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


class Page(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    text: str


class Browser:
    """One browser.

    Attributes:
        app: What it asks.
        cookies: What it keeps.
        csrf: The CSRF token of the last page with a form.
    """

    def __init__(self, app: Application, address: str = HERE, scheme: str = "http") -> None:
        self.app, self.address, self.scheme = app, address, scheme
        self.cookies: dict[str, str] = {}
        self.csrf = ""

    async def get(self, path: str, **headers: str) -> Page:
        """Opens a page."""
        return await self.send("GET", path, **headers)

    async def post(
        self, path: str, fields: Mapping[str, str] | None = None, **headers: str
    ) -> Page:
        """Sends a form with the CSRF token, unless the fields have another one."""
        body = urlencode({"csrf": self.csrf, **(fields or {})})
        return await self.send("POST", path, body.encode(), **headers)

    async def upload(
        self, path: str, files: Mapping[str, bytes], csrf: str | None = None, **headers: str
    ) -> Page:
        """Sends a form with files, as a browser does: the CSRF token comes first."""
        token = self.csrf if csrf is None else csrf
        parts = [f'name="csrf"\r\n\r\n{token}'.encode()]
        parts += [
            f'name="files"; filename="{name}"\r\n'.encode()
            + b"Content-Type: application/octet-stream\r\n\r\n"
            + data
            for name, data in files.items()
        ]
        body = b"".join(
            b"--sep\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts
        )
        kind = "multipart/form-data; boundary=sep"
        return await self.send("POST", path, body + b"--sep--\r\n", content_type=kind, **headers)

    async def sign_in(self, token: str) -> Page:
        """Signs in."""
        await self.get("/_/sign-in")
        page = await self.post("/_/sign-in", {"token": token})
        assert page.status == 303, page
        return page

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Page:
        """Sends a request; names of headers have ``_`` in place of ``-``."""
        sent = {"host": "localhost", "accept": "text/html", **headers}
        if body:
            sent.setdefault("content_type", "application/x-www-form-urlencoded")
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        target = path.encode()
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path.partition("?")[0],
            "raw_path": target.partition(b"?")[0],
            "query_string": target.partition(b"?")[2],
            "acpublish.target": target,
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()
            ],
            "client": (self.address, 1),
            "server": ("192.0.2.1", 80),
            "scheme": self.scheme,
            "root_path": "",
        }
        waiting = [{"type": "http.request", "body": body, "more_body": False}]
        messages: list[Any] = []

        async def receive() -> Any:
            return waiting.pop() if waiting else await asyncio.Event().wait()

        async def keep(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        return self._kept(messages)

    def _kept(self, messages: list[Any]) -> Page:
        pairs = [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]
        cookies = [value for name, value in pairs if name == "set-cookie"]
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if "max-age=0" in cookie.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value.strip('"')
        body = b"".join(message.get("body", b"") for message in messages[1:])
        text = body.decode("utf-8", "replace")
        self.csrf = next(iter(_CSRF.findall(text)), self.csrf)
        return Page(messages[0]["status"], dict(pairs), cookies, text)


def application(folder: Path, **options: Any) -> Application:
    """Returns the application for a catalog, which is made if it is not there."""
    catalog = folder / "catalog"
    catalog.mkdir(exist_ok=True)
    state = folder / "state"
    return create_app(
        ServerOptions(catalog=catalog, state=state, **options),
        DirectoryCatalog(catalog, state),
        Tokens(state),
    )


def fleet_application(fleet: Asking, **options: Any) -> Application:
    """Returns the application for a catalog and its fleet."""
    updates = FleetUpdates(fleet.serving, lambda: None)
    return create_app(
        ServerOptions(catalog=fleet.catalog.root, state=fleet.folder, **options),
        fleet.catalog,
        Tokens(fleet.folder),
        fleet=updates,
    )
