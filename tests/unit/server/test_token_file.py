"""What is stored of tokens, and what changes it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import ConflictError, NotFoundError, SettingsError
from acpublish.server.token_file import (
    FILE,
    USES_FILE,
    Token,
    TokensError,
    TokenStore,
    last_uses,
    note_uses,
    read_tokens,
)
from acpublish.server.tokens import Refusal, Tokens
from tests.support.flushes import recorded
from tests.support.tokens import create_token
from tests.support.users import SERVER, acting_as, folder_of, needs_root

#: Written by the command line of commit 718474a, with these two tokens.
FORMAT_1 = """{
 "format": 1,
 "tokens": [
  {
   "id": "2b87d608",
   "sha256": "1e615012f38ce6d3b894637dc4939a654c2d4e6022c62ff18157f655b9460b39",
   "publish": "lamp",
   "created": "2026-11-27T14:35:50Z"
  },
  {
   "id": "ef72b677",
   "sha256": "ac3206f4da2852c04357a24ca188fb09479c46c3af0534f06a33afeded73323a",
   "publish": "*",
   "created": "2026-11-27T14:35:50Z"
  }
 ]
}
"""
LAMP_1 = "acp_MPU_5I5zBhi9K0CyjfTHdTZN6edNKFluKtG2tfvoclY"
EVERY_1 = "acp_I8Db7U3iijDm5Q23CCVADg5EjQdTfrJTdVUrdSWvXOU"


def stored(state: Path) -> list[dict[str, Any]]:
    """Returns the entries of the file."""
    document = json.loads((state / FILE).read_text())
    assert document["format"] == 2
    entries: list[dict[str, Any]] = document["tokens"]
    return entries


def age(state: Path, **entry: str) -> None:
    """Changes the first entry of the file, as time would."""
    document = json.loads((state / FILE).read_text())
    document["tokens"][0].update(entry)
    (state / FILE).write_text(json.dumps(document))


def ago(**delta: int) -> str:
    at = datetime.now(timezone.utc) - timedelta(**delta)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


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


def test_format_1_is_read_without_a_change_to_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(FORMAT_1)
    tokens = Tokens(tmp_path)
    assert isinstance(tokens.allowed(LAMP_1, "lamp"), Token)
    assert tokens.allowed(LAMP_1, "bell") is Refusal.OTHER_PRODUCT
    assert isinstance(tokens.allowed(EVERY_1, "bell"), Token)
    assert [info.scopes for info in TokenStore(tmp_path).all()] == [
        ("publish:lamp",),
        ("publish:*",),
    ]
    assert all(info.expires is None for info in TokenStore(tmp_path).all())
    assert (tmp_path / FILE).read_text() == FORMAT_1


@pytest.mark.parametrize("change", ["create", "revoke", "rotate"])
def test_the_first_change_writes_format_2_and_keeps_the_others(tmp_path: Path, change: str) -> None:
    (tmp_path / FILE).write_text(FORMAT_1)
    tokens = Tokens(tmp_path)
    assert isinstance(tokens.allowed(EVERY_1, "lamp"), Token)
    if change == "create":
        create_token(tmp_path, manage=True)
    elif change == "revoke":
        TokenStore(tmp_path).revoke("2b87d608")
    else:
        TokenStore(tmp_path).rotate("2b87d608", timedelta(days=1))
    kept = next(entry for entry in stored(tmp_path) if entry["id"] == "ef72b677")
    assert kept == {
        "id": "ef72b677",
        "name": "",
        "sha256": hashlib.sha256(EVERY_1.encode()).hexdigest(),
        "scopes": ["publish:*"],
        "channels": [],
        "created": "2026-11-27T14:35:50Z",
        "expires": None,
        "replaced_by": None,
    }
    assert isinstance(tokens.allowed(EVERY_1, "lamp"), Token)
    if change == "revoke":
        assert tokens.allowed(LAMP_1, "lamp") is Refusal.WRONG
    else:
        assert isinstance(tokens.allowed(LAMP_1, "lamp"), Token)


def test_changes_at_once_to_a_file_of_format_1_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(FORMAT_1)
    workers = [threading.Thread(target=lambda: create_token(tmp_path, read=True)) for _ in range(6)]
    workers.append(threading.Thread(target=lambda: TokenStore(tmp_path).revoke("2b87d608")))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ids = [entry["id"] for entry in stored(tmp_path)]
    assert len(set(ids)) == 7
    assert "ef72b677" in ids
    assert "2b87d608" not in ids


def test_a_file_of_a_later_version_is_neither_read_nor_changed(tmp_path: Path) -> None:
    text = '{"format": 3, "tokens": []}'
    (tmp_path / FILE).write_text(text)
    for action in (
        lambda: read_tokens(tmp_path / FILE),
        lambda: create_token(tmp_path, "lamp"),
        lambda: TokenStore(tmp_path).revoke("x"),
    ):
        with pytest.raises(TokensError, match="newer format"):
            action()
    assert (tmp_path / FILE).read_text() == text


@pytest.mark.parametrize("expires", ["tomorrow", 5, "2026-11-27"])
def test_an_entry_with_a_time_that_is_none_is_damage(tmp_path: Path, expires: Any) -> None:
    create_token(tmp_path, "lamp", lifetime=timedelta(days=1))
    age(tmp_path, expires=expires)
    with pytest.raises(TokensError, match="damaged"):
        read_tokens(tmp_path / FILE)


def test_what_is_listed_says_everything_but_the_secret(tmp_path: Path) -> None:
    text = create_token(
        tmp_path, "lamp*", channels=["dev", "beta"], name="ci", lifetime=timedelta(days=90)
    )
    (info,) = TokenStore(tmp_path).all()
    shown = info.to_dict()
    assert shown["name"] == "ci"
    assert shown["scopes"] == ["publish:lamp*"]
    assert shown["channels"] == ["dev", "beta"]
    assert shown["last_used"] is None
    begin, end = (
        datetime.strptime(shown[key], "%Y-%m-%dT%H:%M:%SZ") for key in ("created", "expires")
    )
    assert end - begin == timedelta(days=90)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert text not in str(shown)
    assert digest not in str(shown)


def test_revoking_takes_an_id_or_a_name_that_is_the_only_one(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    first = create_token(tmp_path, "lamp", name="ci")
    second = create_token(tmp_path, "lamp", name="ci")
    with pytest.raises(NotFoundError, match="2 tokens have the name 'ci'") as error:
        store.revoke("ci")
    ids = ", ".join(info.id for info in store.all())
    assert error.value.hint == f"Use the id of one of them: {ids}."
    assert store.revoke(store.all()[0].id).name == "ci"
    assert Tokens(tmp_path).allowed(first, "lamp") is Refusal.WRONG
    assert isinstance(Tokens(tmp_path).allowed(second, "lamp"), Token)
    store.revoke("ci")
    assert stored(tmp_path) == []


@pytest.mark.parametrize("unknown", ["", "nothing", "2b87d60"])
def test_an_unknown_token_changes_nothing(tmp_path: Path, unknown: str) -> None:
    (tmp_path / FILE).write_text(FORMAT_1)
    for action in (
        lambda: TokenStore(tmp_path).revoke(unknown),
        lambda: TokenStore(tmp_path).rotate(unknown, timedelta(0)),
    ):
        with pytest.raises(NotFoundError, match="there is no token"):
            action()
    assert (tmp_path / FILE).read_text() == FORMAT_1


def test_nothing_to_revoke_makes_no_state_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        TokenStore(tmp_path / "state").revoke("x")
    assert not (tmp_path / "state").exists()


def test_a_rotated_token_and_its_successor_both_work_during_the_grace(tmp_path: Path) -> None:
    store, tokens = TokenStore(tmp_path), Tokens(tmp_path)
    old = create_token(tmp_path, "lamp*", channels=["dev"], name="ci", lifetime=timedelta(days=90))
    (before,) = store.all()
    age(tmp_path, created=ago(days=80), expires=ago(days=-10))
    new = store.rotate(before.id, timedelta(hours=24))
    assert isinstance(tokens.allowed(old, "lamp", channel="dev"), Token)
    assert isinstance(tokens.allowed(new.text, "lamp", channel="dev"), Token)
    assert tokens.allowed(new.text, "lamp", channel="beta") is Refusal.OTHER_CHANNEL
    assert (new.info.name, new.info.scopes, new.info.channels) == (
        "ci",
        ("publish:lamp*",),
        ("dev",),
    )
    # The new one lasts 90 days from now on, not the 10 that the old one had left.
    assert new.info.expires is not None
    assert new.info.expires > ago(days=-89)
    assert new.replaces is not None
    assert new.replaces.replaced_by == new.info.id
    assert new.replaces.expires is not None
    assert ago(hours=-23) < new.replaces.expires <= ago(hours=-24)
    # Once the grace is over, only the new one is left.
    age(tmp_path, expires=ago(seconds=1))
    assert tokens.allowed(old, "lamp", channel="dev") is Refusal.EXPIRED
    assert isinstance(tokens.allowed(new.text, "lamp", channel="dev"), Token)


def test_a_rotation_without_grace_ends_the_old_one_at_once(tmp_path: Path) -> None:
    store, tokens = TokenStore(tmp_path), Tokens(tmp_path)
    old = create_token(tmp_path, "lamp")
    new = store.rotate(store.all()[0].id, timedelta(0))
    assert not isinstance(tokens.allowed(old, "lamp"), Token)
    assert isinstance(tokens.allowed(new.text, "lamp"), Token)
    assert new.info.expires is None
    assert [info.id for info in store.all()] == [new.info.id]


def test_the_grace_does_not_prolong_a_token(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    create_token(tmp_path, "lamp", lifetime=timedelta(hours=1))
    (before,) = store.all()
    new = store.rotate(before.id, timedelta(days=30))
    assert new.replaces is not None
    assert new.replaces.expires == before.expires


def test_a_token_is_rotated_once(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    create_token(tmp_path, "lamp")
    (old,) = store.all()
    new = store.rotate(old.id, timedelta(days=1))
    before = (tmp_path / FILE).read_text()
    with pytest.raises(ConflictError, match=f"replaced already, by {new.info.id}"):
        store.rotate(old.id, timedelta(days=1))
    assert (tmp_path / FILE).read_text() == before


def test_a_token_that_only_expired_stays_listed(tmp_path: Path) -> None:
    """If it went, what needs a token to read would be open again."""
    store = TokenStore(tmp_path)
    create_token(tmp_path, read=True, lifetime=timedelta(days=1))
    age(tmp_path, created=ago(days=2), expires=ago(days=1))
    create_token(tmp_path, "lamp", name="ci")
    store.rotate("ci", timedelta(0))
    assert [info.scopes for info in store.all()] == [("read",), ("publish:lamp",)]


def test_uses_are_kept_in_a_file_of_their_own(tmp_path: Path) -> None:
    create_token(tmp_path, "lamp")
    before = (tmp_path / FILE).stat()
    (info,) = TokenStore(tmp_path).all()
    note_uses(tmp_path, {info.id: "2026-11-27T14:35:50Z", "gone": "x"}, {info.id})
    assert last_uses(tmp_path) == {info.id: "2026-11-27T14:35:50Z"}
    assert TokenStore(tmp_path).all()[0].last_used == "2026-11-27T14:35:50Z"
    assert stat.S_IMODE((tmp_path / USES_FILE).stat().st_mode) == 0o600
    after = (tmp_path / FILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": ' * 50_000])
def test_uses_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    create_token(tmp_path, "lamp")
    (tmp_path / USES_FILE).write_text(text)
    assert last_uses(tmp_path) == {}
    assert TokenStore(tmp_path).all()[0].last_used is None
