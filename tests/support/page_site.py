"""A server whose pages are tested: a catalog, devices, and the token of whoever looks."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.server import Answer, RunningServer
from tests.support.tokens import create_token


@dataclass
class PageServer:
    """A running server, with what is behind it.

    Attributes:
        server: The server.
        site: Its catalog and state folder.
        devices: The devices that check in.
        token: A token that may manage.
    """

    server: RunningServer
    site: Site
    token: str
    devices: list[FleetDevice] = field(default_factory=list)

    @classmethod
    @contextlib.contextmanager
    def running(cls, tmp: Path, *options: str, devices: int = 0) -> Iterator[PageServer]:
        """Runs a server.

        Args:
            tmp: An empty folder.
            options: Further options of ``acpublish serve``.
            devices: How many devices have checked in with the older of two releases of the product
                ``lamp``; with 0, the catalog is empty.
        """
        site = Site(tmp)
        token = create_token(site.state, manage=True, name="admin")
        if devices:
            site.publish("1.0.0")
        with site.serve(*options) as server:
            page_server = cls(server, site, token)
            if devices:
                page_server.devices = [
                    FleetDevice(number, site.images["1.0.0"]) for number in range(devices)
                ]
                page_server.check_in()
                site.publish("1.1.0")
            yield page_server

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Sends a request to the API with the token, and returns its document."""
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} /api/v1/{path} HTTP/1.0\r\nHost: localhost\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        answers: list[Answer] = []

        def has_answered() -> bool:
            answers.append(self.server.ask(head.encode() + data))
            # The fleet's store is open a moment after the first device.
            return answers[-1].status != 503

        assert until(has_answered)
        assert answers[-1].status == 200, answers[-1].body
        return json.loads(answers[-1].body)

    def change(self, device: FleetDevice, **fields: object) -> None:
        """Changes what people say of a device and want for it."""
        self.api("POST", f"fleet/devices/{quote(device.id, safe='')}", fields)

    def check_in(self) -> None:
        """Lets all devices check in once."""
        for device in self.devices:
            device.ask(self.server)
