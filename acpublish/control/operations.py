"""What people ask of a fleet and want changed: the same in a server and where none runs.

An operation is a generator, because a server must not wait in its event loop. It yields a function
that may take long, which is called in a thread and changes nothing of the fleet, or the future of
what has to be stored; what it returns is the document. :func:`run_here` runs one where nobody else
needs the thread. A change that cannot be stored is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent import futures
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol, TypeVar

from acpublish.catalog.snapshot import ProductSnapshot
from acpublish.control.device_index import DeviceIndex
from acpublish.control.device_query import (
    MAX_PAGE,
    DeviceFilter,
    by_address,
    by_name,
    counted,
    need_free_name,
    need_release,
    page,
)
from acpublish.control.device_table import Order
from acpublish.control.fleet_state import FleetState
from acpublish.control.stories import story
from acpublish.errors import NotFoundError, StoreError
from acpublish.fleet.describing import device_document
from acpublish.fleet.device_changes import DeviceChange
from acpublish.fleet.evidence import retried
from acpublish.fleet.explaining import explain
from acpublish.fleet.known_device import Device, flags
from acpublish.fleet.progress import Outcome

_T = TypeVar("_T")
Document = dict[str, Any]
Step = Callable[[], Any] | Future[None]
Operation = Generator[Step, Any, _T]

#: How long a command waits for the disk.
_COMMAND_WAIT_S = 30.0
#: How many devices are changed before devices that ask get their turn: a few milliseconds.
_AT_ONCE = 100
_RETRIED = frozenset({"boxed", "no-whole-delivery", "failed"})
_SETTLED = frozenset({Outcome.RUNNING, Outcome.PENDING})


class Snapshots(Protocol):
    """Where the releases of products are read: those of a catalog."""

    def products(self) -> tuple[str, ...]:
        """Returns the names of all products."""
        ...

    def product(self, name: str) -> ProductSnapshot:
        """Returns all of a product at one time."""
        ...


def run_here(operation: Operation[_T]) -> _T:
    """Runs an operation, and waits for all that it needs.

    Raises:
        StoreError: The store cannot be written.
        AcpublishError: The operation raises one.
    """
    try:
        step = next(operation)
        while True:
            if isinstance(step, Future):
                try:
                    step.result(_COMMAND_WAIT_S)
                except StoreError as error:
                    step = operation.throw(not_stored(error.problem, error.hint))
                except futures.TimeoutError:
                    step = operation.throw(not_stored())
                else:
                    step = operation.send(None)
            else:
                step = operation.send(step())
    except StopIteration as end:
        result: _T = end.value
        return result


class NotStoredError(StoreError):
    """A change could not be stored, and was taken back; in a server, the reason has no path."""


def not_stored(reason: str = "", hint: str = "") -> NotStoredError:
    """Returns the error for a change that could not be stored.

    Args:
        reason: Why, if that is known.
        hint: What to do next.
    """
    because = f": {reason}" if reason else ""
    return NotStoredError(
        f"nothing was changed, because the fleet's store cannot be written{because}",
        hint=hint or "Try again in a moment; if it lasts, look at the server's log and its disk.",
    )


def not_stored_by(state: FleetState) -> NotStoredError:
    """Returns the error for a change that the store of a fleet did not take, with the reason."""
    hint = state.store.hint if state.store is not None and state.away else ""
    return not_stored(state.away, hint)


def need_store(state: FleetState) -> None:
    """Refuses a change that could not be stored now.

    Raises:
        StoreError: The store is away.
    """
    if state.away:
        raise not_stored_by(state)


class DeviceOperations:
    """What people ask and want of devices."""

    def __init__(self, state: FleetState, snapshots: Snapshots) -> None:
        """Prepares to operate.

        Args:
            state: The fleet; only the thread of the caller changes it.
            snapshots: The releases of its products.
        """
        self.state = state
        self._snapshots = snapshots
        #: How many names were given, because those were not there while others were compared.
        self._named = 0

    def devices(
        self, wanted: DeviceFilter, after: str = "", limit: int = MAX_PAGE
    ) -> Operation[Document]:
        """Returns a page of the devices to which conditions apply, and where the next begins."""
        devices, now = self._all(wanted.product), self.state.clock.now()

        def documents() -> Document:
            own, following = page(devices, wanted, now, after, limit)
            return {"devices": list(map(device_document, own)), "next": following}

        document: Document = yield documents
        return document

    def index(self) -> Operation[DeviceIndex]:
        """Returns an index of all devices.

        It can be used until :attr:`FleetState.lately` is None, and while the next one is made.
        """
        lately = self.state.lately = {}
        made = partial(DeviceIndex, self._all(), self.state.clock.now(), lately)
        index: DeviceIndex = yield made
        return index

    def matching(
        self, index: DeviceIndex, wanted: DeviceFilter, order: Order
    ) -> Operation[list[Device]]:
        """Returns all devices to which conditions apply, in an order.

        Args:
            index: The last index of the devices, or the one before it while that is made.
            wanted: The conditions.
            order: The order.
        """
        changed = {**index.changed, **(self.state.lately or {})}
        now = self.state.clock.now()
        matches: list[Device] = yield partial(index.matching, wanted, order, changed, now)
        return matches

    def _all(self, product: str | None = None) -> list[Device]:
        """Returns devices as a list of its own, for a thread, while others are added."""
        every: list[Device] = []
        for own in self.state.products.values():
            if product in (None, own.name):
                every += own.devices.values()
        return every

    def status(self) -> Operation[Document]:
        """Counts the devices by product, board and version."""
        document: Document = yield partial(counted, self._all())
        return document

    def _find(self, ref: str) -> Operation[Device]:
        """Returns the device that somebody means by an id, a MAC address or a name.

        Raises:
            NotFoundError: There is none.
            ConflictError: There are several.
        """
        device = by_address(self.state, ref)
        if device is None:
            named: Device = yield partial(by_name, self._all(), ref)
            # It may have been forgotten meanwhile.
            device = self._again(named)
        return device

    def _again(self, device: Device) -> Device:
        """Returns a device after a step, during which it may have been forgotten."""
        current = self.state.device(device.id)
        if current is None:
            raise NotFoundError(f"{device.shown_name} was just forgotten", hint="List them again.")
        return current

    def show(self, ref: str) -> Operation[Document]:
        """Returns a device's story."""
        return story((yield from self._find(ref)))

    def change(self, ref: str, change: DeviceChange) -> Operation[Document]:
        """Changes what people say of a device and want for it; returns its story."""
        device = yield from self._find(ref)
        if change.pin is not None:
            snapshot = yield partial(self._snapshots.product, device.product)
            need_release(device, change.pin.version, snapshot)
            device = self._again(device)
        if change.name:
            device = yield from self._with_free_name(device, change.name.strip())
        after = change.result(device)
        if after:
            before = {key: getattr(device, key) for key in after}
            need_store(self.state)
            self._named += "name" in after
            _set(device, after)
            yield from self._kept([device], lambda: _set(device, before))
        return story(device)

    def _with_free_name(self, device: Device, name: str) -> Operation[Device]:
        """Returns a device once it is clear that no other one of its product has a name."""
        named = -1
        while named != self._named:
            named = self._named
            yield partial(need_free_name, self._all(device.product), device, name)
        return self._again(device)

    def change_all(self, devices: Sequence[Device], change: DeviceChange) -> Operation[int]:
        """Changes many devices, if that is possible with each; returns how many it has changed.

        It is for tags and groups: a name or a pin needs what :meth:`change` looks up for it.

        Raises:
            StoreError: The store cannot be written; the error says how many were changed before.
        """
        yield lambda: [change.result(device) for device in devices]
        return (yield from self._in_turns(devices, lambda some: self._changed(some, change)))

    def _in_turns(
        self, devices: Sequence[Device], make: Callable[[Sequence[Device]], Operation[int]]
    ) -> Operation[int]:
        """Changes a few devices at a time; returns how many were changed.

        Raises:
            StoreError: As for :meth:`change_all`.
        """
        need_store(self.state)
        changed = 0
        for at in range(0, len(devices), _AT_ONCE):
            try:
                changed += yield from make(devices[at : at + _AT_ONCE])
            except StoreError as error:
                if not changed:
                    raise
                were = "device was" if changed == 1 else "devices were"
                raise StoreError(
                    f"only {changed} {were} changed, because the fleet's store cannot be written "
                    "any more",
                    hint=error.hint,
                ) from error
        return changed

    def _changed(self, devices: Sequence[Device], change: DeviceChange) -> Operation[int]:
        before = []
        for device in devices:
            # It may have been forgotten meanwhile.
            after = change.result(device) if self.state.device(device.id) is device else {}
            if after:
                before.append((device, {key: getattr(device, key) for key in after}))
                _set(device, after)

        def undo() -> None:
            for device, values in before:
                _set(device, values)

        if before:
            yield from self._kept([device for device, _ in before], undo)
        return len(before)

    def retry(self, ref: str) -> Operation[Document]:
        """Lets a device try again that failed; its story says whether it had (``retried``)."""
        device = yield from self._find(ref)
        count = yield from self._in_turns([device], self._retried)
        return {**story(device), "retried": count > 0}

    def retry_flagged(self) -> Operation[list[Document]]:
        """Lets all those devices try again, and returns them."""
        every = self._all()
        flagged: list[Device] = yield lambda: list(filter(self._may_retry, every))
        devices = [device for device in flagged if self.state.device(device.id) is device]
        yield from self._in_turns(devices, self._retried)
        return [device_document(device) for device in sorted(devices, key=lambda own: own.id)]

    def _may_retry(self, device: Device) -> bool:
        if not _RETRIED.isdisjoint(flags(device)):
            return True
        parts = (live.progress.get(device.id) for live in self._lives(device))
        return any(part is not None and part.outcome not in _SETTLED for part in parts)

    def _lives(self, device: Device) -> Iterable[Any]:
        return self.state.product(device.product).lives

    def retry_failed(self, rollout_id: str) -> Operation[int]:
        """Lets all devices that failed in a rollout try again; returns how many.

        Raises:
            StoreError: As for :meth:`change_all`.
        """
        lives = (live for own in self.state.products.values() for live in own.lives)
        live = next((live for live in lives if live.rollout.id == rollout_id), None)
        # Others may be put while they are looked at; after its end, nobody is offered it again.
        parts = [] if live is None else list(live.progress.parts())
        failed: list[str] = yield lambda: [key for key, part in parts if part.failed]
        devices = [device for key in failed if (device := self.state.device(key)) is not None]
        return (yield from self._in_turns(devices, self._retried))

    def _retried(self, devices: Sequence[Device]) -> Operation[int]:
        before, count = [], 0
        for device in devices:
            lives = [(live, live.progress.get(device.id)) for live in self._lives(device)]
            before.append((device, device.box, device.obstacle, lives))
            count += retried(device, (live for live, _ in lives))
            self._keep_parts(device, lives)

        def undo() -> None:
            for device, box, obstacle, lives in before:
                _set(device, {"box": box, "obstacle": obstacle})
                for live, part in lives:
                    if part is not None:
                        live.progress.put(device.id, part)
                self._keep_parts(device, lives)

        yield from self._kept(devices, undo)
        return count

    def _keep_parts(self, device: Device, lives: Iterable[tuple[Any, Any]]) -> None:
        for live, part in lives:
            after = live.progress.get(device.id)
            if part is not None and after is not None:
                self.state.keep_part(live, device, after)

    def forget(self, ref: str) -> Operation[Document]:
        """Forgets a device, and returns what was known of it."""
        device = yield from self._find(ref)
        need_store(self.state)
        document = story(device)
        lives = [(live, live.progress.get(device.id)) for live in self._lives(device)]
        try:
            yield self.state.forget(device.id)
        except StoreError:
            self.state.remember(device)
            for live, part in lives:
                if part is not None:
                    live.progress.put(device.id, part)
            self._keep_parts(device, lives)
            self.state.keep(device)
            raise
        return document

    def explain(self, ref: str) -> Operation[Document]:
        """Returns what a device would get now, and what each rule says of it."""
        device = yield from self._find(ref)
        snapshot = yield partial(self._snapshots.product, device.product)
        own = self.state.using(device.product, snapshot.releases)
        away = bool(self.state.away)
        now = self.state.clock.now()
        return explain(device, own.targets, own.lives, now, store_away=away).to_dict()

    def _kept(self, devices: Sequence[Device], undo: Callable[[], None]) -> Operation[None]:
        """Waits until devices are stored; if they cannot be, it takes the change back."""
        try:
            yield self.state.keep(*devices)
        except StoreError:
            undo()
            self.state.keep(*devices)
            raise


def _set(device: Device, values: Any) -> None:
    for key, value in values.items():
        setattr(device, key, value)
