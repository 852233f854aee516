"""What is known of a product: when earlier decisions on its devices no longer count."""

from __future__ import annotations

from acpublish.control.fleet_product import FleetProduct
from acpublish.fleet.known_device import Device
from acpublish.fleet.targets import Targets


def test_other_releases_let_nobody_rely_on_earlier_decisions() -> None:
    own, targets = FleetProduct("lamp"), Targets(())
    assert own.using(targets) is own
    before = own.generation
    own.steady["24:0a:c4:00:00:01"] = (Device("lamp/24:0a:c4:00:00:01", "lamp"), None, 0)
    own.using(targets)
    assert (own.generation, len(own.steady)) == (before, 1)
    own.using(Targets(()))
    assert (own.generation, len(own.steady)) == (before + 1, 0)
