"""The hook in a core's platform.local.txt; the rest of the file stays byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.init.arduino_core import arduino_change, build_property

NAME = "recipe.hooks.objcopy.postobjcopy.90.pattern"


@pytest.fixture
def core(tmp_path: Path) -> Path:
    (tmp_path / "platform.txt").write_text("name=ESP8266\n")
    return tmp_path


def written(core: Path, before: str | None, *, undo: bool = False) -> str | None:
    path = core / "platform.local.txt"
    if before is not None:
        path.write_bytes(before.encode())
    change = arduino_change(core, undo=undo)
    assert (change.path, change.before) == (path, before)
    return change.after


@pytest.mark.parametrize(
    "before", [None, "", "x=1\n", "x=1", "x=1\r\ny=2\r\n", "# mine\nrecipe.hooks.a.pattern=b\n"]
)
def test_the_hook_is_added_once_and_removed_again(core: Path, before: str | None) -> None:
    after = written(core, before)
    assert after is not None
    assert after.startswith(before or "")
    assert after.splitlines()[-1] == build_property()
    assert ("\r\n" in after) == ("\r\n" in (before or ""))
    assert written(core, after) == after
    undone = written(core, after, undo=True)
    assert undone == (before if before in ("x=1\n", "x=1\r\ny=2\r\n") else undone)
    assert NAME not in (undone or "")


def test_an_outdated_hook_is_replaced(core: Path) -> None:
    old = f'{NAME}="/old/python" -m acpublish.arduino "x.bin"\n'
    after = written(core, f"{old}x=1\n")
    assert after is not None
    assert "/old/python" not in after
    assert after.count(NAME) == 1
    assert after.startswith("x=1\n")


def test_a_file_with_only_the_hook_goes(core: Path) -> None:
    assert written(core, written(core, None), undo=True) is None


@pytest.mark.parametrize("line", [f"{NAME}=mine", f"{NAME} = mine"])
def test_a_hook_of_somebody_else_stays(core: Path, line: str) -> None:
    with pytest.raises(SettingsError, match=f"already contains another {NAME}"):
        written(core, f"{line}\n")
    assert written(core, f"{line}\n", undo=True) == f"{line}\n"


def test_a_folder_without_a_core(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no platform\.txt in"):
        arduino_change(tmp_path)
