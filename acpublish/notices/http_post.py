"""One POST to a receiver of webhooks, which nobody has to trust.

1. All of it has one deadline, from the name of the host to the head of the response, so a receiver
   that hangs or dribbles is as late as one that is away.
2. Redirects are not followed, and of the response no more than the head counts.
3. TLS is verified, with the CAs of the system and those that requests trusts.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import math
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from acpublish.client.tls_faults import tls_fault
from acpublish.errors import AcpublishError, UnreachableError, VerificationError, reason_of
from acpublish.wire import authority_of

#: "A recommended request timeout value for webhooks is somewhere between 15 and 30s."
TIMEOUT_S = 15.0
_CONNECT_S = 5.0
_MAX_ADDRESSES = 4
_MAX_HEAD_BYTES = 32 * 1024
#: A receiver that sends a short body should not see its connection break.
_BODY_BYTES, _BODY_S = 16 * 1024, 1.0
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r)")
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*([^\r\n]{1,40}?)[ \t]*\r\n", re.IGNORECASE)
_MAX_RETRY_AFTER_S = 999_999
_AGENT = "acpublish"
_HINT = "Check the URL, and that the receiver runs."


class PostAnswer(NamedTuple):
    """What a receiver answers.

    Attributes:
        status: The HTTP status.
        retry_after_s: When to come back, as it says; 0 if it says nothing.
    """

    status: int
    retry_after_s: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the delivery was successful."""
        return 200 <= self.status <= 299


async def post(
    url: str, headers: Mapping[str, str], body: bytes, *, timeout_s: float = TIMEOUT_S
) -> PostAnswer:
    """Sends a request, and returns how it was answered.

    Args:
        url: Where to, http or https, without credentials.
        headers: The headers, without those of the connection.
        body: The body.
        timeout_s: How long all of it may take.

    Raises:
        UnreachableError: There was no answer.
        VerificationError: The certificate of the receiver is not valid.
    """
    parts = urlsplit(url)
    try:
        return await asyncio.wait_for(_exchange(parts, headers, body), timeout_s)
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise _unreachable(f"no answer within {timeout_s:g} s") from error
    except ssl.SSLError as error:
        raise _no_tls(error, parts) from error
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "the answer is not valid HTTP"
        raise _unreachable(why) from error


def _unreachable(why: str) -> UnreachableError:
    return UnreachableError(f"the receiver cannot be reached: {why}", hint=_HINT)


def _no_tls(error: ssl.SSLError, parts: SplitResult) -> AcpublishError:
    fault = tls_fault(error, authority_of(parts.hostname or "", parts.port))
    if not fault.untrusted:
        return _unreachable(fault.reason)
    return VerificationError(
        f"the receiver cannot be trusted: {fault.reason}",
        hint="Use a certificate of a CA that this machine trusts, with the host's name.",
    )


async def _exchange(parts: SplitResult, headers: Mapping[str, str], body: bytes) -> PostAnswer:
    host = (parts.hostname or "").encode("idna").decode("ascii")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    reader, writer = await _connected(host, port, secure=secure)
    try:
        writer.write(_head(parts, host, headers, len(body)) + body)
        await writer.drain()
        answer = await _answer(reader)
        with contextlib.suppress(OSError, asyncio.TimeoutError, TimeoutError):
            await asyncio.wait_for(reader.read(_BODY_BYTES), _BODY_S)
        return answer
    finally:
        # Nobody waits for the end of a body that never ends, or for a farewell of TLS.
        writer.transport.abort()


def _head(parts: SplitResult, host: str, headers: Mapping[str, str], length: int) -> bytes:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    lines = {
        "host": authority_of(host, parts.port),
        "user-agent": _AGENT,
        "accept": "*/*",
        "connection": "close",
        "content-length": str(length),
        **headers,
    }
    head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return f"POST {path}{query} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


async def _answer(reader: asyncio.StreamReader) -> PostAnswer:
    """Returns the answer; those before it (1xx) are passed over."""
    left = _MAX_HEAD_BYTES
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        left -= len(head)
        match = _STATUS.match(head)
        if match is None or left < 0:
            raise OSError("the answer is not valid HTTP")
        status = int(match[1])
        if status >= 200:
            later = _RETRY_AFTER.search(head)
            return PostAnswer(status, _seconds(later[1].decode("latin-1")) if later else 0)


def _seconds(retry_after: str) -> int:
    """Returns how long to wait by a header (RFC 9110, section 10.2.3); 0 if it is not valid."""
    seconds = 0.0
    if retry_after.isascii() and retry_after.isdigit():
        seconds = int(retry_after)
    else:
        with contextlib.suppress(ValueError, OverflowError):
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
    return max(0, min(math.ceil(seconds), _MAX_RETRY_AFTER_S))


async def _connected(
    host: str, port: int, *, secure: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects to the first address of a host that accepts it."""
    tls: dict[str, Any] = {"ssl": _context(), "server_hostname": host} if secure else {}
    fault: OSError = OSError("the host has no address")
    for address in await _addresses(host, port):
        try:
            opening = asyncio.open_connection(address, port, limit=_MAX_HEAD_BYTES, **tls)
            return await asyncio.wait_for(opening, _CONNECT_S)
        except (asyncio.TimeoutError, TimeoutError):
            fault = OSError("no connection in time")
        except ConnectionError as error:
            # asyncio's own text has the address, which a proxy or a name may hide on purpose.
            fault = OSError(os.strerror(error.errno or errno.ECONNABORTED))
        except OSError as error:
            fault = error
    raise fault


async def _addresses(host: str, port: int) -> list[str]:
    """Returns the addresses of a host; looked up in a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    looked_up: asyncio.Future[list[str]] = loop.create_future()

    def set_result(addresses: list[str] | None, error: OSError | None) -> None:
        if looked_up.done():
            return
        if error is not None:
            looked_up.set_exception(error)
        else:
            looked_up.set_result(addresses or [])

    def look_up() -> None:
        result: tuple[list[str] | None, OSError | None]
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result = list(dict.fromkeys(str(info[4][0]) for info in infos)), None
        except OSError as error:
            result = None, error
        # The loop may have ended by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(set_result, *result)

    threading.Thread(target=look_up, name="webhook-host", daemon=True).start()
    return (await looked_up)[:_MAX_ADDRESSES]


@functools.lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError, OSError):
        import certifi

        context.load_verify_locations(certifi.where())
    return context
