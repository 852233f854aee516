"""Names of secrets, and the texts that are shown without them."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.release.secrets import (
    SecretRules,
    looks_secret,
    masked_option,
    masked_query,
    parse_accepted,
)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in ("WIFI_PASS", "WifiPassword", "PSK", "MQTT_SECRET", "API_KEY")),
        *((name, True) for name in ("TOKEN", "KEY", "AES_KEY", "USER_PWD", "apikey", "AUTH_1")),
        *((name, True) for name in ("WIFIKEY", "MQTT_PW", "AP_PSWD", "PASSPHRASE", "BEARER")),
        *((name, False) for name in ("COMPASS", "BYPASS_X", "PASSIVE_MODE", "PASSTHROUGH")),
        *((name, False) for name in ("KEYBOARD", "MONKEY", "ARDUINO", "F_CPU", "AUTHOR", "SSID")),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert looks_secret(name) == secret


def test_digests_of_accepted_ones() -> None:
    assert parse_accepted(" ABCDEF01, 0123456789ab\n") == ("abcdef01", "0123456789ab")
    for text in ("abcdef0", "xyzxyzxyz", "a" * 65):
        with pytest.raises(SettingsError, match="not the digest"):
            parse_accepted(text)
    with pytest.raises(SettingsError, match="more than 200"):
        parse_accepted("abcdef01 " * 201)


def test_the_rules_travel() -> None:
    for rules in (SecretRules(), SecretRules(severity="error", accepted=("abcdef01",))):
        assert SecretRules.from_dict(rules.to_dict()) == rules
    assert SecretRules().to_dict() == {}
    for wrong in ([], None, {"severity": "off"}, {"accepted": "abcdef01"}, {"accepted": ["x"]}):
        with pytest.raises(SettingsError):
            SecretRules.from_dict(wrong)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("custom_ota_token = abc", "custom_ota_token = ***"),
        ("wifi_password=a b c", "wifi_password=***"),
        ("custom_ota_signing_key = key.pem", "custom_ota_signing_key = key.pem"),
        ("build_flags = -D WIFI_PSK='\"a b\"' -DX=1", "build_flags = -D WIFI_PSK=*** -DX=1"),
        ('  -DTOKEN=\\"a b\\" -O2', "  -DTOKEN=*** -O2"),
        ("board = d1_mini", "board = d1_mini"),
    ],
)
def test_a_line_of_an_ini_is_shown_without_its_secrets(line: str, shown: str) -> None:
    assert masked_option(line) == shown


def test_a_query_is_shown_without_its_secrets() -> None:
    assert masked_query("/a?op=list&token=ab&x=1#t") == "/a?op=list&token=***&x=1#t"
    assert masked_query("/token=ab") == "/token=ab"
