"""What a token allows, and when its use is written down."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import time
from datetime import timedelta
from pathlib import Path

import pytest

from acpublish.server import tokens as tokens_module
from acpublish.server.token_file import (
    FILE,
    USES_FILE,
    Token,
    TokensError,
    TokenStore,
    last_uses,
)
from acpublish.server.tokens import Refusal, Scope, Tokens, bearer
from tests.support.tokens import create_token
from tests.support.users import SERVER, acting_as, folder_of, needs_root


def test_who_is_allowed_what(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    assert tokens.allowed(None, "lamp") is Refusal.NO_TOKENS
    assert tokens.allowed("acp_x", "lamp") is Refusal.NO_TOKENS
    lamp = create_token(tmp_path, "lamp")
    assert tokens.allowed(None, "lamp") is Refusal.MISSING
    assert tokens.allowed("acp_x", "lamp") is Refusal.WRONG
    assert tokens.allowed("é\udcff", "lamp") is Refusal.WRONG
    assert isinstance(tokens.allowed(lamp, "lamp"), Token)
    assert tokens.allowed(lamp, "lamps") is Refusal.OTHER_PRODUCT
    every = create_token(tmp_path, "*")
    assert isinstance(tokens.allowed(every, "lamps"), Token)
    assert isinstance(tokens.allowed(lamp, "lamp"), Token)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tokens": [1]}', '{"tokens": [{"id": "x"}]}'])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(TokensError, match="cannot be read: the file is damaged") as error:
        Tokens(tmp_path).allowed("acp_x", "lamp")
    # The advice must not cost the tokens that may still be in the file.
    assert not re.search(r"\b(remove|delete|rm)\b", str(error.value), re.IGNORECASE)
    assert "backup" in error.value.hint
    with pytest.raises(TokensError, match="cannot be read: the file is damaged"):
        create_token(tmp_path, "*")
    assert (tmp_path / "tokens.json").read_text() == text


@needs_root
def test_tokens_that_may_not_be_read_are_not_called_damaged() -> None:
    with folder_of(SERVER, mode=0o700) as state:
        text = create_token(state, "lamp")
        os.chown(state / FILE, 0, 0)
        before = (state / FILE).read_bytes()
        with acting_as(SERVER):
            for action in (
                lambda: Tokens(state).allowed(text, "lamp"),
                lambda: create_token(state, "lamp"),
            ):
                with pytest.raises(TokensError, match="cannot be read: permission denied") as error:
                    action()
                assert f"sudo chown -R {SERVER}:{SERVER} {state}" in error.value.hint
                assert "damaged" not in str(error.value)
        with acting_as(54321):
            with pytest.raises(TokensError, match="permission denied") as error:
                create_token(state, "lamp")
            assert f"run this as {SERVER}" in error.value.hint
            with pytest.raises(TokensError, match="cannot be read: permission denied"):
                Tokens(state).allowed(text, "lamp")
        assert (state / FILE).read_bytes() == before


def test_a_disk_that_fails_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_token(tmp_path, "lamp")

    def fail(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("acpublish.server.token_file.read_own", fail)
    with pytest.raises(TokensError, match="cannot be read: input/output error") as error:
        Tokens(tmp_path).allowed("acp_x", "lamp")
    assert "file system" in error.value.hint


def test_a_token_is_found_whatever_it_is_for(tmp_path: Path) -> None:
    text = create_token(tmp_path, "lamp")
    token = Tokens(tmp_path).find(text)
    assert token is not None
    assert token.grant.publish == "lamp"
    assert Tokens(tmp_path).find("acp_x") is None
    assert Tokens(tmp_path).find(None) is None


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer acp_x", "acp_x"), ("bearer  acp_x ", "acp_x"), ("Bearer", None), ("Basic x", None)],
)
def test_the_token_in_a_header(header: str, token: str | None) -> None:
    assert bearer(header) == token


def test_a_pattern_is_for_the_products_that_it_matches(tmp_path: Path) -> None:
    tokens, lamps = Tokens(tmp_path), create_token(tmp_path, "lamp*-x")
    for product in ("lamp-x", "lamp-outdoor-x"):
        assert isinstance(tokens.allowed(lamps, product), Token)
    for product in (
        "lamp",
        "a-lamp-x",
        "lamp-x-",
        "Lamp-x",
        "lamp*-x",
        "lamp/../x-x",
        "lamp" * 9999,
    ):
        assert tokens.allowed(lamps, product) is Refusal.OTHER_PRODUCT, product


def test_a_token_for_channels_is_for_no_other(tmp_path: Path) -> None:
    tokens, text = Tokens(tmp_path), create_token(tmp_path, "*", channels=["dev", "beta"])
    assert isinstance(tokens.allowed(text, "lamp", channel="beta"), Token)
    assert isinstance(tokens.allowed(text, "lamp"), Token)
    assert tokens.allowed(text, "lamp", channel="stable") is Refusal.OTHER_CHANNEL
    every = create_token(tmp_path, "*")
    assert isinstance(tokens.allowed(every, "lamp", channel="stable"), Token)


@pytest.mark.parametrize(
    ("publish", "read", "manage", "scopes"),
    [
        ("*", False, False, {Scope.PUBLISH}),
        ("", True, False, {Scope.READ}),
        ("", False, True, {Scope.READ, Scope.MANAGE}),
        ("lamp", True, False, {Scope.PUBLISH, Scope.READ}),
        ("lamp", False, True, set(Scope)),
    ],
)
def test_a_scope_allows_nothing_else(
    tmp_path: Path, publish: str, read: bool, manage: bool, scopes: set[Scope]
) -> None:
    tokens = Tokens(tmp_path)
    text = create_token(tmp_path, publish, read=read, manage=manage)
    for scope in Scope:
        answer = tokens.allowed(text, "lamp", scope=scope)
        if scope in scopes:
            assert isinstance(answer, Token)
        else:
            assert answer is Refusal.OTHER_SCOPE


def test_an_expired_token_allows_nothing_but_still_closes_what_it_closed(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    text = create_token(tmp_path, read=True, lifetime=timedelta(days=1))
    assert isinstance(tokens.allowed(text, scope=Scope.READ), Token)
    document = json.loads((tmp_path / FILE).read_text())
    document["tokens"][0]["expires"] = document["tokens"][0]["created"]
    (tmp_path / FILE).write_text(json.dumps(document))
    assert tokens.allowed(text, scope=Scope.READ) is Refusal.EXPIRED
    assert tokens.find(text) is None
    assert tokens.has(Scope.READ)


def test_a_token_ends_by_itself(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    text = create_token(tmp_path, "lamp", lifetime=timedelta(seconds=2))
    end = time.monotonic() + 20
    while tokens.allowed(text, "lamp") is not Refusal.EXPIRED:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_it_is_known_which_scopes_there_are(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    assert not tokens.has(*Scope)
    create_token(tmp_path, "lamp")
    assert tokens.has(Scope.PUBLISH)
    assert not tokens.has(Scope.READ, Scope.MANAGE)
    create_token(tmp_path, manage=True)
    assert tokens.has(Scope.READ, Scope.MANAGE)
    assert not tokens.has(Scope.READ)


def used(tokens: Tokens, *texts: str) -> list[Token]:
    """Notes the use of tokens."""
    found = [token for text in texts if (token := tokens.find(text))]
    assert len(found) == len(texts)
    for token in found:
        tokens.note_use(token)
    return found


async def until_written(state: Path, ids: set[str]) -> None:
    while set(last_uses(state)) != ids:
        await asyncio.sleep(0.01)


def test_uses_are_written_once_in_a_while_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(tmp_path)
    first, second = create_token(tmp_path, "lamp"), create_token(tmp_path, read=True)

    async def main() -> None:
        one, *_ = used(tokens, *[first] * 100)
        await asyncio.wait_for(until_written(tmp_path, {one.id}), 20)
        inode = (tmp_path / USES_FILE).stat().st_ino
        (two,) = used(tokens, second)
        await asyncio.sleep(0.1)
        # The minute is not over, but whoever asks the server is told.
        assert (tmp_path / USES_FILE).stat().st_ino == inode
        assert set(last_uses(tmp_path)) == {one.id}
        assert all(info.last_used for info in tokens.all())
        # The end of the server writes the rest.
        tokens.write_uses()
        assert set(last_uses(tmp_path)) == {one.id, two.id}
        assert all(info.last_used for info in TokenStore(tmp_path).all())

    asyncio.run(main())


def test_a_use_shortly_after_another_is_written_in_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_module, "_NOTE_EVERY_S", 0.3)
    tokens = Tokens(tmp_path)
    first, second = create_token(tmp_path, "lamp"), create_token(tmp_path, read=True)

    async def main() -> None:
        (one,) = used(tokens, first)
        await asyncio.wait_for(until_written(tmp_path, {one.id}), 20)
        (two,) = used(tokens, second)
        # Nobody asks any more.
        await asyncio.wait_for(until_written(tmp_path, {one.id, two.id}), 20)

    asyncio.run(main())


def test_uses_that_cannot_be_written_are_no_error(tmp_path: Path) -> None:
    tokens, text = Tokens(tmp_path), create_token(tmp_path, "lamp")
    (tmp_path / USES_FILE).mkdir()

    async def main() -> None:
        used(tokens, text)
        await asyncio.sleep(0.1)
        tokens.write_uses()
        assert isinstance(tokens.allowed(text, "lamp"), Token)

    asyncio.run(main())
    assert (tmp_path / USES_FILE).is_dir()
