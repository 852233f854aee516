"""Who is offered a lower release, because it was taken back."""

from __future__ import annotations

import pytest

from acpublish.fleet.deciding import decide
from acpublish.fleet.moments import NO_TIME
from acpublish.fleet.targets import Targets
from acpublish.image.model import ReportedDigests
from acpublish.release.decision import (
    Decision,
    Rule,
    Target,
    Verdict,
    choose,
    decide_update,
    kind_wanted,
)
from acpublish.wire import Mode, Report
from tests.unit.release.making import md5, sha256
from tests.unit.release.publishing import D1, D1_FS, Product, three


def report(
    running: str | None = None, version: str | None = None, mode: Mode = Mode.SKETCH
) -> Report:
    """A device that runs a release, known by its digest, and claims a version."""
    digest = None if running is None else md5(f"{running} d1 firmware")
    return Report(family="esp8266", updater=True, mode=mode, version=version, sketch_md5=digest)


def decided(product: Product, device: Report, channel: str = "stable") -> Decision:
    releases = product.releases
    target = choose(releases, "d1", channel, kind_wanted(device))
    decision = decide_update(device, releases, target, board="d1", channel=channel)
    # The server looks at few of the releases only, and must decide the same.
    by_server = decide(None, device, Targets(releases), "d1", channel, (), NO_TIME)
    assert by_server.decision == decision
    return decision


def offered(product: Product, device: Report, channel: str = "stable") -> str | None:
    """What the device gets, None if nothing; a lower release needs an order."""
    decision = decided(product, device, channel)
    return str(decision.release.version) if decision.verdict is Verdict.OFFER else None  # type: ignore[union-attr]


@pytest.fixture
def back() -> Product:
    """1.2.0 was rolled back to 1.1.0; firmware and filesystems."""
    product = three(D1, D1_FS)
    product.change("rollback", None, "stable")
    return product


def test_a_device_that_is_known_to_run_it_goes_back_whatever_it_claims(back: Product) -> None:
    for claim in (None, "1.2.0", "9.9.9"):
        decision = decided(back, report("1.2.0", claim))
        assert (decision.verdict, decision.rule) == (Verdict.OFFER, Rule.ORDERED_BACK)
        assert decision.reason == "1.2.0 was taken back; its devices go back to 1.1.0"


@pytest.mark.parametrize(
    ("running", "claim", "mode", "verdict", "rule"),
    [
        ("1.2.0", None, Mode.SKETCH, Verdict.OFFER, Rule.ORDERED_BACK),
        (None, "9.9.9", Mode.SKETCH, Verdict.OFFER, Rule.ORDERED_BACK),
        ("1.0.0", "1.2.0", Mode.SKETCH, Verdict.UP_TO_DATE, Rule.LOWER_THAN_REPORTED),
        ("1.0.0", "1.0.0", Mode.SKETCH, Verdict.UP_TO_DATE, Rule.SAME_DIGEST),
        ("1.2.0", "1.2.0", Mode.FILESYSTEM, Verdict.OFFER, Rule.ORDERED_BACK),
        ("1.2.0", "1.0.0", Mode.FILESYSTEM, Verdict.UP_TO_DATE, Rule.SAME_FILESYSTEM),
    ],
)
def test_a_device_that_is_ordered_by_itself(
    running: str | None, claim: str | None, mode: Mode, verdict: Verdict, rule: Rule
) -> None:
    releases = three(D1, D1_FS).releases
    device = report(running, claim, mode)
    kind = kind_wanted(device)
    lowest = next(release for release in releases if str(release.version) == "1.0.0")
    image = lowest.image_for("d1", kind)
    assert image is not None
    target = Target(lowest, image)
    arguments = {"board": "d1", "channel": "stable"}
    decision = decide_update(device, releases, target, ordered="a person said so", **arguments)
    assert (decision.verdict, decision.rule) == (verdict, rule)
    if verdict is Verdict.OFFER:
        assert decision.reason.startswith("a person said so")
        without = decide_update(device, releases, target, **arguments)
        assert without.verdict is Verdict.UP_TO_DATE


def test_a_device_by_its_sha256() -> None:
    product = three()
    product.change("rollback", None, "stable")
    device = Report(
        family="esp8266",
        updater=True,
        mode=Mode.SKETCH,
        version=None,
        sketch_sha256=sha256("1.2.0 d1 firmware"),
    )
    assert offered(product, device) == "1.1.0"


def test_a_claim_without_a_digest_is_not_enough(back: Product) -> None:
    assert decided(back, report(None, "1.2.0")).rule is Rule.LOWER_THAN_REPORTED
    unknown = Report(
        family="esp8266", updater=True, mode=Mode.SKETCH, version="1.2.0", sketch_md5=md5("x")
    )
    assert offered(back, unknown) is None


def test_every_other_device_keeps_the_rule(back: Product) -> None:
    assert decided(back, report("1.1.0")).rule is Rule.SAME_DIGEST
    assert offered(back, report("1.0.0")) == "1.1.0"
    back.put("1.1.9", channel="beta")
    assert decided(back, report("1.1.9")).rule is Rule.LOWER_THAN_RUNNING


def test_an_order_is_for_its_channel_only(back: Product) -> None:
    back.change("promote", "1.1.0", "beta")
    assert offered(back, report("1.2.0"), "beta") is None


def test_a_withdrawal_alone_orders_nobody() -> None:
    product = three()
    product.change("withdraw", "1.2.0")
    assert decided(product, report("1.2.0")).rule is Rule.LOWER_THAN_RUNNING
    product.change("rollback", None, "stable")
    assert decided(product, report("1.2.0")).rule is Rule.ORDERED_BACK


def test_the_next_release_goes_to_everybody(back: Product) -> None:
    back.put("1.2.1")
    assert {offered(back, report(version)) for version in ("1.0.0", "1.1.0", "1.2.0")} == {"1.2.1"}


def test_two_releases_with_the_same_bytes_are_no_way_back() -> None:
    product = Product().put("1.0.0")
    running = ReportedDigests(md5s=(md5("1.1.0 d1 firmware"),))
    product.put("1.1.0", running=running).put("1.2.0", running=running)
    product.change("rollback", None, "stable")
    assert product.ordered() == ["1.2.0"]
    assert offered(product, report("1.1.0")) is None


def test_a_filesystem_goes_back_after_its_firmware(back: Product) -> None:
    waiting = report("1.2.0", "1.2.0", Mode.FILESYSTEM)
    assert offered(back, waiting) is None
    ready = report("1.1.0", "1.2.0", Mode.FILESYSTEM)
    assert decided(back, ready).rule is Rule.ORDERED_BACK
    assert offered(back, report("1.1.0", "v1.2.0", Mode.FILESYSTEM)) == "1.1.0"


@pytest.mark.parametrize("claim", ["1.2.1", "1.2.0+build", "1.3.0", "9.9.9"])
def test_a_filesystem_goes_back_only_from_exactly_what_was_taken_back(
    back: Product, claim: str
) -> None:
    assert offered(back, report("1.1.0", claim, Mode.FILESYSTEM)) is None


def test_firmware_of_another_channel_is_not_firmware_that_went_back(back: Product) -> None:
    back.put("1.3.0", channel="beta")
    assert offered(back, report("1.3.0", "1.2.0", Mode.FILESYSTEM)) is None
    assert offered(back, report(None, "1.2.0", Mode.FILESYSTEM)) is None


def test_a_filesystem_without_firmware_on_the_channel_needs_any_known_firmware() -> None:
    product = three(D1_FS).put("1.0.0", D1, channel="beta")
    product.change("rollback", None, "stable")
    assert offered(product, report("1.0.0", "1.2.0", Mode.FILESYSTEM)) == "1.1.0"
    assert offered(product, report("9.0.0", "1.2.0", Mode.FILESYSTEM)) is None
