"""Retries, timeouts and credentials.

Bodies are bounded in size and time.

The errors of requests become ours, with a reason in a few words.

What was sent is told block by block, and anew with each attempt.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from acpublish.client.address import parse_address
from acpublish.client.retry import Patience
from acpublish.client.transport import Outgoing, Transport
from acpublish.errors import (
    AcpublishError,
    RefusedError,
    SettingsError,
    UnreachableError,
    VerificationError,
)
from tests.unit.client.asking import QUICK, body_of, transport
from tests.unit.client.scripted import Script, head, json_answer, scripted


def test_importing_the_client_does_not_load_requests() -> None:
    code = (
        "import sys, acpublish.client, acpublish.client.remote; sys.exit('requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("status", ["429 Slow down", "500 Oops", "502 Bad", "503 Busy", "504 Late"])
def test_what_may_pass_is_tried_again(status: str) -> None:
    with scripted([head(status)], [head(status)], json_answer("1")) as server:
        assert transport(server.url).exchange("GET", "/x", body_of) == b"1"
        assert len(server.requests) == 3


def test_retries_end() -> None:
    with scripted([head("500 Oops")]) as server:
        with pytest.raises(RefusedError, match="responded with 500 to it"):
            transport(server.url).exchange("GET", "/x", body_of)
        assert len(server.requests) == QUICK.attempts


def test_retry_after_is_honoured() -> None:
    with scripted([head("503 Busy", Retry_After=1)], json_answer("1")) as server:
        begun = time.monotonic()
        assert transport(server.url).exchange("GET", "/x", body_of) == b"1"
        assert 1.0 <= time.monotonic() - begun < 3.0


def test_a_wait_beyond_all_patience_is_told_instead() -> None:
    with scripted([head("429 Slow down", Retry_After=3600)]) as server:
        with pytest.raises(UnreachableError, match="try again in 3600 s"):
            transport(server.url).exchange("GET", "/x", body_of)
        assert len(server.requests) == 1


def test_a_connection_that_breaks_is_tried_again() -> None:
    broken: Script = [head(Content_Length=5), b"1"]
    with scripted([], broken, json_answer("1")) as server:
        assert transport(server.url).exchange("GET", "/x", body_of) == b"1"


def test_a_body_is_sent_whole_again() -> None:
    body = bytes(range(256)) * 1000
    with scripted([head("500 Oops")], json_answer("1")) as server:
        transport(server.url).exchange("PUT", "/x", body_of, body=body)
        assert [request.partition(b"\r\n\r\n")[2] for request in server.requests] == [body, body]


def test_a_server_that_hangs_is_given_up() -> None:
    patience = Patience(first_wait_s=0.02, total_s=0.6)
    with scripted([5.0]) as server:
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="no response in time"):
            transport(server.url, timeout_s=0.2, patience=patience).exchange("GET", "/x", body_of)
        assert time.monotonic() - begun < 2.0


def test_a_server_that_dribbles_its_head_is_given_up() -> None:
    patience = Patience(first_wait_s=0.02, total_s=0.6)
    begins: Script = [b"HTTP/1.0 200 OK\r\n"]
    dribble: Script = [part for _ in range(100) for part in (0.05, b"X")]
    with scripted([*begins, *dribble]) as server:
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="no response in time"):
            transport(server.url, timeout_s=0.2, patience=patience).exchange("GET", "/x", body_of)
        assert time.monotonic() - begun < 2.0
        assert len(server.requests) > 1


def test_a_head_that_takes_long_within_its_time_is_an_answer() -> None:
    whole = head(Content_Length=1)
    slow: Script = [part for at in range(0, len(whole), 20) for part in (whole[at : at + 20], 0.02)]
    with scripted([*slow, b"1"]) as server:
        assert transport(server.url).exchange("GET", "/x", body_of) == b"1"


def test_the_usual_patience_ends_within_half_a_minute() -> None:
    usual = Patience()
    # The last attempt begins before total_s, and then has only what is left of it.
    assert usual.total_s <= 20.0


def test_credentials_are_sent_but_never_told() -> None:
    with scripted([head("401 No")]) as server:
        url = server.url.replace("http://", "http://me:s3cret@")
        with pytest.raises(AcpublishError) as caught:
            transport(url).exchange("GET", "/x", body_of)
        assert b"Authorization: Basic bWU6czNjcmV0\r\n" in server.requests[0]
    assert "s3cret" not in str(caught.value)


def test_a_netrc_does_not_replace_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with scripted(json_answer("1")) as server:
        address = parse_address(server.url, token="token-1234", insecure_http=False)
        Transport(address, patience=QUICK).exchange("GET", "/x", body_of)
        plain = parse_address(server.url, token=None, insecure_http=False)
        Transport(plain, patience=QUICK).exchange("GET", "/x", body_of)
        assert b"Authorization: Bearer token-1234\r\n" in server.requests[0]
        assert b"Authorization" not in server.requests[1]


def test_what_is_meant_for_this_machine_goes_to_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with scripted(json_answer("1")) as server:
        assert transport(server.url).exchange("GET", "/x", body_of) == b"1"


def test_a_timeout_must_be_above_zero() -> None:
    with pytest.raises(SettingsError, match="timeout"):
        transport("http://127.0.0.1:1", timeout_s=0)


def test_a_server_that_drips_is_given_up() -> None:
    drip: Script = [head(Content_Length=100)]
    for _ in range(40):
        drip += [0.05, b"x"]
    patience = Patience(first_wait_s=0.02, total_s=0.3)
    with scripted(drip) as server:
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="bytes per second"):
            transport(server.url, patience=patience).exchange("GET", "/x", body_of)
        assert time.monotonic() - begun < 2.0


def test_a_body_without_an_end_is_cut_off() -> None:
    with (
        scripted([head(), b"x" * 5000]) as server,
        pytest.raises(VerificationError, match="more than 1000 bytes"),
    ):
        transport(server.url).exchange("GET", "/x", body_of)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        transport(f"http://127.0.0.1:{port}").exchange("GET", "/x", body_of)
    assert str(caught.value) == (
        f"http://127.0.0.1:{port} cannot be reached: connection refused. "
        "Check the URL, the network, and that the server is running."
    )


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(UnreachableError, match="cannot be reached"):
        transport("http://no-such-host.invalid").exchange("GET", "/x", body_of)


def test_what_answers_is_no_http_server() -> None:
    with scripted([b"SSH-2.0-OpenSSH_9.9\r\n"]) as server, pytest.raises(UnreachableError):
        transport(server.url).exchange("GET", "/x", body_of)


def test_https_where_http_is_spoken() -> None:
    with scripted([head()]) as server:
        tls = transport(server.url.replace("http:", "https:"), timeout_s=0.3)
        with pytest.raises(UnreachableError) as caught:
            tls.exchange("GET", "/x", body_of)
    assert "Traceback" not in str(caught.value)


BODY = bytes(range(256)) * 1000


def test_a_block_counts_when_the_next_is_asked_for() -> None:
    told: list[tuple[int, int]] = []
    body = Outgoing(b"12345", lambda done, total: told.append((done, total)))
    assert [body.read(3), body.read(3), body.read(3)] == [b"123", b"45", b""]
    assert told == [(0, 5), (3, 5), (5, 5)]
    assert Outgoing(b"123").read() == b"123"


def test_each_attempt_is_told_from_the_start() -> None:
    told: list[int] = []
    with scripted([head("500 Oops")], json_answer("1")) as server:
        transport(server.url).exchange(
            "PUT", "/x", body_of, body=BODY, sent=lambda done, total: told.append(done)
        )
        assert server.requests[1].endswith(BODY)
    assert told.count(0) == 2
    second = told.index(0, 1)
    for attempt in (told[:second], told[second:]):
        assert attempt == sorted(attempt)
        assert attempt[-1] == len(BODY)
        assert len(attempt) > 3
