"""Changes of what is on its way to channels: policies, and what becomes of a rollout.

What a server decides about a rollout concerns the one that it made: a decision on one that has
ended meanwhile, or was started again, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from acpublish.errors import NotFoundError
from acpublish.release import changes, promoting
from acpublish.release.changes import MAX_WHY_CHARACTERS, Planned, Published, moved_from, recorded
from acpublish.release.channels import Author, Channels, Policy
from acpublish.release.manifest import Release
from acpublish.release.names import BoardName, ChannelName
from acpublish.release.rolling import ended, need_policy, settled
from acpublish.release.version import Version

#: What a person orders of a rollout that changes only the rollout: the history notes who, and why.
RolloutOrder = Literal["pause", "resume", "advance"]
RolloutAction = Literal["policy", "start", "settle", "halt", "abort"] | RolloutOrder
_ORDERS = frozenset(get_args(RolloutOrder))


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutChange:
    """A change of what is on its way to a channel; it has what a :class:`ChangeRequest` has.

    Attributes:
        action: What to do.
        channel: The channel.
        version: The release; None for a policy.
        boards: For ``start``, the boards that it is about; all of the release's if empty.
        policy: The policy to set, or to start with; None for ``policy`` takes it away.
        offers_from: For ``start``, the time before which nothing is offered, in seconds since 1970.
        rollout: The number of the change that started the rollout; None for whichever it is.
        why: The reason, shown to everyone; the rest of a long one is cut off.
        by: Who wants it, shown to everyone.
        apply: Whether to make the change; otherwise it is only planned.
        serial: The number of the last change that the caller knows; None for whatever it is.
    """

    action: RolloutAction
    channel: ChannelName
    version: Version | None = None
    boards: tuple[BoardName, ...] = ()
    policy: Policy | None = None
    offers_from: int | None = None
    rollout: int | None = None
    why: str = ""
    by: str = ""
    apply: bool = True
    serial: int | None = None

    @property
    def order_back(self) -> bool:
        """Whether devices are ordered back, which none of these changes does."""
        return False

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
            NotFoundError: There is no such release or board, or no policy to take away.
            ConflictError: What is published does not allow the change.
            SettingsError: The policy is too long, or a text is invalid.
        """
        who = changes.author(now, self.by, self.why[:MAX_WHY_CHARACTERS])
        if self.policy is not None:
            need_policy(self.policy)
        if self.action == "policy":
            return _policy(channels, self.channel, self.policy, who)
        published = Published(
            channels=channels, releases=releases, offered=offered, complete=complete
        )
        if self.version is None:
            raise NotFoundError(f"{self.action} needs a version", hint="Name the release.")
        if self.action == "start":
            return self._start(published, self.version, who)
        return self._become(published, self.version, who)

    def _start(self, published: Published, version: Version, who: Author) -> Planned:
        promoting.need_signed(published.releases, published.offered, version, self.boards)
        return promoting.promote(
            published,
            version,
            self.channel,
            self.boards,
            who,
            in_stages=self.policy or {},
            offers_from=self.offers_from,
        )

    def _become(self, published: Published, version: Version, who: Author) -> Planned:
        channels, channel = published.channels, self.channel
        entries = {
            place: entry
            for place, entry in channels.rolling.get(channel, {}).items()
            if entry.version == version and self.rollout in (None, entry.rollout)
        }
        halted = any(entry.halted for entry in entries.values())
        if not entries or (halted and self.action != "abort"):
            return Planned(channels=channels, change=None)
        moved = []
        if self.action == "settle":
            after = published.carried_out(settled(channels, channel, who), entries)
            moved = [
                moved_from(channel, place, channels.current(channel, place), version)
                for place in entries
            ]
        elif self.action == "halt":
            reason = who.why or "it was halted"
            after = channels.with_rolling(
                channel, {place: replace(entry, halted=reason) for place, entry in entries.items()}
            )
        elif self.action in _ORDERS:
            after = channels
        else:
            after = ended(channels, channel, entries)
        return recorded(channels, after, self.action, who, version, channel, entries, moved)


def _policy(channels: Channels, channel: str, policy: Policy | None, who: Author) -> Planned:
    """Sets the policy of a channel, or takes it away; what is on its way keeps its own."""
    if policy == channels.policies.get(channel):
        return Planned(channels=channels, change=None)
    others = {name: own for name, own in channels.policies.items() if name != channel}
    policies = others if policy is None else {**others, channel: policy}
    after = replace(channels, policies=policies)
    notes = []
    if policy is not None and channel not in channels.names:
        known = ", ".join(channels.names) or "none"
        notes.append(f"{channel} is a new channel; those so far are: {known}.")
    for version in {entry.version for entry in channels.rolling.get(channel, {}).values()}:
        notes.append(f"{version}, which is on its way to {channel}, keeps its own policy.")
    planned = recorded(channels, after, "policy", who, None, channel, (), (), policy=policy or {})
    return replace(planned, notes=tuple(notes))
