"""``acpublish stamp``: a stamped copy, or one line and no file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support import images
from tests.unit.cli.invoking import CommandLine


def test_stamp_writes_a_copy(acpublish: CommandLine, firmware: Path, tmp_path: Path) -> None:
    before, out = firmware.read_bytes(), tmp_path / "out.bin"
    words = ("--product", "lamp", "--version", "1.2.3", "-o", out)
    said = acpublish("stamp", firmware, *words, "--json")
    assert said.status == 0
    document = said.json()
    assert (document["product"], document["version"]) == ("lamp", "1.2.3")
    assert document["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert firmware.read_bytes() == before
    stamp = acpublish("inspect", out, "--json").json()["stamp"]
    assert stamp == {"product": "lamp", "version": "1.2.3"}
    assert "lamp 1.2.3" in acpublish("stamp", firmware, *words).out


@pytest.mark.parametrize(
    ("product", "version", "content"),
    [
        ("lamp", "1.2", None),
        ("lamp", "1.2.3-" + "x" * 40, None),
        ("lamp!", "1.2.3", None),
        ("lamp", "1.2.3", b"hello"),
        ("lamp", "1.2.3", images.esp8266_image()[:-100]),
        ("lamp", "1.2.3", images.signed_esp32(images.esp32_image())),
        ("lamp", "1.2.3", images.gzipped(images.esp8266_image())),
        ("lamp", "1.2.3", images.esp8266_image(record=False)),
    ],
)
def test_stamp_refuses_in_one_line_and_writes_nothing(
    acpublish: CommandLine, firmware: Path, product: str, version: str, content: bytes | None
) -> None:
    if content is not None:
        firmware.write_bytes(content)
    words = ("--product", product, "--version", version, "-o", "out.bin")
    said = acpublish("stamp", firmware, *words)
    assert said.status == 7
    assert said.error()
    assert not Path("out.bin").exists()
