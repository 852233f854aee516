from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.contents import CatalogFiles
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import (
    ConflictError,
    ManifestError,
    NotFoundError,
    SettingsError,
)
from acpublish.release.change_request import ChangeRequest, RequestedAction
from acpublish.release.decision import choose
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.support import images
from tests.unit.catalog.changing import NOW, change, points_at, three_releases
from tests.unit.catalog.holding import candidate, files_below, image, put, submission


def test_a_promotion_names_firmware_that_asks_on_another_channel(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    path, plain = b"/update/lamp/d1?channel=beta\0", images.esp8266_image(size=5120, record=False)
    # The space behind the bootloader is in no segment.
    data = images.with_crc_words(plain[:3000] + path + plain[3000 + len(path) :])
    catalog.put(candidate(data), submission("1.0.0", channel="beta"))
    (new, note) = change(catalog, "promote", "1.0.0", "stable").notes
    assert "stable is a new channel" in new
    assert note == (
        "d1: its firmware asks for updates on beta, so devices that get it from stable leave "
        "that channel."
    )
    assert note not in change(catalog, "promote", "1.0.0", "stable").notes


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    return three_releases(tmp_path)


def test_a_rollback_goes_one_step_further_back_each_time(catalog: DirectoryCatalog) -> None:
    assert points_at(catalog) == "1.2.0"
    change(catalog, "rollback", channel="stable", why="does not boot")
    assert points_at(catalog) == points_at(catalog, board="d2") == "1.1.0"
    change(catalog, "rollback", channel="stable")
    assert points_at(catalog) == "1.0.0"
    with pytest.raises(ConflictError, match="nothing was there before"):
        change(catalog, "rollback", channel="stable")
    put(catalog, "1.3.0")
    change(catalog, "rollback", channel="stable", boards=("d1",))
    # Not to 1.2.0 or 1.1.0, from which it went back.
    assert points_at(catalog) == "1.0.0"


def test_a_rollback_to_a_release_names_the_boards_that_stay(catalog: DirectoryCatalog) -> None:
    put(catalog, "1.3.0", board="d3")
    changed = change(catalog, "rollback", "1.0.0", "stable")
    assert points_at(catalog) == "1.0.0"
    assert changed.notes == ("d3 stays at 1.3.0: 1.0.0 has no image for it.",)
    assert {str(move.after) for move in changed.change.moves} == {"1.0.0"} if changed.change else 0
    assert sorted(map(str, changed.ordered_back)) == ["d1", "d2"]


def test_a_promotion_moves_up_only_and_says_when_nothing_moves(catalog: DirectoryCatalog) -> None:
    change(catalog, "promote", "1.1.0", "beta")
    assert points_at(catalog, "beta") == "1.1.0"
    assert change(catalog, "promote", "1.1.0", "beta").change is None
    with pytest.raises(ConflictError, match=r"1\.0\.0 is lower than 1\.1\.0") as caught:
        change(catalog, "promote", "1.0.0", "beta")
    assert "acpublish rollback lamp 1.0.0 --channel beta" in caught.value.hint
    change(catalog, "promote", "1.2.0", "beta", boards=("d2",))
    assert (points_at(catalog, "beta"), points_at(catalog, "beta", "d2")) == ("1.1.0", "1.2.0")


def test_a_withdrawn_release_is_gone_for_everyone_but_its_bytes(catalog: DirectoryCatalog) -> None:
    changed = change(catalog, "withdraw", "1.2.0", why="eats batteries")
    assert points_at(catalog) == "1.1.0"
    files = CatalogFiles(catalog)
    assert files.locate(b"lamp/lamp-1.2.0_d1.bin") is None
    assert files.locate(b"lamp/lamp-1.1.0_d1.bin") is not None
    assert "lamp/lamp-1.2.0_d1.bin" not in files_below(catalog.root)
    images_of = {str(release.version): release.images[0] for release in catalog.releases("lamp")}
    withdrawn = images_of["1.2.0"]
    assert (withdrawn.withdrawn, withdrawn.withdrawn_reason) == ("withdrawn", "eats batteries")
    assert catalog.read_object(withdrawn.sha256)
    assert changed.applied
    assert changed.ordered_back == {}
    with pytest.raises(ConflictError, match="was withdrawn: eats batteries"):
        put(catalog, "1.2.0")
    with pytest.raises(ConflictError, match="different bytes"):
        put(catalog, "1.2.0", seed=7)
    with pytest.raises(ConflictError, match="was withdrawn: eats batteries") as caught:
        change(catalog, "promote", "1.2.0", "beta")
    assert "acpublish withdraw lamp 1.2.0 --undo" in caught.value.hint


def test_an_undone_withdrawal_moves_no_channel_and_says_how(catalog: DirectoryCatalog) -> None:
    change(catalog, "withdraw", "1.2.0", why="x")
    changed = change(catalog, "undo", "1.2.0")
    assert points_at(catalog) == "1.1.0"
    assert "acpublish promote lamp 1.2.0 --channel" in changed.notes[0]
    assert "lamp/lamp-1.2.0_d1.bin" in files_below(catalog.root)
    change(catalog, "promote", "1.2.0", "stable")
    assert points_at(catalog) == "1.2.0"


def test_a_channel_with_nothing_before_becomes_empty_and_says_so(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    put(catalog)
    changed = change(catalog, "withdraw", "1.0.0", why="x")
    assert points_at(catalog) is None
    assert changed.notes[-1] == "stable points at nothing for d1 now."


def test_a_rollback_to_what_was_left_is_not_undone_by_publishing_again(
    catalog: DirectoryCatalog,
) -> None:
    change(catalog, "rollback", channel="stable")
    assert put(catalog, "1.2.0").outcome is Outcome.ALREADY_PUBLISHED
    assert points_at(catalog) == "1.1.0"


def test_retain_plans_before_it_removes_and_keeps_what_is_needed(catalog: DirectoryCatalog) -> None:
    for number in range(4):
        catalog.put(
            candidate(image(f"2.{number}.0-dev.1")),
            submission(f"2.{number}.0-dev.1", channel="dev"),
            now=NOW - timedelta(days=200 - number),
        )
    plan = change(catalog, "retain", channel="dev", keep=1, apply=False, older_than_s=0)
    assert sorted(str(version) for version, _ in plan.freed) == ["2.0.0-dev.1", "2.1.0-dev.1"]
    assert not plan.applied
    assert len(list(layout.objects(catalog.root).iterdir())) == 7
    change(catalog, "retain", channel="dev", keep=1, older_than_s=0)
    assert len(list(layout.objects(catalog.root).iterdir())) == 5
    assert "lamp/lamp-2.0.0-dev.1_d1.bin" not in files_below(catalog.root)
    states = {
        str(release.version): release.images[0].withdrawn for release in catalog.releases("lamp")
    }
    assert states["2.0.0-dev.1"] == "retired"
    assert states["2.3.0-dev.1"] is None
    # Its manifest stays, so the version is never given to other bytes.
    with pytest.raises(ConflictError):
        put(catalog, "2.0.0-dev.1", channel="dev")


def test_a_deleted_release_leaves_a_tombstone(catalog: DirectoryCatalog) -> None:
    (sha256,) = {
        image.sha256
        for release in catalog.releases("lamp")
        for image in release.images
        if str(release.version) == "1.1.0"
    }
    change(catalog, "delete", "1.1.0", why="holds the key of the Wi-Fi")
    assert not catalog.object_path(sha256).exists()
    assert layout.manifest(catalog.root, "lamp", Version.parse("1.1.0")).is_file()
    with pytest.raises(ConflictError, match="bytes are gone"):
        change(catalog, "undo", "1.1.0")


def test_two_that_move_at_once_and_the_second_hears_so(catalog: DirectoryCatalog) -> None:
    plan = change(catalog, "rollback", channel="stable", apply=False)
    change(catalog, "promote", "1.2.0", "beta", by="anna")
    with pytest.raises(ConflictError, match="another change was made meanwhile: promote"):
        change(catalog, "rollback", channel="stable", serial=plan.serial)
    assert points_at(catalog) == "1.2.0"


def test_the_history_tells_who_did_what_and_older_lines_move_to_files(
    catalog: DirectoryCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("acpublish.catalog.channels_file.MAX_HISTORY", 4)
    monkeypatch.setattr("acpublish.catalog.channels_file._MOVED", 3)
    change(catalog, "rollback", channel="stable", by="anna", why="does not boot")
    history = catalog.changes.history("lamp")
    assert [line.serial for line in history] == list(range(1, 8))
    assert (history[-1].action, history[-1].author.by) == ("rollback", "anna")
    folder = layout.manifests(catalog.root, "lamp")
    assert [path.name for path in folder.glob("*.jsonl")] == ["history-000000001.jsonl"]
    assert len(json.loads((folder / "channels.json").read_text())["history"]) == 4
    who = json.loads((catalog.root.parent / "state/changes/lamp/000000007.json").read_text())
    assert set(who) == {"user", "host"}
    assert who["user"] not in (folder / "channels.json").read_text()


@pytest.mark.parametrize(
    ("action", "version", "channel", "boards", "words"),
    [
        ("promote", "9.0.0", "stable", (), "there is no release 9.0.0"),
        ("promote", "1.0.0", "beta", ("d9",), "no image for d9"),
        ("rollback", None, "nightly", (), "no channel nightly"),
        ("rollback", None, "stable", ("d9",), "no board d9"),
        ("withdraw", "9.0.0", None, (), "there is no release 9.0.0"),
    ],
)
def test_whatever_is_not_there_is_named(
    catalog: DirectoryCatalog,
    action: RequestedAction,
    version: str | None,
    channel: str | None,
    boards: tuple[str, ...],
    words: str,
) -> None:
    before = layout.channels(catalog.root, "lamp").read_bytes()
    with pytest.raises(NotFoundError, match=words):
        change(catalog, action, version, channel, boards=boards, why="x")
    assert layout.channels(catalog.root, "lamp").read_bytes() == before


@pytest.mark.parametrize("action", ["withdraw", "delete"])
@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("", "no reason is given"),
        (" \u2003", "no reason is given"),
        ("x" * 501, "the reason is 501 characters long; the limit is 500"),
        ("it hangs\n", "the reason contains a control character"),
    ],
)
def test_what_is_taken_back_needs_a_reason(
    catalog: DirectoryCatalog, action: RequestedAction, why: str, words: str
) -> None:
    before = layout.channels(catalog.root, "lamp").read_bytes()
    for apply in (False, True):
        with pytest.raises(SettingsError, match=words):
            change(catalog, action, "1.2.0", why=why, apply=apply)
    assert layout.channels(catalog.root, "lamp").read_bytes() == before


def test_an_unknown_product_and_a_catalog_of_a_newer_version(catalog: DirectoryCatalog) -> None:
    with pytest.raises(NotFoundError, match="no product lamb"):
        catalog.changes.make("lamb", ChangeRequest(action="delete"))
    document = layout.channels(catalog.root, "lamp")
    # As every writer does it; on a slow machine, another change would not be noticed.
    newer = document.with_suffix(".new")
    newer.write_text(document.read_text().replace('"format": 2', '"format": 3'))
    newer.replace(document)
    with pytest.raises(ManifestError, match="newer than 2"):
        change(catalog, "rollback", channel="stable")
    with pytest.raises(ManifestError, match="newer than 2"):
        put(catalog, "1.4.0")
    assert catalog.releases("lamp") == ()
    assert catalog.owns("lamp")


def test_a_deletion_says_which_bytes_stay_because_another_release_has_them(
    catalog: DirectoryCatalog,
) -> None:
    littlefs = images.littlefs(4096)
    for version in ("2.0.0", "2.1.0"):
        catalog.put(candidate(littlefs), submission(version, kind="filesystem"))
    changed = change(catalog, "delete", "2.0.0", why="secret")
    assert changed.notes[-1] == (
        "The bytes of lamp-2.0.0_d1.fs.bin stay, because lamp/lamp-2.1.0_d1.fs.bin has the same."
    )
    assert catalog.object_path(hashlib.sha256(littlefs).hexdigest()).exists()
    change(catalog, "delete", "2.1.0", why="secret")
    assert not catalog.object_path(hashlib.sha256(littlefs).hexdigest()).exists()


def test_a_withdrawn_image_takes_no_file_of_another_release(catalog: DirectoryCatalog) -> None:
    path = layout.manifest(catalog.root, "lamp", Version.parse("1.1.0"))
    text = path.read_text()
    forged = text.replace('"lamp-1.1.0_d1.bin"', '"lamp-1.2.0_d1.bin"')
    assert forged != text
    path.write_text(forged)
    change(catalog, "withdraw", "1.1.0", why="x")
    assert "lamp/lamp-1.2.0_d1.bin" in files_below(catalog.root)


def ordered(catalog: DirectoryCatalog, board: str = "d1") -> list[str]:
    """Returns whose devices go back to what stable points at, as devices are answered."""
    target = choose(catalog.releases("lamp"), board, "stable")
    return list(target.image.ordered_back.get("stable", ())) if target else []


def test_a_publish_below_what_was_taken_back_gets_its_devices(catalog: DirectoryCatalog) -> None:
    change(catalog, "rollback", "1.0.0", "stable")
    put(catalog, "1.0.1")
    assert (points_at(catalog), ordered(catalog)) == ("1.0.1", ["1.2.0", "1.1.0"])
    # While one cannot be read, which may forbid it, nobody goes back.
    manifest = layout.manifest(catalog.root, "lamp", Version.parse("1.0.0"))
    text = manifest.read_text()
    manifest.write_text("{")
    put(catalog, "1.0.2")
    assert (points_at(catalog), ordered(catalog)) == ("1.0.2", [])
    manifest.write_text(text)
    put(catalog, "1.0.3")
    assert ordered(catalog) == ["1.2.0", "1.1.0"]
    limited = replace(submission("1.0.4"), no_downgrade_below=Version.parse("1.0.4"))
    catalog.put(candidate(image("1.0.4")), limited)
    assert ordered(catalog) == ["1.2.0", "1.1.0"]
    change(catalog, "rollback", channel="stable")
    assert (points_at(catalog), ordered(catalog)) == ("1.0.3", [])


def test_a_secure_version_is_read_from_a_withdrawn_image_too(tmp_path: Path) -> None:
    catalog = DirectoryCatalog(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        data = images.esp32_image("esp32c3", project="lamp", version=version)
        catalog.put(candidate(data), submission(version, board="c3"))
        # As an earlier acpublish wrote it.
        path = layout.manifest(catalog.root, "lamp", Version.parse(version))
        document = json.loads(path.read_text())
        del document["images"][0]["secure_version"]
        path.write_text(json.dumps(document))
    catalog = DirectoryCatalog(tmp_path)
    change(catalog, "withdraw", "1.1.0", why="it hangs")
    changed = change(catalog, "rollback", channel="stable")
    assert [list(map(str, versions)) for versions in changed.ordered_back.values()] == [["1.1.0"]]
    data = images.esp32_image("esp32c3", project="lamp", version="1.0.1")
    catalog.put(candidate(data), submission("1.0.1", board="c3"))
    assert ordered(catalog, "c3") == ["1.1.0"]


def test_nobody_goes_back_past_a_manifest_that_cannot_be_read(catalog: DirectoryCatalog) -> None:
    # It may be the one that forbids going back below it.
    layout.manifest(catalog.root, "lamp", Version.parse("1.1.0")).write_text("{")
    before = layout.channels(catalog.root, "lamp").read_bytes()
    with pytest.raises(ManifestError, match=r"1\.1\.0"):
        change(catalog, "rollback", channel="stable")
    with pytest.raises(ManifestError, match=r"1\.1\.0"):
        change(catalog, "withdraw", "1.2.0", why="it hangs", order_back=True)
    assert layout.channels(catalog.root, "lamp").read_bytes() == before
    change(catalog, "withdraw", "1.2.0", why="it hangs")
