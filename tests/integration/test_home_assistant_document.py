"""The how-to for Home Assistant, with a real broker that has the rules in it."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from acpublish import FleetClient
from acpublish.fleet.fleet_events import KINDS
from tests.docs.documents import ROOT, blocks
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.home_assistant import check_config, check_state
from tests.support.mosquitto import IN_URL, becomes, broker, hearing
from tests.support.server import running_server
from tests.support.tokens import create_token

DOCUMENT = ROOT / "docs" / "how-to" / "home-assistant.md"
REFERENCE = ROOT / "docs" / "reference" / "mqtt.md"


def test_the_steps_of_the_document(tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    url = re.search(r"^\$ export ACPUBLISH_MQTT=(\S+)$", text, re.M)
    assert url
    (rules,) = (block.text for block in blocks(DOCUMENT) if block.text.startswith("user "))
    site = Site(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        site.publish(version)
    device = FleetDevice(1, site.images["1.0.0"], boots=False)
    state = "acpublish/devices/lamp_240ac4000001/state"
    config = "homeassistant/update/acpublish/lamp_240ac4000001/config"
    order = "acpublish/devices/lamp_240ac4000001/install"
    with broker(tmp_path, rules) as own, hearing(own, "homeassistant") as house:
        written = url[1].replace("acpublish:PASSWORD", IN_URL)
        environ = {"ACPUBLISH_MQTT": written.replace(":1883", f":{own.port}")}
        assert environ["ACPUBLISH_MQTT"].startswith(f"mqtt://{IN_URL}@127.0.0.1:")
        with (
            running_server(site.catalog, tmp_path, "--mqtt-install", env=environ) as server,
            hearing(own, "guest") as guest,
        ):
            assert server.logs("connected to the MQTT broker")
            device.ask(server)
            assert until(lambda: state in house.retained)
            check_state(house.json(state))
            check_config(config, house.json(config))
            assert house.retained["acpublish/status"] == b"online"
            # Whoever is not in the rules hears nothing, and orders nothing.
            guest.say(order, "1.1.0")
            house.say(order, "9.9.9")
            assert server.logs(
                "'9.9.9' for lamp/24:0a:c4:00:00:01 by MQTT: it is not the announced"
            )
            assert guest.messages == []
            manage = create_token(site.state, manage=True)
            fleet = FleetClient(server.url, token=manage, insecure_http=True)
            assert fleet.device(device.id)["pin"] is None
            house.say(order, "1.1.0")
            pinned = lambda: bool(fleet.device(device.id)["pin"])  # noqa: E731
            assert becomes(pinned, True)
        assert becomes(lambda: house.retained["acpublish/status"], b"offline") == b"offline"


def test_the_automation_listens_to_an_event_that_there_is() -> None:
    (written,) = (block.text for block in blocks(DOCUMENT) if block.language == "yaml")
    (automation,) = yaml.safe_load(written)["automation"]
    topic = automation["triggers"][0]["topic"]
    assert topic.startswith("acpublish/events/")
    assert topic.rpartition("/")[2] in KINDS


def test_the_reference_lists_every_event() -> None:
    text = REFERENCE.read_text()
    for kind in KINDS:
        assert re.search(rf"^\|[^|]*`{kind}`[^|]*\|", text, re.M), kind
