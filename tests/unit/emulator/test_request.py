"""What the software device sends is byte for byte what real devices were seen to send."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.emulator.profile import DeviceOptions
from acpublish.emulator.request import (
    Running,
    catalog_request,
    plain_request,
    update_request,
)

WIRE = Path(__file__).parents[2] / "data" / "wire"

ESP8266 = Running(size=400_000, md5="0d" * 16, sha256="")
ESP32 = Running(
    size=719_968,
    md5="55ceae8bfcc2c19e48a2c1005afc57af",
    sha256="F23CF9FA59D32774DC8AFF17398C9064B7B6C54EE0B56881FF0AF2783C3AD745",
)


def captured(number: str) -> bytes:
    (path,) = WIRE.glob(f"{number}-*.http")
    return path.read_bytes()


def esp8266(**options: object) -> DeviceOptions:
    return DeviceOptions(chip="esp8266", chip_id=15_602_487, **options)  # type: ignore[arg-type]


def esp32(**options: object) -> DeviceOptions:
    return DeviceOptions(chip="esp32", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "options", "target"),
    [
        ("03", esp8266(), b"/sketch.bin"),
        ("04", esp8266(), b"folder/inner.bin"),
        ("05", esp8266(), b"/my sketch.bin"),
        ("07", esp8266(user="user", password="s3cret"), b"/sketch.bin"),
        ("10", esp8266(), b"/sketch.bin"),
        ("11", esp8266(version="1.2.3"), b"/sketch.bin"),
        ("12", esp8266(mode="spiffs"), b"/spiffs.bin"),
        ("13", esp8266(mode="spiffs", version="fs-7"), b"/spiffs.bin"),
        ("14", esp8266(mode="version", version="1.2.3"), b"/sketch.bin"),
        ("15", esp8266(version="1.2.3", user="user", password="s3cret"), b"/sketch.bin"),
        (
            "16",
            esp8266(mode="version", version="1.2.3", user="user", password="s3cret"),
            b"/sketch.bin",
        ),
        ("17", esp8266(version="1.2.3"), b"/sketch.bin"),
    ],
)
def test_an_esp8266(number: str, options: DeviceOptions, target: bytes) -> None:
    assert update_request(options, ESP8266, "127.0.0.1", 8000, target) == captured(number)


@pytest.mark.parametrize(
    ("number", "options", "target"),
    [
        ("51", esp32(), b"/sketch.bin"),
        ("52", esp32(version="1.2.3", user="user", password="s3cret"), b"/sketch.bin"),
        ("53", esp32(mode="spiffs"), b"/spiffs.bin"),
        ("60", esp32(), b"folder/inner.bin"),
    ],
)
def test_an_esp32(number: str, options: DeviceOptions, target: bytes) -> None:
    assert update_request(options, ESP32, "127.0.0.1", 8000, target) == captured(number)


@pytest.mark.parametrize(
    ("number", "options", "path"),
    [
        ("01", esp8266(), "."),
        ("02", esp8266(), "folder"),
        ("06", esp8266(), "."),
        ("50", esp32(), "."),
    ],
)
def test_the_catalog(number: str, options: DeviceOptions, path: str) -> None:
    assert catalog_request(options, "127.0.0.1", 8000, path) == captured(number)


def test_the_catalog_is_asked_without_credentials() -> None:
    options = esp8266(user="user", password="s3cret")
    assert catalog_request(options, "127.0.0.1", 8000, ".") == captured("06")


def test_a_usual_port_is_not_named() -> None:
    assert b"\r\nHost: host\r\n" in update_request(esp8266(), ESP8266, "host", 80, b"/a")


@pytest.mark.parametrize(("port", "host"), [(8000, b"[::1]:8000"), (80, b"[::1]"), (443, b"[::1]")])
def test_an_address_of_ipv6_has_brackets(port: int, host: bytes) -> None:
    """RFC 3986, section 3.2.2."""
    for request in (
        update_request(esp32(), ESP32, "::1", port, b"/"),
        catalog_request(esp8266(), "::1", port, "."),
        plain_request(b"/", "::1", port),
    ):
        assert b"\r\nHost: %s\r\n" % host in request


@pytest.mark.parametrize("options", [esp8266(sends_mac=False), esp32(sends_mac=False)])
def test_an_old_core_sends_neither_its_addresses_nor_digests(options: DeviceOptions) -> None:
    old = update_request(options, Running(size=1, md5="", sha256=""), "h", 80, b"/x").lower()
    assert b"-mac:" not in old
    assert b"-md5:" not in old
    assert b"-sha256:" not in old
    whole = update_request(replace(options, sends_mac=True), ESP32, "h", 80, b"/x").lower()
    for name in (b"-sta-mac: ", b"-ap-mac: ", b"-md5: ", b"-free-space: "):
        assert name in whole
