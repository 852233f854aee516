"""A device can only be what a device could be."""

from __future__ import annotations

from typing import Any

import pytest

from acpublish.emulator.profile import DeviceOptions
from acpublish.errors import SettingsError


def test_addresses_are_derived_as_the_sdks_do() -> None:
    esp8266 = DeviceOptions(chip="esp8266", mac="5C:CF:7F:01:02:03")
    assert esp8266.access_point_mac == "5E:CF:7F:01:02:03"
    assert esp8266.identity == 0x010203
    assert DeviceOptions(chip="esp32", mac="24:0A:C4:A3:15:FF").access_point_mac.endswith(":00")


@pytest.mark.parametrize(
    "options",
    [
        {"chip": "avr"},
        {"mode": "littlefs"},
        {"mode": "spiffs", "boots": False},
        {"mac": "24:0A"},
        {"mac": "24:0A:C4:A3:15:3C\r\nX: y"},
        {"version": "1.0\r\nX: y"},
        {"sdk_version": "1\n2"},
        {"flash_mode": "fast"},
        {"chip": "esp32", "mode": "version"},
    ],
)
def test_what_no_device_could_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="is not a value that a device can have"):
        DeviceOptions(**options)


def test_a_password_is_not_shown() -> None:
    assert "s3cret" not in repr(DeviceOptions(user="me", password="s3cret"))
