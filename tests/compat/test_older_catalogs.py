"""What each released version wrote is read, served and added to by the code as it is now."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import acpublish
from acpublish import api
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.client.remote import RemoteCatalog
from acpublish.emulator.profile import DeviceOptions, UpdateResult
from acpublish.emulator.updater import run
from acpublish.errors import CheckError, ConflictError, ManifestError
from acpublish.release.change_request import ChangeRequest
from acpublish.release.manifest import Release
from acpublish.release.names import channel
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.support import images
from tests.support.server import running_server

HERE = Path(__file__).resolve().parent
VERSIONS = sorted(path.parent.name for path in HERE.glob("*/published.json"))


@dataclass(frozen=True, slots=True)
class Old:
    """A copy of what a version wrote: catalog, state, token, and what it said of each image."""

    home: Path
    token: str
    images: list[dict[str, Any]]

    @property
    def catalog(self) -> Path:
        return self.home / "catalog"

    def bytes_of(self, number: int) -> bytes:
        return (self.catalog / str(self.images[number]["file"])).read_bytes()


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Old:
    """A copy of a version's catalog."""
    home = shutil.copytree(HERE / request.param, tmp_path / "old")
    said = json.loads((home / "published.json").read_text(encoding="utf-8"))
    return Old(home, said["token"], said["images"])


def test_this_version_has_its_catalog() -> None:
    assert acpublish.__version__ in VERSIONS, "run python -m tests.compat before the release"


def test_every_release_is_read(old: Old) -> None:
    catalog = DirectoryCatalog(old.catalog)
    assert set(catalog.products()) == {one["product"] for one in old.images}
    for one in old.images:
        (release,) = (
            release
            for release in catalog.releases(one["product"])
            if str(release.version) == one["version"]
        )
        image = release.image_for(one["board"], one["kind"])
        assert image is not None
        assert (image.sha256, image.md5, image.size) == (one["sha256"], one["md5"], one["size"])
        assert one["channel"] in image.channels
        assert (image.compressed.to_dict() if image.compressed else None) == one["compressed"]
        visible = old.catalog / one["file"]
        assert hashlib.sha256(visible.read_bytes()).hexdigest() == one["sha256"]
    assert catalog.repair(older_than_s=0) == ()


def test_it_is_served_and_published_into(old: Old, tmp_path: Path) -> None:
    flash = tmp_path / "flash.bin"
    device = DeviceOptions(chip="esp8266", flash=flash)
    new = tmp_path / "new.bin"
    new.write_bytes(images.esp8266_image(5120, seed=40))
    options = ("--state", str(old.home / "state"))
    with running_server(old.catalog, tmp_path, *options) as server:
        flash.write_bytes(old.bytes_of(0))
        outcome = run(device, server.url, "/update/lamp/d1_mini")
        assert (outcome.result, outcome.image) == (UpdateResult.UPDATED, old.bytes_of(1))
        outcome = run(device, server.url, "/update/lamp/d1_mini")
        assert outcome.result is UpdateResult.NO_UPDATE
        assert b'"copied.bin"' in server.get("/_catalog?op=list&path=/").body
        before = {one: RemoteCatalog(server.url).releases(one) for one in ("lamp", "plain")}
        done = acpublish.publish(
            new, to=server.url, product="lamp", version="2.0.0", board="d1_mini", token=old.token
        )
        assert done.receipt.outcome is Outcome.PUBLISHED
        outcome = run(device, server.url, "/update/lamp/d1_mini")
        assert outcome.result is UpdateResult.UPDATED
        after = {one: RemoteCatalog(server.url).releases(one) for one in before}
    assert after["plain"] == before["plain"]
    kept = {one.version: one for one in after["lamp"] if str(one.version) != "2.0.0"}
    assert kept == {one.version: one for one in before["lamp"]}


def test_the_same_again_is_there_and_other_bytes_are_refused(old: Old, tmp_path: Path) -> None:
    first = old.images[0]
    again = tmp_path / "again.bin"
    names = {name: first[name] for name in ("product", "version", "board")}
    again.write_bytes(old.bytes_of(0))
    done = acpublish.publish(again, to=old.catalog, **names)
    assert done.receipt.outcome is Outcome.ALREADY_PUBLISHED
    again.write_bytes(images.esp8266_image(5120, seed=41))
    with pytest.raises(ConflictError):
        acpublish.publish(again, to=old.catalog, **names)


def test_its_trusted_key_holds(old: Old, tmp_path: Path) -> None:
    new, key, public = (tmp_path / name for name in ("new.bin", "key.pem", "public.pem"))
    new.write_bytes(images.esp8266_image(5120, seed=42))
    names = {"product": "signed", "version": "2.0.0", "board": "d1_mini"}
    public.write_text(api.create_key(key).pem)
    with pytest.raises(CheckError, match="signature"):
        acpublish.publish(new, to=old.catalog, **names, signing_key=key)
    api.trust_keys(old.catalog, product="signed", add=public)
    done = acpublish.publish(new, to=old.catalog, **names, signing_key=key)
    assert done.receipt.outcome is Outcome.PUBLISHED
    assert len(DirectoryCatalog(old.catalog).releases("signed")) == 2


def manifests(old: Old) -> dict[Path, bytes]:
    found = (old.catalog / ".acpublish/releases").glob("*/[0-9]*.json")
    return {path: path.read_bytes() for path in found}


def test_the_first_change_upgrades_and_every_manifest_stays(
    old: Old, caplog: pytest.LogCaptureFixture
) -> None:
    before, catalog = manifests(old), DirectoryCatalog(old.catalog)
    offered = {product: catalog.releases(product) for product in catalog.products()}
    request = ChangeRequest(
        action="promote", version=Version.parse("1.0.0"), channel=channel("beta")
    )
    for _ in range(2):
        catalog.changes.make("lamp", request)
    assert manifests(old) == before
    assert [line.action for line in catalog.changes.history("lamp")] == ["upgrade", "promote"]
    (warning,) = (record.getMessage() for record in caplog.records)
    assert "stop every server of an older acpublish" in warning
    # Other products wait for their own first change.
    documents = [path.parent.name for path in old.catalog.rglob("channels.json")]
    assert documents == ["lamp"]
    assert {product: catalog.releases(product) for product in ("plain", "signed")} == {
        product: offered[product] for product in ("plain", "signed")
    }
    for release in catalog.releases("lamp"):
        (earlier,) = (one for one in offered["lamp"] if one.version == release.version)
        for image, then in zip(release.images, earlier.images, strict=True):
            assert {**image.channels, **then.channels} == image.channels


def test_it_is_taken_back_like_any_other(old: Old) -> None:
    catalog = DirectoryCatalog(old.catalog)
    catalog.changes.make("lamp", ChangeRequest(action="rollback", channel=channel("stable")))
    catalog.changes.make(
        "plain", ChangeRequest(action="withdraw", version=Version.parse("1.0.0"), why="bad")
    )
    current = {
        str(place): str(pointer.version)
        for place in catalog.changes.channels("lamp").places("stable")
        if (pointer := catalog.changes.channels("lamp").current("stable", place))
    }
    assert current["d1_mini"] == "1.0.0"
    assert not (old.catalog / "plain/plain-1.0.0_nodemcuv2.bin").exists()


def test_what_it_reads_of_a_catalog_of_today_is_a_newer_format(old: Old) -> None:
    """It takes each ``*.json`` beside the manifests for one, and refuses what is not format 1.

    So did 0.1.0 (``acpublish/catalog/snapshot.py``: ``_all_of``, ``acpublish/release/manifest.py``:
    ``from_dict``), and its publish ended with this line before anything was written.
    """
    DirectoryCatalog(old.catalog).changes.make(
        "lamp",
        ChangeRequest(action="promote", version=Version.parse("1.0.0"), channel=channel("beta")),
    )
    path = old.catalog / ".acpublish/releases/lamp/channels.json"
    document = json.loads(path.read_text())
    assert document["format"] > min(json.loads(text)["format"] for text in manifests(old).values())
    with pytest.raises(ManifestError, match="format is newer than 1"):
        Release.from_json(path.read_bytes(), path.name)
