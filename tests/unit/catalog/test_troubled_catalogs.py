"""Catalogs that are damaged, restored from an older copy, or written by a newer acpublish."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from acpublish.catalog import layout
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.rehearsal import Rehearsal
from acpublish.errors import CatalogError, ConflictError, ManifestError, NewerFormatError
from acpublish.keys import create_key
from acpublish.release import names
from acpublish.release.change_request import Changed, ChangeRequest
from acpublish.release.decision import choose
from acpublish.release.manifest import Release
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.unit.catalog.holding import candidate, image, put, submission

COMPAT = Path(__file__).parents[2] / "compat/0.1.0/catalog"
NOW = datetime(2030, 1, 1, tzinfo=timezone.utc)
STABLE = names.channel("stable")


def manifest(catalog: DirectoryCatalog, version: str, product: str = "lamp") -> Path:
    return layout.manifest(catalog.root, product, Version.parse(version))


def boards(catalog: DirectoryCatalog, version: str) -> dict[str, int]:
    """The boards that the manifest of a release has, each with how many signatures."""
    release = Release.from_json(manifest(catalog, version).read_bytes())
    return {entry.board: len(entry.signatures) for entry in release.images}


def change(catalog: DirectoryCatalog, action: str, version: str = "", **more: object) -> Changed:
    request = ChangeRequest(
        action=action,  # type: ignore[arg-type]
        version=Version.parse(version) if version else None,
    )
    return catalog.changes.make("lamp", replace(request, **more), now=NOW)  # type: ignore[arg-type]


def offered(catalog: DirectoryCatalog, channel: str = "stable", board: str = "d1") -> str | None:
    target = choose(DirectoryCatalog(catalog.root).releases("lamp"), board, channel)
    return str(target.release.version) if target else None


@pytest.fixture
def catalog(tmp_path: Path) -> DirectoryCatalog:
    """A catalog with two releases."""
    catalog = DirectoryCatalog(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        put(catalog, version)
    return catalog


class TestOlderChannelsRestored:
    @pytest.fixture
    def newer(self, catalog: DirectoryCatalog) -> bytes:
        """What the channels pointed at before an older document was restored."""
        path = layout.channels(catalog.root, "lamp")
        older = path.read_bytes()
        put(catalog, "1.1.0", board="d2")
        put(catalog, "1.2.0")
        newer = path.read_bytes()
        path.write_bytes(older)
        return newer

    def test_every_image_is_signed_again_and_none_is_lost(
        self, catalog: DirectoryCatalog, newer: bytes
    ) -> None:
        done = catalog.trust.resign("lamp", create_key())
        assert len(done.signed) == 4
        assert boards(catalog, "1.1.0") == {"d1": 1, "d2": 1}
        assert boards(catalog, "1.2.0") == {"d1": 1}
        layout.channels(catalog.root, "lamp").write_bytes(newer)
        assert offered(catalog) == "1.2.0"
        assert offered(catalog, board="d2") == "1.1.0"

    def test_a_further_board_joins_the_others_of_the_manifest(
        self, catalog: DirectoryCatalog, newer: bytes
    ) -> None:
        assert put(catalog, "1.1.0", board="d3").outcome is Outcome.PUBLISHED
        assert put(catalog, "1.2.0", board="d3").outcome is Outcome.PUBLISHED
        assert set(boards(catalog, "1.1.0")) == {"d1", "d2", "d3"}
        assert set(boards(catalog, "1.2.0")) == {"d1", "d3"}
        # Only what was published since is offered: nobody knows what became of the others.
        assert offered(catalog) == "1.1.0"
        assert offered(catalog, board="d2") is None

    def test_what_is_not_listed_keeps_its_bytes_and_is_listed_by_publishing_them(
        self, catalog: DirectoryCatalog, newer: bytes
    ) -> None:
        before = manifest(catalog, "1.2.0").read_bytes()
        with pytest.raises(ConflictError, match="already published with different bytes"):
            put(catalog, "1.2.0", seed=5)
        assert manifest(catalog, "1.2.0").read_bytes() == before
        assert put(catalog, "1.2.0").outcome is Outcome.PUBLISHED
        assert manifest(catalog, "1.2.0").read_bytes() == before
        assert offered(catalog) == "1.2.0"

    def test_a_publish_that_fails_leaves_the_manifest_as_it_was(
        self, catalog: DirectoryCatalog, newer: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = manifest(catalog, "1.2.0").read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("acpublish.catalog.product_changes.write_channels", full)
            with pytest.raises(CatalogError, match="no space left"):
                put(catalog, "1.2.0", board="d3", seed=3)
        assert manifest(catalog, "1.2.0").read_bytes() == before
        # Its bytes are no release, so others may take their place.
        assert put(catalog, "1.2.0", board="d3", seed=4).outcome is Outcome.PUBLISHED


class TestDamagedManifestOfAnotherProduct:
    @pytest.fixture
    def broken(self, catalog: DirectoryCatalog) -> str:
        """Where the damaged manifest is."""
        put(catalog, product="plug")
        manifest(catalog, "1.0.0", "plug").write_bytes(b"{")
        return ".acpublish/releases/plug/1.0.0.json"

    @pytest.mark.parametrize(
        ("action", "version", "more"),
        [
            ("promote", "1.1.0", {"channel": names.channel("beta")}),
            ("rollback", "", {"channel": STABLE}),
            ("withdraw", "1.1.0", {"why": "bad"}),
            ("withdraw", "1.1.0", {"why": "bad", "order_back": True}),
        ],
    )
    def test_it_is_of_no_interest(
        self,
        catalog: DirectoryCatalog,
        broken: str,
        action: str,
        version: str,
        more: dict[str, object],
    ) -> None:
        changed = change(catalog, action, version, **more)
        assert changed.change is not None
        assert not any(broken in note for note in changed.notes)

    def test_a_leaked_secret_goes_at_once(self, catalog: DirectoryCatalog, broken: str) -> None:
        secret = put(catalog, "1.2.0")
        changed = change(catalog, "delete", "1.2.0", why="secret")
        assert not catalog.object_path(secret.sha256).exists()
        (note,) = (note for note in changed.notes if broken in note)
        assert note == (
            f"{broken} cannot be read: if that release has the bytes that were deleted, publish "
            "it again."
        )
        assert offered(catalog) == "1.1.0"

    def test_bytes_that_it_names_stay(self, catalog: DirectoryCatalog, broken: str) -> None:
        shared = catalog.put(candidate(image("1.2.0")), submission("1.2.0"))
        manifest(catalog, "1.0.0", "plug").write_text(f'{{"sha256": "{shared.sha256}"')
        changed = change(catalog, "delete", "1.2.0", why="secret")
        assert changed.notes[-1] == (
            f"The bytes of lamp-1.2.0_d1.bin stay, because {broken} has the same, and cannot be "
            "read."
        )
        assert catalog.object_path(shared.sha256).exists()
        manifest(catalog, "1.0.0", "plug").unlink()
        change(catalog, "delete", "1.2.0", why="secret")
        assert not catalog.object_path(shared.sha256).exists()

    def test_what_only_saves_space_waits_for_it(
        self, catalog: DirectoryCatalog, broken: str
    ) -> None:
        old = [put(catalog, f"2.{n}.0-dev.1", channel="dev", seed=n).sha256 for n in range(4)]
        retain = {"channel": names.channel("dev"), "keep": 1, "older_than_s": 0}
        changed = change(catalog, "retain", **retain)
        assert changed.change is not None
        assert f"{broken} cannot be read: bytes that it may need are still there." in changed.notes
        assert all(catalog.object_path(sha256).exists() for sha256 in old)
        manifest(catalog, "1.0.0", "plug").unlink()
        change(catalog, "retain", **retain)
        assert [catalog.object_path(sha256).exists() for sha256 in old].count(False) == 2

    def test_damaged_channels_of_another_product_block_nothing_either(
        self, catalog: DirectoryCatalog
    ) -> None:
        put(catalog, product="plug")
        layout.channels(catalog.root, "plug").write_bytes(b"{")
        secret = put(catalog, "1.2.0")
        change(catalog, "delete", "1.2.0", why="secret")
        assert not catalog.object_path(secret.sha256).exists()


def test_the_manifest_of_the_release_itself_is_named(catalog: DirectoryCatalog) -> None:
    manifest(catalog, "1.1.0").write_bytes(b"{")
    before = layout.channels(catalog.root, "lamp").read_bytes()
    for action, more in (
        ("delete", {"why": "secret"}),
        ("withdraw", {"why": "bad"}),
        ("promote", {"channel": names.channel("beta")}),
    ):
        with pytest.raises(ManifestError, match=r"lamp/1\.1\.0\.json is not valid JSON"):
            change(catalog, action, "1.1.0", **more)
    assert layout.channels(catalog.root, "lamp").read_bytes() == before


class TestFirstUpgradeWithADamagedManifest:
    @pytest.fixture
    def old(self, tmp_path: Path) -> DirectoryCatalog:
        """A catalog of 0.1.0, in which 1.1.0 is what stable points at for d1_mini."""
        shutil.copytree(COMPAT, tmp_path / "old")
        catalog = DirectoryCatalog(tmp_path / "old")
        assert offered(catalog, board="d1_mini") == "1.1.0"
        return catalog

    @pytest.fixture
    def restore(self, old: DirectoryCatalog) -> Callable[[], object]:
        """Damages the manifest of 1.1.0; restores it when called."""
        path = manifest(old, "1.1.0")
        text = path.read_bytes()
        path.write_bytes(text[:-9])
        return lambda: path.write_bytes(text)

    def test_the_others_are_upgraded_and_it_joins_later(
        self,
        old: DirectoryCatalog,
        restore: Callable[[], object],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.WARNING):
            change(old, "promote", "1.0.0", channel=names.channel("beta"))
        named = [line for line in caplog.messages if "lamp 1.1.0 is not offered until" in line]
        assert len(named) == 1
        assert offered(old, board="d1_mini") == "1.0.0"
        restore()
        assert offered(old, board="d1_mini") == "1.1.0"
        assert offered(old, board="esp32-c3-devkitm-1") == "1.1.0"
        # The next change writes that down, and the manifest is never written again.
        change(old, "promote", "1.1.0", channel=names.channel("beta"))
        actions = [line.action for line in old.changes.history("lamp")]
        assert actions == ["upgrade", "promote", "upgrade", "promote"]
        assert "waiting" not in json.loads(layout.channels(old.root, "lamp").read_text())
        assert offered(old, "beta", "d1_mini") == "1.1.0"
        change(old, "rollback", channel=STABLE)
        assert offered(old, board="d1_mini") == "1.0.0"

    def test_whatever_was_moved_meanwhile_counts_more(
        self, old: DirectoryCatalog, restore: Callable[[], object]
    ) -> None:
        put(old, "1.3.0", board="d1_mini", seed=9)
        restore()
        assert offered(old, board="d1_mini") == "1.3.0"
        assert offered(old, board="esp32-c3-devkitm-1") == "1.1.0"
        change(old, "rollback", channel=STABLE, boards=("d1_mini",))
        assert offered(old, board="d1_mini") == "1.1.0"

    def test_signing_again_keeps_what_it_says_of_channels(
        self, old: DirectoryCatalog, restore: Callable[[], object]
    ) -> None:
        put(old, "1.3.0", board="d2")
        restore()
        old.trust.resign("lamp", create_key())
        assert offered(old, board="d1_mini") == "1.1.0"

    def test_even_if_no_manifest_can_be_read(self, old: DirectoryCatalog) -> None:
        paths = list(layout.manifests(old.root, "lamp").glob("*.json"))
        texts = {path: path.read_bytes() for path in paths}
        for path in paths:
            path.write_bytes(b"")
        put(old, "3.0.0", board="d2")
        for path, text in texts.items():
            path.write_bytes(text)
        assert offered(old, board="d1_mini") == "1.1.0"
        assert offered(old, "dev", "d1_mini") == "1.2.0-dev.1+gabc1234"
        assert offered(old, board="d2") == "3.0.0"


class TestNewerAcpublish:
    @pytest.fixture(params=["channels", "manifest"])
    def newer(self, request: pytest.FixtureRequest, catalog: DirectoryCatalog) -> DirectoryCatalog:
        """A catalog in which a document of lamp is of a newer format."""
        path = layout.channels(catalog.root, "lamp")
        if request.param == "manifest":
            path = manifest(catalog, "1.1.0")
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "format": document["format"] + 1}))
        return catalog

    @pytest.mark.parametrize(
        "write",
        [
            lambda catalog: put(catalog, "1.2.0"),
            lambda catalog: put(catalog, "1.0.0", board="d2"),
            lambda catalog: Rehearsal(catalog).put(candidate(image("1.2.0")), submission("1.2.0")),
            lambda catalog: change(catalog, "promote", "1.0.0", channel=names.channel("beta")),
            lambda catalog: change(catalog, "rollback", channel=STABLE),
            lambda catalog: change(catalog, "withdraw", "1.0.0", why="bad"),
            lambda catalog: change(catalog, "undo", "1.0.0"),
            lambda catalog: change(catalog, "retain", keep=1, older_than_s=0),
            lambda catalog: change(catalog, "retain", keep=1, apply=False),
            lambda catalog: change(catalog, "delete", "1.0.0", why="secret"),
            lambda catalog: catalog.trust.resign("lamp", create_key()),
            lambda catalog: catalog.trust.trust("lamp", create_key().public, confirmed=True),
        ],
    )
    def test_nothing_is_changed(
        self, newer: DirectoryCatalog, write: Callable[[DirectoryCatalog], object]
    ) -> None:
        def content() -> dict[Path, bytes]:
            paths = (path for path in newer.root.rglob("*") if path.is_file())
            return {path: path.read_bytes() for path in paths}

        before = content()
        with pytest.raises(NewerFormatError, match="is newer than") as caught:
            write(newer)
        assert caught.value.hint == "Install a newer acpublish."
        assert content() == before

    def test_other_products_go_on(self, newer: DirectoryCatalog) -> None:
        assert put(newer, product="plug").outcome is Outcome.PUBLISHED

    def test_trusted_keys_of_a_newer_format_are_not_damaged(
        self, catalog: DirectoryCatalog
    ) -> None:
        catalog.trust.trust("lamp", create_key().public, confirmed=True)
        path = layout.trusted_keys(catalog.root, "lamp")
        path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
        with pytest.raises(NewerFormatError, match=r"trusted-keys\.format is newer than 1"):
            put(catalog, "1.2.0")
