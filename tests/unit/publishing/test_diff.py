"""What changed between two images, each a file or a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import BadNameError, NotFoundError, SettingsError, VersionError
from acpublish.image.stamper import stamp
from acpublish.publishing.diff import difference
from acpublish.publishing.options import Destination
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from tests.support import images


def put(root: Path, version: str, board: str = "d1", seed: int = 0) -> None:
    data = stamp(images.esp8266_image(seed=seed), "lamp", version)
    submission = Submission(
        product=names.product("lamp"),
        version=Version.parse(version),
        board=names.board(board),
        channel=names.STABLE,
        provenance={"commit": f"c{seed}"},
    )
    DirectoryCatalog(root).put(Candidate.of(data), submission)


@pytest.fixture
def destination(tmp_path: Path) -> Destination:
    root = tmp_path / "catalog"
    root.mkdir()
    put(root, "1.0.0")
    put(root, "1.1.0", seed=1)
    put(root, "1.1.0", "d2", seed=2)
    return Destination(to=str(root))


def test_two_files_need_no_catalog(tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / f"{number}.bin").write_bytes(images.esp8266_image(seed=number))
    changed = difference(str(tmp_path / "0.bin"), str(tmp_path / "1.bin"), None)
    assert (changed.build, changed.trend, changed.old.release) == ((), (), None)
    assert changed.comparison.share > 0


def test_two_releases(destination: Destination) -> None:
    changed = difference("lamp@1.0.0", "lamp@1.1.0", destination, board="d1")
    assert [(change.name, change.old, change.new) for change in changed.build] == [
        ("commit", "c0", "c1")
    ]
    assert [str(size.version) for size in changed.trend] == ["1.0.0", "1.1.0"]
    last = difference("lamp@1.0.0", "lamp@1.1.0", destination, board="d1", last=1)
    assert [str(size.version) for size in last.trend] == ["1.1.0"]


def test_a_release_and_a_file_have_a_trend_but_no_build(
    destination: Destination, tmp_path: Path
) -> None:
    path = tmp_path / "new.bin"
    path.write_bytes(images.esp8266_image())
    for sides in (("lamp@1.0.0", str(path)), (str(path), "lamp@1.0.0")):
        changed = difference(*sides, destination)
        assert (changed.build, len(changed.trend)) == ((), 2)


def test_a_file_of_a_releases_name_comes_first(
    destination: Destination, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lamp@1.0.0").write_bytes(images.esp8266_image())
    assert difference("lamp@1.0.0", "lamp@1.0.0", destination).old.release is None


@pytest.mark.parametrize(
    ("name", "board", "error", "said"),
    [
        ("lamp@1.1.0", None, SettingsError, "images for several boards"),
        ("lamp@1.1.0", "c3", NotFoundError, "no firmware for c3"),
        ("lamp@9.0.0", None, NotFoundError, "no release lamp 9.0.0"),
        ("lamp@new", None, VersionError, "not a valid SemVer"),
        ("Lamp@1.0.0", None, BadNameError, "product name"),
    ],
)
def test_what_is_not_there_is_named(
    destination: Destination,
    name: str,
    board: str | None,
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        difference(name, name, destination, board=board)


def test_the_boards_to_choose_from_are_in_the_hint(destination: Destination) -> None:
    with pytest.raises(SettingsError) as caught:
        difference("lamp@1.1.0", "lamp@1.0.0", destination)
    assert caught.value.hint == "Choose one with --board: d1, d2."


def test_a_release_needs_a_catalog() -> None:
    with pytest.raises(SettingsError, match="no catalog is given"):
        difference("lamp@1.0.0", "lamp@1.1.0", None)
