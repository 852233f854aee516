"""What init decides to write into a project; nothing is written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.init.platformio import ProjectChange, project_change, undo_change
from acpublish.platformio_ini.extra_script import packaged_script

SINGLE = "[env:d1]\nplatform = espressif8266\nboard = d1_mini\nframework = arduino\n"


def change_of(root: Path, text: str, **wanted: object) -> ProjectChange:
    (root / "platformio.ini").write_text(text)
    to, version = wanted.pop("to", None), wanted.pop("version", None)
    return project_change(root, to, version, wanted)  # type: ignore[arg-type]


def after(change: ProjectChange, name: str) -> str | None:
    return {file.path.name: file.after for file in change.files}.get(name)


def test_a_version_file_is_created_unless_the_project_has_a_version(tmp_path: Path) -> None:
    change = change_of(tmp_path, SINGLE)
    assert after(change, "VERSION") == "0.1.0\n"
    assert "custom_ota_version = file:VERSION  ; acpublish init, with VERSION" in str(
        after(change, "platformio.ini")
    )
    (tmp_path / "VERSION").write_text("2.0.0\n")
    change = change_of(tmp_path, SINGLE)
    assert after(change, "VERSION") is None
    assert "custom_ota_version = file:VERSION  ; acpublish init\n" in str(
        after(change, "platformio.ini")
    )


def test_a_value_that_is_set_by_a_reference_is_kept(tmp_path: Path) -> None:
    text = f"[common]\nserver = http://h:8000\n{SINGLE}custom_ota_to = ${{common.server}}\n"
    change = change_of(tmp_path, text, to="~/other", version="1.0.0")
    assert change.notes == ("custom_ota_to is kept as it is: change it in platformio.ini",)
    assert "~/other" not in str(after(change, "platformio.ini"))


def test_what_another_place_sets_is_not_written(tmp_path: Path) -> None:
    change = change_of(tmp_path, SINGLE, ACPUBLISH_TO="there", ACPUBLISH_VERSION="1.0.0")
    text = str(after(change, "platformio.ini"))
    assert "custom_ota" not in text
    assert text.endswith("extra_scripts = post:acpublish_ota.py\n")
    assert change.directories == ()


def test_the_directory_to_publish_to_is_created_only_if_init_chose_it(tmp_path: Path) -> None:
    text = f"{SINGLE}custom_ota_to = mounted\n"
    assert change_of(tmp_path, text, version="1.0.0").directories == ()
    assert change_of(tmp_path, SINGLE, to="releases").directories == (tmp_path / "releases",)
    assert change_of(tmp_path, SINGLE, to="http://h:8000").directories == ()
    (tmp_path / "releases").mkdir()
    assert change_of(tmp_path, SINGLE, to="releases").directories == ()


def test_environments_are_described_with_what_they_extend(tmp_path: Path) -> None:
    text = "[base]\nplatform = espressif32\nframework = arduino\n[env:a]\nextends = base\n[env:b]\n"
    assert change_of(tmp_path, text).environments == ("a (espressif32, arduino)", "b")


def test_environments_of_one_board_need_names(tmp_path: Path) -> None:
    text = "[env:a]\nboard = d1\n[env:B]\nboard = d1\n"
    (note,) = change_of(tmp_path, text).notes
    assert note.startswith("the environments a and B would both publish ")
    assert note.endswith(" different board names: set custom_ota_board = d1-b in [env:B].")
    assert change_of(tmp_path, text + "custom_ota_board = d1-${this.__env__}\n").notes == ()


def test_a_project_without_environments(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has no environment"):
        change_of(tmp_path, "[platformio]\n")


def test_undo_removes_only_what_init_wrote(tmp_path: Path) -> None:
    change = change_of(tmp_path, f"{SINGLE}custom_ota_to = mine\n")
    for file in change.files:
        assert file.after is not None
        file.path.write_text(file.after)
    undone = undo_change(tmp_path)
    assert after(undone, "platformio.ini") == f"{SINGLE}custom_ota_to = mine\n"
    assert {file.path.name for file in undone.files if file.after is None} == {
        "acpublish_ota.py",
        "VERSION",
    }
    (tmp_path / "VERSION").write_text("0.2.0\n")
    assert undo_change(tmp_path).notes == ("VERSION is kept, because it was edited",)


def test_an_unedited_script_of_an_earlier_version_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text(SINGLE)
    script = tmp_path / "acpublish_ota.py"
    earlier = (Path(__file__).parents[2] / "compat" / "0.1.0" / "acpublish_ota.py").read_text()
    script.write_text(earlier)
    assert after(project_change(tmp_path, None, None, {}), script.name) == packaged_script()
    assert after(undo_change(tmp_path), script.name) is None
    script.write_text(f"{earlier}print('mine')\n")
    change = project_change(tmp_path, None, None, {})
    assert script not in {file.path for file in change.files}


def test_undo_removes_the_script_of_an_earlier_version(tmp_path: Path) -> None:
    (tmp_path / "platformio.ini").write_text(SINGLE)
    script = tmp_path / "acpublish_ota.py"
    rest = packaged_script().partition("\n")[2]
    script.write_text(f'"""What an earlier version said."""\n{rest}')
    (removed,) = undo_change(tmp_path).files
    assert (removed.path, removed.after) == (script, None)
    script.write_text(f'"""What an earlier version said."""\n{rest}print("mine")\n')
    undone = undo_change(tmp_path)
    assert undone.files == ()
    assert undone.notes == ("acpublish_ota.py is kept, because it was edited",)
