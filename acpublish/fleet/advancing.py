"""How a rollout goes on: by evidence, and by nothing else.

Two functions move it. :func:`survey` walks the devices, so it is for now and then, and its
:func:`look` for a thread: it chooses those that a stage reaches by number, and looks for silence.
:func:`tick` is cheap, and goes by the last survey:

1. A stage ends when its soak is over, at least one device of each board in it runs the release, and
   at least 90 % of those that took the image whole are judged. Otherwise the rollout waits. Of the
   devices that were known before the stage, if there are any, it has to be one. And if the stage
   adds such devices, one of each board must have asked since it began: whoever was in an earlier
   stage says nothing about them.
2. A device that is silent for too long has failed, unless the network seems to be away.
3. After a halt that orders back, the stages are gone through once more, by soak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from acpublish.fleet.health import enough_judged, halt_reason, is_known, is_lost, judged, silence
from acpublish.fleet.known_device import Device, became, lately_seen
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import Outcome, Progress, Survey
from acpublish.fleet.rings import first_of_each_board, first_reaching, first_share, ring_of
from acpublish.fleet.rollout import (
    OFFERING,
    Rollout,
    Track,
    halted,
    moved,
    network_away,
    resumed,
)

#: How many names a reason has.
_NAMES = 5
#: For how many devices a rollout remembers the ring, of 150 bytes each.
_MAX_RINGS = 2_000_000
Walk = Callable[[Iterable[Device]], Iterable[Device]]


@dataclass(slots=True)
class Live:
    """A rollout with its progress: what the functions of this room change together.

    Attributes:
        rollout: The rollout.
        progress: How far it has come.
    """

    rollout: Rollout
    progress: Progress
    _remembered: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)
    _of: Rollout | None = field(default=None, init=False, repr=False)
    _rings: dict[str, int] = field(default_factory=dict, init=False, repr=False)

    def ring(self, device: Device) -> int:
        """Returns the ring of a device that has a MAC address (:func:`ring_of`)."""
        ring = self._rings.get(device.id)
        if ring is None:
            ring = ring_of(device.product, self.rollout.seed, device.mac or "")
            if len(self._rings) >= _MAX_RINGS:
                self._rings.clear()
            self._rings[device.id] = ring
        return ring

    def first_share(self, device: Device) -> int | None:
        """Returns the first share that reaches a device; None if it has no MAC address."""
        if device.mac is None:
            return None
        return first_share(self.rollout.policy.stages, self.ring(device))

    def remembered(self) -> dict[Hashable, Any]:
        """Returns what was computed from the rollout as it is now, for as long as it stays so."""
        if self._of is not self.rollout:
            self._of, self._remembered = self.rollout, {}
        return self._remembered


def survey(live: Live, devices: Collection[Device], now: Moment) -> None:
    """Looks at all devices and takes in the result, where no thread is needed."""
    take_in(live, look(live, devices, now))


def look(live: Live, devices: Collection[Device], now: Moment, walk: Walk = iter) -> Survey:
    """Chooses devices by number, counts what each stage holds, and hears silence.

    It walks the devices of a product and changes nothing, so it may run in a thread.

    Args:
        live: The rollout.
        devices: The devices of the product, as a list of its own if others are added meanwhile.
        now: The present.
        walk: Yields devices, and may rest in between.
    """
    rollout, progress = live.rollout, live.progress
    own = _of_rollout(rollout, walk(devices))
    chosen = _chosen(live, own, now)
    stages = rollout.policy.stages
    holds = [0] * len(stages)
    in_stage: list[set[str]] = [set() for _ in stages]
    known_in: list[set[str]] = [set() for _ in stages]
    tracks = rollout.tracks
    began = {board: (track.stage, track.heard) for track in tracks for board in track.boards}
    added: set[str] = set()
    asked: set[str] = set()
    for device, first in _first_stages(live, walk(own), chosen):
        holds[first] += 1
        board = device.board
        stage, since = began[board]
        may_ask = first == stage and board not in asked
        if board in known_in[first] and not may_ask:
            continue
        here = lately_seen(device, now.heard)
        known_here = is_known(device, since)
        if may_ask and here and known_here:
            (asked if device.last_heard > since else added).add(board)
        if here or progress.get(device.id) is not None:
            in_stage[first].add(board)
            if known_here:
                known_in[first].add(board)
    for at in range(1, len(stages)):
        holds[at] += holds[at - 1]
        in_stage[at] |= in_stage[at - 1]
        known_in[at] |= known_in[at - 1]
    known, silent = silence(walk(own), rollout.stage_heard, now.heard)
    return Survey(
        heard=now.heard,
        tracks=tracks,
        boards=tuple(map(frozenset, in_stage)),
        holds=tuple(holds),
        known=known,
        silent=silent,
        chosen=chosen,
        known_boards=tuple(map(frozenset, known_in)),
        unheard=frozenset(added - asked),
    )


def stage_sizes(live: Live, devices: Iterable[Device], now: Moment) -> tuple[int, ...]:
    """Returns how many devices each stage reaches, with those before it; it changes nothing."""
    own = _of_rollout(live.rollout, devices)
    counts = Counter(first for _, first in _first_stages(live, own, _chosen(live, own, now)))
    return tuple(accumulate(counts[at] for at in range(live.progress.stages)))


def _of_rollout(rollout: Rollout, devices: Iterable[Device]) -> list[Device]:
    boards, channel = rollout.boards, rollout.channel
    return [each for each in devices if each.channel == channel and each.board in boards]


def _first_stages(
    live: Live, devices: Iterable[Device], chosen: Mapping[str, int]
) -> Iterator[tuple[Device, int]]:
    """Yields the devices that any stage reaches, each with the first that does."""
    rollout, added = live.rollout, live.progress.added
    stages = rollout.policy.stages
    for device in devices:
        share = live.first_share(device)
        first = first_reaching(stages, len(stages) - 1, device, rollout.seed, chosen, share)
        if device.id in added and device.staged:
            first = 0
        if first is not None:
            yield device, first


def take_in(live: Live, seen: Survey) -> None:
    """Takes in a survey, unless the rollout has moved, or somebody who left was offered it."""
    progress = live.progress
    left = progress.chosen.keys() - seen.chosen.keys()
    if seen.tracks == live.rollout.tracks and not any(map(progress.get, left)):
        progress.chosen = dict(seen.chosen)
        progress.survey = seen


def _chosen(live: Live, devices: Collection[Device], now: Moment) -> dict[str, int]:
    """Returns the devices that are chosen by number, each with its stage."""
    rollout, chosen = live.rollout, dict(live.progress.chosen)
    if rollout.is_open:
        for track in rollout.tracks:
            _choose(live, chosen, track, devices, now)
    return chosen


def _choose(
    live: Live,
    chosen: dict[str, int],
    track: Track,
    devices: Iterable[Device],
    now: Moment,
) -> None:
    """Chooses devices by number for the stages so far, and replaces those that have left."""
    rollout, progress = live.rollout, live.progress
    own = {device.id: device for device in devices if device.board in track.boards}
    present = {device.board for device in own.values()}
    for key in list(chosen):
        device = own.get(key)
        if device is None or progress.get(key) is not None:
            continue
        if not (device.staged and lately_seen(device, now.heard)):
            del chosen[key]
    for at, stage in enumerate(rollout.policy.stages[: track.stage + 1]):
        if stage.kind != "number":
            continue
        # Devices that appear later fill only what those known before the stage leave free.
        for known_before in (True, False):
            taken = Counter(
                own[key].board for key, number in chosen.items() if number <= at and key in own
            )
            # Once all places are taken, as they are most of the time, nobody is looked at.
            if all(taken[board] >= stage.amount for board in present):
                break
            candidates = [
                device
                for device in own.values()
                if device.id not in chosen
                and (device.first_heard < track.heard or not known_before)
            ]
            names = first_of_each_board(candidates, stage.amount, live.ring, now.heard, taken)
            chosen.update(dict.fromkeys(names, at))


def tick(live: Live, devices: Mapping[str, Device], now: Moment) -> None:
    """Judges silence, and lets the rollout advance, wait, pause, resume or halt.

    Args:
        live: The rollout, which is changed.
        devices: The devices by id; only those that are to be judged are looked up.
        now: The present.
    """
    rollout = live.rollout
    if rollout.way_back is not None:
        live.rollout = _further_back(rollout, live.progress, now)
        return
    if not rollout.is_open:
        return
    seen = live.progress.survey
    if seen is not None and seen.heard >= rollout.silence_from:
        if rollout.away and not seen.away:
            live.rollout = resumed(rollout, now)
        elif seen.away:
            live.rollout = network_away(rollout)
        else:
            _judge_silence(live, devices, seen, now)
    if live.rollout.state in OFFERING:
        live.rollout = _opened(live.rollout, live.progress, now)
        live.rollout = _advanced(live.rollout, live.progress, devices, now)


def _judge_silence(live: Live, devices: Mapping[str, Device], seen: Survey, now: Moment) -> None:
    """Counts the devices as failed that were silent at the time of the survey."""
    progress = live.progress
    for key in progress.awaited:
        device, part = devices.get(key), progress.get(key)
        if device is None or part is None:
            progress.forget(key)
            continue
        if not is_lost(device, part, seen.heard, live.rollout.silence_from):
            continue
        progress.put(key, judged(part, device, Outcome.SILENT))
        became(device, live.rollout.version, Outcome.SILENT.value)
        if reason := halt_reason(live.rollout.policy, progress, part.stage):
            live.rollout = halted(live.rollout, with_names(reason, progress, devices), now)
            return


def with_names(reason: str, progress: Progress, devices: Mapping[str, Device]) -> str:
    """Returns a reason with the names of the devices that failed."""
    return f"{reason}: {_named(progress.failures(), devices)}"


def _named(ids: Sequence[str], devices: Mapping[str, Device]) -> str:
    names = [devices[key].shown_name if key in devices else key for key in ids[:_NAMES]]
    more = f" and {len(ids) - _NAMES} more" if len(ids) > _NAMES else ""
    return ", ".join(names) + more


def _opened(rollout: Rollout, progress: Progress, now: Moment) -> Rollout:
    """Lets a stage begin only when something can be offered, so its soak is not over before."""
    closed = bool(closed_until(rollout, now))
    tracks = []
    for track in rollout.tracks:
        if closed and not track.closed and not progress.of_stage(track.stage).offered:
            track = track._replace(closed=True)
        elif not closed and track.closed:
            track = track._replace(closed=False, heard=now.heard)
        tracks.append(track)
    return rollout if tuple(tracks) == rollout.tracks else replace(rollout, tracks=tuple(tracks))


def _advanced(
    rollout: Rollout, progress: Progress, devices: Mapping[str, Device], now: Moment
) -> Rollout:
    """Returns the rollout after each track that may has gone to its next stage."""
    missing: list[str] = []
    for track in rollout.tracks:
        soaking = now.heard - track.heard < rollout.policy.soak_s[track.stage]
        if track.done or track.closed or soaking:
            continue
        lacks = evidence_missing(rollout, progress, track, devices)
        if lacks:
            missing.append(lacks)
        else:
            rollout = moved(rollout, track, now)
    if not rollout.is_open:
        return rollout
    if closed := closed_until(rollout, now):
        missing.insert(0, closed)
    if missing:
        return replace(rollout, state="waiting", reason="; ".join(missing))
    return replace(rollout, state="running", reason="")


def closed_until(rollout: Rollout, now: Moment) -> str:
    """Returns why a rollout offers nothing at this time of the day; empty if it does."""
    if now.at < rollout.offers_from:
        return "its start time has not come"
    window = rollout.policy.window
    if window is not None and not window.is_open(now.second_of_day):
        return f"the window {window.text} is closed"
    return ""


def evidence_missing(
    rollout: Rollout, progress: Progress, track: Track, devices: Mapping[str, Device]
) -> str:
    """Returns what evidence a stage lacks, and from whom; empty if it has all that it needs."""
    seen = progress.survey
    if seen is None or seen.tracks != rollout.tracks:
        return "the devices of this stage are not counted yet"
    boards = [board for board in track.boards if board in seen.boards[track.stage]]
    lacking = [board for board in boards if not progress.runs_on(board)]
    # Who sends requests can invent devices that say so.
    known = seen.known_boards[track.stage]
    unproven = [board for board in boards if board in known and not progress.proven_on(board)]
    # Whoever runs it in the first stage has asked, maybe after the survey.
    unheard = [board for board in track.boards if track.stage and board in seen.unheard]
    if lacking:
        missing = [f"no device of {', '.join(lacking)} runs {rollout.version} yet"]
    elif unproven:
        devices_of = f"device of {', '.join(unproven)} that was known before the stage"
        missing = [f"no {devices_of} runs {rollout.version} yet"]
    elif not any(map(progress.runs_on, track.boards)):
        stage = rollout.policy.stages[track.stage]
        adds = seen.holds[track.stage] - (seen.holds[track.stage - 1] if track.stage else 0)
        missing = [
            f"no device of this rollout has the {stage.kind} {stage.name}"
            if stage.name and not adds
            else f"no device runs {rollout.version} yet"
        ]
    elif unheard:
        added = f"no device of {', '.join(unheard)} that this stage adds"
        missing = [f"{added} has asked since it began"]
    elif enough_judged(progress.in_all):
        return ""
    else:
        missing = []
    if progress.awaited:
        missing.append(f"not heard since the download: {_named(progress.awaited, devices)}")
    if progress.in_all.failed:
        missing.append(f"failed: {_named(progress.failures(), devices)}")
    return "; ".join(missing)


def _further_back(rollout: Rollout, progress: Progress, now: Moment) -> Rollout:
    """Returns the rollout after the way back has reached its next stage, if it may."""
    back = rollout.way_back
    if back is None or back.stage == len(rollout.policy.stages) - 1:
        return rollout
    over = now.heard - back.heard >= rollout.policy.soak_s[back.stage]
    waiting = progress.ordered_back > back.returned and progress.returned == back.returned
    if not over or waiting:
        return rollout
    further = back._replace(stage=back.stage + 1, heard=now.heard, returned=progress.returned)
    return replace(rollout, way_back=further)


def reach(live: Live, device: Device, board: str, last: int | None = None) -> int | None:
    """Returns the first stage of a rollout that reaches a device, None if none does so far.

    Args:
        live: The rollout.
        device: The device.
        board: The board that it requested.
        last: The stage to look up to; the present one of its board if there is none.
    """
    rollout, progress = live.rollout, live.progress
    if last is None:
        track = rollout.track_of(board)
        if track is None:
            return None
        last = track.stage
    if device.id in progress.added and device.staged:
        return 0
    stages, share = rollout.policy.stages, live.first_share(device)
    return first_reaching(stages, last, device, rollout.seed, progress.chosen, share)
