"""How an image came about, and how it follows earlier releases: found, passed, not checked."""

from __future__ import annotations

from dataclasses import replace

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

IMAGE = read(stamp(images.esp8266_image(), "lamp", "1.0.0"))


def facts(
    declared: Declared | None = None,
    releases: tuple[Release, ...] | None = (),
    *,
    version: str = "1.0.0",
    channel: str = "stable",
) -> Facts:
    return Facts(
        image=IMAGE,
        product=names.product("lamp"),
        version=Version.parse(version),
        board=names.board("d1"),
        channel=names.channel(channel),
        declared=declared or Declared(),
        releases=releases,
    )


def result(name: str, given: Facts) -> Result:
    (found,) = [one for one in run(given) if one.check.name == name]
    return found


def test_changes_in_the_work_tree_do_not_get_to_stable() -> None:
    (found,) = result("dirty", facts(Declared(changed=True))).findings
    assert found.severity is Severity.ERROR
    for fine in (
        facts(Declared(changed=False)),
        facts(Declared(changed=True), channel="dev"),
        facts(channel="dev"),
    ):
        assert result("dirty", fine) == replace(result("dirty", fine), findings=(), lacks="")
    assert result("dirty", facts()).lacks == "whether the working tree has changes"
    assert result("dirty", Facts(image=IMAGE)).lacks == "the channel"


def test_changes_that_are_in_no_byte_of_a_release_do_not_matter() -> None:
    held = release("1.0.0")
    same = replace(held, images=tuple(replace(one, sha256=IMAGE.sha256) for one in held.images))
    assert not result("dirty", facts(Declared(changed=True), (same,))).findings
    assert result("dirty", facts(Declared(changed=True), (held,))).findings


def test_a_debug_build() -> None:
    (found,) = result("debug-build", facts(Declared(debug=True))).findings
    assert found.severity is Severity.WARNING
    assert not result("debug-build", facts(Declared(debug=False))).findings
    assert result("debug-build", facts()).lacks == "the type of the build"


@pytest.mark.parametrize(
    ("held", "version", "channel", "warns"),
    [
        ("1.1.0", "1.0.0", "stable", True),
        ("1.0.0+b", "1.0.0+a", "stable", True),
        ("1.0.0+b", "1.0.0+a", "dev", False),
        ("1.0.0", "1.0.0", "stable", False),
        ("0.9.0", "1.0.0", "stable", False),
        ("1.0.0-rc.1", "1.0.0", "stable", False),
        ("1.0.0", "1.0.0-rc.1", "stable", True),
    ],
)
def test_a_version_that_is_not_higher(held: str, version: str, channel: str, warns: bool) -> None:
    before = (release(held, channels={channel: 1}),)
    found = result("version-order", facts(None, before, version=version, channel=channel)).findings
    assert [one.severity for one in found] == [Severity.WARNING] * warns


def test_the_order_on_another_channel_does_not_matter() -> None:
    before = (release("2.0.0", channels={"beta": 1}),)
    assert not result("version-order", facts(None, before)).findings


def test_without_releases_the_order_is_not_checked() -> None:
    assert result("version-order", facts(None, None)).lacks == "the product's releases so far"
    assert result("version-order", Facts(image=IMAGE)).lacks == "version, board and channel"


def with_mode(mode: str | None) -> Release:
    made = release("0.9.0")
    return replace(made, images=tuple(replace(one, flash_mode=mode) for one in made.images))


def test_a_gzip_for_another_flash_mode() -> None:
    assert IMAGE.flash_mode == "dio"
    gzip = replace(facts(None, (with_mode("qio"),)), gzip=True)
    (found,) = result("flash-mode", gzip).findings
    assert "flash mode dio, but lamp 0.9.0 was for qio" in found.problem
    assert not result("flash-mode", replace(gzip, gzip=False)).findings
    assert not result("flash-mode", replace(gzip, releases=(with_mode("dio"),))).findings
    unknown = result("flash-mode", replace(gzip, releases=(with_mode(None),)))
    assert unknown.lacks == "an earlier release with a flash mode"


def test_firmware_that_asks_on_another_channel_is_reported() -> None:
    def asking(*paths: str, channel: str = "beta") -> Facts:
        return replace(facts(channel=channel), update_paths=frozenset(paths))

    (found,) = result("channel", asking("/update/lamp/d1")).findings
    assert found.severity is Severity.WARNING
    assert "this goes to beta, but the firmware asks for updates on stable" in found.problem
    assert "custom_ota_channel = beta" in found.hint
    for fine in (
        asking(),
        asking("/update/lamp/d1", channel="stable"),
        asking("/update/lamp/d1?channel=beta"),
        asking("/update/lamp/d1", "/update/lamp/d1?channel=beta"),
        asking("/update/lamp/d1x", "/update/lantern/d1"),
    ):
        assert result("channel", fine).outcome == "ok"
    assert result("channel", Facts(image=IMAGE)).lacks == "product, board and channel"
