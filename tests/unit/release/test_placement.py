from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acpublish.errors import CheckError, ConflictError
from acpublish.image.reader import read
from acpublish.keys import create_key
from acpublish.release import candidate, names
from acpublish.release.candidate import Candidate
from acpublish.release.declared import Declared
from acpublish.release.manifest import Compressed, Release
from acpublish.release.names import ImageKind
from acpublish.release.placement import Prepared, gzip_beside, place, prepare
from acpublish.release.signatures import sign, signed_by, statement, submitted_statement
from acpublish.release.submission import Outcome, Submission, visible_name
from acpublish.release.version import Version
from tests.support import images, other_images
from tests.unit.release.making import NOW

KEY = create_key()
IMAGE, OTHER = read(images.esp8266_image(seed=1)), read(images.esp8266_image(seed=2))


def submission(
    version: str = "1.0.0",
    board: str = "d1",
    channel: str = "stable",
    kind: ImageKind = "firmware",
) -> Submission:
    return Submission(
        product=names.product("lamp"),
        version=Version.parse(version),
        board=names.board(board),
        channel=names.channel(channel),
        kind=kind,
        provenance={"commit": "abc"},
    )


def test_the_first() -> None:
    placed = place(IMAGE, submission(), [], NOW)
    assert placed.outcome is Outcome.PUBLISHED
    assert placed.image.channels == {"stable": 1}
    assert placed.image.file == "lamp-1.0.0_d1.bin"
    assert placed.image.published_at == "2026-11-24T04:05:06Z"
    assert (placed.image.sha256, placed.image.family) == (IMAGE.sha256, "esp8266")
    assert placed.image.provenance == {"commit": "abc"}
    assert placed.release.images == (placed.image,)


def test_again_and_on_another_channel() -> None:
    first = place(IMAGE, submission(), [], NOW)
    again = place(IMAGE, submission(), [first.release], NOW)
    assert (again.outcome, again.release) == (Outcome.ALREADY_PUBLISHED, first.release)
    added = place(IMAGE, submission(channel="beta"), [first.release], NOW)
    assert added.outcome is Outcome.ADDED_TO_CHANNEL
    assert added.image.channels == {"stable": 1, "beta": 2}


def test_a_signature_names_the_core_that_is_there() -> None:
    """Which core an image was built with decides who gets its gzip, so that it is signed."""

    def signed(core: str | None) -> Submission:
        told = {} if core is None else {"core": core}
        wanted = replace(submission(), provenance=told)
        return replace(wanted, signatures=(sign(submitted_statement(IMAGE, wanted), KEY),))

    unsigned = place(IMAGE, submission(), [], NOW).release
    first = place(IMAGE, signed("3.1.2"), [unsigned], NOW, trusted_keys=(KEY.public,))
    assert first.outcome is Outcome.SIGNED
    assert first.image.provenance == {"commit": "abc", "core": "3.1.2"}
    stated = statement("lamp", "1.0.0", first.image)
    assert signed_by(stated, first.image.signatures, (KEY.public,))
    for other in ("2.4.2", None):
        with pytest.raises(ConflictError, match=r"built with core 3\.1\.2"):
            place(IMAGE, signed(other), [first.release], NOW, trusted_keys=(KEY.public,))


def test_other_bytes_are_refused_with_both_digests() -> None:
    first = place(IMAGE, submission(), [], NOW)
    for channel in ("stable", "beta"):
        with pytest.raises(ConflictError) as caught:
            place(OTHER, submission(channel=channel), [first.release], NOW)
        assert IMAGE.sha256 in str(caught.value)
        assert OTHER.sha256 in str(caught.value)


def test_another_board_joins_and_touches_nothing_else() -> None:
    first = place(IMAGE, submission(), [], NOW)
    second = place(OTHER, submission(board="c3", channel="beta"), [first.release], NOW)
    assert second.release.image_for("d1", "firmware") == first.image
    assert second.image.channels == {"beta": 2}
    files = place(OTHER, submission(kind="filesystem"), [second.release], NOW)
    assert len(files.release.images) == 3
    assert files.image.file == "lamp-1.0.0_d1.fs.bin"
    assert files.image.family is None


def test_versions_that_differ_in_their_build_are_two_releases() -> None:
    first = place(IMAGE, submission("1.0.0+a"), [], NOW)
    second = place(OTHER, submission("1.0.0+b"), [first.release], NOW)
    assert second.outcome is Outcome.PUBLISHED
    assert second.image.channels == {"stable": 2}


def test_a_gzip_that_is_no_smaller_is_not_kept() -> None:
    wanted = replace(submission(), compress=True)
    dense = Candidate.of(other_images.dense_esp8266())
    loose = Candidate.of(images.esp8266_image(compressible=True))
    gzip, warnings = gzip_beside(dense, wanted)
    assert gzip == b""
    assert "not smaller" in warnings[0]
    gzip, warnings = gzip_beside(loose, wanted)
    assert 0 < len(gzip) < len(loose.data) / 2
    assert warnings == ()
    assert gzip_beside(loose, submission()) == (b"", ())


class TestPrepare:
    LOOSE = Candidate.of(images.esp8266_image(compressible=True)).stamped(submission())

    def prepared(self, *releases: Release, **changes: Any) -> Prepared:
        return prepare(self.LOOSE, replace(submission(), **changes), releases, (), NOW)

    def test_the_receipt_describes_what_is_placed(self) -> None:
        prepared = self.prepared(compress=True)
        receipt = prepared.receipt("somewhere")
        assert receipt.outcome is Outcome.PUBLISHED
        assert (receipt.file, receipt.url) == ("lamp/lamp-1.0.0_d1.bin", "somewhere")
        assert (receipt.size, receipt.sha256) == (self.LOOSE.image.size, self.LOOSE.image.sha256)
        assert receipt.compressed == Compressed.of(prepared.gzip)
        assert receipt.compressed == prepared.placement.image.compressed
        assert receipt.not_checked["flash-size"] == "the size of the board's flash"

    def test_an_error_stops_it_before_the_gzip_is_made(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(candidate, "compress", lambda *_: pytest.fail("it was compressed"))
        declared = Declared(changed=True)
        with pytest.raises(CheckError, match="dirty: "):
            self.prepared(compress=True, declared=declared)

    def test_other_bytes_are_a_conflict(self) -> None:
        other = place(OTHER, submission(), [], NOW).release
        with pytest.raises(ConflictError):
            self.prepared(other)

    def test_a_gzip_that_is_published_is_kept(self) -> None:
        theirs = Compressed(size=700, md5="a" * 32, sha256="b" * 64)
        first = self.prepared(compress=True).placement
        other = first.release.with_image(replace(first.image, compressed=theirs))
        receipt = self.prepared(other, compress=True).receipt("")
        assert (receipt.outcome, receipt.compressed) == (Outcome.ALREADY_PUBLISHED, theirs)

    def test_a_warning_is_in_the_receipt_once(self) -> None:
        plain = Candidate.of(images.esp8266_image(record=False))
        (warning,) = prepare(plain, submission(), (), (), NOW).receipt("").warnings
        assert warning.startswith("unstamped: ")


def test_names_of_visible_files_are_unique() -> None:
    kinds: tuple[ImageKind, ImageKind] = ("firmware", "filesystem")
    made = [
        visible_name("lamp", Version.parse(version), board, kind)
        for version in ("1.0.0", "1.0.0-a", "1.0.0+a", "1.0.0-a-b")
        for board in ("d1", "a_d1", "d1_a", "a-b")
        for kind in kinds
    ]
    assert len(set(made)) == len(made)
