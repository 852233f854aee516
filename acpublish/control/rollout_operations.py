"""What people ask of rollouts and want of them (:mod:`acpublish.control.operations`).

What is on its way to a channel is in the catalog, so a rollout is started and aborted there first,
and the rollouts of the fleet follow.
"""

from __future__ import annotations

import difflib
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from acpublish.bounded import BoundedDict
from acpublish.catalog.catalog_rollouts import CatalogRollouts
from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.fleet_state import FleetState
from acpublish.control.following import catch_up, due, follow, rollout_id, rollout_number, surveyed
from acpublish.control.operations import Document, Operation, Snapshots, need_store
from acpublish.control.stories import details, order_reason
from acpublish.errors import AcpublishError, ConflictError, NotFoundError, SettingsError, StoreError
from acpublish.fleet.advancing import Live, look, take_in
from acpublish.fleet.describing import plan, rollout_document
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import Moment
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Progress, Survey
from acpublish.fleet.rollout import OPEN, Rollout, aborted, advanced, paused, resumed
from acpublish.release.changes import images_of, release_of
from acpublish.release.names import ChannelName
from acpublish.release.rollout_changes import RolloutOrder
from acpublish.release.text import cleaned, text_fault
from acpublish.release.version import Version

_log = logging.getLogger("acpublish.fleet")

#: The documents of rollouts that have ended do not change, and each is read from the store.
_MAX_ENDED = 1000
_SHOWN = 80
_LIST_HINT = "See 'acpublish rollout status'."
MAX_REASON_CHARACTERS = 500
#: Those that people can still end.
_ENDING = OPEN | {"halted"}


class RolloutOperations:
    """What people ask and want of rollouts."""

    def __init__(self, state: FleetState, snapshots: Snapshots, catalog: CatalogRollouts) -> None:
        """Prepares to operate.

        Args:
            state: The fleet; only the thread of the caller changes it.
            snapshots: The releases of its products.
            catalog: Where rollouts are started and ended.
        """
        self._state = state
        self._snapshots = snapshots
        self._catalog = catalog
        self._ended: BoundedDict[str, Document] = BoundedDict(_MAX_ENDED)

    def rollouts(
        self, product: str | None = None, after: str = "", limit: int = 100
    ) -> Operation[Document]:
        """Returns a page of the rollouts, the oldest first, and where the next begins."""
        last = _place(after)
        if not after:
            yield from catch_up(self._state, self._snapshots, product)
        own = sorted(
            (rollout.started_at, rollout.id)
            for rollout in self._state.rollouts.values()
            if product in (None, rollout.product) and (rollout.started_at, rollout.id) > last
        )
        chosen = [self._state.rollouts[key] for _, key in own[:limit]]
        documents = []
        for rollout in chosen:
            document = self._ended.get(rollout.id)
            if document is None:
                live = yield from self._counted(rollout)
                document = rollout_document(live)
                if self._has_ended(live.rollout):
                    self._ended[rollout.id] = document
            documents.append(document)
        more = len(own) > limit
        return {"rollouts": documents, "next": _cursor(chosen[-1]) if more else None}

    def _has_ended(self, rollout: Rollout) -> bool:
        own = self._state.product(rollout.product)
        return all(live.rollout.id != rollout.id for live in own.lives)

    def rollout(self, ref: str) -> Operation[Document]:
        """Returns a rollout's details."""
        live = yield from self._counted(self._find(ref))
        # Others may be put while they are looked at.
        parts = list(live.progress.parts())
        document: Document = yield partial(details, live, parts)
        return document

    def _counted(self, rollout: Rollout) -> Operation[Live]:
        """Returns a rollout with its progress, and with how many devices each stage has."""
        own = self._state.product(rollout.product)
        live = next((live for live in own.lives if live.rollout.id == rollout.id), None)
        if live is not None and live.progress.survey is not None:
            return live
        read = partial(
            _read, self._state, rollout, live, list(own.devices.values()), self._state.clock.now()
        )
        counted: tuple[Live, Survey] = yield read
        live, seen = counted
        if live.rollout.is_open:
            surveyed(self._state, live, seen)
        else:
            take_in(live, seen)
        return live

    def pause(self, ref: str, reason: str = "", *, by: str = "") -> Operation[Document]:
        """Offers the release to nobody until the rollout is resumed."""
        why = _reason(reason)

        def change(rollout: Rollout) -> Rollout:
            # Whoever pauses it once more without a reason does not take the first one away.
            kept = rollout.reason if rollout.state == "paused" and not rollout.away else ""
            return paused(rollout, why or kept or "somebody paused it")

        return (yield from self._ordered("pause", ref, change, by))

    def resume(self, ref: str, *, by: str = "") -> Operation[Document]:
        """Goes on with a paused rollout."""
        change = partial(resumed, now=self._now())
        return (yield from self._ordered("resume", ref, change, by))

    def advance(self, ref: str, *, by: str = "") -> Operation[Document]:
        """Goes to the next stage without waiting; after the last, the channel gets the release."""
        change = partial(advanced, now=self._now())
        return (yield from self._ordered("advance", ref, change, by))

    def _ordered(
        self, order: RolloutOrder, ref: str, change: Callable[[Rollout], Rollout], by: str
    ) -> Operation[Document]:
        """Makes a change that a person wants, and notes it in the history."""
        yield from catch_up(self._state, self._snapshots)
        before = self._find(ref)
        live = yield from self._moved(before, change)
        rollout = live.rollout
        if rollout != before:
            note = partial(
                self._catalog.note,
                order,
                rollout.product,
                rollout.channel,
                Version.parse(rollout.version),
                order_reason(order, rollout),
                by,
                rollout=rollout_number(rollout),
            )
            # The order counts, whether or not its line can be written.
            yield partial(_if_possible, note)
        if rollout.state == "complete":
            yield from self._tell_catalog(rollout.product)
        elif rollout != before:
            yield from self._follow(rollout.product)
        return (yield from self.rollout(rollout.id))

    def _moved(self, rollout: Rollout, change: Callable[[Rollout], Rollout]) -> Operation[Live]:
        """Changes a rollout, and waits until that is stored; if it cannot be, it is taken back."""
        live = self._live(rollout, change)
        before, after = live.rollout, change(live.rollout)
        need_store(self._state)
        live.rollout = after
        stored = self._state.moved(live)
        try:
            yield stored
        except StoreError:
            if live.rollout is after:
                live.rollout = before
                self._state.moved(live)
            raise
        return live

    def _live(self, rollout: Rollout, change: Callable[[Rollout], Rollout]) -> Live:
        for live in self._state.product(rollout.product).lives:
            if live.rollout.id == rollout.id:
                return live
        # It has ended, and this says that it cannot be changed any more.
        change(rollout)
        raise ConflictError(f"{rollout} is {rollout.state}", hint="Start another one.")

    def _now(self) -> Moment:
        return self._state.clock.now()

    def abort(self, ref: str, reason: str = "", *, by: str = "") -> Operation[Document]:
        """Ends a rollout; the channel stays at the settled release."""
        yield from catch_up(self._state, self._snapshots)
        rollout = self._find(ref, ending=True)
        why = _reason(reason) or "somebody aborted it"
        self._live(rollout, lambda own: aborted(own, why))
        yield partial(
            self._catalog.abort,
            rollout.product,
            rollout.channel,
            Version.parse(rollout.version),
            why,
            by,
            rollout=rollout_number(rollout),
        )
        live = self._state.live(rollout.id) or Live(rollout, Progress(len(rollout.policy.stages)))
        if live.rollout.state in _ENDING:
            live.rollout = aborted(live.rollout, why)
        elif live.rollout.state == "aborted":
            # The catalog was followed before this was.
            live.rollout = replace(live.rollout, reason=why)
        yield self._state.moved(live)
        yield from self._follow(rollout.product)
        return (yield from self.rollout(rollout.id))

    def start(
        self,
        product: str,
        version: Version,
        channel: ChannelName,
        policy: Policy,
        *,
        offers_from: int | None = None,
        boards: Iterable[str] = (),
        by: str = "",
    ) -> Operation[Document]:
        """Sends a release to a channel in stages, and returns the rollout's details."""
        yield partial(
            self._catalog.start,
            product,
            version,
            channel,
            policy.to_dict(),
            offers_from=offers_from,
            boards=tuple(boards),
            by=by,
        )
        snapshot = yield from self._follow(product)
        rolling = snapshot.channels.rolling.get(channel, {})
        entry = next((own for own in rolling.values() if own.version == version), None)
        if entry is None:
            pointers = (
                snapshot.channels.current(channel, place)
                for place in snapshot.channels.places(channel)
            )
            if any(pointer and pointer.version == version for pointer in pointers):
                raise ConflictError(
                    f"{channel} points at {product} {version} already",
                    hint=f"Devices are offered it; see 'acpublish channels {product}'.",
                )
            raise ConflictError(
                f"{product} {version} was sent to {channel}, but another change ended that",
                hint=f"See 'acpublish history {product}'.",
            )
        return (yield from self.rollout(rollout_id(product, entry)))

    def plan(
        self,
        product: str,
        version: Version,
        channel: ChannelName,
        policy: Policy,
        *,
        boards: Iterable[str] = (),
    ) -> Operation[list[int]]:
        """Returns how many devices of these boards, or of all, each stage would have reached."""
        snapshot: ProductSnapshot = yield partial(self._snapshots.product, product)
        images = images_of(release_of(snapshot.releases, version), tuple(boards))
        devices = self._state.product(product).devices
        # With this number the rollout gets the same rings, unless another change comes first.
        seed = f"{product}-{snapshot.channels.serial + 1}"
        counts = yield partial(
            plan,
            policy,
            product=product,
            channel=channel,
            boards={image.board for image in images},
            devices=list(devices.values()),
            seed=seed,
            now=self._now(),
        )
        return list(counts)

    def _follow(self, product: str) -> Operation[ProductSnapshot]:
        snapshot: ProductSnapshot = yield partial(self._snapshots.product, product)
        follow(self._state, product, snapshot.channels)
        self._state.using(product, snapshot.releases)
        return snapshot

    def _tell_catalog(self, product: str) -> Operation[None]:
        """Lets the channel point at the release of a complete rollout, as the server would soon."""
        snapshot: ProductSnapshot = yield partial(self._snapshots.product, product)
        for each in due(self._state, product, snapshot.channels):
            if each.action == "settle":
                yield partial(
                    self._catalog.settle,
                    product,
                    each.channel,
                    Version.parse(each.version),
                    rollout=each.number,
                    reason=each.reason,
                )
        yield from self._follow(product)

    def _find(self, ref: str, *, ending: bool = False) -> Rollout:
        """Returns the rollout that somebody means.

        Args:
            ref: Its id, or a product that has one that is open.
            ending: Whether a halted one will do as well.

        Raises:
            NotFoundError: There is none.
            ConflictError: Several are open.
        """
        state = self._state
        if ref in state.rollouts:
            return state.rollouts[ref]
        own = [rollout for rollout in state.rollouts.values() if rollout.product == ref]
        current = [rollout for rollout in own if rollout.state in OPEN]
        if not current and ending:
            current = [rollout for rollout in own if rollout.state in _ENDING]
        if len(current) == 1:
            return current[0]
        if current:
            ids = ", ".join(rollout.id for rollout in current)
            raise ConflictError(
                f"{len(current)} rollouts of {ref} are open", hint=f"Use the id of one: {ids}."
            )
        if own:
            last = own[-1]
            hint = f"Its last one is {last.id}, which is {last.state}."
            if last.state == "halted":
                hint += (
                    f" Publish a newer release, or try it again with 'acpublish rollout start {ref}"
                    f" {last.version} --channel {last.channel}'."
                )
            raise NotFoundError(f"no rollout of {ref} is open", hint=hint)
        known = [*state.rollouts, *(rollout.product for rollout in state.rollouts.values())]
        similar = difflib.get_close_matches(ref[:_SHOWN], dict.fromkeys(known[-1000:]), 3)
        hint = f"Similar names are: {', '.join(similar)}." if similar else _LIST_HINT
        raise NotFoundError(f"there is no rollout {cleaned(ref[:_SHOWN])!r}", hint=hint)


def _read(
    state: FleetState, rollout: Rollout, live: Live | None, devices: list[Device], now: Moment
) -> tuple[Live, Survey]:
    live = live or state.live(rollout.id) or Live(rollout, Progress(len(rollout.policy.stages)))
    return live, look(live, devices, now)


def _if_possible(note: Callable[[], object]) -> None:
    """Writes a line of the history, or says in the log why there is none."""
    try:
        note()
    except AcpublishError as error:
        _log.warning("the history lacks a line: %s", error)


def _reason(text: str) -> str:
    """Returns a reason as everybody may read it.

    Raises:
        SettingsError: It is too long, or contains what no terminal should show.
    """
    clean = text.strip()
    if fault := text_fault(clean, MAX_REASON_CHARACTERS):
        raise SettingsError(f"the reason {fault}", hint="Use a shorter reason on one line.")
    return clean


def _cursor(rollout: Rollout) -> str:
    """Returns where a list goes on after a rollout, even if that is forgotten meanwhile."""
    return f"{rollout.started_at!r}/{rollout.id}"


def _place(cursor: str) -> tuple[float, str]:
    """Returns what a list goes on after.

    Raises:
        SettingsError: No list has had this cursor.
    """
    if not cursor:
        return 0.0, ""
    at, slash, key = cursor.partition("/")
    try:
        place = float(at), key
    except ValueError:
        place = math.nan, key
    if not slash or not math.isfinite(place[0]):
        raise SettingsError(
            "the cursor is not one of this list", hint="Begin with the first page, without it."
        )
    return place
