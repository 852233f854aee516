from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.wire import NO_REPORT, Mode, Report, authority_of, entry_cost, read_report

MD5 = "0123456789abcdef" * 2
WIRE = Path(__file__).parents[1] / "data" / "wire"


def report(**headers: str) -> Report:
    return read_report(
        [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    )


def test_a_browser_says_nothing() -> None:
    assert report(user_agent="Mozilla/5.0", accept="*/*") is NO_REPORT


@pytest.mark.parametrize(
    ("agent", "family"),
    [
        ("ESP8266HTTPClient", "esp8266"),
        ("ESP8266-http-Update", "esp8266"),
        ("ESP32HTTPClient", "esp32"),
        ("ESP32-http-Update", "esp32"),
        ("ESP32HTTPClient/1.0", "esp32"),
    ],
)
def test_the_agent_alone_tells_the_family(agent: str, family: str) -> None:
    found = report(user_agent=agent)
    assert (found.family, found.mode) == (family, Mode.SKETCH)
    assert found.updater == ("Update" in agent)


def test_all_that_an_esp8266_says() -> None:
    found = report(
        user_agent="ESP8266-http-Update", x_esp8266_mode="sketch", x_esp8266_version=" 1.0.0 ",
        x_esp8266_sketch_md5=MD5.upper(), x_esp8266_free_space="1000",
        x_esp8266_sta_mac="A:B", x_esp8266_chip_size="4194304",
    )  # fmt: skip
    assert found == Report(
        family="esp8266", updater=True, version="1.0.0", sketch_md5=MD5, free_space=1000, mac="A:B",
        chip_size=4_194_304,
    )  # fmt: skip


def captured(number: str) -> Report:
    """Returns the report in a recorded request."""
    (path,) = WIRE.glob(f"{number}-*.http")
    lines = path.read_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    pairs = [line.partition(b": ") for line in lines]
    return read_report([(name.lower(), value) for name, _, value in pairs])


def test_a_recorded_esp8266() -> None:
    assert captured("17") == Report(
        family="esp8266", updater=True, version="1.2.3", sketch_md5="0d" * 16,
        sketch_size=400_000, free_space=1_695_744, mac="DE:BA:7A:B1:E0:42",
        ap_mac="DE:BA:7A:B1:E0:42", chip_size=4_194_304, sdk_version="2.5.0",
    )  # fmt: skip


def test_an_esp32_in_full() -> None:
    assert captured("55") == Report(
        family="esp32", updater=True, version="1.2.3",
        sketch_md5="55ceae8bfcc2c19e48a2c1005afc57af",
        sketch_sha256="f23cf9fa59d32774dc8aff17398c9064b7b6c54ee0b56881ff0af2783c3ad745",
        sketch_size=719_968, free_space=1_310_720, mac="24:0A:C4:A3:15:3C",
        ap_mac="24:0A:C4:A3:15:3D", chip_size=4_194_304, sdk_version="v4.4.5",
    )  # fmt: skip


def test_a_chip_without_wifi_is_known_by_its_base_address() -> None:
    report = captured("59")
    assert (report.mac, report.ap_mac) == ("24:0A:C4:A3:15:3C", None)


def test_the_station_comes_before_the_base_address() -> None:
    assert report(x_esp32_base_mac="A", x_esp32_sta_mac="B").mac == "B"


@pytest.mark.parametrize(
    ("text", "mode"),
    [("sketch", Mode.SKETCH), ("version", Mode.VERSION), ("VERSION", Mode.VERSION),
     ("other", Mode.SKETCH), ("", Mode.SKETCH)]
    + [(name, Mode.FILESYSTEM) for name in ("spiffs", "littlefs", "fatfs", "flashfs", "SPIFFS")],
)  # fmt: skip
def test_modes(text: str, mode: Mode) -> None:
    assert report(x_esp32_mode=text).mode is mode


def test_the_device_headers_win_over_the_agent() -> None:
    assert report(user_agent="ESP8266HTTPClient", x_esp32_mode="sketch").family == "esp32"


@pytest.mark.parametrize("text", ["", "x", "0" * 31, "0" * 33, "g" * 32, "0" * 31 + "é"])
def test_a_garbled_digest_is_none(text: str) -> None:
    found = report(x_esp32_sketch_md5=text, x_esp32_sketch_sha256=text)
    assert (found.sketch_md5, found.sketch_sha256) == (None, None)


@pytest.mark.parametrize("text", ["", "-1", "x", "٣", "9" * 5000])
def test_a_garbled_size_is_none(text: str) -> None:
    assert report(x_esp8266_free_space=text).free_space is None


NAMES = st.sampled_from(
    [b"x-esp8266-mode", b"x-esp32-version", b"x-esp32-sketch-md5", b"x-esp", b"user-agent", b"x"]
)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=40))))
def test_no_headers_are_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    assert isinstance(read_report(headers), Report)


def test_arduinojson_5_needs_more_for_an_entry() -> None:
    for length, size in ((106, 999_999), (102, 1_000_000)):
        entry: dict[str, str | int] = {
            "name": "n" * length, "type": "bin", "date": "2026-11-24", "time": "04:05", "size": size
        }  # fmt: skip
        assert entry_cost(entry, 5) == 256
        assert entry_cost(entry, 6) < 256


def test_the_rule_of_256_bytes() -> None:
    """Wire 6: it leaves 128 bytes of name."""
    entry: dict[str, str | int] = {
        "name": "n" * 128, "type": "bin", "date": "2026-11-24", "time": "04:05", "size": 500_000
    }  # fmt: skip
    assert entry_cost(entry) <= 256
    assert entry_cost({**entry, "name": "ä" * 64}) == entry_cost(entry)
    assert entry_cost({"a": "\udcff"}) == 16 + 2 + 2


def test_an_authority_has_brackets_around_ipv6() -> None:
    assert authority_of("192.0.2.1", 80) == "192.0.2.1:80"
    assert authority_of("::1", 8000) == "[::1]:8000"
    assert authority_of("::1") == "[::1]"
