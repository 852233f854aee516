"""One endpoint of ``/api/v1``: what routes it, and what the OpenAPI document says of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

API = "/api/v1"
#: Below it, names are what people choose.
_FLEET = "/fleet/"
_PARAMETER = re.compile(r"\{(\w+)\}")
Schema = Mapping[str, Any]
Call = Callable[[Request], Awaitable[Response]]


class EncodedRoute(Route):
    """A route whose parameters may contain anything, such as the slash in the id of a device."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """Compares the path as it was sent, and decodes the parameters afterwards."""
        raw = scope.get("raw_path")
        path = raw.decode("latin-1") if raw else scope["path"]
        match, child = super().matches({**scope, "path": path})
        if match is not Match.NONE:
            params = child["path_params"]
            child["path_params"] = {name: unquote(text) for name, text in params.items()}
        return match, child


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one address.

    Attributes:
        method: The HTTP method.
        path: The path below ``/api/v1``, with its parameters in braces.
        call: Answers a request; the first line of its description says what it does.
        scope: The scope that a token needs; empty if none is needed.
        body: The schema of the request's body, or ``bytes``; empty if there is none.
        answer: The schema of the response's body; ``bytes`` if it is not JSON.
        query: The parameters after ``?``, each with its schema.
        statuses: The statuses of success.
    """

    method: str
    path: str
    call: Call
    answer: str
    scope: str = ""
    body: str = ""
    query: Mapping[str, Schema] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)

    def route(self) -> Route:
        """Returns what routes requests to it."""
        kind = EncodedRoute if self.path.startswith(_FLEET) else Route
        return kind(API + self.path, self.call, methods=[self.method])

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (self.call.__doc__ or "").partition("\n")[0]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in the path."""
        return tuple(_PARAMETER.findall(self.path))
