"""What each channel has for each board and kind of image, as people see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acpublish.release.channel_document import (
    place_from_fields,
    place_to_dict,
    pointer_from_fields,
    pointer_to_dict,
    rolling_from_fields,
    rolling_to_dict,
)
from acpublish.release.channels import Channels, Place, Pointer, Rolling
from acpublish.release.documents import Fields

#: More steps back than anyone looks at; a channel for development gets thousands of releases.
_MAX_BEFORE = 50
_FIX = "Use the version of acpublish that the server has."


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelRow:
    """What a channel points at for a board and a kind of image.

    Attributes:
        channel: The channel.
        place: The board and the kind.
        current: What it points at, None for nothing.
        before: What it pointed at before, the newest first; also what was taken back.
        rolling: What is on its way there, None for nothing.
    """

    channel: str
    place: Place
    current: Pointer | None
    before: tuple[Pointer, ...]
    rolling: Rolling | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "channel": self.channel,
            **place_to_dict(self.place),
            "current": None if self.current is None else pointer_to_dict(self.current),
            "before": [pointer_to_dict(pointer) for pointer in self.before],
            "rolling": None if self.rolling is None else rolling_to_dict(self.rolling),
        }

    @classmethod
    def from_fields(cls, fields: Fields) -> ChannelRow:
        """Reads it.

        Raises:
            ManifestError: A field is missing or invalid.
        """
        current, rolling = fields.get("current", dict, None), fields.get("rolling", dict, None)
        path = fields.path
        return cls(
            channel=fields.get("channel", str),
            place=place_from_fields(fields),
            current=current and pointer_from_fields(Fields(current, f"{path}.current", _FIX)),
            before=tuple(map(pointer_from_fields, fields.objects("before"))),
            rolling=rolling and rolling_from_fields(Fields(rolling, f"{path}.rolling", _FIX)),
        )


def rows_of(channels: Channels) -> tuple[ChannelRow, ...]:
    """Returns what each channel points at for each board and kind, sorted."""
    rows = []
    for channel in channels.names:
        for place in channels.places(channel):
            current = channels.current(channel, place)
            pointers = reversed(channels.pointers.get(channel, {}).get(place, ()))
            before = tuple(pointer for pointer in pointers if pointer is not current)[:_MAX_BEFORE]
            rows.append(
                ChannelRow(
                    channel=channel,
                    place=place,
                    current=current,
                    before=before,
                    rolling=channels.rolling_at(channel, place),
                )
            )
    return tuple(rows)
