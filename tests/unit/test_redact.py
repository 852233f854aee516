"""Secrets are masked wherever they may stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.redact import has_bare_password, is_token, redact, redact_broken, without_query


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:s3cret@host:8000/a", "http://***@host:8000/a"),
        ("https://s3cret@host/a@b", "https://***@host/a@b"),
        ("see http://me:a@b@host/ and ftp://x:y@z", "see http://***@host/ and ftp://***@z"),
        ("Authorization: Bearer acp_abc.DEF-1", "Authorization: Bearer ***"),
        ("authorization: basic dXNlcjpzM2NyZXQ=", "authorization: basic ***"),
        ("nothing to hide at http://host/path", "nothing to hide at http://host/path"),
    ],
)
def test_masks_what_looks_like_a_secret(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_masks_given_secrets_in_every_encoding() -> None:
    shown = redact("a tok/en+1 b tok%2Fen%2B1 c tok/en%2B1", ["tok/en+1", None, ""])
    assert shown == "a *** b *** c ***"


def test_a_very_short_secret_does_not_shred_the_text() -> None:
    assert redact("a banana", ["a"]) == "a banana"


def test_a_broken_url_hides_all_that_could_be_a_password() -> None:
    shown = redact_broken("http://me:pa/ss?wo#rd@host/x")
    assert shown == "http://***@host/x"


@given(st.text(min_size=4), st.text(), st.text())
def test_no_text_around_a_secret_brings_it_back(secret: str, before: str, after: str) -> None:
    if secret not in "***" and secret not in before and secret not in after:
        shown = redact(f"{before}\n{secret}\n{after}", [secret])
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no file " + "acp_" + "a1-_" * 10, "no file ***"),
        ("-----BEGIN PRIVATE KEY-----\nab\n-----END PRIVATE KEY-----\n is none", "***\n is none"),
        ("-----BEGIN RSA PRIVATE KEY-----\nab", "***"),
        ("no file MIGHAgEAMBMG" + "aB3/+" * 8 + "\n" + "x9" * 20 + "= on", "no file *** on"),
        ("no file " + "LS0tLS1CRUdJ" + "Tk4x" * 20 + " here", "no file *** here"),
        ("no file MIGRATED.pem here", "no file MIGRATED.pem here"),
    ],
)
def test_masks_what_was_given_by_mistake(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("text", ["me:s3cret@host", "me:s3cret@host:8000/x", "me:a@b@host"])
def test_an_address_without_its_scheme_hides_its_password(text: str) -> None:
    assert has_bare_password(text)
    assert redact_broken(text).startswith("***@host")


@pytest.mark.parametrize(
    "text", ["C:/a@b", "./a:b@c", "a@b", "a:b", "C:\\me@work\\x", "http://a:b@c"]
)
def test_a_path_has_no_password(text: str) -> None:
    assert not has_bare_password(text)


def test_only_a_whole_token_is_a_token() -> None:
    token = "acp_" + "a1-_" * 10
    assert is_token(token)
    assert not is_token(f" {token}")
    assert not is_token("acp_short")
    assert not is_token("")


@pytest.mark.parametrize("mark", ["?", "#"])
def test_a_query_is_masked_to_the_end(mark: str) -> None:
    assert without_query(f"http://host/x{mark}token=a\nb") == "http://host/x?***"
    assert without_query("http://host/x") == "http://host/x"
