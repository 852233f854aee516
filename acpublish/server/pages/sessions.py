"""Who is signed in: sessions in memory, each of which ends with its token.

1. The cookie has 256 random bits; the server keeps only their digest.
2. A session ends after 12 hours without a request, after 7 days in any case, when its token is
   revoked, replaced or expires, and with the server. One by a link also ends with the token that
   created the link.
3. The CSRF token of a form is an HMAC of the cookie, with a key that only this process has. So it
   needs no memory, not even for those who have not signed in yet.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from acpublish.release.grants import Grant
from acpublish.server.token_file import Token

IDLE_S = 12 * 3600.0
LASTS_S = 7 * 86400.0
#: The one that was not used for the longest time ends when there are more.
MAX_SESSIONS = 1000
#: The same for those of one token, so that whoever has one cannot end the sessions of others.
MAX_OF_TOKEN = 100
_RANDOM_BYTES = 32
#: The digits of a cookie's digest by which a session is ended.
_ID_DIGITS = 16
#: Notices that wait for the next page of a session.
_MAX_NOTICES = 5

#: Whoever has read a link on this machine may do what commands here may do. Its id is in the
#: history of what they change.
BY_LINK = Token(id="this machine", sha256="", created="", grant=Grant(manage=True, publish="*"))


def of_link(creator: Token | None) -> Token:
    """Returns what a link allows, under the name of the token that created it.

    Args:
        creator: The token; None for this machine.
    """
    return BY_LINK if creator is None else replace(BY_LINK, id=creator.id, name=creator.name)


@dataclass(frozen=True, slots=True)
class Notice:
    """A line that the next page of a session shows once.

    Attributes:
        kind: ``good``, ``warn`` or ``bad``.
        text: What it says.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Once:
    """A secret that was just made, which the next page shows, and nothing afterwards.

    Attributes:
        place: The path of the page that shows it.
        title: What it is.
        text: The secret.
        hint: What to do with it.
    """

    place: str
    title: str
    text: str = field(repr=False)
    hint: str = ""


class SignedIn(NamedTuple):
    """A session, as people see it.

    Attributes:
        session: The session.
        token: What it may do now.
        began_s: How long ago it began, in seconds.
        used_s: How long ago its last request was.
    """

    session: Session
    token: Token
    began_s: float
    used_s: float


@dataclass(slots=True, eq=False)
class Session:
    """Somebody who is signed in.

    Attributes:
        token: The token when they signed in; what it allows now is asked for each request.
        started: When they did, by the clock of the sessions.
        used: When they were here last.
        id: By which others can end it; it is of no use in a cookie.
        address: Where they signed in from.
        notices: What the next page shows.
        once: A secret that a page has to show.
        ended: Whether they have signed out, or have been away for too long.
        link_of: For a session by a link, the token that created the link; None for this machine.
    """

    token: Token
    started: float
    used: float
    id: str = ""
    address: str = ""
    notices: list[Notice] = field(default_factory=list)
    once: Once | None = None
    ended: bool = False
    link_of: Token | None = None

    @property
    def by_link(self) -> bool:
        """Whether they signed in by a link."""
        # All tokens that can be typed have a secret.
        return not self.token.sha256

    @property
    def is_of_machine(self) -> bool:
        """Whether that link was created on this machine, by whoever is there."""
        return self.by_link and self.link_of is None

    def note(self, kind: str, text: str) -> None:
        """Lets the next page show a line."""
        self.notices = [*self.notices, Notice(kind, text)][-_MAX_NOTICES:]

    def take_notices(self) -> list[Notice]:
        """Returns what the page has to show, and forgets it."""
        notices, self.notices = self.notices, []
        return notices

    def take_once(self, place: str) -> Once | None:
        """Returns the secret that a page has to show, and forgets it."""
        once = self.once
        if once is None or once.place != place:
            return None
        self.once = None
        return once


class Sessions:
    """All sessions of a server.

    Attributes:
        on_end: Called with each session that ends, in the event loop.
    """

    def __init__(
        self,
        current: Callable[[Token], Token | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts without any.

        Args:
            current: Returns a token as it is now, None if it is not valid any more.
            clock: Returns the time in seconds.
        """
        self.on_end: list[Callable[[Session], None]] = []
        self._current = current
        self._clock = clock
        self._key = secrets.token_bytes(_RANDOM_BYTES)
        #: By the digests of their cookies, the one that was used last at the end.
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        """Returns how many there are."""
        return len(self._sessions)

    def begin(self, token: Token, address: str = "", link_of: Token | None = None) -> str:
        """Begins a session; returns the value of its cookie.

        Args:
            token: The token.
            address: Where they sign in from.
            link_of: For a session by a link, the token that created the link, if any.
        """
        cookie, now = secrets.token_urlsafe(_RANDOM_BYTES), self._clock()
        own = [key for key, other in self._sessions.items() if other.token.id == token.id]
        for oldest in own[: max(0, len(own) - MAX_OF_TOKEN + 1)]:
            self._end(oldest)
        while len(self._sessions) >= MAX_SESSIONS:
            self._end(next(iter(self._sessions)))
        digest = _digest(cookie)
        self._sessions[digest] = Session(
            token, now, now, digest[:_ID_DIGITS], address, link_of=link_of
        )
        return cookie

    def find(self, cookie: str) -> tuple[Session, Token] | None:
        """Returns the session of a cookie and its token as it is now, None if it has ended.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        digest = _digest(cookie)
        session = self._sessions.get(digest)
        if session is None:
            return None
        now = self._clock()
        token = self._now(session, now)
        if token is None:
            self._end(digest)
            return None
        session.used = now
        self._sessions[digest] = self._sessions.pop(digest)
        return session, token

    def _now(self, session: Session, now: float) -> Token | None:
        """Returns the token of a session as it is now, None if the session is over."""
        if now - session.used >= IDLE_S or now - session.started >= LASTS_S:
            return None
        return self._current_of(session)

    def _current_of(self, session: Session) -> Token | None:
        creator = session.link_of
        if creator is not None and self._current(creator) is None:
            return None
        return session.token if session.by_link else self._current(session.token)

    def all(self) -> list[SignedIn]:
        """Returns all sessions, the one that was used last first; those that are over end here.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        now = self._clock()
        signed_in = []
        for digest, session in list(self._sessions.items()):
            token = self._now(session, now)
            if token is None:
                self._end(digest)
            else:
                signed_in.append(
                    SignedIn(session, token, now - session.started, now - session.used)
                )
        return signed_in[::-1]

    def end_of(self, session_id: str) -> Session | None:
        """Ends a session by its id; returns it, None if there is none."""
        for digest, session in list(self._sessions.items()):
            if session.id == session_id:
                self._end(digest)
                return session
        return None

    def still(self, session: Session) -> Token | None:
        """Returns the token of a session as it is now, None if the session has ended.

        It may be called from a thread.

        Raises:
            TokensError: The tokens file cannot be read.
        """
        return None if session.ended else self._current_of(session)

    def end(self, cookie: str) -> None:
        """Ends the session of a cookie."""
        self._end(_digest(cookie))

    def _end(self, digest: str) -> None:
        session = self._sessions.pop(digest, None)
        if session is not None:
            session.ended = True
            for ended in self.on_end:
                ended(session)

    def fresh(self) -> str:
        """Returns a cookie for who is not signed in; nothing is kept of it."""
        return secrets.token_urlsafe(_RANDOM_BYTES)

    def csrf(self, cookie: str) -> str:
        """Returns the CSRF token of the forms for who has a cookie."""
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    def is_csrf(self, cookie: str, sent: str) -> bool:
        """Returns whether a form was made for who has a cookie."""
        return bool(cookie) and hmac.compare_digest(self.csrf(cookie).encode(), sent.encode())


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
