from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.visible import project, remove
from acpublish.release.manifest import ReleaseImage
from tests.unit.catalog.holding import image, put

FILE = "lamp/lamp-1.0.0_d1.bin"


@pytest.fixture
def published(tmp_path: Path) -> ReleaseImage:
    """An image in a catalog."""
    put(tmp_path)
    (release,) = DirectoryCatalog(tmp_path).releases("lamp")
    return release.images[0]


def test_a_missing_file_is_made_once(tmp_path: Path, published: ReleaseImage) -> None:
    (tmp_path / FILE).unlink()
    assert project(tmp_path, "lamp", published)
    assert (tmp_path / FILE).read_bytes() == image()
    assert not project(tmp_path, "lamp", published)


def test_a_copy_stays_and_other_bytes_are_replaced(tmp_path: Path, published: ReleaseImage) -> None:
    for content, made in ((image(), False), (image(seed=1), True), (b"", True)):
        (tmp_path / FILE).unlink()
        (tmp_path / FILE).write_bytes(content)
        assert project(tmp_path, "lamp", published) is made
        assert (tmp_path / FILE).read_bytes() == image()


def test_missing_bytes_are_logged(
    tmp_path: Path, published: ReleaseImage, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).unlink()
    (layout.objects(tmp_path) / published.sha256).unlink()
    assert not project(tmp_path, "lamp", published)
    assert "the object of lamp/lamp-1.0.0_d1.bin is missing" in caplog.text


def test_what_is_removed_is_gone_and_what_cannot_be_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    assert remove(tmp_path, path) == ""
    assert not path.exists()
    assert remove(tmp_path, path) == ""
    path.mkdir()
    assert remove(tmp_path, path).startswith("file cannot be removed: ")
