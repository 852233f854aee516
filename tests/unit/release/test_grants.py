"""Tokens as they are requested and shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from acpublish.errors import BadNameError, ManifestError, NotFoundError, SettingsError
from acpublish.release.grants import Grant, NewToken, TokenInfo, TokenRequest, find

INFO = TokenInfo(
    id="1234abcd",
    name="ci",
    scopes=("publish:lamp*",),
    channels=("dev",),
    created="2026-11-27T14:35:50Z",
    expires="2027-11-27T14:35:50Z",
    replaced_by="5678abcd",
    last_used="2026-11-28T14:35:50Z",
)


@pytest.mark.parametrize(
    ("grant", "scopes"),
    [
        (Grant.of("lamp"), ("publish:lamp",)),
        (Grant.of("*", ["dev", "dev"]), ("publish:*",)),
        (Grant.of(read=True), ("read",)),
        (Grant.of("*-lamp.*", read=True, manage=True), ("publish:*-lamp.*", "read", "manage")),
    ],
)
def test_the_scopes_of_a_grant(grant: Grant, scopes: tuple[str, ...]) -> None:
    assert grant.scopes == scopes
    assert len(set(grant.channels)) == len(grant.channels)


@pytest.mark.parametrize(
    "pattern", ["La mp", "a/b", "Lamp*", "-*", "*/", "[a]*", "l?mp*", "x" * 65]
)
def test_what_is_neither_a_product_nor_a_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadNameError):
        Grant.of(pattern)


def test_a_grant_of_nothing_is_refused() -> None:
    with pytest.raises(SettingsError, match="would allow nothing"):
        Grant.of()
    with pytest.raises(SettingsError, match="channels are for a token that may publish"):
        Grant.of(channels=["dev"], read=True)
    with pytest.raises(BadNameError):
        Grant.of("lamp", ["De v"])


def test_a_grant_has_a_few_channels() -> None:
    channels = [f"beta{number}" for number in range(33)]
    assert Grant.of("lamp", [*channels[:32], "beta0"]).channels == tuple(channels[:32])
    with pytest.raises(SettingsError, match="33 channels are more than the 32 that a token may"):
        Grant.of("lamp", channels)


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\udce9"])
def test_a_name_is_a_short_line(name: str) -> None:
    with pytest.raises(SettingsError, match="the name "):
        TokenRequest(grant=Grant.of("lamp"), name=name)


def test_a_token_lasts_for_a_while() -> None:
    with pytest.raises(SettingsError, match="would end at once"):
        TokenRequest(grant=Grant.of("lamp"), lifetime=timedelta(0))


@pytest.mark.parametrize(
    "request_",
    [
        TokenRequest(grant=Grant.of("lamp*", ["dev"]), name="ci", lifetime=timedelta(days=90)),
        TokenRequest(grant=Grant.of(read=True, manage=True)),
    ],
)
def test_a_request_is_read_as_it_was_written(request_: TokenRequest) -> None:
    assert TokenRequest.from_dict(request_.to_dict()) == request_


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "request is not an object"),
        ({}, "would allow nothing"),
        ({"publish": 1}, "request.publish is not of type str"),
        ({"publish": "lamp", "channels": "dev"}, "request.channels"),
        ({"publish": "lamp", "channels": [1]}, "request.channels"),
        ({"read": "no"}, "request.read is not of type bool"),
        ({"read": True, "expires_s": -1}, "request.expires_s is not a possible number"),
        ({"read": True, "expires_s": True}, "request.expires_s is not of type int"),
        ({"read": True, "expires_s": 0}, "would end at once"),
        ({"read": True, "expires_s": 2**62}, "longer than a hundred years"),
        # Without the word that limits it, the token would be for all channels.
        ({"publish": "lamp", "chanels": ["dev"]}, "'chanels' is not a field"),
    ],
)
def test_a_request_that_is_not_valid_is_refused(document: Any, problem: str) -> None:
    with pytest.raises((ManifestError, SettingsError), match=problem):
        TokenRequest.from_dict(document)


@pytest.mark.parametrize("replaces", [None, INFO])
def test_a_new_token_is_read_as_it_was_written(replaces: TokenInfo | None) -> None:
    token = NewToken(text="acp_x", info=INFO, replaces=replaces)
    assert NewToken.from_dict(token.to_dict()) == token
    assert TokenInfo.from_dict(INFO.to_dict()) == INFO


@pytest.mark.parametrize("document", [None, {}, {"token": 1}, {"id": "x", "token": "acp_x"}])
def test_a_document_that_is_no_token_is_refused(document: Any) -> None:
    with pytest.raises(ManifestError):
        NewToken.from_dict(document)


def test_an_id_is_found_before_a_name() -> None:
    named = TokenInfo(id="2", name="1234abcd", scopes=(), channels=(), created="")
    assert find([named, INFO], "1234abcd") is INFO
    assert find([named, INFO], "ci") is INFO
    newer = TokenInfo(id="5678abcd", name="ci", scopes=(), channels=(), created="")
    with pytest.raises(NotFoundError, match="2 tokens have the name 'ci'") as several:
        find([named, INFO, newer], "ci")
    assert several.value.hint == (
        "Use the id of one of them: 1234abcd (replaced by 5678abcd), 5678abcd."
    )
    nameless = TokenInfo(id="3", name="", scopes=(), channels=(), created="")
    for unknown in ("", "x", "\x1b[2J", "x" * 9999):
        with pytest.raises(NotFoundError, match="there is no token") as error:
            find([nameless, named], unknown)
        assert str(error.value).isprintable()
        assert len(str(error.value)) < 400
