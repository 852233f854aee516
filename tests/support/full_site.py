"""A server of somebody who has used it for a while: products, devices with names, rollouts."""

from __future__ import annotations

import time

from acpublish.fleet.fleet_events import FleetEvent
from acpublish.notices.webhook_file import WebhookFile, new_webhook
from acpublish.notices.webhook_queue import WebhookQueue, queue_path
from acpublish.server.device_access_file import DeviceAccessStore
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import until
from tests.support.page_site import PageServer
from tests.support.tokens import create_token

NAMES = ("kitchen", "hallway", "porch", "bedroom", "workshop", "attic", "cellar", "garden")

#: How often all devices check in at most until a rollout has gone far enough.
_ROUNDS = 200


def fill(served: PageServer, *, lamps: int = 24, thermostats: int = 12) -> None:
    """Fills an empty server.

    Afterwards a rollout of ``lamp`` 1.2.0 is in its second stage, one of ``thermostat`` 2.4.0 is
    halted because two devices did not boot it, and ``garage-door`` has one release.

    Args:
        served: The server.
        lamps: How many devices run the product ``lamp``.
        thermostats: How many run the product ``thermostat``.
    """
    _lamps(served, lamps)
    _thermostats(served, lamps, thermostats)
    served.site.publish("3.0.1", "garage-door")
    for number in range(lamps + thermostats, lamps + thermostats + 4):
        door = FleetDevice(number, b"an image that nobody knows", "garage-door")
        door.ask(served.server)
        door.ask(served.server)
        served.devices.append(door)
    _settings(served)


def _lamps(served: PageServer, count: int) -> None:
    site = served.site
    first = site.publish("1.0.0")
    devices = [FleetDevice(number, first) for number in range(count)]
    served.devices += devices
    _all_ask(served, devices)
    site.publish("1.1.0")
    _all_ask(served, devices)
    _all_ask(served, devices[:-2])
    for device, name in zip(devices, NAMES, strict=False):
        served.change(device, name=name, add_tags=["canary"] if name in NAMES[:3] else [])
    served.change(devices[3], add_groups=["upstairs"], pin={"version": "1.1.0"})
    served.change(devices[4], note="its plug is loose", hold=True)
    site.policy("3,25%,100%", halt="3,5%", soak="0s,1h,1h")
    site.publish("1.2.0")
    assert until(lambda: bool(site.rolling()))
    updated = site.images["1.2.0"]
    _ask_until(served, devices, updated, count // 6)


def _thermostats(served: PageServer, begin: int, count: int) -> None:
    """Publishes a release that halts because two devices come back without it."""
    site = served.site
    before = site.publish("2.3.0", "thermostat")
    devices = [FleetDevice(begin + number, before, "thermostat") for number in range(count)]
    served.devices += devices
    _all_ask(served, devices)
    site.policy("4,100%", product="thermostat", halt="2")
    after = site.publish("2.4.0", "thermostat")
    _ask_until(served, devices, after, 3)
    for device in [device for device in devices if device.runs == after][:2]:
        device.runs = before
    _all_ask(served, devices)
    assert until(lambda: "halted" in _states(served))


def _settings(served: PageServer) -> None:
    """Makes what the sections of the settings show."""
    state = served.site.state
    create_token(state, "lamp", channels=("beta",), name="build machine")
    create_token(state, read=True, name="dashboard")
    access = DeviceAccessStore(state)
    access.set_credentials("doorbell", "devices", "a-password")
    access.create_path(("doorbell",), "for the old sketches")
    webhook = new_webhook("https://example.com/hooks/firmware")
    queue = WebhookQueue(queue_path(state, webhook.id), disabled="the receiver answers HTTP 410")
    data = {"device": served.devices[0].id, "reason": "it failed"}
    queue.add(FleetEvent("flagged", time.time(), "lamp", data), time.time())
    queue.write()
    WebhookFile(state).add(webhook)


def _all_ask(served: PageServer, devices: list[FleetDevice]) -> None:
    for device in devices:
        device.ask(served.server)


def _ask_until(served: PageServer, devices: list[FleetDevice], image: bytes, least: int) -> None:
    """Lets devices check in until enough of them run an image, however long their stage takes."""
    for _ in range(_ROUNDS):
        _all_ask(served, devices)
        if sum(device.runs == image for device in devices) >= least:
            return
        time.sleep(0.1)
    raise AssertionError(f"fewer than {least} devices have updated")


def _states(served: PageServer) -> list[str]:
    return [rollout["state"] for rollout in served.api("GET", "fleet/rollouts")["rollouts"]]
