"""``acpublish token``: printed once, and stored as a digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.support.users import SERVER, folder_of, needs_root
from tests.unit.cli.invoking import CommandLine


def test_a_token_stands_alone_on_its_line_and_is_kept_as_its_digest(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    state = tmp_path / "tokens"
    said = acpublish("token", "create", "--publish", "lamp", "-d", catalog, "--state", state)
    assert said.status == 0
    (token,) = said.out.splitlines()
    assert said.err == f"acpublish: the server stores its digest in {state}\n"
    kept = (state / "tokens.json").read_text()
    assert token not in kept
    assert json.loads(kept)["tokens"][0]["sha256"] == hashlib.sha256(token.encode()).hexdigest()


def test_a_token_for_every_product(acpublish: CommandLine, catalog: Path, tmp_path: Path) -> None:
    state = tmp_path / "tokens"
    assert acpublish("token", "create", "--publish", "*", "-d", catalog, "--state", state).out
    assert json.loads((state / "tokens.json").read_text())["tokens"][0]["publish"] == "*"


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
