from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from acpublish.errors import BadNameError, SettingsError
from acpublish.server.tokens import FILE, Refusal, Token, Tokens, TokensError, bearer, create_token
from tests.support.flushes import recorded
from tests.support.users import SERVER, acting_as, folder_of, needs_root


def test_a_token_is_kept_as_its_digest_only(tmp_path: Path) -> None:
    text = create_token(tmp_path / "a" / "state", "*")
    assert text.startswith("acp_")
    assert len(text) == 47
    file = tmp_path / "a" / "state" / "tokens.json"
    (kept,) = json.loads(file.read_text())["tokens"]
    assert kept["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert text[4:] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


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


def test_tokens_made_at_once_are_all_kept(tmp_path: Path) -> None:
    made: list[str] = []
    workers = [
        threading.Thread(target=lambda: made.append(create_token(tmp_path, "*"))) for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tokens = Tokens(tmp_path)
    assert len(set(made)) == 8
    assert all(isinstance(tokens.allowed(text, "x"), Token) for text in made)


def test_a_pattern_is_a_product_or_a_star(tmp_path: Path) -> None:
    with pytest.raises(BadNameError):
        create_token(tmp_path, "La mp")


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


def test_a_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="--state"):
        create_token(tmp_path / "file" / "state", "*")


def test_a_token_is_on_the_disk_before_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    create_token(tmp_path, "*")
    assert calls == ["flush file", "rename to tokens.json", f"flush directory {tmp_path.name}"]
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]


def test_a_write_that_fails_keeps_the_old_tokens_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    lamp = create_token(tmp_path, "lamp")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(SettingsError, match="cannot be written: input/output error"):
            create_token(tmp_path, "*")
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]
    assert isinstance(Tokens(tmp_path).allowed(lamp, "lamp"), Token)


@needs_root
def test_a_token_that_root_creates_is_the_servers() -> None:
    with folder_of(SERVER, mode=0o700) as state:
        first = create_token(state, "lamp")
        with acting_as(SERVER):
            second = create_token(state, "lamp")
        third = create_token(state, "lamp")
        with acting_as(SERVER):
            tokens = Tokens(state)
            assert all(
                isinstance(tokens.allowed(text, "lamp"), Token) for text in (first, second, third)
            )
        status = (state / FILE).stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (SERVER, 0o600)


@needs_root
def test_a_state_folder_that_root_creates_follows_the_folder_around_it() -> None:
    with folder_of(SERVER) as home:
        text = create_token(home / ".local" / "state", "lamp")
        with acting_as(SERVER):
            assert isinstance(Tokens(home / ".local" / "state").allowed(text, "lamp"), Token)
        assert stat.S_IMODE((home / ".local" / "state").stat().st_mode) == 0o700


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

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(TokensError, match="cannot be read: input/output error") as error:
        Tokens(tmp_path).allowed("acp_x", "lamp")
    assert "file system" in error.value.hint


def test_a_token_is_found_whatever_it_is_for(tmp_path: Path) -> None:
    text = create_token(tmp_path, "lamp")
    token = Tokens(tmp_path).find(text)
    assert token is not None
    assert token.publish == "lamp"
    assert Tokens(tmp_path).find("acp_x") is None
    assert Tokens(tmp_path).find(None) is None


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer acp_x", "acp_x"), ("bearer  acp_x ", "acp_x"), ("Bearer", None), ("Basic x", None)],
)
def test_the_token_in_a_header(header: str, token: str | None) -> None:
    assert bearer(header) == token
