"""Devices as Home Assistant finds them by MQTT: each is an ``update`` entity.

Sources: Home Assistant's documentation of the integration MQTT (discovery, "Discovery payload") and
of the platform MQTT Update (``update.mqtt``). What that says of a state in JSON:

1. A key that it does not know, or a value of another type, makes it drop the whole message. Only
   ``update_percentage`` may be null, so what is not known is left out.
2. A key that is left out keeps its value, so every message has all keys but the unknown version,
   and the URL of the release if there is none at all.
3. ``release_summary`` has 255 characters at most.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from acpublish.fleet.known_device import Device

#: Where Home Assistant looks for entities, and where it says that it has started.
DISCOVERY = "homeassistant"
BIRTH_TOPIC = f"{DISCOVERY}/status"
BIRTH = b"online"
MAX_SUMMARY = 255


class Entity(NamedTuple):
    """A device, as its entity shows it.

    Attributes:
        key: Names it in topics, and is unique in a fleet.
        name: What people call the device.
        product: Its product.
        board: Its board.
        mac: Its MAC address, None if it sends none.
        installed: What it runs; empty if that is not known.
        latest: What it would get now; what it runs if that is nothing.
        summary: About that release, or why there is none.
        in_progress: Whether it is being updated.
        page: The URL of its page; empty if nobody elsewhere can open that.
        release_page: That of the page of the latest version, likewise.
    """

    key: str
    name: str
    product: str
    board: str
    mac: str | None
    installed: str
    latest: str
    summary: str
    in_progress: bool
    page: str = ""
    release_page: str = ""

    @property
    def has_update(self) -> bool:
        """Whether the device would get another release than it runs."""
        return bool(self.latest) and self.latest != self.installed


def key_of(device: Device) -> str:
    """Returns what names a device in topics, where only letters, digits, _ and - may be."""
    product, _, rest = device.id.partition("/")
    # Names are in lower case, so no two products get the same.
    return f"{product.replace('.', 'DOT')}_{rest.replace(':', '').lstrip('~')}"


class Topics(NamedTuple):
    """The topics of a server.

    Attributes:
        prefix: How they begin.
    """

    prefix: str

    @property
    def status(self) -> str:
        """Whether the server is there."""
        return f"{self.prefix}/status"

    def event(self, kind: str) -> str:
        """What happens."""
        return f"{self.prefix}/events/{kind}"

    def state(self, key: str) -> str:
        """What a device runs and would get; ``+`` for all devices."""
        return f"{self.prefix}/devices/{key}/state"

    def install(self, key: str) -> str:
        """Orders the update that was announced, likewise."""
        return f"{self.prefix}/devices/{key}/install"

    def config(self, key: str) -> str:
        """Describes the entity of a device to Home Assistant."""
        return f"{DISCOVERY}/update/{self.prefix.replace('/', '_').replace('.', '_')}/{key}/config"

    def key_in(self, topic: str) -> str:
        """Returns which device a topic of :meth:`state` or :meth:`install` is about."""
        return topic.removeprefix(f"{self.prefix}/devices/").partition("/")[0]


def entity_config(entity: Entity, topics: Topics, server: str, *, install: bool) -> dict[str, Any]:
    """Returns what describes an entity.

    Args:
        entity: The entity.
        topics: The topics of the server.
        server: The version of acpublish.
        install: Whether it has a button that orders the update.
    """
    unique = f"{topics.prefix}_{entity.key}"
    device: dict[str, Any] = {
        "identifiers": [unique],
        "name": entity.name,
        "model": f"{entity.product} {entity.board}".strip(),
    }
    if entity.mac is not None:
        device["connections"] = [["mac", entity.mac]]
    if entity.installed:
        device["sw_version"] = entity.installed
    if entity.page:
        device["configuration_url"] = entity.page
    config: dict[str, Any] = {
        "name": "Firmware",
        "unique_id": unique,
        "device_class": "firmware",
        "entity_category": "config",
        "state_topic": topics.state(entity.key),
        "availability": [{"topic": topics.status}],
        "device": device,
        "origin": {"name": "acpublish", "sw_version": server},
    }
    if install:
        config["command_topic"] = topics.install(entity.key)
        # The button orders what it shows, even if something else has been published meanwhile.
        config["payload_install"] = entity.latest or "nothing"
        config["qos"] = 1
    return config


def entity_state(entity: Entity) -> dict[str, Any]:
    """Returns what an entity shows."""
    state: dict[str, Any] = {
        "title": entity.product,
        "release_summary": _shortened(entity.summary),
        "in_progress": entity.in_progress,
        "update_percentage": None,
    }
    if entity.installed:
        state["installed_version"] = entity.installed
    if entity.latest:
        state["latest_version"] = entity.latest
    if entity.release_page:
        state["release_url"] = entity.release_page
    return state


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SUMMARY else f"{text[: MAX_SUMMARY - 1]}…"
