from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import PartitionError
from acpublish.publishing.partitions import with_partitions
from acpublish.release.declared import Declared
from acpublish.release.names import ImageKind
from tests.support import images

CSV = """\
nvs,     data, nvs,    0x9000,   0x5000
otadata, data, ota,    0xe000,   0x2000
app0,    app,  ota_0,  0x10000,  0x140000
app1,    app,  ota_1,  0x150000, 0x130000
spiffs,  data, spiffs, 0x290000, 0x170000
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "partitions.csv"
    path.write_text(CSV)
    return path


@pytest.mark.parametrize(("kind", "room"), [("firmware", 0x130000), ("filesystem", 0x170000)])
def test_the_room_for_each_kind(table: Path, kind: ImageKind, room: int) -> None:
    found = with_partitions(Declared(debug=True), table, kind)
    assert (found.slot_bytes, found.debug) == (room, True)


def test_without_a_table_nothing_is_added() -> None:
    assert with_partitions(Declared(changed=True), None, "firmware") == Declared(changed=True)


def test_comments_and_spaces_are_no_part_of_the_layout(table: Path) -> None:
    before = with_partitions(Declared(), table, "firmware").layout
    table.write_text("# Name, Type\n" + CSV.replace("  ", ""))
    assert with_partitions(Declared(), table, "firmware").layout == before
    table.write_text(CSV.replace("0x130000", "0x120000"))
    assert with_partitions(Declared(), table, "firmware").layout != before


def test_csv_and_binary_of_one_layout_are_the_same(table: Path) -> None:
    table.write_text("app0, app, ota_0, 0x10000, 0x100000\n")
    text = with_partitions(Declared(), table, "firmware")
    table.write_bytes(images.partition_table())
    assert with_partitions(Declared(), table, "firmware") == text


def test_a_table_without_a_place_for_an_application_has_no_room(table: Path) -> None:
    table.write_text("nvs, data, nvs, 0x9000, 0x5000\n")
    assert with_partitions(Declared(), table, "firmware").slot_bytes == 0
    assert with_partitions(Declared(), table, "filesystem").slot_bytes is None


def test_a_file_that_is_none_is_named(table: Path, tmp_path: Path) -> None:
    table.write_bytes(b"\xff\xfe\0hello")
    with pytest.raises(PartitionError, match=r"partitions\.csv: "):
        with_partitions(Declared(), table, "firmware")
    with pytest.raises(PartitionError, match="cannot be read"):
        with_partitions(Declared(), tmp_path / "missing.csv", "firmware")
