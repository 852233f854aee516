from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.errors import ManifestError
from acpublish.release.adoption import Adoption
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.release.manifest import Release
from acpublish.server.checkins import CheckIn, DeviceCounts
from acpublish.wire import NO_MAC, Mode, Report
from tests.unit.catalog.holding import put

UP_TO_DATE = Decision(verdict=Verdict.UP_TO_DATE, rule=Rule.SAME_DIGEST, reason="it runs it")


@pytest.fixture
def releases(tmp_path: Path) -> tuple[Release, ...]:
    catalog = DirectoryCatalog(tmp_path)
    for seed, version in enumerate(("1.0.0", "1.1.0")):
        put(catalog, version, seed=seed)
    return catalog.releases("lamp")


def heard(
    devices: DeviceCounts, mac: str | None, product: str | None = "lamp", **said: object
) -> None:
    report = Report(family="esp8266", updater=True, mac=mac, **said)  # type: ignore[arg-type]
    devices(
        CheckIn(
            at=0.0,
            address="10.0.0.1",
            method="GET",
            report=report,
            product=product,
            board="d1",
            channel="stable",
            decision=UP_TO_DATE,
        )
    )


def counts(devices: DeviceCounts, releases: tuple[Release, ...]) -> dict[str | None, int]:
    return {one.version: one.count for one in devices.of("lamp", releases)}


def test_what_each_device_said_last_counts(releases: tuple[Release, ...]) -> None:
    devices = DeviceCounts()
    md5 = {str(one.version): one.images[0].md5 for one in releases}
    heard(devices, "A", sketch_md5=md5["1.0.0"])
    heard(devices, "B", sketch_md5=md5["1.0.0"])
    heard(devices, "B", sketch_md5=md5["1.1.0"])
    heard(devices, "C", sketch_md5="0" * 32, version="1.1.0")
    heard(devices, "D", version="1.1.0")
    assert counts(devices, releases) == {"1.1.0": 2, "1.0.0": 1, None: 1}
    assert devices.of("other", ()) == []


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
