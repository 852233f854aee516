"""The devices of a fleet as entities, and the updates that people order by them.

What an entity shows as the latest version is what the same rules would offer the device now
(:func:`acpublish.fleet.deciding.decide`), so no update is shown that the device does not get.

An order pins the device to the version, as ``acpublish deploy`` does, and gives it a tag. Once the
device runs the version, or can no longer get it, the pin ends with the tag, because a device that
stays pinned would never be shown another update.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from acpublish.errors import AcpublishError
from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Device
from acpublish.notices.home_assistant import Entity, key_of
from acpublish.release.decision import Verdict
from acpublish.release.text import cleaned
from acpublish.server.fleet_people import FleetPeople
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.pages.page_links import PageLinks

_log = logging.getLogger("acpublish.mqtt")

#: What marks a device that was ordered to update, so that the order ends also after a restart.
ORDERED = "mqtt-install"
#: Rules that keep a device from a release only for a while.
_PASSING = frozenset({FleetRule.NEWEST, FleetRule.STORE_AWAY, FleetRule.WINDOW})
#: How long a download counts as on its way if nothing is heard of it, in seconds.
_UNDER_WAY_S = 600.0
_UNDER_WAY = frozenset({"offered", "whole"})


class MqttEntities:
    """Describes devices, and takes orders."""

    def __init__(self, fleet: FleetUpdates, people: FleetPeople, links: PageLinks) -> None:
        """Prepares to describe.

        Args:
            fleet: The fleet.
            people: Changes devices for people.
            links: The URLs of pages.
        """
        self._state = fleet.state
        self._people = people
        self._links = links

    def _decided(self, device: Device) -> FleetDecision:
        state = self._state
        own = state.product(device.product)
        return decide(
            device,
            device.report,
            own.targets,
            device.board,
            device.channel,
            own.lives,
            state.clock.now(),
            store_away=bool(state.away),
        )

    def entity(self, device: Device) -> Entity:
        """Returns a device as its entity shows it now."""
        decided = self._decided(device)
        decision = decided.decision
        installed = _runs(device)
        latest, summary = installed, decided.reason
        offer = decision.verdict is Verdict.OFFER and decision.release is not None
        if offer and decision.release is not None and not self._state.unread:
            latest = str(decision.release.version)
            image = decision.image
            when = f", published {image.published_at[:10]}" if image else ""
            commit = image.provenance.get("commit", "")[:12] if image else ""
            built = f", commit {cleaned(commit)}" if commit else ""
            summary = f"{device.product} {latest} for {device.board}{when}{built}: {summary}"
        return Entity(
            key=key_of(device),
            name=device.name or f"{device.product} {(device.mac or device.id)[-8:]}",
            product=device.product,
            board=device.board,
            mac=device.mac,
            installed=installed,
            latest=latest,
            summary=summary,
            in_progress=latest != installed and self._is_under_way(device, latest),
            page=self._links.of_device(device.id),
            # A device's own build is in no release.
            release_page=self._links.of_release(
                device.product, latest if latest != installed else device.runs
            ),
        )

    def _is_under_way(self, device: Device, version: str) -> bool:
        if ORDERED in device.tags:
            return True
        last = device.offers[-1] if device.offers else None
        return (
            last is not None
            and last.version == version
            and last.became in _UNDER_WAY
            and self._state.clock.now().at - last.at < _UNDER_WAY_S
        )

    async def order(self, device: Device, version: str, announced: str) -> None:
        """Orders the update of a device that was announced, and nothing else.

        Args:
            device: The device.
            version: What somebody wants it to run.
            announced: The update that was announced for it; empty for none.
        """
        what = f"{device.product} {version!a} for {device.shown_name}"
        entity = self.entity(device)
        if not announced or version != announced or not entity.has_update:
            _log.warning("ignored an order of %s by MQTT: it is not the announced update", what)
            return
        if entity.latest != version:
            _log.warning("ignored an order of %s by MQTT: it would get something else now", what)
            return
        if device.pin is not None or self._decided(device).choice.live is not None:
            # A pin would take it out of the health of its rollout.
            _log.info("an order of %s by MQTT changes nothing: it gets that anyway", what)
            return
        change = replace(DeviceChange.to_version(version), add_tags=(ORDERED,))
        if await self._changed(device, change):
            _log.info("ordered %s by MQTT", what)

    def ended(self, devices: Iterator[Device]) -> Iterator[Device]:
        """Yields the devices whose orders have ended."""
        for device in devices:
            if ORDERED in device.tags and self._has_ended(device):
                yield device

    def _has_ended(self, device: Device) -> bool:
        pin = device.pin
        if pin is None or pin.version == _runs(device):
            return True
        decided = self._decided(device)
        return decided.decision.verdict is not Verdict.OFFER and decided.rule not in _PASSING

    async def end(self, device: Device) -> None:
        """Ends the order of a device."""
        change = DeviceChange(clear_pin=device.pin is not None, remove_tags=(ORDERED,))
        if await self._changed(device, change):
            _log.info("the order of %s by MQTT has ended", device.shown_name)

    async def _changed(self, device: Device, change: DeviceChange) -> bool:
        try:
            await self._people.make(self._people.devices.change(device.id, change))
        except AcpublishError as error:
            _log.error("%s cannot be changed: %s", device.shown_name, error)
            return False
        return True


def _runs(device: Device) -> str:
    """Returns what a device runs, by its digest or else by its own word; empty if unknown."""
    return device.runs or device.report.version or ""
