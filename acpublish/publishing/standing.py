"""What a product stands at: channels, newest releases, what devices run, what needs attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any

from acpublish.errors import AuthenticationError
from acpublish.publishing.destinations import open_catalog, open_changes, running_devices
from acpublish.publishing.options import Destination
from acpublish.release.adoption import Adoption
from acpublish.release.channel_rows import ChannelRow
from acpublish.release.channels import Author, Change, Move, Place, Pointer
from acpublish.release.manifest import Release
from acpublish.release.version import Version

#: Changes that move nothing, and of which the channel has to be shown.
_OF_CHANNEL = frozenset({"policy", "halt", "abort", "pause", "resume", "advance"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a product stands at.

    Attributes:
        product: The product.
        rows: What its channels point at.
        releases: Its releases.
        running: What devices run; None if that is only for those with a token, and there is none.
    """

    product: str
    rows: tuple[ChannelRow, ...]
    releases: tuple[Release, ...]
    running: tuple[Adoption, ...] | None

    @property
    def newest(self) -> tuple[Release, ...]:
        """The releases that are offered to somebody, the highest version first."""
        offered = [
            release
            for release in self.releases
            if any(
                (image.channels or image.rolling) and not image.withdrawn
                for image in release.images
            )
        ]
        return tuple(sorted(offered, key=lambda release: release.version.precedence, reverse=True))

    @property
    def attention(self) -> tuple[str, ...]:
        """What a person should look at, one sentence each."""
        return (
            *_empty_channels(self.rows),
            *_halted(self.rows),
            *_withdrawn_but_running(self.releases, self.running or ()),
            *_never_updated(self.running or ()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "product": self.product,
            "channels": [row.to_dict() for row in self.rows],
            "newest": [
                {
                    "version": str(release.version),
                    "boards": sorted({image.board for image in release.images}),
                }
                for release in self.newest
            ],
            "devices": None
            if self.running is None
            else [group.to_dict() for group in self.running],
            "attention": list(self.attention),
        }


def standing_of(
    destination: Destination, product: str, fleet: Mapping[str, Any] | None = None
) -> Standing:
    """Returns what a product stands at.

    Args:
        destination: A directory or a server.
        product: The product.
        fleet: What the devices of all products run, as
            :meth:`acpublish.control.fleet_access.Fleet.status` counts them; a server tells it.

    Raises:
        NotFoundError: There is no such product.
        AcpublishError: The directory or the server cannot be read.
    """
    rows = open_changes(destination).rows(product)
    # Only what devices run may need the token.
    releases = open_catalog(replace(destination, token=None)).releases(product)
    running: tuple[Adoption, ...] | None
    try:
        running = running_devices(destination, product)
    except AuthenticationError:
        running = None
    if fleet is not None:
        running = _adoptions(fleet, product, releases)
    return Standing(product=product, rows=rows, releases=releases, running=running)


def _adoptions(
    fleet: Mapping[str, Any], product: str, releases: Iterable[Release]
) -> tuple[Adoption, ...]:
    """Returns what the devices of a product run, the most frequent first."""
    highest = max((release.version.precedence for release in releases), default=None)
    counts: Counter[tuple[str, str | None, bool]] = Counter()
    for group in fleet["devices"]:
        if group["product"] == product:
            claim = None if group["version"] else Version.or_none(group["claims"])
            too_high = bool(claim and highest and claim.precedence > highest)
            counts[group["board"], group["version"], too_high] += group["count"]
    return tuple(
        Adoption(board=board, version=version, count=count, never_updated=too_high)
        for (board, version, too_high), count in counts.most_common()
    )


def move_text(move: Move) -> str:
    """Returns a phrase for a person on what a change did to a channel."""
    before, after = move.before or "nothing", move.after or "nothing"
    # A rollback after a withdrawal, which has moved the channel, only orders devices back.
    moved = f"stays at {after}" if before == after else f"{before} -> {after}"
    return f"{move.channel} {move.place}: {moved}"


def ordered_text(place: Place, versions: Iterable[Version]) -> str:
    """Returns a phrase for a person on whose devices a change orders back."""
    return f"devices of {place} that run {', '.join(map(str, versions))} are ordered back"


def change_text(change: Change, policy: str = "") -> str:
    """Returns a phrase for a person on what a change did, besides its action and its release.

    Args:
        change: The change.
        policy: The policy that it set, as a person reads it.
    """
    what = [*map(move_text, change.moves), *starmap(ordered_text, change.ordered_back.items())]
    if change.rolling:
        what.append(f"{change.channel} {', '.join(map(str, change.rolling))}: in stages")
    elif change.policy is not None:
        what.append(f"{change.channel}{f': {policy}' if policy else ' cleared'}")
    elif change.channel and change.action in _OF_CHANNEL:
        what.append(change.channel)
    return ", ".join(what)


def row_lines(rows: Iterable[ChannelRow]) -> list[tuple[str, ...]]:
    """Returns a line of cells for each row: channel, board, what it points at, and before.

    What is on its way there has a line of its own below it.
    """
    return [line for row in rows for line in _lines_of(row)]


def _lines_of(row: ChannelRow) -> Iterator[tuple[str, ...]]:
    where, current, rolling = (row.channel, str(row.place)), row.current, row.rolling
    if current is None:
        yield *where, "nothing", "", "", _before(row)
    else:
        yield *where, str(current.version), current.author.at, _by(current.author), _before(row)
    if rolling is not None:
        state = f"halted: {rolling.halted}" if rolling.halted else "on its way, in stages"
        author = rolling.author
        yield *where, str(rolling.version), author.at, _by(author), state


def _by(author: Author) -> str:
    return ": ".join(filter(None, (author.by and f"by {author.by}", author.why)))


def _before(row: ChannelRow) -> str:
    ordered = row.current.ordered_back if row.current else ()
    shown = [f"{pointer.version}{_since(pointer, ordered)}" for pointer in row.before[:3]]
    return f"before: {', '.join(shown)}" if shown else ""


def _since(pointer: Pointer, ordered: Collection[Version]) -> str:
    """Returns what has become of a release that a channel pointed at before."""
    if not pointer.taken_back:
        return ""
    back = ", devices ordered back" if pointer.version in ordered else ""
    return f" ({'rollout ended' if pointer.rolled else 'taken back'}{back})"


def _empty_channels(rows: Iterable[ChannelRow]) -> list[str]:
    return [
        f"{row.channel} points at nothing for {row.place}"
        for row in rows
        if row.current is None and row.rolling is None
    ]


def _halted(rows: Iterable[ChannelRow]) -> list[str]:
    halted = {(row.rolling.version, row.channel): row.rolling.halted for row in rows if row.rolling}
    return [
        f"the rollout of {version} to {channel} is halted: {reason}"
        for (version, channel), reason in halted.items()
        if reason
    ]


def _withdrawn_but_running(releases: Sequence[Release], running: Iterable[Adoption]) -> list[str]:
    withdrawn: dict[tuple[str | None, str], str] = {
        (str(release.version), image.board): image.withdrawn
        for release in releases
        for image in release.images
        if image.withdrawn and image.kind == "firmware"
    }
    return [
        f"{group.count} {group.board} {'runs' if group.count == 1 else 'run'} {group.version}, "
        f"which was {withdrawn[group.version, group.board]}"
        for group in running
        if (group.version, group.board) in withdrawn
    ]


def _never_updated(running: Iterable[Adoption]) -> list[str]:
    return [
        f"{group.count} {group.board or 'of an unknown board'} will never be updated: they report "
        "a version higher than every release"
        for group in running
        if group.never_updated
    ]
