"""Addresses are taken apart once, and secrets do not go over the network in the clear."""

from __future__ import annotations

import pytest

from acpublish.client.address import Address, parse_address
from acpublish.errors import SettingsError


def parse(url: str, *, token: str | None = None, insecure_http: bool = False) -> Address:
    return parse_address(url, token=token, insecure_http=insecure_http)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("HTTPS://Host.example/ota/", "https://Host.example/ota"),
        ("https://me:s3cret@host:444/a", "https://host:444/a"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_the_base_has_no_credentials_and_no_final_slash(url: str, base: str) -> None:
    assert parse(url).base == base


def test_credentials_are_decoded_and_not_shown() -> None:
    address = parse("https://me:s%40cret@host", token="token-1234")
    assert (address.user, address.password) == ("me", "s@cret")
    assert "s@cret" not in repr(address)
    assert "token-1234" not in repr(address)
    assert address.redacted("s@cret token-1234") == "*** ***"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:8000",
        "ftp://host",
        "http://",
        "http://host:0",
        "http://host:99999",
        "http://host:x",
        "http://me:s3c/ret@host",
        "http://host/?a=s3cret",
        "http://host/#s3cret@",
        "http://ho st",
        "http://host\r\nX: y",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused_without_showing_passwords(url: str) -> None:
    with pytest.raises(SettingsError, match="not the URL of a server") as caught:
        parse(url)
    assert "s3c/ret" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "http://192.168.1.10:8000" in caught.value.hint


@pytest.mark.parametrize("host", ["192.168.1.10", "updates.example.com", "localhost.example.com"])
def test_a_token_goes_over_plain_http_only_when_told_so(host: str) -> None:
    with pytest.raises(SettingsError, match="the token would be sent to") as caught:
        parse(f"http://{host}", token="token-1234")
    assert "token-1234" not in str(caught.value)
    assert parse(f"http://{host}", token="token-1234", insecure_http=True).token == "token-1234"
    assert parse(f"https://{host}", token="token-1234").token == "token-1234"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "a.localhost"])
def test_a_token_may_go_to_this_machine(host: str) -> None:
    assert parse(f"http://{host}:8000", token="token-1234").loopback


def test_a_password_is_guarded_like_a_token() -> None:
    with pytest.raises(SettingsError, match="the password would be sent to") as caught:
        parse("http://me:s3cret@192.168.1.10")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("token", ["with space", "line\nend", "ümlaut", "tab\t"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(SettingsError, match="contains invalid characters") as caught:
        parse("https://host", token=token)
    assert token not in str(caught.value)


def test_what_basic_makes_of_a_password_is_masked_too() -> None:
    # printf me:s3cret | base64
    assert parse("https://me:s3cret@host").redacted("not bWU6czNjcmV0") == "not ***"
