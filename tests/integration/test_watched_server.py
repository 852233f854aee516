"""A real server as Prometheus and a supervisor see it, by the configuration in the documents."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from acpublish.store.database import path_of
from tests.docs.documents import ROOT, blocks
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.server import RunningServer
from tests.support.tokens import create_token

DOCUMENT = ROOT / "docs" / "how-to" / "watch.md"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("watched"))
    site.publish("1.0.0")
    site.publish("1.1.0")
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[RunningServer]:
    with site.serve() as server:
        yield server


def scraped(server: RunningServer, *headers: str) -> dict[tuple[str, tuple[str, ...]], float]:
    answer = server.get("/metrics", *headers)
    assert answer.status == 200, answer.body
    assert answer.one("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def test_what_devices_do_is_counted(site: Site, server: RunningServer) -> None:
    lamps = [FleetDevice(number, site.images["1.0.0"]) for number in range(3)]
    assert [lamp.ask(server).status for lamp in lamps] == [200] * 3
    # It was installed, so the same device is up to date.
    assert [lamps[0].ask(server).status for _ in range(4)] == [304] * 4
    assert server.get("/update/lamp/none", *lamps[0].headers).status == 404

    def seen() -> dict[tuple[str, tuple[str, ...]], float]:
        # A text that was just made is used again for a moment.
        time.sleep(0.06)
        return scraped(server)

    assert until(lambda: seen()["acpublish_devices", ("lamp", "1.1.0")] == 1)
    metrics = seen()
    assert metrics["acpublish_devices", ("lamp", "1.0.0")] == 2
    assert metrics["acpublish_check_ins_total", ("newest on channel",)] == 3
    assert metrics["acpublish_check_ins_total", ("same digest",)] == 4
    assert metrics["acpublish_check_ins_total", ("no target",)] == 1
    assert metrics["acpublish_downloads_total", ("whole",)] == 3
    assert metrics["acpublish_download_bytes_total", ()] == 3 * len(site.images["1.1.0"])
    assert metrics["acpublish_check_in_seconds_count", ()] == 8
    assert metrics["acpublish_connections", ()] == 1
    assert metrics["acpublish_store_away", ()] == 0
    assert metrics["process_open_fds", ()] > 3


def test_the_documented_configuration_scrapes_it(
    site: Site, server: RunningServer, tmp_path: Path
) -> None:
    written = [block.text for block in blocks(DOCUMENT) if block.language == "yaml"]
    (job,) = yaml.safe_load(written[0])["scrape_configs"]
    assert set(job) == {"job_name", "authorization", "static_configs"}
    assert set(job["authorization"]) == {"credentials_file"}
    (static,) = job["static_configs"]
    assert static["targets"] == ["192.168.1.10:8000"]
    # The path and the scheme are Prometheus' own defaults: /metrics over http, with a Bearer token.
    token = create_token(site.state, read=True)
    from_elsewhere = "X-Forwarded-For: 192.168.1.20"
    assert server.get("/metrics", from_elsewhere).status == 401
    assert scraped(server, from_elsewhere, f"Authorization: Bearer {token}")


def test_the_documented_rules_use_metrics_that_there_are(server: RunningServer) -> None:
    written = [block.text for block in blocks(DOCUMENT) if block.language == "yaml"]
    text = server.get("/metrics").body.decode()
    # Also those that have no value yet.
    names = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    # Only a server with --mqtt has it.
    names.add("acpublish_mqtt_connected")
    (group,) = yaml.safe_load(written[1])["groups"]
    assert group["rules"]
    for rule in group["rules"]:
        used = {
            word.strip("()[]{}5m")
            for word in rule["expr"].replace("(", " ").replace("{", " ").split()
        }
        assert {word for word in used if word.startswith("acpublish_")} <= names, rule


def test_it_is_alive_and_ready(server: RunningServer) -> None:
    assert (server.get("/healthz").status, server.get("/healthz").body) == (200, b"ok\n")
    assert server.get("/readyz").body == b"ready\n"
    assert server.get("/readyz", method="HEAD").body == b""
    assert server.ask(b"POST /readyz HTTP/1.0\r\nContent-Length: 0\r\n\r\n").status == 405


def test_a_store_that_cannot_be_opened(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish("1.0.0")
    path_of(site.state).parent.mkdir(parents=True)
    path_of(site.state).write_bytes(b"no database" * 1000)
    with site.serve() as server:
        assert server.get("/healthz").status == 200
        answer = server.get("/readyz")
        assert (answer.status, answer.body) == (
            503,
            b"The fleet's store cannot be read or written.\n",
        )
        assert scraped(server)["acpublish_store_away", ()] == 1


def test_a_server_without_a_fleet(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish("1.0.0")
    site.publish("1.1.0")
    with site.serve("--no-fleet") as server:
        for number in range(3):
            FleetDevice(number, site.images["1.0.0"], boots=False).ask(server)
        metrics = scraped(server)
        assert metrics["acpublish_devices", ("lamp", "1.0.0")] == 3
        assert metrics["acpublish_downloads_total", ("whole",)] == 3
        assert not any(
            name.startswith(("acpublish_rollouts", "acpublish_store")) for name, _ in metrics
        )
        assert server.get("/readyz").status == 200
