"""Where an MQTT broker is, from a URL: ``mqtt://USER:PASSWORD@HOST:1883/PREFIX``.

No error shows any of the URL, because a URL that cannot be read may have its password anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from acpublish.errors import SettingsError
from acpublish.wire import authority_of

DEFAULT_PREFIX = "acpublish"
_PORTS = {"mqtt": 1883, "mqtts": 8883}
#: No wildcard, no empty level, and not the broker's own ``$SYS`` (MQTT 3.1.1, section 4.7).
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\Z")
_MAX_PREFIX = 64
_FORM = "Write it as mqtt://USER:PASSWORD@HOST:1883/PREFIX; only the host is required."


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttAddress:
    """A broker, and what to tell it.

    Attributes:
        host: Its name or address.
        port: Its port.
        secure: Whether to use TLS.
        username: Who signs in; None for nobody.
        password: The password.
        prefix: How the topics begin.
    """

    host: str
    port: int
    secure: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    prefix: str = DEFAULT_PREFIX

    def __str__(self) -> str:
        """What a log may show."""
        return f"{'mqtts' if self.secure else 'mqtt'}://{authority_of(self.host, self.port)}"

    @classmethod
    def parse(cls, text: str) -> MqttAddress:
        """Reads a URL.

        Raises:
            SettingsError: It is not the URL of a broker.
        """
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
            # A name that no resolver takes would end paho's thread.
            (host or "").encode("idna")
        except ValueError as error:
            raise SettingsError("the URL of the broker is not valid", hint=_FORM) from error
        if parts.scheme not in _PORTS:
            raise SettingsError("the URL of the broker does not begin with mqtt://", hint=_FORM)
        if not host or any(not "!" <= letter <= "~" for letter in host):
            raise SettingsError("the URL of the broker has no host", hint=_FORM)
        if "?" in text or "#" in text:
            raise SettingsError("the URL of the broker has a ? or a #", hint=f"{_FORM} {_ENCODE}")
        prefix = parts.path.strip("/") or DEFAULT_PREFIX
        if len(prefix) > _MAX_PREFIX or not _PREFIX.match(prefix):
            raise SettingsError(
                "the prefix in the URL of the broker is not valid",
                hint="Use letters, digits, dots, dashes and underscores, with / between levels.",
            )
        if parts.password and not parts.username:
            raise SettingsError("the URL of the broker has a password, but no user", hint=_FORM)
        return cls(
            host=host,
            port=port or _PORTS[parts.scheme],
            secure=parts.scheme == "mqtts",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            prefix=prefix,
        )


_ENCODE = "In a password, write ? as %3F, # as %23, / as %2F and @ as %40."
