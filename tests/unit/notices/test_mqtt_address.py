"""The URL of a broker, which no error shows."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.notices.mqtt_address import MqttAddress


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://broker", MqttAddress(host="broker", port=1883)),
        ("mqtts://broker/", MqttAddress(host="broker", port=8883, secure=True)),
        ("mqtt://[fd00::1]:1884/a/b", MqttAddress(host="fd00::1", port=1884, prefix="a/b")),
        (
            "mqtt://u%40x:p%2F%3F@192.0.2.1:1/home.lab/",
            MqttAddress(
                host="192.0.2.1", port=1, username="u@x", password="p/?", prefix="home.lab"
            ),
        ),
        (" mqtt://u@broker\n", MqttAddress(host="broker", port=1883, username="u")),
    ],
)
def test_a_url_is_read(url: str, address: MqttAddress) -> None:
    assert MqttAddress.parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "broker",
        "u:s3cret@broker",
        "http://u:s3cret@broker",
        "mqtt:u:s3cret@broker",
        "mqtt://",
        "mqtt://:s3cret@broker",
        "mqtt://u:s3cret@broker:x",
        "mqtt://u:s3cret@broker:70000",
        "mqtt://u:s3cret@[fd00::1",
        "mqtt://u:s3?cret@broker",
        "mqtt://u:s3#cret@broker",
        "mqtt://u:s3cret@broker/a#",
        "mqtt://u:s3cret@broker/a//b",
        "mqtt://u:s3cret@broker/+",
        "mqtt://u:s3cret@broker/$SYS",
        "mqtt://u:s3cret@broker/" + "a" * 65,
        "mqtt://u:s3cret@bro ker",
        "mqtt://u:s3cret@bro\x00ker",
        f"mqtt://u:s3cret@{'a' * 64}.example",
    ],
)
def test_anything_else_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        MqttAddress.parse(url)
    shown = f"{raised.value.problem} {raised.value.hint}"
    assert "s3" not in shown
    assert "\n" not in shown


def test_neither_a_log_nor_a_dump_has_the_password() -> None:
    address = MqttAddress.parse("mqtt://user:s3cret@broker:1/home")
    assert str(address) == "mqtt://broker:1"
    assert "s3cret" not in repr(address)
