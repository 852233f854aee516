"""What is known of the devices of one product, and what decisions on them depend on."""

from __future__ import annotations

from acpublish.fleet.advancing import Live
from acpublish.fleet.known_device import Device
from acpublish.fleet.targets import Targets
from acpublish.release.channels import Channels


class FleetProduct:
    """What is known of the devices of one product.

    Attributes:
        name: The product.
        devices: Its devices by id.
        lives: Its rollouts that count for decisions: open, halted, or ordering devices back.
        targets: What it can offer.
        followed: What its catalog said when its rollouts last followed that; None if they have not.
        generation: Another number after each change that decisions depend on.
        steady: By the MAC addresses that they send, the devices that get the same for the same
            request until the generation or their epoch changes: with what was remembered of the
            request, and their epoch.
    """

    __slots__ = ("devices", "followed", "generation", "lives", "name", "steady", "targets")

    def __init__(self, name: str) -> None:
        """Starts without devices."""
        self.name = name
        self.devices: dict[str, Device] = {}
        self.lives: tuple[Live, ...] = ()
        self.targets = Targets(())
        self.followed: Channels | None = None
        self.generation = 0
        self.steady: dict[str, tuple[Device, object, int]] = {}

    def changed(self) -> None:
        """Lets nobody rely on earlier decisions."""
        self.generation += 1
        self.steady.clear()

    def using(self, targets: Targets) -> FleetProduct:
        """Lets decisions go by what the product can offer."""
        if self.targets is not targets:
            self.targets = targets
            self.changed()
        return self
