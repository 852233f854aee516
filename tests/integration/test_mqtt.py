"""A real server, a real broker, and what Home Assistant would see of the devices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acpublish import FleetClient
from acpublish.store.stored import read
from tests.support import preloaded
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.home_assistant import check_config, check_state
from tests.support.mosquitto import PASSWORD, Broker, Hearing, becomes, broker, hearing
from tests.support.server import RunningServer, running_server
from tests.support.tokens import create_token

STATUS = "home/status"
PAGES = "https://updates.example.com"


def key(device: FleetDevice) -> str:
    return f"{device.product}_{device.mac.replace(':', '')}"


def state_topic(device: FleetDevice) -> str:
    return f"home/devices/{key(device)}/state"


def config_topic(device: FleetDevice) -> str:
    return f"homeassistant/update/home/{key(device)}/config"


class House:
    """A site with a server, a broker, and somebody who hears everything."""

    def __init__(self, site: Site, server: RunningServer, heard: Hearing) -> None:
        self.site, self.server, self.heard = site, server, heard
        manage = create_token(site.state, manage=True)
        self.fleet = FleetClient(server.url, token=manage, insecure_http=True)

    def state(self, device: FleetDevice) -> Any:
        return self.heard.json(state_topic(device))

    def versions(self, device: FleetDevice) -> tuple[str | None, str | None]:
        """Returns what Home Assistant shows as installed, and as the latest version."""
        state = self.state(device) or {}
        return state.get("installed_version"), state.get("latest_version")

    def shows(self, device: FleetDevice, installed: str, latest: str) -> None:
        """Waits until a device is shown with two versions, and agrees with what it would get."""
        assert becomes(lambda: self.versions(device), (installed, latest)) == (installed, latest)
        check_state(self.state(device))
        check_config(config_topic(device), self.heard.json(config_topic(device)))
        explained = self.fleet.explain(device.id)
        assert (explained["verdict"] == "offer") == (installed != latest), explained
        if installed != latest:
            assert explained["version"] == latest


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    site = Site(tmp_path_factory.mktemp("house"))
    site.publish("1.0.0")
    site.publish("1.1.0")
    with (
        broker(tmp_path_factory.mktemp("broker")) as own,
        hearing(own) as heard,
        site.serve("--mqtt", own.url, "--mqtt-install", "--host", PAGES) as server,
    ):
        yield House(site, server, heard)


def command(folder: Path, *words: str) -> tuple[int, str]:
    """Runs a command of ours in a folder."""
    return preloaded.run([sys.executable, "-m", "acpublish", *words], env=os.environ, cwd=folder)


def lamp(house: House, number: int) -> FleetDevice:
    """Returns a lamp with the old release, which does not boot what it gets yet."""
    return FleetDevice(number, house.site.images["1.0.0"], boots=False)


def test_a_device_is_an_update_entity(house: House) -> None:
    device = lamp(house, 1)
    assert device.ask(house.server).status == 200
    house.shows(device, "1.0.0", "1.1.0")
    config = house.heard.json(config_topic(device))
    assert config["device"]["connections"] == [["mac", device.mac]]
    assert config["device"]["sw_version"] == "1.0.0"
    assert config["origin"]["name"] == "acpublish"
    assert config["availability"] == [{"topic": STATUS}]
    assert house.heard.retained[STATUS] == b"online"
    state = house.state(device)
    assert state["title"] == "lamp"
    assert state["release_url"] == f"{PAGES}/_/products/lamp/1.1.0"
    assert config["device"]["configuration_url"] == f"{PAGES}/_/devices/{device.id}"
    assert state["release_summary"].startswith("lamp 1.1.0 for c3, published 20")
    # It has the image, and has not come back with it.
    assert state["in_progress"] is True
    device.boots = True
    device.ask(house.server)
    assert device.ask(house.server).status == 304
    house.shows(device, "1.1.0", "1.1.0")
    assert house.state(device)["in_progress"] is False


def test_no_update_is_shown_that_a_device_does_not_get(house: House) -> None:
    device = lamp(house, 2)
    device.ask(house.server)
    house.shows(device, "1.0.0", "1.1.0")
    house.fleet.hold(device.id)
    house.shows(device, "1.0.0", "1.0.0")
    assert "on hold" in house.state(device)["release_summary"]
    house.fleet.clear(device.id)
    house.shows(device, "1.0.0", "1.1.0")


def test_the_button_orders_exactly_the_update_that_it_shows(house: House) -> None:
    device = lamp(house, 3)
    device.ask(house.server)
    house.shows(device, "1.0.0", "1.1.0")
    config = house.heard.json(config_topic(device))
    assert config["payload_install"] == "1.1.0"
    for wrong in ("1.0.0", "2.0.0", "", "install", "\x1b[31m", "1" * 100):
        house.heard.say(config["command_topic"], wrong)
    house.heard.say("home/devices/lamp_000000000000/install", "1.1.0")
    assert house.server.logs("ignored an order by MQTT for an unknown device")
    assert house.server.logs("'2.0.0' for lamp/24:0a:c4:00:00:03 by MQTT: it is not the announced")
    assert house.fleet.device(device.id)["pin"] is None
    house.heard.say(config["command_topic"], config["payload_install"])
    assert becomes(lambda: (house.fleet.device(device.id)["pin"] or {}).get("version"), "1.1.0")
    story = house.fleet.device(device.id)
    assert story["pin"] == {"version": "1.1.0", "order_back": False}
    assert story["tags"] == ["mqtt-install"]
    assert until(lambda: house.state(device)["in_progress"])
    device.boots = True
    assert device.ask(house.server).status == 200
    assert device.ask(house.server).status == 304
    house.shows(device, "1.1.0", "1.1.0")
    # A pin that stayed would keep it from the next update.
    assert until(lambda: house.fleet.device(device.id)["pin"] is None)
    assert house.fleet.device(device.id)["tags"] == []
    assert "\x1b" not in house.server.log()


def test_an_order_changes_no_pin_of_a_person(house: House) -> None:
    device = lamp(house, 4)
    device.ask(house.server)
    house.fleet.pin(device.id, "1.1.0")
    house.shows(device, "1.0.0", "1.1.0")
    house.heard.say(f"home/devices/{key(device)}/install", "1.1.0")
    assert house.server.logs("for lamp/24:0a:c4:00:00:04 by MQTT changes nothing")
    device.boots = True
    device.ask(house.server)
    device.ask(house.server)
    house.shows(device, "1.1.0", "1.1.0")
    assert house.fleet.device(device.id)["pin"]["version"] == "1.1.0"


def test_a_forgotten_device_disappears(house: House) -> None:
    device = lamp(house, 5)
    device.ask(house.server)
    house.shows(device, "1.0.0", "1.1.0")
    house.fleet.forget(device.id)
    assert until(lambda: config_topic(device) not in house.heard.retained)
    assert until(lambda: state_topic(device) not in house.heard.retained)


def test_everything_is_sent_again_when_home_assistant_starts(house: House) -> None:
    device = lamp(house, 6)
    device.ask(house.server)
    house.shows(device, "1.0.0", "1.1.0")
    before = len(house.heard.messages)
    house.heard.say("homeassistant/status", "offline")
    house.heard.say("homeassistant/status", "online")

    def again() -> bool:
        topics = [topic for topic, _ in house.heard.messages[before:]]
        return config_topic(device) in topics and state_topic(device) in topics

    assert until(again)


def test_what_happens_is_told(house: House) -> None:
    house.site.publish("1.0.0", "plug")
    topic = "home/events/published"
    assert until(lambda: (house.heard.json(topic) or {}).get("product") == "plug")
    event = house.heard.json(topic)
    assert (event["kind"], event["data"]["version"]) == ("published", "1.0.0")
    assert set(event) == {"id", "kind", "at", "product", "data"}
    assert "home/events/new-device" in house.heard.retained


def test_names_and_reports_of_strangers_are_only_text(house: House) -> None:
    device = FleetDevice(7, b"its own build")
    device.ask(house.server, 'x-ESP32-version: 1\x01"},{<b>')
    device.ask(house.server, 'x-ESP32-version: "},{<b>{{ 1 }}')
    house.fleet.change(device.id, name='Lamp #+/"{{ states }}" <script>')
    assert until(lambda: house.heard.json(config_topic(device)) is not None)
    named = 'Lamp #+/"{{ states }}" <script>'
    name = lambda: house.heard.json(config_topic(device))["device"]["name"]  # noqa: E731
    assert becomes(name, named) == named
    check_config(config_topic(device), house.heard.json(config_topic(device)))
    check_state(house.state(device))


def test_the_last_will_and_what_was_forgotten_meanwhile(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish("1.0.0")
    devices = [FleetDevice(number, site.images["1.0.0"]) for number in (1, 2)]
    with broker(tmp_path) as own, hearing(own) as heard:
        with site.serve("--mqtt", own.url) as server:
            for device in devices:
                device.ask(server)
            assert until(lambda: all(state_topic(device) in heard.retained for device in devices))
            config = heard.json(config_topic(devices[0]))
            # Without --mqtt-install nobody can press anything.
            assert "command_topic" not in config
            assert until(lambda: len(read(site.state).devices) == 2)
            server.signal(signal.SIGKILL)
            server.wait()
        assert becomes(lambda: heard.retained[STATUS], b"offline") == b"offline"
        where = "--yes", "--to", str(site.catalog), "--state", str(site.state)
        status, text = command(tmp_path, "devices", "forget", devices[0].mac, *where)
        assert status == 0, text
        # To whoever listens already, the broker passes a retained message on like any other.
        heard.say(f"home/devices/{key(devices[1])}/install", "1.0.0", retain=True)
        # The broker's own list shows that there was another one.
        with site.serve("--mqtt", own.url, "--mqtt-install") as server:
            assert server.logs("ignored an order by MQTT that was retained")
            assert becomes(lambda: heard.retained[STATUS], b"online") == b"online"
            assert until(lambda: config_topic(devices[0]) not in heard.retained)
            assert state_topic(devices[1]) in heard.retained
            server.end()
        assert becomes(lambda: heard.retained[STATUS], b"offline") == b"offline"


def test_a_broker_that_is_away_holds_up_nobody(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish("1.0.0")
    own = Broker(tmp_path)
    device = FleetDevice(1, site.images["1.0.0"])
    # The variable is in no list of processes.
    environ = {"ACPUBLISH_MQTT": own.url}
    with running_server(site.catalog, tmp_path, env=environ) as server:
        assert device.ask(server).status == 304
        assert server.logs(f"the MQTT broker mqtt://127.0.0.1:{own.port} is away")
        command = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert PASSWORD.encode() not in command
        assert b"s3cret" not in command
        # Nobody could hear what is sent before they listen.
        server.signal(signal.SIGSTOP)
        own.start()
        try:
            with hearing(own) as heard:
                server.signal(signal.SIGCONT)
                assert until(lambda: state_topic(device) in heard.retained)
                # What happened before waits for the broker.
                assert until(lambda: "home/events/new-device" in heard.retained)
            own.stop()
            assert server.logs("is away (the connection ended")
            own.start()
            with hearing(own) as heard:
                assert until(lambda: state_topic(device) in heard.retained)
        finally:
            own.stop()
        log = server.end()
    assert PASSWORD not in log
    assert "s3cret" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://u:s3cret@h", "--mqtt: the URL of the broker does not begin with mqtt://"),
        ("mqtt://u:s3cret@h:99999", "--mqtt: the URL of the broker is not valid"),
        ("mqtt://u:s3cret@h/a/#", "--mqtt: the URL of the broker has a ? or a #"),
        ("", "--mqtt is empty"),
    ],
)
def test_a_wrong_url_is_one_line_without_the_password(
    tmp_path: Path, url: str, problem: str
) -> None:
    status, text = command(tmp_path, "serve", "--port", "0", "--mqtt", url)
    assert status == 2, text
    assert problem in text
    assert "s3cret" not in text
    assert json.dumps(text).count("\\n") <= 2


def test_a_password_in_an_option_is_warned_of(house: House) -> None:
    warning = "the password in --mqtt is shown to everyone who can list processes"
    assert house.server.log().count(warning) == 1
    assert PASSWORD not in house.server.log()


def test_a_button_needs_a_broker(tmp_path: Path) -> None:
    status, text = command(tmp_path, "serve", "--port", "0", "--mqtt-install")
    assert status == 2, text
    assert "--mqtt-install needs a broker. Set its URL with --mqtt or ACPUBLISH_MQTT." in text


def test_without_its_extra_the_server_says_what_to_install(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['paho'] = None\n"
        "from acpublish.cli import main\n"
        "sys.exit(main(['serve', '--port', '0', '--bind', '127.0.0.1', '--mqtt', 'mqtt://h']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].endswith(
        "MQTT needs paho-mqtt, which is not installed. Install it: pip install 'acpublish[mqtt]'."
    )
