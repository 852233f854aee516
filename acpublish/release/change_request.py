"""A request to change what is offered, and the answer: the same for a directory and a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from acpublish.errors import (
    ConflictError,
    NotFoundError,
    RequestError,
    SettingsError,
)
from acpublish.release import changes, going_back, names, promoting, retention, withdrawing
from acpublish.release.changes import Planned, Published
from acpublish.release.channel_document import (
    change_from_fields,
    change_to_dict,
    ordered_from_fields,
    ordered_to_list,
)
from acpublish.release.channels import Author, Change, Channels, Place
from acpublish.release.documents import Fields
from acpublish.release.manifest import Release
from acpublish.release.names import IMAGE_KINDS, BoardName, ChannelName
from acpublish.release.version import Version

RequestedAction = Literal["promote", "rollback", "withdraw", "undo", "retain", "delete"]
_FIX = "Send what the reference of the HTTP API describes."
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """What is to be changed of a product.

    Attributes:
        action: What to do.
        version: The release that it is about; a rollback without one goes to the one before.
        channel: The channel to move; for ``retain``, the only one to clear.
        boards: The boards that it is about; all if empty.
        why: The reason, shown to everyone.
        by: Who wants it, shown to everyone.
        order_back: For ``withdraw``: whether devices are ordered back.
        keep: For ``retain``: how many releases to keep.
        older_than_s: For ``retain``: the least age, in seconds.
        apply: Whether to make the change; otherwise it is only planned.
        serial: The number of the last change that the caller knows; None for whatever it is.
    """

    action: RequestedAction
    version: Version | None = None
    channel: ChannelName | None = None
    boards: tuple[BoardName, ...] = ()
    why: str = ""
    by: str = ""
    order_back: bool = False
    keep: int = 0
    older_than_s: int = 90 * _DAY_S
    apply: bool = True
    serial: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "action": self.action,
            "version": None if self.version is None else str(self.version),
            "channel": self.channel,
            "boards": list(self.boards),
            "why": self.why,
            "by": self.by,
            "order_back": self.order_back,
            "keep": self.keep,
            "older_than_s": self.older_than_s,
            "apply": self.apply,
            "serial": self.serial,
        }

    @classmethod
    def from_dict(cls, document: Any) -> ChangeRequest:
        """Reads it.

        Raises:
            ManifestError: A field is invalid; the message has its path.
        """
        fields = Fields(document, "request", _FIX)
        version, channel = fields.get("version", str, None), fields.get("channel", str, None)
        request = cls(
            action=fields.one_of("action", get_args(RequestedAction)),
            version=None if version is None else fields.checked("version", Version.parse),
            channel=None if channel is None else fields.checked("channel", names.channel),
            boards=tuple(names.board(board) for board in fields.strings("boards")),
            why=fields.get("why", str, ""),
            by=fields.get("by", str, ""),
            order_back=fields.get("order_back", bool, False),
            keep=fields.get("keep", int, 0),
            older_than_s=fields.get("older_than_s", int, 90 * _DAY_S),
            apply=fields.get("apply", bool, True),
            serial=fields.get("serial", int, None),
        )
        fields.need_no_more()
        return request

    def need_reason(self, where: str) -> None:
        """Refuses a withdrawal or a deletion without a reason.

        Args:
            where: Where the caller gives it, for the hint.

        Raises:
            SettingsError: There is none.
        """
        if self.action in ("withdraw", "delete") and not self.why.strip():
            raise SettingsError(
                "no reason is given", hint=f"Say why, {where}; everyone can read it."
            )

    def author(self, now: datetime) -> Author:
        """Returns who wants it, when, and why.

        Raises:
            SettingsError: There has to be a reason and there is none, or a text is not valid.
        """
        self.need_reason("in the field why")
        return changes.author(now, self.by, self.why)

    def plan(
        self,
        channels: Channels,
        releases: Sequence[Release],
        offered: Sequence[Release],
        now: datetime,
        *,
        complete: bool = True,
    ) -> Planned:
        """Returns what the change will be.

        Args:
            channels: The document of the product.
            releases: Its releases, as the document has them.
            offered: Those of them that may be offered: signed, if the product trusts keys.
            now: The present, in UTC.
            complete: Whether these are all its releases, because every manifest can be read.

        Raises:
            NotFoundError: There is no such release, board or channel.
            ConflictError: What is published does not allow the change, or it changed meanwhile.
            RequestError: The request lacks a version or a channel, or has boards too many.
            SettingsError: The reason is missing, or a text or a number is invalid.
        """
        self._need_serial(channels)
        who = self.author(now)
        if not releases:
            raise NotFoundError("the product has no release", hint="Publish one first.")
        if self.action in ("retain", "delete") and self.boards:
            # A release whose secret leaked must not stay for the boards that were not named.
            raise RequestError(f"{self.action} takes no boards", hint=_FIX)
        published = Published(
            channels=channels, releases=releases, offered=offered, complete=complete
        )
        if self.action == "rollback":
            return going_back.rollback(published, self.version, self._channel(), self.boards, who)
        if self.action == "retain":
            return self._retention(channels, releases, who, now)
        version = self._version()
        if self.action == "withdraw":
            return withdrawing.withdraw(
                published, version, self.boards, who, order_back=self.order_back
            )
        if self.action == "delete":
            return withdrawing.delete(published, version, who)
        if self.action == "undo":
            return withdrawing.undo(channels, releases, version, self.boards, who)
        promoting.need_signed(releases, offered, version, self.boards)
        return promoting.promote(published, version, self._channel(), self.boards, who)

    def _need_serial(self, channels: Channels) -> None:
        if self.serial is not None and self.serial != channels.serial:
            last = channels.history[-1] if channels.history else None
            what = ""
            if last:
                version = f" {last.version}" if last.version else ""
                by = f" by {last.author.by}" if last.author.by else ""
                what = f": {last.action}{version}{by}"
            raise ConflictError(
                f"another change was made meanwhile{what}",
                hint="See 'acpublish history', and try again.",
            )

    def _retention(
        self, channels: Channels, releases: Sequence[Release], who: Author, now: datetime
    ) -> Planned:
        older_than = timedelta(seconds=min(self.older_than_s, 100_000 * _DAY_S))
        spare = retention.retirements(
            channels,
            releases,
            keep=self.keep,
            channel=self.channel,
            older_than=older_than,
            now=now,
        )
        planned = retention.retire(channels, spare, who)
        kept = (retention.kept_young(older_than),) if older_than else ()
        return replace(planned, notes=(*planned.notes, *kept))

    def _version(self) -> Version:
        if self.version is None:
            raise RequestError(f"{self.action} needs a version", hint=_FIX)
        return self.version

    def _channel(self) -> ChannelName:
        if self.channel is None:
            raise RequestError(f"{self.action} needs a channel", hint=_FIX)
        return self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What a request came to.

    Attributes:
        serial: The number of the last change of the product.
        change: What was changed, or would be; None if everything was so already.
        applied: Whether it was changed.
        notes: What a person should know, one sentence each.
        ordered_back: By place, the releases whose devices are ordered back.
        freed: By release and place, the bytes that are cleared away.
        devices: How many devices are known to run what is taken back; None if that is not known.
    """

    serial: int
    change: Change | None
    applied: bool
    notes: tuple[str, ...] = ()
    ordered_back: Mapping[Place, tuple[Version, ...]] = field(default_factory=dict)
    freed: Mapping[tuple[Version, Place], int] = field(default_factory=dict)
    devices: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "serial": self.serial,
            "change": None if self.change is None else change_to_dict(self.change),
            "applied": self.applied,
            "notes": list(self.notes),
            "ordered_back": ordered_to_list(self.ordered_back),
            "freed": [
                {"version": str(version), "board": place.board, "kind": place.kind, "bytes": size}
                for (version, place), size in self.freed.items()
            ],
            "devices": self.devices,
        }

    @classmethod
    def from_dict(cls, document: Any) -> Changed:
        """Reads it.

        Raises:
            ManifestError: It is something else.
        """
        fields = Fields(document, "answer", "Use the version of acpublish that the server has.")
        change = fields.get("change", dict, None)
        return cls(
            serial=fields.get("serial", int),
            change=None
            if change is None
            else change_from_fields(Fields(change, "answer.change", _FIX)),
            applied=fields.get("applied", bool),
            notes=fields.strings("notes"),
            ordered_back=ordered_from_fields(fields),
            freed={
                (item.checked("version", Version.parse), _place(item)): item.get("bytes", int)
                for item in fields.objects("freed")
            },
            devices=fields.get("devices", int, None),
        )


def _place(fields: Fields) -> Place:
    return Place(fields.checked("board", names.board), fields.one_of("kind", IMAGE_KINDS))
