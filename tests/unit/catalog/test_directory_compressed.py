"""The gzip beside an image: a second object, no visible file, committed by the manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import WrongKindError
from acpublish.image.gzip import inflate
from acpublish.release.manifest import ReleaseImage
from acpublish.release.submission import Outcome
from tests.support import images, other_images
from tests.unit.catalog.holding import candidate, files_below, image, put, seen, submission

PLAIN = image()
VISIBLE = "lamp/lamp-1.0.0_d1.bin"


def held(root: Path) -> ReleaseImage:
    (release,) = DirectoryCatalog(root).releases("lamp")
    return release.images[0]


def objects(root: Path) -> set[str]:
    return {path.name for path in (root / ".acpublish/objects").iterdir()}


def test_two_objects_and_one_visible_file(tmp_path: Path) -> None:
    receipt = put(tmp_path, compress=True)
    assert files_below(tmp_path) == {VISIBLE}
    gzip = held(tmp_path).compressed
    assert gzip is not None
    assert gzip == receipt.compressed
    assert objects(tmp_path) == {receipt.sha256, gzip.sha256}
    packed = DirectoryCatalog(tmp_path).read_object(gzip.sha256)
    assert (len(packed), hashlib.md5(packed).hexdigest()) == (gzip.size, gzip.md5)
    assert inflate(packed).data == PLAIN == (tmp_path / VISIBLE).read_bytes()


def test_without_it_the_manifest_is_what_it_was(tmp_path: Path) -> None:
    assert put(tmp_path).compressed is None
    manifest = tmp_path / ".acpublish/releases/lamp/1.0.0.json"
    assert "compressed" not in json.loads(manifest.read_bytes())["images"][0]


def test_it_may_be_added_later_and_is_then_there_for_good(tmp_path: Path) -> None:
    put(tmp_path)
    added = put(tmp_path, compress=True)
    assert added.outcome is Outcome.COMPRESSED
    before = seen(tmp_path)
    for compress in (True, False):
        again = put(tmp_path, compress=compress)
        assert (again.outcome, again.compressed) == (Outcome.ALREADY_PUBLISHED, added.compressed)
    assert seen(tmp_path) == before
    both = put(tmp_path, compress=True, channel="beta")
    assert (both.outcome, both.compressed) == (Outcome.ADDED_TO_CHANNEL, added.compressed)


def test_one_that_another_zlib_made_stays(tmp_path: Path) -> None:
    put(tmp_path, compress=True)
    manifest = tmp_path / ".acpublish/releases/lamp/1.0.0.json"
    document = json.loads(manifest.read_bytes())
    theirs = {"size": 700, "md5": "a" * 32, "sha256": "b" * 64}
    document["images"][0]["compressed"] = theirs
    manifest.write_text(json.dumps(document))
    again = put(tmp_path, compress=True)
    assert again.outcome is Outcome.ALREADY_PUBLISHED
    assert again.compressed is not None
    assert again.compressed.to_dict() == theirs


def test_a_gzip_that_is_gone_is_made_again_by_the_same_publish(tmp_path: Path) -> None:
    receipt = put(tmp_path, compress=True)
    assert receipt.compressed is not None
    path = DirectoryCatalog(tmp_path).object_path(receipt.compressed.sha256)
    before = path.read_bytes()
    path.unlink()
    assert put(tmp_path, compress=True).outcome is Outcome.ALREADY_PUBLISHED
    assert path.read_bytes() == before


def test_repair_takes_the_gzip_for_no_orphan(tmp_path: Path) -> None:
    put(tmp_path, compress=True)
    before = objects(tmp_path)
    (tmp_path / ".acpublish/objects" / ("f" * 64)).write_bytes(b"left")
    DirectoryCatalog(tmp_path).repair(older_than_s=0)
    assert objects(tmp_path) == before


def test_one_that_is_no_smaller_is_left_with_a_warning(tmp_path: Path) -> None:
    dense = other_images.dense_esp8266()
    receipt = DirectoryCatalog(tmp_path).put(candidate(dense), submission(compress=True))
    assert (receipt.outcome, receipt.compressed) == (Outcome.PUBLISHED, None)
    assert any(warning.startswith("compress: ") for warning in receipt.warnings)
    assert len(objects(tmp_path)) == 1


def test_an_esp32s_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    data = images.esp32_image("esp32c3", project="lamp", version="1.0.0")
    with pytest.raises(WrongKindError, match="0xE9"):
        DirectoryCatalog(tmp_path).put(candidate(data), submission(compress=True))
    assert not (tmp_path / ".acpublish/objects").exists()
    assert files_below(tmp_path) == set()
