"""Each request is told, and no secret with it."""

from __future__ import annotations

import re

from acpublish.client.address import parse_address
from acpublish.client.tracing import listen
from acpublish.client.transport import Transport
from tests.unit.client.asking import QUICK, body_of, transport
from tests.unit.client.scripted import head, json_answer, scripted


def test_requests_and_waits_are_told_in_order() -> None:
    lines: list[str] = []
    end = listen(lines.append)
    busy = [head("503 Busy", Retry_After=0)]
    with scripted([], [head("500 Oops")], busy, json_answer("1")) as server:
        url = server.url
        transport(url).exchange("PUT", "/x?kind=firmware", body_of, body=b"123")
        end()
        transport(url).exchange("GET", "/x", body_of)
    shown = [re.sub(r"in [\d.]+ (m?s)", r"in N \1", line) for line in lines]
    put = f"PUT {url}/x?kind=firmware"
    why = f"{url} cannot be reached: the connection broke"
    assert shown == [
        f"again in N s (attempt 2 of 4): {why}",
        f"{put}: 500 in N ms",
        f"again in N s (attempt 3 of 4): {url} responded with 500 to it",
        f"{put}: 503 in N ms",
        f"again in N s, as Retry-After asks (attempt 4 of 4): {url} responded with 503 to it",
        f"{put}: 200 in N ms",
    ]


def test_no_secret_is_told() -> None:
    lines: list[str] = []
    end = listen(lines.append)
    says = head("302 Found", Location="https://me:hidden-password@other/?t=hidden-token")
    error = json_answer('{"error": "hidden-token, Bearer abcdef"}', "500 Oops")
    with scripted(error, [says]) as server:
        for token, user in (("hidden-token", ""), (None, "me:hidden-password@")):
            url = server.url.replace("//", f"//{user}")
            address = parse_address(url, token=token, insecure_http=False)
            server_of = Transport(address, patience=QUICK)
            server_of.exchange("GET", "/hidden-token\x1b", lambda answer: answer.status)
            server_of.exchange("GET", "/x", lambda answer: answer.status)
    end()
    assert len(lines) == 4
    assert "hidden-password" not in "".join(lines)
    assert "hidden-token" not in "".join(lines[:2])
    assert "\x1b" not in "".join(lines)
