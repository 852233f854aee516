"""What a device reports of the bytes that it runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from acpublish.emulator.flash import FACTORY, load, running, store
from acpublish.emulator.profile import DeviceOptions
from acpublish.errors import SettingsError
from acpublish.image.reader import read
from tests.support import images


def test_an_esp8266_reports_the_md5_of_what_is_in_flash() -> None:
    image = images.esp8266_image(size=20_000)
    other_mode = image[:2] + b"\x00" + image[3:]
    for content in (image, other_mode):
        report = running(content)
        assert report.md5 == hashlib.md5(content).hexdigest()
        assert report.md5 in read(image).running.md5s


def test_a_signature_does_not_count() -> None:
    image = images.esp8266_image(size=20_000)
    report = running(images.signed_esp8266(image))
    assert report.md5 in read(image).running.md5s


def test_an_esp32_reports_the_appended_digest_in_upper_case() -> None:
    image = images.esp32_image(size=20_000)
    report = running(image)
    assert report.md5 == hashlib.md5(image).hexdigest()
    assert report.sha256 == image[-32:].hex().upper()


def test_without_a_flash_file_it_runs_what_no_catalog_has(tmp_path: Path) -> None:
    assert load(DeviceOptions()) == FACTORY
    assert load(DeviceOptions(flash=tmp_path / "none")) == FACTORY


def test_a_filesystem_in_the_flash_file_is_not_what_runs(tmp_path: Path) -> None:
    store(tmp_path / "fs", images.littlefs())
    assert load(DeviceOptions(flash=tmp_path / "fs", mode="spiffs")) == FACTORY


def test_only_a_file_is_replaced_by_what_was_flashed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="pipe is not a regular file"):
        store(tmp_path / "pipe", b"image")
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "link").symlink_to("flash.bin")
    store(tmp_path / "link", b"image")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "flash.bin").read_bytes() == b"image"


def test_a_flash_file_is_no_larger_than_the_chip(tmp_path: Path) -> None:
    (tmp_path / "flash").write_bytes(b"x" * (1 << 20))
    with pytest.raises(SettingsError, match=r"the flash file .* is larger than 512 KiB"):
        load(DeviceOptions(flash=tmp_path / "flash", chip_size=512 * 1024))
    with pytest.raises(SettingsError, match="cannot be read"):
        load(DeviceOptions(flash=tmp_path / ("a" * 300)))
