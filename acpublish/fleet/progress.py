"""How far a rollout has come: the part of each device in it, and counts that follow from them.

A :class:`Part` is a row that a store can keep, and the counts follow from the parts alone: they are
the same however often a part is put, and after a restart they are counted from the rows. No count
walks the devices: :meth:`Progress.put` takes the old part away and adds the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from acpublish.fleet.rollout import Track
from acpublish.wire import Report


class Outcome(str, Enum):
    """What became of a device after a whole delivery.

    PENDING has not been heard since; RUNNING runs the release; OLD runs what it ran before; SILENT
    has not been heard for too long; UNRECOGNISED runs something else. OLD and SILENT are failures.
    """

    PENDING = "pending"
    RUNNING = "running"
    OLD = "runs the old one"
    SILENT = "silent"
    UNRECOGNISED = "unrecognised"


FAILURES = frozenset({Outcome.OLD, Outcome.SILENT})
#: What became of an offer after which a device should have come back with the release.
NOT_TAKEN = frozenset({"whole", *(outcome.value for outcome in FAILURES)})


class Before(NamedTuple):
    """What a device reported when it was made an offer."""

    md5: str | None = None
    sha256: str | None = None
    claim: str | None = None

    @classmethod
    def of(cls, report: Report) -> Before:
        """Takes it from a report."""
        return cls(report.sketch_md5, report.sketch_sha256, report.version)


class Part(NamedTuple):
    """The part of one device in one rollout.

    Attributes:
        board: The board of the device.
        stage: The stage in which it was first offered the release.
        stage_heard: When that stage began, on the clock of listening.
        offered_at: When it was first offered the release, in seconds since 1970; None if it ran the
            release without an offer of this rollout.
        delivered_at: When it last received it whole, likewise; None if it did not.
        address: The IP address to which it was delivered.
        before: What the device reported before.
        firmware: Whether firmware was delivered; a filesystem alone does not show in a digest.
        outcome: What became of it.
        counts: Whether it counts as evidence: it was known before the stage, at that address.
        verified: Whether its digest shows that it runs the release.
        back_at: When it was offered the older release again, in seconds since 1970.
        returned: Whether it was ordered back, and was seen not to run the release any more.
    """

    board: str
    stage: int
    stage_heard: float
    offered_at: float | None = None
    delivered_at: float | None = None
    address: str | None = None
    before: Before = Before()
    firmware: bool = True
    outcome: Outcome = Outcome.PENDING
    counts: bool = False
    verified: bool = True
    back_at: float | None = None
    returned: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is a failure that counts."""
        return self.counts and self.outcome in FAILURES

    @property
    def awaited(self) -> bool:
        """Whether it is to be judged: it has the image whole, and counts as evidence."""
        pending = self.outcome is Outcome.PENDING
        return pending and self.counts and self.delivered_at is not None

    @property
    def took_it(self) -> bool:
        """Whether the device received the release whole, or runs it."""
        return self.delivered_at is not None or self.outcome is Outcome.RUNNING


@dataclass(slots=True)
class Counts:
    """Numbers of distinct devices.

    Attributes:
        offered: First offered the release in a stage.
        delivered: Of those, received it whole.
        running: Of those, run it.
        failed: Of those, failed, and count as evidence.
        unrecognised: Of those, run something else.
        awaited: Are to be judged.
        proven: Run it, and count as evidence.
    """

    offered: int = 0
    delivered: int = 0
    running: int = 0
    failed: int = 0
    unrecognised: int = 0
    awaited: int = 0
    proven: int = 0

    @property
    def pending(self) -> int:
        """The devices of which nothing is known yet, and those whose failure does not count."""
        return self.offered - self.running - self.failed - self.unrecognised

    @property
    def judged(self) -> int:
        """The devices that count as evidence, one way or the other."""
        return self.proven + self.failed

    def add(self, part: Part, sign: int) -> None:
        """Adds a part, or takes it away if ``sign`` is -1."""
        if part.offered_at is None:
            return
        running = part.outcome is Outcome.RUNNING
        self.offered += sign
        self.delivered += sign * part.took_it
        self.running += sign * running
        self.failed += sign * part.failed
        self.unrecognised += sign * (part.outcome is Outcome.UNRECOGNISED)
        self.awaited += sign * part.awaited
        self.proven += sign * (running and part.counts)


class Survey(NamedTuple):
    """What a walk through the devices has shown (:func:`acpublish.fleet.advancing.look`).

    Attributes:
        heard: When, on the clock of listening.
        tracks: How far the boards of the rollout were.
        boards: For each stage, the boards that have devices in it.
        holds: For each stage, how many devices it reaches.
        known: The devices that were known before the stage.
        silent: Those of them that are silent.
        chosen: The devices that stages reach by number, each with its stage.
        known_boards: For each stage, the boards that have devices in it which were known before
            the stage, where they are now, so that one of them can prove that the release runs.
        unheard: The boards of which the present stage adds devices that are there, none of them
            heard since it began: they cannot have been offered the release.
    """

    heard: float
    tracks: tuple[Track, ...]
    boards: tuple[frozenset[str], ...]
    holds: tuple[int, ...]
    known: int
    silent: int
    chosen: Mapping[str, int]
    known_boards: tuple[frozenset[str], ...]
    unheard: frozenset[str] = frozenset()

    @property
    def away(self) -> bool:
        """Whether the network seems to be away: more than half are silent."""
        return 2 * self.silent > self.known


@dataclass(slots=True)
class Progress:
    """The parts of all devices in one rollout, and what follows from them.

    Attributes:
        stages: How many stages there are.
        chosen: The devices that were chosen by number, each with its stage.
        added: The devices that took the release before, which belong to the first stage.
        survey: What the last walk through the devices has shown.
    """

    stages: int
    chosen: dict[str, int] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    survey: Survey | None = None
    _parts: dict[str, Part] = field(default_factory=dict)
    _of_stage: list[Counts] = field(default_factory=list)
    _in_all: Counts = field(default_factory=Counts)
    _running: Counter[str] = field(default_factory=Counter)
    _proven: Counter[str] = field(default_factory=Counter)
    _awaited: dict[str, None] = field(default_factory=dict)
    _back: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._of_stage = [Counts() for _ in range(self.stages)]

    @classmethod
    def of(
        cls,
        stages: int,
        parts: Iterable[tuple[str, Part]] = (),
        chosen: Iterable[tuple[str, int]] = (),
        added: Iterable[str] = (),
    ) -> Progress:
        """Restores the progress of a rollout from stored rows."""
        progress = cls(stages, chosen=dict(chosen), added=frozenset(added))
        for key, part in parts:
            progress.put(key, part)
        return progress

    def get(self, key: str) -> Part | None:
        """Returns the part of a device, None if it has none."""
        return self._parts.get(key)

    def parts(self) -> Iterator[tuple[str, Part]]:
        """Yields the part of each device; this walks all that had an offer."""
        yield from self._parts.items()

    def put(self, key: str, part: Part) -> None:
        """Puts the part of a device in the place of the one that it had."""
        before = self._parts.get(key)
        if before is not None:
            self._count(before, -1)
        self._parts[key] = part
        self._count(part, 1)
        if part.awaited:
            self._awaited[key] = None
        else:
            self._awaited.pop(key, None)

    def remove(self, key: str) -> None:
        """Removes the part of a device; a stage that has chosen it still reaches it."""
        part = self._parts.pop(key, None)
        if part is not None:
            self._count(part, -1)
        self._awaited.pop(key, None)

    def forget(self, key: str) -> None:
        """Forgets a device, and that it was ever part of the rollout."""
        self.remove(key)
        self.chosen.pop(key, None)

    def _count(self, part: Part, sign: int) -> None:
        self._of_stage[part.stage].add(part, sign)
        self._in_all.add(part, sign)
        if part.outcome is Outcome.RUNNING:
            self._running[part.board] += sign
            self._proven[part.board] += sign * part.counts
        if part.back_at is not None:
            self._back["ordered"] += sign
            self._back["returned"] += sign * part.returned

    def of_stage(self, stage: int) -> Counts:
        """Returns the counts of the devices that were first offered the release in a stage."""
        return self._of_stage[stage]

    @property
    def in_all(self) -> Counts:
        """The counts of all stages."""
        return self._in_all

    @property
    def awaited(self) -> tuple[str, ...]:
        """The devices that are to be judged."""
        return tuple(self._awaited)

    @property
    def ordered_back(self) -> int:
        """How many devices were offered the older release again."""
        return self._back["ordered"]

    @property
    def returned(self) -> int:
        """How many of them run something else by now."""
        return self._back["returned"]

    def runs_on(self, board: str) -> bool:
        """Returns whether a device of a board runs the release."""
        return self._running[board] > 0

    def proven_on(self, board: str) -> bool:
        """Returns whether a device of a board runs the release that was known before its stage."""
        return self._proven[board] > 0

    def took_it(self) -> frozenset[str]:
        """Returns the devices that took the release; this walks all that had an offer."""
        return frozenset(key for key, part in self._parts.items() if part.took_it)

    def failures(self) -> list[str]:
        """Returns the devices that failed; this walks all that had an offer."""
        return [key for key, part in self._parts.items() if part.failed]
