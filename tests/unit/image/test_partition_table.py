"""Partition tables: both forms give the same values, and any bytes a table or one error."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import PartitionError
from acpublish.image.partition_table import Partition, PartitionTable, read_partitions

#: As Arduino for ESP32 ships it (``tools/partitions/default.csv``), with every form of number.
CSV = b"""\
# Name,   Type, SubType, Offset,  Size, Flags
nvs,      data, nvs,     0x9000,  20K,
otadata,  data, ota,     57344,   0x2000,

app0,     app,  ota_0,   ,        0x140000,
app1,     app,  ota_1,   0x150000,0x130000,
spiffs,   data, spiffs,  ,        1M, "encrypted:readonly"  # the rest
custom,   0x40, 0x7,     ,        4k
"""
END = b"\xff" * 32


def partition(name: str, kind: str, subtype: str, offset: int, size: int) -> Partition:
    return Partition(name=name, type=kind, subtype=subtype, offset=offset, size=size)


EXPECTED = (
    partition("nvs", "data", "nvs", 0x9000, 0x5000),
    partition("otadata", "data", "ota", 0xE000, 0x2000),
    partition("app0", "app", "ota_0", 0x10000, 0x140000),
    partition("app1", "app", "ota_1", 0x150000, 0x130000),
    Partition(
        name="spiffs",
        type="data",
        subtype="spiffs",
        offset=0x280000,
        size=0x100000,
        flags=("encrypted", "readonly"),
    ),
    partition("custom", "0x40", "0x07", 0x380000, 0x1000),
)


def entry(name: bytes, kind: int, subtype: int, offset: int, size: int, flags: int = 0) -> bytes:
    return struct.pack("<2sBBII16sI", b"\xaa\x50", kind, subtype, offset, size, name, flags)


ENTRIES = (
    entry(b"nvs", 1, 2, 0x9000, 0x5000)
    + entry(b"otadata", 1, 0, 0xE000, 0x2000)
    + entry(b"app0", 0, 0x10, 0x10000, 0x140000)
    + entry(b"app1", 0, 0x11, 0x150000, 0x130000)
    + entry(b"spiffs", 1, 0x82, 0x280000, 0x100000, 3)
    + entry(b"custom", 0x40, 7, 0x380000, 0x1000)
)
MD5_ENTRY = b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(ENTRIES).digest()
BINARY = (ENTRIES + MD5_ENTRY).ljust(0xC00, b"\xff")


@pytest.mark.parametrize("data", [CSV, BINARY, ENTRIES + END], ids=["CSV", "binary", "no MD5"])
def test_every_form_gives_the_same_table(data: bytes) -> None:
    table = read_partitions(data)
    assert table == PartitionTable(partitions=EXPECTED)
    assert [slot.name for slot in table.ota_slots] == ["app0", "app1"]
    assert table.smallest_ota_slot == EXPECTED[3]


def test_a_byte_order_mark_and_line_ends_of_windows_are_read() -> None:
    assert read_partitions(b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n")).partitions == EXPECTED


def test_factory_is_a_slot_only_alone() -> None:
    table = read_partitions(b"nvs,data,nvs,,0x6000\nfactory,app,factory,,1M\n")
    assert table.smallest_ota_slot == partition("factory", "app", "factory", 0x10000, 0x100000)
    both = read_partitions(b"factory,app,factory,,1M\nota_0,app,ota_0,,2M\n")
    assert [slot.subtype for slot in both.ota_slots] == ["ota_0"]
    assert read_partitions(b"nvs,data,nvs,,4K\n").smallest_ota_slot is None


def test_the_place_of_the_table_moves_what_follows_it() -> None:
    line = b"nvs,data,nvs,,4K\n"
    assert read_partitions(line).partitions[0].offset == 0x9000
    assert read_partitions(line, table_offset=0x10000).partitions[0].offset == 0x11000


def test_a_negative_size_says_where_a_partition_ends() -> None:
    assert read_partitions(b"rest,data,fat,0x10000,-0x400000\n").partitions[0].size == 0x3F0000


def test_an_empty_subtype_of_data_is_undefined() -> None:
    assert read_partitions(b"x,data,,,4K").partitions[0].subtype == "undefined"


def test_what_the_build_fills_in_is_left_out() -> None:
    csv = b"bootloader,bootloader,primary,N/A,N/A\ntable,partition_table,primary,,\nn,data,nvs,,4K"
    assert [part.name for part in read_partitions(csv).partitions] == ["n"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the partition table is empty"),
        (b"# nothing but a comment\n", "the partition table is empty"),
        (END, "neither a CSV nor a binary"),
        (b"\0\1\2", "line 1 of the partition table: the type is empty"),
        (b"app0,app,,,1M", "line 1 of the partition table: the subtype is empty"),
        (b"app0,app,ota_16,,1M", "the subtype is 'ota_16'"),
        (b"app0,app,ota_0,,", "the size is empty"),
        (b"app0,app,ota_0,here,1M", "the offset is 'here'"),
        (b"app0,app,ota_0,," + b"9" * 5000, "the size is '9999999999999999…'"),
        (b"\n\na,data,nvs,,4K,secret", "line 3 of the partition table: the flag is 'secret'"),
        (b"a,data,nvs,,4K,1", "the flag is '1'"),
        (b"a,256,0,,4K", "is not a byte"),
        (b"a,data,nvs,,0", "is outside any flash"),
        (b"a,data,nvs,-1,4K", "is outside any flash"),
        (b"a,data,nvs,0xFFFFF000,4097", "is outside any flash"),
        (b"a,data,nvs,0x9000,8K\nb,data,phy,0xA000,4K", "the partitions 'a' and 'b' overlap"),
        (b"a,data,nvs,,4K\n" * 97, "more than 96 entries"),
        (ENTRIES, "the end of the partition table is missing"),
        (ENTRIES[:-1], "there is no partition entry at 0xa0"),
        (ENTRIES + b"text".ljust(32), "there is no partition entry at 0xc0"),
        (ENTRIES[:40] + b"\1" + BINARY[41:], "the MD5 of the partition table is wrong"),
    ],
)
def test_what_is_no_table_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(PartitionError, match=why) as refused:
        read_partitions(data)
    assert "partitions.csv" in refused.value.hint
    assert len(str(refused.value)) < 300


def give_a_table_or_one_error(data: bytes) -> None:
    try:
        table = read_partitions(data)
    except PartitionError:
        return
    assert table.partitions
    assert all(part.size > 0 for part in table.partitions)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_table_or_one_error(data: bytes) -> None:
    give_a_table_or_one_error(data)
    give_a_table_or_one_error(b"\xaa\x50" + data)


@given(st.sampled_from([CSV, BINARY]), st.integers(0, 300), st.binary(min_size=1, max_size=8))
def test_any_edit_of_a_table_gives_a_table_or_one_error(
    table: bytes, offset: int, edit: bytes
) -> None:
    give_a_table_or_one_error(table[:offset] + edit + table[offset + len(edit) :])


WORDS = ["app", "data", "nvs", "ota_0", "0x10", "-1", "4K", ",", "\n", '"', ":", "#"]


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_of_a_table_give_a_table_or_one_error(words: list[str]) -> None:
    give_a_table_or_one_error(",".join(words).encode())
