"""Lists are read strictly, into typed entries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.client.entries import Entry, read_list
from acpublish.errors import VerificationError

GOOD = {"name": "a.bin", "type": "bin", "date": "2026-11-24", "time": "04:05:06", "size": 7}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def read(document: Any, path: str = ".") -> list[Entry]:
    return list(read_list(document, path, "http://host"))


def test_an_entry_of_our_server() -> None:
    assert read([GOOD]) == [
        Entry(
            name="a.bin",
            type="bin",
            size=7,
            modified=datetime(2026, 11, 24, 4, 5, 6),
            path="a.bin",
        )
    ]


def test_an_entry_of_the_original_server_may_have_only_two_keys() -> None:
    entry = read([{"name": "notes.txt", "type": "file"}])[0]
    assert (entry.size, entry.modified) == (0, None)


@pytest.mark.parametrize(
    ("date", "time"),
    [("11/24/26", "04:05:06"), ("24.11.2026", "04:05:06"), ("2026-11-24", "04:05:06")],
)
def test_dates_of_several_locales(date: str, time: str) -> None:
    assert read([{**GOOD, "date": date, "time": time}])[0].modified == datetime(
        2026, 11, 24, 4, 5, 6
    )


def test_a_date_that_nobody_can_read_is_none() -> None:
    assert read([{**GOOD, "date": "Di 24 Nov"}])[0].modified is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".", "a.bin"),
        ("", "a.bin"),
        ("sub", "sub/a.bin"),
        ("./sub/", "sub/a.bin"),
        ("/a/b", "a/b/a.bin"),
    ],
)
def test_the_path_is_what_to_ask_for(path: str, expected: str) -> None:
    assert read([GOOD], path)[0].path == expected


def test_the_entry_that_stands_for_nothing_is_left_out() -> None:
    assert read([{**GOOD, "name": ".", "type": "directory"}]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../a.bin"},
        {"name": "/etc/passwd"},
        {"name": "a//b"},
        {"name": ""},
        {"name": 7},
        {"name": "a\0b"},
        {"name": "a\\b"},
        {"type": "exe"},
        {"type": None},
        {"type": ["bin"]},
        {"size": -1},
        {"size": "7"},
        {"size": True},
    ],
)
def test_a_garbled_entry_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError, match=r"entry \[1\] is malformed"):
        read([GOOD, {**GOOD, **change}])


def test_a_catalog_that_is_no_list() -> None:
    with pytest.raises(VerificationError, match="not a list"):
        read({"name": "a.bin"})


@given(json_values)
def test_any_json_gives_entries_or_one_error(document: Any) -> None:
    try:
        entries = read(document)
    except VerificationError:
        return
    assert all(".." not in entry.path.split("/") for entry in entries)
