"""Several images: checked together, and refused together, before anything is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.errors import CatalogError, CheckError, SettingsError
from acpublish.publishing.batch import BatchFile, refusals
from acpublish.publishing.options import Destination, PublishOptions
from acpublish.release import names
from tests.support import images


def batch_file(folder: Path, board: str, content: bytes, **more: str) -> BatchFile:
    path = folder / f"{board}.bin"
    path.write_bytes(content)
    catalog = folder / "catalog"
    catalog.mkdir(exist_ok=True)
    options = PublishOptions(
        destination=Destination(to=str(catalog)),
        product=names.product("lamp"),
        version_source="1.0.0",
        board=names.board(board),
    )
    return BatchFile(path=path, options=replace(options, **more))


def test_nothing_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    files = [
        batch_file(tmp_path, "d1_mini", images.esp8266_image()),
        batch_file(tmp_path, "c3", images.esp32_image("esp32c3")),
    ]
    assert refusals(files) == []
    assert list((tmp_path / "catalog").iterdir()) == []


def test_each_file_that_is_refused_is_named(tmp_path: Path) -> None:
    files = [
        batch_file(tmp_path, "a", b"no image"),
        batch_file(tmp_path, "b", images.esp8266_image()),
        batch_file(tmp_path, "c", images.esp8266_image(), chip="esp32"),
    ]
    first, second = refusals(files)
    assert isinstance(first, CheckError)
    assert first.problem.startswith(f"{tmp_path / 'a.bin'}: ")
    assert isinstance(second, CheckError)
    assert second.check == "chip"
    assert second.problem.startswith(f"{tmp_path / 'c.bin'}: chip: ")


def test_two_files_of_one_board_exclude_each_other(tmp_path: Path) -> None:
    one = batch_file(tmp_path, "d1_mini", images.esp8266_image())
    other = replace(one, path=tmp_path / "other.bin")
    with pytest.raises(SettingsError, match="are both firmware for the board d1_mini") as caught:
        refusals([one, other])
    assert "BOARD=FILE" in caught.value.hint
    filesystem = batch_file(tmp_path, "d1_mini", images.littlefs(), kind="filesystem")
    assert refusals([batch_file(tmp_path, "c3", images.esp32_image("esp32c3")), filesystem]) == []


def test_an_error_of_the_catalog_is_not_one_of_a_file(tmp_path: Path) -> None:
    file = batch_file(tmp_path, "d1_mini", images.esp8266_image())
    (tmp_path / "catalog").rmdir()
    with pytest.raises(CatalogError):
        refusals([file])
