"""What publishing would come to: judged once for what was typed, and again when that changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import RequestError
from acpublish.image.stamper import stamp
from acpublish.release import names
from acpublish.release.candidate import Candidate
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from acpublish.server.pages import upload_preview
from acpublish.server.pages.upload_preview import Preview, Previewer, received, source_of
from acpublish.server.pages.waiting_files import Batch, WaitingFile, WaitingFiles
from tests.support.images import esp32_image, esp8266_image, gzipped

IMAGE = esp8266_image(seed=1)


class Bench:
    """A catalog, and the files of somebody."""

    def __init__(self, tmp: Path) -> None:
        (tmp / "catalog").mkdir()
        self.catalog = DirectoryCatalog(tmp / "catalog")
        self.waiting = WaitingFiles(tmp / "state")
        self.batch = Batch()
        self.refused: set[str] = set()

    def drop(self, name: str, data: bytes) -> WaitingFile:
        """Receives a file."""
        file = received(name, data, self.waiting, self.catalog)
        self.batch.files.append(file)
        return file

    def published(self, version: str, board: str = "d1", data: bytes = IMAGE) -> None:
        """Publishes a release of the lamp."""
        submission = Submission(
            product=names.product("lamp"),
            version=Version.parse(version),
            board=names.board(board),
            channel=names.STABLE,
        )
        self.catalog.put(Candidate.of(stamp(data, "lamp", version)), submission)

    def look(self) -> list[Preview]:
        """Returns the previews of all files."""
        Previewer(self.batch, self.catalog, "tester", self._allowed).refresh()
        return [file.preview for file in self.batch.files if file.preview]

    def _allowed(self, product: str, channel: str | None) -> None:
        if product in self.refused:
            raise RequestError(f"not {product}", hint="Ask.")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Somebody's files."""
    made = Bench(tmp_path)
    yield made
    for file in made.batch.files:
        file.close()


def test_a_board_comes_from_the_catalog_if_only_one_fits(bench: Bench) -> None:
    bench.published("1.0.0", "d1")
    bench.published("1.0.0", "c3", esp32_image("esp32c3"))
    file = bench.drop("lamp.bin", esp8266_image(seed=2))
    assert (file.product, file.version, file.board) == ("lamp", "", "d1")
    assert (source_of(file, "product"), source_of(file, "board")) == ("name", "")
    bench.published("1.0.0", "d2", esp8266_image(seed=3))
    assert bench.drop("lamp.bin", IMAGE).board == ""


def test_where_values_come_from(bench: Bench) -> None:
    file = bench.drop("lamp_v9.0.0_D1.bin.gz", gzipped(stamp(IMAGE, "lamp", "1.2.3")))
    assert file.unpacked
    assert (file.product, file.version, file.board) == ("lamp", "1.2.3", "d1")
    assert [source_of(file, what) for what in ("product", "version", "board")] == [
        "stamp",
        "stamp",
        "name",
    ]
    file.version = "2.0.0"
    assert source_of(file, "version") == ""


@pytest.mark.parametrize(
    ("newest", "following"),
    [(None, "1.0.0"), ("1.2.3", "1.2.4"), ("2.0.0-rc.1", "2.0.0"), ("1.0.0+b.1", "1.0.1")],
)
def test_which_version_could_come_next(newest: str | None, following: str) -> None:
    preview = Preview(newest=Version.parse(newest) if newest else None)
    assert preview.next_version == following


def test_what_is_missing_and_what_is_wrong(bench: Bench) -> None:
    file = bench.drop("x.bin", IMAGE)
    file.product, file.board, bench.batch.requires, bench.batch.why = "Lamp!", "", "1.x", "a\nb"
    (preview,) = bench.look()
    assert list(preview.missing) == ["version", "board"]
    assert set(preview.faults) == {"product"}
    assert set(bench.batch.faults) == {"requires", "why"}
    assert (preview.state, preview.receipt) == ("open", None)


def test_a_later_file_is_judged_after_an_earlier_one(bench: Bench) -> None:
    bench.drop("lamp_v2.0.0_d1.bin", IMAGE)
    bench.drop("lamp_v1.0.0_d1.bin", esp8266_image(seed=2))
    first, second = bench.look()
    assert (first.state, second.state) == ("ready", "refused")
    assert second.refusal is not None
    assert "version-order" in second.refusal.problem


def test_a_file_is_judged_again_only_if_something_has_changed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    examine = upload_preview.examine

    def counted(*args: object, **options: object) -> object:
        looked.append(args)
        return examine(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(upload_preview, "examine", counted)
    file = bench.drop("lamp_v1.0.0_d1.bin", IMAGE)
    for _ in range(3):
        bench.look()
    assert len(looked) == 1
    file.version = "1.0.1"
    bench.look()
    assert len(looked) == 2
    bench.published("1.0.1", data=esp8266_image(seed=9))
    (preview,) = bench.look()
    assert (len(looked), preview.state) == (3, "refused")


def test_who_may_not_publish_hears_it(bench: Bench) -> None:
    bench.refused.add("lamp")
    bench.drop("lamp_v1.0.0_d1.bin", IMAGE)
    (preview,) = bench.look()
    assert preview.refusal is not None
    assert (preview.refusal.problem, preview.state) == ("not lamp", "refused")
