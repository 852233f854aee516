"""Which images a device must not be offered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from acpublish.fleet.fleet_rules import FleetRule, unfit
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Target
from acpublish.release.manifest import Compressed
from acpublish.wire import Mode, Report
from tests.unit.fleet.making import device, report, version

MIB = 1024 * 1024
PLAIN = version("2.0.0", channels={}, size=400_000, flash_size="4MB")
GZIP = Compressed(size=200_000, md5="0" * 32, sha256="0" * 64)
BOTH = version("2.0.0", channels={}, size=400_000, flash_size="4MB", compressed=GZIP)
C3 = version("2.0.0", family="esp32", chip="esp32c3", channels={}, size=400_000)


def said(**fields: Any) -> Report:
    return report("1.0.0", **{"free_space": 500_000, "chip_size": 4 * MIB, **fields})


@pytest.mark.parametrize(
    ("release", "fields", "rule"),
    [
        (PLAIN, {}, None),
        (PLAIN, {"free_space": None, "chip_size": None}, None),
        (PLAIN, {"free_space": 400_000}, None),
        (PLAIN, {"free_space": 399_999}, FleetRule.SPACE),
        (PLAIN, {"free_space": 0}, FleetRule.SPACE),
        (PLAIN, {"chip_size": MIB}, FleetRule.FLASH_SIZE),
        (PLAIN, {"chip_size": 399_999}, FleetRule.FLASH_SIZE),
        (PLAIN, {"family": "esp32"}, FleetRule.CHIP),
        (PLAIN, {"family": None}, FleetRule.CHIP),
        (PLAIN, {"family": "esp32", "updater": False}, None),
        (PLAIN, {"free_space": 0, "mode": Mode.FILESYSTEM}, None),
        (PLAIN, {"free_space": 0, "mode": Mode.VERSION}, None),
        (C3, {"family": "esp32", "chip_size": MIB}, None),
        (C3, {"family": "esp32", "chip_size": 300_000}, FleetRule.FLASH_SIZE),
        (C3, {"family": "esp32", "free_space": 399_999}, FleetRule.SPACE),
        (BOTH, {"free_space": 300_000}, FleetRule.FORM),
        (BOTH, {"free_space": 199_999}, FleetRule.SPACE),
    ],
)
def test_chip_flash_space_and_form(
    release: Any, fields: dict[str, Any], rule: FleetRule | None
) -> None:
    word = unfit(said(**fields), None, (release,), Target(release, release.images[0]), None)
    assert (word[0] if word else None) is rule
    assert word is None or word[1]


def test_a_chip_that_the_digest_showed_counts() -> None:
    target = Target(C3, C3.images[0])
    own = device(chip="esp32s3")
    word = unfit(said(family="esp32"), own, (), target, None)
    assert word == (FleetRule.CHIP, "the device has an esp32s3, the image is for esp32c3")
    own.chip = "esp32c3"
    assert unfit(said(family="esp32"), own, (), target, None) is None
    unknown = Target(C3, replace(C3.images[0], chip=None))
    own.chip = "esp32s3"
    assert unfit(said(family="esp32"), own, (), unknown, None) is None


def test_a_gzip_is_for_those_that_can_inflate_it() -> None:
    target = Target(BOTH, BOTH.images[0])
    assert unfit(said(free_space=1), None, (), target, GZIP) is None
    esp32 = replace(BOTH.images[0], family="esp32")
    word = unfit(said(family="esp32"), None, (), Target(BOTH, esp32), GZIP)
    assert word == (FleetRule.FORM, "only an ESP8266 can inflate a gzip")


def test_the_form_is_named_if_only_the_gzip_would_fit() -> None:
    word = unfit(said(free_space=300_000), None, (BOTH,), Target(BOTH, BOTH.images[0]), None)
    assert word is not None
    assert word[1].startswith("only the gzip would fit, but the device gets it plain: the release")
    assert Targets((BOTH,)).of("2.0.0", "d1") is not None
