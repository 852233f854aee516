"""A server whose pages are tested: a catalog, devices, and the token of whoever looks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site
from tests.support.server import RunningServer
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

    def check_in(self) -> None:
        """Lets all devices check in once."""
        for device in self.devices:
            device.ask(self.server)
