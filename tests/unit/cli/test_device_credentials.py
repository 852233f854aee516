"""``acpublish device-credentials`` and ``device-path``: secrets are printed once."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from pathlib import Path

import pytest

from acpublish.server.device_access_file import FILE, DeviceAccessStore
from tests.unit.cli.invoking import CommandLine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def where(catalog: Path, state: Path) -> tuple[str, ...]:
    """The options that name the catalog and the state folder."""
    (catalog / "lamp").mkdir()
    return ("--to", str(catalog), "--state", str(state))


def test_a_new_password_is_printed_once(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    said = acpublish("device-credentials", "set", "lamp", "--user", "fleet", *where)
    assert said.status == 0
    (password,) = said.out.splitlines()
    assert re.fullmatch("[0-9a-f]{32}", password)
    assert said.err == "acpublish: the images of lamp need credentials; 'fleet' has a password\n"
    assert password not in (state / FILE).read_text()
    (entry,) = DeviceAccessStore(state).all().credentials
    assert entry.verify(password.encode())
    listed = acpublish("device-credentials", "list", *where)
    assert password not in listed.out
    assert re.search(r"^lamp +fleet +2", listed.out, re.M)


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"\xef\xbb\xbfs3cret\r\n"])
def test_a_password_of_ones_own_is_not_printed(
    acpublish: CommandLine, where: tuple[str, ...], state: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "password").write_bytes(content)
    words = ("--user", "user", "--password-file", tmp_path / "password")
    said = acpublish("device-credentials", "set", "lamp", *words, *where)
    assert (said.status, said.out) == (0, "")
    assert "s3cret" not in said.err
    (entry,) = DeviceAccessStore(state).all().credentials
    assert entry.verify(b"s3cret")


def test_a_password_from_standard_input(
    acpublish: CommandLine,
    where: tuple[str, ...],
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"s3cret\n")))
    words = ("--user", "user", "--password-file", "-", "--json")
    said = acpublish("device-credentials", "set", "lamp", *words, *where)
    assert said.json()["password"] is None
    assert DeviceAccessStore(state).all().credentials[0].verify(b"s3cret")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"a\nb\n", b"\xff", b"x" * 2000, b"x" * 129])
def test_a_file_without_a_password_is_one_line(
    acpublish: CommandLine,
    where: tuple[str, ...],
    state: Path,
    tmp_path: Path,
    content: bytes | None,
) -> None:
    file = tmp_path / "hunter2"
    if content is not None:
        file.write_bytes(content)
    words = ("--user", "user", "--password-file", file)
    said = acpublish("device-credentials", "set", "lamp", *words, *where)
    assert said.status == 2
    # Somebody may have given the password itself.
    assert "hunter2" not in said.error()
    assert not state.exists()


def test_revoking(acpublish: CommandLine, where: tuple[str, ...], state: Path) -> None:
    for user in ("a", "b"):
        acpublish("device-credentials", "set", "lamp", "--user", user, *where)
    said = acpublish("device-credentials", "revoke", "lamp", "--user", "a", *where)
    assert (said.status, said.out) == (0, "credentials for lamp revoked: a\n")
    said = acpublish("device-credentials", "revoke", "lamp", "--user", "b", *where)
    assert "--open" in said.error()
    said = acpublish("device-credentials", "revoke", "lamp", "--open", "--json", *where)
    assert [entry["user"] for entry in said.json()] == ["b"]
    assert DeviceAccessStore(state).all().credentials == ()
    said = acpublish("device-credentials", "revoke", "lamp", "--open", *where)
    assert "no credentials for lamp" in said.error()


def test_a_path_is_printed_once(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    said = acpublish("device-path", "create", "lamp", "--name", "attic", *where)
    (path,) = said.out.splitlines()
    assert re.fullmatch("/u/[0-9a-f]{32}", path)
    digits = path[3:]
    assert said.err == f"acpublish: secret path {digits[:6]} created for lamp\n"
    kept = (state / FILE).read_text()
    assert digits not in kept
    assert json.loads(kept)["paths"][0]["sha256"] == hashlib.sha256(digits.encode()).hexdigest()
    listed = acpublish("device-path", "list", *where)
    assert re.search(rf"^{digits[:6]} +attic +lamp +2", listed.out, re.M)
    assert digits not in listed.out
    said = acpublish("device-path", "revoke", digits[:6], *where)
    assert said.out == f"secret path {digits[:6]} revoked: lamp\n"
    assert acpublish("device-path", "list", "--json", *where).json() == []


def test_a_path_for_every_product(acpublish: CommandLine, where: tuple[str, ...]) -> None:
    said = acpublish("device-path", "create", "--all", "--json", *where)
    document = said.json()
    assert (document["products"], document["path"][:9]) == (["*"], "/u/" + document["id"])
    said = acpublish("device-path", "revoke", document["id"], "--json", *where)
    assert "path" not in said.json()


@pytest.mark.parametrize(
    "words",
    [
        ("device-path", "create"),
        ("device-path", "create", "lamp", "--all"),
        ("device-path", "create", "--all", "--to", "http://127.0.0.1:1"),
        ("device-credentials", "list", "--to", "https://updates.example.com"),
        ("device-credentials", "set", "lamp"),
    ],
)
def test_how_the_commands_are_not_used(acpublish: CommandLine, words: tuple[str, ...]) -> None:
    said = acpublish(*words)
    assert said.status == 2
    assert said.error()


@pytest.mark.parametrize("product", ["Lamp", "a/b", "u", "update", "*", ""])
def test_a_name_that_no_product_has_is_refused(
    acpublish: CommandLine, where: tuple[str, ...], state: Path, product: str
) -> None:
    said = acpublish("device-credentials", "set", product, "--user", "a", *where)
    assert said.status != 0
    assert said.error()
    assert acpublish("device-path", "create", product, *where).status != 0
    assert not state.exists()


def test_a_product_that_is_not_there_yet_is_a_warning(
    acpublish: CommandLine, where: tuple[str, ...], state: Path
) -> None:
    said = acpublish("device-credentials", "set", "lmap", "--user", "a", *where)
    assert said.status == 0
    assert "warning: there is no product lmap in this catalog yet" in said.err
    # Only the state folder is known here.
    alone = acpublish("device-path", "create", "lmap", "--state", state)
    assert "warning" not in alone.err


def test_a_catalog_that_is_not_there_is_refused(acpublish: CommandLine) -> None:
    said = acpublish("device-path", "create", "--all", "--to", "catalgo")
    assert "catalgo" in said.error()
