"""A catalog whose releases go in stages, its state folder, and the server of both."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from acpublish import publish
from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.fleet.policy import Policy
from acpublish.release.rollout_changes import RolloutChange
from tests.support.images import esp32_image
from tests.support.server import PATIENCE_S, RunningServer, running_server


def until(true: Callable[[], bool]) -> bool:
    """Returns whether something becomes true."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


class Site:
    """A catalog, a state folder, and a server."""

    def __init__(self, tmp: Path, state: Path | None = None) -> None:
        """Makes an empty catalog.

        Args:
            tmp: An empty folder.
            state: The state folder, by default one in there.
        """
        self.catalog, self.state = tmp / "catalog", state or tmp / "state"
        self.catalog.mkdir()
        self.tmp = tmp
        #: The images of the lamp as they were published, by their versions.
        self.images: dict[str, bytes] = {}

    def publish(self, version: str, product: str = "lamp", channel: str = "stable") -> bytes:
        """Publishes a release, in a process other than the server; returns its image."""
        path = self.tmp / f"{product}-{version}.bin"
        path.write_bytes(esp32_image("esp32c3", seed=len(self.images) + 1))
        publish(
            path, to=self.catalog, product=product, version=version, board="c3", channel=channel
        )
        # It was stamped.
        digests = {
            str(release.version): release.images[0].sha256
            for release in DirectoryCatalog(self.catalog).releases(product)
        }
        stored = (layout.objects(self.catalog) / digests[version]).read_bytes()
        if product == "lamp":
            self.images[version] = stored
        return stored

    def policy(self, stages: str, product: str = "lamp", **options: str) -> None:
        """Sets the policy of a product's channel ``stable``."""
        policy = Policy.parse(stages, **{"soak": "0s", **options}).to_dict()
        changes = DirectoryCatalog(self.catalog).changes
        changes.make(product, RolloutChange(action="policy", channel="stable", policy=policy))

    def rolling(self) -> list[tuple[str, str]]:
        """Returns what is on its way to a channel of the lamp, and why it was halted."""
        channels = DirectoryCatalog(self.catalog).snapshots.product("lamp").channels
        return [
            (str(entry.version), entry.halted)
            for entries in channels.rolling.values()
            for entry in entries.values()
        ]

    def serve(self, *options: str) -> contextlib.AbstractContextManager[RunningServer]:
        """Runs a server."""
        return running_server(self.catalog, self.tmp, "--state", str(self.state), *options)
