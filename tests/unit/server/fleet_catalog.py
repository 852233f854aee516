"""A catalog with releases that go in stages, for the tests of the fleet's side of the server."""

from __future__ import annotations

from pathlib import Path

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.fleet.policy import Policy
from acpublish.release.rollout_changes import RolloutChange
from acpublish.server.answer import Request
from acpublish.wire import Report
from tests.unit.catalog.holding import put
from tests.unit.fleet.making import mac
from tests.unit.server.requests_made import request

TARGET = b"/update/lamp/d1"


class Catalog:
    """A catalog of a lamp, whose channel has a policy from 1.0.0 on."""

    def __init__(self, folder: Path, stages: str = "100%") -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.catalog = DirectoryCatalog(folder)
        put(self.catalog, "1.0.0")
        self.policy(Policy.parse(stages, soak="0s").to_dict())

    def policy(self, policy: dict[str, object]) -> None:
        change = RolloutChange(action="policy", channel="stable", policy=policy)
        self.catalog.changes.make("lamp", change)

    def publish(self, version: str, seed: int = 1) -> ProductSnapshot:
        put(self.catalog, version, seed=seed)
        return self.snapshot()

    def snapshot(self) -> ProductSnapshot:
        return self.catalog.snapshots.product("lamp")

    def device(self, number: int, version: str = "1.0.0", **fields: object) -> Request:
        """Returns what a device requests that runs a release."""
        image = next(r.images[0] for r in self.snapshot().releases if str(r.version) == version)
        said = Report(
            "esp8266", True, version=version, sketch_md5=image.running.md5s[0], mac=mac(number)
        )
        return request(TARGET, report=said._replace(**fields))
