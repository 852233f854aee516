"""A real server tells a real receiver what happens, also what happened while it was down."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.local_fleet import LocalFleet
from acpublish.control.told import FILE as TOLD
from acpublish.notices.webhook_file import WebhookFile, new_webhook
from acpublish.release.change_request import ChangeRequest
from acpublish.release.version import Version
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site
from tests.support.receiver import Receiver, receiving, until
from tests.support.server import RunningServer

#: Longer than the server takes to look at its catalog, and at the file of webhooks.
_QUIET_S = 3.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish("1.0.0")
    return site


def add(site: Site, receiver: Receiver) -> Verifier:
    """Adds a webhook that wants everything, and returns what verifies deliveries."""
    webhook = new_webhook(f"{receiver.url}/hunter2", events=["all"])
    WebhookFile(site.state).add(webhook)
    return Verifier(webhook.secret)


def told(receiver: Receiver, verifier: Verifier) -> list[tuple[str, Any]]:
    """Returns the type and the data of each delivery, which all have to be signed."""
    documents = [
        verifier.verify(delivery.body, dict(delivery.headers)) for delivery in receiver.deliveries
    ]
    return [(document["type"], document["data"]) for document in documents]


def types(receiver: Receiver, verifier: Verifier) -> list[str]:
    return [type_ for type_, _ in told(receiver, verifier)]


def looked(site: Site) -> None:
    """Waits until a server has looked at its catalog for the first time."""
    until((site.state / TOLD).exists)


def withdraw(site: Site, version: str) -> None:
    request = ChangeRequest(action="withdraw", version=Version.parse(version), why="it crashes")
    DirectoryCatalog(site.catalog).changes.make("lamp", request)


def test_everything_is_told_once_over_restarts(site: Site, receiver: Receiver) -> None:
    verifier = add(site, receiver)
    device = FleetDevice(1, site.images["1.0.0"])
    with site.serve() as server:
        looked(site)
        device.ask(server)
        until(lambda: types(receiver, verifier) == ["device.new"])
        site.publish("1.1.0")
        until(lambda: types(receiver, verifier)[1:] == ["release.published"])
        site.policy("1,100%")
        site.publish("2.0.0")
        until(lambda: len(receiver.deliveries) == 4)
        assert set(types(receiver, verifier)[2:]) == {"release.published", "rollout.stage"}
        assert "hunter2" not in server.log_so_far()
    receiver.deliveries.clear()
    withdraw(site, "1.1.0")
    LocalFleet(DirectoryCatalog(site.catalog), site.state).advance("lamp")
    with site.serve() as server:
        until(lambda: len(receiver.deliveries) == 2)
        device.ask(server)
        time.sleep(_QUIET_S)
    deliveries = dict(told(receiver, verifier))
    assert list(deliveries) == ["rollout.stage", "release.withdrawn"]
    assert deliveries["rollout.stage"]["stage"] == 2
    assert deliveries["release.withdrawn"]["reason"] == "it crashes"


def test_without_a_fleet_the_catalog_is_told(site: Site, receiver: Receiver) -> None:
    verifier = add(site, receiver)
    with receiving() as phone:
        WebhookFile(site.state).add(new_webhook(f"{phone.url}/topic", format_="ntfy"))
        with site.serve("--no-fleet", "--host", "https://updates.example.com") as server:
            looked(site)
            FleetDevice(1, site.images["1.0.0"]).ask(server)
            site.publish("1.1.0")
            withdraw(site, "1.1.0")
            until(lambda: len(receiver.deliveries) == 2 and len(phone.deliveries) == 2)
        messages = [json.loads(delivery.body) for delivery in phone.deliveries]
    assert types(receiver, verifier) == ["release.published", "release.withdrawn"]
    # Whoever is told reaches the server as --host says, and not at a loopback address.
    page = "https://updates.example.com/_/products/lamp/1.1.0"
    assert [message["click"] for message in messages] == [page, page]


def test_what_was_told_is_delivered_after_a_kill(site: Site) -> None:
    with receiving() as away:
        port = away.server_address[1]
        verifier = add(site, away)
    with site.serve() as server:
        looked(site)
        before = json.loads((site.state / TOLD).read_text())
        site.publish("1.1.0")
        until(lambda: json.loads((site.state / TOLD).read_text()) != before)
        kill(server)
    WebhookFile(site.state).try_again(WebhookFile(site.state).all()[0].id)
    with receiving(port) as back, site.serve():
        until(lambda: back.deliveries)
        time.sleep(_QUIET_S)
        assert types(back, verifier) == ["release.published"]


def test_a_receiver_that_hangs_holds_up_no_device_and_not_the_end(
    site: Site, receiver: Receiver
) -> None:
    from tests.support.receiver import hang

    receiver.always = hang
    add(site, receiver)
    with site.serve() as server:
        looked(site)
        site.publish("1.1.0")
        until(lambda: receiver.deliveries)
        assert FleetDevice(1, site.images["1.0.0"]).ask(server).status == 200
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        # Far less than such a delivery may take.
        assert time.monotonic() - begin < 12


def kill(server: RunningServer) -> None:
    server.signal(signal.SIGKILL)
    server.wait()
