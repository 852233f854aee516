"""What the files of an old folder are, and in which order they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.image.stamper import stamp
from acpublish.publishing.old_files import OldFile, old_files, read_old_file, version_order
from acpublish.publishing.options import Destination, ImportOptions
from acpublish.release import names
from acpublish.release.filenames import NamePattern
from acpublish.release.version import Version
from tests.support import images

PLAIN = images.esp8266_image(record=False)


def files(folder: Path, pattern: NamePattern | None = None, **known: Any) -> tuple[OldFile, ...]:
    options = ImportOptions(
        destination=Destination(to="catalog"), pattern=pattern or NamePattern(), **known
    )
    return old_files(folder, options)


def one(folder: Path, name: str, data: bytes = PLAIN, **known: Any) -> OldFile:
    (folder / name).write_bytes(data)
    (file,) = files(folder, **known)
    return file


def test_the_name_tells_what_the_image_does_not(tmp_path: Path) -> None:
    file = one(tmp_path, "Lamp_v1.2_D1.bin")
    assert (file.known.product, str(file.known.version), file.known.board) == (
        "lamp",
        "1.2.0",
        "d1",
    )
    assert (file.known.kind, file.chip, file.error) == ("firmware", "esp8266", None)


def test_the_image_comes_before_the_name(tmp_path: Path) -> None:
    stamped = stamp(images.esp8266_image(), "bell", "2.0.0")
    file = one(tmp_path, "lamp_v1.2.bin", stamped)
    assert (file.known.product, str(file.known.version), file.known.board) == (
        "bell",
        "2.0.0",
        None,
    )


def test_the_options_come_before_the_image(tmp_path: Path) -> None:
    stamped = stamp(images.esp8266_image(), "bell", "2.0.0")
    known = {"product": names.product("horn"), "board": names.board("c3")}
    file = one(tmp_path, "lamp_v1.2_d1.bin", stamped, **known)
    assert (file.known.product, str(file.known.version), file.known.board) == (
        "horn",
        "2.0.0",
        "c3",
    )


def test_the_version_of_a_project_without_one_is_not_believed(tmp_path: Path) -> None:
    data = images.esp32_image(project="lamp", version="1")
    file = one(tmp_path, "lamp_v1.2.bin", data)
    assert str(file.known.version) == "1.2.0"


def test_a_filesystem_is_known_by_its_bytes(tmp_path: Path) -> None:
    file = one(tmp_path, "lamp_v1.2.bin", images.littlefs())
    assert (file.known.kind, file.chip) == ("filesystem", None)


def test_the_oldest_version_comes_first_and_what_has_none_last(tmp_path: Path) -> None:
    for name in ("b_v1.10.bin", "b_v1.9.bin", "a_v2.0.bin", "b_v1.9.0.2.bin", "odd.bin"):
        (tmp_path / name).write_bytes(PLAIN)
    assert [file.name for file in files(tmp_path)] == [
        "a_v2.0.bin",
        "b_v1.9.bin",
        "b_v1.9.0.2.bin",
        "b_v1.10.bin",
        "odd.bin",
    ]


def test_a_name_that_can_be_read_in_two_ways(tmp_path: Path) -> None:
    file = one(tmp_path, "lamp_1.2.0-b1_d1.bin")
    assert (file.known.product, file.known.version, file.known.board) == ("lamp", None, None)
    assert file.known.ambiguous
    (file,) = files(tmp_path, board=names.board("d1"))
    assert (str(file.known.version), file.known.ambiguous) == ("1.2.0-b1", False)


def test_a_version_in_the_image_settles_a_name(tmp_path: Path) -> None:
    stamped = stamp(images.esp8266_image(), "lamp", "1.2.0")
    file = one(tmp_path, "lamp_1.2b.bin", stamped, board=names.board("d1"))
    assert (str(file.known.version), file.known.ambiguous) == ("1.2.0", False)


def test_the_version_that_git_describes_is_after_its_tag(tmp_path: Path) -> None:
    data = images.esp32_image(project="lamp", version="v1.2-14-gabc1234")
    file = one(tmp_path, "lamp.bin", data)
    assert str(file.known.version) == "1.2.1-dev.14+gabc1234"


def test_a_gzip_is_the_image_in_it(tmp_path: Path) -> None:
    file = one(tmp_path, "lamp_v1.2_d1.bin.gz", images.gzipped(PLAIN))
    assert (file.known.board, file.chip, file.image and file.image.size) == (
        "d1",
        "esp8266",
        len(PLAIN),
    )
    assert read_old_file(file.path) == PLAIN


def test_a_damaged_gzip_stays_what_it_is(tmp_path: Path) -> None:
    damaged = images.gzipped(PLAIN)[:-100]
    file = one(tmp_path, "lamp_v1.2_d1.bin.gz", damaged)
    assert file.image is not None
    assert file.image.damaged
    assert read_old_file(file.path) == damaged


@pytest.mark.parametrize(
    "name", ["lamp_v1.2.spiffs.bin", "lamp_v1.2.spiffs", "lamp_v1.2_spiffs.bin"]
)
def test_a_name_says_the_kind_of_bytes_that_say_nothing(tmp_path: Path, name: str) -> None:
    file = one(tmp_path, name, b"\xff" * 4096)
    assert (file.known.kind, file.known.product, str(file.known.version)) == (
        "filesystem",
        "lamp",
        "1.2.0",
    )


def test_a_name_does_not_make_an_application_a_filesystem(tmp_path: Path) -> None:
    file = one(tmp_path, "lamp_v1.2.spiffs.bin")
    assert (file.known.kind, file.known.ambiguous) == ("firmware", True)


def test_one_board_for_different_hardware(tmp_path: Path) -> None:
    for name in ("lamp_hw1_v1.0.bin", "lamp_hw2_v1.1.bin", "bell_hw1_v1.0.bin"):
        (tmp_path / name).write_bytes(PLAIN)
    errors = {file.name: file.error for file in files(tmp_path, board=names.board("d1"))}
    assert [name for name, error in errors.items() if error is None] == ["bell_hw1_v1.0.bin"]
    boards = {file.known.board for file in files(tmp_path)}
    assert boards == {"hw1", "hw2"}


def test_the_order_counts_a_fourth_number() -> None:
    texts = ["1.2.0-rc.1", "1.2.0", "1.2.0+2", "1.2.0+10", "1.2.1"]
    versions = [Version.parse(text) for text in texts]
    shuffled = versions[::-1]
    shuffled.sort(key=version_order)
    assert shuffled == versions


def test_a_broken_link_is_named_and_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "lamp_v1.0.bin").symlink_to("gone.bin")
    (tmp_path / ".lamp_v1.1.bin").write_bytes(PLAIN)
    (tmp_path / "lamp_v1.2.txt").write_bytes(PLAIN)
    (tmp_path / "folder.bin").mkdir()
    (file,) = files(tmp_path)
    assert file.error is not None
    assert "a broken link" in file.error.problem


def test_folders_are_looked_into_where_the_pattern_has_some(tmp_path: Path) -> None:
    (tmp_path / "lamp").mkdir()
    (tmp_path / "lamp" / "1.2.bin").write_bytes(PLAIN)
    (file,) = files(tmp_path, NamePattern.parse("{product}/{version}.bin"))
    assert (file.name, file.known.product, str(file.known.version)) == (
        "lamp/1.2.bin",
        "lamp",
        "1.2.0",
    )
    with pytest.raises(SettingsError, match=r"there are no \.bin files"):
        files(tmp_path)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        files(tmp_path / "missing")
