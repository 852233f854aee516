"""What an image is published as: product, version, board, channel, kind and chip, in one value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from acpublish.errors import SettingsError
from acpublish.release.names import BoardName, ChannelName, ImageKind, ProductName
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """What an image is published as, as far as that is known; None means not known.

    Attributes:
        product: The product that it belongs to.
        version: Its version.
        board: The board that it is built for.
        channel: The channel to publish it to.
        kind: Firmware or a filesystem.
        chip: The chip that the board is known to have, as esptool spells it.
    """

    product: ProductName | None = None
    version: Version | None = None
    board: BoardName | None = None
    channel: ChannelName | None = None
    kind: ImageKind = "firmware"
    chip: str | None = None

    def as_arguments(self) -> dict[str, Any]:
        """Returns the six as keyword arguments, for another value that has them."""
        return {field.name: getattr(self, field.name) for field in fields(Coordinates)}

    def complete(
        self, *, version: Version | None = None, channel: ChannelName | None = None
    ) -> dict[str, Any]:
        """Returns them as keyword arguments, with nothing missing that a release needs.

        Args:
            version: The version to use; None for the one that is known.
            channel: The channel to use; None for the one that is known.

        Raises:
            SettingsError: One of them is not known; the message names each.
        """
        known = self.as_arguments()
        known |= {"version": version or self.version, "channel": channel or self.channel}
        missing = [name for name, value in known.items() if value is None and name != "chip"]
        if missing:
            raise SettingsError(
                f"the release has no {' and no '.join(missing)}",
                hint=f"Set {' and '.join(missing)}.",
            )
        return known
