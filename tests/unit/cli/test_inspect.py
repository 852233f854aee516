"""``inspect``: what it shows of each kind, in lines of 80 characters, and of the OTA slot."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support import images
from tests.support.images import xor_of
from tests.unit.cli.invoking import CommandLine

SIGNED_GZIP = images.signed_esp8266(images.gzipped(images.esp8266_image()))
CSV = b"nvs,data,nvs,,20K\napp0,app,ota_0,,64K\napp1,app,ota_1,,32K\n"
C3 = images.esp32_image("esp32c3", 24576, "lamp", "1.2.3")


def shown(acpublish: CommandLine, place: Path, data: bytes, *options: str) -> str:
    """Returns what is shown of some bytes, after a check on its width."""
    (place / "image.bin").write_bytes(data)
    said = acpublish("inspect", "image.bin", *options)
    assert (said.status, said.err) == (0, "")
    assert max(len(line) for line in said.out.splitlines()) <= 80
    return said.out


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (C3, "application"),
        (images.signed_esp32(C3), "signed application"),
        (images.gzipped(images.esp8266_image()), "gzip of application"),
        (
            images.signed_esp8266(images.gzipped(images.esp8266_image())),
            "signed gzip of application",
        ),
        (images.merged_image(), "merged"),
        (images.bootloader(), "bootloader"),
    ],
)
def test_the_kind_names_what_is_inside(
    acpublish: CommandLine, tmp_path: Path, data: bytes, kind: str
) -> None:
    lines = shown(acpublish, tmp_path, data).splitlines()
    assert ["kind", kind] in [line.split(maxsplit=1) for line in lines]


def test_descriptor_and_signature_are_told_in_full(acpublish: CommandLine, tmp_path: Path) -> None:
    out = shown(acpublish, tmp_path, images.signed_esp32(C3))
    facts = acpublish("inspect", "image.bin", "--json").json()
    assert f"elf sha256  {facts['descriptor']['elf_sha256']}\n" in out
    assert "signature   secure-boot-v2, RSA-3072\n" in out
    assert f"key 1       {facts['signature']['blocks'][0]['key_digest']}\n" in out
    assert f"device md5  {facts['running']['md5s'][0]}\n" in out
    assert f"device sha  {facts['running']['sha256s'][0]}\n" in out
    assert facts["content"] == "application"


def test_fields_that_the_build_did_not_set_are_not_shown(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    unset = bytearray(images.esp32_image("esp32c3", 24576, hash_appended=False))
    checksum = xor_of(bytes(unset[0xD0:0xD5]))
    unset[0xD0:0xD5] = bytes(5)
    unset[-1] ^= checksum
    out = shown(acpublish, tmp_path, bytes(unset))
    assert "mmu page" not in out
    assert "efuses" not in out
    assert "problems" not in out
    document = acpublish("inspect", "image.bin", "--json").json()
    assert document["descriptor"]["mmu_page_size"] == 0
    out = shown(acpublish, tmp_path, C3)
    assert "mmu page    65536 bytes\n" in out
    assert "efuses      block revision v0.0 to v655.35\n" in out


def test_the_segments_are_drawn(acpublish: CommandLine, firmware: Path) -> None:
    lines = acpublish("inspect", firmware.name).out.splitlines()
    rows = lines[lines.index("") + 2 :]
    widths = [row.count("█") + row.count("#") for row in rows]
    assert len(rows) == 4
    assert max(widths) == widths[0] == 32


def test_the_smallest_slot_is_drawn(acpublish: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "partitions.csv").write_bytes(CSV)
    out = shown(acpublish, tmp_path, C3, "--partitions", "partitions.csv")
    assert "slot  app1 (ota_1) at 0x20000, 32768 bytes, the smallest of 2\n" in out
    assert " 75.0 %\n" in out
    assert out.endswith("left  8192 bytes\n")
    document = acpublish("inspect", "image.bin", "--partitions", "partitions.csv", "--json").json()
    assert (document["slot"]["name"], document["slot"]["left"]) == ("app1", 8192)
    assert [partition["name"] for partition in document["partitions"]] == ["nvs", "app0", "app1"]


def test_an_image_that_does_not_fit_says_by_how_much(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "partitions.csv").write_bytes(b"app,app,factory,,16K")
    out = shown(acpublish, tmp_path, C3, "--partitions", "partitions.csv")
    assert out.endswith("left  none: 8192 bytes do not fit\n")


def test_a_table_without_a_slot_is_told(acpublish: CommandLine, firmware: Path) -> None:
    (firmware.parent / "partitions.csv").write_bytes(b"nvs,data,nvs,,20K")
    said = acpublish("inspect", firmware.name, "--partitions", "partitions.csv")
    assert said.out.endswith("\n\nThe partition table has no partition for an application.\n")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (images.littlefs(), "slot  spiffs (spiffs) at 0x30000, 131072 bytes\n"),
        (images.merged_image(), "The partition table has no partition for this.\n"),
    ],
)
def test_each_kind_has_its_place(
    acpublish: CommandLine, tmp_path: Path, data: bytes, said: str
) -> None:
    table = CSV + b"\nspiffs,data,spiffs,0x30000,128K\n"
    (tmp_path / "partitions.csv").write_bytes(table)
    assert said in shown(acpublish, tmp_path, data, "--partitions", "partitions.csv")


def test_what_is_absent_is_told(acpublish: CommandLine, tmp_path: Path) -> None:
    plain = images.esp8266_image()[0x1000:]
    assert "CRC absent" in shown(acpublish, tmp_path, plain)


@pytest.mark.parametrize("content", [None, b"no table"])
def test_a_table_that_cannot_be_read_is_one_line(
    acpublish: CommandLine, firmware: Path, content: bytes | None
) -> None:
    if content is not None:
        (firmware.parent / "partitions.csv").write_bytes(content)
    said = acpublish("inspect", firmware.name, "--partitions", "partitions.csv")
    assert said.status == 7
    assert "partitions.csv" in said.error()


def test_inspect_tells_people(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("inspect", firmware)
    assert said.status == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    for line in ("kind application", "chip esp8266", "stamp blank"):
        assert line in lines
    assert "checks checksum valid, CRC valid" in lines


def test_inspect_tells_scripts(acpublish: CommandLine, firmware: Path) -> None:
    firmware.write_bytes(images.esp32_image("esp32c3"))
    document = acpublish("inspect", firmware, "--json").json()
    assert document["kind"] == "application"
    assert document["chip"] == "esp32c3"
    assert document["descriptor"]["project"] == "arduino-lib-builder"
    assert document["sha256"] == hashlib.sha256(firmware.read_bytes()).hexdigest()
    assert document["digest"] == "valid"


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_inspect_of_no_image_is_status_1_with_its_kind(
    acpublish: CommandLine, firmware: Path, content: bytes
) -> None:
    firmware.write_bytes(content)
    said = acpublish("inspect", firmware, "--json")
    assert said.status == 1
    assert said.json()["kind"] == "unknown"
    assert acpublish("inspect", firmware).status == 1


def test_inspect_of_a_missing_file_is_one_line(acpublish: CommandLine) -> None:
    said = acpublish("inspect", "no.bin")
    assert said.status == 7
    assert said.error()
