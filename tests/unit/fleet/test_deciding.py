"""No offer is ever unfit, whatever a device reports and whatever people have set."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.fleet.deciding import decide
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Device, Pin
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import halted, paused
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Verdict
from acpublish.release.manifest import Compressed
from acpublish.release.requires import Requirement
from acpublish.release.version import Version
from tests.unit.fleet.making import device, digest, live, mac, moment, report, version
from tests.unit.release.making import md5, sha256

VERSIONS = ("0.9.0", "1.0.0", "1.4.0", "2.0.0", "2.1.0")
GZIP = Compressed(size=600, md5=md5("gz"), sha256=sha256("gz"))
RELEASES = (
    version("0.9.0", channels={"stable": 1}),
    version("1.0.0", channels={"stable": 2}, size=1500, flash_size="1MB"),
    version("1.4.0", channels={"stable": 3}, size=900, flash_size="1MB", compressed=GZIP),
    version("2.0.0", channels={}, requires=">=1.0.0", no_downgrade_below="2.0.0", size=2000),
    version("2.1.0", channels={}, withdrawn="withdrawn", left_channels=("stable",)),
)
TARGETS = Targets(RELEASES)
MIB = 1024 * 1024

REPORTS = st.fixed_dictionaries(
    {
        "family": st.sampled_from(["esp8266", "esp8266", "esp32"]),
        "version": st.sampled_from([None, *VERSIONS, "9.0.0", "rubbish", "v1.0"]),
        "sketch_md5": st.sampled_from([None, *map(digest, VERSIONS), md5("mine")]),
        "free_space": st.sampled_from([None, 0, 700, 1000, 1800, 9000]),
        "chip_size": st.sampled_from([None, MIB // 2, MIB, 4 * MIB]),
        "sketch_size": st.sampled_from([None, 1000, 900_000]),
        "mac": st.sampled_from([mac(1), None]),
    }
)
DEVICES = st.fixed_dictionaries(
    {
        "chip": st.sampled_from([None, "esp8266", "esp32c3"]),
        "hold": st.sampled_from([False, False, True]),
        "pin": st.sampled_from([None, None, *map(Pin, VERSIONS), Pin("0.9.0", order_back=True)]),
        "tags": st.sampled_from([frozenset(), frozenset({"canary"})]),
    }
)
PARTS = st.sampled_from([None, *Outcome])
STATES = st.sampled_from(["running", "paused", "halted"])


@settings(max_examples=250, deadline=None)
@given(REPORTS, DEVICES, PARTS, STATES, st.sampled_from(["100%", "tag:canary,100%"]))
def test_an_offer_fits_is_not_lower_and_is_in_its_ring(
    fields: dict[str, Any], marks: dict[str, Any], outcome: Outcome | None, state: str, stages: str
) -> None:
    said = report("1.0.0")._replace(**fields)
    own = device(said=said, **marks)
    rolling = live(stages, on_halt="order-back")
    if outcome is not None:
        rolling.progress.put(own.id, Part("d1", 0, 0.0, 1.0, outcome=outcome))
    if state == "paused":
        rolling.rollout = paused(rolling.rollout, "lunch")
    elif state == "halted":
        rolling.rollout = halted(rolling.rollout, "3 devices failed", moment())
    decided = decide(own, said, TARGETS, "d1", "stable", [rolling], moment(1))
    decision = decided.decision
    if decision.verdict is not Verdict.OFFER:
        return
    image, release = decision.image, decision.release
    assert image is not None
    assert release is not None
    size = image.size if decision.compressed is None else decision.compressed.size
    assert said.family == image.family
    assert own.chip in (None, image.chip)
    assert said.free_space is None or size <= said.free_space
    assert said.chip_size is None or image.size <= said.chip_size
    assert image.withdrawn is None
    assert not own.hold
    pin = own.pin
    assert pin is None or str(release.version) == pin.version
    ordered = decided.choice.back or (pin is not None and pin.order_back)
    running = TARGETS.running(said, "d1")
    claim = Version.or_none(said.version)
    for known in [*running, *([claim] if claim else [])]:
        assert ordered or known.precedence <= release.version.precedence
    if not running or Version.parse("2.0.0") not in running:
        requirement = Requirement.of(image.requires)
        assert requirement is None or not requirement.unmet(running, said.version)
    if ordered:
        # 2.0.0 forbids going back.
        assert Version.parse("2.0.0") not in running
    if str(release.version) == "2.0.0" and pin is None:
        assert state == "running"
        assert decided.choice.live is rolling
        assert stages == "100%" or "canary" in own.tags
        assert outcome in (None, Outcome.PENDING, Outcome.RUNNING)


def test_decisions_are_remembered_for_the_same_report_only() -> None:
    targets = Targets(RELEASES)

    def verdict(own: Device, **fields: Any) -> tuple[str, str]:
        said = own.report._replace(**fields)
        decided = decide(own, said, targets, "d1", "stable", [rolling], moment(1))
        fresh = decide(own, said, Targets(RELEASES), "d1", "stable", [rolling], moment(1))
        assert (decided.decision, decided.rule) == (fresh.decision, fresh.rule)
        return decided.decision.verdict.value, decided.rule.value

    rolling = live("tag:a,100%")
    settled = report("1.4.0")
    for number in range(5):
        assert verdict(device(number, said=settled)) == ("up to date", "ring")
    assert len(targets.remembered) == 1
    assert verdict(device(said=settled, tags=frozenset({"a"}))) == ("offer", "newest")
    assert verdict(device(said=settled, hold=True)) == ("up to date", "hold")
    assert verdict(device(said=report("1.0.0"))) == ("offer", "newest")
    assert verdict(device(said=report("1.0.0")), free_space=1) == ("refuse", "space")
    assert verdict(device(said=settled), family="esp32") == ("refuse", "chip")
    for number in range(3000):
        verdict(device(said=settled), version=f"1.4.0-{number}")
    assert len(targets.remembered) <= 1024


def test_the_reason_has_the_words_of_the_rule_that_decides() -> None:
    own = device()
    decided = decide(own, own.report, TARGETS, "d1", "stable", [live("tag:a,100%")], moment(1))
    assert decided.rule is FleetRule.NEWEST
    assert decided.reason.startswith("1.4.0 is the newest on stable")
    own = device(said=report("1.4.0"))
    decided = decide(own, own.report, TARGETS, "d1", "stable", [live("tag:a,100%")], moment(1))
    assert decided.reason == (
        "the device's digest matches the image; the rollout r1 of lamp 2.0.0 to stable is at "
        "stage 1 of 2 (tag:a) and has not reached it"
    )


def test_the_reason_of_an_offer_names_the_rollout_and_its_stage_or_the_pin() -> None:
    own = device(tags=frozenset({"a"}))
    decided = decide(own, own.report, TARGETS, "d1", "stable", [live("tag:a,100%")], moment(1))
    assert decided.decision.verdict is Verdict.OFFER
    assert decided.reason == (
        "the rollout r1 of lamp 2.0.0 to stable, at stage 1 of 2 (tag:a), has reached it"
    )
    own = device(pin=Pin("1.4.0"))
    decided = decide(own, own.report, TARGETS, "d1", "stable", [live("tag:a,100%")], moment(1))
    assert decided.reason.startswith("it is pinned to 1.4.0; plain: ")
