"""What real firmware collections held that no device may get, or that was taken for another thing.

Each case is a kind of file that public repositories have; the files are built here from scratch.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.support import images, other_images
from tests.unit.cli.invoking import CommandLine
from tests.unit.server.in_memory import ask, make

#: What no updater may get, whoever asks.
NEVER = {
    "sdk-loader": other_images.sdk_loader(),
    "rboot": other_images.rboot_like(),
    "half": other_images.split_half(),
    "user1": other_images.sdk_user1(),
    "nodemcu": other_images.nodemcu(),
    "without-eboot": images.esp8266_image(eboot=False),
    "ram-behind-eboot": other_images.behind_eboot([(0x40100000, bytes(500))]),
    "esp32h4": other_images.ram_program(28),
    "new-chip": other_images.ram_program(99),
    "described": other_images.ram_program("esp32c3", described=True),
    "gzip-of-a-loader": images.gzipped(other_images.sdk_loader()),
    "signed-gzip-of-a-loader": images.signed_esp8266(images.gzipped(other_images.sdk_loader())),
}
UPDATERS = {"esp8266": b"ESP8266-http-Update", "esp32": b"ESP32-http-Update"}
NAMES = ("--to", "catalog", "--product", "lamp", "--board", "d1_mini", "--version", "1.0.0")


@pytest.mark.parametrize("name", NEVER)
def test_a_loader_or_a_part_is_not_published(acpublish: CommandLine, name: str) -> None:
    Path("loader.bin").write_bytes(NEVER[name])
    Path("catalog").mkdir()
    said = acpublish("publish", "loader.bin", *NAMES)
    assert said.status == 7
    assert "wrong-kind" in said.err
    assert list(Path("catalog").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sdk-loader", "bootloader"),
        ("rboot", "bootloader"),
        ("half", "part"),
        ("user1", "part"),
        ("nodemcu", "merged"),
        ("without-eboot", "part"),
        ("ram-behind-eboot", "part"),
        ("esp32h4", "bootloader"),
        ("described", "part"),
    ],
)
def test_each_is_called_what_it_is(acpublish: CommandLine, name: str, kind: str) -> None:
    Path("loader.bin").write_bytes(NEVER[name])
    facts = json.loads(acpublish("inspect", "loader.bin", "--json").out)
    assert (facts["kind"], facts["problems"]) == (kind, [])
    assert facts["description"]
    shown = acpublish("inspect", "loader.bin").out
    assert facts["description"] in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("name", NEVER)
def test_a_loader_or_a_part_is_neither_listed_nor_served(tmp_path: Path, name: str) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "loader.bin").write_bytes(NEVER[name])
    app = make(catalog)

    async def main() -> None:
        for agent in UPDATERS.values():
            status, _ = await ask(app, b"/loader.bin", [(b"user-agent", agent)])
            assert status == 403
            _, body = await ask(app, b"/_catalog?op=list&path=.", [(b"user-agent", agent)])
            assert all(entry["type"] != "bin" for entry in json.loads(body))
        _, body = await ask(app, b"/_catalog?op=list&path=.")
        assert [entry["type"] for entry in json.loads(body)] == ["file"]

    # The file was copied long ago, so it is complete.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("acpublish.catalog.loose.SETTLED_S", -1.0)
        asyncio.run(main())


@pytest.mark.parametrize("name", ["sdk-loader", "rboot", "half", "user1", "esp32h4"])
def test_one_that_was_just_copied_is_refused_at_once(tmp_path: Path, name: str) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "loader.bin").write_bytes(NEVER[name])
    updater = [(b"user-agent", UPDATERS["esp8266"])]
    assert asyncio.run(ask(make(catalog), b"/loader.bin", updater))[0] == 403


@pytest.mark.parametrize("project", ["esp32-arduino-lib-builder", "arduino-lib-builder"])
def test_the_name_of_every_arduino_build_is_no_stamp(acpublish: CommandLine, project: str) -> None:
    Path("catalog").mkdir()
    Path("old").mkdir()
    image = images.esp32_image("esp32", project=project, version="0a1b2c3-dirty")
    Path("old/lamp_v1.2.3_esp32.bin").write_bytes(image)
    facts = json.loads(acpublish("inspect", "old/lamp_v1.2.3_esp32.bin", "--json").out)
    assert facts["stamp"] is None
    assert acpublish("import", "old", "--to", "catalog", "--yes").status == 0
    assert Path("catalog/lamp/lamp-1.2.3_esp32.bin").is_file()


@pytest.mark.parametrize(
    "data",
    [
        images.gzipped(images.esp8266_image()),
        images.gzipped(images.littlefs()),
        images.gzipped(b"text"),
        images.partition_table(),
        other_images.sdk_user1(),
        b"\x7fELF" + bytes(5000),
        b"-----BEGIN PUBLIC KEY-----\n",
    ],
    ids=["gzip", "gzip-of-filesystem", "gzip-of-text", "table", "user1", "elf", "key"],
)
def test_what_is_known_to_be_something_else_is_no_filesystem(
    acpublish: CommandLine, data: bytes
) -> None:
    Path("fs.bin").write_bytes(data)
    Path("catalog").mkdir()
    assert acpublish("publish", "fs.bin", *NAMES, "--kind", "filesystem").status == 7


@pytest.mark.parametrize(
    "data",
    [
        images.littlefs(),
        other_images.spiffs(),
        other_images.spiffs(magic=False),
        other_images.fat(),
        other_images.fat(wear_levelled=True),
    ],
    ids=["littlefs", "spiffs", "spiffs-without-mark", "fat", "fat-wear-levelled"],
)
def test_a_filesystem_is_published(acpublish: CommandLine, data: bytes) -> None:
    Path("fs.bin").write_bytes(data)
    Path("catalog").mkdir()
    assert acpublish("publish", "fs.bin", *NAMES, "--kind", "filesystem").status == 0
