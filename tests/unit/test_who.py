"""Who published or changed something: in the state folder, from whichever way it came."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import acpublish
from acpublish import arduino
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.state import state_dir
from acpublish.cli import main
from tests.support import images


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog, a sketch in the current directory, and no setting of the caller's."""
    for name in [name for name in os.environ if name.startswith(("ACPUBLISH_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "lamp").mkdir()
    (tmp_path / "lamp/image.bin").write_bytes(images.esp8266_image())
    monkeypatch.chdir(tmp_path / "lamp")
    (tmp_path / "catalog").mkdir()
    return tmp_path / "catalog"


def by_command(catalog: Path) -> None:
    words = "--product lamp --version 1.0.0 --board d1_mini"
    assert main(["publish", "image.bin", *words.split(), "--to", str(catalog)]) == 0


def by_api(catalog: Path) -> None:
    acpublish.publish("image.bin", to=catalog, product="lamp", version="1.0.0", board="d1_mini")


def by_hook(catalog: Path) -> None:
    """The hook for Arduino; tests/pio/test_hook_provenance.py shows the one for PlatformIO."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACPUBLISH_TO", str(catalog))
        patch.setenv("ACPUBLISH_VERSION", "1.0.0")
        words = f"--sketch {Path.cwd()} --fqbn esp8266:esp8266:d1_mini"
        assert arduino.main(["image.bin", *words.split()]) == 0


@pytest.mark.parametrize("publish", [by_command, by_api, by_hook])
def test_a_publish_and_a_change_note_user_and_host(
    catalog: Path, publish: Callable[[Path], None]
) -> None:
    publish(catalog)
    acpublish.promote("lamp", "1.0.0", to=catalog, channel="beta")
    words = "withdraw lamp 1.0.0 --reason bad --yes --to"
    assert main([*words.split(), str(catalog)]) == 0
    changes = acpublish.history("lamp", to=catalog)
    assert [change.action for change in changes] == ["publish", "promote", "withdraw"]
    folder = state_dir(catalog, os.environ) / "changes/lamp"
    who = {"user": getpass.getuser(), "host": socket.gethostname()}
    assert {path.name: json.loads(path.read_bytes()) for path in folder.iterdir()} == {
        f"{change.serial:09}.json": who for change in changes
    }
    public = [path.read_bytes() for path in catalog.rglob("*.json")]
    assert public
    assert not any(socket.gethostname().encode() in text for text in public)


def test_the_same_again_notes_nothing(catalog: Path) -> None:
    by_api(catalog)
    note = state_dir(catalog, os.environ) / "changes/lamp/000000001.json"
    note.unlink()
    by_api(catalog)
    assert not note.exists()


def test_the_first_change_of_an_older_catalog_notes_the_upgrade_as_well(catalog: Path) -> None:
    older = Path(__file__).parents[1] / "compat/0.1.0/catalog"
    shutil.copytree(older, catalog, dirs_exist_ok=True)
    acpublish.promote("lamp", "1.0.0", to=catalog, channel="nightly")
    folder = state_dir(catalog, os.environ) / "changes/lamp"
    assert sorted(path.name for path in folder.iterdir()) == ["000000006.json", "000000007.json"]


def test_who_is_not_known_by_name_is_noted_by_number(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", unknown)
    by_api(catalog)
    note = state_dir(catalog, os.environ) / "changes/lamp/000000001.json"
    assert json.loads(note.read_bytes())["user"] == str(os.getuid())


def test_a_state_folder_that_cannot_be_written_stops_no_publish(
    catalog: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").touch()
    by_api(catalog)
    assert DirectoryCatalog(catalog).releases("lamp")
    assert "who changed lamp is not kept: the state folder" in caplog.text


@pytest.mark.skipif(os.name != "posix", reason="every user of Windows has a home")
def test_a_user_without_a_home_publishes_all_the_same(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    by_api(catalog)
    by_command(catalog)
    assert DirectoryCatalog(catalog).releases("lamp")
