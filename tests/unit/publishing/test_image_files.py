"""Files of images are read with a limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import NotAnImageError
from acpublish.publishing import image_files
from acpublish.publishing.image_files import read_file


def test_a_file_is_read_up_to_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "_LARGEST_BYTES", 5)
    path = tmp_path / "x.bin"
    path.write_bytes(b"12345")
    assert read_file(path) == b"12345"
    path.write_bytes(b"123456")
    with pytest.raises(NotAnImageError, match=r"x\.bin is larger than"):
        read_file(path)


def test_a_file_that_cannot_be_read_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(NotAnImageError, match="cannot be read: no such file or directory"):
        read_file(tmp_path / "missing.bin")
    with pytest.raises(NotAnImageError, match="cannot be read: is a directory"):
        read_file(tmp_path)
