"""The update page of AutoConnect, within the limits of a device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.emulator.autoconnect import CatalogPage, Firmware, _entries, _ListError
from acpublish.emulator.connection import parse_url
from acpublish.emulator.profile import DeviceOptions
from acpublish.emulator.updater import Device
from acpublish.wire import entry_cost
from tests.support.original import original_server
from tests.unit.client.scripted import Script, head, json_answer, scripted

ENTRY = {"name": "a.bin", "type": "bin", "date": "2026-11-24", "time": "04:05:06", "size": 7}
DEVICE = Device(DeviceOptions(catalog_timeout_s=0.3))


def page(script: Script) -> CatalogPage:
    with scripted(script) as server:
        return DEVICE.catalog(server.url)


def listed(*entries: dict[str, object]) -> Script:
    return json_answer(json.dumps(entries))


def test_bins_are_shown() -> None:
    other = {**ENTRY, "name": "sub", "type": "directory"}
    assert page(listed(ENTRY, other)) == CatalogPage(
        caption="Available firmwares",
        firmwares=(Firmware(name="a.bin", date="2026-11-24", time="04:05", size=7),),
    )


def test_what_is_missing_is_shown_as_null() -> None:
    shown = page(listed({"name": "a.bin", "type": "bin"})).firmwares
    assert shown == (Firmware(name="a.bin", date="null", time="null", size=0),)


@pytest.mark.parametrize(("length", "caption"), [(101, "Available"), (104, "Invalid")])
def test_arduinojson_5_holds_shorter_names(length: int, caption: str) -> None:
    device = Device(DeviceOptions(catalog_timeout_s=0.3, json_version=5))
    with scripted(listed({**ENTRY, "name": "n" * length, "time": "04:05", "size": 1_000_000})) as s:
        assert device.catalog(s.url).caption.startswith(caption)


def entry_of(cost: int) -> dict[str, object]:
    name = "n" * (cost - entry_cost({**ENTRY, "name": ""}))
    return {**ENTRY, "name": name}


@pytest.mark.parametrize(
    ("script", "caption"),
    [
        (json_answer("[]"), "Invalid catalog list: InvalidInput"),
        (json_answer(""), "Invalid catalog list: EmptyInput"),
        (json_answer("{}"), "Invalid catalog list: InvalidInput"),
        (json_answer('[{"name": "a'), "Invalid catalog list: IncompleteInput"),
        (listed(entry_of(257)), "Invalid catalog list: NoMemory"),
        (listed(ENTRY, entry_of(257)), "Invalid catalog list: NoMemory"),
        (listed(entry_of(256)), "Available firmwares"),
        (listed({**ENTRY, "type": "directory", "name": "."}), "No available firmwares"),
        ([head("404 No")], "Update server responds (404)"),
        ([9.0], "Update server responds (read Timeout)"),
    ],
)
def test_captions(script: Script, caption: str) -> None:
    assert page(script).caption == caption


def test_a_pause_cuts_the_list_short_silently() -> None:
    first = json.dumps(ENTRY).encode()
    script: Script = [head(Content_Length=9999), b"[" + first, 2.0, b"," + first + b"]"]
    assert len(page(script).firmwares) == 1


def test_the_original_server(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\xe9" * 100)
    (tmp_path / "notes.txt").write_text("notes")
    with original_server(tmp_path) as server:
        shown = DEVICE.catalog(server.url).firmwares
        assert [firmware.name for firmware in shown] == ["a.bin"]
        outcome = DEVICE.install(parse_url(server.url), shown[0].name)
    assert outcome.image == b"\xe9" * 100


@given(st.text(alphabet='[]{},:" ab1\\n'))
def test_any_text_gives_entries_or_one_error(text: str) -> None:
    try:
        entries = list(_entries(text))
    except _ListError:
        return
    assert entries
