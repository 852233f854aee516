"""What the rows of the table of decisions are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from acpublish.fleet.advancing import Live
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import HOUR_S, Moment
from acpublish.fleet.penalty import Box
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rollout import (
    WayBack,
    aborted,
    halted,
    network_away,
    paused,
    superseded,
)
from acpublish.fleet.targets import Targets
from acpublish.release.manifest import Compressed, Release
from acpublish.release.received import Received
from acpublish.wire import Mode, Report
from tests.unit.fleet.making import (
    changed,
    device,
    digest,
    live,
    mac,
    moment,
    report,
    version,
)
from tests.unit.release.making import md5, sha256

MIB = 1024 * 1024
KEY = f"lamp/{mac(1)}"
NOW = moment(12)


class Case(NamedTuple):
    """One row: who asks, what there is, and what comes of it."""

    name: str
    device: Device | None
    report: Report
    targets: Targets
    rollouts: list[Live]
    board: str
    now: Moment
    store_away: bool
    expected: tuple[str, str]
    words: str


# What there is. On stable: 0.9.0, then 1.0.0. Rolling: 2.0.0, which is on no channel yet.
OLD = version("0.9.0", channels={"stable": 1})
ONE = version("1.0.0", channels={"stable": 2})
TWO = version("2.0.0", channels={})
BETA = version("3.0.0", channels={"beta": 3})
BASE = (OLD, ONE, TWO)
GZIP = Compressed(size=600, md5=md5("gz"), sha256=sha256("gz"))
FILES = version("1.0.0", kind="filesystem", channels={"stable": 2})
FILES_TWO = version("2.0.0", kind="filesystem", channels={})
WITH_FILES = (OLD, ONE.with_image(FILES.images[0]), TWO.with_image(FILES_TWO.images[0]))


def stable(**fields: Any) -> tuple[Release, ...]:
    """Returns 0.9.0, and 1.0.0 with something about its image."""
    return (OLD, version("1.0.0", **{"channels": {"stable": 2}, **fields}), TWO)


def rolling(**fields: Any) -> tuple[Release, ...]:
    """Returns what is on stable, and 2.0.0 with something about its image."""
    return (OLD, ONE, version("2.0.0", **{"channels": {}, **fields}))


def row(
    name: str,
    expected: str,
    words: str = "",
    *,
    runs: str | None = "1.0.0",
    said: dict[str, Any] | None = None,
    releases: Iterable[Release] = BASE,
    rollouts: Live | list[Live] | None = None,
    board: str = "d1",
    now: Moment = NOW,
    store_away: bool = False,
    known: bool = True,
    **fields: Any,
) -> Case:
    """Builds a row; ``expected`` is a verdict and a rule, such as "offer newest"."""
    verdict, _, rule = expected.rpartition(" ")
    request = report(runs)._replace(**(said or {}))
    rolls = rollouts if isinstance(rollouts, list) else [rollouts] if rollouts else []
    own = device(said=request, **fields) if known else None
    targets = Targets(tuple(releases))
    return Case(name, own, request, targets, rolls, board, now, store_away, (verdict, rule), words)


def roll(stages: str = "100%", *, part: Part | None = None, **fields: Any) -> Live:
    """Returns a rollout of 2.0.0; ``part`` is what the device is in it."""
    policy = {key: fields.pop(key) for key in ("window", "on_halt", "at_once") if key in fields}
    made = live(stages, **policy)
    made.rollout = changed(made.rollout, **fields)
    if part is not None:
        made.progress.put(KEY, part)
    return made


def ended(made: Live, how: str) -> Live:
    made.rollout = {
        "paused": lambda: paused(made.rollout, "lunch"),
        "away": lambda: network_away(made.rollout),
        "halted": lambda: halted(made.rollout, "3 devices failed", moment()),
        "aborted": lambda: aborted(made.rollout, "enough"),
        "superseded": lambda: superseded(made.rollout, "3.0.0"),
    }[how]()
    return made


def part(outcome: Outcome = Outcome.PENDING, **fields: Any) -> Part:
    return Part("d1", 0, 0.0, 1.0, outcome=outcome)._replace(**fields)


def chosen(stage: int, stages: str = "1,5,100%") -> Live:
    made = roll(stages)
    made.progress.chosen[KEY] = stage
    return made


def back(stages: str = "100%", *, at: int = 0, **fields: Any) -> Live:
    made = roll(stages, part=part(Outcome.RUNNING), on_halt="order-back", **fields)
    made = ended(made, "halted")
    made.rollout = changed(made.rollout, way_back=WayBack(at, 0.0))
    return made


def box(image: str = "1.0.0", runs: str = "0.9.0", **fields: Any) -> Box:
    subject = (sha256(f"{image} d1 firmware"), digest(runs), None, runs)
    return Box(subject, **fields)


def received(kind: str, image: str, *, hours: float = 1, claim: str = "0.9.0") -> Received:
    seed = "encrypted before"
    at = NOW.at - hours * HOUR_S
    sha = sha256(f"{image} d1 {kind}")
    return Received(
        at=at, kind=kind, sha256=sha, claim=claim, sketch_md5=md5(seed), sketch_sha256=None
    )


FILESYSTEM = {"mode": Mode.FILESYSTEM}
NO_DIGEST = {"sketch_md5": None}
UNKNOWN = {"sketch_md5": md5("nobody knows")}
ESP32 = {"family": "esp32"}
C3 = (
    version("1.0.0", family="esp32", chip="esp32c3", channels={"stable": 1}, secure_version=1),
    version("2.0.0", family="esp32", chip="esp32c3", channels={}, secure_version=1),
)
NO_WAY_BACK = (OLD, ONE, version("2.0.0", channels={}, no_downgrade_below="2.0.0"))
STEP = (
    OLD,
    version("1.0.0", channels={"stable": 2}),
    version("1.4.0", channels={"stable": 3}),
    version("2.0.0", channels={"stable": 4}, requires=">=1.4.0"),
)
CHAIN = (
    version("1.0.0", channels={"stable": 1}),
    version("1.4.0", channels={"stable": 2}, requires=">=1.0.0"),
    version("2.0.0", channels={"stable": 3}, requires=">=1.4.0"),
    version("3.0.0", channels={"stable": 4}, requires=">=2.0.0"),
)
TAKEN = (OLD, version("1.0.0", channels={}, left_channels=("stable",), withdrawn="withdrawn"))
ALL_TAKEN = (version("1.0.0", channels={}, left_channels=("stable",), withdrawn="deleted"),)
