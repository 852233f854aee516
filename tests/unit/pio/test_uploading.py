"""Stamping and publishing the image of a build."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import acpublish
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import NotAnImageError, StampError
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.pio import uploading
from acpublish.pio.run_state import Hook
from acpublish.pio.uploading import publish, rewrite, stamp_built
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.support import images
from tests.unit.pio.projects import environment, hook_of, read_project


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    (tmp_path / "lamp" / "releases").mkdir(parents=True)
    (tmp_path / "lamp" / "build").mkdir()
    return hook_of(read_project(tmp_path / "lamp", environment()))


@pytest.fixture
def image(hook: Hook) -> Path:
    path = hook.project.build_directory / "firmware.bin"
    path.write_bytes(images.esp8266_image())
    return path


def test_a_built_image_is_stamped_in_place(hook: Hook, image: Path) -> None:
    stamp_built(hook, image)

    stamp = read(image.read_bytes()).stamp
    assert stamp is not None
    assert (stamp.product, stamp.version) == ("lamp", "1.0.0")


def test_an_image_is_left_as_it_is_if_no_version_is_set(hook: Hook, image: Path) -> None:
    before = image.read_bytes()
    hook.source = None

    stamp_built(hook, image)

    assert image.read_bytes() == before


def test_an_image_without_room_for_a_stamp_is_left_as_it_is(hook: Hook, image: Path) -> None:
    image.write_bytes(images.esp8266_image(record=False))
    before = image.read_bytes()

    stamp_built(hook, image)

    assert image.read_bytes() == before


def test_an_image_that_cannot_be_stamped_is_removed_so_that_it_is_built_again(
    hook: Hook, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StampError("it cannot be stamped", hint="Build it again.")

    monkeypatch.setattr(uploading, "stamp", refuse)
    with pytest.raises(StampError):
        stamp_built(hook, image)

    assert not image.exists()


def test_a_publish_prints_its_result_and_leaves_the_published_bytes(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image.with_suffix(".elf").write_bytes(b"with symbols")

    publication = publish(hook, image)

    assert publication.receipt.outcome is Outcome.PUBLISHED
    catalog = hook.project.directory / "releases"
    assert image.read_bytes() == (catalog / publication.receipt.file).read_bytes()
    lines = capsys.readouterr().out.splitlines()
    assert "lamp 1.0.0 for d1_mini (stable): published" in lines
    assert lines[-1] == publication.receipt.url
    ((published,),) = (release.images for release in DirectoryCatalog(catalog).releases("lamp"))
    digest = hashlib.sha256(b"with symbols").hexdigest()
    assert published.provenance["elf_sha256"] == digest


def test_a_filesystem_image_is_published_as_one_and_has_no_elf(hook: Hook, image: Path) -> None:
    image.write_bytes(images.littlefs())
    image.with_suffix(".elf").write_bytes(b"with symbols")

    publication = publish(hook, image, kind="filesystem")

    assert publication.submission.kind == "filesystem"
    assert publication.receipt.file == "lamp/lamp-1.0.0_d1_mini.fs.bin"
    assert "elf_sha256" not in publication.submission.provenance
    assert image.read_bytes() == images.littlefs()


def test_a_missing_image_is_an_error(hook: Hook, tmp_path: Path) -> None:
    with pytest.raises(NotAnImageError):
        publish(hook, tmp_path / "missing.bin")


def test_an_image_is_written_only_if_its_bytes_changed(tmp_path: Path) -> None:
    path = tmp_path / "firmware.bin"

    rewrite(path, b"same", b"same")
    assert not path.exists()
    rewrite(path, b"old", b"new")
    assert path.read_bytes() == b"new"


def test_an_older_release_again_says_what_the_channel_points_at(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(hook, image)
    later = image.with_name("later.bin")
    later.write_bytes(images.esp8266_image(seed=1))
    submission = publish(hook, image).submission
    newer = replace(submission, version=Version.parse("2.0.0"))
    candidate = Candidate.of(stamp(later.read_bytes(), "lamp", "2.0.0"))
    DirectoryCatalog(Path(hook.plan().options.destination.to)).put(candidate, newer)
    capsys.readouterr()

    publish(hook, image)

    line = "lamp 1.0.0 for d1_mini (stable): already published; stable points at 2.0.0"
    assert line in capsys.readouterr().out.splitlines()


def test_a_channel_with_a_policy_gets_it_in_stages(
    hook: Hook, image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = hook.project.directory / "releases"
    earlier = image.with_name("earlier.bin")
    earlier.write_bytes(images.esp8266_image(seed=1))
    where = {"to": str(catalog), "product": "lamp", "board": "d1_mini"}
    acpublish.publish(earlier, version="0.9.0", **where)
    acpublish.set_policy("lamp", "stable", to=catalog, stages="1,100%")

    publication = publish(hook, image)

    assert (publication.rolling, str(publication.points_at)) == (True, "0.9.0")
    line = (
        "lamp 1.0.0 for d1_mini (stable): published; it goes there in stages, which a server "
        "makes, and stable points at 0.9.0 until it is complete"
    )
    assert line in capsys.readouterr().out.splitlines()
