"""The fleet as people reach it: over HTTP, through a server of this machine, and without one."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from acpublish import FleetClient
from acpublish.control.fleet_access import Fleet
from acpublish.control.local_fleet import LocalFleet
from acpublish.control.open_fleet import open_fleet
from acpublish.control.running_file import FILE
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    BadNameError,
    CatalogError,
    ConflictError,
    NotFoundError,
    SettingsError,
    StoreError,
    UnreachableError,
    VersionError,
)
from acpublish.fleet.policy import Policy
from acpublish.publishing.options import Destination
from acpublish.store.fleet_store import FleetStore
from tests.integration.test_fleet_server import Site, until
from tests.support.fleet_devices import FleetDevice
from tests.support.server import RunningServer
from tests.support.tokens import create_token

POLICY = Policy.parse("1,100%", soak="0s")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.publish("1.0.0")
    return site


def opened(site: Site) -> Fleet:
    return open_fleet(Destination(to=str(site.catalog), state=site.state))


def devices_of(site: Site, server: RunningServer, count: int = 3) -> list[FleetDevice]:
    devices = [FleetDevice(number, site.images["1.0.0"]) for number in range(count)]
    for device in devices:
        device.ask(server)
    # A change waits for the store, which is made now.
    opened(site).retry(devices[0].id)
    return devices


def everything(fleet: Fleet) -> dict[str, Any]:
    """Returns all that a fleet shows, without what the time of asking changes."""
    devices = list(fleet.devices())
    return {
        "devices": devices,
        "stuck": list(fleet.devices(stuck=True)),
        "filtered": list(fleet.devices(product="lamp", tag="porch", not_seen_s=0)),
        "stories": [fleet.device(device["id"]) for device in devices],
        "explained": [fleet.explain(device["mac"]) for device in devices],
        "rollouts": fleet.rollouts(),
        "details": [fleet.rollout(rollout["id"]) for rollout in fleet.rollouts("lamp")],
        "plan": fleet.plan("lamp", "1.0.0", "stable", POLICY),
        "plan of a board": fleet.plan("lamp", "1.0.0", "stable", POLICY, boards=["c3"]),
        "status": fleet.status(),
    }


def change_something(fleet: Fleet, first: str) -> None:
    fleet.change(first, name="kitchen", note="above", add_tags=["porch"], add_groups=["house"])
    fleet.change("kitchen", remove_groups=["house"])
    fleet.pin(first, "1.0.0", order_back=True)
    fleet.start("lamp", "1.0.0", "beta", POLICY)
    fleet.pause("lamp", "at the fair")


def test_a_server_and_its_state_folder_show_the_same(site: Site) -> None:
    token = create_token(site.state, manage=True)
    with site.serve() as server:
        devices = devices_of(site, server)
        remote = FleetClient(server.url, token)
        change_something(remote, devices[0].id)
        through = opened(site)
        assert isinstance(through, FleetClient)
        shown = everything(through)
        assert shown == everything(remote)
        server.end()
    assert not (site.state / FILE).exists()
    local = opened(site)
    assert isinstance(local, LocalFleet)
    assert everything(local) == shown
    assert shown["stories"][0]["name"] == "kitchen"
    assert shown["rollouts"][0]["state"] == "paused"
    assert shown["explained"][0]["rule"] == "pin"


def test_a_server_goes_on_with_what_a_command_changed(site: Site) -> None:
    with site.serve() as server:
        devices = devices_of(site, server)
        server.end()
    local = opened(site)
    change_something(local, devices[0].id)
    local.forget(devices[2].mac)
    shown = everything(local)
    with site.serve() as server:
        assert until((site.state / FILE).exists)
        through = opened(site)
        assert isinstance(through, FleetClient)
        assert everything(through) == shown
        assert through.resume("lamp")["state"] == "running"
        assert through.advance("lamp")["stage"] == 1
        assert through.abort("lamp", "it hangs")["reason"] == "it hangs"
        assert server.logs("token local; aborted lamp-")


def test_commands_ask_the_server_from_its_first_line_on(site: Site) -> None:
    with site.serve() as server:
        through = opened(site)
        assert isinstance(through, FleetClient)
        assert list(through.devices()) == []
        device = FleetDevice(1, site.images["1.0.0"])
        device.ask(server)
        # The store may not be there yet.
        assert [own["id"] for own in through.devices()] == [device.id]
        assert through.change(device.id, name="kitchen")["name"] == "kitchen"


def test_without_a_store_there_is_nothing_yet(site: Site) -> None:
    local = opened(site)
    assert isinstance(local, LocalFleet)
    assert list(local.devices()) == local.rollouts() == []
    assert local.status() == {"devices": [], "omitted": 0}
    for change in (local.retry, local.forget, local.hold, local.explain, local.device):
        with pytest.raises(NotFoundError):
            change("lamp/24:0a:c4:00:00:00")
    assert not site.state.exists()
    # What is sent on its way before the first device asks is there when it does.
    started = local.start("lamp", "1.0.0", "beta", POLICY)
    with site.serve() as server:
        assert until((site.state / FILE).exists)
        assert opened(site).rollout(started["id"]) == local.rollout("lamp")
        server.end()


def test_the_token_of_commands_is_for_their_user_and_their_server(site: Site) -> None:
    with site.serve() as server:
        devices_of(site, server, 1)
        path = site.state / FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        document = json.loads(path.read_text())
        assert document["url"] == server.url
        assert document["pid"] == server.process.pid
        # It opens nothing for others, and nobody has to create a token first.
        with pytest.raises(AuthenticationError):
            list(FleetClient(server.url, "acp_wrong").devices())
        with pytest.raises(AuthenticationError, match="needs a token"):
            list(FleetClient(server.url).devices())
        assert document["token"] not in server.log()
        server.signal(signal.SIGKILL)
        server.wait()
    stale = path.read_text()
    assert isinstance(opened(site), LocalFleet)
    with site.serve() as server:
        assert until(lambda: path.read_text() != stale)
        with pytest.raises(AuthenticationError):
            list(FleetClient(server.url, document["token"]).devices())


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", '{"url": 1}', '{"url": "x", "token": "y", "pid": 1}'),
        '{"url": "x", "token": "y", "pid": 1e999}',
    ],
)
def test_a_file_that_leads_nowhere(site: Site, content: str) -> None:
    site.state.mkdir()
    (site.state / FILE).write_text(content)
    assert isinstance(opened(site), LocalFleet)


def test_a_directory_without_a_state_folder(site: Site) -> None:
    with pytest.raises(SettingsError, match=r"is not known\. Name it with --state"):
        open_fleet(Destination(to=str(site.catalog)))
    with pytest.raises(CatalogError, match="cannot open the catalog"):
        open_fleet(Destination(to=str(site.catalog / "nothing")), site.state)


def test_a_command_waits_for_another_and_names_a_server_that_does_not_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acpublish.control import local_fleet

    monkeypatch.setattr(local_fleet, "_WAIT_S", 0.2)
    store = FleetStore.open(site.state)
    try:
        begun = time.monotonic()
        with pytest.raises(StoreError, match=r"is in use: process \d+"):
            opened(site).hold("lamp/24:0a:c4:00:00:00")
        assert time.monotonic() - begun >= 0.2
        # What only shows something needs no lock.
        assert list(opened(site).devices()) == []
    finally:
        store.close()


REFUSED: list[tuple[Callable[[Fleet], object], type[AcpublishError], str]] = [
    (lambda fleet: fleet.device("kitchn"), NotFoundError, "there is no device 'kitchn'"),
    (lambda fleet: fleet.device("hall"), ConflictError, "2 devices are called 'hall'"),
    (lambda fleet: fleet.change("kitchen", name="a\nb"), SettingsError, "control character"),
    (lambda fleet: fleet.change("kitchen", name="hall"), ConflictError, "another device of lamp"),
    (lambda fleet: fleet.change("kitchen", add_tags=["A b"]), BadNameError, "'A b' is not the"),
    (lambda fleet: fleet.pin("kitchen", "9.9.9"), NotFoundError, "has no firmware for c3"),
    (lambda fleet: fleet.pin("kitchen", "one"), VersionError, "one"),
    (lambda fleet: list(fleet.devices(version="one")), SettingsError, "one"),
    (lambda fleet: list(fleet.devices(product="A b")), SettingsError, "A b"),
    (lambda fleet: list(fleet.devices(not_seen_s=-1)), SettingsError, "-1"),
    (lambda fleet: fleet.rollout("lamp"), NotFoundError, "there is no rollout 'lamp'"),
    (lambda fleet: fleet.pause("lamp-99"), NotFoundError, "there is no rollout 'lamp-99'"),
    (
        lambda fleet: fleet.start("lamp", "9.0.0", "stable", POLICY),
        NotFoundError,
        "9.0.0",
    ),
    (lambda fleet: fleet.plan("lamp", "9.0.0", "stable", POLICY), NotFoundError, "9.0.0"),
    (
        lambda fleet: fleet.plan("lamp", "1.0.0", "stable", POLICY, boards=["d9"]),
        NotFoundError,
        "has no image for d9",
    ),
    (
        lambda fleet: fleet.plan("lamp", "1.0.0", "stable", Policy.parse("tag:x,100%")),
        SettingsError,
        "the stage tag:x reaches nobody",
    ),
]


def test_a_server_and_its_state_folder_refuse_the_same(site: Site) -> None:
    def refusals(fleet: Fleet) -> list[str]:
        said = []
        for ask, kind, words in REFUSED:
            with pytest.raises(AcpublishError) as caught:
                ask(fleet)
            assert type(caught.value) is kind, caught.value
            assert words in caught.value.problem
            said.append(caught.value.problem)
        return said

    with site.serve() as server:
        site.publish("1.0.0", "plug")
        devices = devices_of(site, server)
        through = opened(site)
        through.change(devices[0].id, name="kitchen")
        # Devices of different products may have the same name.
        plug = FleetDevice(9, site.images["1.0.0"], product="plug")
        plug.ask(server)
        for device in (devices[1], plug):
            through.change(device.id, name="hall")
        # A name is text, and the address of a device is encoded as a whole.
        through.change(devices[0].id, note="a/b?c#d%2F")
        assert through.device("kitchen")["note"] == "a/b?c#d%2F"
        assert through.change("kitchen", name="Küche 1/2?#%2F+é")["name"] == "Küche 1/2?#%2F+é"
        assert through.explain("Küche 1/2?#%2F+é")["device"] == devices[0].id
        through.change(devices[0].id, name="kitchen")
        refused = refusals(through)
        server.end()
    assert refusals(opened(site)) == refused


def test_a_server_that_does_not_know_its_devices(site: Site) -> None:
    token = create_token(site.state, read=True)
    with site.serve("--no-fleet") as server:
        with pytest.raises(ConflictError, match="it runs with --no-fleet"):
            FleetClient(server.url, token).status()
        with pytest.raises(AuthenticationError, match="scope manage"):
            FleetClient(server.url, token).hold("kitchen")
        url = server.url
        server.end()
    with pytest.raises(UnreachableError, match="it was not tried again"):
        FleetClient(url, token, timeout_s=1).forget("kitchen")


def test_many_devices_come_in_pages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from acpublish.client import fleet_requests

    monkeypatch.setattr(fleet_requests, "_PAGE", 2)
    with site.serve() as server:
        devices = devices_of(site, server, 5)
        through = opened(site)
        assert [one["id"] for one in through.devices()] == [device.id for device in devices]
        assert os.getpid() != server.process.pid
