"""An application whose devices are in a real store, and a browser that is signed in there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from acpublish.server.app import Application
from acpublish.server.fleet_people import FleetPeople
from tests.support.tokens import create_token
from tests.unit.control.asking import Asking
from tests.unit.server.pages.visiting import Browser, application


class Known(NamedTuple):
    """An application, and the fleet behind it."""

    app: Application
    fleet: Asking

    async def signed_in(self, *, manage: bool = True) -> Browser:
        """Returns a browser whose token may change devices, or only see them."""
        browser = Browser(self.app)
        scope = {"manage": True} if manage else {"read": True}
        name = "manager" if manage else "reader"
        await browser.sign_in(create_token(self.fleet.folder, name=name, **scope))  # type: ignore[arg-type]
        return browser


@contextmanager
def known_devices(folder: Path, devices: int) -> Iterator[Known]:
    """Makes a catalog with two releases of the lamp, and devices that run the older one."""
    fleet = Asking(folder)
    fleet.put("1.0.0", "1.1.0")
    app = application(folder)
    app.site.people = FleetPeople(fleet.state, fleet.catalog, lambda: None)
    app.site.state = fleet.state
    with fleet.stored():
        for number in range(1, devices + 1):
            fleet.ask(number)
        yield Known(app, fleet)
