"""The file with the webhooks: who is told what, and how.

``webhooks.json`` in the state folder has secrets in the clear, because a sender needs them, so only
its owner may read it. Commands and the API change it; a running server follows within a second. How
deliveries go is in files of the server's own (:mod:`acpublish.notices.webhook_queue`).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from acpublish import atomic, ownership
from acpublish.catalog.state import ensure_private
from acpublish.errors import ConflictError, NotFoundError, SettingsError, reason_of
from acpublish.fleet.fleet_events import KINDS, UPDATED
from acpublish.notices.ntfy import topic_of
from acpublish.notices.standard_webhooks import new_secret
from acpublish.redact import redact, redact_broken, without_query

FILE = "webhooks.json"
FORMAT = 1
Format = Literal["standard", "ntfy"]
FORMATS: tuple[Format, ...] = ("standard", "ntfy")
#: What a webhook is told by default: all but each update of each device.
DEFAULT_EVENTS = tuple(kind for kind in KINDS if kind != UPDATED)
#: Each has a connection and a queue of its own.
MAX_WEBHOOKS = 20
_MAX_URL = 2_000
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


class WebhooksError(SettingsError):
    """What is stored of webhooks cannot be read or written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Someone who is told.

    Attributes:
        id: A short name that it gets by itself.
        url: Where to, with everything that is secret in it.
        format: What is sent.
        events: The kinds of events to tell.
        secret: What deliveries are signed with.
        token: What is sent as ``Authorization: Bearer``; empty for nothing.
        created: UTC, ISO 8601 with a final ``Z``.
        again: When somebody last asked to try again what could not be delivered, likewise; empty
            for never.
    """

    id: str
    url: str = field(repr=False)
    format: Format
    events: tuple[str, ...]
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    created: str = ""
    again: str = ""

    @property
    def host(self) -> str:
        """The host, which a log may name; a path may be a secret."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def shown(self) -> dict[str, Any]:
        """Returns what may be shown of it, as JSON types: no secret, and no password in its URL."""
        return {
            "id": self.id,
            "url": redact(without_query(self.url), (self.token,)),
            "format": self.format,
            "events": list(self.events),
            "created": self.created,
        }

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON types."""
        return {
            "id": self.id,
            "url": self.url,
            "format": self.format,
            "events": list(self.events),
            "secret": self.secret,
            "token": self.token,
            "created": self.created,
            "again": self.again,
        }


def new_webhook(
    url: str, *, format_: str = "standard", events: Iterable[str] = (), token: str = ""
) -> Webhook:
    """Returns a webhook with a new secret.

    Args:
        url: Where to.
        format_: What is sent; for ntfy, the last part of the URL is the topic.
        events: The kinds of events to tell; all but each update by default.
        token: What is sent as ``Authorization: Bearer``; empty for nothing.

    Raises:
        SettingsError: One of them is not valid.
    """
    _need_url(url)
    if format_ not in FORMATS:
        raise SettingsError(
            f"{format_!a} is not a format of webhooks", hint=f"Use {' or '.join(FORMATS)}."
        )
    if format_ == "ntfy" and not topic_of(url):
        raise SettingsError(
            "the URL has no topic of ntfy",
            hint="Use the URL of a topic, such as https://ntfy.sh/TOPIC: letters, digits, - and _.",
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingsError(
            "the token contains invalid characters", hint="Set it exactly as the receiver shows it."
        )
    return Webhook(
        id=secrets.token_hex(4),
        url=url,
        format=format_,
        events=_kinds(events) or DEFAULT_EVENTS,
        secret=new_secret(),
        token=token,
        created=_now(),
    )


def _kinds(events: Iterable[str]) -> tuple[str, ...]:
    wanted = set(events)
    if "all" in wanted:
        return KINDS
    unknown = sorted(wanted - set(KINDS))
    if unknown:
        raise SettingsError(
            f"{unknown[0][:80]!a} is not a kind of event", hint=f"Use {', '.join(KINDS)}, or all."
        )
    return tuple(kind for kind in KINDS if kind in wanted)


def _need_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        valid = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        valid = False
    plain = url.isprintable() and not any(character.isspace() for character in url)
    if not valid or not plain or len(url) > _MAX_URL or "#" in url or "\\" in url:
        shown = without_query(redact_broken(url[:200]))
        raise SettingsError(
            f"{shown!a} is not a URL that webhooks can be sent to",
            hint="Use a URL such as https://example.com/hook or http://192.168.1.10:8080/hook.",
        )


def without_credentials(url: str) -> str:
    """Returns a URL without ``user:password@``."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class WebhookFile:
    """The webhooks in a state folder: shows and changes them."""

    def __init__(self, state: Path) -> None:
        """Prepares to use a state folder, which is created with the first webhook.

        Args:
            state: The state folder.
        """
        self.state = state
        self.path = state / FILE

    def all(self) -> tuple[Webhook, ...]:
        """Returns every webhook.

        Raises:
            WebhooksError: The file cannot be read.
        """
        try:
            document: Any = json.loads(self.path.read_bytes())
            if document["format"] > FORMAT:
                raise WebhooksError(
                    f"the webhooks in {self.path} are of a newer format",
                    hint="Install the version of acpublish that wrote them.",
                )
            return tuple(_read(entry) for entry in document["webhooks"])
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._fault("read", error) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WebhooksError(
                f"the webhooks in {self.path} cannot be read: the file is damaged",
                hint="Restore it from a backup, or remove it and add the webhooks again.",
            ) from error

    def find(self, id_: str) -> Webhook:
        """Returns a webhook by its id.

        Raises:
            NotFoundError: There is none.
            WebhooksError: The file cannot be read.
        """
        return _found(self.all(), id_)

    def add(self, webhook: Webhook, *, before_commit: Callable[[], object] | None = None) -> None:
        """Adds a webhook.

        Args:
            webhook: The webhook.
            before_commit: Called with the lock, before anything is written; an error that it raises
                is passed on.

        Raises:
            ConflictError: There are too many.
            WebhooksError: The file cannot be read or written.
        """

        def add(webhooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
            if len(webhooks) >= MAX_WEBHOOKS:
                raise ConflictError(
                    f"there are {len(webhooks)} webhooks, and no more are possible",
                    hint="Remove one (acpublish webhook remove ID).",
                )
            return (*webhooks, webhook)

        self._change(add, before_commit)

    def remove(self, id_: str, *, before_commit: Callable[[], object] | None = None) -> Webhook:
        """Removes a webhook, with all that waits for it; as for :meth:`add`.

        Raises:
            NotFoundError: There is none with this id.
        """
        webhook = self.find(id_)
        self._change(
            lambda webhooks: tuple(each for each in webhooks if each.id != id_), before_commit
        )
        return webhook

    def try_again(self, id_: str, *, before_commit: Callable[[], object] | None = None) -> Webhook:
        """Has the server try again what could not be delivered; one that was disabled is enabled.

        Raises:
            NotFoundError: There is none with this id.
            WebhooksError: The file cannot be read or written.
        """
        again = replace(self.find(id_), again=_now())
        self._change(
            lambda webhooks: tuple(again if each.id == id_ else each for each in webhooks),
            before_commit,
        )
        return again

    def _change(
        self,
        change: Callable[[tuple[Webhook, ...]], tuple[Webhook, ...]],
        before_commit: Callable[[], object] | None,
    ) -> None:
        ensure_private(self.state)
        try:
            # Two commands at the same time must not lose each other's webhook.
            with atomic.exclusive(self.state):
                if before_commit is not None:
                    before_commit()
                webhooks = [webhook.to_dict() for webhook in change(self.all())]
                text = json.dumps({"format": FORMAT, "webhooks": webhooks}, indent=1)
                atomic.write(self.path, f"{text}\n".encode(), mode=0o600)
        except OSError as error:
            raise self._fault("written", error) from error

    def _fault(self, what: str, error: OSError) -> WebhooksError:
        hint = "Check the file system it is on, or use another state folder with --state."
        if isinstance(error, PermissionError):
            hint = ownership.permission_hint(self.path, self.state)
        return WebhooksError(
            f"the webhooks in {self.path} cannot be {what}: {reason_of(error)}", hint=hint
        )


def _found(webhooks: Iterable[Webhook], id_: str) -> Webhook:
    for webhook in webhooks:
        if webhook.id == id_:
            return webhook
    raise NotFoundError(
        f"there is no webhook {id_[:80]!a}", hint="List them with: acpublish webhook list"
    )


def _read(entry: Any) -> Webhook:
    format_ = str(entry["format"])
    if format_ not in FORMATS:
        raise ValueError("an unknown format")
    return Webhook(
        id=str(entry["id"]),
        url=str(entry["url"]),
        format=format_,
        events=tuple(str(kind) for kind in entry["events"]),
        secret=str(entry["secret"]),
        token=str(entry["token"]),
        created=str(entry["created"]),
        again=str(entry.get("again", "")),
    )


def _now() -> str:
    return datetime.now(timezone.utc).strftime(_TIME)
