"""``acpublish backup`` and ``acpublish restore``: a copy, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.state import state_dir
from acpublish.store.stored import read
from tests.support.users import SERVER, folder_of, needs_root
from tests.unit.cli.invoking import CommandLine
from tests.unit.fleet.making import live
from tests.unit.store.making import full_device, opened


def made(state: Path, *numbers: int) -> Path:
    with opened(state) as store:
        store.keep(*map(full_device, numbers))
        store.keep_rollout(live())
    return state


def test_a_backup_and_the_way_back(acpublish: CommandLine, tmp_path: Path, catalog: Path) -> None:
    state, file = made(tmp_path / "fleet", 1, 2), tmp_path / "a.db"
    said = acpublish("backup", file, "--to", catalog, "--state", state)
    assert (said.status, said.out) == (
        0,
        f"{file} has 2 devices and 1 rollout\nnot in it, so copy as well: the catalog\n",
    )
    made(state, 3)
    said = acpublish("restore", file, "--to", catalog, "--state", state)
    assert said.status == 0
    store = state / "fleet" / "fleet.db"
    start = f"restored 2 devices and 1 rollout to {store}; what was there before is "
    assert said.out.startswith(start)
    assert Path(said.out.removeprefix(start).strip()).is_file()
    assert len(read(state).devices) == 2


def test_the_state_folder_is_that_of_the_catalog(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    state = made(state_dir(catalog, {"XDG_STATE_HOME": str(tmp_path / "state")}), 1)
    assert acpublish("backup", "a.db", "--to", catalog, "--json").json() == {
        "file": "a.db",
        "devices": 1,
        "rollouts": 1,
        "aside": None,
        "not_in_it": [],
    }
    document = acpublish("restore", "a.db", "--to", catalog, "--json").json()
    assert (document["devices"], document["rollouts"]) == (1, 1)
    assert Path(document["aside"]).parent == Path(document["file"]).parent == state / "fleet"


def test_the_setting_names_the_catalog(
    acpublish: CommandLine, tmp_path: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"XDG_STATE_HOME": str(tmp_path / "state")}
    made(state_dir(catalog, places), 1, 2)
    made(state_dir(tmp_path, places), 3)
    monkeypatch.setenv("ACPUBLISH_TO", str(catalog))
    assert acpublish("backup", "a.db", "--json").json()["devices"] == 2
    restored = Path(acpublish("restore", "a.db", "--json").json()["file"])
    assert restored.parent.parent == state_dir(catalog, places)
    assert acpublish("backup", "b.db", "--to", ".", "--json").json()["devices"] == 1


def test_a_backup_is_not_overwritten_and_a_running_server_keeps_its_store(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    state = made(tmp_path / "fleet", 1)
    (tmp_path / "a.db").write_text("mine")
    said = acpublish("backup", "a.db", "--state", state)
    assert said.status == 8
    assert "a.db exists already" in said.error()
    assert acpublish("backup", "b.db", "--state", state).status == 0
    with opened(state):
        said = acpublish("restore", "b.db", "--state", state, "--json")
    assert said.status == 8
    assert said.problem()["code"] == "store"
    assert "is in use" in said.problem()["error"]
    said = acpublish("restore", "c.db", "--state", state)
    assert "there is no backup c.db" in said.error()


def test_a_catalog_without_a_store_and_one_that_is_not_there(
    acpublish: CommandLine, tmp_path: Path, catalog: Path
) -> None:
    said = acpublish("backup", "a.db", "--to", catalog)
    assert said.status == 8
    assert "there is no fleet's store" in said.error()
    said = acpublish("backup", "a.db", "--to", "catalgo")
    assert "catalgo" in said.error()
    assert not (tmp_path / "a.db").exists()
    assert not (tmp_path / "state").exists()


@needs_root
def test_the_store_of_another_user_is_a_warning(acpublish: CommandLine) -> None:
    with folder_of(SERVER) as catalog:
        said = acpublish("backup", "a.db", "--to", catalog)
    assert f"warning: the catalog belongs to {SERVER}" in said.err


def test_it_says_what_else_to_copy(acpublish: CommandLine, tmp_path: Path, catalog: Path) -> None:
    state, to = made(tmp_path / "fleet", 1), ("--to", catalog, "--state", tmp_path / "fleet")
    acpublish("token", "create", "--read", *to)
    acpublish("device-credentials", "set", "lamp", "--user", "fleet", *to)
    acpublish("webhook", "add", "http://127.0.0.1:9/", *to)
    names = ("tokens.json", "device-access.json", "webhooks.json")
    beside = [str(state / name) for name in names]
    said = acpublish("backup", tmp_path / "a.db", *to)
    assert said.out.endswith(f"not in it, so copy as well: the catalog, {', '.join(beside)}\n")
    assert acpublish("backup", tmp_path / "b.db", *to, "--json").json()["not_in_it"] == beside
