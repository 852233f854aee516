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
from acpublish.control.serving import DeviceRequest, FleetServing
from acpublish.fleet.known_device import Device
from acpublish.release.decision import Verdict
from acpublish.store.fleet_store import FleetStore
from acpublish.wire import Mode, Report
from tests.unit.catalog.holding import put
from tests.unit.cli.invoking import CommandLine, Said

MAX_OFFERS = 1000


def mac(number: int) -> str:
    """Returns the MAC address of a device."""
    return f"24:0a:c4:00:00:{number:02x}"


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
        board: str = "d1",
        claims: str | None = None,
        name: str = "",
        takes: bool = False,
    ) -> Device:
        releases = DirectoryCatalog(self.catalog).releases(product)
        images = {str(release.version): image for release in releases for image in release.images}
        report = Report(
            family="esp8266",
            updater=True,
            mode=Mode.SKETCH,
            version=claims or runs,
            sketch_md5=images[runs].md5 if runs else "0" * 32,
            free_space=1_000_000,
            chip_size=4 * 1024 * 1024,
            mac=mac(number).upper(),
        )
        request = DeviceRequest(report, "10.0.0.1", "ESP8266-http-Update", board, "stable", True)
        case = serving.checked_in(request, product, releases)
        assert case is not None
        if name:
            case.device.name = name
            serving.state.keep(case.device).result(10)
        if takes:
            assert case.decided.decision.verdict is Verdict.OFFER
            serving.offered(case)
            serving.ended(case, file_sha256="f" * 64, file_bytes=10, sent_bytes=10, drained=True)
        return case.device
