"""Short ways to a product with several releases, for the tests of what is offered of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from acpublish.release import names
from acpublish.release.change_request import ChangeRequest, RequestedAction
from acpublish.release.changes import Planned, publish
from acpublish.release.channels import Author, Channels, Place
from acpublish.release.manifest import Release
from acpublish.release.rollout_changes import RolloutAction, RolloutChange
from acpublish.release.version import Version
from tests.unit.release.making import release

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)
WHO = Author(at="2026-06-01T00:00:00Z", by="anna", why="test")
D1 = Place("d1", "firmware")
D1_FS = Place("d1", "filesystem")
D2 = Place("d2", "firmware")
C3 = Place("c3", "firmware")
POLICY = {"stages": ["1", "100%"]}


def v(text: str) -> Version:
    return Version.parse(text)


@dataclass
class Product:
    """Releases, and what the channels point at; each method changes both."""

    manifests: dict[str, Release] = field(default_factory=dict)
    channels: Channels = field(default_factory=Channels)
    #: The versions that no trusted key signed.
    unsigned: set[str] = field(default_factory=set)
    #: Whether every manifest can be read.
    complete: bool = True

    @property
    def releases(self) -> tuple[Release, ...]:
        return self.channels.applied(self.manifests.values())

    @property
    def offered(self) -> tuple[Release, ...]:
        return tuple(one for one in self.releases if str(one.version) not in self.unsigned)

    def put(
        self,
        version: str,
        *places: Place,
        channel: str = "stable",
        published_at: str = "2026-01-01T00:00:00Z",
        **image: Any,
    ) -> Product:
        """Publishes images, the firmware of d1 by default."""
        for place in places or (D1,):
            made = release(
                version, board=place.board, kind=place.kind, channels={}, family=family(place)
            )
            fresh = replace(made.images[0], published_at=published_at, **image)
            before = self.manifests.get(version, replace(made, images=()))
            self.manifests[version] = before.with_image(fresh)
            self.channels = publish(
                self.channels,
                v(version),
                place,
                channel,
                WHO,
                moves=True,
                releases=tuple(self.manifests.values()),
            ).channels
        return self

    def plan(
        self,
        action: RequestedAction,
        version: str | None = None,
        channel: str | None = None,
        boards: Iterable[str] = (),
        **more: Any,
    ) -> Planned:
        request = ChangeRequest(
            action=action,
            version=None if version is None else v(version),
            channel=None if channel is None else names.channel(channel),
            boards=tuple(map(names.board, boards)),
            by="anna",
            why="test",
        )
        request = replace(request, **more)
        return request.plan(self.channels, self.releases, self.offered, NOW, complete=self.complete)

    def change(self, action: RequestedAction, *words: Any, **more: Any) -> Planned:
        planned = self.plan(action, *words, **more)
        self.channels = planned.channels
        return planned

    def roll(
        self,
        action: RolloutAction,
        version: str | None = None,
        channel: str = "stable",
        **more: Any,
    ) -> Planned:
        """Changes a policy, or what is on its way to a channel."""
        change = RolloutChange(
            action=action,
            version=None if version is None else v(version),
            channel=names.channel(channel),
            by="anna",
        )
        planned = replace(change, **more).plan(
            self.channels, self.releases, self.offered, NOW, complete=self.complete
        )
        self.channels = planned.channels
        return planned

    def rolling(self, channel: str = "stable") -> dict[Place, str]:
        """What is on its way to a channel."""
        entries = self.channels.rolling.get(channel, {})
        return {place: str(entry.version) for place, entry in entries.items()}

    def at(self, channel: str = "stable", place: Place = D1) -> str | None:
        current = self.channels.current(channel, place)
        return str(current.version) if current else None

    def ordered(self, channel: str = "stable", place: Place = D1) -> list[str]:
        current = self.channels.current(channel, place)
        return list(map(str, current.ordered_back)) if current else []


def family(place: Place) -> Any:
    return "esp32" if place.board == "c3" else "esp8266"


def three(*places: Place) -> Product:
    """1.0.0, 1.1.0 and 1.2.0 on stable."""
    product = Product()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        product.put(version, *places)
    return product


def everything() -> Product:
    """A product with something of each kind in its document."""
    product = three(D1, D1_FS, D2)
    product.change("promote", "1.1.0", "beta")
    product.change("rollback", None, "stable", ["d1"])
    product.change("withdraw", "1.0.0")
    product.change("undo", "1.0.0")
    product.change("delete", "1.2.0")
    return product


def staged(*places: Place) -> Product:
    """1.0.0 and 1.1.0 settled on stable, which then has a policy, and 1.2.0 on its way."""
    product = Product().put("1.0.0", *places).put("1.1.0", *places)
    product.roll("policy", policy=POLICY)
    return product.put("1.2.0", *places)


def three_without_the_middle() -> Product:
    product = three()
    product.change("withdraw", "1.1.0")
    return product
