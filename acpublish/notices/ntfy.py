"""Messages for ntfy: what an event says to a person, as ntfy's JSON has it.

ntfy takes a JSON document at the root of its server, with the topic in it
(https://docs.ntfy.sh/publish/, "Publish as JSON"). Emoji short codes among the tags are shown
before the title, and a priority is 1 to 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from acpublish.fleet import fleet_events
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.release.text import cleaned

#: The names that ntfy allows for a topic (``topicRegex`` in ``server/server.go``).
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
#: ntfy makes an attachment of a message of more than 4,096 bytes; a character has up to four.
_MAX_TITLE = 120
_MAX_MESSAGE = 900
_MAX_LINES = 8
_DEFAULT, _HIGH, _URGENT = 3, 4, 5


class _Look(NamedTuple):
    """How the messages of a kind look: title, title of several, priority and tag."""

    title: str
    titles: str
    priority: int
    tag: str


_LOOKS: Mapping[str, _Look] = {
    fleet_events.PUBLISHED: _Look(
        "{product} {version} published", "{count} releases published", _DEFAULT, "package"
    ),
    fleet_events.WITHDRAWN: _Look(
        "{product} {version} withdrawn", "{count} releases withdrawn", _HIGH, "wastebasket"
    ),
    fleet_events.ROLLED_BACK: _Look(
        "{product}: {channel} rolled back", "{count} channels rolled back", _HIGH, "rewind"
    ),
    fleet_events.STAGE: _Look(
        "{product} {version}: stage {stage} of {stages}", "{count} stages", _DEFAULT, "footprints"
    ),
    fleet_events.HALTED: _Look(
        "{product} {version}: rollout halted", "{count} rollouts halted", _URGENT, "rotating_light"
    ),
    fleet_events.COMPLETED: _Look(
        "{product} {version}: rollout complete", "{count} rollouts complete", _DEFAULT, "tada"
    ),
    fleet_events.FLAGGED: _Look(
        "{shown} needs attention", "{count} devices need attention", _HIGH, "warning"
    ),
    fleet_events.NEW_DEVICE: _Look(
        "New device: {device}", "{count} new devices", _DEFAULT, "electric_plug"
    ),
    fleet_events.UPDATED: _Look(
        "{device} runs {version}", "{count} devices updated", _DEFAULT, "white_check_mark"
    ),
}
_OTHER = _Look("acpublish", "{count} messages from acpublish", _DEFAULT, "test_tube")


def topic_of(url: str) -> str:
    """Returns the topic in a URL such as ``https://ntfy.sh/TOPIC``; empty if there is none."""
    topic = urlsplit(url).path.strip("/")
    return topic if _TOPIC.fullmatch(topic) else ""


def root_of(url: str) -> str:
    """Returns where the JSON is sent for such a URL."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/", "", ""))


def message(events: Sequence[FleetEvent], topic: str, page: str = "") -> bytes:
    """Returns a message about events of one kind.

    Args:
        events: One event or several.
        topic: Where it is published.
        page: The URL that a tap on it opens; empty for none.
    """
    first = events[0]
    look = _LOOKS.get(first.kind, _OTHER)
    if len(events) == 1:
        title, text = look.title.format_map(_Words(first)), sentence_of(first)
    else:
        title = look.titles.format(count=len(events))
        lines = [look.title.format_map(_Words(event)) for event in events[:_MAX_LINES]]
        more = len(events) - len(lines)
        text = "\n".join(
            [*(_short(line, 100) for line in lines), *([f"and {more} more"] * (more > 0))]
        )
    document: dict[str, Any] = {
        "topic": topic,
        "title": _short(title, _MAX_TITLE),
        "message": _short(text, _MAX_MESSAGE),
        "priority": look.priority,
        "tags": [look.tag],
    }
    if page:
        document["click"] = page
    # Escaped, some texts would be more than the twice as long document that ntfy reads.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def sentence_of(event: FleetEvent) -> str:
    """Returns what an event says beside its title."""
    words = _Words(event)
    if event.kind == fleet_events.PUBLISHED:
        return "To {channel}, for {boards}.".format_map(words)
    if event.kind == fleet_events.STAGE:
        return "The rollout to {channel} goes on.".format_map(words)
    if event.kind == fleet_events.NEW_DEVICE:
        return "It requests {product} for {board}.".format_map(words)
    if event.kind == fleet_events.UPDATED:
        return "Before, it ran {before}.".format_map(words)
    return words["reason"] or "There is no reason on record."


class _Words(dict[str, str]):
    """The data of an event as text on one line; what it lacks is empty."""

    def __init__(self, event: FleetEvent) -> None:
        super().__init__({key: _text(value) for key, value in event.data.items()})
        self["product"] = _text(event.product)
        self["shown"] = self["name"] or self["device"]
        self["before"] = self["before"] or "an unknown release"

    def __missing__(self, key: str) -> str:
        return ""


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    # A line break would let a device's name look like a message of its own.
    return "" if value is None else cleaned(str(value))


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
