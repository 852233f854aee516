"""Files that are known to be neither image nor filesystem."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from acpublish.image.foreign_files import foreign_name
from acpublish.keys import create_key
from tests.support.images import filler, partition_table
from tests.support.other_images import spiffs


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("index.html"))
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", "hello")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF\x01\x01\x01" + bytes(200), "ELF"),
        (create_key().to_pem(), "PEM"),
        (partition_table(), "partition table"),
        (b"# Name, Type, SubType\nnvs, data, nvs, 0x9000, 0x5000\n", "partition table"),
        (tar(), "tar"),
        (zipped(), "ZIP"),
        (b"UF2\nWQ]\x9e" + bytes(504), "UF2"),
    ],
)  # fmt: skip
def test_a_file_is_named(data: bytes, words: str) -> None:
    assert words in foreign_name(data)


@pytest.mark.parametrize(
    "data", [b"", b"text", spiffs(magic=False), filler(4096, 1), partition_table() + bytes(20000)]
)
def test_nothing_is_said_of_others(data: bytes) -> None:
    assert foreign_name(data) == ""
