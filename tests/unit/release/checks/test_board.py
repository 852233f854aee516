"""Room, partitions and flash of the board: found, passed, and not checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release import names
from acpublish.release.checks.facts import Facts, Result, Severity
from acpublish.release.checks.registry import run
from acpublish.release.declared import Declared
from acpublish.release.manifest import Release
from acpublish.release.version import Version
from tests.support import images
from tests.unit.release.making import release

IMAGE = read(stamp(images.esp32_image(), "lamp", "1.0.0"))


def facts(declared: Declared, releases: tuple[Release, ...] | None = None) -> Facts:
    return Facts(
        image=IMAGE,
        product=names.product("lamp"),
        version=Version.parse("1.0.0"),
        board=names.board("d1"),
        channel=names.channel("stable"),
        declared=declared,
        releases=releases,
    )


def result(name: str, given: Facts) -> Result:
    (found,) = [one for one in run(given) if one.check.name == name]
    return found


@pytest.mark.parametrize("name", ["slot", "partition-layout", "flash-size"])
def test_without_facts_they_are_not_made(name: str) -> None:
    found = result(name, facts(Declared()))
    assert (found.findings, bool(found.lacks)) == ((), True)


def test_what_does_not_fit_says_by_how_much() -> None:
    (found,) = result("slot", facts(Declared(slot_bytes=IMAGE.size - 7))).findings
    assert found.severity is Severity.ERROR
    assert "7 bytes too many" in found.problem


@pytest.mark.parametrize(
    ("size", "room", "severity"),
    [
        (1000, 1000, Severity.WARNING),
        (900, 1000, Severity.WARNING),
        (899, 1000, None),
        (1001, 1000, Severity.ERROR),
        (1, 0, Severity.ERROR),
    ],
)
def test_from_nine_tenths_on_there_is_a_warning(
    size: int, room: int, severity: Severity | None
) -> None:
    given = replace(facts(Declared(slot_bytes=room)), image=replace(IMAGE, size=size))
    assert [one.severity for one in result("slot", given).findings] == [severity][: bool(severity)]


def test_without_a_table_the_slot_is_that_of_the_last_release() -> None:
    """What curl uploads says nothing of the board; a device keeps the partitions that it has."""
    earlier = release("0.9.0")
    (image,) = earlier.images
    declared = Declared(slot_bytes=IMAGE.size - 7)
    earlier = replace(earlier, images=(replace(image, declared=declared),))
    (found,) = result("slot", facts(Declared(), (release("0.8.0"), earlier))).findings
    assert (found.severity, "7 bytes too many" in found.problem) == (Severity.ERROR, True)
    assert result("slot", facts(Declared(slot_bytes=10**7), (earlier,))).findings == ()


def test_a_table_without_a_slot() -> None:
    (found,) = result("slot", facts(Declared(slot_bytes=0))).findings
    assert found.problem == "the partition table has no slot for an application"


def test_a_filesystem_has_a_partition_of_its_own() -> None:
    given = Facts(
        image=read(images.littlefs()), kind="filesystem", declared=Declared(slot_bytes=65535)
    )
    (found,) = result("slot", given).findings
    assert "the filesystem's partition holds only 65535: 1 bytes too many" in found.problem


def with_layout(layout: str | None, version: str = "0.9.0") -> Release:
    made = release(version, chip="esp32c3")
    return replace(
        made, images=tuple(replace(one, declared=Declared(layout=layout)) for one in made.images)
    )


def test_another_layout_than_the_last_release_had() -> None:
    given = facts(Declared(layout="a" * 64), (with_layout("b" * 64),))
    (found,) = result("partition-layout", given).findings
    assert found.severity is Severity.WARNING
    assert "lamp 0.9.0" in found.problem
    assert not result("partition-layout", facts(given.declared, (with_layout("a" * 64),))).findings
    unknown = result("partition-layout", facts(given.declared, (with_layout(None),)))
    assert unknown.lacks == "an earlier release with a partition layout"


def test_a_release_that_is_published_again_is_compared_with_the_one_before_it() -> None:
    """Otherwise the second publish would hide a warning that the first one gave."""
    before = with_layout("b" * 64)
    itself, later = with_layout("a" * 64, "1.0.0"), with_layout("c" * 64, "1.1.0")
    for order, made in enumerate((before, itself, later)):
        made.images[0].channels["stable"] = order  # type: ignore[index]
    given = facts(Declared(layout="a" * 64), (before, itself, later))
    (finding,) = result("partition-layout", given).findings
    assert "differs from that of lamp 0.9.0" in finding.problem


def test_an_esp8266_has_no_partition_table_that_could_be_missing() -> None:
    esp8266 = read(images.esp8266_image())
    filesystem = read(images.littlefs())
    for name in ("slot", "partition-layout"):
        assert result(name, replace(facts(Declared()), image=esp8266)).outcome == "ok"
        of_disk = replace(facts(Declared()), image=filesystem, kind="filesystem")
        assert result(name, of_disk).outcome == "not checked"
        assert result(name, replace(of_disk, chip="esp8266")).outcome == "ok"


def test_more_flash_in_the_header_than_on_the_board() -> None:
    assert IMAGE.flash_size == "4MB"
    (found,) = result("flash-size", facts(Declared(flash_bytes=2 * 1024 * 1024))).findings
    assert "4MB of flash, but the board has 2048 KiB" in found.problem
    assert not result("flash-size", facts(Declared(flash_bytes=4 * 1024 * 1024))).findings
    odd = replace(facts(Declared(flash_bytes=1)), image=replace(IMAGE, flash_size="size-15"))
    assert result("flash-size", odd).lacks == "the flash size in the image's header"


class TestOtaSpace:
    """An ESP8266 of which the flash before the filesystem is shared by two images."""

    IMAGE = read(images.esp8266_image(size=400_000))
    SECTORS = 98 * 4096

    def facts(self, *earlier: tuple[str, int], space: int | None, **more: Any) -> Facts:
        releases = []
        for version, size in earlier:
            made = release(version)
            image = replace(made.images[0], size=size, provenance={"core": "3.1.2"})
            releases.append(replace(made, images=(image,)))
        declared = Declared(ota_bytes=space)
        return replace(facts(declared, tuple(releases)), image=self.IMAGE, **more)

    def test_it_fits(self) -> None:
        given = self.facts(("0.9.0", 400_000), space=2 * self.SECTORS)
        assert result("ota-space", given).outcome == "ok"

    def test_not_next_to_itself(self) -> None:
        (found,) = result("ota-space", self.facts(space=2 * self.SECTORS - 4096)).findings
        assert found.severity is Severity.WARNING
        assert "cannot receive one of the same size over the air: 4096 bytes" in found.problem
        assert "--compress" in found.hint
        given = self.facts(("0.9.0", 300_000), space=2 * self.SECTORS - 4096)
        assert result("ota-space", given).findings == (found,)

    def test_not_next_to_the_smallest_release(self) -> None:
        given = self.facts(("0.8.0", 399_000), ("0.9.0", 390_000), space=700_000)
        (found,) = result("ota-space", given).findings
        assert found.severity is Severity.ERROR
        excess = self.SECTORS + 96 * 4096 - 700_000
        assert "next to 0.9.0, the release that leaves the most space" in found.problem
        assert f": {excess} bytes too many" in found.problem
        assert "--compress" in found.hint

    def test_a_gzip_needs_less_if_the_running_release_can_inflate_it(self) -> None:
        given = self.facts(
            ("0.9.0", 390_000), space=700_000, gzip=True, gzip_bytes=250_000, core="3.1.2"
        )
        assert result("ota-space", given).outcome == "ok"
        (unknown,) = result("ota-space", replace(given, core=None)).findings
        assert unknown.severity is Severity.WARNING
        assert "--core" in unknown.hint
        (large,) = result("ota-space", replace(given, gzip_bytes=320_000)).findings
        assert (large.severity, "--compress" in large.hint) == (Severity.ERROR, False)
        old = replace(
            given,
            releases=tuple(
                replace(one, images=(replace(one.images[0], provenance={}),))
                for one in given.releases or ()
            ),
        )
        assert result("ota-space", old).outcome == "error"

    def test_publishing_the_only_release_again_is_no_error(self) -> None:
        given = self.facts(("1.0.0", 400_000), space=700_000)
        assert result("ota-space", given).outcome == "warning"

    def test_an_earlier_release_knows_the_layout(self) -> None:
        given = self.facts(("0.9.0", 390_000), space=None)
        assert result("ota-space", given).lacks == "the layout of the board's flash"
        made = (given.releases or ())[0]
        image = replace(made.images[0], declared=Declared(ota_bytes=700_000))
        given = replace(given, releases=(replace(made, images=(image,)),))
        assert result("ota-space", given).outcome == "error"

    def test_an_esp32_has_slots(self) -> None:
        assert result("ota-space", replace(self.facts(space=1), image=IMAGE)).outcome == "ok"


@pytest.mark.parametrize("space", [65536, 65537, 70000])
def test_a_filesystem_as_large_as_its_partition_draws_no_warning(space: int) -> None:
    image = read(images.littlefs())
    assert image.size == 65536
    given = replace(facts(Declared(slot_bytes=space)), image=image, kind="filesystem")
    assert result("slot", given).findings == ()
