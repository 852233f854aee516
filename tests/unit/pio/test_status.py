"""``ota_check`` and ``ota_status``: what they print, and that they publish nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.errors import CatalogError, CheckError
from acpublish.pio.run_state import Hook
from acpublish.pio.status import check, show_status
from acpublish.pio.uploading import publish
from tests.support import images
from tests.unit.pio.projects import environment, hook_of, read_project


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    (tmp_path / "lamp" / "releases").mkdir(parents=True)
    return hook_of(read_project(tmp_path / "lamp", environment()))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(images.esp8266_image())
    return path


def test_a_check_prints_each_result_and_publishes_nothing(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.read_bytes()

    check(hook, image)

    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert ["ok", "chip"] in rows
    assert list((hook.project.directory / "releases").iterdir()) == []
    assert image.read_bytes() == before


def test_a_check_that_finds_an_error_fails_with_its_name_and_hint(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image.write_bytes(images.esp32_image("esp32c3"))

    with pytest.raises(CheckError, match=r"^chip: ") as caught:
        check(hook, image)

    assert caught.value.hint
    assert ["error", "chip"] in [line.split()[:2] for line in capsys.readouterr().out.splitlines()]


def test_the_status_lists_what_is_published(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = hook.project.directory / "releases"
    show_status(hook)
    assert capsys.readouterr().out.splitlines()[0] == f"lamp in {releases}"

    publish(hook, image)
    capsys.readouterr()
    show_status(hook)

    first, *rest = capsys.readouterr().out.splitlines()
    assert first == f"lamp in {releases}"
    assert [(*line.split()[:2], line.split()[-1]) for line in rest] == [
        ("1.0.0", "d1_mini", "stable")
    ]


def test_the_status_of_a_catalog_that_is_missing_is_an_error(hook: Hook) -> None:
    (hook.project.directory / "releases").rmdir()

    with pytest.raises(CatalogError):
        show_status(hook)
