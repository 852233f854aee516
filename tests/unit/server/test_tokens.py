from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from acpublish.errors import BadNameError, SettingsError
from acpublish.server.tokens import Access, Tokens, create_token
from tests.support.flushes import recorded


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
    assert tokens.allows(None, "lamp") is Access.NO_TOKENS
    assert tokens.allows("acp_x", "lamp") is Access.NO_TOKENS
    lamp = create_token(tmp_path, "lamp")
    assert tokens.allows(None, "lamp") is Access.MISSING
    assert tokens.allows("acp_x", "lamp") is Access.WRONG
    assert tokens.allows("é\udcff", "lamp") is Access.WRONG
    assert tokens.allows(lamp, "lamp") is Access.ALLOWED
    assert tokens.allows(lamp, "lamps") is Access.OTHER_PRODUCT
    every = create_token(tmp_path, "*")
    assert tokens.allows(every, "lamps") is Access.ALLOWED
    assert tokens.allows(lamp, "lamp") is Access.ALLOWED


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
    assert all(tokens.allows(text, "x") is Access.ALLOWED for text in made)


def test_a_pattern_is_a_product_or_a_star(tmp_path: Path) -> None:
    with pytest.raises(BadNameError):
        create_token(tmp_path, "La mp")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tokens": [1]}', '{"tokens": [{"id": "x"}]}'])
def test_a_damaged_file_lets_nobody_in(tmp_path: Path, text: str) -> None:
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(SettingsError, match="cannot be read"):
        Tokens(tmp_path).allows("acp_x", "lamp")
    with pytest.raises(SettingsError, match="cannot be read"):
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
    assert Tokens(tmp_path).allows(lamp, "lamp") is Access.ALLOWED
