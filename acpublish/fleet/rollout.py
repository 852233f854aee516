"""A rollout: one release on its way to a channel, in stages; its states and what changes them.

``running`` offers the release to what its stage reaches. ``waiting`` does too, but the soak is over
and evidence is missing, or the window is closed. ``paused`` offers it to nobody until somebody
resumes it; if it paused because the network seemed to be away, it resumes by itself. ``halted``,
``aborted``, ``complete`` and ``superseded`` have ended, each with a reason.

A rollout is a row that a store can keep: each function here returns another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, NamedTuple

from acpublish.errors import ConflictError
from acpublish.fleet.moments import Moment
from acpublish.fleet.policy import Policy
from acpublish.release.durations import in_utc

State = Literal["running", "waiting", "paused", "halted", "complete", "aborted", "superseded"]
OPEN: frozenset[State] = frozenset({"running", "waiting", "paused"})
#: Those in which devices are offered the release.
OFFERING: frozenset[State] = frozenset({"running", "waiting"})
NETWORK_AWAY = "the network seems away: more than half of the devices are silent"


class Track(NamedTuple):
    """Boards that go through the stages together: those that joined the rollout together.

    Attributes:
        boards: The boards, sorted.
        stage: The stage that they are in, from 0.
        heard: When it began, on the clock of listening.
        done: Whether the last stage has ended for them.
        closed: Whether nothing could be offered to them since it began.
    """

    boards: tuple[str, ...]
    stage: int
    heard: float
    done: bool = False
    closed: bool = False


class WayBack(NamedTuple):
    """How the devices that got the release are ordered back to the settled one.

    Attributes:
        stage: The stage that is ordered back, with all before it.
        heard: When that began, on the clock of listening.
        returned: How many had returned by then.
    """

    stage: int
    heard: float
    returned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One release on its way to a channel.

    Attributes:
        id: Its name in commands.
        product: The product.
        version: The release.
        channel: The channel.
        seed: What the rings of its devices depend on, with their product and MAC address.
        policy: Its stages and thresholds.
        tracks: How far its boards are.
        started_at: When it was started, in seconds since 1970.
        offers_from: Nothing is offered before this time, in seconds since 1970.
        state: Its state.
        reason: Why it is in that state, for a person; empty while it is running.
        away: Whether it paused by itself, because the network seemed to be away.
        silence_from: Silence before this is not counted, on the clock of listening.
        way_back: How its devices go back, None if they stay.
    """

    id: str
    product: str
    version: str
    channel: str
    seed: str
    policy: Policy
    tracks: tuple[Track, ...]
    started_at: float
    offers_from: float = 0.0
    state: State = "running"
    reason: str = ""
    away: bool = False
    silence_from: float = 0.0
    way_back: WayBack | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state in OPEN

    @property
    def stage(self) -> int:
        """The stage of the boards that are least far."""
        return min(track.stage for track in self.tracks)

    @property
    def boards(self) -> frozenset[str]:
        """Its boards."""
        return frozenset(board for track in self.tracks for board in track.boards)

    @property
    def stage_heard(self) -> float:
        """When its newest stage began, on the clock of listening."""
        return max(track.heard for track in self.tracks)

    def track_of(self, board: str) -> Track | None:
        """Returns how far a board is, None if it is not part of the rollout."""
        for track in self.tracks:
            if board in track.boards:
                return track
        return None

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Rollout:
        """Restores a rollout from what :meth:`to_dict` returned.

        Raises:
            SettingsError: Its policy cannot be read.
        """
        values = dict(document)
        way_back = values["way_back"]
        values["policy"] = Policy.from_dict(values["policy"])
        values["tracks"] = tuple(Track(tuple(boards), *rest) for boards, *rest in values["tracks"])
        values["way_back"] = None if way_back is None else WayBack(*way_back)
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON types, for a store."""
        names = (field.name for field in fields(self))
        return {
            **{name: getattr(self, name) for name in names},
            "policy": self.policy.to_dict(),
            "tracks": [[list(track.boards), *track[1:]] for track in self.tracks],
            "way_back": None if self.way_back is None else list(self.way_back),
        }

    def __str__(self) -> str:
        """The rollout for a person."""
        return f"the rollout {self.id} of {self.product} {self.version} to {self.channel}"


def started(
    rollout_id: str,
    *,
    product: str,
    version: str,
    channel: str,
    boards: Iterable[str],
    policy: Policy,
    now: Moment,
    seed: str | None = None,
    offers_from: float = 0.0,
) -> Rollout:
    """Returns a new rollout, in its first stage.

    Args:
        rollout_id: Its name in commands.
        product: The product.
        version: The release.
        channel: The channel.
        boards: The boards of the release.
        policy: Its policy.
        now: The present.
        seed: What the rings depend on; its id if there is none.
        offers_from: Offer nothing before this time, in seconds since 1970.
    """
    return Rollout(
        id=rollout_id,
        product=product,
        version=version,
        channel=channel,
        seed=rollout_id if seed is None else seed,
        policy=policy,
        tracks=(Track(tuple(sorted(set(boards))), 0, now.heard),),
        started_at=now.at,
        offers_from=offers_from,
        silence_from=now.heard,
    )


def joined(rollout: Rollout, boards: Iterable[str], now: Moment) -> Rollout:
    """Adds boards of the same version at the first stage; its own stay where they are."""
    new = tuple(sorted(set(boards) - rollout.boards))
    if not new:
        return rollout
    _need(rollout, OPEN, "gets no further board", "Publish a new version.")
    return replace(rollout, tracks=(*rollout.tracks, Track(new, 0, now.heard)))


def left(rollout: Rollout, boards: Iterable[str]) -> Rollout:
    """Removes boards to which the release does not go any more; at least one other stays."""
    gone = frozenset(boards)
    if not gone & rollout.boards:
        return rollout
    tracks = (
        track._replace(boards=tuple(board for board in track.boards if board not in gone))
        for track in rollout.tracks
    )
    return replace(rollout, tracks=tuple(track for track in tracks if track.boards))


def paused(rollout: Rollout, reason: str) -> Rollout:
    """Stops all offers until a person resumes it."""
    _need(rollout, OPEN, "cannot be paused", "Only an open rollout can be.")
    return replace(rollout, state="paused", reason=reason, away=False)


def network_away(rollout: Rollout) -> Rollout:
    """Stops all offers until the devices are heard again; a person's pause stays."""
    if rollout.state not in OFFERING:
        return rollout
    return replace(rollout, state="paused", reason=NETWORK_AWAY, away=True)


def resumed(rollout: Rollout, now: Moment) -> Rollout:
    """Goes on with a paused rollout; the silence until now is not counted."""
    _need(rollout, frozenset({"paused"}), "cannot be resumed", "Only a paused rollout can be.")
    return replace(rollout, state="running", reason="", away=False, silence_from=now.heard)


def advanced(rollout: Rollout, now: Moment) -> Rollout:
    """Goes to the next stage, without waiting for soak or evidence; after the last it is complete.

    Of several tracks, the one that is least far advances.

    Raises:
        ConflictError: It offers nothing, or its start time has not come: nobody could have tried
            the release before everybody got it.
    """
    again = "Publish a newer release, or start another rollout."
    hint = "Resume it first." if rollout.state == "paused" else again
    _need(rollout, OFFERING, "cannot advance", hint)
    if now.at < rollout.offers_from:
        raise ConflictError(
            f"{rollout} offers nothing before {in_utc(rollout.offers_from)} and cannot advance",
            hint="Wait until then, or end it and start it again without a start time: "
            f"'acpublish rollout abort {rollout.id}'.",
        )
    waiting = [track for track in rollout.tracks if not track.done]
    first = min(waiting, key=lambda track: track.stage)
    return moved(rollout, first, now)


def moved(rollout: Rollout, track: Track, now: Moment) -> Rollout:
    """Lets a track go to its next stage; once all have ended the last, the rollout is complete."""
    last = len(rollout.policy.stages) - 1
    after = (
        track._replace(done=True)
        if track.stage == last
        else track._replace(stage=track.stage + 1, heard=now.heard)
    )
    tracks = tuple(after if other == track else other for other in rollout.tracks)
    if all(other.done for other in tracks):
        return replace(
            rollout, tracks=tracks, state="complete", reason="all stages have ended", away=False
        )
    return replace(rollout, tracks=tracks, state="running", reason="")


def aborted(rollout: Rollout, reason: str) -> Rollout:
    """Ends a rollout by a person's order."""
    _need(rollout, OPEN | {"halted"}, "cannot be aborted", "It has ended already.")
    return replace(rollout, state="aborted", reason=reason, away=False)


def superseded(rollout: Rollout, by: str) -> Rollout:
    """Ends a rollout because another release goes to the channel; nobody is ordered back any more.

    The devices that took its release belong to the first stage of the new one
    (:attr:`acpublish.fleet.progress.Progress.added`).
    """
    if rollout.state == "aborted":
        return replace(rollout, way_back=None)
    _need(rollout, OPEN | {"halted"}, "cannot be superseded", "It has ended already.")
    reason = f"{by} was published to {rollout.channel}"
    return replace(rollout, state="superseded", reason=reason, away=False, way_back=None)


def halted(rollout: Rollout, reason: str, now: Moment) -> Rollout:
    """Ends a rollout because devices failed; orders the others back if the policy says so."""
    if not rollout.is_open:
        return rollout
    after = replace(rollout, state="halted", reason=reason, away=False)
    if rollout.policy.on_halt == "order-back":
        return ordered_back(after, now, at_once=rollout.policy.at_once)
    return after


def ordered_back(rollout: Rollout, now: Moment, *, at_once: bool) -> Rollout:
    """Orders the devices that run the release of an ended rollout back to the settled one.

    Args:
        rollout: The rollout, halted or aborted.
        now: The present.
        at_once: Whether all go back now, and not in the stages of the rollout.
    """
    _need(rollout, frozenset({"halted", "aborted"}), "orders nobody back", "Abort it first.")
    stage = len(rollout.policy.stages) - 1 if at_once else 0
    return replace(rollout, way_back=WayBack(stage, now.heard))


def _need(rollout: Rollout, states: Iterable[State], what: str, hint: str) -> None:
    if rollout.state not in states:
        reason = f" ({rollout.reason})" if rollout.reason else ""
        raise ConflictError(f"{rollout} is {rollout.state}{reason} and {what}", hint=hint)
