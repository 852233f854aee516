"""A fleet in a state folder where no server runs.

Each method opens the store and closes it again, so that a server can start at any time. What only
shows something does not take the store's lock, and writes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.device_query import DeviceFilter
from acpublish.control.fleet_access import Document
from acpublish.control.fleet_state import FleetState
from acpublish.control.following import follow
from acpublish.control.operations import DeviceOperations, run_here
from acpublish.control.rollout_operations import RolloutOperations
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.policy import Policy
from acpublish.release import names
from acpublish.release.version import Version
from acpublish.store.database import path_of
from acpublish.store.fleet_store import FleetStore
from acpublish.store.stored import read, read_live

#: How long a command waits for another one that changes something.
_WAIT_S = 5.0


class _Operations(NamedTuple):
    devices: DeviceOperations
    rollouts: RolloutOperations


class LocalFleet:
    """The fleet of a catalog's directory; it is a :class:`acpublish.control.fleet_access.Fleet`."""

    def __init__(self, catalog: DirectoryCatalog, state: Path, *, by: str = "") -> None:
        """Prepares to open the store.

        Args:
            catalog: Where releases are.
            state: The state folder.
            by: Who changes something, as the history of the catalog has it.
        """
        self._catalog = catalog
        self._state = state
        self._by = by

    @property
    def served(self) -> bool:
        """Whether a server runs: this is what there is where none does."""
        return False

    @contextlib.contextmanager
    def _reading(self) -> Iterator[_Operations]:
        state = FleetState()
        if path_of(self._state).exists():
            state.show(read(self._state), partial(read_live, self._state))
        yield self._operations(state)

    @contextlib.contextmanager
    def _writing(self, *, create: bool = False) -> Iterator[_Operations]:
        if not create and not path_of(self._state).exists():
            # Nothing is known yet, and what is not there cannot be changed.
            yield self._operations(FleetState())
            return
        store = FleetStore.open(self._state, wait_s=_WAIT_S)
        try:
            state = FleetState()
            state.use(store, store.load())
            yield self._operations(state)
        finally:
            store.close()

    def _operations(self, state: FleetState) -> _Operations:
        snapshots = self._catalog.snapshots
        for product in snapshots.products():
            snapshot = snapshots.product(product)
            follow(state, product, snapshot.channels)
            state.using(product, snapshot.releases)
        return _Operations(
            DeviceOperations(state, snapshots),
            RolloutOperations(state, snapshots, self._catalog.rollouts),
        )

    def devices(
        self,
        *,
        product: str | None = None,
        board: str | None = None,
        version: str | None = None,
        tag: str | None = None,
        group: str | None = None,
        not_seen_s: float | None = None,
        stuck: bool = False,
        flagged: bool = False,
    ) -> Iterator[Document]:
        """Yields the devices to which all of this applies, sorted by their ids."""
        wanted = DeviceFilter.of(
            product=product,
            board=board,
            version=version,
            tag=tag,
            group=group,
            not_seen_s=not_seen_s,
            stuck=stuck,
            flagged=flagged,
        )
        with self._reading() as own:
            after: str | None = ""
            while after is not None:
                document = run_here(own.devices.devices(wanted, after))
                yield from document["devices"]
                after = document["next"]

    def device(self, ref: str) -> Document:
        """Returns a device's story."""
        with self._reading() as own:
            return run_here(own.devices.show(ref))

    def change(
        self,
        ref: str,
        *,
        name: str | None = None,
        note: str | None = None,
        add_tags: Iterable[str] = (),
        remove_tags: Iterable[str] = (),
        add_groups: Iterable[str] = (),
        remove_groups: Iterable[str] = (),
    ) -> Document:
        """Changes what people say of a device; an empty name or note removes it."""
        change = DeviceChange(
            name=name,
            note=note,
            add_tags=tuple(add_tags),
            remove_tags=tuple(remove_tags),
            add_groups=tuple(add_groups),
            remove_groups=tuple(remove_groups),
        )
        return self._changed(ref, change)

    def pin(self, ref: str, version: str, *, order_back: bool = False) -> Document:
        """Lets a device have only this version; a lower one only with ``order_back``."""
        return self._changed(ref, DeviceChange.to_version(version, order_back=order_back))

    def hold(self, ref: str) -> Document:
        """Offers a device nothing until it is cleared."""
        return self._changed(ref, DeviceChange.to_nothing())

    def clear(self, ref: str) -> Document:
        """Ends a pin and a hold."""
        return self._changed(ref, DeviceChange.to_anything())

    def _changed(self, ref: str, change: DeviceChange) -> Document:
        with self._writing() as own:
            return run_here(own.devices.change(ref, change))

    def retry(self, ref: str) -> Document:
        """Lets a device try again that failed; its story says whether it had (``retried``)."""
        with self._writing() as own:
            return run_here(own.devices.retry(ref))

    def retry_flagged(self) -> list[Document]:
        """Lets all those devices try again, and returns them."""
        with self._writing() as own:
            return run_here(own.devices.retry_flagged())

    def forget(self, ref: str) -> Document:
        """Forgets a device, and returns what was known of it."""
        with self._writing() as own:
            return run_here(own.devices.forget(ref))

    def explain(self, ref: str) -> Document:
        """Returns what a device would get now, and what each rule says of it."""
        with self._reading() as own:
            return run_here(own.devices.explain(ref))

    def rollouts(self, product: str | None = None) -> list[Document]:
        """Returns the rollouts, also those that have ended, the oldest first."""
        documents: list[Document] = []
        with self._reading() as own:
            after: str | None = ""
            while after is not None:
                document = run_here(own.rollouts.rollouts(product, after))
                documents += document["rollouts"]
                after = document["next"]
        return documents

    def rollout(self, ref: str) -> Document:
        """Returns a rollout's details, by its id, or by a product that has one that is open."""
        with self._reading() as own:
            return run_here(own.rollouts.rollout(ref))

    def pause(self, ref: str, reason: str = "") -> Document:
        """Offers the release to nobody until the rollout is resumed."""
        with self._writing(create=True) as own:
            return run_here(own.rollouts.pause(ref, reason, by=self._by))

    def resume(self, ref: str) -> Document:
        """Goes on with a paused rollout."""
        with self._writing(create=True) as own:
            return run_here(own.rollouts.resume(ref, by=self._by))

    def advance(self, ref: str) -> Document:
        """Goes to the next stage without waiting for soak or evidence."""
        with self._writing(create=True) as own:
            return run_here(own.rollouts.advance(ref, by=self._by))

    def abort(self, ref: str, reason: str = "") -> Document:
        """Ends a rollout; the channel stays at the settled release."""
        with self._writing(create=True) as own:
            return run_here(own.rollouts.abort(ref, reason, by=self._by))

    def start(
        self,
        product: str,
        version: str,
        channel: str,
        policy: Policy,
        *,
        offers_from: int | None = None,
        boards: Iterable[str] = (),
    ) -> Document:
        """Sends a release to a channel in stages, and returns the rollout's details."""
        parsed, to = Version.parse(version), names.channel(channel)
        with self._writing(create=True) as own:
            return run_here(
                own.rollouts.start(
                    names.product(product),
                    parsed,
                    to,
                    policy,
                    offers_from=offers_from,
                    boards=tuple(map(names.board, boards)),
                    by=self._by,
                )
            )

    def plan(
        self,
        product: str,
        version: str,
        channel: str,
        policy: Policy,
        *,
        boards: Iterable[str] = (),
    ) -> list[int]:
        """Returns how many devices each stage would reach, with those before it."""
        parsed, to = Version.parse(version), names.channel(channel)
        with self._reading() as own:
            return run_here(
                own.rollouts.plan(
                    names.product(product),
                    parsed,
                    to,
                    policy,
                    boards=tuple(map(names.board, boards)),
                )
            )

    def status(self) -> Document:
        """Counts the devices by product, board and version."""
        with self._reading() as own:
            return run_here(own.devices.status())
