from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import ManifestError
from acpublish.release.adoption import Adoption
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.release.manifest import Release
from acpublish.server.checkins import CheckIn, DeviceCounts, adoptions
from acpublish.wire import NO_MAC, Mode, Report
from tests.unit.catalog.holding import put

UP_TO_DATE = Decision(verdict=Verdict.UP_TO_DATE, rule=Rule.SAME_DIGEST, reason="it runs it")


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, ...]:
    catalog = DirectoryCatalog(tmp_path)
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        put(catalog, version, seed=seed)
    return catalog.releases("lamp")


NO_TARGET = Decision(verdict=Verdict.NOTHING, rule=Rule.NO_TARGET, reason="none")


def heard(
    devices: DeviceCounts,
    mac: str | None,
    product: str | None = "lamp",
    *,
    board: str = "d1",
    decision: Decision = UP_TO_DATE,
    **said: object,
) -> None:
    report = Report(family="esp8266", updater=True, mac=mac, **said)  # type: ignore[arg-type]
    devices(
        CheckIn(
            at=0.0,
            address="10.0.0.1",
            method="GET",
            report=report,
            product=product,
            board=board,
            channel="stable",
            decision=decision,
        )
    )


def counts(devices: DeviceCounts, releases: tuple[Release, ...]) -> dict[str | None, int]:
    rows = adoptions(devices.running("lamp"), releases)
    return {row.version: row.count for row in rows}


def test_what_each_device_said_last_counts(releases: tuple[Release, ...]) -> None:
    devices = DeviceCounts()
    md5 = {str(one.version): one.images[0].md5 for one in releases}
    heard(devices, "A", sketch_md5=md5["1.0.0"])
    heard(devices, "B", sketch_md5=md5["1.0.0"])
    heard(devices, "B", sketch_md5=md5["1.1.0"])
    heard(devices, "C", sketch_md5="0" * 32, version="1.1.0")
    heard(devices, "D", version="1.1.0")
    assert counts(devices, releases) == {"1.1.0": 2, "1.0.0": 1, None: 1}
    assert devices.running("other") == []


def test_what_is_no_device_of_a_product_is_not_counted(releases: tuple[Release, ...]) -> None:
    devices = DeviceCounts()
    heard(devices, NO_MAC, version="1.0.0")
    heard(devices, "A", product=None, version="1.0.0")
    heard(devices, "A", mode=Mode.FILESYSTEM, version="1.0.0")
    assert counts(devices, releases) == {}
    # Without a MAC the address tells one from another.
    heard(devices, None, version="1.0.0")
    heard(devices, None, version="1.0.0")
    assert counts(devices, releases) == {"1.0.0": 1}


def test_those_are_forgotten_that_asked_longest_ago(releases: tuple[Release, ...]) -> None:
    devices = DeviceCounts(max_devices=2)
    for mac, version in (("A", "1.0.0"), ("B", "1.0.0"), ("A", "1.0.0"), ("C", "1.1.0")):
        heard(devices, mac, version=version)
    assert counts(devices, releases) == {"1.0.0": 1, "1.1.0": 1}
    heard(devices, "D", version="1.1.0")
    assert counts(devices, releases) == {"1.1.0": 2}


def test_devices_forged_for_one_product_push_out_none_of_another() -> None:
    devices = DeviceCounts(max_devices=30, max_of_product=20)
    for number in range(10):
        heard(devices, f"honest {number}", version="1.0.0")
    for number in range(500):
        heard(devices, f"forged {number}", "plug", version="1.0.0")
        heard(devices, f"forged {number}", "door", version="1.0.0")
    assert len(devices.running("lamp")) == 10
    assert len(devices.running("plug")) + len(devices.running("door")) == 20
    for number in range(500):
        heard(devices, f"forged {number}", version="1.0.0")
    assert len(devices.running("lamp")) <= 20


def test_a_board_without_a_release_is_not_remembered() -> None:
    devices = DeviceCounts(lambda product, board: (product, board) == ("lamp", "d1"))
    heard(devices, "A", board="x" * 32, decision=NO_TARGET)
    assert devices.running("lamp") == []
    # Its board is known, but its channel has nothing for it yet.
    heard(devices, "B", decision=NO_TARGET, version="1.0.0")
    assert devices.running("lamp") == [("d1", None, None, "1.0.0", None)]


def test_many_devices_are_aggregated_without_searching_all_releases(
    releases: tuple[Release, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    image_for = Release.image_for

    def counted(self: Release, *arguments: Any) -> Any:
        looked.append(arguments)
        return image_for(self, *arguments)

    monkeypatch.setattr(Release, "image_for", counted)
    devices = DeviceCounts()
    for number in range(2000):
        heard(devices, f"{number}", sketch_md5=f"{number:032x}")
    assert counts(devices, releases) == {None: 2000}
    assert looked == []


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"board": "d1", "version": "x y", "count": 1}, {"board": "d1", "count": "1"}],
)
def test_what_cannot_be_read_is_said(document: object) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        Adoption.from_dict(document)


def test_a_document_there_and_back() -> None:
    one = Adoption(board="d1", version=None, count=3)
    assert Adoption.from_dict(one.to_dict()) == one
