from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from acpublish import api
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import CheckError, ConflictError, DamagedImageError, VersionError
from acpublish.image import gzip, reader
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.git import GitState
from acpublish.publishing.options import Destination, PublishOptions
from acpublish.publishing.publish import publish_image
from acpublish.publishing.result import Publication, describe
from acpublish.publishing.versions import VersionSource, resolve
from acpublish.release import candidate, names
from acpublish.release.decision import choose
from acpublish.release.declared import Declared
from acpublish.release.manifest import Release
from acpublish.release.names import ChannelName
from acpublish.release.submission import Outcome
from acpublish.release.version import Version
from tests.support import images


def built(seed: int = 0) -> bytes:
    return images.esp8266_image(size=5120, seed=seed)


def publish(
    root: Path,
    data: bytes,
    version: str | VersionSource = "1.0.0",
    *,
    board: str = "d1",
    channel: str | None = None,
    on_build: bool = False,
    dry_run: bool = False,
    declared: Declared | None = None,
    signing_key: Path | None = None,
) -> Publication:
    destination = Destination(to=str(root))
    options = PublishOptions(
        destination=destination,
        product=names.product("lamp"),
        version_source=str(version),
        board=names.board(board),
        channel=ChannelName(channel) if channel else None,
        declared=declared or Declared(),
        signing_key=signing_key,
    )
    source = version if isinstance(version, VersionSource) else resolve(version, root)
    return publish_image(
        data, options, source, open_catalog(destination), development=on_build, dry_run=dry_run
    )


def git(tag: str = "1.2.3", distance: int = 0, *, changed: bool = False) -> VersionSource:
    parsed = Version.parse(tag)
    state = GitState(tag=parsed, distance=distance, commit="abc1234", changed=changed)
    return VersionSource(base=parsed, git=state)


def version_of(publication: Publication) -> str:
    return str(publication.submission.version)


def on(root: Path, channel: str, board: str = "d1") -> str | None:
    target = choose(DirectoryCatalog(root).releases("lamp"), board, channel)
    return str(target.release.version) if target else None


def test_the_published_bytes_are_stamped(tmp_path: Path) -> None:
    done = publish(tmp_path, built())
    held = (tmp_path / done.receipt.file).read_bytes()
    assert held == stamp(built(), "lamp", "1.0.0")
    assert done.receipt.sha256 == read(held).sha256
    assert done.submission.channel == "stable"
    assert describe(done) == "lamp 1.0.0 for d1 (stable): published"


def test_the_same_build_again_is_already_published(tmp_path: Path) -> None:
    publish(tmp_path, built())
    for data in (built(), stamp(built(), "lamp", "1.0.0"), stamp(built(), "other", "9.0.0")):
        done = publish(tmp_path, data)
        assert done.receipt.outcome is Outcome.ALREADY_PUBLISHED
        assert describe(done).endswith(": already published")
    added = publish(tmp_path, built(), channel="beta")
    assert describe(added) == "lamp 1.0.0 for d1 (beta): added to the channel"


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    first = publish(tmp_path, built())
    with pytest.raises(ConflictError) as caught:
        publish(tmp_path, built(1))
    assert first.receipt.sha256 in str(caught.value)
    assert read(stamp(built(1), "lamp", "1.0.0")).sha256 in str(caught.value)


def test_an_image_without_a_record_is_published_as_it_is_with_a_warning(tmp_path: Path) -> None:
    data = images.esp8266_image(record=False)
    done = publish(tmp_path, data)
    assert (tmp_path / done.receipt.file).read_bytes() == data
    (warning,) = done.receipt.warnings
    assert warning.startswith("unstamped: ")


class TestDryRun:
    def test_it_says_what_would_be_and_writes_nothing(self, tmp_path: Path) -> None:
        done = publish(tmp_path, built(), dry_run=True)
        assert (done.dry_run, done.receipt.outcome) == (True, Outcome.PUBLISHED)
        assert done.receipt.file == "lamp/lamp-1.0.0_d1.bin"
        assert done.receipt.sha256 == read(stamp(built(), "lamp", "1.0.0")).sha256
        assert describe(done) == "lamp 1.0.0 for d1 (stable): would be published"
        assert list(tmp_path.iterdir()) == []

    def test_it_finds_what_is_there(self, tmp_path: Path) -> None:
        publish(tmp_path, built())
        again = publish(tmp_path, built(), dry_run=True)
        assert describe(again).endswith("nothing to do: already published")
        with pytest.raises(ConflictError):
            publish(tmp_path, built(1), dry_run=True)
        other = publish(tmp_path, built(1), dry_run=True, on_build=True)
        assert version_of(other) == "1.0.1-dev.1"
        assert on(tmp_path, "dev") is None


class TestBadImages:
    @pytest.mark.parametrize(
        ("data", "error", "said"),
        [
            (b"", CheckError, "empty"),
            (b"a text\n", CheckError, "not an ESP image"),
            (built()[:-40], DamagedImageError, "damaged"),
            (built()[:5000] + b"\xff" + built()[5001:], DamagedImageError, "damaged"),
            (images.merged_image(), CheckError, "merged factory image"),
            (images.signed_esp32(images.esp32_image()), CheckError, "signed"),
            (images.gzipped(built()), CheckError, "gzip"),
            (images.esp32_image()[:-1] + b"\0", DamagedImageError, "SHA-256"),
        ],
    )
    @pytest.mark.parametrize("on_build", [False, True])
    def test_one_line_and_nothing_written(
        self, tmp_path: Path, data: bytes, error: type[Exception], said: str, on_build: bool
    ) -> None:
        with pytest.raises(error) as caught:
            publish(tmp_path, data, on_build=on_build)
        assert said.lower() in str(caught.value).lower()
        assert str(caught.value).isprintable()
        assert list(tmp_path.iterdir()) == []

    def test_an_unknown_chip_is_published_by_its_number(self, tmp_path: Path) -> None:
        publish(tmp_path, images.esp32_image(chip=99))
        (release,) = DirectoryCatalog(tmp_path).releases("lamp")
        assert release.images[0].chip == "chip-99"


class TestOnBuild:
    def test_a_version_that_is_taken_becomes_a_development_version(self, tmp_path: Path) -> None:
        assert version_of(publish(tmp_path, built(), on_build=True)) == "1.0.0"
        second = publish(tmp_path, built(1), on_build=True)
        assert (version_of(second), second.submission.channel) == ("1.0.1-dev.1", "dev")
        assert "already published with different bytes" in second.note
        assert version_of(publish(tmp_path, built(2), on_build=True)) == "1.0.1-dev.2"
        assert (on(tmp_path, "stable"), on(tmp_path, "dev")) == ("1.0.0", "1.0.1-dev.2")

    def test_a_version_lower_than_the_channels_becomes_a_development_version(
        self, tmp_path: Path
    ) -> None:
        publish(tmp_path, built(), "2.0.0", on_build=True)
        # A build of an old commit must neither fail nor move the devices' channel back.
        old = publish(tmp_path, built(1), "1.0.0", on_build=True)
        assert (version_of(old), old.channel) == ("1.0.1-dev.1", "dev")
        assert old.note == "stable has a higher version than 1.0.0, so this build is 1.0.1-dev.1"
        assert (on(tmp_path, "stable"), on(tmp_path, "dev")) == ("2.0.0", "1.0.1-dev.1")
        # On dev builds of several branches meet, so a lower one is only a warning.
        publish(tmp_path, built(2), "2.0.0", on_build=True)
        lower = publish(tmp_path, built(3), "1.0.0", on_build=True)
        assert (version_of(lower), str(lower.points_at)) == ("1.0.1-dev.2", "1.0.1-dev.2")
        assert any(warning.startswith("version-order: ") for warning in lower.warnings)

    def test_a_taken_version_is_one_below_a_higher_release_too(self, tmp_path: Path) -> None:
        for version in ("1.0.0", "2.0.0"):
            publish(tmp_path, built(), version, on_build=True)
        taken = publish(tmp_path, built(1), "1.0.0", on_build=True)
        assert "already published with different bytes" in taken.note
        again = publish(tmp_path, built(), "1.0.0", on_build=True)
        assert (again.outcome, again.note) == (Outcome.ALREADY_PUBLISHED, "")
        assert (str(again.version), str(again.points_at)) == ("1.0.0", "2.0.0")

    def test_the_same_build_gets_no_second_version(self, tmp_path: Path) -> None:
        publish(tmp_path, built(), on_build=True)
        publish(tmp_path, built(1), on_build=True)
        again = publish(tmp_path, built(1), on_build=True)
        assert version_of(again) == "1.0.1-dev.1"
        assert again.receipt.outcome is Outcome.ALREADY_PUBLISHED
        first = publish(tmp_path, built(), on_build=True)
        assert (version_of(first), first.note) == ("1.0.0", "")

    def test_going_back_is_a_new_version_too(self, tmp_path: Path) -> None:
        for seed, version in ((0, "1.0.0"), (1, "1.0.1-dev.1"), (2, "1.0.1-dev.2"),
                              (1, "1.0.1-dev.3")):  # fmt: skip
            assert version_of(publish(tmp_path, built(seed), on_build=True)) == version

    def test_another_board_joins_the_version(self, tmp_path: Path) -> None:
        publish(tmp_path, built(), on_build=True)
        other = publish(tmp_path, images.esp32_image(), board="c3", on_build=True)
        assert version_of(other) == "1.0.0"

    def test_boards_that_are_built_together_share_their_development_versions(
        self, tmp_path: Path
    ) -> None:
        for seed in range(3):
            one = publish(tmp_path, built(seed), on_build=True)
            other = publish(tmp_path, images.esp32_image(seed=seed), board="c3", on_build=True)
            assert version_of(one) == version_of(other)

    def test_a_candidate(self, tmp_path: Path) -> None:
        publish(tmp_path, built(), "1.0.0-rc.1", on_build=True)
        second = publish(tmp_path, built(1), "1.0.0-rc.1", on_build=True)
        assert version_of(second) == "1.0.0-rc.1.dev.1"

    def test_a_version_without_room_is_an_error_of_one_line(self, tmp_path: Path) -> None:
        long = "1.0.0-" + "a" * 25
        publish(tmp_path, built(), long, on_build=True)
        with pytest.raises(VersionError, match="a stamp holds at most 31"):
            publish(tmp_path, built(1), long, on_build=True)

    def test_threads_never_fail_and_never_share_a_version(self, tmp_path: Path) -> None:
        publish(tmp_path, built())
        for seed in range(1, 9):
            built(seed)
        with ThreadPoolExecutor(8) as pool:
            done = list(
                pool.map(lambda seed: publish(tmp_path, built(seed), on_build=True), range(1, 9))
            )
        assert {version_of(one) for one in done} == {f"1.0.1-dev.{n}" for n in range(1, 9)}
        releases = DirectoryCatalog(tmp_path).releases("lamp")
        assert len({digests(release) for release in releases}) == 9


def digests(release: Release) -> tuple[str, ...]:
    return tuple(image.unstamped_sha256 for image in release.images)


class TestOnBuildFromGit:
    def test_a_tagged_state_is_stable_and_another_is_not(self, tmp_path: Path) -> None:
        assert publish(tmp_path, built(), git(), on_build=True).submission.channel == "stable"
        later = publish(tmp_path, built(1), git(distance=5), on_build=True, channel="stable")
        assert (version_of(later), later.submission.channel) == ("1.2.4-dev.5+gabc1234", "dev")

    def test_other_bytes_of_the_same_commit_are_told_apart(self, tmp_path: Path) -> None:
        publish(tmp_path, built(), git(), on_build=True)
        other = publish(tmp_path, built(1), git(), on_build=True)
        digits = read(built(1)).unstamped_sha256[:8]
        assert version_of(other) == f"1.2.4-dev.0+gabc1234.d{digits}"
        assert other.submission.channel == "dev"
        again = publish(tmp_path, built(1), git(), on_build=True)
        assert again.receipt.outcome is Outcome.ALREADY_PUBLISHED

    def test_also_where_the_stamp_has_no_room_for_the_digest(self, tmp_path: Path) -> None:
        source = git("10.20.30-beta.10", 100, changed=True)
        made = [publish(tmp_path, built(seed), source, on_build=True) for seed in range(4)]
        texts = [version_of(one) for one in made]
        assert len(set(texts)) == 4
        assert all(len(text) <= 31 for text in texts)
        orders = [Version.parse(text).precedence for text in texts]
        assert orders == sorted(orders)
        assert version_of(publish(tmp_path, built(3), source, on_build=True)) == texts[3]
        assert on(tmp_path, "dev") == texts[3]

    def test_a_publish_on_demand_says_where_it_went(self, tmp_path: Path) -> None:
        done = publish(tmp_path, built(), git(distance=2))
        assert done.submission.channel == "dev"
        asked = publish(tmp_path, built(), git(distance=2), channel="stable")
        assert asked.receipt.outcome is Outcome.ADDED_TO_CHANNEL


def test_a_directory_needs_no_requests(tmp_path: Path) -> None:
    code = (
        "import sys; from acpublish.publishing.destinations import open_catalog; "
        "from acpublish.publishing.options import Destination; "
        f"open_catalog(Destination(to={str(tmp_path)!r})); sys.exit('requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_changed_work_tree_does_not_get_to_stable(tmp_path: Path) -> None:
    changed = Declared(changed=True)
    with pytest.raises(CheckError, match="uncommitted") as caught:
        publish(tmp_path, built(), declared=changed)
    assert caught.value.check == "dirty"
    with pytest.raises(CheckError, match="dirty: the working tree"):
        publish(tmp_path, built(), git(changed=True), channel="stable")
    assert not any(tmp_path.iterdir())
    assert publish(tmp_path, built(), git(changed=True)).submission.channel == "dev"


def test_on_a_build_a_changed_work_tree_gets_a_development_version(tmp_path: Path) -> None:
    changed = Declared(changed=True)
    done = publish(tmp_path, built(), declared=changed, on_build=True)
    assert (str(done.submission.version), done.submission.channel) == ("1.0.1-dev.1", "dev")
    assert "uncommitted changes" in done.note
    again = publish(tmp_path, built(), declared=changed, on_build=True)
    assert again.receipt.outcome is Outcome.ALREADY_PUBLISHED
    committed = publish(tmp_path, built(), declared=Declared(changed=False), on_build=True)
    assert (str(committed.submission.version), committed.submission.channel) == ("1.0.0", "stable")
    # The same bytes are that release, whatever was changed elsewhere.
    same = publish(tmp_path, built(), declared=changed, on_build=True)
    assert same.submission.version == committed.submission.version


class TestTheWorkIsDoneOnce:
    """Each of these takes time in proportion to the image, so none is repeated."""

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_by_a_compressed_publish(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dry_run: bool
    ) -> None:
        done: list[str] = []

        def counted(module: ModuleType, name: str) -> None:
            function = getattr(module, name)

            def count(*args: Any, **options: Any) -> Any:
                done.append(name)
                return function(*args, **options)

            for other in [one for key, one in sys.modules.items() if key.startswith("acpublish")]:
                if getattr(other, name, None) is function:
                    monkeypatch.setattr(other, name, count)

        counted(reader, "read")
        counted(candidate, "find_secrets")
        counted(gzip, "compress")
        destination = Destination(to=str(tmp_path))
        options = PublishOptions(
            destination=destination,
            product=names.product("lamp"),
            version_source="1.0.0",
            board=names.board("d1"),
            compress=True,
        )
        data = images.esp8266_image(compressible=True)
        source = resolve("1.0.0", tmp_path)
        publication = publish_image(
            data, options, source, open_catalog(destination), dry_run=dry_run
        )
        assert publication.receipt.compressed is not None
        # As it was built and as it is stamped.
        assert sorted(done) == ["compress", "find_secrets", "read", "read"]


def test_a_refused_version_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that no trusted key signed is not seen, but its version is taken all the same."""
    key = tmp_path / "key.pem"
    public = api.create_key(key)
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    for seed in range(4):
        publish(catalog, built(seed), on_build=True)
    assert on(catalog, "dev") == "1.0.1-dev.3"
    api.trust_keys(catalog, product="lamp", add=public.pem, confirmed=True)
    assert DirectoryCatalog(catalog).releases("lamp") == ()
    done = publish(catalog, built(5), on_build=True, signing_key=key)
    assert version_of(done) == "1.0.1-dev.4"


def test_a_refused_version_from_git_is_not_tried_again(tmp_path: Path) -> None:
    """A stamp without room for a whole digest has a number, which moves on past each refusal."""
    key = tmp_path / "key.pem"
    public = api.create_key(key)
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    source = git("10.20.30-beta.10", 100, changed=True)
    unseen = [version_of(publish(catalog, built(seed), source, on_build=True)) for seed in range(4)]
    api.trust_keys(catalog, product="lamp", add=public.pem, confirmed=True)
    assert DirectoryCatalog(catalog).releases("lamp") == ()
    done = publish(catalog, built(5), source, on_build=True, signing_key=key)
    assert version_of(done) not in unseen
    assert on(catalog, "dev") == version_of(done)
