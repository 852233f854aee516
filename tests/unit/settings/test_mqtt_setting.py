"""Where the URL of the broker comes from."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.notices.mqtt_address import MqttAddress
from acpublish.settings.mqtt_setting import mqtt_address


def test_the_option_takes_precedence_over_the_variable() -> None:
    environ = {"ACPUBLISH_MQTT": "mqtt://from-variable"}
    assert mqtt_address("mqtt://from-option", environ) == MqttAddress(host="from-option", port=1883)
    assert mqtt_address(None, environ) == MqttAddress(host="from-variable", port=1883)
    assert mqtt_address(None, {}) is None
    assert mqtt_address(None, {"ACPUBLISH_MQTT": ""}) is None


@pytest.mark.parametrize(
    ("option", "environ", "origin"),
    [
        ("x://u:s3cret@h", {}, "--mqtt: "),
        (None, {"ACPUBLISH_MQTT": "x://u:s3cret@h"}, "ACPUBLISH_MQTT: "),
        ("", {"ACPUBLISH_MQTT": "mqtt://h"}, "--mqtt is empty"),
    ],
)
def test_an_error_says_where_the_url_came_from(
    option: str | None, environ: dict[str, str], origin: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        mqtt_address(option, environ)
    assert raised.value.problem.startswith(origin)
    assert "s3cret" not in str(raised.value)
