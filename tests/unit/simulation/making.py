"""Short ways to rehearsals, and how many devices they have."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from acpublish.fleet.deciding import FleetDecision
from acpublish.fleet.moments import Moment
from acpublish.release.manifest import Release
from acpublish.simulation.fleet_profile import Kind, Profile
from acpublish.simulation.in_process import InProcess
from acpublish.simulation.simulator import Simulation

#: ``make simulate`` sets it to 10,000.
DEVICES = int(os.environ.get("ACPUBLISH_TEST_SIMULATED", "400"))
#: A number of failures that no fleet reaches.
NEVER = "999999999"


def profile(*kinds: Kind, **fields: Any) -> Profile:
    return Profile(kinds=kinds or (Kind(),), **fields)


def simulation(
    of: Profile,
    *,
    devices: int = DEVICES,
    seed: int = 1,
    releases: tuple[Release, ...] | None = None,
    on_offer: Callable[[int, FleetDecision, Moment], None] | None = None,
    on_tick: Callable[[InProcess, Moment], None] | None = None,
    **policy: str,
) -> Simulation:
    """Returns a rehearsal of a profile with a policy."""
    return Simulation(
        of,
        of.policy(**policy),
        devices=devices,
        seed=seed,
        releases=releases,
        on_offer=on_offer,
        on_tick=on_tick,
    )


def row(what: str, *cells: object) -> None:
    """Prints a row of the table of ``make simulate``."""
    print(f"{what:<44}", *(f"{cell!s:>12}" for cell in cells))
