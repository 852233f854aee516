"""All settings with their origins; no secret among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.settings.layers import environment, flags, ini
from acpublish.settings.setting_names import DEFAULTS, NAMES
from acpublish.settings.showing import Shown, shown
from acpublish.settings.values import Settings

SECRET = "acp_" + "s3cret-" * 6


def entries(settings: Settings) -> dict[str, Shown]:
    return {entry.name: entry for entry in shown(settings)}


def test_all_settings_in_the_order_of_the_reference() -> None:
    found = shown(Settings())
    assert tuple(entry.name for entry in found) == NAMES
    for entry in found:
        default = DEFAULTS.get(entry.name)
        assert (entry.value, entry.origin) == (default, "default" if default else None)


def test_a_value_and_its_origin_are_of_the_first_layer() -> None:
    options = {"custom_ota_channel": "beta", "custom_ota_board": "d1"}
    found = entries(Settings(flags({"channel": "dev"}), ini(options.get, Path())))
    assert (found["channel"].value, found["channel"].origin) == ("dev", "--channel")
    assert found["board"].origin == "custom_ota_board in platformio.ini"


def test_a_token_is_masked_and_its_file_is_not_read() -> None:
    of_variable = entries(Settings(environment({"ACPUBLISH_TOKEN": SECRET})))["token"]
    assert (of_variable.value, of_variable.origin) == ("***", "ACPUBLISH_TOKEN")
    of_file = entries(Settings(flags({"token_file": "missing"})))["token"]
    assert (of_file.value, of_file.origin) == ("***", "the file of --token-file")


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("to", "http://me:pass-word@h:8000/x", "http://***@h:8000/x"),
        ("to", "me:pass-word@h:8000", "***@h:8000"),
        ("to", "http://h/?key=pass-word", "http://h/?***"),
        ("signing_key", "-----BEGIN PRIVATE KEY-----\npass-word", "***"),
        ("skip_checks", f"slot={SECRET}", "slot=***"),
        ("to", "~/what?not", "~/what?not"),
    ],
)
def test_a_secret_in_the_wrong_setting_is_masked(name: str, value: str, masked: str) -> None:
    assert entries(Settings(flags({name: value})))[name].value == masked
