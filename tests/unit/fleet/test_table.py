"""The table of decisions: what a device gets, by which rule, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Pin
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.fleet.progress import Outcome
from acpublish.fleet.targets import Targets
from acpublish.wire import NO_REPORT, Mode
from tests.unit.fleet.making import START, digest, live, moment, version
from tests.unit.fleet.rows import (
    ALL_TAKEN,
    BASE,
    BETA,
    C3,
    CHAIN,
    ESP32,
    FILESYSTEM,
    GZIP,
    MIB,
    NO_DIGEST,
    NO_WAY_BACK,
    NOW,
    OLD,
    ONE,
    STEP,
    TAKEN,
    TWO,
    UNKNOWN,
    WITH_FILES,
    Case,
    back,
    box,
    chosen,
    ended,
    part,
    received,
    roll,
    rolling,
    row,
    stable,
)

# fmt: off
ROWS = [
    # Without a rollout: what the channel points at.
    row("older", "offer newest", "1.0.0 is the newest", runs="0.9.0"),
    row("runs it", "up to date newest", "digest matches"),
    row("runs it, claims another", "up to date newest", "digest matches", said={"version": "0.1.0"}),
    row("runs it, by its claim only", "up to date newest", "no digest", said=NO_DIGEST),
    row("older, by its claim only", "offer newest", runs="0.9.0", said=NO_DIGEST),
    row("nothing known of what it runs", "offer newest", runs=None),
    row("unknown digest, lower claim", "offer newest", runs="0.5.0", said=UNKNOWN),
    row("unknown digest, same claim", "offer newest", said=UNKNOWN),
    row("a rubbish claim", "offer newest", runs="0.9.0", said={"version": "v5.1.4-dirty?"}),
    row("no board", "nothing newest", "no firmware for s3", board="s3"),
    row("no releases", "nothing newest", releases=()),
    row("a release of another channel only", "nothing newest", releases=(BETA,)),
    row("a request for the version", "offer newest", runs="0.9.0", said={"mode": Mode.VERSION}),
    row("a client that is no device", "offer newest", known=False, runs="0.9.0"),
    row("without a MAC address", "offer newest", runs="0.9.0", said={"mac": None}),
    row("seen for the first time", "offer newest", runs="0.9.0", gaps=()),

    # Never lower.
    row("claims higher", "up to date downgrade", "lower than 1.5.0", runs="1.5.0", releases=(OLD, ONE, BETA)),
    row("claims above every release", "up to date downgrade", "never be updated", runs="9.0.0"),
    row("runs what is higher", "up to date downgrade", "lower than 2.0.0", runs="2.0.0"),
    row("runs what is higher, claims lower", "up to date downgrade", "which the device runs", runs="2.0.0", said={"version": "0.1.0"}),
    row("lies: claims lower, unknown digest", "offer newest", runs="0.1.0", said=UNKNOWN),
    row("lies: claims higher, old digest", "up to date downgrade", "which the device reports", runs="0.9.0", said={"version": "1.9.0"}),
    row("claims higher without a digest", "up to date downgrade", "reports", runs="1.9.0", said=NO_DIGEST),
    row("its claim is a pre-release of it", "offer newest", runs="1.0.0-rc.1", said=UNKNOWN),
    row("runs a release of beta", "up to date downgrade", "lower than 3.0.0", runs="3.0.0", releases=(*BASE, BETA)),
    row("an order of the channel", "offer newest", "taken back", runs="2.0.0", releases=stable(ordered_back={"stable": ("2.0.0",)})),
    row("an order for another release", "up to date downgrade", runs="2.0.0", releases=stable(ordered_back={"stable": ("1.5.0",)})),

    # The chip.
    row("other family", "refuse chip", "the device is an esp32", runs="0.9.0", said=ESP32),
    row("other family, runs it", "refuse chip", said=ESP32),
    row("other chip, known by its digest", "refuse chip", "the device has an esp32s3", runs="0.9.0", said=ESP32, releases=C3, chip="esp32s3"),
    row("the same chip", "offer newest", runs="0.9.0", said=ESP32, releases=C3, chip="esp32c3"),
    row("its chip is not known", "offer newest", runs="0.9.0", said=ESP32, releases=C3),
    row("family not known", "refuse chip", "is not known", runs="0.9.0", said={"family": None}),
    row("other family in a rollout", "refuse chip", said=ESP32, rollouts=roll()),
    row("other family, pinned", "refuse chip", said=ESP32, runs="0.9.0", pin=Pin("1.0.0")),
    row("other chip in a rollout", "refuse chip", "esp32s3", said=ESP32, releases=C3, chip="esp32s3", rollouts=roll()),
    row("a filesystem has no chip", "offer newest", said={**ESP32, **FILESYSTEM}, runs="0.9.0", releases=WITH_FILES),

    # Space, flash and form.
    row("too little space", "refuse space", "does not fit", runs="0.9.0", said={"free_space": 999}),
    row("just enough space", "offer newest", runs="0.9.0", said={"free_space": 1000}),
    row("no space at all", "refuse space", runs="0.9.0", said={"free_space": 0}),
    row("too little space, runs it", "up to date newest", said={"free_space": 1}),
    row("too little space in a rollout", "refuse space", said={"free_space": 1}, rollouts=roll()),
    row("too little space, pinned", "refuse space", runs="0.9.0", said={"free_space": 1}, pin=Pin("1.0.0")),
    row("too little space, ordered back", "refuse space", runs="2.0.0", said={"free_space": 1}, rollouts=back()),
    row("its flash is too small", "refuse flash-size", "4MB of flash", runs="0.9.0", said={"chip_size": MIB}, releases=stable(flash_size="4MB")),
    row("its flash is large enough", "offer newest", runs="0.9.0", said={"chip_size": 4 * MIB}, releases=stable(flash_size="4MB")),
    row("an image larger than its flash", "refuse flash-size", "the flash of the device has", runs="0.9.0", said={"chip_size": 999}),
    row("its flash is too small in a rollout", "refuse flash-size", said={"chip_size": MIB}, releases=rolling(flash_size="4MB"), rollouts=roll()),
    row("an ESP32 with too little space", "refuse space", runs="0.9.0", said={**ESP32, "free_space": 9}, releases=C3),
    row("only a gzip would fit", "refuse form", "only the gzip would fit", runs="0.5.0", said={"free_space": 700}, releases=stable(compressed=GZIP)),
    row("not even a gzip would fit", "refuse space", runs="0.5.0", said={"free_space": 500}, releases=stable(compressed=GZIP)),
    row("both forms fit", "offer newest", "plain", runs="0.9.0", said={"free_space": 9000}, releases=stable(compressed=GZIP)),
    row("an ESP32 and a gzip", "offer newest", "not an ESP8266", runs="0.9.0", said=ESP32, releases=tuple(release.with_image(replace(release.images[0], compressed=GZIP)) for release in C3)),
    row("only a gzip would fit in a rollout", "refuse form", said={"free_space": 700}, releases=rolling(compressed=GZIP), rollouts=roll()),

    # What was taken back.
    row("what it runs was taken back", "up to date downgrade", releases=TAKEN),
    row("the channel went back", "offer newest", "0.9.0 is the newest", runs="0.5.0", releases=TAKEN),
    row("all was taken back", "nothing withdrawn", "no firmware", releases=ALL_TAKEN),
    row("all was taken back, never seen", "nothing withdrawn", releases=ALL_TAKEN, known=False),
    row("pinned to what was taken back", "up to date withdrawn", "which was withdrawn", runs="0.9.0", releases=TAKEN, pin=Pin("1.0.0")),
    row("a rollout of what was taken back", "up to date withdrawn", "2.0.0 was taken back", releases=rolling(withdrawn="withdrawn"), rollouts=roll()),
    row("the settled one for who has less", "offer newest", "1.0.0", runs="0.9.0", releases=rolling(withdrawn="deleted"), rollouts=roll()),

    # Pins and holds.
    row("held", "up to date hold", "on hold", runs="0.9.0", hold=True),
    row("held, runs it", "up to date hold", hold=True),
    row("held in a rollout", "up to date hold", rollouts=roll(), hold=True),
    row("held and pinned", "up to date hold", runs="0.9.0", hold=True, pin=Pin("1.0.0")),
    row("held, other family", "refuse chip", runs="0.9.0", said=ESP32, hold=True),
    row("pinned to what it runs", "up to date pin", "pinned to 1.0.0", pin=Pin("1.0.0")),
    row("pinned to the newest", "offer pin", "pinned to 1.0.0", runs="0.9.0", pin=Pin("1.0.0")),
    row("pinned to a rolling one", "offer pin", "2.0.0", pin=Pin("2.0.0")),
    row("pinned out of a rollout", "up to date pin", rollouts=roll(), pin=Pin("1.0.0")),
    row("pinned to another channel's", "offer pin", releases=(*BASE, BETA), pin=Pin("3.0.0")),
    row("pinned to something lower", "up to date downgrade", pin=Pin("0.9.0")),
    row("pinned to something lower, ordered", "offer pin", "pinned to 0.9.0", pin=Pin("0.9.0", order_back=True)),
    row("pinned lower, ordered, claims more", "offer pin", runs="9.0.0", pin=Pin("0.9.0", order_back=True)),
    row("pinned lower, ordered, runs it", "up to date pin", runs="0.9.0", pin=Pin("0.9.0", order_back=True)),
    row("pinned lower, ordered, forbidden", "up to date downgrade", "forbids going back", runs="2.0.0", releases=NO_WAY_BACK, pin=Pin("1.0.0", order_back=True)),
    row("pinned higher, ordered", "offer pin", pin=Pin("2.0.0", order_back=True)),
    row("pinned to nothing", "up to date pin", "has no firmware for d1", runs="0.9.0", pin=Pin("7.0.0")),
    row("pinned, a filesystem", "up to date pin", "no filesystem", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, pin=Pin("0.9.0")),
    row("pinned to what it received too often", "up to date penalty-box", runs="0.9.0", pin=Pin("1.0.0"), box=box(whole=3, until=NOW.at + DAY_S)),

    # The penalty box.
    row("boxed", "up to date penalty-box", "3 times", runs="0.9.0", box=box(whole=3, until=NOW.at + DAY_S)),
    row("boxed, the last minute", "up to date penalty-box", "in 1 hour", runs="0.9.0", box=box(whole=3, until=NOW.at + 59)),
    row("boxed until now", "offer newest", runs="0.9.0", box=box(whole=3, until=NOW.at)),
    row("two whole deliveries", "offer newest", runs="0.9.0", box=box(whole=2)),
    row("boxed for another digest", "offer newest", runs="0.9.0", box=box(runs="0.5.0", whole=3, until=NOW.at + DAY_S)),
    row("boxed for another release", "offer newest", runs="0.9.0", box=box("2.0.0", whole=3, until=NOW.at + DAY_S)),
    row("boxed, but runs it by now", "up to date newest", box=box(whole=3, until=NOW.at + DAY_S)),
    row("boxed by a clock that was wrong", "offer newest", runs="0.9.0", box=box(whole=3, until=NOW.at + 90 * DAY_S)),
    row("ten broken ones, just offered", "up to date penalty-box", "broke off", runs="0.9.0", box=box(broken=10, offered_at=NOW.at - 60)),
    row("ten broken ones, an hour ago", "offer newest", runs="0.9.0", box=box(broken=10, offered_at=NOW.at - HOUR_S)),
    row("nine broken ones", "offer newest", runs="0.9.0", box=box(broken=9, offered_at=NOW.at - 60)),
    row("boxed, but a rollout decides", "offer newest", box=box("2.0.0", "1.0.0", whole=3, until=NOW.at + DAY_S), rollouts=roll()),
    row("boxed on the way back", "up to date penalty-box", runs="2.0.0", box=box("1.0.0", "2.0.0", whole=3, until=NOW.at + DAY_S), rollouts=back()),
    row("no MAC address, offered just now", "up to date penalty-box", "no MAC address", runs="0.9.0", said={"mac": None}, box=box(offered_at=NOW.at - 60)),
    row("no MAC address, never boxed", "offer newest", runs="0.9.0", said={"mac": None}, box=box(whole=9, until=NOW.at + DAY_S)),
    row("no MAC address, an hour in a rollout", "up to date penalty-box", said={"mac": None}, box=box("2.0.0", "1.0.0", offered_at=NOW.at - 60), rollouts=roll()),
    row("a filesystem is not boxed", "offer newest", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, box=box(whole=9, until=NOW.at + DAY_S)),

    # Filesystems, and what was received already.
    row("a filesystem", "offer newest", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES),
    row("the filesystem that it reports", "up to date newest", "reports filesystem", said=FILESYSTEM, releases=WITH_FILES),
    row("a filesystem without a claim", "up to date unverified", "only to a device that reports", said={**FILESYSTEM, "version": None}, releases=WITH_FILES),
    row("a filesystem that it just got", "up to date unverified", "received filesystem", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, filesystem=received("filesystem", "1.0.0")),
    row("a filesystem a day later", "offer newest", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, filesystem=received("filesystem", "1.0.0", hours=24)),
    row("a filesystem, another claim since", "offer newest", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, filesystem=received("filesystem", "1.0.0", claim="0.8.0")),
    row("another filesystem before", "offer newest", runs="0.9.0", said=FILESYSTEM, releases=WITH_FILES, filesystem=received("filesystem", "0.9.0")),
    row("no filesystem", "nothing newest", "no filesystem", said=FILESYSTEM),
    row("a filesystem in a rollout", "offer newest", said=FILESYSTEM, releases=WITH_FILES, rollouts=roll()),
    row("a filesystem before its ring", "up to date ring", said=FILESYSTEM, releases=WITH_FILES, rollouts=roll("tag:a,100%")),
    row("a filesystem of a paused rollout", "up to date halted", said=FILESYSTEM, releases=WITH_FILES, rollouts=ended(roll(part=part(Outcome.RUNNING)), "paused")),
    row("encrypted, came back with it", "up to date unverified", "unverified", said=UNKNOWN, firmware=received("firmware", "1.0.0")),
    row("encrypted, had claimed it before", "up to date unverified", said=UNKNOWN, firmware=received("firmware", "1.0.0", claim="1.0.0")),
    row("encrypted, came back with the old claim", "offer newest", runs="0.9.0", said=UNKNOWN, firmware=received("firmware", "1.0.0")),
    row("encrypted, received another", "offer newest", said=UNKNOWN, firmware=received("firmware", "0.9.0")),

    # What a release requires.
    row("satisfies it", "offer newest", "2.0.0 is the newest", runs="1.4.0", releases=STEP),
    row("a step in between", "offer requires", "1.4.0 is the newest", releases=STEP),
    row("a step in between, says why", "offer requires", "requires >=1.4.0, and the device runs 1.0.0", releases=STEP),
    row("satisfies it by its claim", "offer newest", "2.0.0", runs="1.4.0", said=UNKNOWN, releases=STEP),
    row("does not, by its claim", "offer requires", "the device claims 1.3.0", runs="1.3.0", releases=STEP),
    row("claims to, but its digest says no", "offer requires", "1.4.0", said={"version": "1.0.0-dev.1"}, releases=STEP),
    row("nothing known of it", "offer requires", "is not known", runs=None, releases=STEP),
    row("runs it, whatever it requires", "up to date newest", runs="2.0.0", releases=STEP),
    row("a chain: the first step", "offer requires", "1.0.0", runs="0.5.0", releases=CHAIN),
    row("a chain: the second", "offer requires", "1.4.0", releases=CHAIN),
    row("a chain: the third", "offer requires", "2.0.0", runs="1.4.0", releases=CHAIN),
    row("a chain: the last", "offer newest", "3.0.0", runs="2.0.0", releases=CHAIN),
    row("no step that it can take", "up to date requires", "requires >=0.9.0", runs="0.5.0", releases=(version("1.0.0", channels={"stable": 1}, requires=">=0.9.0"),)),
    row("a step that does not fit", "offer requires", "0.9.0", runs="0.5.0", said={"free_space": 1000}, releases=(OLD, version("1.0.0", channels={"stable": 2}, size=2000), version("2.0.0", channels={"stable": 3}, requires=">=1.0.0"))),
    row("runs the step already", "up to date requires", "2.0.0 is not for it yet", runs="1.3.9", releases=(version("1.3.9", channels={"stable": 1}), version("2.0.0", channels={"stable": 2}, requires=">=1.4.0"))),
    row("steps are all lower", "up to date requires", runs="1.3.9", said=UNKNOWN, releases=(OLD, version("2.0.0", channels={"stable": 2}, requires=">=1.4.0"))),
    row("a rollout that requires more", "offer requires", "1.0.0 is the newest", runs="0.9.0", releases=rolling(requires=">=1.0.0"), rollouts=roll()),
    row("a rollout whose requirement is met", "offer newest", "2.0.0", releases=rolling(requires=">=1.0.0"), rollouts=roll()),
    row("a rollout that requires too much", "up to date requires", ">=1.4.0", releases=rolling(requires=">=1.4.0"), rollouts=roll()),
    row("pinned to what it may not get yet", "up to date requires", releases=rolling(requires=">=1.4.0"), pin=Pin("2.0.0")),
    row("a requirement of the future", "offer requires", "requires !!", runs="0.5.0", releases=stable(requires="!!")),

    # A rollout: its rings.
    row("in its ring", "offer newest", "at stage 1 of 1 (100%), has reached it", rollouts=roll()),
    row("not in its ring", "up to date ring", "is at stage 1 of 2 (tag:a)", rollouts=roll("tag:a,100%")),
    row("not in its ring, has less", "offer newest", "1.0.0", runs="0.9.0", rollouts=roll("tag:a,100%")),
    row("in its ring, has less", "offer newest", "2.0.0", runs="0.9.0", rollouts=roll()),
    row("has the tag", "offer newest", rollouts=roll("tag:a,100%"), tags=frozenset({"a"})),
    row("has another tag", "up to date ring", rollouts=roll("tag:a,100%"), tags=frozenset({"b"})),
    row("in the group", "offer newest", rollouts=roll("group:a,100%"), groups=frozenset({"a"})),
    row("chosen by number", "offer newest", rollouts=chosen(0)),
    row("chosen for a later stage", "up to date ring", rollouts=chosen(1)),
    row("not chosen", "up to date ring", "is at stage 1 of 2 (1)", rollouts=roll("1,100%")),
    row("its ring is below a half", "offer newest", rollouts=roll("50%,100%", seed="s1")),
    row("its ring is above a tenth", "up to date ring", rollouts=roll("10%,100%", seed="s0")),
    row("another seed, another ring", "up to date ring", rollouts=roll("50%,100%", seed="s0")),
    row("no MAC address before the last stage", "up to date ring", said={"mac": None}, rollouts=roll("50%,100%")),
    row("no MAC address in the last stage", "offer newest", said={"mac": None}, rollouts=roll("100%")),
    row("a rollout of another channel", "up to date newest", rollouts=roll(channel="beta")),
    row("a rollout without its board", "up to date newest", rollouts=live("100%", boards=("c3",))),
    row("runs what is rolling", "up to date newest", runs="2.0.0", rollouts=roll()),
    row("runs what is rolling, before its ring", "up to date ring", runs="2.0.0", rollouts=roll("tag:a,100%")),
    row("counted as running it", "up to date newest", runs="2.0.0", rollouts=roll("tag:a,100%", part=part(Outcome.RUNNING))),
    row("claims more than is rolling", "up to date downgrade", runs="2.5.0", rollouts=roll(), releases=(*BASE, BETA)),
    row("a client that is no device, in a rollout", "offer newest", "1.0.0", runs="0.9.0", known=False, rollouts=roll()),
    row("that runs the settled one, in a rollout", "up to date newest", known=False, rollouts=roll()),
    row("the first release of a channel, before its ring", "nothing ring", releases=(TWO,), rollouts=roll("tag:a,100%")),

    # A rollout: what became of the device in it.
    row("offered, broken off", "offer newest", rollouts=roll(part=part())),
    row("runs the old one", "up to date penalty-box", "only after a retry", rollouts=roll(part=part(Outcome.OLD))),
    row("was silent", "up to date penalty-box", rollouts=roll(part=part(Outcome.SILENT))),
    row("came back with something else", "up to date unverified", "something else", rollouts=roll(part=part(Outcome.UNRECOGNISED))),
    row("failed, has less than the settled one", "offer newest", "1.0.0", runs="0.9.0", rollouts=roll(part=part(Outcome.OLD))),

    # A rollout: its window and its states.
    row("the window is open", "offer newest", rollouts=roll(window="11:00-13:00")),
    row("the window is closed", "up to date window", "02:00-05:00", rollouts=roll(window="02:00-05:00")),
    row("the window is over midnight", "offer newest", now=moment(23), rollouts=roll(window="22:00-04:00")),
    row("the window is local time", "offer newest", now=moment(1)._replace(utc_offset_s=2 * HOUR_S), rollouts=roll(window="02:00-05:00")),
    row("the window is closed, not in its ring", "up to date ring", rollouts=roll("tag:a,100%", window="02:00-05:00")),
    row("the window is closed, has less", "offer newest", "1.0.0", runs="0.9.0", rollouts=roll(window="02:00-05:00")),
    row("before its start", "up to date window", "start time", rollouts=roll(offers_from=START + 13 * HOUR_S)),
    row("after its start", "offer newest", rollouts=roll(offers_from=START + 11 * HOUR_S)),
    row("paused", "up to date halted", "lunch", rollouts=ended(roll(), "paused")),
    row("paused, has less", "offer newest", "1.0.0", runs="0.9.0", rollouts=ended(roll(), "paused")),
    row("paused, runs it", "up to date newest", runs="2.0.0", rollouts=ended(roll(part=part(Outcome.RUNNING)), "paused")),
    row("the network is away", "up to date halted", "network", rollouts=ended(roll(), "away")),
    row("waiting", "offer newest", rollouts=roll(state="waiting", reason="no device runs it")),
    row("halted", "up to date halted", "3 devices failed", rollouts=ended(roll(), "halted")),
    row("halted, has less", "offer newest", "1.0.0", runs="0.9.0", rollouts=ended(roll(), "halted")),
    row("halted, runs it", "up to date halted", "3 devices failed", runs="2.0.0", rollouts=ended(roll(part=part(Outcome.RUNNING)), "halted")),
    row("aborted", "up to date newest", rollouts=ended(roll(), "aborted")),
    row("superseded", "up to date newest", rollouts=ended(roll(), "superseded")),
    row("superseded by another", "up to date ring", rollouts=[ended(roll(), "superseded"), roll("tag:a,100%")]),
    row("halted, and another since", "offer newest", "2.0.0", rollouts=[ended(roll(), "halted"), roll()]),

    # The way back.
    row("ordered back", "offer halted", "its devices go back to 1.0.0", runs="2.0.0", rollouts=back()),
    row("ordered back, there already", "up to date halted", rollouts=back()),
    row("ordered back, not in its stage", "up to date ring", "in stages", runs="2.0.0", rollouts=back("tag:a,100%")),
    row("ordered back, the last stage", "offer halted", runs="2.0.0", rollouts=back("tag:a,100%", at=1)),
    row("ordered back, forbidden", "up to date downgrade", "stays at 2.0.0", runs="2.0.0", releases=NO_WAY_BACK, rollouts=back()),
    row("ordered back, its digest is unknown", "up to date halted", runs="2.0.0", said=UNKNOWN, releases=(*BASE, BETA), rollouts=back()),
    row("ordered back, never got it", "up to date halted", runs="2.0.0", rollouts=ended(roll(on_halt="order-back"), "halted")),
    row("ordered back, a filesystem", "offer halted", runs="2.0.0", said={**FILESYSTEM, "sketch_md5": digest("1.0.0")}, releases=WITH_FILES, rollouts=back()),
    row("ordered back, secure version lower", "up to date downgrade", "secure version", runs="2.0.0", said=ESP32, releases=(C3[0], version("2.0.0", family="esp32", chip="esp32c3", channels={}, secure_version=2)), rollouts=back()),
    row("ordered back, the same secure version", "offer halted", runs="2.0.0", said=ESP32, releases=C3, rollouts=back()),
    row("ordered back, held", "up to date hold", runs="2.0.0", rollouts=back(), hold=True),

    # The store is away.
    row("no store, a channel without rollouts", "offer newest", runs="0.9.0", store_away=True),
    row("no store, a rollout", "up to date store-away", "cannot be used now", rollouts=roll(), store_away=True),
    row("no store, a rollout, has less", "up to date store-away", runs="0.9.0", rollouts=roll("tag:a,100%"), store_away=True),
    row("no store, pinned", "up to date store-away", runs="0.9.0", pin=Pin("1.0.0"), store_away=True),
    row("no store, a rollout, other family", "refuse chip", said=ESP32, rollouts=roll(), store_away=True),
    row("no store, a way back", "up to date store-away", runs="2.0.0", rollouts=back(), store_away=True),
    row("no store, a client that is no device", "offer newest", runs="0.9.0", known=False, rollouts=roll(), store_away=True),
]
# fmt: on


def decided(case: Case) -> FleetDecision:
    return decide(
        case.device,
        case.report,
        case.targets,
        case.board,
        "stable",
        case.rollouts,
        case.now,
        store_away=case.store_away,
    )


@pytest.mark.parametrize("case", ROWS, ids=lambda case: case.name)
def test_what_a_device_gets(case: Case) -> None:
    result = decided(case)
    assert (result.decision.verdict.value, result.rule.value) == case.expected, result.reason
    assert case.words in result.reason
    assert result.reason
    offers = result.decision.verdict.value == "offer"
    assert not offers or result.decision.image is not None


def test_there_are_enough_rows_and_each_rule_has_some() -> None:
    assert len(ROWS) >= 150
    assert len({case.name for case in ROWS}) == len(ROWS)
    assert {case.expected[1] for case in ROWS} == {rule.value for rule in FleetRule}


def test_nobody_is_offered_anything_without_a_report() -> None:
    none = Case("", None, NO_REPORT, Targets(BASE), [roll()], "d1", NOW, False, ("", ""), "")
    result = decided(none)
    assert result.decision.release is ONE
