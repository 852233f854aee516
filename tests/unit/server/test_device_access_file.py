"""What changes the device credentials of a state folder, and what keeps them whole."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from acpublish.errors import ConflictError, NotFoundError, SettingsError
from acpublish.server.device_access_file import (
    FILE,
    MAX_PASSWORD_BYTES,
    MAX_USER_BYTES,
    MAX_USERS,
    DeviceAccessError,
    DeviceAccessStore,
    read_access,
)
from tests.support.flushes import recorded


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def store(state: Path) -> DeviceAccessStore:
    return DeviceAccessStore(state)


def users(store: DeviceAccessStore) -> list[tuple[str, str]]:
    return [(entry.product, entry.user) for entry in store.all().credentials]


def test_only_the_owner_can_read_the_file(store: DeviceAccessStore, state: Path) -> None:
    store.set_credentials("lamp", "fleet", "s3cret")
    assert stat.S_IMODE((state / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert "s3cret" not in (state / FILE).read_text()


def test_a_change_is_on_the_disk_before_it_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded(monkeypatch)
    DeviceAccessStore(tmp_path).create_path(["lamp"])
    assert calls == ["flush file", f"rename to {FILE}", f"flush directory {tmp_path.name}"]


def test_a_write_that_fails_keeps_what_was_there(
    store: DeviceAccessStore, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.create_path(["lamp"])
    before = (state / FILE).read_bytes()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DeviceAccessError, match="cannot be written") as error:
        store.create_path(["plug"])
    assert "space" in (error.value.hint or "")
    assert (state / FILE).read_bytes() == before
    assert [path.name for path in state.iterdir()] == [FILE]


def test_each_change_asks_once_more_with_the_lock(store: DeviceAccessStore, state: Path) -> None:
    """Whoever may make a change may have lost that right while it waited."""
    store.set_credentials("lamp", "one", "a-password")
    store.create_path(["lamp"], "old")
    before = (state / FILE).read_bytes()

    def refuse() -> None:
        raise ConflictError("no longer", hint="Nothing.")

    for change in (
        lambda: store.set_credentials("lamp", "two", "x", before_commit=refuse),
        lambda: store.revoke_credentials("lamp", "one", opens=True, before_commit=refuse),
        lambda: store.create_path(["lamp"], before_commit=refuse),
        lambda: store.revoke_path("old", before_commit=refuse),
    ):
        with pytest.raises(ConflictError, match="no longer"):
            change()
    assert (state / FILE).read_bytes() == before


def test_users_are_independent_and_a_password_is_replaced(store: DeviceAccessStore) -> None:
    store.set_credentials("lamp", "a", "1")
    store.set_credentials("lamp", "b", "2")
    store.set_credentials("plug", "a", "3")
    made = store.set_credentials("lamp", "a", "4")
    assert sorted(users(store)) == [("lamp", "a"), ("lamp", "b"), ("plug", "a")]
    (entry,) = [e for e in store.all().credentials if (e.product, e.user) == ("lamp", "a")]
    assert entry == made
    assert entry.verify(b"4")


def test_a_product_has_a_limited_number_of_users(
    store: DeviceAccessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acpublish.server.device_secrets._COST", {"n": 2, "r": 1, "p": 1})
    for number in range(MAX_USERS):
        store.set_credentials("lamp", f"user{number}", "x")
    with pytest.raises(ConflictError, match="16 users"):
        store.set_credentials("lamp", "another", "x")
    store.set_credentials("lamp", "user3", "y")
    store.set_credentials("plug", "another", "x")


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("", "x"),
        ("a:b", "x"),
        ("a\nb", "x"),
        ("a", ""),
        ("a", "x\r"),
        ("a" * (MAX_USER_BYTES + 1), "x"),
        ("a", "x" * (MAX_PASSWORD_BYTES + 1)),
        ("\udcff", "x"),
        ("a", "ä" * 65),
    ],
)
def test_what_no_device_could_send_is_refused(
    store: DeviceAccessStore, state: Path, user: str, password: str
) -> None:
    with pytest.raises(SettingsError) as error:
        store.set_credentials("lamp", user, password)
    assert error.value.hint
    assert len(password) < 2 or password not in str(error.value)
    assert not state.exists()


def test_the_last_credentials_go_only_if_everyone_may_have_the_images(
    store: DeviceAccessStore, state: Path
) -> None:
    store.set_credentials("lamp", "a", "1")
    store.set_credentials("lamp", "b", "2")
    store.set_credentials("plug", "a", "3")
    (revoked,) = store.revoke_credentials("lamp", "a", opens=False)
    assert (revoked.product, revoked.user) == ("lamp", "a")
    before = (state / FILE).read_bytes()
    for user in ("b", None):
        with pytest.raises(ConflictError, match="everyone"):
            store.revoke_credentials("lamp", user, opens=False)
    assert (state / FILE).read_bytes() == before
    store.revoke_credentials("lamp", None, opens=True)
    assert users(store) == [("plug", "a")]


def test_what_is_not_there_cannot_be_revoked(store: DeviceAccessStore, state: Path) -> None:
    with pytest.raises(NotFoundError):
        store.revoke_credentials("lamp", None, opens=True)
    with pytest.raises(NotFoundError):
        store.revoke_path("0123ab")
    assert not state.exists()
    store.create_path(["lamp"])
    for nothing in ("", "0"):
        with pytest.raises(NotFoundError):
            store.revoke_path(nothing)


def test_a_path_is_revoked_by_its_digits_or_its_only_name(store: DeviceAccessStore) -> None:
    made = [store.create_path(["lamp"], name)[1] for name in ("a", "b", "b")]
    assert store.revoke_path("a") == made[0]
    with pytest.raises(NotFoundError, match="several"):
        store.revoke_path("b")
    assert store.revoke_path(made[1].id) == made[1]
    assert store.revoke_path("b") == made[2]
    assert store.all().paths == ()
    # The file stays, so that a missing one is noticed.
    assert json.loads((store._path).read_text())["format"] == 1


def test_writers_wait_for_each_other(state: Path) -> None:
    threads = [
        threading.Thread(target=lambda: DeviceAccessStore(state).create_path(["lamp"]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_access(state / FILE).paths) == len(threads)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"format": 1}', '{"format": "1"}', "[" * 100_000, "\xff"]
)
def test_a_damaged_file_is_never_overwritten(
    store: DeviceAccessStore, state: Path, content: str
) -> None:
    state.mkdir()
    (state / FILE).write_text(content)
    with pytest.raises(DeviceAccessError, match="damaged") as error:
        store.create_path(["lamp"])
    assert "backup" in (error.value.hint or "")
    assert (state / FILE).read_text() == content


def test_a_newer_format_is_left_to_the_newer_version(store: DeviceAccessStore, state: Path) -> None:
    state.mkdir()
    (state / FILE).write_text('{"format": 2}')
    with pytest.raises(DeviceAccessError, match="newer format"):
        store.set_credentials("lamp", "a", "1")
    assert (state / FILE).read_text() == '{"format": 2}'


def test_what_a_later_version_adds_survives_a_change(store: DeviceAccessStore, state: Path) -> None:
    store.create_path(["lamp"], "old")
    document = json.loads((state / FILE).read_text())
    document["later"] = document["paths"][0]["board"] = "d1"
    (state / FILE).write_text(json.dumps(document))
    store.create_path(["plug"])
    document = json.loads((state / FILE).read_text())
    assert (document["later"], document["paths"][0]["board"]) == ("d1", "d1")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all files")
def test_a_file_of_another_user_is_one_line(store: DeviceAccessStore, state: Path) -> None:
    store.create_path(["lamp"])
    (state / FILE).chmod(0)
    with pytest.raises(DeviceAccessError, match="cannot be read"):
        store.all()
