from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from acpublish.catalog import loose
from acpublish.catalog.loose import LooseFiles
from acpublish.errors import NotFoundError
from acpublish.image.model import Kind
from tests.support import images

IMAGE = images.esp32_image()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.bin"


def test_a_whole_image_is_read_at_once_and_remembered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(IMAGE)
    files = LooseFiles()
    assert files.known(path, path.stat()) is None
    content = files.content(path)
    assert (content.data, content.image.family) == (IMAGE, "esp32")
    assert content.identity == loose.identity(path.stat())
    assert files.known(path, path.stat()) is content.image
    monkeypatch.setattr(loose, "read", lambda data: pytest.fail("read again"))
    assert files.content(path).image is content.image


@pytest.mark.parametrize("data", [b"", IMAGE[:-1], IMAGE[:5000], b"unknown", images.littlefs()])
def test_what_does_not_prove_to_be_whole_must_have_rested(
    path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(data)
    files = LooseFiles()
    with pytest.raises(NotFoundError):
        files.content(path)
    assert files.known(path, path.stat()) is None
    monkeypatch.setattr(loose, "SETTLED_S", -1.0)
    assert files.content(path).data == data


def test_a_modification_time_that_was_set_is_no_rest(path: Path) -> None:
    path.write_bytes(IMAGE[:-1])
    os.utime(path, (0, 0))
    with pytest.raises(NotFoundError):
        LooseFiles().content(path)


def test_a_file_that_changes_while_it_is_read_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = images.esp32_image(seed=3)
    path.write_bytes(IMAGE)
    real, changes = os.fstat, [other]

    def changing(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        if changes:
            fresh = path.with_suffix(".new")
            fresh.write_bytes(changes.pop())
            fresh.replace(path)
        return status

    monkeypatch.setattr(os, "fstat", changing)
    assert LooseFiles().content(path).data == other


def test_a_second_change_within_a_tick_of_the_clock_is_read_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Linux before 6.13 has the same time for all changes within 4 ms, or 10 ms.
    def coarse(status: os.stat_result) -> loose.Identity:
        return (status.st_dev, status.st_ino, status.st_size, 0, 0)

    other = images.esp32_image(seed=5)
    path.write_bytes(IMAGE)
    monkeypatch.setattr(loose, "identity", coarse)
    waited: list[float] = []

    def rest(wait_s: float) -> None:
        waited.append(wait_s)
        path.write_bytes(other)
        os.utime(path, (0, 0))
        monkeypatch.setattr(time, "time", lambda: path.stat().st_ctime + 1)

    monkeypatch.setattr(time, "time", lambda: path.stat().st_ctime + 0.001)
    monkeypatch.setattr(time, "sleep", rest)
    content = LooseFiles().content(path)
    assert content.data == other
    assert 0 < waited[0] <= loose.TICK_S


def test_a_file_that_never_rests_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(IMAGE)
    real = os.fstat

    def changing(descriptor: int) -> os.stat_result:
        status = real(descriptor)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(IMAGE)
        fresh.replace(path)
        return status

    monkeypatch.setattr(os, "fstat", changing)
    with pytest.raises(NotFoundError):
        LooseFiles().content(path)


def test_what_is_gone_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(NotFoundError):
            LooseFiles().content(path)


def test_a_glance_opens_a_file_once_per_state(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(IMAGE)
    files = LooseFiles()
    seen = files.glance(str(path), path.stat())
    assert seen is not None
    assert (seen.outline.kind, seen.outline.family) == (Kind.APPLICATION, "esp32")
    status = path.stat()
    path.rename(path.with_suffix(".old"))
    assert files.glance(str(path), status) is seen


def test_a_file_that_cannot_be_opened_in_its_state_is_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(IMAGE)
    status = path.stat()
    path.write_bytes(IMAGE + IMAGE)
    assert LooseFiles().glance(str(path), status) is None
    path.unlink()
    monkeypatch.setattr(loose, "SETTLED_S", -1.0)
    assert LooseFiles().glance(str(path), status) is None


@pytest.fixture
def clock_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of a machine without a battery, before it hears the time."""
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 10_000_000)


@pytest.mark.usefixtures("clock_behind")
def test_a_time_in_the_future_does_not_hide_a_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "SETTLED_S", 0.1)
    path.write_bytes(images.littlefs())
    files = LooseFiles()
    assert not files.settled(str(path), path.stat())
    assert files.waits
    time.sleep(0.15)
    assert files.settled(str(path), path.stat())
    assert files.content(path).image.kind is Kind.FILESYSTEM


@pytest.mark.usefixtures("clock_behind")
def test_a_file_that_still_grows_is_hidden_whatever_the_clock_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loose, "SETTLED_S", 0.1)
    files = LooseFiles()
    for size in range(4096, 4096 * 6, 4096):
        path.write_bytes(images.littlefs()[:size])
        assert not files.settled(str(path), path.stat())
        time.sleep(0.05)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose, "_CACHED_FILES", 3)
    files = LooseFiles()
    for number in range(10):
        path = tmp_path / f"{number}.bin"
        path.write_bytes(IMAGE)
        files.content(path)
        files.glance(str(path), path.stat())
    assert len(files._images) <= 3
    assert len(files._glances) <= 3
