"""What people ask of the fleet and want of it, in the event loop of a server.

An operation (:mod:`acpublish.control.operations`) changes the fleet only in the event loop; what
takes long is in a thread, and what has to be stored is awaited.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.control.fleet_state import FleetState
from acpublish.control.operations import DeviceOperations, Operation, Step, not_stored_by
from acpublish.control.rollout_operations import RolloutOperations
from acpublish.errors import AcpublishError

_T = TypeVar("_T")
#: As for changes of the catalog: the device path needs the other threads.
PARALLEL_STEPS = 2
#: How long a change waits for a store that is not open yet.
_OPEN_S = 5.0
_LOOK_S = 0.05


class FleetPeople:
    """Runs operations.

    Attributes:
        devices: What can be done with devices.
        rollouts: What can be done with rollouts.
    """

    def __init__(
        self, state: FleetState, catalog: DirectoryCatalog, need_store: Callable[[], None]
    ) -> None:
        """Prepares to run operations.

        Args:
            state: The fleet.
            catalog: Where releases are.
            need_store: Has the store opened soon.
        """
        self._state = state
        self._need_store = need_store
        self._threads = asyncio.Semaphore(PARALLEL_STEPS)
        self.devices = DeviceOperations(state, catalog.snapshots)
        self.rollouts = RolloutOperations(state, catalog.snapshots, catalog.rollouts)

    async def show(self, operation: Operation[_T]) -> _T:
        """Runs an operation that changes nothing.

        Raises:
            AcpublishError: The operation raises one.
        """
        try:
            step = next(operation)
            while True:
                try:
                    result = await self._result(step)
                except AcpublishError as error:
                    step = operation.throw(error)
                else:
                    step = operation.send(result)
        except StopIteration as end:
            value: _T = end.value
            return value

    async def make(self, operation: Operation[_T]) -> _T:
        """Runs an operation that changes something, for which there has to be a store.

        Raises:
            StoreError: It cannot be written; nothing was changed.
            AcpublishError: The operation raises one.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + _OPEN_S
        while self._state.store is None and loop.time() < end:
            self._need_store()
            await asyncio.sleep(_LOOK_S)
        return await self.show(operation)

    async def _result(self, step: Step) -> object:
        if not isinstance(step, Future):
            async with self._threads:
                return await asyncio.to_thread(step)
        # There is a store by now, so this is imported already.
        from acpublish.store.fleet_store import committed

        if not await committed(step):
            raise not_stored_by(self._state)
        return None
