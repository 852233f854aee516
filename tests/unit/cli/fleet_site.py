"""A catalog with a fleet in its state folder: real releases, a real store, and devices that ask."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_clock import FleetClock
from acpublish.control.fleet_state import FleetState
from acpublish.control.serving import FleetServing
from acpublish.fleet.known_device import Device
from acpublish.store.fleet_store import FleetStore
from tests.unit.catalog.holding import put
from tests.unit.cli.invoking import CommandLine, Said
from tests.unit.control.asking import MAX_OFFERS, asks


class FleetSite:
    """A directory, its state folder, and the commands on both."""

    def __init__(self, folder: Path, acpublish: CommandLine | None = None) -> None:
        self.catalog, self.state = folder / "catalog", folder / "fleet-state"
        self.catalog.mkdir(parents=True, exist_ok=True)
        self._acpublish = acpublish

    def copy(self, folder: Path, acpublish: CommandLine) -> FleetSite:
        """Copies all of it, which is faster than to make it again."""
        shutil.copytree(self.catalog, folder / "catalog")
        shutil.copytree(self.state, folder / "fleet-state")
        return FleetSite(folder, acpublish)

    def __call__(self, *words: str) -> Said:
        """Runs a command on the directory."""
        assert self._acpublish is not None
        return self._acpublish(*words, "--to", str(self.catalog), "--state", str(self.state))

    def publish(
        self,
        *versions: str,
        product: str = "lamp",
        board: str = "d1",
        channel: str = "stable",
    ) -> None:
        """Publishes versions, the last of which the channel points at."""
        for version in versions:
            put(self.catalog, version, product=product, board=board, channel=channel)

    @contextmanager
    def serving(self, ago_s: float = 0.0) -> Iterator[Callable[..., Device]]:
        """Opens the fleet as a server does, so that devices can ask.

        Args:
            ago_s: How long ago they ask.

        Yields:
            Lets a device ask, and returns what is known of it.
        """
        state = FleetState(FleetClock(wall=lambda: time.time() - ago_s))
        store = FleetStore.open(self.state)
        try:
            state.use(store, store.load())
            serving = FleetServing(state, MAX_OFFERS)

            def ask(number: int, runs: str | None = "1.0.0", **more: Any) -> Device:
                return self._ask(serving, number, runs, **more)

            yield ask
            store.written().result(10)
        finally:
            store.close()

    def _ask(
        self,
        serving: FleetServing,
        number: int,
        runs: str | None,
        *,
        product: str = "lamp",
        name: str = "",
        **more: Any,
    ) -> Device:
        releases = DirectoryCatalog(self.catalog).releases(product)
        device = asks(serving, releases, number, runs, product=product, **more)
        if name:
            device.name = name
            serving.state.keep(device).result(10)
        return device
