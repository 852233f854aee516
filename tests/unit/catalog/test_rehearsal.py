"""A stand-in for a catalog, in which publishes are tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.catalog.rehearsal import Rehearsal
from acpublish.errors import CheckError, ConflictError
from acpublish.image.stamper import stamp
from acpublish.keys import PublicKey
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.manifest import Release
from acpublish.release.submission import Outcome, Submission
from acpublish.release.version import Version
from tests.support import images

SUBMISSION = Submission(
    product=names.product("lamp"),
    version=Version.parse("1.0.0"),
    board=names.board("d1"),
    channel=names.STABLE,
)


def candidate(seed: int = 0, version: str = "1.0.0") -> Candidate:
    return Candidate.of(stamp(images.esp8266_image(seed=seed), "lamp", version))


class Counted(DirectoryCatalog):
    """A catalog that counts how often it is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def releases(self, product: str) -> tuple[Release, ...]:
        self.reads.append(f"releases of {product}")
        return super().releases(product)

    def trusted_keys(self, product: str) -> tuple[PublicKey, ...]:
        self.reads.append(f"keys of {product}")
        return super().trusted_keys(product)


@pytest.fixture
def catalog(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def test_it_sees_what_was_put_and_writes_nothing(catalog: Counted) -> None:
    rehearsal = Rehearsal(catalog)
    first = rehearsal.put(candidate(), SUBMISSION)
    assert first.outcome is Outcome.PUBLISHED
    assert first.url == str(catalog.root / "lamp/lamp-1.0.0_d1.bin")
    assert rehearsal.put(candidate(), SUBMISSION).outcome is Outcome.ALREADY_PUBLISHED
    assert [str(release.version) for release in rehearsal.releases("lamp")] == ["1.0.0"]
    assert catalog.releases("lamp") == ()
    assert list(catalog.root.iterdir()) == []


def test_it_reads_a_product_once(catalog: Counted) -> None:
    rehearsal = Rehearsal(catalog)
    for version in ("1.0.0", "1.1.0"):
        wanted = replace(SUBMISSION, version=Version.parse(version))
        rehearsal.put(candidate(version=version), wanted)
    assert sorted(catalog.reads) == ["keys of lamp", "releases of lamp"]


def test_what_does_not_go_together_is_found(catalog: Counted) -> None:
    rehearsal = Rehearsal(catalog)
    rehearsal.put(candidate(), SUBMISSION)
    with pytest.raises(ConflictError):
        rehearsal.put(candidate(1), SUBMISSION)
    with pytest.raises(CheckError, match="chip: "):
        rehearsal.put(candidate(), replace(SUBMISSION, chip="esp32"))
    assert len(rehearsal.releases("lamp")) == 1


def test_a_refused_image_is_not_remembered(catalog: Counted) -> None:
    rehearsal = Rehearsal(catalog)
    with pytest.raises(CheckError):
        rehearsal.put(Candidate.of(b"a text"), SUBMISSION)
    assert rehearsal.releases("lamp") == ()


def test_where_files_would_be_is_the_catalogs_word(catalog: Counted) -> None:
    rehearsal = Rehearsal(catalog)
    assert rehearsal.url_of("lamp/x.bin") == catalog.url_of("lamp/x.bin")
    assert rehearsal.request_for(SUBMISSION) is None
