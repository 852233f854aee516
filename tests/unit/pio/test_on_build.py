"""Publishing each build once, and the record of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.reader import read
from acpublish.pio import on_build, uploading
from acpublish.pio.on_build import publish_once, read_record, write_record
from acpublish.pio.run_state import Hook
from tests.support import images
from tests.unit.pio.projects import environment, hook_of, read_project

NAME = "firmware.bin"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "releases"
    path.mkdir()
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "build" / NAME
    path.parent.mkdir()
    path.write_bytes(images.esp8266_image())
    return path


def hook(tmp_path: Path, catalog: Path | str, **options: Any) -> Hook:
    return hook_of(read_project(tmp_path, environment(custom_ota_to=str(catalog), **options)))


def versions(catalog: Path, tmp_path: Path) -> list[str]:
    product = read_project(tmp_path, environment()).product
    return sorted(str(release.version) for release in DirectoryCatalog(catalog).releases(product))


def test_a_build_is_published_once(
    tmp_path: Path, catalog: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_once(hook(tmp_path, catalog), image, NAME)
    assert capsys.readouterr().out.startswith(f"Publishing {NAME}\n")
    assert read(image.read_bytes()).stamp is not None
    record = read_record(image.parent)
    assert record["published"]["version"] == "1.0.0"

    publish_once(hook(tmp_path, catalog), image, NAME)
    assert capsys.readouterr().out == ""
    assert read_record(image.parent) == record


def test_a_build_is_published_again_if_the_catalog_lost_it(
    tmp_path: Path, catalog: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_once(hook(tmp_path, catalog), image, NAME)
    shutil.rmtree(catalog)
    # An empty directory would be taken for the mount point of the catalog that was there.
    (catalog / ".acpublish").mkdir(parents=True)

    publish_once(hook(tmp_path, catalog), image, NAME)

    assert versions(catalog, tmp_path) == ["1.0.0"]
    assert capsys.readouterr().out.count("Publishing ") == 2


@pytest.mark.parametrize(
    "changed", [{"custom_ota_channel": "beta"}, {"custom_ota_skip_checks": "chip=a trial"}]
)
def test_another_request_is_published_though_the_bytes_are_the_same(
    tmp_path: Path,
    catalog: Path,
    image: Path,
    changed: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish_once(hook(tmp_path, catalog), image, NAME)
    capsys.readouterr()

    publish_once(hook(tmp_path, catalog, **changed), image, NAME)

    assert capsys.readouterr().out.startswith("Publishing ")


def test_an_image_that_is_rebuilt_gets_the_version_it_was_published_with(
    tmp_path: Path, catalog: Path, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_once(hook(tmp_path, catalog), image, NAME)
    image.write_bytes(images.esp8266_image(seed=1))
    publish_once(hook(tmp_path, catalog), image, NAME)
    published = image.read_bytes()
    assert versions(catalog, tmp_path) == ["1.0.0", "1.0.1-dev.1"]
    capsys.readouterr()

    # The compiler produces the same image again, without a stamp.
    image.write_bytes(images.esp8266_image(seed=1))
    publish_once(hook(tmp_path, catalog), image, NAME)

    assert image.read_bytes() == published
    assert capsys.readouterr().out == ""
    assert versions(catalog, tmp_path) == ["1.0.0", "1.0.1-dev.1"]


def test_a_publish_that_fails_leaves_no_record(
    tmp_path: Path, catalog: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError

    monkeypatch.setattr(uploading, "publish", fail)
    with pytest.raises(KeyError):
        publish_once(hook(tmp_path, catalog), image, NAME)

    assert read_record(image.parent) == {}


def test_a_server_is_not_contacted_for_a_build_that_is_recorded(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = hook(tmp_path, "http://127.0.0.1:9")
    data = image.read_bytes()
    monkeypatch.setattr(uploading, "publish", lambda *_, **__: pytest.fail("it was contacted"))
    request = on_build._request(server, read(data).unstamped_sha256)
    published = {"file": "x", "version": "1.0.0", "sha256": read(data).sha256}
    write_record(image.parent, {"asked": request, "published": published})

    publish_once(server, image, NAME)


def test_a_record_is_read_back_and_anything_else_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) == {}

    write_record(tmp_path, {"asked": {"to": "there"}})
    assert read_record(tmp_path) == {"asked": {"to": "there"}}
    assert [path.name for path in tmp_path.iterdir()] == ["acpublish.json"]

    for damaged in (b"", b'{"asked', b"[]", b"\xff\xfe", b"null"):
        (tmp_path / "acpublish.json").write_bytes(damaged)
        assert read_record(tmp_path) == {}
