"""``acpublish token``: each token is printed once, and stored as a digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from acpublish.server.token_file import TokenStore, note_uses
from tests.support.users import SERVER, folder_of, needs_root
from tests.unit.cli.invoking import CommandLine


def test_a_token_stands_alone_on_its_line_and_is_kept_as_its_digest(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    state = tmp_path / "tokens"
    said = acpublish("token", "create", "--publish", "lamp", "-d", catalog, "--state", state)
    assert said.status == 0
    (token,) = said.out.splitlines()
    kept = (state / "tokens.json").read_text()
    assert token not in kept
    (entry,) = json.loads(kept)["tokens"]
    assert entry["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert said.err == f"acpublish: token {entry['id']} created; {state} has only its digest\n"


def test_a_token_for_every_product(acpublish: CommandLine, catalog: Path, tmp_path: Path) -> None:
    state = tmp_path / "tokens"
    assert acpublish("token", "create", "--publish", "*", "-d", catalog, "--state", state).out
    (entry,) = json.loads((state / "tokens.json").read_text())["tokens"]
    assert entry["scopes"] == ["publish:*"]


def test_a_token_for_a_catalog_that_is_not_there_is_refused(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    said = acpublish("token", "create", "--publish", "lamp", "-d", "catalgo")
    assert said.status == 8
    assert "catalgo" in said.error()
    assert not (tmp_path / "state").exists()


def test_a_token_for_no_product_is_refused(acpublish: CommandLine, catalog: Path) -> None:
    said = acpublish("token", "create", "--publish", "a/b", "-d", catalog)
    assert said.status == 7
    assert said.error()


@needs_root
def test_a_token_for_the_server_of_another_user_is_a_warning(acpublish: CommandLine) -> None:
    with folder_of(SERVER) as catalog:
        said = acpublish("token", "create", "--publish", "lamp", "-d", catalog)
        assert said.status == 0
        assert f"warning: the catalog belongs to {SERVER}" in said.err
        said = acpublish(
            "token", "create", "--publish", "lamp", "-d", catalog, "--state", catalog / "state"
        )
        assert "warning" not in said.err


@pytest.fixture
def where(catalog: Path, tmp_path: Path) -> tuple[str, ...]:
    """The options that name the state folder."""
    return ("-d", str(catalog), "--state", str(tmp_path / "tokens"))


def test_a_token_with_everything(
    acpublish: CommandLine, where: tuple[str, ...], tmp_path: Path
) -> None:
    words = ("--publish", "lamp*", "--channel", "dev", "--channel", "beta", "--read")
    said = acpublish(
        "token", "create", *words, "--name", "ci", "--expires", "90d", "--json", *where
    )
    assert (said.status, said.err) == (0, "")
    document = said.json()
    assert document["token"].startswith("acp_")
    assert document["scopes"] == ["publish:lamp*", "read"]
    assert document["channels"] == ["dev", "beta"]
    (info,) = TokenStore(tmp_path / "tokens").all()
    assert {**info.to_dict(), "token": document["token"], "replaces": None} == document


def test_the_list_is_a_table_or_json(
    acpublish: CommandLine, where: tuple[str, ...], tmp_path: Path
) -> None:
    head = acpublish("token", "list", *where)
    assert head.out.split() == [
        "ID",
        "NAME",
        "SCOPES",
        "CHANNELS",
        "CREATED",
        "EXPIRES",
        "LAST",
        "USED",
    ]
    assert acpublish("token", "list", "--json", *where).json() == []
    assert not (tmp_path / "tokens").exists()
    acpublish("token", "create", "--publish", "lamp", "--channel", "dev", *where)
    acpublish("token", "create", "--manage", "--name", "admin", *where)
    first, second = TokenStore(tmp_path / "tokens").all()
    note_uses(tmp_path / "tokens", {second.id: "2026-11-28T00:00:00Z"}, {second.id})
    _, one, two = acpublish("token", "list", *where).out.splitlines()
    assert one.split() == [first.id, "-", "publish:lamp", "dev", first.created, "never", "never"]
    assert two.split() == [
        *(second.id, "admin", "manage", "-", second.created, "never", "2026-11-28T00:00:00Z"),
    ]
    listed = acpublish("token", "list", "--json", *where).json()
    assert [entry["last_used"] for entry in listed] == [None, "2026-11-28T00:00:00Z"]


def test_a_token_is_revoked_by_id_or_name(
    acpublish: CommandLine, where: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("ci", "old"):
        acpublish(
            "token", "create", "--publish", "lamp", "--channel", "dev", "--name", name, *where
        )
    first, second = TokenStore(tmp_path / "tokens").all()
    said = acpublish("token", "revoke", first.id, *where)
    assert said.out == f"token {first.id} revoked: publish:lamp to dev\n"
    assert acpublish("token", "revoke", "old", "--json", *where).json() == second.to_dict()
    said = acpublish("token", "revoke", "old", *where)
    assert said.status == 8
    assert "there is no token 'old'" in said.error()


def test_a_token_is_replaced_by_another(
    acpublish: CommandLine, where: tuple[str, ...], tmp_path: Path
) -> None:
    acpublish("token", "create", "--publish", "lamp", "--name", "ci", *where)
    said = acpublish("token", "rotate", "ci", "--grace", "15m", *where)
    old, new = TokenStore(tmp_path / "tokens").all()
    assert said.out.startswith("acp_")
    assert len(said.out.splitlines()) == 1
    assert said.err == (
        f"acpublish: token {new.id} replaces {old.id}, which ends at {old.expires}\n"
    )
    _, row, _ = acpublish("token", "list", *where).out.splitlines()
    assert f"{old.expires} (replaced by {new.id})" in row
    assert "already" in acpublish("token", "rotate", old.id, *where).error()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("create",), "the token would allow nothing. Add --publish"),
        (("create", "--channel", "dev", "--read"), "channels are for a token that may publish"),
        (("create", "--publish", "lamp", "--channel", "De v"), "De v"),
        (("create", "--publish", "[a]*"), "is not a pattern"),
        (("create", "--read", "--expires", "90"), "'90' is not a duration"),
        (("create", "--read", "--expires", "0d"), "would end at once"),
        (("create", "--read", "--name", "a\nb"), "the name contains a control character"),
        (("revoke", "nothing"), "there is no token 'nothing'"),
        (("rotate", "nothing"), "there is no token 'nothing'"),
        (("rotate", "nothing", "--grace", "soon"), "'soon' is not a duration"),
        (("revoke",), "Missing argument 'ID'"),
    ],
)
def test_what_is_not_valid_is_refused_and_leaves_nothing(
    acpublish: CommandLine,
    where: tuple[str, ...],
    tmp_path: Path,
    words: tuple[str, ...],
    problem: str,
) -> None:
    said = acpublish("token", *words, *where)
    assert said.status != 0
    assert problem in said.error()
    assert not (tmp_path / "tokens").exists()


def test_a_directory_and_a_server_are_told_apart(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    state = str(tmp_path / "tokens")
    assert acpublish("token", "list", "--to", catalog, "--state", state).status == 0
    for words in (
        ("--to", catalog, "-d", catalog),
        ("--to", "http://127.0.0.1:1", "-d", catalog),
        ("--to", "http://127.0.0.1:1", "--state", state),
    ):
        assert acpublish("token", "list", *words).status == 2
