from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.platformio_ini.files import read, read_if_there, refuse_broken


def test_line_endings_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "platformio.ini"
    path.write_bytes(b"[env:x]\r\nboard = \xc3\xb6\n")
    assert read(path) == "[env:x]\r\nboard = \u00f6\n"


def test_a_missing_file(tmp_path: Path) -> None:
    assert read_if_there(tmp_path / "none.ini") is None
    with pytest.raises(SettingsError, match=r"there is no none\.ini in ") as caught:
        read(tmp_path / "none.ini")
    assert "--project-dir" in caught.value.hint


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder.ini").mkdir()
    with pytest.raises(SettingsError, match="cannot be read: is a directory"):
        read_if_there(tmp_path / "folder.ini")
    (tmp_path / "latin.ini").write_bytes(b"[env:\xff]")
    with pytest.raises(SettingsError, match="it is not valid UTF-8"):
        read_if_there(tmp_path / "latin.ini")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[env:x]\n[env:x]\n", "section 'env:x' already exists"),
        ("[env:x]\na = 1\nA = 2\n", "option 'a' in section 'env:x' already exists"),
        ("a = 1\n", "File contains no section headers"),
        ("[env:x]\nboard\n", "parsing errors"),
        ("\ufeff[env:x]\n", "byte order mark"),
    ],
)
def test_what_platformio_cannot_read_is_one_line(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        refuse_broken(Path("platformio.ini"), text)
    assert str(caught.value).isprintable()


def test_a_stray_percent_sign_is_no_obstacle_to_editing() -> None:
    parser = refuse_broken(Path("platformio.ini"), "[env:x]\r\ncustom_a = 50%\r\n")
    assert parser.get("env:x", "custom_a") == "50%"
