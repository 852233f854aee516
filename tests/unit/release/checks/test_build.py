"""How an image came about, and how it follows earlier releases: found, passed, not checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.keys import PrivateKey, create_key
from acpublish.release import names
from acpublish.release.checks.facts import Facts, Result, Severity
from acpublish.release.checks.registry import run
from acpublish.release.declared import Declared
from acpublish.release.manifest import Release
from acpublish.release.signatures import sign, statement
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
    ("newest", "version", "channel", "severities"),
    [
        ("1.1.0", "1.0.0", "stable", [Severity.ERROR]),
        ("1.1.0", "1.0.0", "beta", [Severity.ERROR]),
        ("1.0.0", "1.0.0-rc.1", "stable", [Severity.ERROR]),
        ("1.1.0", "1.0.0", "dev", [Severity.WARNING]),
        ("1.0.0+b", "1.0.0+a", "stable", [Severity.WARNING]),
        ("1.0.0+b", "1.0.0+a", "dev", []),
        ("1.0.0", "1.0.0", "stable", []),
        ("0.9.0", "1.0.0", "stable", []),
        ("1.0.0-rc.1", "1.0.0", "stable", []),
    ],
)
def test_a_version_that_is_not_higher(
    newest: str, version: str, channel: str, severities: list[Severity]
) -> None:
    before = (release(newest, channels={channel: 1}),)
    checked = result("version-order", facts(None, before, version=version, channel=channel))
    assert [finding.severity for finding in checked.findings] == severities


def lower(channels: dict[str, int], *, same_bytes: bool) -> Result:
    """Checks 1.0.0, which is published already, on a channel that points at 1.1.0."""
    old = release("1.0.0", channels=channels)
    sha256 = IMAGE.sha256 if same_bytes else "0" * 64
    old = replace(old, images=tuple(replace(image, sha256=sha256) for image in old.images))
    return result("version-order", facts(None, (old, release("1.1.0", channels={"stable": 2}))))


def test_the_same_again_moves_nothing_and_is_no_matter_of_order() -> None:
    assert lower({"stable": 1}, same_bytes=True).outcome == "ok"
    # It would move the channel back, even though the release is there already.
    assert lower({"beta": 1}, same_bytes=True).outcome == "error"
    # Different bytes are a conflict, which has its own error.
    assert lower({"stable": 1}, same_bytes=False).outcome == "ok"


def test_the_order_can_be_switched_off_with_a_reason() -> None:
    before = (release("1.1.0", channels={"stable": 1}),)
    skipped = replace(facts(None, before), skipped={"version-order": "1.1.0 was a mistake"})
    assert result("version-order", skipped).outcome == "skipped"


def test_a_release_that_nobody_is_offered_stops_nothing() -> None:
    key = create_key()
    unsigned = release("2.0.0", channels={"stable": 2})
    trusting = replace(facts(None, (unsigned,)), trusted_keys=(key.public,))
    (finding,) = result("version-order", trusting).findings
    assert finding.severity is Severity.WARNING
    assert finding.problem.startswith("1.0.0 is lower than 2.0.0, which stable points at, but ")
    assert finding.hint.endswith("acpublish key resign --product lamp")
    # Once it is higher than what is offered and what is withheld, nothing is to be said.
    assert not result("version-order", replace(trusting, version=Version.parse("2.1.0"))).findings
    # What is offered still counts.
    offered = signed_with(key, release("1.5.0", channels={"stable": 1}))
    both = result("version-order", replace(trusting, releases=(offered, unsigned))).findings
    assert [entry.severity for entry in both] == [Severity.WARNING, Severity.ERROR]
    assert both[1].problem == "1.0.0 is not higher than 1.5.0, the newest on stable"


def signed_with(key: PrivateKey, made: Release) -> Release:
    image = made.images[0]
    stated = statement(made.product, made.version, image)
    return replace(made, images=(replace(image, signatures=(sign(stated, key),)),))


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
    for path in ("/update/lamp/d1.json", "/update/lamp/d1?channel=beta?channel=stable"):
        (found,) = result("channel", asking(path)).findings
        assert "asks for updates on stable" in found.problem
    for fine in (
        asking(),
        asking("/update/lamp/d1", channel="stable"),
        asking("/update/lamp/d1?channel=beta"),
        asking("/update/lamp/d1?channel=dev?channel=beta"),
        asking("/update/lamp/d1", "/update/lamp/d1?channel=beta"),
        asking("/update/lamp/d1x", "/update/lantern/d1"),
    ):
        assert result("channel", fine).outcome == "ok"
    assert result("channel", Facts(image=IMAGE)).lacks == "product, board and channel"
