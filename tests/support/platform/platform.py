"""The offline development platform's class; PlatformIO finds it by the name in platform.json."""

from __future__ import annotations

from typing import Any

from platformio.public import PlatformBase


class AcptestPlatform(PlatformBase):  # type: ignore[misc,unused-ignore]
    """Adds to the boards what the espressif platforms add to theirs: the upload protocols."""

    def get_boards(self, id_: str | None = None) -> Any:
        """Returns the board called ``id_``, or all boards by their names."""
        result = super().get_boards(id_)
        for board in [result] if id_ else result.values():
            upload = board.manifest["upload"]
            upload.setdefault("protocols", ["esptool", "espota"])
            upload.setdefault("protocol", "esptool")
        return result
